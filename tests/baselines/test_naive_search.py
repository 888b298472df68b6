"""The naive regression against statsmodels on the dense design, and what degenerate data do to it."""

import numpy as np
import pytest
from data_files import fixture
from oracles import poisson
from screens import random_screen, sim8_screen

from argen._core.dag.search import search_dag
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.tests import fit_descendants
from argen._core.parallel import worker_pool
from argen._core.results import EdgeStatus
from argen.baselines._naive.search import fit_observed, log_expression, search_naive


def dense(data, target, candidates):
    """Regressors in the order that the core has them first: candidates, then the target's own perturbation."""
    observed = np.log1p(data.counts / data.depth[:, None])
    return np.column_stack([observed[:, candidates], data.indicators([target]), data.nuisance])


@pytest.mark.parametrize(
    "kwargs", [{}, {"dummies": 2}, {"levels": 1, "numeric": 0}, {"numeric": 2, "n": 9000}, {"log_mean": -2.0}]
)
def test_coefficients_and_hc0_errors_are_those_of_statsmodels(kwargs):
    data = random_screen(1, p=5, **kwargs)
    A, t = np.array([0, 2, 4]), 1
    reference = poisson(data.counts[:, t], dense(data, t, A), data.depth)
    found = fit_observed(data.screen, log_expression(data.screen), t, A)
    np.testing.assert_allclose(found.coef, reference.params[:3], rtol=1e-8)
    np.testing.assert_allclose(found.se, reference.bse[:3], rtol=1e-8)
    assert (found.status == EdgeStatus.OK).all()
    assert found.candidates is A


def test_log_expression():
    data = random_screen(2)
    expected = np.log1p(data.counts / data.depth[:, None])[data.screen.cell]
    np.testing.assert_allclose(log_expression(data.screen), expected, rtol=1e-14)


def test_cells_that_say_nothing_are_left_out():
    """No counts in a level and in the target's own group: statsmodels without those cells and columns."""
    data = random_screen(3, p=4, levels=3)
    t, A = 1, np.array([0, 3])
    silent = (data.nuisance[:, 2] == 1) | (data.target == t)
    data.counts[silent, t] = 0
    screen = rebuilt(data)
    rest = ~silent
    x = np.delete(dense(data, t, A), [2, 5], axis=1)  # the own perturbation and the silent level
    reference = poisson(data.counts[rest, t], x[rest], data.depth[rest])
    found = fit_observed(screen, log_expression(screen), t, A)
    np.testing.assert_allclose(found.coef, reference.params[:2], rtol=1e-8)
    np.testing.assert_allclose(found.se, reference.bse[:2], rtol=1e-8)


def rebuilt(data):
    from scipy import sparse

    from argen._core.screen import Covariates, build_screen

    levels = data.nuisance[:, :3].argmax(axis=1)
    covariates = Covariates(levels, np.zeros((len(levels), 0)), data.nuisance[:, 3:])
    return build_screen(sparse.csc_array(data.counts), data.target, data.depth, covariates, data.screen.genes)


def test_collinear_regressors_have_no_estimate():
    data = random_screen(4, p=4)
    data.counts[:, 2] = data.counts[:, 0]
    screen = rebuilt(data)
    found = fit_observed(screen, log_expression(screen), 1, np.array([0, 2]))
    assert np.isnan(found.coef).all()
    assert np.isnan(found.se).all()
    assert (found.status == EdgeStatus.SINGULAR).all()


def test_candidates_are_those_of_the_search_and_threads_change_nothing():
    screen = sim8_screen(1, "Full")
    tests = fit_descendants(screen)
    relation = descendant_relation(tests, closure=True, alpha=0.05)
    naive = search_naive(screen, tests, relation, alpha=0.05)
    full = search_dag(screen, tests, relation, first_stage="ancestors", covariance="murphy-topel", alpha=0.05)
    np.testing.assert_array_equal(naive.order, full.order)
    np.testing.assert_array_equal(naive.source, full.source)
    np.testing.assert_array_equal(naive.target, full.target)
    with worker_pool(2) as map_:
        again = search_naive(screen, tests, relation, alpha=0.05, map_=map_)
    np.testing.assert_array_equal(again.coef, naive.coef)
    np.testing.assert_array_equal(again.se, naive.se)


def test_hidden_causes_move_the_naive_estimates_and_not_the_proxies():
    """The paper's point on its own data: true effects are ±.5."""
    import pandas as pd

    screen = sim8_screen(1, "Full")
    tests = fit_descendants(screen)
    relation = descendant_relation(tests, closure=True, alpha=0.05)
    truth = pd.read_csv(fixture("sim8", "true_edges.csv")).set_index(["from", "to"])["coef"]
    errors = []
    for dag in (
        search_naive(screen, tests, relation, alpha=0.05),
        search_dag(screen, tests, relation, first_stage="ancestors", covariance="murphy-topel", alpha=0.05),
    ):
        names = [(screen.genes[s], screen.genes[t]) for s, t in zip(dag.source, dag.target, strict=True)]
        true = np.array([truth.get(name, np.nan) for name in names])
        errors.append(np.nanmedian(np.abs(dag.coef - true)))
    assert errors[1] < 0.05
    assert errors[0] > 0.2
