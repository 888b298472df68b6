"""Log p-values of the tests of one pair, without floor or overflow (METHOD 6)."""

import numpy as np
from scipy.special import betaln, gammainc, gammaincc, gammaln

from argen._core.normal import log_p_two_sided

__all__ = ["log_p_student", "pearson_iii_log_p", "score_log_p"]

_NORMAL_SKEWNESS = 1e-4
_UNDERFLOW = 1e-290
_TERMS = 10_000


def log_p_student(t: np.ndarray, df: np.ndarray) -> np.ndarray:
    r"""Log of the two-sided p-value of Student's t with `df` degrees of freedom.

    p = I_x(df/2, ½) with x = df / (df + t²), the regularised incomplete beta function. Where it underflows, its
    expansion x^a (1 − x)^½ / (a B(a, ½)) · ₂F₁(a + ½, 1; a + 1; x), a = df/2, is taken on the log scale.
    NaN where `df` is not positive.
    """
    from scipy.special import betainc, hyp2f1

    a = np.where(df > 0.0, df, np.nan) / 2.0
    t2 = np.square(t)
    x = 2.0 * a / (2.0 * a + t2)
    p = betainc(a, 0.5, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.log(p)
    tiny = p < _UNDERFLOW
    if tiny.any():
        a, x = a[tiny], x[tiny]
        series = np.log(hyp2f1(a + 0.5, 1.0, a + 1.0, x))
        log_p[tiny] = a * np.log(x) + 0.5 * np.log1p(-x) - np.log(a) - betaln(a, 0.5) + series
    return np.minimum(log_p, 0.0)


def pearson_iii_log_p(score: np.ndarray, variance: np.ndarray, third: np.ndarray) -> np.ndarray:
    r"""Log of the two-sided p of a score U with variance v and third central moment κ₃ under a Pearson III law.

    With g = κ₃ / v^{3/2}, k = 4 / g² and x = k + sign(g) √k U / √v,
    p = min(1, 2 min(Γ_k(x), 1 − Γ_k(x))), Γ_k the regularised incomplete gamma function; for g < 0 the tails swap,
    which leaves the minimum as it is. Normal where abs(g) < 1e-4. −∞ beyond the end of the law's bounded tail.
    """
    score, variance, third = np.broadcast_arrays(*np.atleast_1d(score, variance, third))
    z = score / np.sqrt(variance)
    skewness = third / variance**1.5
    shape = 4.0 / np.maximum(np.abs(skewness), _NORMAL_SKEWNESS) ** 2
    x = np.maximum(shape + np.sign(skewness) * np.sqrt(shape) * z, 0.0)
    lower, upper = gammainc(shape, x), gammaincc(shape, x)
    with np.errstate(divide="ignore"):
        log_tail = np.log(np.minimum(lower, upper))
    tiny = np.minimum(lower, upper) < _UNDERFLOW
    above, below = tiny & (x > shape), tiny & (x <= shape) & (x > 0.0)
    log_tail[above] = _log_upper_gamma(shape[above], x[above])
    log_tail[below] = _log_lower_gamma(shape[below], x[below])
    gamma = np.log(2.0) + log_tail
    return np.minimum(np.where(np.abs(skewness) < _NORMAL_SKEWNESS, log_p_two_sided(z), gamma), 0.0)


def score_log_p(score: np.ndarray, variance: np.ndarray, third: np.ndarray, log_probability: np.ndarray) -> np.ndarray:
    """Log p of the pooled-variance score test.

    The Pearson III law has a bounded lower tail, so on its own it can return 0 for few counts that are quite likely;
    the null probability of no counts at all, Π (1 + φμ_i)^{−1/φ}, is a lower bound of that tail and serves as floor.
    """
    log_p = pearson_iii_log_p(score, variance, third)
    return np.where(score < 0.0, np.minimum(np.maximum(log_p, np.log(2.0) + log_probability), 0.0), log_p)


def _log_upper_gamma(k: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Log(1 − Γ_k(x)) far above k, by Lentz's method for the continued fraction of the upper incomplete gamma."""
    b = x + 1.0 - k
    c, d = np.full_like(x, 1e300), 1.0 / b
    value = d.copy()
    for i in range(1, _TERMS):
        a = -i * (i - k)
        b = b + 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        value *= c * d
        if np.all(np.abs(c * d - 1.0) < 1e-14):
            break
    return k * np.log(x) - x - gammaln(k) + np.log(value)


def _log_lower_gamma(k: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Log Γ_k(x) far below k, by the power series Γ_k(x) = x^k e^{−x} / Γ(k + 1) · Σ_n x^n / ((k + 1) … (k + n))."""
    term, total = np.ones_like(x), np.ones_like(x)
    for n in range(1, _TERMS):
        term *= x / (k + n)
        total += term
        if np.all(term < 1e-15 * total):
            break
    return k * np.log(x) - x - gammaln(k + 1.0) + np.log(total)
