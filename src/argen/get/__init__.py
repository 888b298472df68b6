"""Results as tables and graphs."""

from ._graph import graph
from ._guides import guides
from ._tables import calibration, edges, genes, pairs, qc, sensitivity, stability, targets

__all__ = ["calibration", "edges", "genes", "graph", "guides", "pairs", "qc", "sensitivity", "stability", "targets"]
