"""Sums of all measured genes against a regression of another library, and chance as the folds show it."""

import numpy as np
import statsmodels.api as sm
from screens import random_screen

from argen._core.measured.sums import ENOUGH_COUNTS, FOLDS, measured_sums
from argen._core.screen import CONTROL


def test_sums_against_statsmodels():
    data = random_screen(3, n=900, p=5, log_mean=1.0)
    screen, sums = data.screen, measured_sums(data.screen)
    controls = data.target == CONTROL
    for gene in range(5):
        y = data.counts[:, gene]
        fit = sm.GLM(
            y[controls], data.nuisance[controls], family=sm.families.Poisson(), offset=np.log(data.depth[controls])
        ).fit(tol=1e-12)
        mean = np.exp(data.nuisance @ fit.params) * data.depth
        for l in range(5):
            cells = data.target == l
            S, E = y[cells].sum(), mean[cells].sum()
            assert sums.S[l, gene] == S
            np.testing.assert_allclose(sums.E[l, gene], E, rtol=1e-8)
            np.testing.assert_allclose(sums.effect[l, gene], np.log((S + 0.5) / (E + 0.5)), rtol=1e-8)
            squares = ((y[cells] - mean[cells] * S / E) ** 2).sum()
            np.testing.assert_allclose(sums.variance[l, gene], squares / S**2, rtol=1e-8)
        residual = y[controls] - mean[controls]
        np.testing.assert_allclose(sums.control_variance[gene], (residual**2).sum() / y[controls].sum() ** 2, rtol=1e-6)
    assert screen.n_groups == 5


def test_few_counts_say_nothing():
    sums = measured_sums(random_screen(1, n=300, log_mean=-3.0).screen)
    few = (sums.S[:-1] < ENOUGH_COUNTS) | (sums.E[:-1] < ENOUGH_COUNTS) | (sums.S[-1] < ENOUGH_COUNTS)
    assert few.any()
    np.testing.assert_array_equal(np.isnan(sums.effect), few)


def test_folds_are_standard_normal_whatever_the_perturbations_do():
    """Mean 0 and mean square 1 over 64 folds × 40 genes, whose knock-downs and effects are large."""
    sums = measured_sums(random_screen(5, n=6400, p=40, log_mean=0.5, noise=0.3).screen)
    z = sums.folds.ravel()
    assert sums.folds.shape == (FOLDS, 40)
    # Genes share one hidden factor: the error of the mean square is that of independent folds.
    square = (sums.folds**2).mean(axis=1)
    assert abs(square.mean() - 1.0) < 4 * square.std() / np.sqrt(FOLDS)
    assert abs(z.mean()) < 4 * sums.folds.mean(axis=1).std() / np.sqrt(FOLDS) + 1e-3
