"""The weak-instrument-robust test against its definition, dense and cell by cell, and its confidence sets."""

from dataclasses import replace

import numpy as np
import pytest
import weak_instruments
from oracles import poisson
from scipy import sparse
from scipy.stats import chi2
from screens import random_screen

from argen._core.dag.search import search_dag
from argen._core.descendants.tests import fit_descendants
from argen._core.parallel import worker_pool
from argen._core.results import ConfidenceSet, Relation
from argen._core.screen import Covariates, build_screen

pytestmark = pytest.mark.slow

P = 4
CHAIN = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
RELATIONS = {
    "chain": CHAIN,
    "cycle": [(a, b) for a in range(P) for b in range(P) if a != b],
    "not closed": [(0, 1), (1, 2), (2, 3), (1, 3)],
}


def relation_of(pairs, p=P):
    matrix = np.zeros((p, p), dtype=bool)
    matrix[tuple(np.transpose(pairs))] = True
    return Relation(np.full((p, p), np.nan), matrix, matrix, np.empty((0, 2), dtype=int), ())


def search(data, pairs, **options):
    options = {"first_stage": "ancestors", "covariance": "murphy-topel", "alpha": 0.05, "robust": True} | options
    relation = relation_of(pairs, data.screen.n_genes)
    return search_dag(data.screen, fit_descendants(data.screen), relation, **options)


def influences(data, gene, instruments, *, hc3=False):
    """Coefficients of the instruments and the influence of every cell on them, n × instruments, by statsmodels."""
    x = np.column_stack([data.indicators(instruments), data.nuisance])
    y = data.counts[:, gene]
    fit = poisson(y, x, data.depth)
    mu = fit.fittedvalues
    bread = np.linalg.inv(x.T @ (mu[:, None] * x))
    leverage = mu * np.einsum("ij,jk,ik->i", x, bread, x) if hc3 else 0.0
    m = len(instruments)
    return fit.params[:m], (((y - mu) / (1 - leverage))[:, None] * x @ bread)[:, :m]


class Dense:
    """One equation from the definitions of METHOD 9."""

    def __init__(self, data, target, candidates, own_instruments, instruments, *, hc3=False):
        m = len(candidates)
        xi, own = influences(data, target, own_instruments, hc3=hc3)
        rows = [own_instruments.index(k) for k in candidates]
        xi, own = xi[rows], own[:, rows]
        M, first = np.zeros((m, m)), np.zeros((m, len(own), m))
        for k, (gene, used) in enumerate(zip(candidates, instruments, strict=True)):
            coef, influence = influences(data, gene, used, hc3=hc3)
            for l, candidate in enumerate(candidates):
                if candidate in used:
                    M[l, k] = coef[used.index(candidate)]
                    first[k, :, l] = influence[:, used.index(candidate)]
        self.inverse, self.own, self.first = np.linalg.inv(M), own, first
        self.theta = self.inverse @ xi

    def omega(self, theta):
        u = self.own - np.tensordot(theta, self.first, 1)
        return u.T @ u

    def statistic(self, k, theta_0):
        start = self.theta.copy()
        start[k] = theta_0
        V = self.inverse @ self.omega(start) @ self.inverse.T
        restricted = self.theta - V[:, k] / V[k, k] * (self.theta[k] - theta_0)
        assert restricted[k] == pytest.approx(theta_0)
        w = self.inverse[k]
        return (self.theta[k] - theta_0) ** 2 / (w @ self.omega(restricted) @ w)

    def strength(self, k):
        return 1.0 / (self.inverse @ self.first[k].T @ self.first[k] @ self.inverse.T)[k, k]


def dense_equations(data, dag, pairs, *, general=False, hc3=False):
    """Every equation of the search, from pairs and order alone."""
    order = dag.order.tolist()
    for equation in dag.equations:
        left = order[: order.index(equation.target)]
        A = sorted(k for k in left if (k, equation.target) in pairs)
        sets = [sorted({k} | {a for a in left if (a, k) in pairs}) for k in A]
        everything = sorted(set(A).union(*sets))
        own = sorted({*(everything if general else A), equation.target})
        yield equation, Dense(data, equation.target, A, own, sets, hc3=hc3)


@pytest.mark.parametrize("hc", ["HC0", "HC3"])
@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("settings", [{"levels": 3, "numeric": 1, "dummies": 1}, {"levels": 1, "numeric": 0}])
def test_against_the_definition(settings, name, hc):
    data = random_screen(5, n=900, log_mean=1.0, **settings)
    pairs = RELATIONS[name]
    dag = search(data, pairs, hc=hc)
    for equation, dense in dense_equations(data, dag, pairs, general=name == "not closed", hc3=hc == "HC3"):
        found = equation.instruments
        for k in range(len(equation.candidates)):
            np.testing.assert_allclose(found.strength[k], dense.strength(k), rtol=1e-6)
            np.testing.assert_allclose(found.p[k], chi2.sf(dense.statistic(k, 0.0), 1), rtol=1e-5)
            if found.shape[k] == ConfidenceSet.INTERVAL:
                for end in (found.low[k], found.high[k]):
                    np.testing.assert_allclose(dense.statistic(k, end), chi2.isf(0.05, 1), rtol=1e-5)


