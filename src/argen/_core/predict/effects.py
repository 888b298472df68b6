r"""Effects of perturbations through a network Θ [source, target].

A perturbation shifts the log level of its own gene g by s_g, and every gene follows its parents:

    x_j = s_j + Σ_k x_k Θ_kj,   x = s (I − Θ)⁻¹.

Where the level of a gene is *held*, whatever its parents do, its column of Θ is 0 and s_g is its log fold change.
Without feedback a perturbation alone changes its own gene by s_g; with it by s_g B_gg, B = (I − Θ)⁻¹, so that s_g is
what is asked for over B_gg.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Effects", "is_acyclic", "predicted_effects", "spectral_radius", "without_edges_into"]


@dataclass(frozen=True, slots=True)
class Effects:
    """What some perturbations together do to every gene of a network.

    Attributes
    ----------
    effect
        x, natural log fold changes, shape (p,).
    sources, shift
        The perturbed genes and their s, shape (m,) each.
    reached
        Genes that a perturbed one reaches, itself included, sorted, shape (r,).
    theta, response
        Θ without edges into held genes, and (I − Θ)⁻¹, both among `reached`, shape (r, r).
    """

    effect: np.ndarray
    sources: np.ndarray
    shift: np.ndarray
    reached: np.ndarray
    theta: np.ndarray
    response: np.ndarray


def is_acyclic(theta: np.ndarray) -> bool:
    """Whether the edges form no cycle."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    edges = theta != 0
    n, _ = connected_components(csr_array(edges), directed=True, connection="strong")
    return n == len(theta) and not edges.diagonal().any()


def spectral_radius(theta: np.ndarray) -> float:
    """Largest absolute eigenvalue: below 1 the sum of all walks, (I − Θ)⁻¹, converges; 0 without cycles."""
    return 0.0 if is_acyclic(theta) else float(np.abs(np.linalg.eigvals(theta)).max())


def without_edges_into(theta: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Θ of the network in which these genes are held."""
    cut = theta.copy()
    cut[:, genes] = 0.0
    return cut


def predicted_effects(theta: np.ndarray, sources: np.ndarray, alone: np.ndarray, held: np.ndarray) -> Effects:
    """Effects of perturbing `sources`, each of which alone would change its own gene by `alone`.

    Parameters
    ----------
    theta
        Direct effects [source, target], spectral radius below 1.
    sources, alone
        Distinct genes and their log fold changes, shape (m,).
    held
        Those of the sources whose levels are held: edges into them do not act.
    """
    theta = without_edges_into(theta, held)
    reached = _reached(theta, sources)
    inside = theta[np.ix_(reached, reached)]
    response = np.linalg.inv(np.eye(len(reached)) - inside)
    at = np.searchsorted(reached, sources)
    shift = alone / response[at, at]
    effect = np.zeros(len(theta))
    effect[reached] = shift @ response[at]
    return Effects(effect, sources, shift, reached, inside, response)


def _reached(theta: np.ndarray, sources: np.ndarray) -> np.ndarray:
    edges, found, front = theta != 0, np.zeros(len(theta), dtype=bool), sources
    found[sources] = True
    while len(front):
        below = edges[front].any(axis=0) & ~found
        found |= below
        front = np.flatnonzero(below)
    return np.flatnonzero(found)
