"""The Poisson regression mixture: against a direct maximisation of its likelihood, and on counts with known guides."""

import numpy as np
import pytest
from guide_calls import call, f1, simulate_counts
from scipy import optimize, sparse, special, stats

from argen._core.guides import CallOptions, CellGroups, Fallback, Reason, call_mixture

pytestmark = pytest.mark.slow

BATCHES = {
    "one batch": np.zeros((1, 0)),
    "three batches": np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
    "two factors": np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]),
}


def draw(rng, rows, n=1500, share=0.08, beta=(-4.0, 3.0)):
    """Counts of one guide from the model itself."""
    depth, batch = rng.gamma(4.0, 8.0, n).round() + 20.0, rng.integers(0, len(rows), n)
    z = rng.random(n) < share
    effects = np.linspace(-0.7, 0.6, rows.shape[1])
    x = rng.poisson(depth * np.exp(beta[0] + beta[1] * z + (rows @ effects)[batch]))
    return x, z, CellGroups(depth, batch, rows)


def log_density(parameters, x, cells):
    """Log joint density of the counts with Z = 0 and Z = 1, each (n,), up to −log x!."""
    logit, b0, bz, *gamma = parameters
    eta = np.log(cells.depth) + b0 + (cells.rows @ np.array(gamma))[cells.batch]
    share = special.log_expit([-logit, logit])
    return [share[z] + x * (eta + z * bz) - np.exp(eta + z * bz) for z in (0, 1)]


def objective(parameters, x, cells):
    """Log likelihood over all cells with the half UMI and the prior of the batch effects."""
    likelihood = np.logaddexp(*log_density(parameters, x, cells)).sum() - (x * np.log(cells.depth)).sum()
    return -(likelihood + 0.5 * parameters[1] - 0.5 * 0.25 * np.square(parameters[3:]).sum())


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("seed", range(3))
def test_against_a_direct_maximisation(name, seed):
    x, _, cells = draw(np.random.default_rng(seed), BATCHES[name])
    counts = sparse.csr_array(x[:, None].astype(np.int64))
    calls = call_mixture(counts, CallOptions(np.array([0]), cells=cells))
    start = np.concatenate([[-2.0, -4.0, 2.5], np.zeros(cells.rows.shape[1])])
    best = optimize.minimize(objective, start, args=(x, cells), method="BFGS", options={"gtol": 1e-6})
    fits = calls.fits
    assert fits.converged.all()
    np.testing.assert_allclose(fits.effect, best.x[2], atol=1e-3)
    np.testing.assert_allclose(fits.share, special.expit(best.x[0]), rtol=1e-3)
    zero, one = log_density(best.x, x, cells)
    posterior = special.expit(one - zero)
    np.testing.assert_allclose(calls.posterior.toarray()[:, 0], np.where(x > 0, posterior, 0), atol=2e-3)
    clear = abs(posterior - 0.8) > 0.01
    np.testing.assert_array_equal(calls.assignment.toarray()[clear, 0], ((posterior >= 0.8) & (x > 0))[clear])


def test_effect_is_on_the_scale_of_the_simulation():
    """β_z and π come back within 4 standard errors of their means; a shift by the log fold change would be seen."""
    rng, found = np.random.default_rng(5), []
    for _ in range(30):
        x, _, cells = draw(rng, BATCHES["three batches"])
        fits = call_mixture(sparse.csr_array(x[:, None]), CallOptions(np.array([0]), cells=cells)).fits
        found.append((fits.effect[0] - 3.0, fits.share[0] - 0.08))
    mean, se = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert (abs(mean) < 4 * se).all()
    assert se[0] < 0.05


# The F1 of five replicates differ by less than .003 (standard deviation): 4 standard errors are below .006.
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, 0.98),
        ({"batch_factors": (0.5, 1.0, 2.0)}, 0.98),
        ({"weak": 0.2}, 0.98),
        ({"n_guides": (0.4, 0.5, 0.1)}, 0.98),
    ],
)
def test_right_calls_at_a_moderate_signal(arguments, expected):
    counts, truth, batch = simulate_counts(np.random.default_rng(3), 50, **arguments)
    assert f1(call(counts, batch, "mixture"), truth) > expected
    assert f1(call(counts, batch, "mixture, batch"), truth) > expected


@pytest.mark.parametrize("signal", [5, 10, 20])
def test_ahead_of_simple_rules_where_the_signal_is_weak(signal):
    counts, truth, batch = simulate_counts(np.random.default_rng(4), signal, weak=0.2)
    mixture = f1(call(counts, batch, "mixture"), truth)
    assert mixture > f1(call(counts, batch, "poisson_gauss"), truth)
    assert mixture > f1(call(counts, batch, "threshold"), truth) + 0.03
    assert mixture > f1(call(counts, batch, "max"), truth) + 0.2