@pytest.mark.parametrize("knock_down", [-1.0, -0.3, -0.05, 0.0])
def test_confidence_sets_hold_exactly_the_values_that_are_not_rejected(knock_down):
    """On a grid from far below to far above; weak knock-downs make the sets unbounded."""
    data = random_screen(11, n=900, log_mean=0.5, knock_down=knock_down)
    dag = search(data, CHAIN)
    shapes = set()
    for equation, dense in dense_equations(data, dag, CHAIN):
        found = equation.instruments
        for k in range(len(equation.candidates)):
            shape, centre = ConfidenceSet(found.shape[k]), equation.coef[k]
            shapes.add(shape)
            grid = centre + equation.se[k] * np.concatenate([-np.logspace(4, -1, 60), [0], np.logspace(-1, 4, 60)])
            inside = np.array([dense.statistic(k, value) for value in grid]) <= chi2.isf(0.05, 1)
            within = (grid >= found.low[k]) & (grid <= found.high[k])
            assert not (inside & ~within).any()
            if shape in (ConfidenceSet.INTERVAL, ConfidenceSet.RAY, ConfidenceSet.LINE):
                np.testing.assert_array_equal(inside, within)
            else:
                assert (within & ~inside).any()
            assert np.isfinite([found.low[k], found.high[k]]).sum() == {
                ConfidenceSet.INTERVAL: 2, ConfidenceSet.RAY: 1, ConfidenceSet.TWO_RAYS: 0, ConfidenceSet.LINE: 0,
            }.get(shape, np.isfinite([found.low[k], found.high[k]]).sum())  # fmt: skip
            assert (found.p[k] < 0.05) == (dense.statistic(k, 0.0) > chi2.isf(0.05, 1))
    if knock_down == -1.0:
        assert shapes == {ConfidenceSet.INTERVAL}
    if knock_down == 0.0:
        assert shapes - {ConfidenceSet.INTERVAL}


def test_groups_without_counts_count_as_one_more_cell_each():
    data = random_screen(7, n=900, log_mean=-0.5)
    counts = data.counts.copy()
    counts[data.target == 0, 2] = 0  # no counts of gene 2 where gene 0 is perturbed
    levels = data.nuisance[:, :3].argmax(axis=1)
    covariates = Covariates(levels, np.zeros((len(levels), 0)), data.nuisance[:, 3:])
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, data.screen.genes)
    plain = replace(data, screen=screen, counts=counts)
    stacked = search(plain, CHAIN, covariance="stacked")
    own = next(e for e in stacked.equations if e.target == 2)
    at = own.candidates.tolist().index(0)
    # The variance of 2 of the stand-in dominates; knock-downs are strong, so that the set is about Wald's.
    assert own.se[at] > 1.0
    width = own.instruments.high[at] - own.instruments.low[at]
    assert width == pytest.approx(2 * 1.96 * own.se[at], rel=0.1)


def test_without_the_option_only_the_strength_is_there():
    data = random_screen(5, n=600)
    with_it, without = search(data, CHAIN), search(data, CHAIN, robust=False)
    np.testing.assert_array_equal(with_it.instruments.strength, without.instruments.strength)
    assert np.isnan(without.instruments.p).all()
    for name in ("coef", "se", "p", "selected"):
        np.testing.assert_array_equal(getattr(with_it, name), getattr(without, name))


@pytest.mark.parametrize("name", ["gene 1: -1.5", "gene 1: -0.4", "gene 1: -0.1", "gene 1: 0"])
def test_size_with_a_hidden_cause_however_weak_the_knock_down(name):
    """The study's screens; rejections of null edges from the weak gene. Wald's test hardly ever rejects there."""
    n, cells, loading, log_sd = 300, *weak_instruments.SETTINGS[0]
    runs = weak_instruments.one(name, cells, loading, log_sd, 0, n)
    robust, wald = (np.mean([row[test] for row in runs]) for test in ("robust", "Murphy-Topel"))
    coverage = np.mean([row["coverage"] for row in runs])
    # Three Monte-Carlo errors round the interval that is asked for (both null edges share their cells: n, not 2 n).
    error = 3 * np.sqrt(0.05 * 0.95 / n)
    assert 0.03 - error < robust < 0.07 + error
    assert coverage > 0.93 - error
    if name in ("gene 1: -0.1", "gene 1: 0"):
        assert wald < 0.01 < robust


def test_no_number_depends_on_the_threads():
    data = random_screen(6, n=900, p=5)
    pairs = [(a, b) for a in range(5) for b in range(a + 1, 5)]
    results = []
    for n_jobs in (1, 2, 3):
        with worker_pool(n_jobs) as map_:
            results.append(search(data, pairs, map_=map_).instruments)
    for name in ("strength", "p", "low", "high", "shape"):
        np.testing.assert_array_equal(getattr(results[0], name), getattr(results[1], name))
        np.testing.assert_array_equal(getattr(results[0], name), getattr(results[2], name))
