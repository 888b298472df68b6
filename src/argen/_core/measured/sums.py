"""Sums of all measured genes over the cells of all perturbations, and how their z-scores vary together by chance.

A perturbation or a gene is *shifted* if its effects are off as a whole (:mod:`.shifts`). What is more than chance hangs
on how the genes' noise is correlated: hidden causes move many genes at once. It is read off cells dealt into folds
across all groups: with r the residuals about the group's own mean, fold f has

    z_fj = Σ_{i∈f} r_ij / √(Σ_{i∈f} r_ij²)

for which the null hypothesis holds in every gene, whatever the perturbations do.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from argen._core.measured.gene_sums import cells_with_controls, ratio, sums_of_gene
from argen._core.parallel import BlockTask, Map, single_threaded
from argen._core.screen import Screen

__all__ = ["FOLDS", "MeasuredSums", "measured_sums"]

FOLDS = 64
# Counts of a group, observed and expected, from which a log ratio is near normal.
ENOUGH_COUNTS = 5.0


@dataclass(frozen=True, slots=True)
class MeasuredSums:
    """Total effects of all perturbations on all measured genes as log ratios of sums.

    Attributes
    ----------
    effect
        log((S + ½) / (E + ½)), [perturbation, gene], shape (P, g); NaN where either has fewer than 5 counts.
    variance
        Of the effect from the perturbed cells, Σ r² / S², shape (P, g).
    control_variance
        Of the log of the controls' mean, Σ_ctrl r² / S_0², which the effects on a gene share; shape (g,).
    S, E
        Counts and their expectation, the last row that of the controls, shape (P + 1, g).
    folds
        z-scores of folds of cells, shape (64, g).
    """

    effect: np.ndarray
    variance: np.ndarray
    control_variance: np.ndarray
    S: np.ndarray
    E: np.ndarray
    folds: np.ndarray

    @property
    def z(self) -> np.ndarray:
        """Effects in standard errors, the controls' error included; shape (P, g)."""
        return self.effect / np.sqrt(self.variance + self.control_variance)


def measured_sums(screen: Screen, map_: Map = map, track: Callable[[Iterable], Iterable] = iter) -> MeasuredSums:
    """Sums of all genes of a screen whose groups may be more, or other, than its genes."""
    shared = {"used": cells_with_controls(screen.design)}
    n_groups = screen.n_groups + 1
    S, E, variance = (np.empty((n_groups, screen.n_genes)) for _ in range(3))
    effect, folds = np.empty((n_groups - 1, screen.n_genes)), np.empty((FOLDS, screen.n_genes))
    with single_threaded():
        # Filled as the genes come: of large screens there is no room for copies.
        for gene, part in enumerate(track(map_(BlockTask(_sums, screen, shared), range(screen.n_genes)))):
            S[:, gene], E[:, gene], squares, folds[:, gene] = part
            effect[:, gene] = _effect(S[:, gene], E[:, gene])
            variance[:, gene] = squares * ratio(np.ones(n_groups), S[:, gene]) ** 2
    return MeasuredSums(effect, variance[:-1], variance[-1], S, E, folds)


def _effect(S: np.ndarray, E: np.ndarray) -> np.ndarray:
    """Effects on one gene, from sums whose last is that of the controls."""
    enough = (S[:-1] >= ENOUGH_COUNTS) & (E[:-1] >= ENOUGH_COUNTS) & (S[-1] >= ENOUGH_COUNTS)
    return np.where(enough, np.log((S[:-1] + 0.5) / (E[:-1] + 0.5)), np.nan)


def _sums(screen: Screen, gene: int, *, used: np.ndarray) -> tuple[np.ndarray, ...]:
    """Counts, means and squares by group, and the z-score of each fold."""
    one = sums_of_gene(screen, gene, used)
    # Sorted cells are dealt in turn: every fold holds its share of every group and stratum.
    dealt = np.zeros((-(-screen.n_cells // FOLDS), FOLDS))
    dealt.ravel()[: screen.n_cells] = one.residual
    square = np.einsum("ij,ij->j", dealt, dealt)
    return one.S, one.E, one.squares, dealt.sum(axis=0) / np.sqrt(np.where(square > 0, square, np.inf))
