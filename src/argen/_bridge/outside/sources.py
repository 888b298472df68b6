"""What a source of evidence is: something that is true, or a number, of pairs of genes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["FOR_DISTANCE", "Source"]

OfPairs = Callable[[np.ndarray, np.ndarray], np.ndarray]
# Kinds of evidence that are the distance: permutations that keep it cannot test them.
FOR_DISTANCE = ("same_chromosome", "distance")


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of evidence.

    Attributes
    ----------
    name
        Of its column.
    kind
        ``"share"``: it is true (1) or not (0) of a pair. ``"number"``: it is a number. NaN is unknown in both.
    of
        Its values for places of sources and targets among the genes.
    weight
        Sign that is known of a pair, 1 or −1, if the source has signs.
    names
        Of a table of pairs: some of the sources and targets that it has.
    """

    name: str
    kind: str
    of: OfPairs
    weight: OfPairs | None = None
    names: str = ""
