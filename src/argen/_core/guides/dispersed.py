"""Whether the counts of a guide are over-dispersed, by the Bayesian information criterion.

Three mixtures are compared: two Poisson components, a negative binomial signal, and two negative binomial components.
A negative binomial signal beside a Poisson background alone would take the over-dispersed background of real screens
for a signal; a negative binomial background beside a Poisson signal would take the brightest cells for background.
"""

from dataclasses import dataclass

import numpy as np

from ._dispersed_kernels import LARGEST_SIZE, fit_dispersed
from ._mixture_kernels import CONVERGED

__all__ = ["CellEntries", "DispersedFit", "best_dispersion", "cell_entries"]

# Sizes r of background and signal that a fit starts from.
_START_BACKGROUND = 2.0
_STARTS_SIGNAL = (4.0, 1.0)
_TOLERANCE = 1e-6
_MAX_ITERATIONS = 500
# Depths, over all batches, that stand for the cells without a UMI; their mean in each cell of the grid is exact.
_ZERO_DEPTHS = 256


@dataclass(frozen=True, slots=True)
class CellEntries:
    """Cells of one guide: n of them have the count x, the depth and the batch `level`; each of shape (n_entries,).

    The first entries are the cells with a UMI, one each.
    """

    x: np.ndarray
    depth: np.ndarray
    level: np.ndarray
    n: np.ndarray


@dataclass(frozen=True, slots=True)
class DispersedFit:
    """A mixture with negative binomial components.

    Attributes
    ----------
    share, beta
        π, and β₀, β_z, γ.
    dispersion
        α = 1/r of background and signal, 0 for Poisson, shape (2,).
    chance
        P(Z = 1) of every entry.
    """

    share: float
    beta: np.ndarray
    dispersion: np.ndarray
    chance: np.ndarray


def cell_entries(
    x: np.ndarray,
    depth: np.ndarray,
    level: np.ndarray,
    n_zero: np.ndarray,
    zero_depth: np.ndarray,
    zero_level: np.ndarray,
) -> CellEntries:
    """Cells with a UMI one by one, and those without by batch and depth on a logarithmic grid."""
    n_levels = int(zero_level.max()) + 1
    n_steps = max(_ZERO_DEPTHS // n_levels, 16)
    log_depth = np.log(zero_depth)
    width = np.ptp(log_depth) / n_steps or 1.0
    at = zero_level * n_steps + np.minimum((log_depth - log_depth.min()) // width, n_steps - 1).astype(np.int64)
    n = np.bincount(at, weights=n_zero, minlength=n_levels * n_steps)
    total = np.bincount(at, weights=n_zero * zero_depth, minlength=n_levels * n_steps)
    used = np.flatnonzero(n > 0)
    return CellEntries(
        np.concatenate([x, np.zeros(len(used))]),
        np.concatenate([depth, total[used] / n[used]]),
        np.concatenate([level, used // n_steps]),
        np.concatenate([np.ones(len(x)), n[used]]),
    )


def best_dispersion(
    entries: CellEntries, rows: np.ndarray, share: float, beta: np.ndarray, min_ratio: float
) -> DispersedFit | None:
    """Mixture with dispersion that has a smaller BIC than the Poisson mixture (`share`, `beta`); `None` if none has.

    A candidate has to converge, to keep signal and background `min_ratio` apart, and to have α₁ μ₁ > α₀ μ₀: the
    posterior of two negative binomials then rises with the count.
    """
    poisson = _fit(entries, rows, share, beta, (np.inf, np.inf))
    penalty = np.log(entries.n.sum())
    least, best = -2.0 * poisson[0], None
    for start, n_more in ((np.inf, 1), (_START_BACKGROUND, 2)):
        fits = [_fit(entries, rows, share, beta, (start, signal)) for signal in _STARTS_SIGNAL]
        value, converged, fit = max(fits, key=lambda found: found[0])
        criterion = -2.0 * value + n_more * penalty
        if criterion < least and converged and _is_ordered(fit, min_ratio):
            least, best = criterion, fit
    return best


def _fit(
    entries: CellEntries, rows: np.ndarray, share: float, beta: np.ndarray, size: tuple[float, float]
) -> tuple[float, bool, DispersedFit]:
    """Log likelihood, whether it converged, and the fit from the Poisson mixture and these sizes on."""
    beta, sizes = beta.copy(), np.array(size)
    status, value, share, _, chance = fit_dispersed(
        entries.x, entries.depth, entries.level, entries.n, rows, share, beta, sizes, np.isfinite(sizes),
        _TOLERANCE, _MAX_ITERATIONS,
    )  # fmt: skip
    dispersion = np.where(sizes < LARGEST_SIZE, 1.0 / sizes, 0.0)
    return value, status == CONVERGED, DispersedFit(share, beta, dispersion, chance)


def _is_ordered(fit: DispersedFit, min_ratio: float) -> bool:
    ratio = np.exp(fit.beta[1])
    return bool(ratio >= min_ratio and fit.dispersion[1] * ratio > fit.dispersion[0])
