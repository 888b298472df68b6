"""How good a network is: against the truth, on held-out cells, against the literature; and what it takes to find it."""

from ._causalbench import causalbench
from ._cells_needed import cells_needed
from ._compare import compare
from ._compared_edges import compared_edges
from ._evaluate import evaluate
from ._gene_rnib import gene_rnib
from ._prior import prior_overlap
from ._split import hold_out

__all__ = [
    "causalbench",
    "cells_needed",
    "compare",
    "compared_edges",
    "evaluate",
    "gene_rnib",
    "hold_out",
    "prior_overlap",
]
