"""Goodness of fit of the guides: against its definition, size on counts that follow the fit, power on others."""

import numpy as np
import pytest
from scipy import sparse, stats

from argen._core.guides import CallOptions, CellGroups, GuideCalls, call_mixture, guide_histogram, guide_misfit

pytestmark = pytest.mark.slow

N_GUIDES = 200


def draw_guides(rng, dispersion=(0.0, 0.0), mean_signal=0.9, n=3000):
    """Counts of many guides from the mixture; α = 0 for a Poisson component, n_guides columns."""
    depth = rng.gamma(4.0, 10.0, n).round() + 10.0
    z = rng.random((n, N_GUIDES)) < rng.uniform(0.02, 0.1, N_GUIDES)
    rate = np.where(z, mean_signal, 0.02 * rng.gamma(4.0, 0.25, N_GUIDES))
    alpha = np.where(z, dispersion[1], dispersion[0])
    rate = rate * np.where(alpha > 0, rng.gamma(1 / np.maximum(alpha, 1e-9)) * alpha, 1.0)
    return rng.poisson(depth[:, None] * rate), CellGroups(depth, np.zeros(n, dtype=int), np.zeros((1, 0)))


def misfit_of(counts, cells, dispersion="none"):
    counts = sparse.csr_array(counts.astype(np.int64))
    calls = call_mixture(counts, CallOptions(np.arange(counts.shape[1]), cells=cells, dispersion=dispersion))
    return guide_misfit(guide_histogram(counts, calls)), calls


def join(expected):
    """Groups of adjacent bins with 5 expected cells, the rest in the last one: as a list of slices."""
    groups, start, total = [], 0, 0.0
    for b, value in enumerate(expected):
        total += value
        if total >= 5:
            groups.append(slice(start, b + 1))
            start, total = b + 1, 0.0
    if start < len(expected):
        last = groups.pop() if groups else slice(0, 0)
        groups.append(slice(last.start, len(expected)))
    return groups


def test_against_the_definition():
    counts, cells = draw_guides(np.random.default_rng(0), (0.0, 0.6))
    counts = counts[:, :10]
    misfit, calls = misfit_of(counts, cells)
    edges = guide_histogram(sparse.csr_array(counts), calls).edges
    background, signal = calls.fits.expected(edges)
    posterior = calls.posterior.toarray()
    for g in range(10):
        x = counts[:, g]
        observed = np.histogram(x[x > 0], edges)[0][1:]
        carried = np.histogram(x, edges, weights=posterior[:, g])[0][1:]
        excess = sum(max(carried[s].sum() - signal[g, 1:][s].sum(), 0.0) for s in join(signal[g, 1:]))
        np.testing.assert_allclose(misfit.share[g], excess / carried.sum(), rtol=1e-6)
        expected = (background + signal)[g, 1:]
        groups = join(expected)
        o, e = ([part[s].sum() for s in groups] for part in (observed, expected))
        # scipy wants equal totals: the cells without a UMI make them so, their own term is taken out again.
        rest = len(x) - np.array([sum(o), sum(e)])
        statistic = stats.chisquare([*o, rest[0]], [*e, rest[1]]).statistic - (rest[0] - rest[1]) ** 2 / rest[1]
        np.testing.assert_allclose(misfit.p[g], stats.chi2.sf(statistic, len(groups)), rtol=1e-6, atol=1e-300)


@pytest.mark.parametrize(
    ("dispersion", "model"), [((0.0, 0.0), "none"), ((0.0, 0.0), "auto"), ((0.0, 0.4), "auto"), ((1.0, 0.4), "auto")]
)
def test_fits_are_not_flagged(dispersion, model):
    """At most 5 % of the guides, with three standard errors of the simulation."""
    counts, cells = draw_guides(np.random.default_rng(1), dispersion)
    misfit, calls = misfit_of(counts, cells, model)
    assert (calls.fits.fallback == 0).all()
    limit = 0.05 + 3 * np.sqrt(0.05 * 0.95 / N_GUIDES)
    assert (misfit.p < 0.05).mean() <= limit
    assert misfit.flag.mean() <= limit


@pytest.mark.parametrize("dispersion", [(0.0, 0.3), (0.0, 1.0), (1.0, 0.5)])
def test_misfits_are_flagged(dispersion):
    """A Poisson fit to over-dispersed signals of 60 to 300 cells; the share grows with the dispersion."""
    counts, cells = draw_guides(np.random.default_rng(2), dispersion)
    misfit, _ = misfit_of(counts, cells)
    assert misfit.flag.mean() > 0.95
    mild, _ = misfit_of(*draw_guides(np.random.default_rng(3), (0.0, 0.1)))
    assert np.nanmedian(mild.share) < np.nanmedian(misfit.share)


def test_share_is_that_of_cells_put_elsewhere():
    """A tenth, a fifth, … of the cells with the guide moved to where the fit of the others expects none."""
    rng = np.random.default_rng(4)
    depth, n = np.full(20_000, 100.0), 20_000
    z = rng.random(n) < 0.1
    x = rng.poisson(np.where(z, 100.0, 0.2))
    cells = CellGroups(depth, np.zeros(n, dtype=int), np.zeros((1, 0)))
    for share in (0.0, 0.1, 0.2, 0.4):
        moved = x.copy()
        carriers = np.flatnonzero(z)
        moved[carriers[: int(share * len(carriers))]] = 300
        calls = call_mixture(sparse.csr_array(x[:, None]), CallOptions(np.array([0]), cells=cells))
        posterior = sparse.csr_array(np.where(moved > 0, z, 0.0)[:, None].astype(np.float32))
        kept = GuideCalls(calls.assignment, calls.reason, posterior, calls.fits)  # the fit of the counts before
        misfit = guide_misfit(guide_histogram(sparse.csr_array(moved[:, None]), kept))
        np.testing.assert_allclose(misfit.share[0], share, atol=0.02)


def test_guides_without_a_fit_have_none():
    counts, cells = draw_guides(np.random.default_rng(5))
    counts[:, 0] = 0
    counts[:4, 0] = 9
    misfit, _ = misfit_of(counts[:, :3], cells)
    assert np.isnan([misfit.share[0], misfit.p[0]]).all()
    assert not misfit.flag[0]
    assert np.isfinite(misfit.p[1:]).all()
