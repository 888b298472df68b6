"""Results as tables and graphs."""

from ._graph import graph
from ._tables import edges, genes, pairs, sensitivity, targets

__all__ = ["edges", "genes", "graph", "pairs", "sensitivity", "targets"]
