"""Tools: what argen computes."""

from argen.baselines import argen_naive, external_dag, inspre

from ._calibration import argen_calibration
from ._centrality import argen_centrality
from ._check import argen_check
from ._compare import argen_compare
from ._dag import argen_dag
from ._descendants import argen_descendants
from ._enrichment import argen_enrichment
from ._evidence import argen_evidence
from ._joint import argen_joint
from ._modules import argen_modules
from ._overidentification import argen_overidentification
from ._predict import argen_predict
from ._responders import argen_responders
from ._sensitivity import argen_sensitivity
from ._stability import argen_stability

__all__ = [
    "argen_calibration",
    "argen_centrality",
    "argen_check",
    "argen_compare",
    "argen_dag",
    "argen_descendants",
    "argen_enrichment",
    "argen_evidence",
    "argen_joint",
    "argen_modules",
    "argen_naive",
    "argen_overidentification",
    "argen_predict",
    "argen_responders",
    "argen_sensitivity",
    "argen_stability",
    "external_dag",
    "inspre",
]
