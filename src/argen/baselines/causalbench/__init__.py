"""CausalBench's call contract for argen and the baselines."""

from .model import METHODS, ArgenModel

__all__ = ["METHODS", "ArgenModel"]
