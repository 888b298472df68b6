"""Results as tables and graphs."""

from ._centrality import centrality
from ._check import check, shifts
from ._comparison import comparison
from ._diagnostics import calibration, overidentification, sensitivity, stability
from ._effects import expression, sign_check
from ._evidence import evidence
from ._graph import decoupler_net, graph
from ._guides import guides
from ._joint import fit, inclusion
from ._modules import enrichment, modules
from ._outside import outside_evidence
from ._prediction import prediction
from ._prior_overlap import prior_overlap
from ._responders import regulated, regulators, responders
from ._tables import edges, genes, pairs, perturbations, qc

__all__ = [
    "calibration",
    "centrality",
    "check",
    "comparison",
    "decoupler_net",
    "edges",
    "enrichment",
    "evidence",
    "expression",
    "fit",
    "genes",
    "graph",
    "guides",
    "inclusion",
    "modules",
    "outside_evidence",
    "overidentification",
    "pairs",
    "perturbations",
    "prediction",
    "prior_overlap",
    "qc",
    "regulated",
    "regulators",
    "responders",
    "sensitivity",
    "shifts",
    "sign_check",
    "stability",
]
