r"""Estimates of the same numbers from independent sets of cells: how much they differ, and their mean.

With estimates θ_u and standard errors s_u of k sets, w_u = 1/s_u²:

    Q = Σ w_u (θ_u − θ̄)²,  θ̄ = Σ w_u θ_u / Σ w_u       χ² with k − 1 degrees of freedom if all θ are one
    F = Q / (k − 1) / (1 + 2 (k − 2) / (k² − 1) Λ),  Λ = Σ (1 − w_u/Σw)² / df_u;  F(k − 1, (k² − 1) / 3Λ)   Welch,
                                                        where s_u comes from few replicates: df_u degrees of freedom
    τ²:  Σ (θ_u − θ̄_τ)² / (s_u² + τ²) = k − 1           Paule and Mandel's variance between sets, 0 if Q ≤ k − 1
    se² = max(1, q) / Σ w*_u,  q = Σ w*_u (θ_u − θ̄_τ)² / (k − 1)    Hartung and Knapp, w* = 1/(s² + τ²), t with k − 1 df

With Paule and Mandel's τ² q is 1, or less where τ² = 0: what is left of the method is the t distribution. max(1, q), as
Röver, Knapp and Friede (2015) have it, keeps the error from falling below what the sets' own errors give: of two or
three sets some agree by chance far better than they can know.
"""

from dataclasses import dataclass

import numpy as np

__all__ = ["Heterogeneity", "RandomMean", "heterogeneity", "random_mean"]

_BISECTIONS = 200  # at most; each halves an interval, to full precision


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """Whether the sets agree; arrays of shape (m,), NaN where fewer than two sets have an estimate.

    Attributes
    ----------
    n
        Sets with an estimate.
    Q, p
        Cochran's statistic and its p-value (Welch's where standard errors are those of few replicates).
    I2
        Share of the variation of the estimates beyond their own errors, max(0, (Q − df) / Q).
    """

    n: np.ndarray
    Q: np.ndarray
    p: np.ndarray
    I2: np.ndarray


@dataclass(frozen=True, slots=True)
class RandomMean:
    """The mean over sets that are a sample themselves; arrays of shape (m,), NaN where fewer than two have estimates.

    Attributes
    ----------
    mean, se
        Mean and Hartung and Knapp's standard error.
    df
        Degrees of freedom of its t distribution: sets − 1.
    tau
        Standard deviation between the sets.
    """

    mean: np.ndarray
    se: np.ndarray
    df: np.ndarray
    tau: np.ndarray


def heterogeneity(coef: np.ndarray, se: np.ndarray, df: np.ndarray | None = None) -> Heterogeneity:
    """Whether the sets have one value.

    Parameters
    ----------
    coef, se
        Estimates and standard errors, shape (k, m); NaN where there is none.
    df
        Degrees of freedom of the standard errors, of the same shape; None or ∞: they are known, as from many cells.
    """
    known, weight = _weights(coef, se, 0.0)
    n = known.sum(axis=0)
    _, Q = _mean_and_q(coef, weight, known)
    with np.errstate(divide="ignore", invalid="ignore"):
        I2 = np.where(Q > 0, np.maximum(0.0, (Q - (n - 1)) / Q), 0.0)
    p = _welch(Q, n, weight, np.full(coef.shape, np.inf) if df is None else df)
    return Heterogeneity(n, *(np.where(n > 1, values, np.nan) for values in (Q, p, I2)))


def _welch(Q: np.ndarray, n: np.ndarray, weight: np.ndarray, df: np.ndarray) -> np.ndarray:
    """p-values of Q, by χ² where all errors are known."""
    from scipy.special import chdtrc, fdtrc

    between = np.maximum(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(weight > 0, (1.0 - weight / weight.sum(axis=0)) ** 2 / df, 0.0).sum(axis=0)
        F = Q / between / (1.0 + 2.0 * (n - 2) / (n**2 - 1.0) * share)
        within = (n**2 - 1.0) / (3.0 * share)
    known = share == 0
    safe = np.where(known | ~np.isfinite(within), 1.0, within)
    return np.where(known, chdtrc(between, Q), fdtrc(between, safe, np.where(np.isfinite(F), F, 0.0)))


def random_mean(coef: np.ndarray, se: np.ndarray) -> RandomMean:
    """The mean over sets, its error taken from how much they differ; arguments as in :func:`heterogeneity`."""
    known, _ = _weights(coef, se, 0.0)
    n = known.sum(axis=0)
    tau2 = _paule_mandel(coef, se, n)
    _, weight = _weights(coef, se, tau2)
    mean, spread = _mean_and_q(coef, weight, known)
    df = np.maximum(n - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(np.maximum(spread / df, 1.0) / weight.sum(axis=0))
    found = (np.where(n > 1, values, np.nan) for values in (mean, error, df.astype(float), np.sqrt(tau2)))
    return RandomMean(*found)


def _weights(coef: np.ndarray, se: np.ndarray, tau2: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """Which estimates there are, and 1 / (s² + τ²), 0 for the others."""
    known = np.isfinite(coef) & np.isfinite(se) & (se > 0)
    return known, np.where(known, 1.0 / (np.where(known, se, 1.0) ** 2 + tau2), 0.0)


def _mean_and_q(coef: np.ndarray, weight: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted mean, and the weighted sum of squares about it."""
    values = np.where(known, coef, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (weight * values).sum(axis=0) / weight.sum(axis=0)
    return mean, (weight * np.where(known, values - mean, 0.0) ** 2).sum(axis=0)


def _paule_mandel(coef: np.ndarray, se: np.ndarray, n: np.ndarray) -> np.ndarray:
    """τ² at which the generalised Q equals its degrees of freedom: Q falls in τ², so bisection always finds it."""

    def excess(tau2: np.ndarray) -> np.ndarray:
        known, weight = _weights(coef, se, tau2)
        return _mean_and_q(coef, weight, known)[1] - (n - 1)

    low = np.zeros(coef.shape[1])
    wanted = (n > 1) & (excess(low) > 0)
    if not wanted.any():
        return low
    known, _ = _weights(coef, se, 0.0)
    _, square = _mean_and_q(coef, known.astype(float), known)
    high = np.where(wanted, square, 0.0)  # Q(τ²) < Σ(θ − θ̄)² / τ², which is k − 1 ≥ 1 at most here
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if (wanted & (middle > low) & (middle < high)).any():
            above = excess(middle) > 0
            low, high = np.where(wanted & above, middle, low), np.where(wanted & ~above, middle, high)
        else:
            break
    return np.where(wanted, (low + high) / 2.0, 0.0)
