"""Colours of modules: apart for common kinds of colour vision, and none that an edge has; modules have numbers too."""

from matplotlib.colors import to_hex, to_rgb

from argen.pl import _style as style

__all__ = ["shade", "tint"]

# Of Okabe & Ito's colours those that no edge has.
_COLORS = ("#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#A39B00")
_STRENGTH = 0.22  # of the colour of a region: names and edges on it are read as on white


def shade(number: int) -> str:
    """Full colour of module `number`, for its dots; grey for 0, genes without one."""
    return style.ISOLATED_EDGE if number == 0 else _COLORS[(number - 1) % len(_COLORS)]


def tint(number: int) -> str:
    """The same colour mixed with white, for the region."""
    return to_hex([1.0 - _STRENGTH * (1.0 - part) for part in to_rgb(shade(number))])
