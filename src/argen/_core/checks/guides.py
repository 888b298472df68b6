"""Whether control guides are silent, and whether the guides of a target knock it down alike."""

import numpy as np
from scipy.special import chdtrc

from argen._core.fdr import adjusted
from argen._core.measured.gene_sums import cells_with_controls, sums_of_gene
from argen._core.measured.sums import ENOUGH_COUNTS
from argen._core.parallel import Map
from argen._core.screen import Screen

__all__ = ["groups_against_rest", "moved_genes", "unequal"]

LEVEL = 0.01


def groups_against_rest(
    screen: Screen, part: np.ndarray, n_parts: int, map_: Map = map
) -> tuple[np.ndarray, np.ndarray]:
    """Log ratio of each part of the controls against the other parts, and its standard error; shape (parts, g).

    Of part k: log(S_k/E_k) − log(S_rest/E_rest), variance Σ_k r²/S_k² + Σ_rest r²/S_rest² with r the residuals about
    the fit of all controls. NaN where either side has fewer than five counts.

    Parameters
    ----------
    screen
        All measured genes.
    part
        Part of each sorted cell, −1 where it is in none; shape (n,).
    """
    used, member = cells_with_controls(screen.design), part >= 0

    def one(gene: int) -> tuple[np.ndarray, np.ndarray]:
        sums = sums_of_gene(screen, gene, used)
        y = screen.counts_of(gene)
        S, E, squares = (
            np.bincount(part[member], weights=x[member], minlength=n_parts)
            for x in (y, sums.mean, (y - sums.mean) ** 2)
        )
        rest_S, rest_E, rest_squares = S.sum() - S, E.sum() - E, squares.sum() - squares
        enough = (np.minimum(S, rest_S) >= ENOUGH_COUNTS) & (np.minimum(E, rest_E) >= ENOUGH_COUNTS)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = np.log(S / E) - np.log(rest_S / rest_E)
            se = np.sqrt(squares / S**2 + rest_squares / rest_S**2)
        return np.where(enough, ratio, np.nan), np.where(enough, se, np.nan)

    ratio, se = zip(*map_(one, range(screen.n_genes)), strict=True)
    return np.stack(ratio, axis=1), np.stack(se, axis=1)


def moved_genes(z: np.ndarray) -> np.ndarray:
    """Genes that each part moves, Benjamini–Hochberg at .01 over all parts and genes; shape (parts, g)."""
    from argen._core.normal import log_p_two_sided

    padj = adjusted(np.exp(log_p_two_sided(z)).ravel()).reshape(z.shape)
    with np.errstate(invalid="ignore"):
        return padj < LEVEL


def unequal(effect: np.ndarray, se: np.ndarray, target: np.ndarray, n_targets: int) -> tuple[np.ndarray, np.ndarray]:
    """P of Cochran's Q = Σ_g (τ_g − τ̄)²/se_g² over the guides of each target, and the range of their effects.

    Parameters
    ----------
    effect, se, target
        Own effect of each guide, its standard error and its target; shape (guides,).
    """
    p, spread = np.full(n_targets, np.nan), np.full(n_targets, np.nan)
    for t in range(n_targets):
        own = np.flatnonzero((target == t) & np.isfinite(effect) & (se > 0))
        if len(own) > 1:
            w = se[own] ** -2.0
            centre = (w * effect[own]).sum() / w.sum()
            p[t] = chdtrc(len(own) - 1, float((w * (effect[own] - centre) ** 2).sum()))
            spread[t] = np.ptp(effect[own])
    return p, spread
