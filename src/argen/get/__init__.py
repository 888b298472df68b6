"""Results as tables and graphs."""

from ._graph import graph
from ._tables import edges, pairs, sensitivity, targets

__all__ = ["edges", "graph", "pairs", "sensitivity", "targets"]
