"""Preprocessing: which perturbation each cell carries."""

from ._guides import argen_guides

__all__ = ["argen_guides"]
