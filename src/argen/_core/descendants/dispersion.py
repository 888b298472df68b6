"""Dispersion of each gene among the control cells, and the test whether there is any (METHOD 7).

With the Poisson fit μ on the controls given the covariates, φ solves Σ (y − μ)² / (μ + φμ²) = n − k (Pearson's
statistic at its degrees of freedom). The score test of φ = 0 is Σ [(y − μ)² − y] / √(2 Σ μ²), standard normal,
one-sided.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.special import ndtr

from argen._core.glm._moment_kernels import monomials
from argen._core.glm._nb_kernels import dispersion_of_controls
from argen._core.glm._segment_kernels import stratum_factors
from argen._core.glm.pairs import fit_controls
from argen._core.parallel import BlockTask, Map
from argen._core.screen import Screen

__all__ = ["Dispersions", "Fallback", "estimate_dispersions"]

LARGEST = 100.0


class Fallback(IntEnum):
    """Why a gene is fitted by Poisson although the negative binomial was asked for, or what its dispersion suffers."""

    NONE = 0
    NO_OVERDISPERSION = 1
    NO_CONTROL_COUNTS = 2
    AT_BOUND = 3


@dataclass(frozen=True, slots=True)
class Dispersions:
    """One entry per gene, shape (p,).

    Attributes
    ----------
    mean
        Mean count of the control cells.
    phi
        Dispersion; 0 where there is none, or no counts.
    z, p
        Score test of φ = 0, one-sided; NaN without counts.
    fallback
        :class:`Fallback`.
    """

    mean: np.ndarray
    phi: np.ndarray
    z: np.ndarray
    p: np.ndarray
    fallback: np.ndarray


def estimate_dispersions(screen: Screen, map_: Map = map) -> Dispersions:
    """Estimate all genes' dispersions from the control cells."""
    mean, phi, z = (
        np.array(part) for part in zip(*map_(BlockTask(_of_gene, screen), range(screen.n_genes)), strict=True)
    )
    fallback = np.where(phi > 0, int(Fallback.NONE), int(Fallback.NO_OVERDISPERSION))
    fallback[phi >= LARGEST] = Fallback.AT_BOUND
    fallback[mean == 0] = Fallback.NO_CONTROL_COUNTS
    return Dispersions(mean, phi, z, ndtr(-z), fallback)


def _of_gene(screen: Screen, gene: int) -> tuple[float, float, float]:
    design, y = screen.design, screen.counts_of(gene)
    p = len(design.group_seg) - 2
    first = design.seg_start[design.group_seg[p]]
    mean = y[first:].mean()
    if mean == 0:
        return 0.0, 0.0, np.nan
    theta, w, H_inv = fit_controls(y, design, monomials(design.numeric.shape[1]))
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, theta, kappa)
    phi, z = dispersion_of_controls(y, design, kappa, w, np.count_nonzero(np.diag(H_inv)), LARGEST)
    return mean, phi, z
