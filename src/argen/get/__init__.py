"""Results as tables and graphs."""

from ._centrality import centrality
from ._diagnostics import calibration, overidentification, sensitivity, stability
from ._graph import graph
from ._guides import guides
from ._tables import edges, genes, pairs, qc, targets

__all__ = [
    "calibration",
    "centrality",
    "edges",
    "genes",
    "graph",
    "guides",
    "overidentification",
    "pairs",
    "qc",
    "sensitivity",
    "stability",
    "targets",
]
