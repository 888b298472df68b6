"""Simulated Perturb-seq screens whose causal network is known."""

from ._simulate import simulate
from ._truth import true_total_effects

__all__ = ["simulate", "true_total_effects"]
