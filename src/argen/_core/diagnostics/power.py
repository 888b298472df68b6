"""Smallest effects that a test finds with a given power, and the cells that an effect needs (METHOD 9).

Effects are on the log scale; their standard error depends on the effect itself, since a
group that is perturbed down has fewer counts than the controls lead one to expect.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv, gammainccinv, gammaincinv, ndtri, stdtrit

__all__ = [
    "EdgeCounts",
    "PairCounts",
    "bh_level",
    "cells_per_perturbation",
    "edge_levels",
    "edge_mde",
    "quantile_of",
    "score_mde",
    "wald_mde",
    "with_first_stage",
]

_SMALLEST_SPREAD = 1e-6  # relative variance of a count beyond Poisson, below which it changes nothing
_LEAST_SKEWNESS = 1e-4
_ITERATIONS = 60
_MOST_CELLS = 1e9


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


def quantile_of(level: np.ndarray | float, df: np.ndarray | float = np.inf) -> np.ndarray:
    """Two-sided critical value of Student's t, normal where `df` is infinite."""
    level, df = np.asarray(level, dtype=float), np.asarray(df, dtype=float)
    return np.where(np.isinf(df), -ndtri(level / 2.0), -stdtrit(np.where(np.isinf(df), 1.0, df), level / 2.0))


