"""What perturbing each source does to each gene, in cells: means, tests, and distances of distributions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = ["Responses", "means_of_groups", "responses", "wasserstein_distances"]


@dataclass(frozen=True, slots=True)
class Responses:
    """Effects of p genes on p genes; a row is NaN where the source is perturbed in no cell.

    Attributes
    ----------
    mean
        Mean of the perturbed cells less that of the controls, [source, target], shape (p, p).
    t
        The same by its standard error, with a variance for either group (Welch); 0 where neither varies.
    """

    mean: np.ndarray
    t: np.ndarray


def means_of_groups(expression: sparse.csc_array, groups: Mapping[int, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance (n − 1; 0 for a single cell) of every gene in each group of cells, shape (len(groups), p)."""
    sizes = np.array([len(cells) for cells in groups.values()])
    cells = np.concatenate([*groups.values()]) if len(sizes) else np.empty(0, dtype=np.int64)
    shape = (len(sizes), expression.shape[0])
    member = sparse.csr_array((np.ones(len(cells)), (np.repeat(np.arange(len(sizes)), sizes), cells)), shape=shape)
    means = (member @ expression).toarray() / sizes[:, None]
    squares = (member @ expression.multiply(expression)).toarray() / sizes[:, None]
    spread = np.maximum(squares - means**2, 0.0) * (sizes / np.maximum(sizes - 1, 1))[:, None]
    return means, spread


def responses(expression: sparse.csc_array, control: np.ndarray, perturbed: Mapping[int, np.ndarray]) -> Responses:
    """Differences between the cells of each perturbation, by the column of its gene, and the controls."""
    p = expression.shape[1]
    mean, t = np.full((2, p, p), np.nan)
    if len(control) == 0 or not perturbed:
        return Responses(mean, t)
    means, spread = means_of_groups(expression, {-1: control, **perturbed})
    sizes = np.array([len(control), *(len(cells) for cells in perturbed.values())])[:, None]
    error = np.sqrt(spread[1:] / sizes[1:] + spread[0] / sizes[0])
    rows = list(perturbed)
    mean[rows] = means[1:] - means[0]
    t[rows] = np.divide(mean[rows], error, out=np.zeros_like(error), where=error > 0)
    return Responses(mean, t)


def wasserstein_distances(
    expression: sparse.csc_array, control: np.ndarray, perturbed: Mapping[int, np.ndarray]
) -> np.ndarray:
    r"""Distance :math:`\int |F - F_{do}|` of each target's distributions, [source, target]; NaN on the diagonal."""
    from scipy.stats import wasserstein_distance

    p = expression.shape[1]
    distance = np.full((p, p), np.nan)
    for target in range(p):
        values = expression[:, [target]].toarray().ravel()
        among_controls = np.sort(values[control])
        for source, cells in perturbed.items():
            if source != target:
                distance[source, target] = wasserstein_distance(among_controls, values[cells])
    return distance
