"""Group sums against the fit of the controls: all that the joint search takes from the cells.

The sums S, E, Q and the dispersion φ of :mod:`~argen._core.measured.gene_sums` for every group l and gene j.

The controls' own error, δ ~ N(0, d H⁻¹) with H the information of the fit and d = 1 + φ Q_0 / E_0 its dispersion, moves
log E_lj by z̄_l'δ, z̄_l the μ⁰-weighted mean of the covariates in group l. z̄_0'δ and (z̄_l − z̄_0)'δ are independent
(H⁻¹z̄_0 is the intercept's direction over E_0). With z̄ the mean of the z̄_l over the groups the error is taken for

* an offset common to all rows of the gene, of variance d / E_0 + d (z̄ − z̄_0)'H⁻¹(z̄ − z̄_0), the last term where the
  covariates of all perturbed cells are unlike the controls', and
* an independent *drift* of each row, of variance d (z̄_l − z̄)'H⁻¹(z̄_l − z̄).
"""

from dataclasses import dataclass

import numpy as np

from argen._core.measured.gene_sums import cells_with_controls, means, ratio, sums_of_gene
from argen._core.parallel import BlockTask, Map
from argen._core.screen import Design, Screen

__all__ = ["GroupSums", "group_sums"]

CELLS_PER_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class GroupSums:
    """Sums over the cells of each perturbation, then of the controls; genes in the order of the screen.

    Attributes
    ----------
    S, E, Q
        Counts, means under the controls-only fit, squared means; [perturbation, gene], shape (p + 1, p).
    squares
        Squared residuals about the group's own mean, shape (p + 1, p).
    phi
        Overdispersion among the controls, shape (p,).
    drift
        Variance of log E from the controls' error about the covariates' effects: of each row by itself, and, in the
        last row, common to all of them; shape (p + 1, p).
    correlation
        Of the residuals of all cells about their group's mean, shape (p, p).
    """

    S: np.ndarray
    E: np.ndarray
    Q: np.ndarray
    squares: np.ndarray
    phi: np.ndarray
    drift: np.ndarray
    correlation: np.ndarray


def group_sums(screen: Screen, map_: Map = map, *, correlated: bool = True) -> GroupSums:
    """Sums of all genes, and, unless they are not wanted `correlated`, the correlation of their residuals.

    Cells of covariate levels that no control cell has are left out, and so are genes without counts among the controls.
    Nothing depends on the threads: genes and blocks are of fixed size and come in order.
    """
    used = cells_with_controls(screen.design)
    parts = list(map_(BlockTask(_sums_of_gene, screen, {"used": used}), range(screen.n_genes)))
    S, E, Q, squares = (np.stack([part[i] for part in parts], axis=1) for i in range(4))
    phi, theta = np.array([part[4] for part in parts]), np.stack([part[5] for part in parts])
    drift = np.stack([part[6] for part in parts], axis=1)
    correlation = _residual_correlation(screen, theta, S, E, used, map_) if correlated else np.empty((0, 0))
    return GroupSums(S, E, Q, squares, phi, drift, correlation)


def _sums_of_gene(screen: Screen, gene: int, used: np.ndarray) -> tuple:
    sums = sums_of_gene(screen, gene, used)
    dispersion = 1.0 + sums.phi * sums.Q[-1] / max(sums.E[-1], 1e-12)
    return *sums[:6], dispersion * _drift(screen.design, sums.mean)


def _drift(design: Design, mean: np.ndarray) -> np.ndarray:
    """(z̄_l − z̄)'H⁻¹(z̄_l − z̄) of every group, then (z̄ − z̄_0)'H⁻¹(z̄ − z̄_0); `mean` is 0 in cells that are left out."""
    segment_mean = np.add.reduceat(mean, design.seg_start[:-1])
    n_groups, G = len(design.group_seg) - 1, design.n_levels
    group = np.repeat(np.arange(n_groups), np.diff(design.group_seg))
    cell = group * G + design.stratum_level[design.seg_stratum]
    levels = np.bincount(cell, weights=segment_mean, minlength=n_groups * G).reshape(n_groups, G)
    dummies = segment_mean * design.stratum_dummies[design.seg_stratum].T
    numeric = np.add.reduceat(mean * design.numeric, design.seg_start[:-1], axis=1)
    others = [np.bincount(group, weights=x, minlength=n_groups) for x in (*dummies, *numeric, segment_mean)]
    sums, total = np.column_stack([levels, *others[:-1]]), others[-1]
    average, some = sums / np.where(total > 0, total, 1.0)[:, None], total > 0
    middle = average[:-1][some[:-1]].mean(axis=0) if some[:-1].any() else average[-1]
    away = np.where(some[:, None], average - middle, 0.0)
    inverse = np.linalg.pinv(_information(design, mean), hermitian=True)
    return ((away @ inverse) * away).sum(axis=1)


def _covariates_of_strata(design: Design) -> np.ndarray:
    """Levels and dummies of every stratum, strata × (G + O)."""
    return np.hstack([np.eye(design.n_levels)[design.stratum_level], design.stratum_dummies])


def _information(design: Design, mean: np.ndarray) -> np.ndarray:
    """Σ μ zz' over the controls, from sums by segment."""
    first = int(design.group_seg[-2])
    starts, cells = design.seg_start[first:-1], slice(int(design.seg_start[first]), None)
    weight, m = mean[cells], design.numeric[:, cells].T
    Z = _covariates_of_strata(design)[design.seg_stratum[first:]]
    of_segments = np.add.reduceat(weight, starts - starts[0])
    cross = Z.T @ np.add.reduceat(weight[:, None] * m, starts - starts[0], axis=0)
    return np.block([[(Z * of_segments[:, None]).T @ Z, cross], [cross.T, (m * weight[:, None]).T @ m]])


def _residual_correlation(
    screen: Screen, theta: np.ndarray, S: np.ndarray, E: np.ndarray, used: np.ndarray, map_: Map
) -> np.ndarray:
    """Correlation matrix of y − μ⁰ S/E over all cells, summed over blocks of cells in order."""
    counts = screen.counts.matrix().tocsr()
    factor, group, stratum = ratio(S, E), screen.group, screen.stratum

    def product(start: int) -> np.ndarray:
        cells = slice(start, start + CELLS_PER_BLOCK)
        mean = means(screen.design, theta, cells, stratum)
        if screen.gene_shift is not None:
            mean[screen.shifted[cells]] *= np.exp(screen.gene_shift)
        residual = counts[cells].toarray() - mean * factor[group[cells]]
        residual[~(np.isfinite(residual) & used[cells, None])] = 0.0
        return residual.T @ residual

    cross = sum(map_(product, range(0, screen.n_cells, CELLS_PER_BLOCK)), np.zeros((screen.n_genes, screen.n_genes)))
    sd = np.sqrt(np.diag(cross))
    correlation = cross / np.where(sd > 0, sd, 1.0) / np.where(sd > 0, sd, 1.0)[:, None]
    np.fill_diagonal(correlation, 1.0)
    return correlation
