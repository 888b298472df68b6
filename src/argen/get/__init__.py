"""Results as tables and graphs."""

from ._graph import graph
from ._guides import guides
from ._tables import edges, genes, overidentification, pairs, qc, sensitivity, targets

__all__ = ["edges", "genes", "graph", "guides", "overidentification", "pairs", "qc", "sensitivity", "targets"]
