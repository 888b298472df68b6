"""Group sums, noise and strength of the table against their definitions."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import nbinom
from screens import random_screen

from argen._core.descendants.tests import fit_descendants
from argen._core.joint.sums import group_sums
from argen._core.joint.table import effect_table, instruments, signed_deviance, usual_variance
from argen._core.parallel import worker_pool


@pytest.fixture(scope="module")
def dense():
    return random_screen(3, n=900, p=5, levels=3, dummies=1, numeric=1)


@pytest.fixture(scope="module")
def sums(dense):
    return group_sums(dense.screen)


def control_fit(dense, gene):
    controls = dense.target < 0
    model = sm.GLM(
        dense.counts[controls, gene],
        dense.nuisance[controls],
        family=sm.families.Poisson(),
        offset=np.log(dense.depth[controls]),
    )
    return model.fit(tol=1e-12)


def test_sums_and_drift_against_statsmodels(dense, sums):
    groups = [*(dense.target == l for l in range(5)), dense.target < 0]
    residuals = np.empty((len(dense.target), 5))
    for gene in range(5):
        fit = control_fit(dense, gene)
        y, mean = dense.counts[:, gene], dense.depth * np.exp(dense.nuisance @ fit.params)
        controls = groups[-1]
        extra = ((y - mean)[controls] ** 2 - y[controls]).sum() / (mean[controls] ** 2).sum()
        np.testing.assert_allclose(sums.phi[gene], max(extra, 0.0), rtol=1e-6)
        covariance = np.linalg.pinv((dense.nuisance[controls] * mean[controls, None]).T @ dense.nuisance[controls])
        average = [(dense.nuisance[g] * mean[g, None]).sum(axis=0) / mean[g].sum() for g in groups]
        dispersion = 1 + sums.phi[gene] * (mean[controls] ** 2).sum() / mean[controls].sum()
        for l, cells in enumerate(groups):
            own = y[cells] - mean[cells] * y[cells].sum() / mean[cells].sum()
            residuals[cells, gene] = own
            got = [x[l, gene] for x in (sums.S, sums.E, sums.Q, sums.squares)]
            expected = [y[cells].sum(), mean[cells].sum(), (mean[cells] ** 2).sum(), (own**2).sum()]
            np.testing.assert_allclose(got, expected, rtol=1e-6)
            middle = np.mean(average[:-1], axis=0)
            away = average[l] - middle
            np.testing.assert_allclose(
                sums.drift[l, gene], dispersion * away @ covariance @ away, rtol=1e-5, atol=1e-12
            )
        # The error of the controls' mean and that of a contrast with it are independent.
        contrast = middle - average[-1]
        whole = dispersion * middle @ covariance @ middle
        np.testing.assert_allclose(dispersion / mean[groups[-1]].sum() + sums.drift[-1, gene], whole, rtol=1e-5)
        np.testing.assert_allclose(sums.drift[-1, gene], dispersion * contrast @ covariance @ contrast, rtol=1e-5)
    cross = residuals.T @ residuals
    sd = np.sqrt(np.diag(cross))
    np.testing.assert_allclose(sums.correlation, cross / np.outer(sd, sd), rtol=1e-6, atol=1e-8)


def test_same_bits_for_any_number_of_threads(dense, sums):
    for n_jobs in (1, 3):
        with worker_pool(n_jobs) as map_:
            other = group_sums(dense.screen, map_)
        for name in ("S", "E", "Q", "squares", "phi", "drift", "correlation"):
            assert getattr(other, name).tobytes() == getattr(sums, name).tobytes()


def test_the_same_controls_as_the_descendant_step(dense, sums):
    tests = fit_descendants(dense.screen)
    np.testing.assert_allclose(sums.S[:5], tests.count)
    np.testing.assert_allclose(sums.E[:5], tests.expected, rtol=1e-9)


def test_strength_agrees_with_the_descendant_step(dense, sums):
    table, tests = effect_table(sums), fit_descendants(dense.screen)
    np.testing.assert_allclose(np.diag(table.z), np.diag(tests.z), rtol=0.35)
    assert table.instrument.all()
    assert 0.7 < table.tail < 1.3


def test_deviance_is_that_of_the_negative_binomial():
    S, E, k = np.array([0.0, 3.0, 50.0, 7.0]), np.array([20.0, 10.0, 20.0, 7.0]), np.full(4, 0.05)

    def log_likelihood(mean):
        return nbinom.logpmf(S, 1 / k, 1 / (1 + k * mean))

    expected = np.sqrt(2 * (log_likelihood(np.maximum(S, 1e-12)) - log_likelihood(E)))
    np.testing.assert_allclose(signed_deviance(S, E, k, np.ones(4)), [-1, -1, 1, 0] * expected, atol=1e-6)
    np.testing.assert_allclose(
        signed_deviance(S, E, 2 * k, np.full(4, 2.0)) * np.sqrt(2), [-1, -1, 1, 0] * expected, atol=1e-6
    )


def judge(S, E, kappa=0.01):
    S, E = np.array(S, dtype=float), np.array(E, dtype=float)
    squared_cv, ones = np.full(len(S), kappa), np.ones(len(S))
    return instruments(S, E, squared_cv, ones, signed_deviance(S, E, squared_cv, ones))


def test_few_counts_are_no_silence():
    """Where all knock-downs that can be seen are there, an unseen one counts; not so where many are silent."""
    seen = [25.0] * 20
    instrument, mean, precision = judge([*seen, 1.0, 95.0], [100.0] * 20 + [4.0, 100.0])
    assert instrument[:21].all()
    assert not instrument[21]
    np.testing.assert_allclose(mean[20], np.log(25.5 / 100.5))
    assert precision[20] > 0
    assert not precision[:20].any()
    instrument, *_ = judge([*seen[:8], *[100.0] * 12, 1.0], [100.0] * 20 + [4.0])
    assert instrument[:8].all()
    assert not instrument[8:].any()


def test_over_expression_is_an_instrument_too():
    instrument, *_ = judge([300.0] * 10, [100.0] * 10)
    assert instrument.all()


def test_a_gene_without_counts():
    dense = random_screen(4, p=4)
    counts = dense.screen.counts
    screen = replace(dense.screen, counts=replace(counts, genes=np.array([0, 1, -1, 3])))
    table = effect_table(group_sums(screen))
    assert not table.E[:, 2].any()
    assert not table.instrument[2]
    assert np.isfinite(table.z).all()
    assert np.isfinite(table.correlation).all()


def test_heavy_tails_are_what_is_usual():
    """Most groups vary far less than the controls' mean square says: their median counts, and says so."""
    rng = np.random.default_rng(2)
    own = rng.gamma(20, 1 / 20, (40, 3))
    own[:, 1] *= 0.4
    usual = usual_variance(own, np.ones((40, 3), dtype=bool))
    np.testing.assert_array_equal(usual[[0, 2]], 1.0)
    assert 0.3 < usual[1] < 0.5
    few = np.zeros((40, 3), dtype=bool)
    few[:5] = True
    np.testing.assert_array_equal(usual_variance(own, few), 1.0)
