"""Tests that stay valid where the Wald test breaks down (METHOD 6)."""

import numpy as np
from scipy.special import gammainc, gammaincc, log_ndtr

__all__ = ["log_p_two_sided", "log_p_without_counts", "pearson_iii_p"]

_NORMAL_SKEWNESS = 1e-4


def log_p_two_sided(z: np.ndarray) -> np.ndarray:
    """Log 2Φ(−|z|): no floor, no overflow; NaN stays NaN."""
    return np.log(2.0) + log_ndtr(-np.abs(z))


def pearson_iii_p(score: np.ndarray, variance: np.ndarray, third: np.ndarray) -> np.ndarray:
    r"""Two-sided p of a score U with variance v and third central moment κ₃ under a Pearson III law.

    With g = κ₃ / v^{3/2}, k = 4 / g² and x = k + sign(g) √k U / √v,
    p = min(1, 2 min(Γ_k(x), 1 − Γ_k(x))), Γ_k the regularised incomplete gamma function; for g < 0 the tails swap,
    which leaves the minimum as it is. Normal where abs(g) < 1e-4.
    """
    z = score / np.sqrt(variance)
    skewness = third / variance**1.5
    shape = 4.0 / np.maximum(np.abs(skewness), _NORMAL_SKEWNESS) ** 2
    x = np.maximum(shape + np.sign(skewness) * np.sqrt(shape) * z, 0.0)
    gamma = 2.0 * np.minimum(gammainc(shape, x), gammaincc(shape, x))
    normal = np.exp(log_p_two_sided(z))
    return np.minimum(np.where(np.abs(skewness) < _NORMAL_SKEWNESS, normal, gamma), 1.0)


def log_p_without_counts(
    score: np.ndarray, variance: np.ndarray, third: np.ndarray, log_probability: np.ndarray
) -> np.ndarray:
    """Log p of a group without counts: the larger of the score test's p and 2 P(no counts).

    The Pearson III law has a bounded lower tail, so on its own it can return 0 for a group in which no counts are
    quite likely; the null probability of the event itself, Π (1 + φμ_i)^{−1/φ}, is the floor.
    """
    with np.errstate(divide="ignore"):
        log_p = np.log(pearson_iii_p(score, variance, third))
    return np.minimum(np.maximum(log_p, np.log(2.0) + log_probability), 0.0)
