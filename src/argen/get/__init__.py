"""Results as tables and graphs."""

from ._graph import graph
from ._guides import guides
from ._tables import edges, genes, pairs, qc, sensitivity, stability, targets

__all__ = ["edges", "genes", "graph", "guides", "pairs", "qc", "sensitivity", "stability", "targets"]
