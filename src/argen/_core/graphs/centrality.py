"""How far the walks of a graph lead."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from argen._core.graphs.reach import strong_components
from argen.errors import InputError

__all__ = ["attenuated_walks"]


def attenuated_walks(edges: np.ndarray, attenuation: float) -> np.ndarray:
    r"""Number of walks that start at each node, one of k steps counting :math:`\alpha^k`; shape (p,).

    .. math:: x = \sum_{k \ge 1} \alpha^k A^k 1, \qquad x = \alpha A (1 + x)

    Parameters
    ----------
    edges
        Boolean, shape (p, p), row = source; without loops.
    attenuation
        :math:`\alpha > 0`. A graph with cycles has walks of any length: then it has to be below the reciprocal of the
        largest absolute eigenvalue of A, beyond which the sum has no end.
    """
    attenuated = attenuation * sparse.csr_array(edges, dtype=np.float64)
    cycles = strong_components(edges)
    if cycles:
        _check_finite(edges, cycles, attenuation)
        system = sparse.eye_array(len(edges), format="csc") - attenuated.tocsc()
        return spsolve(system, attenuated.sum(axis=1))
    walks = np.zeros(len(edges))
    while True:  # A is nilpotent: as many rounds as the longest path has edges
        longer = attenuated @ (1.0 + walks)
        if np.array_equal(longer, walks):
            return walks
        walks = longer


def _check_finite(edges: np.ndarray, cycles: list[np.ndarray], attenuation: float) -> None:
    """Raise if walks round the cycles multiply faster than they are attenuated."""
    largest = max(float(np.abs(np.linalg.eigvals(edges[np.ix_(at, at)].astype(float))).max()) for at in cycles)
    if attenuation * largest >= 1.0:
        msg = (
            f"attenuation={attenuation!r}: this network has cycles, and the walks round them add up to infinity. "
            f"Give less than {1.0 / largest:.4g}."
        )
        raise InputError(msg)