def with_first_stage(quantile: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Critical value of an edge in standard errors of its reduced form alone.

    An edge θ̂ = ξ̂/κ̂ has the variance (v + θ̂²v_κ)/κ̂², so that it is significant when ξ̂² > q²(v + ξ̂²/F), F = κ̂²/v_κ:
    |ξ̂| > √v · q / √(1 − q²/F). Infinite where F ≤ q²: such an instrument makes no edge significant.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        left = 1.0 - quantile**2 / strength
        return np.where(left > 0, quantile / np.sqrt(np.maximum(left, 0.0)), np.inf)


@dataclass(frozen=True, slots=True)
class EdgeCounts:
    """What the test of an edge rests on beside its estimate; arrays of one shape.

    Attributes
    ----------
    strength
        F of the edge.
    knockdown
        Knock-down κ of the parent.
    count, pair_se
        Counts of the child in the cells of the parent, standard error of the total effect of parent on child.
    """

    strength: np.ndarray
    knockdown: np.ndarray
    count: np.ndarray
    pair_se: np.ndarray


def edge_mde(
    coef: np.ndarray, se: np.ndarray, level: np.ndarray, power: float, counts: EdgeCounts | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest negative and smallest positive direct effect (absolute) that a Wald test finds.

    Without `counts` (z_{1−a/2} + z_power) se for both, the standard error of the estimate. An effect θ shifts the log
    mean of the child in the cells of the parent by θκ; with `counts` that shift is sought as the effect of a pair is,
    from the counts that it leaves (:func:`wald_mde`), by a test that first-stage noise makes stricter
    (:func:`with_first_stage`). The parent's own perturbation is taken for the edge's only instrument.
    """
    if counts is None:
        mde = (quantile_of(level) + ndtri(power)) * se
        return mde, mde.copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.abs(counts.knockdown)
        # Without the first stage's share no edge is known better than the total effect that it comes from; where the
        # estimate is large that share is nearly all of its variance, and the difference is mostly error.
        variance = np.fmax((se**2 - coef**2 / counts.strength) * size**2, counts.pair_se**2)
        count = np.maximum(counts.count, 0.5)
        expected = count * np.exp(-coef * counts.knockdown)
        quantile = with_first_stage(quantile_of(level), counts.strength)
        down, up = (shift / size for shift in wald_mde(expected, count, np.sqrt(variance), quantile, power))
    lowers = counts.knockdown > 0  # a negative effect of a parent that is activated lowers the child
    return np.where(lowers, down, up), np.where(lowers, up, down)


def wald_mde(
    expected: np.ndarray, count: np.ndarray, se: np.ndarray, quantile: np.ndarray, power: float
) -> tuple[np.ndarray, np.ndarray]:
    """Smallest decrease and smallest increase (absolute, log scale) that a Wald test of a pair finds.

    The variance of an estimate τ is r + e^{−τ}/E: the Poisson noise of the E e^τ counts of the group, and what it does
    not explain at the estimate, r = se² − 1/count. The test rejects beyond the τ_c with |τ_c| = q √(r + e^{−τ_c}/E).
    Infinite where the standard error outgrows the effect.

    Parameters
    ----------
    expected, count
        Counts without the effect, E, and counts seen.
    se, quantile
        Standard error of the estimate, critical value q of its ratio with the estimate.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.maximum(se**2 - 1.0 / count, 0.0)
        fewest = expected * np.exp(-_critical(quantile, spread, expected, -1.0))
        most = expected * np.exp(_critical(quantile, spread, expected, 1.0))
    return _inverted(expected, np.where(fewest > 0, fewest - 0.5, np.nan), most + 0.5, spread, power)


def _critical(quantile: np.ndarray, spread: np.ndarray, expected: np.ndarray, sign: float) -> np.ndarray:
    """Smallest τ > 0 with τ = t √(r + e^{−sign τ}/E), by Newton from 0, which is monotone; ∞ where there is none."""
    tau = np.zeros(np.broadcast(quantile, spread, expected).shape)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
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


def cells_per_perturbation(
    effect: np.ndarray,
    knockdown: np.ndarray | None,
    child: tuple[np.ndarray, np.ndarray],
    parent: tuple[np.ndarray, np.ndarray],
    n_controls: np.ndarray,
    level: np.ndarray,
    power: np.ndarray,
) -> np.ndarray:
    """Smallest number of cells with which a Wald test has the power, by bisection; infinite if none has.

    A natural log fold change τ estimated from n perturbed and n_c control cells has the variance r + e^{−τ}/(nμ) with
    r = φ/n + (1/μ + φ)/n_c.

    Parameters
    ----------
    effect, knockdown
        θ and κ, or τ and None.
    child, parent
        Mean count per control cell μ and dispersion φ.
    """
    given = (effect, 1.0 if knockdown is None else knockdown, *child, *parent, n_controls, level, power)
    effect, size, mean, phi, parent_mean, parent_phi, n_controls, level, power = np.broadcast_arrays(*given)
    tau = effect * size

    def enough(n: np.ndarray) -> np.ndarray:
        spread = phi / n + (1.0 / mean + phi) / n_controls
        if knockdown is None:
            quantile = quantile_of(level, n - 1.0)
        else:
            first = (np.exp(-size) / parent_mean + parent_phi) / n + (1.0 / parent_mean + parent_phi) / n_controls
            quantile = with_first_stage(quantile_of(level), size**2 / first)
        return _power(tau, n * mean, spread, quantile) >= power

    low, high = np.full(tau.shape, 1.0), np.full(tau.shape, _MOST_CELLS)
    possible = enough(high)
    while (high - low > 1.0).any():
        middle = np.maximum(np.floor(np.where(high > 4.0 * low, np.sqrt(low * high), (low + high) / 2.0)), low)
        reached = (middle > 1.0) & enough(np.maximum(middle, 2.0))  # one cell has no variance
        low, high = np.where(reached, low, middle), np.where(reached, middle, high)
    return np.where(possible, high, np.inf)


def _power(tau: np.ndarray, expected: np.ndarray, spread: np.ndarray, quantile: np.ndarray) -> np.ndarray:
    """Probability that a Wald test rejects in the direction of τ; see :func:`_inverted` for the law of the count."""
    size, mean = 1.0 / np.maximum(spread, _SMALLEST_SPREAD), expected * np.exp(tau)
    x = size / (size + mean)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        fewest = expected * np.exp(-_critical(quantile, spread, expected, -1.0))
        most = expected * np.exp(_critical(quantile, spread, expected, 1.0))
    down = np.where(fewest > 0, betainc(size, np.maximum(fewest, 0.0) + 0.5, x), 0.0)
    up = np.where(np.isfinite(most), 1.0 - betainc(size, np.where(np.isfinite(most), most, 0.0) + 0.5, x), 0.0)
    return np.where(tau < 0, down, up)
