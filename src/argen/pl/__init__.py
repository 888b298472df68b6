"""Plots of what argen found."""

from ._network import argen_network

__all__ = ["argen_network"]
