"""Effects of edges, some of which are not known: of required edges, or of a network that was read without any."""

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["effect_of", "size_of"]


def effect_of(edge: Mapping[str, Any]) -> float:
    """The effect of an edge by its attributes, NaN where none is known."""
    return float(edge.get("weight", math.nan))


def size_of(edge: Mapping[str, Any]) -> float:
    """Its absolute value, 0 where none is known."""
    effect = effect_of(edge)
    return 0.0 if math.isnan(effect) else abs(effect)
