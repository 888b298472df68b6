"""Plots of the network and of what it rests on."""

from ._calibration import argen_calibration
from ._compare import argen_compare
from ._degree import argen_degree
from ._descendants import argen_descendants
from ._effects import argen_effects
from ._enrichment import argen_enrichment
from ._evidence import argen_evidence
from ._fit import argen_fit
from ._forest import argen_forest
from ._guides import argen_guides
from ._heatmap import argen_heatmap
from ._interactive import argen_interactive
from ._modules import argen_modules
from ._network import argen_network
from ._perturbations import argen_perturbations
from ._predict import argen_predict
from ._responders import argen_responders
from ._shifts import argen_shifts
from ._sign_check import argen_sign_check
from ._volcano import argen_volcano

__all__ = [
    "argen_calibration",
    "argen_compare",
    "argen_degree",
    "argen_descendants",
    "argen_effects",
    "argen_enrichment",
    "argen_evidence",
    "argen_fit",
    "argen_forest",
    "argen_guides",
    "argen_heatmap",
    "argen_interactive",
    "argen_modules",
    "argen_network",
    "argen_perturbations",
    "argen_predict",
    "argen_responders",
    "argen_shifts",
    "argen_sign_check",
    "argen_volcano",
]
