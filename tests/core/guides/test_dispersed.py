"""Negative binomial components: against a direct maximisation, and chosen where they are in the counts, only there."""

import numpy as np
import pytest
from guide_calls import f1, simulate_counts
from scipy import optimize, sparse, special, stats

from argen._core.guides import CallOptions, CellGroups, Fallback, call_mixture, count_edges
from argen._core.guides._dispersed_kernels import climb_size, digamma, fit_dispersed, log_density, trigamma

pytestmark = pytest.mark.slow

BATCHES = {"one batch": np.zeros((1, 0)), "three batches": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])}
COMPONENTS = {"signal": (0.0, 0.5), "both": (1.5, 0.4)}


def draw(rng, rows=BATCHES["one batch"], dispersion=(0.0, 0.0), n=4000, share=0.08, beta=(-4.0, 3.5)):
    """Counts of one guide from the model itself, α = 0 for a Poisson component."""
    depth, batch = rng.gamma(4.0, 8.0, n).round() + 20.0, rng.integers(0, len(rows), n)
    z = rng.random(n) < share
    effects = np.linspace(-0.7, 0.6, rows.shape[1])
    mean = depth * np.exp(beta[0] + beta[1] * z + (rows @ effects)[batch])
    alpha = np.array(dispersion)[z.astype(int)]
    mean = mean * np.where(alpha > 0, rng.gamma(1 / np.maximum(alpha, 1e-9)) * alpha, 1.0)
    return rng.poisson(mean), z, CellGroups(depth, batch, rows)


def call(x, cells, dispersion="auto", **options):
    options = CallOptions(np.array([0]), cells=cells, dispersion=dispersion, **options)
    return call_mixture(sparse.csr_array(x[:, None].astype(np.int64)), options)


def log_joint(parameters, x, cells, free):
    """Log joint density of counts with Z = 0 and Z = 1 from scipy's distributions; α of the free components is last."""
    logit, b0, bz, *rest = parameters
    gamma, log_alpha = np.array(rest[: cells.rows.shape[1]]), list(rest[cells.rows.shape[1] :])
    share = special.log_expit([-logit, logit])
    result = []
    for z in (0, 1):
        mean = cells.depth * np.exp(b0 + z * bz + (cells.rows @ gamma)[cells.batch])
        if free[z]:
            r = np.exp(-log_alpha.pop(0))
            result.append(share[z] + stats.nbinom.logpmf(x, r, r / (r + mean)))
        else:
            result.append(share[z] + stats.poisson.logpmf(x, mean))
    return result


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("components", COMPONENTS)
def test_against_a_direct_maximisation(name, components):
    dispersion = COMPONENTS[components]
    x, _, cells = draw(np.random.default_rng(0), BATCHES[name], dispersion)
    free = [alpha > 0 for alpha in dispersion]
    q = cells.rows.shape[1]

    def objective(parameters):
        prior = 0.5 * parameters[1] - 0.5 * 0.25 * np.square(parameters[3 : 3 + q]).sum()
        return -np.logaddexp(*log_joint(parameters, x, cells, free)).sum() - prior

    start = np.concatenate([[-2.5, -4.0, 3.5], np.zeros(q), np.log([alpha for alpha in dispersion if alpha > 0])])
    best = optimize.minimize(objective, start, method="BFGS", options={"gtol": 1e-4}).x
    calls = call(x, cells)
    fits = calls.fits
    np.testing.assert_allclose(fits.effect, best[2], atol=5e-3)
    np.testing.assert_allclose(fits.share, special.expit(best[0]), rtol=5e-3)
    alpha = np.zeros(2)
    alpha[free] = np.exp(best[3 + q :])
    np.testing.assert_allclose(fits.dispersion[0], alpha, rtol=0.02)
    zero, one = log_joint(best, x, cells, free)
    posterior = np.where(x > 0, special.expit(one - zero), 0)
    np.testing.assert_allclose(calls.posterior.toarray()[:, 0], posterior, atol=5e-3)


def test_an_overdispersed_signal_is_found_and_fits():
    """α comes back within 4 standard errors of its mean, and the histogram is within chance of the expected one."""
    rng, found = np.random.default_rng(1), []
    for _ in range(30):
        x, _, cells = draw(rng, dispersion=(0.0, 0.5))
        found.append(call(x, cells).fits.dispersion[0])
    found = np.array(found)
    assert (found[:, 0] == 0).mean() > 0.9
    assert (found[:, 1] > 0).all()
    assert abs(found[:, 1].mean() - 0.5) < 4 * found[:, 1].std(ddof=1) / np.sqrt(30)
    x, _, cells = draw(rng, dispersion=(0.0, 0.5), n=8000)
    edges = count_edges(x.max())
    observed = np.histogram(x, edges)[0]

    def distance(dispersion):
        background, signal = call(x, cells, dispersion).fits.expected(edges)
        expected = (background + signal)[0]
        return (np.square(observed - expected) / np.maximum(expected, 1.0)).sum()

    assert distance("auto") < stats.chi2.isf(1e-3, len(observed))
    assert distance("none") > 10 * distance("auto")


def test_a_poisson_signal_is_left_poisson_and_called_as_before():
    """BIC adds a parameter at its bound with a probability of P(χ²₁ > log n) / 2 = .002."""
    rng, n_chosen = np.random.default_rng(2), 0
    for _ in range(100):
        x, _, cells = draw(rng, n=2000)
        first, second = call(x, cells, "none"), call(x, cells)
        chosen = bool(second.fits.dispersion.any())
        n_chosen += chosen
        if not chosen:
            assert (first.posterior != second.posterior).nnz == 0
            assert (first.assignment != second.assignment).nnz == 0
    assert n_chosen <= stats.binom.isf(1e-3, 100, 0.005)


