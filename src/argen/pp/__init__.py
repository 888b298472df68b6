"""Preprocessing: which perturbation each cell carries, and which cells and perturbations to keep."""

from ._guides import argen_guides
from ._qc import argen_qc

__all__ = ["argen_guides", "argen_qc"]
