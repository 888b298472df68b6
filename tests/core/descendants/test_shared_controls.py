"""One fit of the controls for the dispersion and for all pairs of a gene: the same numbers, from tasks that travel."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from screens import random_screen

from argen._core.counts import GeneCounts
from argen._core.descendants import tests as descendant_tests
from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.descendants.tests import fit_descendants, fit_with_dispersions
from argen._core.glm.pairs import controls_of, fit_controls, fit_nuisance
from argen._core.measured.sums import measured_sums
from argen._core.results import DescendantTests
from argen._core.screen import with_shifts

HOW = {"test": "auto", "hc": "HC3", "pooled": False}


@pytest.fixture(scope="module")
def screen():
    screen = random_screen(5, n=900, levels=3, dummies=1, numeric=1).screen
    counts = screen.counts.matrix()
    counts.data[counts.indptr[2] : counts.indptr[3]] *= counts.indices[counts.indptr[2] : counts.indptr[3]] < 300
    screen = replace(screen, counts=GeneCounts.of_matrix(counts))
    return with_shifts(screen, np.full(screen.n_genes, 0.1), np.array([0.0, 0.2, 0.0, -0.1]))


def by_pickle(function, tasks):
    """A map that sends its function somewhere else."""
    return [pickle.loads(pickle.dumps(function))(task) for task in tasks]


@pytest.mark.parametrize("by_dispersion", [False, True])
def test_the_numbers_are_those_of_the_two_steps(screen, by_dispersion):
    dispersions, tests = fit_with_dispersions(screen, by_dispersion=by_dispersion, **HOW)
    apart = estimate_dispersions(screen)
    for name in ("mean", "phi", "z", "p", "fallback"):
        np.testing.assert_array_equal(getattr(dispersions, name), getattr(apart, name))
    assert (apart.mean == 0).any()
    expected = fit_descendants(screen, phi=apart.phi if by_dispersion else None, **HOW)
    for name in ("effect", "se", "log_p", "status", "count", "expected"):
        np.testing.assert_array_equal(getattr(tests, name), getattr(expected, name))


@pytest.mark.parametrize("at_a_time", [1, 3])
def test_tests_are_made_some_genes_at_a_time(screen, monkeypatch, at_a_time):
    together = fit_descendants(screen, **HOW)
    assert sum(getattr(together, name).itemsize for name in DescendantTests.__slots__) == 50
    monkeypatch.setattr(descendant_tests, "_GENES_AT_A_TIME", at_a_time)
    found = fit_descendants(screen, **HOW)
    for name in DescendantTests.__slots__:
        np.testing.assert_allclose(getattr(found, name), getattr(together, name), rtol=1e-12)
        assert getattr(found, name).flags.c_contiguous


def test_the_controls_alone_are_fitted_as_among_all_cells(screen):
    design, y = screen.design, screen.counts_of(0)
    fit, alone = fit_controls(y, design), controls_of(design)
    assert fit.converged
    assert len(fit.w) == len(alone.depth) == screen.n_per_group[-1]
    nobody = np.empty(0, dtype=np.int64)
    np.testing.assert_array_equal(fit.theta, fit_nuisance(y, design, nobody, phi=0.0, pooled=False))
    mu = np.exp(fit.theta[design.stratum_level[alone.seg_stratum]])
    mu *= np.exp(design.stratum_dummies[alone.seg_stratum] @ fit.theta[design.n_levels : -1])
    residual = y[-len(fit.w) :] - np.repeat(mu, np.diff(alone.seg_start)) * fit.w
    assert abs(residual.sum()) < 1e-7 * y.sum()
    assert abs(residual @ alone.numeric[0]) < 1e-7 * y.sum()


def test_tasks_can_be_sent_to_another_process(screen):
    dispersions, tests = fit_with_dispersions(screen, by_pickle, by_dispersion=True, **HOW)
    np.testing.assert_array_equal(dispersions.phi, estimate_dispersions(screen, by_pickle).phi)
    np.testing.assert_array_equal(tests.effect, fit_descendants(screen, by_pickle, phi=dispersions.phi, **HOW).effect)
    np.testing.assert_array_equal(measured_sums(screen, by_pickle).effect, measured_sums(screen).effect)
