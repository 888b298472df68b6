"""Mean of every cell as it would be without its perturbation, under the fits of the descendant step.

The fit of perturbation j on gene k (see :mod:`.pairs`) has μ = ℓ exp(β'x) exp(τ D_j). Without the perturbation a cell
of j has the mean μ⁰ = ℓ exp(β'x) with the β of that very fit, so that for Poisson exp(τ̂) = Σ y / Σ μ⁰ over the group.
A control cell enters every fit of the gene; its mean is that of the fit on the controls alone.
"""

import numpy as np

from argen._core.glm._segment_kernels import shift_weights, stratum_factors
from argen._core.glm.pairs import fit_nuisance
from argen._core.screen import Design

__all__ = ["baseline_means"]


def baseline_means(
    y: np.ndarray, design: Design, groups: np.ndarray, *, phi: float = 0.0, pooled: bool = False
) -> np.ndarray:
    """Means without perturbation of the control cells and of the cells of some groups, shape (n,).

    Parameters
    ----------
    y, design
        Counts of one gene over the sorted cells, and their design.
    groups
        Perturbations whose cells are wanted.
    phi, pooled
        Dispersion of the gene, and whether one regression on all cells stands for those of the pairs, as in
        :func:`~argen._core.glm.pairs.fit_gene`.

    Returns
    -------
    NaN for the cells of other groups, for cells with a covariate level that no control cell has, and where a fit did
    not converge; NaN throughout if no control cell has a count. 0 where no cell of the level has a count.
    """
    means = np.full(len(y), np.nan)
    p = len(design.group_seg) - 2
    if not y[_cells(design, p)].any():
        return means
    theta = fit_nuisance(y, design, np.empty(0, dtype=np.int64), phi=phi, pooled=pooled)
    for j in [p, *groups.tolist()]:
        cells = _cells(design, j)
        if j < p and not pooled and y[cells].any():  # without a count the fit is that of the controls
            theta_j = fit_nuisance(y, design, np.array([j]), phi=phi, pooled=False)
        else:
            theta_j = theta
        means[cells] = _means(design, theta_j)[cells]
    if not pooled:
        means[~np.repeat(design.stratum_supported[design.seg_stratum], np.diff(design.seg_start))] = np.nan
    return means


def _cells(design: Design, group: int) -> slice:
    """Sorted cells of a group."""
    return slice(*design.seg_start[design.group_seg[group : group + 2]].tolist())


def _means(design: Design, theta: np.ndarray) -> np.ndarray:
    """ℓ exp(β'x) of every sorted cell."""
    kappa, w = np.empty(len(design.stratum_level)), design.depth.copy()
    stratum_factors(design, theta, kappa)
    gamma = theta[len(theta) - design.numeric.shape[0] :].copy()
    shift_weights(design.numeric, design.numeric_bound, 0, len(w), gamma, w)
    return np.repeat(kappa[design.seg_stratum], np.diff(design.seg_start)) * w
