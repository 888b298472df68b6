"""Guide calling: from guide counts, or from labels, to the one perturbation of each cell."""

from .callers import CALLERS, Caller
from .calls import CallOptions, CellGroups, Fallback, GuideCalls, GuideFits, Reason, spread_calls
from .histogram import CountHistogram, Misfit, count_edges, count_histogram, guide_histogram, guide_misfit
from .knockdown import KnockdownTask, fit_knockdowns
from .labelled import call_labels
from .maximum import call_maximum
from .mixture import call_mixture
from .targets import CONTROL, MULTIPLE, UNASSIGNED, CellTargets, resolve_targets

__all__ = [
    "CALLERS",
    "CONTROL",
    "MULTIPLE",
    "UNASSIGNED",
    "CallOptions",
    "Caller",
    "CellGroups",
    "CellTargets",
    "CountHistogram",
    "Fallback",
    "GuideCalls",
    "GuideFits",
    "KnockdownTask",
    "Misfit",
    "Reason",
    "call_labels",
    "call_maximum",
    "call_mixture",
    "count_edges",
    "count_histogram",
    "fit_knockdowns",
    "guide_histogram",
    "guide_misfit",
    "resolve_targets",
    "spread_calls",
]
