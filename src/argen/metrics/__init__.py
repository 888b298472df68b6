"""How good a network is: against the truth, on held-out cells, against the literature."""

from ._causalbench import causalbench
from ._compare import compare
from ._prior import prior_edges, prior_overlap
from ._split import hold_out

__all__ = ["causalbench", "compare", "hold_out", "prior_edges", "prior_overlap"]
