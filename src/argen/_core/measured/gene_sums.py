"""Sums of one gene over the cells of each group, against the fit of the controls.

With μ⁰ the means of the controls-only Poisson fit that the descendant step starts from, too
(:func:`.glm.pairs.fit_nuisance`), for group l:

    S_l = Σ_{i∈l} y_i,   E_l = Σ_{i∈l} μ⁰_i,   Q_l = Σ_{i∈l} (μ⁰_i)²,   r_i = y_i − μ⁰_i S_l / E_l
    φ = max(0, Σ_ctrl [(y − μ⁰)² − y] / Σ_ctrl (μ⁰)²)
"""

from typing import NamedTuple

import numpy as np

from argen._core.glm.pairs import fit_nuisance
from argen._core.measured._gene_sum_kernels import sums_by_group
from argen._core.screen import Design, Screen

__all__ = ["GeneSums", "cells_with_controls", "means", "ratio", "sums_of_gene"]


class GeneSums(NamedTuple):
    """Sums of one gene; the last group is that of the controls.

    Attributes
    ----------
    S, E, Q
        Counts, means under the controls-only fit, squared means; shape (groups,).
    squares
        Squared residuals about the group's own mean, shape (groups,).
    phi
        Overdispersion among the controls.
    theta
        Coefficients of the controls-only fit, NaN where it failed.
    mean, residual
        μ⁰ and r of every sorted cell, 0 in cells that nothing can be said of; shape (n,).
    """

    S: np.ndarray
    E: np.ndarray
    Q: np.ndarray
    squares: np.ndarray
    phi: float
    theta: np.ndarray
    mean: np.ndarray
    residual: np.ndarray


def cells_with_controls(design: Design) -> np.ndarray:
    """Cells whose covariate levels hold control cells, too; shape (n,)."""
    return np.repeat(design.stratum_supported[design.seg_stratum], np.diff(design.seg_start))


def sums_of_gene(screen: Screen, gene: int, used: np.ndarray) -> GeneSums:
    """Sums of one gene over the sorted cells that are `used`, a mask."""
    design, y = screen.design_of(gene), screen.counts_of(gene)
    theta = fit_nuisance(y, design, np.empty(0, dtype=np.int64), phi=0.0, pooled=False)
    mean, residual, sums = np.empty(len(y)), np.empty(len(y)), np.empty((4, screen.n_groups + 1))
    extra = sums_by_group(y, design, used, theta, mean, residual, sums)
    S, E, Q, squares = sums
    return GeneSums(S, E, Q, squares, max(0.0, extra / max(Q[-1], 1e-12)), theta, mean, residual)


def means(design: Design, theta: np.ndarray, cells: slice, stratum: np.ndarray) -> np.ndarray:
    """ℓ exp(β'x) of some cells for all genes, cells × genes; `theta` genes × nuisance coefficients."""
    G, r = design.n_levels, design.numeric.shape[0]
    by_stratum = theta[:, design.stratum_level].T
    if design.stratum_dummies.shape[1]:
        by_stratum = by_stratum + design.stratum_dummies @ theta[:, G : theta.shape[1] - r].T
    eta = by_stratum[stratum[cells]]
    if r:
        eta += design.numeric[:, cells].T @ theta[:, theta.shape[1] - r :].T
    return design.depth[cells, None] * np.exp(eta)


def ratio(S: np.ndarray, E: np.ndarray) -> np.ndarray:
    """S / E, 0 where nothing is expected."""
    return np.where(E > 0, S / np.where(E > 0, E, 1.0), 0.0)
