"""Drawings of a network: where genes stand (layout), which are drawn (select), what stands round them (sheet, key)."""

from .network import argen_network, draw_network

__all__ = ["argen_network", "draw_network"]
