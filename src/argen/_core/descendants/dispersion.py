"""Dispersion of each gene among the control cells, and the test whether there is any (METHOD 7).

With the Poisson fit μ on the controls given the covariates, φ solves Σ (y − μ)² / (μ + φμ²) = n − k (Pearson's
statistic at its degrees of freedom). The score test of φ = 0 is Σ [(y − μ)² − y] / √(2 Σ μ²), standard normal,
one-sided.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.special import ndtr

from argen._core.glm._nb_kernels import dispersion_of_controls
from argen._core.glm._segment_kernels import stratum_factors
from argen._core.glm.pairs import ControlFit, controls_of, fit_controls, has_control_counts
from argen._core.parallel import BlockTask, Map, single_threaded
from argen._core.screen import Design, Screen

__all__ = ["Dispersions", "Fallback", "as_dispersions", "dispersion_of", "estimate_dispersions"]

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
    with single_threaded():
        return as_dispersions(map_(BlockTask(_of_gene, screen), range(screen.n_genes)))


def as_dispersions(found: Iterable[tuple[float, float, float]]) -> Dispersions:
    """All genes' dispersions from what :func:`dispersion_of` finds for each."""
    mean, phi, z = (np.array(part) for part in zip(*found, strict=True))
    fallback = np.where(phi > 0, int(Fallback.NONE), int(Fallback.NO_OVERDISPERSION))
    fallback[phi >= LARGEST] = Fallback.AT_BOUND
    fallback[mean == 0] = Fallback.NO_CONTROL_COUNTS
    return Dispersions(mean, phi, z, ndtr(-z), fallback)


def dispersion_of(y: np.ndarray, design: Design, controls: ControlFit | None) -> tuple[float, float, float]:
    """Mean of one gene's counts `y` in the controls, its dispersion and the test of that.

    `controls` is the gene's :func:`~argen._core.glm.pairs.fit_controls`; not needed where the controls have no counts.
    """
    alone = controls_of(design)
    y = y[len(y) - len(alone.depth) :]
    mean = y.mean()
    if controls is None or mean == 0:
        return 0.0, 0.0, np.nan
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, controls.theta, kappa)
    n_parameters = np.count_nonzero(np.diag(controls.H_inv))
    return mean, *dispersion_of_controls(y, alone, kappa, controls.w, n_parameters, LARGEST)


def _of_gene(screen: Screen, gene: int) -> tuple[float, float, float]:
    design, y = screen.design_of(gene), screen.counts_of(gene)
    return dispersion_of(y, design, fit_controls(y, design) if has_control_counts(y, design) else None)
