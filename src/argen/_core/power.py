"""Smallest effects that a test finds with a given power, and the cells that an effect needs (METHOD 9).

Everything is in closed form. Effects are on the log scale; their standard error depends on the effect itself, since a
group that is perturbed down has fewer counts than the controls lead one to expect.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv, gammainccinv, gammaincinv, ndtri, stdtrit

__all__ = ["PairCounts", "bh_level", "cells_per_target", "edge_levels", "edge_mde", "score_mde", "wald_mde"]

_SMALLEST_SPREAD = 1e-6  # relative variance of a count beyond Poisson, below which it changes nothing
_LEAST_SKEWNESS = 1e-4
_ITERATIONS = 60


@dataclass(frozen=True, slots=True)
class PairCounts:
    """What the score test of a pair rests on; arrays of one shape.

    Attributes
    ----------
    expected
        Counts of the gene that the controls lead one to expect in the group, E.
    n_group, n_control
        Cells.
    control_mean, dispersion
        Counts per control cell and dispersion φ of the gene: variance μ + φμ².
    """

    expected: np.ndarray
    n_group: np.ndarray
    n_control: np.ndarray
    control_mean: np.ndarray
    dispersion: np.ndarray


def bh_level(p: np.ndarray, n_found: int, alpha: float) -> float:
    """Benjamini–Hochberg's cut-off, max(r, 1) α / m, for r found among the m p-values that are there."""
    m = np.count_nonzero(np.isfinite(p))
    return max(n_found, 1) * alpha / m if m else np.nan


