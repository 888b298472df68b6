"""Mixtures of the counts alone and the threshold, against direct maximisation and scikit-learn's own search."""

import numpy as np
import pytest
from guide_calls import simulate_counts
from scipy import optimize, sparse, special, stats
from sklearn.mixture import GaussianMixture

from argen._core.guides import CALLERS, CallOptions, Fallback, count_edges, count_histogram

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def counts():
    return simulate_counts(np.random.default_rng(0), 40, cells=5000, guides=8)[0].astype(np.int64)


def run(method, counts, **options):
    return CALLERS[method].call(sparse.csr_array(counts), CallOptions(np.arange(counts.shape[1]), **options))


def minus_log_posterior(parameters, x):
    """Of the Poisson–Gaussian mixture: share, log λ, μ, log σ, all unbounded; priors as densities of the parameters."""
    logit, log_rate, loc, log_sd = parameters
    share, rate, sd = special.expit(logit), np.exp(log_rate), np.exp(log_sd)
    background = np.log1p(-share) + x * log_rate - rate - special.gammaln(x + 1)
    signal = np.log(share) + stats.norm.logpdf(x, loc, sd)
    prior = -0.1 * np.log1p(-share) - 0.9 * np.log(share)
    prior += (
        stats.lognorm.logpdf(rate, 1.0) + stats.norm.logpdf(loc, 3, 2) + stats.lognorm.logpdf(sd, 1.0, scale=np.e**2)
    )
    return -(np.logaddexp(background, signal).sum() + prior)


def test_poisson_gauss_is_at_the_maximum_of_the_posterior(counts):
    calls = run("poisson_gauss", counts)
    for guide in range(counts.shape[1]):
        x = np.log2(counts[counts[:, guide] > 0, guide])
        starts = [(0.0, 0.0, 4.0, 0.0), (-2.0, -1.0, 6.0, 0.5), (1.0, -2.0, 5.0, 1.0)]
        fits = [optimize.minimize(minus_log_posterior, s, args=(x,), method="BFGS") for s in starts]
        logit, log_rate, loc, log_sd = min(fits, key=lambda fit: fit.fun).x
        np.testing.assert_allclose(calls.fits.share[guide], special.expit(logit), rtol=1e-3)
        np.testing.assert_allclose(calls.fits.effect[guide], np.log(2) * (loc - np.exp(log_rate)), rtol=1e-3)
        k = np.arange(1, counts[:, guide].max() + 1)
        signal = special.expit(logit) * stats.norm.pdf(np.log2(k), loc, np.exp(log_sd))
        rate = np.exp(log_rate)
        background = special.expit(-logit) * np.exp(np.log2(k) * log_rate - rate - special.gammaln(np.log2(k) + 1))
        assert calls.fits.threshold[guide] == k[signal / (signal + background) >= 0.8][0]


def test_gaussian_is_as_likely_as_the_best_of_many_starts(counts):
    calls = run("gaussian", counts, probability=0.5)
    for guide in range(counts.shape[1]):
        x = np.log10(1.0 + counts[:, [guide]])
        best = GaussianMixture(2, covariance_type="tied", n_init=10, random_state=0, max_iter=1000, tol=1e-6).fit(x)
        upper = int(np.argmax(best.means_))
        np.testing.assert_allclose(calls.fits.share[guide], best.weights_[upper], rtol=0.02)
        k = np.arange(1, 60)
        threshold = k[best.predict_proba(np.log10(1.0 + k)[:, None])[:, upper] >= 0.5][0]
        assert abs(calls.fits.threshold[guide] - threshold) <= 1


@pytest.mark.parametrize("method", ["poisson_gauss", "gaussian"])
def test_posterior_and_threshold_say_the_same(counts, method):
    calls = run(method, counts)
    called = calls.assignment.toarray() > 0
    np.testing.assert_array_equal(called, counts >= calls.fits.threshold)
    posterior = calls.posterior.toarray()
    np.testing.assert_array_equal(called, posterior >= 0.8)
    assert not posterior[counts == 0].any()


@pytest.mark.parametrize("method", ["poisson_gauss", "gaussian"])
def test_guides_without_a_fit_fall_back(counts, method):
    counts = counts.copy()
    counts[:, 0], counts[:, 1] = 0, 0
    counts[:5, 1] = 7
    calls = run(method, counts, min_umi=6)
    assert [Fallback(code) for code in calls.fits.fallback[:3]] == [Fallback.NO_UMI, Fallback.FEW_CELLS, Fallback.NONE]
    np.testing.assert_array_equal(calls.assignment.toarray()[:, :2] > 0, counts[:, :2] >= 6)


def test_more_umis_are_no_evidence_against_a_guide():
    """A narrow signal, and one cell far above it: the Gaussian alone would take that for background."""
    counts = np.zeros((3000, 1), dtype=np.int64)
    counts[:300], counts[300:700, 0] = 1, np.random.default_rng(0).integers(28, 37, 400)
    counts[700] = 60_000
    calls = run("poisson_gauss", counts)
    np.testing.assert_array_equal(calls.assignment.toarray() > 0, counts >= 28)


def test_a_guide_that_no_cell_carries_is_not_called_from_one_umi_on(counts):
    """Nearly all cells without a UMI, a few with one or two: to two Gaussians any UMI is a signal."""
    counts = counts.copy()
    counts[:, 0] = 0
    counts[:60, 0], counts[60:66, 0], counts[66, 0] = 1, 2, 7
    calls = run("gaussian", counts)
    assert calls.fits.fallback[0] == Fallback.NO_SIGNAL
    np.testing.assert_array_equal(calls.assignment.toarray()[:, 0] > 0, counts[:, 0] >= 5)


@pytest.mark.parametrize("method", ["poisson_gauss", "gaussian"])
def test_expected_cells(counts, method):
    """Poisson–Gauss describes the cells with a UMI, the Gaussian mixture all of them."""
    fits = run(method, counts).fits
    edges = count_edges(int(counts.max()))
    total = sum(part.sum(axis=1) for part in fits.expected(edges))
    cells = (counts > 0).sum(axis=0) if method == "poisson_gauss" else np.full(counts.shape[1], len(counts))
    np.testing.assert_allclose(total, cells, rtol=0.1)


def test_threshold(counts):
    calls = run("threshold", counts, min_umi=7)
    np.testing.assert_array_equal(calls.assignment.toarray() > 0, counts >= 7)
    assert calls.posterior is None


@pytest.mark.parametrize("largest", [0, 1, 5, 9, 10, 1000])
def test_edges_hold_every_count_once(largest):
    edges = count_edges(largest)
    assert edges[0] == 0
    assert edges[-1] > largest
    assert (np.diff(edges) >= 1).all()


def test_histogram(counts):
    calls = run("threshold", counts)
    edges = count_edges(int(counts.max()))
    without, with_ = count_histogram(sparse.csr_array(counts), calls.assignment, edges)
    for guide, called in enumerate((counts >= 5).T):
        x = counts[:, guide]
        np.testing.assert_array_equal(with_[guide], np.histogram(x[called], edges)[0])
        np.testing.assert_array_equal(without[guide], np.histogram(x[~called], edges)[0])
