"""Mixtures of the counts of one guide alone, whatever the cell: Poisson–Gaussian, and Gaussian.

The posterior probability is then a function of the count, and a guide has one threshold: the smallest count whose
posterior reaches the cut.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse
from scipy.special import gammaln, ndtr

from ._poisson_gauss_kernels import fit_poisson_gauss
from .by_guide import guide_entries, join_fits
from .calls import CallOptions, Fallback, GuideCalls, GuideFits
from .mixture import MIN_CELLS

__all__ = ["call_gaussian", "call_poisson_gauss"]

# share, λ, μ, σ: the medians of the priors, and three that have most cells in either component.
_STARTS = ((0.1, 1.0, 3.0, 7.4), (0.5, 0.3, 6.0, 1.5), (0.5, 1.0, 4.0, 2.0), (0.8, 0.2, 5.0, 2.0))
_TOLERANCE = 1e-8
_MAX_ITERATIONS = 20_000
_BRIGHT = 5  # counts above it start as signal of the Gaussian mixture


@dataclass(frozen=True, slots=True)
class _Fit:
    """Posterior of the counts 1, 2, …, the largest one, and the densities behind it."""

    posterior: np.ndarray
    effect: float
    share: float
    converged: bool
    fallback: Fallback
    expected: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]] | None = None


def call_poisson_gauss(counts: sparse.csr_array, options: CallOptions) -> GuideCalls:
    """Fit Poisson background and Gaussian signal to log2 of the non-zero counts of each guide.

    The density of the background at the non-integer x = log2(count) is λˣe^(−λ) / Γ(x + 1); the fit is the maximum
    of the posterior density under weak priors (those of crispat's ``poisson_gauss``).

    Parameters
    ----------
    counts
        Guide UMIs without duplicate entries or stored zeros, shape (n_cells, n_guides).
    options
        Uses `probability` and `min_umi`.
    """
    return _call(counts, _fit_poisson_gauss, options)


def call_gaussian(counts: sparse.csr_array, options: CallOptions) -> GuideCalls:
    """Fit two Gaussians with a common variance to log10(1 + count) of all cells, for each guide.

    Parameters
    ----------
    counts
        Guide UMIs without duplicate entries or stored zeros, shape (n_cells, n_guides).
    options
        Uses `probability` and `min_umi`.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():  # a guide that does not converge is listed as such
        warnings.simplefilter("ignore", ConvergenceWarning)
        return _call(counts, partial(_fit_gaussian, n_cells=counts.shape[0]), options)


def _call(counts: sparse.csr_array, fit: Callable[[np.ndarray], _Fit], options: CallOptions) -> GuideCalls:
    entries = [x for _, x in guide_entries(counts)]
    fits = list(options.track(options.map_(partial(_fit_if_enough, fit=fit), entries)))
    reached = [np.flatnonzero(f.posterior >= options.probability) for f in fits]
    fallback = np.array([f.fallback for f in fits], dtype=np.int8)
    # A "signal" that begins at the first UMI is the background of a guide that no cell carries.
    silent = np.array([len(r) == 0 or r[0] == 0 for r in reached], dtype=bool)
    fallback[(fallback == Fallback.NONE) & silent] = Fallback.NO_SIGNAL
    plain = fallback == Fallback.NONE
    first = np.array([r[0] + 1.0 if len(r) else np.nan for r in reached])
    details = GuideFits(
        threshold=np.where(plain, first, float(options.min_umi)),
        effect=np.where(plain, [f.effect for f in fits], np.nan),
        share=np.where(plain, [f.share for f in fits], np.nan),
        converged=np.array([f.converged for f in fits], dtype=bool),
        fallback=fallback,
        expected=partial(_expected, fits=fits, plain=plain),
    )
    chances = [f.posterior[x - 1] if ok else np.zeros(len(x)) for x, f, ok in zip(entries, fits, plain, strict=True)]
    return join_fits(counts, chances, details, options)


def _fit_if_enough(x: np.ndarray, fit: Callable[[np.ndarray], _Fit]) -> _Fit:
    if len(x) >= MIN_CELLS:
        return fit(x)
    reason = Fallback.FEW_CELLS if len(x) else Fallback.NO_UMI
    return _Fit(np.zeros(0), np.nan, np.nan, converged=False, fallback=reason)


def _fit_poisson_gauss(x: np.ndarray) -> _Fit:
    values, n = np.unique(x, return_counts=True)
    log2, n = np.log2(values), n.astype(np.float64)
    fits = [fit_poisson_gauss(log2, n, *start, _TOLERANCE, _MAX_ITERATIONS) for start in _STARTS]
    converged, _, share, rate, loc, sd = max(fits, key=lambda fit: fit[1])
    background, signal = _densities(np.log2(np.arange(1, values[-1] + 1)), share, rate, loc, sd)
    effect = np.log(2.0) * (loc - rate)  # of the mean log counts
    return _Fit(
        # A narrow Gaussian falls below the Poisson again far above its mean, but more UMIs are no evidence against.
        np.maximum.accumulate(signal / (background + signal)),
        effect,
        share,
        converged,
        Fallback.NONE if converged else Fallback.NOT_CONVERGED,
        partial(_expected_by_count, share=share, rate=rate, loc=loc, sd=sd, n_cells=len(x), largest=values[-1]),
    )


def _densities(x: np.ndarray, share: float, rate: float, loc: float, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Weight times density of background and signal at x = log2(count)."""
    background = (1.0 - share) * np.exp(x * np.log(rate) - rate - gammaln(x + 1.0))
    return background, share / (sd * np.sqrt(2.0 * np.pi)) * np.exp(-0.5 * ((x - loc) / sd) ** 2)


def _expected_by_count(
    edges: np.ndarray, share: float, rate: float, loc: float, sd: float, n_cells: int, largest: int
) -> tuple[np.ndarray, np.ndarray]:
    """Expected cells between counts, none without a UMI: the background at whole counts, scaled to its share."""
    counts = np.arange(1, largest + 1)
    density, _ = _densities(np.log2(counts), share, rate, loc, sd)
    background = np.histogram(counts, edges, weights=density / density.sum())[0]
    at = np.where(edges > 1, np.log2(np.maximum(edges, 1) - 0.5), -np.inf)
    return n_cells * (1.0 - share) * background, n_cells * share * np.diff(ndtr((at - loc) / sd))


def _fit_gaussian(x: np.ndarray, n_cells: int) -> _Fit:
    from sklearn.mixture import GaussianMixture

    values = np.zeros(n_cells)
    values[: len(x)] = np.sort(x)  # whatever the order of the cells
    bright = values > _BRIGHT
    if not bright.any() or bright.all():
        return _Fit(np.zeros(0), np.nan, np.nan, converged=False, fallback=Fallback.NO_SIGNAL)
    log10 = np.log10(1.0 + values)[:, None]
    means = np.stack([log10[~bright].mean(axis=0), log10[bright].mean(axis=0)])
    variance = np.square(log10 - means[bright.astype(int)]).mean() + 1e-6
    model = GaussianMixture(
        2,
        covariance_type="tied",
        means_init=means,
        weights_init=[1.0 - bright.mean(), bright.mean()],
        precisions_init=[[1.0 / variance]],
        max_iter=1000,
    ).fit(log10)
    signal = int(model.means_[1, 0] > model.means_[0, 0])
    weights, loc = model.weights_[[1 - signal, signal]], model.means_[[1 - signal, signal], 0]
    posterior = model.predict_proba(np.log10(1.0 + np.arange(1, x.max() + 1))[:, None])[:, signal]
    return _Fit(
        posterior,
        np.log(np.expm1(loc[1] * np.log(10.0)) / max(np.expm1(loc[0] * np.log(10.0)), 1e-12)),
        weights[1],
        bool(model.converged_),
        Fallback.NONE if model.converged_ else Fallback.NOT_CONVERGED,
        partial(_normal_cells, n_cells=n_cells * weights, loc=loc, sd=np.sqrt(model.covariances_[0, 0])),
    )


def _normal_cells(edges: np.ndarray, n_cells: np.ndarray, loc: np.ndarray, sd: float) -> tuple[np.ndarray, np.ndarray]:
    """Expected cells between counts; the background reaches below a count of 0."""
    at = np.where(edges > 0, np.log10(np.maximum(edges, 1) + 0.5), -np.inf)
    background, signal = (n * np.diff(ndtr((at - mean) / sd)) for n, mean in zip(n_cells, loc, strict=True))
    return background, signal


def _expected(edges: np.ndarray, fits: list[_Fit], plain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    result = np.full((2, len(fits), len(edges) - 1), np.nan)
    for g in np.flatnonzero(plain):
        result[:, g] = fits[g].expected(edges)
    return result[0], result[1]