def edge_levels(batch: np.ndarray, alpha: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Level at which each edge was tested: the threshold of its batch, or α_t / n if nothing was rejected in it.

    Parameters
    ----------
    batch, alpha, threshold
        Batch of n p-values (−1 without one), its level α_t and the threshold applied; shape (n_edges,).
    """
    tested = batch >= 0
    size = np.ones(len(batch))
    size[tested] = np.bincount(batch[tested])[batch[tested]]
    return np.where(tested, np.where(threshold > 0, threshold, alpha / size), np.nan)


def edge_mde(
    coef: np.ndarray, se: np.ndarray, level: np.ndarray, power: float, strength: np.ndarray | None = None
) -> np.ndarray:
    """Smallest absolute direct effect that a Wald test finds.

    (z_{1−a/2} + z_power) se, with the standard error at the estimate. With the strength F of the instrument, the part
    θ²/F that the first stage adds to the variance is taken at the effect itself: with b = se² − θ̂²/F the test rejects
    from θ_c = z_{1−a/2} √(b / (1 − z²_{1−a/2}/F)) on, and the effect solves θ = θ_c + z_power √(b + θ²/F). Infinite
    where the instrument is too weak for any effect to be found.
    """
    critical, beyond = -ndtri(level / 2.0), ndtri(power)
    if strength is None:
        return (critical + beyond) * se
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = 1.0 / strength
        base = np.maximum(se**2 - coef**2 * relative, 0.0)
        left = 1.0 - critical**2 * relative
        bound = critical * np.sqrt(base / left)
        # (θ − θ_c)² = z²(b + θ²/F): the root on the side of the power that is asked for
        a = 1.0 - beyond**2 * relative
        root = np.sqrt(beyond**2 * (a * base + bound**2 * relative))
        mde = (bound + np.sign(beyond) * root) / a
    mde = np.where((left > 0) & (a > 0), mde, np.inf)
    return np.where(np.isfinite(se) & np.isfinite(level), np.where(np.isfinite(strength), mde, np.nan), np.nan)


def wald_mde(
    expected: np.ndarray, count: np.ndarray, se: np.ndarray, df: np.ndarray, level: float, power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest decrease and smallest increase (absolute, log scale) that a Wald test of a pair finds.

    The variance of an estimate τ is r + e^{−τ}/E: the Poisson noise of the E e^τ counts of the group, and what it does
    not explain at the estimate, r = se² − 1/count. The test rejects beyond the τ_c with |τ_c| = t √(r + e^{−τ_c}/E),
    t the quantile of Student's t with `df` degrees of freedom (normal where that is infinite). Infinite where the
    standard error outgrows the effect.

    Parameters
    ----------
    expected, count
        Counts expected from the controls, E, and counts seen.
    se, df
        Standard error of the estimate, degrees of freedom.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        quantile = np.where(np.isinf(df), -ndtri(level / 2.0), -stdtrit(np.where(np.isinf(df), 1.0, df), level / 2.0))
        spread = np.maximum(se**2 - 1.0 / count, 0.0)
        fewest = expected * np.exp(-_critical(quantile, spread, expected, -1.0))
        most = expected * np.exp(_critical(quantile, spread, expected, 1.0))
    return _inverted(expected, np.where(fewest > 0, fewest - 0.5, np.nan), most + 0.5, spread, power)


def _critical(quantile: np.ndarray, spread: np.ndarray, expected: np.ndarray, sign: float) -> np.ndarray:
    """Smallest τ > 0 with τ = t √(r + e^{−sign τ}/E), by Newton from 0, which is monotone; ∞ where there is none."""
    tau = np.zeros(np.broadcast(quantile, spread, expected).shape)
    for _ in range(_ITERATIONS):
        noise = np.exp(-sign * tau) / expected
        root = np.sqrt(spread + noise)
        slope = 1.0 + sign * quantile * noise / (2.0 * root)
        tau = np.where(slope > 0, tau - (tau - quantile * root) / slope, np.inf)
    noise = np.exp(-sign * tau) / expected
    return np.where(np.abs(tau - quantile * np.sqrt(spread + noise)) < 1e-6, tau, np.inf)


def score_mde(counts: PairCounts, level: float, power: float) -> tuple[np.ndarray, np.ndarray]:
    """Smallest decrease and smallest increase (absolute, log scale) that the score test of a pair finds.

    The test rejects where the count of the group leaves the quantiles of its Pearson III law under the null, and a
    decrease only if 2 P(no counts) is below the level at all: where few counts are expected no decrease can be found,
    and its smallest effect is infinite.
    """
    expected, n = counts.expected, counts.n_group
    with np.errstate(divide="ignore", invalid="ignore"):
        over = counts.dispersion * expected / n
        nuisance = counts.dispersion / counts.n_control + 1.0 / (counts.n_control * counts.control_mean)
        variance = expected * (1.0 + over) + nuisance * expected**2
        skewness = expected * (1.0 + 3.0 * over + 2.0 * over**2) / variance**1.5
        shape = 4.0 / np.maximum(skewness, _LEAST_SKEWNESS) ** 2
        scale = np.sqrt(variance / shape)
        fewest = np.floor(expected + scale * (gammaincinv(shape, level / 2.0) - shape))
        most = np.ceil(expected + scale * (gammainccinv(shape, level / 2.0) - shape))
        per_cell = np.where(counts.dispersion > 0, np.log1p(over) / counts.dispersion, expected / n)
        can_decrease = (fewest >= 0) & (2.0 * np.exp(-n * per_cell) <= level)
    spread = counts.dispersion / n + nuisance
    return _inverted(expected, np.where(can_decrease, fewest, np.nan), most, spread, power)


def _inverted(
    expected: np.ndarray, fewest: np.ndarray, most: np.ndarray, spread: np.ndarray, power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Effects with which a count S is at most `fewest`, or at least `most`, with the given probability.

    S is negative binomial with mean m = E e^τ and variance m + spread · m²; P(S ≤ c) = I_x(R, c + 1) with
    R = 1 / spread and x = R / (R + m), I the regularised incomplete beta function, which is inverted.
    """
    size = 1.0 / np.maximum(spread, _SMALLEST_SPREAD)
    with np.errstate(divide="ignore", invalid="ignore"):
        down = betaincinv(size, np.maximum(fewest, -0.5) + 1.0, power)
        up = betaincinv(size, np.maximum(most, 0.5), 1.0 - power)
        decrease = np.log(expected) - np.log(size * (1.0 - down) / down)
        increase = np.log(size * (1.0 - up) / up) - np.log(expected)
    known = np.isfinite(expected) & np.isfinite(spread) & (expected > 0)
    decrease, increase = np.where(np.isfinite(fewest), decrease, np.inf), np.where(np.isfinite(most), increase, np.inf)
    return np.where(known, decrease, np.nan), np.where(known, increase, np.nan)


def cells_per_target(
    effect: np.ndarray,
    knockdown: np.ndarray | None,
    child: tuple[np.ndarray, np.ndarray],
    parent: tuple[np.ndarray, np.ndarray],
    n_controls: np.ndarray,
    level: np.ndarray,
    power: np.ndarray,
) -> np.ndarray:
    """Cells n that solve (z_{1−a/2} + z_power)² var = effect², rounded up; infinite where the controls are too few.

    The variance of a log fold change τ is v(τ) = (1/n)(1/(μe^τ) + φ) + (1/n_c)(1/μ + φ). A total effect has v(τ) of the
    child; an edge θ through a knock-down κ has (v(θκ) + θ² v_parent(κ)) / κ².

    Parameters
    ----------
    effect, knockdown
        θ and κ, or τ and None.
    child, parent
        Mean count per control cell μ and dispersion φ.
    """
    tau = effect if knockdown is None else effect * knockdown
    quantile = ndtri(power) - ndtri(level / 2.0)
    per_cell, of_controls = _parts(tau, *child)
    if knockdown is not None:
        first, first_of_controls = _parts(knockdown, *parent)
        per_cell, of_controls = per_cell + effect**2 * first, of_controls + effect**2 * first_of_controls
    with np.errstate(divide="ignore", invalid="ignore"):
        left = tau**2 - quantile**2 * of_controls / n_controls
        return np.where(left > 0, np.ceil(quantile**2 * per_cell / np.where(left > 0, left, 1.0)), np.inf)


def _parts(tau: np.ndarray, mean: np.ndarray, dispersion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variance of a log fold change times the perturbed cells, and times the control cells."""
    return np.exp(-tau) / mean + dispersion, 1.0 / mean + dispersion