def test_batch_effects_are_needed_where_the_background_differs_much():
    """One batch has 30 times the background share: without its effect its background is called."""
    rng = np.random.default_rng(6)
    n = 4000
    batch, depth = rng.integers(0, 2, n), np.full(n, 100.0)
    z = rng.random(n) < 0.05
    x = rng.poisson(np.where(z, 15.0, np.where(batch == 1, 3.0, 0.1)))
    counts = sparse.csr_array(x[:, None].astype(np.int64))

    def called(codes, rows):
        groups = CellGroups(depth, codes, rows)
        return call_mixture(counts, CallOptions(np.array([0]), cells=groups)).assignment.toarray()[:, 0] > 0

    plain = called(np.zeros(n, dtype=int), np.zeros((1, 0)))
    adjusted = called(batch, np.array([[0.0], [1.0]]))
    # γ is common to both components, so the gain shows in the batch with the higher background.
    wrong = [int((calls & ~z)[batch == 1].sum()) for calls in (plain, adjusted)]
    assert wrong[1] < wrong[0]


def groups_of(counts):
    umis = counts.sum(axis=1)
    return CellGroups(umis + 0.5 * np.median(umis[umis > 0]), np.zeros(len(counts), dtype=int), np.zeros((1, 0)))


def test_guides_that_cannot_be_fitted_fall_back_and_say_so():
    rng = np.random.default_rng(0)
    counts, _, _ = simulate_counts(rng, 50, cells=2000, guides=6)
    counts[:, 1] = 0
    counts[:, 2] = 0
    counts[:9, 2] = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    counts[:, 3] = rng.poisson(0.5, 2000)  # background only, the same in every cell
    cells = CellGroups(np.full(2000, 50.0), np.zeros(2000, dtype=int), np.zeros((1, 0)))
    options = CallOptions(np.arange(6), min_umi=4, cells=cells)
    calls = call_mixture(sparse.csr_array(counts.astype(np.int64)), options)
    reasons = [Fallback(code).text for code in calls.fits.fallback]
    assert reasons[1:4] == ["no UMI", "too few cells with a UMI", "no signal apart from the background"]
    assert reasons[0] == reasons[4] == reasons[5] == ""
    np.testing.assert_array_equal(calls.fits.threshold, [np.nan, 4, 4, 4, np.nan, np.nan])
    called = calls.assignment.toarray() > 0
    np.testing.assert_array_equal(called[:, 1:4], counts[:, 1:4] >= 4)
    assert calls.posterior[:, [1, 2, 3]].nnz == 0
    assert np.isnan(calls.fits.effect[1:4]).all()


def test_reason_of_cells_without_a_call():
    counts, _, _ = simulate_counts(np.random.default_rng(1), 50, cells=1000, guides=5, n_guides=(0.5, 0.5, 0.0))
    calls = call_mixture(sparse.csr_array(counts.astype(np.int64)), CallOptions(np.arange(5), cells=groups_of(counts)))
    none = np.diff(calls.assignment.indptr) == 0
    empty = counts.sum(axis=1) == 0
    np.testing.assert_array_equal(calls.reason[none], np.where(empty, Reason.NO_UMI, Reason.BELOW_CUT)[none])
    assert (calls.reason[~none] == Reason.ONE_GUIDE).all()


def test_order_of_cells_and_guides_changes_nothing():
    rng = np.random.default_rng(2)
    counts, _, _ = simulate_counts(rng, 20, cells=1500, guides=8)
    first = call_mixture(sparse.csr_array(counts.astype(np.int64)), CallOptions(np.arange(8), cells=groups_of(counts)))
    cells, guides = rng.permutation(1500), rng.permutation(8)
    mixed = counts[cells][:, guides]
    second = call_mixture(sparse.csr_array(mixed.astype(np.int64)), CallOptions(np.arange(8), cells=groups_of(mixed)))
    np.testing.assert_array_equal(second.posterior.toarray(), first.posterior.toarray()[cells][:, guides])
    np.testing.assert_array_equal(second.fits.effect, first.fits.effect[guides])


def test_many_depths_are_rounded_without_a_trace():
    """Above 8192 depths they are rounded; the calls are those of the exact ones, the posterior within 1e-3."""
    rng = np.random.default_rng(7)
    n = 20_000
    depth = rng.gamma(4.0, 10.0, n) + 5.0
    z = rng.random(n) < 0.05
    x = rng.poisson(depth * np.where(z, 0.3, 0.01))
    counts = sparse.csr_array(x[:, None].astype(np.int64))
    fits = {}
    for name, used in {"all": depth, "few": np.exp(np.round(np.log(depth), 3))}.items():
        cells = CellGroups(used, np.zeros(n, dtype=int), np.zeros((1, 0)))
        fits[name] = call_mixture(counts, CallOptions(np.array([0]), cells=cells))
    assert len(np.unique(depth)) > 8192 > len(np.unique(np.round(np.log(depth), 3)))
    a, b = (fits[name].posterior.toarray() for name in fits)
    np.testing.assert_allclose(a, b, atol=5e-3)


def test_expected_histogram_adds_up_and_fits():
    x, _, cells = draw(np.random.default_rng(9), BATCHES["three batches"], n=4000)
    calls = call_mixture(sparse.csr_array(x[:, None]), CallOptions(np.array([0]), cells=cells))
    edges = np.array([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 1000])
    background, signal = calls.fits.expected(edges)
    np.testing.assert_allclose(background.sum() + signal.sum(), 4000, rtol=1e-6)
    observed = np.histogram(x, edges)[0]
    expected = (background + signal)[0]
    # Counts in bins are multinomial: standardised differences are about standard normal.
    z = (observed - expected) / np.sqrt(np.maximum(expected, 1))
    assert (abs(z) < stats.norm.isf(1e-4)).all()
