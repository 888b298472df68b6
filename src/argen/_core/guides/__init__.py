"""Guide calling: from guide counts, or from labels, to the one target of each cell."""

from .calls import CallOptions, GuideCalls, Reason, spread_calls
from .labelled import call_labels
from .maximum import call_maximum
from .methods import METHODS
from .targets import CONTROL, MULTIPLE, UNASSIGNED, CellTargets, resolve_targets

__all__ = [
    "CONTROL",
    "METHODS",
    "MULTIPLE",
    "UNASSIGNED",
    "CallOptions",
    "CellTargets",
    "GuideCalls",
    "Reason",
    "call_labels",
    "call_maximum",
    "resolve_targets",
    "spread_calls",
]
