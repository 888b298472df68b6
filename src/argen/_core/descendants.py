"""Descendant step: the total effect of every target on every gene (METHOD 3).

For target j and gene k, on the cells of j and the controls:  Y_k ~ offset(log ℓ) + 1 + D_j + X,  quasi-Poisson with log
link; τ̂*_jk is the coefficient of D_j, its variance the HC0 sandwich A⁻¹BA⁻¹ with A = Σ μ x x', B = Σ (y − μ)² x x'.
The controls enter every fit of a gene; their sums are read off moment tables (see :mod:`.glm.pairs`).
"""

from collections.abc import Callable, Iterable

import numpy as np

from argen._core.glm._moment_kernels import monomials
from argen._core.glm.pairs import fit_gene
from argen._core.glm.separation import log_p_two_sided, log_p_without_counts
from argen._core.parallel import Map
from argen._core.results import DescendantTests, PairStatus
from argen._core.screen import Screen

__all__ = ["fit_descendants"]

# Below this expected count of a group a Wald test says more than the data do; such pairs are flagged.
FEW_COUNTS = 5.0
# Residuals that are zero but for rounding: no standard error.
NO_VARIANCE = 1e-20


def fit_descendants(screen: Screen, map_: Map = map, track: Callable[[Iterable], Iterable] = iter) -> DescendantTests:
    """Fit all p × p pairs, the on-target pairs (diagonal) included.

    Parameters
    ----------
    screen
        Counts and design.
    map_
        Ordered map over genes, see :func:`~argen._core.parallel.worker_pool`.
    track
        Wraps the iterator over finished genes, for a progress bar.
    """
    series = monomials(screen.design.numeric.shape[1])
    fits = track(map_(lambda gene: fit_gene(screen.counts_of(gene), screen.design, series), range(screen.n_genes)))
    effect, variance, status, count, expected, score = (np.stack(part, axis=1) for part in zip(*fits, strict=True))
    status[(status == PairStatus.OK) & ~(variance > NO_VARIANCE)] = PairStatus.NOT_ESTIMABLE
    unfinished = np.isin(status, [PairStatus.NOT_CONVERGED, PairStatus.NOT_ESTIMABLE])
    effect, variance = np.where(unfinished, np.nan, effect), np.where(unfinished, np.nan, variance)
    se = np.sqrt(variance)
    z = effect / se
    log_p = log_p_two_sided(z)
    separated = status == PairStatus.SEPARATED
    log_p[separated] = log_p_without_counts(*score[separated].T)
    z[separated] = _z_of(log_p[separated], np.sign(effect[separated]))
    status[(status == PairStatus.OK) & (expected < FEW_COUNTS)] = PairStatus.FEW_COUNTS
    return DescendantTests(effect, se, z, log_p, status, count, expected)


def _z_of(log_p: np.ndarray, sign: np.ndarray) -> np.ndarray:
    """The z that a two-sided normal test with this p would have."""
    from scipy.special import ndtri_exp

    return sign * -ndtri_exp(np.minimum(log_p - np.log(2.0), np.log(0.5)))
