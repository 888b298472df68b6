"""What null p-values say: share of rejected tests, inflation, quantiles (METHOD 9; see :mod:`.calibration`)."""

from dataclasses import dataclass

import numpy as np

from argen._core.normal import size_of_z

__all__ = ["Rate", "inflation", "qq_points", "rejection_rate"]

_MEDIAN_CHI2 = 0.45493642311957283
_BAND = _UPPER = 0.95


@dataclass(frozen=True, slots=True)
class Rate:
    """Share of rejected tests.

    Attributes
    ----------
    n
        Number of tests.
    rate, se
        Share of them that was rejected; its standard error over the clusters, NaN with fewer than two.
    high
        One-sided 95 % upper limit of the rate: that no test was rejected does not make it 0.
    """

    n: int
    rate: float
    se: float
    high: float


def rejection_rate(rejected: np.ndarray, tested: np.ndarray) -> Rate:
    """Share of rejected tests with a standard error that allows for dependence within a cluster.

    With x_c of n_c tests of cluster c rejected and r = Σ x_c / Σ n_c,  se² = C/(C − 1) Σ_c (x_c − r n_c)² / (Σ n_c)².
    The upper limit is Clopper and Pearson's, of as many independent tests as have this standard error.

    Parameters
    ----------
    rejected, tested
        Boolean arrays [cluster, test].
    """
    from scipy.special import betaincinv

    n_per, x_per = tested.sum(axis=1), (rejected & tested).sum(axis=1)
    n, clusters = int(n_per.sum()), int((n_per > 0).sum())
    if n == 0:
        return Rate(0, np.nan, np.nan, np.nan)
    rate = float(x_per.sum() / n)
    spread = float(np.square(x_per - rate * n_per).sum())
    se = float(np.sqrt(clusters / (clusters - 1) * spread) / n) if clusters > 1 else np.nan
    independent = min(n, rate * (1.0 - rate) / se**2) if se > 0.0 else n
    hits = rate * independent
    high = float(betaincinv(hits + 1.0, independent - hits, _UPPER)) if rate < 1.0 else 1.0
    return Rate(n, rate, se, high)


def inflation(log_p: np.ndarray) -> float:
    """Genomic control's λ: median of the χ²₁ quantiles of p-values over .455, 1 if they are uniform; NaN of none."""
    log_p = log_p[np.isfinite(log_p)]
    if len(log_p) == 0:
        return np.nan
    return float(size_of_z(np.median(log_p)) ** 2 / _MEDIAN_CHI2)


def qq_points(log_p: np.ndarray, most: int = 500) -> dict[str, np.ndarray]:
    """Quantile–quantile points of −log₁₀ p against the uniform law, with a pointwise 95 % band.

    The i-th smallest of n independent uniform p-values has the law Beta(i, n − i + 1), with the mean i / (n + 1), which
    is what is expected. With more than `most` points the smallest p-values are all kept, the others evenly spaced in
    log rank.

    Parameters
    ----------
    log_p
        Natural logs of p-values; NaN are left out.
    most
        Largest number of points.

    Returns
    -------
    ``expected``, ``observed``, ``low``, ``high``, each −log₁₀ p from the smallest p to the largest.
    """
    from scipy.stats import beta

    ordered = np.sort(log_p[np.isfinite(log_p) | np.isneginf(log_p)])
    n = len(ordered)
    rank = np.arange(1, n + 1)
    if n > most:
        rank = np.unique(np.geomspace(1, n, most).round().astype(np.int64))
    tail = (1.0 - _BAND) / 2.0
    return {
        "expected": -np.log10(rank / (n + 1)),
        "observed": -ordered[rank - 1] / np.log(10.0),
        "low": -np.log10(beta.ppf(1.0 - tail, rank, n - rank + 1)),
        "high": -np.log10(beta.ppf(tail, rank, n - rank + 1)),
    }
