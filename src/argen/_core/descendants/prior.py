"""What is known beforehand: edges that must not, or must, be there, and genes that come before others."""

from dataclasses import dataclass

import numpy as np

from argen._core.graphs.reach import transitive_closure

__all__ = ["Prior", "build_prior", "no_prior"]


@dataclass(frozen=True, slots=True)
class Prior:
    """Knowledge about pairs [source, target], shape (p, p) each.

    Attributes
    ----------
    forbidden
        No direct effect: the pair is no candidate edge. An effect by way of other genes stays possible, and the
        perturbation of the source stays an instrument.
    required
        A direct effect: the edge is in the network, whatever its p-value; it is not tested.
    before
        The source comes before the target in the causal order; closed under transitivity, required pairs included.
    """

    forbidden: np.ndarray
    required: np.ndarray
    before: np.ndarray

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not (self.forbidden.any() or self.before.any())


def build_prior(p: int, forbidden: np.ndarray, required: np.ndarray, before: np.ndarray) -> Prior:
    """Close the order of `p` genes; each argument holds pairs (source, target), shape (n, 2)."""
    matrices = []
    for pairs in (forbidden, required, before):
        matrix = np.zeros((p, p), dtype=bool)
        matrix[tuple(np.asarray(pairs, dtype=np.int64).reshape(-1, 2).T)] = True
        matrices.append(matrix)
    forbidden_, required_, before_ = matrices
    return Prior(forbidden_, required_, transitive_closure(before_ | required_))


def no_prior(p: int) -> Prior:
    """Nothing is known."""
    return Prior(*(np.zeros((p, p), dtype=bool) for _ in range(3)))
