"""z-scored expression, as the R package takes it, and the ratios that it gives.

z = (log(Y/ℓ + 1) − mean) / sd, mean and standard deviation over the control cells of the same stratum (batch). Sums of
products by group are all that is kept of the cells: every estimate below is a function of them.
"""

from dataclasses import dataclass

import numpy as np

from argen._core.screen import Screen
from argen.baselines._inspre.ratios import Ratios
from argen.baselines._naive.search import log_expression

__all__ = ["Moments", "group_moments", "ratios_of_moments", "z_scores"]

_MIN_CONTROLS = 3  # of a stratum for a standard deviation of its own


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over the cells of each perturbation i (first axis) and over the controls; genes on the last axis.

    Attributes
    ----------
    n
        Cells of each perturbation, shape (p,); `n_control` of the controls.
    total, square, cross
        Σ z_j, Σ z_j², Σ z_i z_j, shape (p, p).
    control
        Σ z z' over the controls, shape (p, p).
    """

    n: np.ndarray
    n_control: int
    total: np.ndarray
    square: np.ndarray
    cross: np.ndarray
    control: np.ndarray


def z_scores(screen: Screen) -> np.ndarray:
    """z-scores of the sorted cells, cells × genes.

    In strata with fewer than three controls, and for genes that do not vary among the stratum's controls, the figures
    of all controls stand in. Numeric covariates are not accounted for.
    """
    z = log_expression(screen)
    group, stratum = screen.group, screen.stratum
    control = group == screen.n_genes
    mean, sd = z[control].mean(axis=0), z[control].std(axis=0, ddof=1)
    sd[sd == 0.0] = 1.0
    for s in np.unique(stratum):
        cells = stratum == s
        own = z[cells & control]
        m, d = mean, sd
        if len(own) >= _MIN_CONTROLS:
            m, d = own.mean(axis=0), own.std(axis=0, ddof=1)
            m, d = np.where(d > 0.0, m, mean), np.where(d > 0.0, d, sd)
        z[cells] = (z[cells] - m) / d
    return z


def group_moments(z: np.ndarray, group: np.ndarray, n_genes: int) -> Moments:
    """Sums by group; group `n_genes` holds the controls."""
    total, square, cross = (np.zeros((n_genes, n_genes)) for _ in range(3))
    for i in range(n_genes):
        own = z[group == i]
        total[i], square[i], cross[i] = own.sum(axis=0), (own**2).sum(axis=0), own[:, i] @ own
    controls = z[group == n_genes]
    n = np.bincount(group, minlength=n_genes + 1)
    return Moments(n[:-1], int(n[-1]), total, square, cross, controls.T @ controls)


def ratios_of_moments(moments: Moments) -> Ratios:
    """Ratio estimates R_ij = Σ z_j / Σ z_i over the cells of i, with the instrument's residual standard error.

    s_ij² = Σ (z_j − R_ij z_i)² / (n n_i z̄_i²), the sum over the n cells of perturbation i and the controls.
    """
    own = np.diag(moments.total)[:, None]
    n_own = moments.n[:, None]
    variance_own = np.diag(moments.control)
    with np.errstate(divide="ignore", invalid="ignore"):
        R = moments.total / own
        residual = moments.square - 2.0 * R * moments.cross + R**2 * np.diag(moments.square)[:, None]
        residual += variance_own[None, :] - 2.0 * R * moments.control + R**2 * variance_own[:, None]
        n = n_own + moments.n_control
        se = np.sqrt(np.maximum(residual, 0.0) / (n * n_own)) * n_own / np.abs(own)
        effect = moments.total / n_own
        variance = moments.square / n_own - effect**2
        effect_se = np.sqrt(np.maximum(variance, 0.0) / n_own + np.diag(moments.control) / moments.n_control**2)
    missing = ~(np.isfinite(R) & np.isfinite(se))
    R[missing], se[missing] = np.nan, np.nan
    np.fill_diagonal(R, 1.0)
    np.fill_diagonal(se, 0.0)
    return Ratios(R, se, effect, effect_se)