@pytest.mark.parametrize("signal", [10, 20, 50, 100])
def test_calls_are_ahead_where_the_background_is_poisson(signal):
    counts, truth, batch = simulate_counts(np.random.default_rng(8), signal)
    umis = counts.sum(axis=1)
    cells = CellGroups(umis + 0.5 * np.median(umis), np.zeros_like(batch), np.zeros((1, 0)))
    found = {}
    for dispersion in ("none", "auto"):
        options = CallOptions(np.arange(60), cells=cells, dispersion=dispersion)
        found[dispersion] = call_mixture(sparse.csr_array(counts), options).assignment.toarray() > 0
    assert f1(found["auto"], truth) > f1(found["none"], truth)


def test_expected_histogram_is_that_of_scipy():
    """All cells of one depth, so that no grid of depths is in between."""
    rng = np.random.default_rng(9)
    x, _, cells = draw(rng, dispersion=(1.0, 0.5))
    cells = CellGroups(np.full_like(cells.depth, 50.0), cells.batch, cells.rows)
    fits = call(x, cells).fits
    edges = count_edges(x.max())
    signal = fits.expected(edges)[1]
    r = 1.0 / fits.dispersion[0, 1]
    # Means follow from what is reported: all UMIs are those of background and signal.
    ratio, share = np.exp(fits.effect[0]), fits.share[0]
    low = x.mean() / (1.0 - share + share * ratio)
    expected = len(x) * share * np.diff(stats.nbinom.cdf(edges - 1, r, r / (r + low * ratio)))
    np.testing.assert_allclose(signal[0], expected, rtol=0.01, atol=0.01)
    everything = fits.expected(np.array([0, 1, 7, 1_000_000]))
    np.testing.assert_allclose(sum(part.sum() for part in everything), len(x), rtol=1e-9)


def test_more_umis_are_no_evidence_against_a_guide():
    """Within a depth the posterior rises with the count, whatever was chosen."""
    rng = np.random.default_rng(3)
    for dispersion in ((0.0, 0.0), (5.0, 0.0), (5.0, 0.1), (1.0, 1.0)):
        x, _, cells = draw(rng, dispersion=dispersion)
        cells = CellGroups(np.full_like(cells.depth, 50.0), cells.batch, cells.rows)
        posterior = call(x, cells).posterior.toarray()[:, 0]
        assert (np.diff(posterior[np.argsort(x, kind="stable")]) >= -1e-6).all()


def test_guides_without_a_fit_stay_without():
    x = np.zeros(500, dtype=np.int64)
    x[:5] = 9
    calls = call(x, CellGroups(np.full(500, 10.0), np.zeros(500, dtype=int), np.zeros((1, 0))))
    assert calls.fits.fallback[0] == Fallback.FEW_CELLS
    assert np.isnan(calls.fits.dispersion).all()


def test_order_of_cells_changes_nothing():
    rng = np.random.default_rng(4)
    x, _, cells = draw(rng, BATCHES["three batches"], (1.0, 0.4))
    order = rng.permutation(len(x))
    first = call(x, cells).posterior.toarray()
    second = call(x[order], CellGroups(cells.depth[order], cells.batch[order], cells.rows)).posterior.toarray()
    np.testing.assert_array_equal(second, first[order])


@pytest.mark.parametrize("compiled", [True, False])
def test_special_functions(compiled):
    x = np.array([1e-3, 0.02, 0.7, 3.0, 8.0, 50.0, 1e5])
    for function, expected in ((digamma, special.digamma(x)), (trigamma, special.polygamma(1, x))):
        function = function if compiled else function.py_func
        np.testing.assert_allclose([function(value) for value in x], expected, rtol=1e-9, atol=1e-9)
    density = log_density if compiled else log_density.py_func
    for count in (0, 1, 7, 900):
        expected = stats.nbinom.logpmf(count, 0.7, 0.7 / 5.7) + special.gammaln(count + 1)
        np.testing.assert_allclose(density(float(count), 5.0, 0.7), expected, rtol=1e-9)
        expected = stats.poisson.logpmf(count, 5.0) + special.gammaln(count + 1)
        np.testing.assert_allclose(density(float(count), 5.0, np.inf), expected, rtol=1e-9, atol=1e-12)


def test_size_climbs_to_the_maximum_of_its_likelihood():
    rng = np.random.default_rng(5)
    x, ones = rng.negative_binomial(2.0, 2.0 / 32.0, 400).astype(float), np.ones(400)
    level, size = np.zeros(400, dtype=np.int64), 20.0
    for _ in range(30):
        size = climb_size(x, ones, level, ones, ones, np.array([30.0]), 1, size)
    best = optimize.minimize_scalar(
        lambda r: -stats.nbinom.logpmf(x, r, r / (r + 30.0)).sum(), bounds=(0.1, 20.0), method="bounded",
        options={"xatol": 1e-8},
    )  # fmt: skip
    np.testing.assert_allclose(size, best.x, rtol=1e-5)


def test_kernel_in_python_agrees():
    x, _, cells = draw(np.random.default_rng(6), BATCHES["three batches"], (1.0, 0.4), n=300)
    results = []
    for function in (fit_dispersed, fit_dispersed.py_func):
        beta, size, free = np.array([-4.0, 3.0, 0.0, 0.0]), np.array([2.0, 2.0]), np.ones(2, dtype=bool)
        status, value, share, *_ = function(
            x.astype(float), cells.depth, cells.batch, np.ones(300), cells.rows, 0.1, beta, size, free, 1e-6, 20
        )  # fmt: skip
        results.append([status, value, share, *beta, *size])
    np.testing.assert_allclose(*results, rtol=1e-9)
