"""How good a network is: against the truth, on held-out cells, against the literature; and what it takes to find it."""

from ._causalbench import causalbench
from ._cells_needed import cells_needed
from ._compare import compare
from ._compared_edges import compared_edges
from ._evaluate import evaluate
from ._gene_rnib import gene_rnib
from ._prior import prior_overlap
from ._split import hold_out
from ._what_if import what_if
from ._what_if_screen import what_if_screen

__all__ = [
    "causalbench",
    "cells_needed",
    "compare",
    "compared_edges",
    "evaluate",
    "gene_rnib",
    "hold_out",
    "prior_overlap",
    "what_if",
    "what_if_screen",
]
