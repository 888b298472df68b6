"""Shrunk first stages against their definition, dense and cell by cell; what they do to the size of the tests."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import poisson
from scipy import sparse
from scipy.stats import norm
from screens import random_screen

from argen._core.dag.instruments import shrinkage_of
from argen._core.dag.search import search_dag
from argen._core.descendants.prior import Prior, no_prior
from argen._core.descendants.tests import fit_descendants
from argen._core.parallel import worker_pool
from argen._core.results import EdgeStatus, Relation
from argen._core.screen import CONTROL, Covariates, build_screen

P = 5
RELATIONS = {
    "chain without 0 → 1": [(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)],
    "all parents of one": [(0, 4), (1, 4), (2, 4), (3, 4)],
    "cycle": [(a, b) for a in range(4) for b in range(4) if a != b] + [(0, 4), (2, 4)],
    "not closed": [(0, 1), (1, 2), (2, 3), (1, 3), (0, 4), (3, 4)],
}


def relation_of(pairs, p=P):
    matrix = np.zeros((p, p), dtype=bool)
    matrix[tuple(np.transpose(pairs))] = True
    return Relation(np.full((p, p), np.nan), matrix, matrix, np.empty((0, 2), dtype=int), ())


@pytest.fixture(scope="module", params=[0, 1], ids=["batch and numeric", "few counts"])
def data(request):
    settings = [{"levels": 3, "numeric": 1, "log_mean": 1.0}, {"levels": 2, "dummies": 1, "log_mean": -2.0}][
        request.param
    ]
    return random_screen(21, n=1200, p=P, **settings)


@pytest.fixture(scope="module")
def tests(data):
    return fit_descendants(data.screen)


def search(data, tests, pairs, **options):
    options = {"first_stage": "shrunk", "covariance": "murphy-topel", "alpha": 0.05} | options
    return search_dag(data.screen, tests, relation_of(pairs, data.screen.n_genes), **options)


def influences(data, gene, instruments, *, hc3):
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
    """One equation from the definition: every first stage on D_A, what is unrelated times max(0, 1 − 1/z²)."""

    def __init__(self, data, pairs, order, target, *, hc3=False):
        descends, left = set(pairs), order[: order.index(target)]
        self.A = A = [k for k in sorted(left) if (k, target) in descends]
        self.xi, self.own = influences(data, target, [*A, target], hc3=hc3)
        self.xi, self.own = self.xi[: len(A)], self.own[:, : len(A)]
        self.M, self.first, self.factors = np.zeros((len(A),) * 2), [], np.ones((len(A),) * 2)
        for column, k in enumerate(A):
            effect, influence = influences(data, k, A, hc3=hc3)
            for row, l in enumerate(A):
                if l != k and (l, k) not in descends:
                    z = effect[row] / np.sqrt(np.sum(influence[:, row] ** 2))
                    self.factors[row, column] = max(0.0, 1.0 - 1.0 / z**2)
            self.M[:, column] = self.factors[:, column] * effect
            self.first.append(self.factors[:, column] * influence)
        self.inverse = np.linalg.inv(self.M)
        self.theta = self.inverse @ self.xi

    def omega(self, theta):
        u = self.own - sum(weight * influence for weight, influence in zip(theta, self.first, strict=True))
        return u.T @ u

    def variances(self):
        naive = self.own.T @ self.own
        first = sum(weight**2 * f.T @ f for weight, f in zip(self.theta, self.first, strict=True))
        meats = {"naive": naive, "murphy-topel": naive + first, "stacked": self.omega(self.theta)}
        return {name: np.diag(self.inverse @ meat @ self.inverse.T) for name, meat in meats.items()}

    def statistic(self, k, theta_0):
        """Of Anderson and Rubin for one coordinate, METHOD 9."""
        start = self.theta.copy()
        start[k] = theta_0
        V = self.inverse @ self.omega(start) @ self.inverse.T
        w = self.inverse[k]
        restricted = self.theta - V[:, k] / V[k, k] * (self.theta[k] - theta_0)
        return (self.theta[k] - theta_0) ** 2 / (w @ self.omega(restricted) @ w)

    def strength(self, k):
        return 1.0 / (self.inverse @ self.first[k].T @ self.first[k] @ self.inverse.T)[k, k]


@pytest.mark.slow
@pytest.mark.parametrize("hc", ["HC0", "HC3"])
@pytest.mark.parametrize("name", RELATIONS)
def test_every_equation_against_the_definition(data, tests, name, hc):
    pairs = RELATIONS[name]
    found = {c: search(data, tests, pairs, covariance=c, hc=hc) for c in ("murphy-topel", "stacked", "naive")}
    order, inner = found["naive"].order.tolist(), 0
    for covariance, dag in found.items():
        assert dag.order.tolist() == order
        for equation in dag.equations:
            dense = Dense(data, pairs, order, equation.target, hc3=hc == "HC3")
            assert equation.candidates.tolist() == dense.A
            np.testing.assert_allclose(equation.coef, dense.theta, rtol=1e-6, atol=1e-8)
            np.testing.assert_allclose(equation.se, np.sqrt(dense.variances()[covariance]), rtol=1e-6)
            assert (equation.status == EdgeStatus.OK).all()
            assert not equation.general
            inner += int(((dense.factors > 0) & (dense.factors < 1)).sum())
    assert inner > 0 or name == "cycle"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["chain without 0 → 1", "all parents of one"])
def test_robust_tests_against_the_definition(data, tests, name):
    pairs = RELATIONS[name]
    dag = search(data, tests, pairs, robust=True)
    for equation in dag.equations:
        dense, found = Dense(data, pairs, dag.order.tolist(), equation.target), equation.instruments
        for k in range(len(equation.candidates)):
            assert found.strength[k] == pytest.approx(dense.strength(k), rel=1e-6)
            z = np.sqrt(dense.statistic(k, 0.0))
            assert found.p[k] == pytest.approx(2.0 * norm.sf(z), rel=1e-5)
            for end in (found.low[k], found.high[k]):
                if np.isfinite(end):
                    assert dense.statistic(k, end) == pytest.approx(3.841458820694124, rel=1e-5)


def test_factor():
    effect = np.array([3.0, -3.0, 1.0, 0.5, 0.0, 0.0, np.nan, -2.0])
    variance = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 4.0])
    np.testing.assert_allclose(shrinkage_of(effect, variance), [8 / 9, 8 / 9, 0, 0, 0, 0, 0, 0])


@pytest.mark.slow
@pytest.mark.parametrize("covariance", ["murphy-topel", "stacked", "naive"])
def test_without_unrelated_pairs_it_is_shared(data, tests, covariance):
    cycle = [(a, b) for a in range(P) for b in range(P) if a != b]
    shrunk, shared = (search(data, tests, cycle, first_stage=f, covariance=covariance) for f in ("shrunk", "shared"))
    np.testing.assert_array_equal(shrunk.coef, shared.coef)
    np.testing.assert_array_equal(shrunk.se, shared.se)


@pytest.mark.slow
def test_a_forbidden_edge_leaves_a_square_system(data, tests):
    pairs = RELATIONS["chain without 0 → 1"]
    forbidden = np.zeros((P, P), dtype=bool)
    forbidden[1, 3] = True
    prior = replace(no_prior(P), forbidden=forbidden)
    assert isinstance(prior, Prior)
    dag = search(data, tests, pairs, prior=prior)
    assert not any(equation.general for equation in dag.equations)
    status = {(s, t): e for s, t, e in zip(dag.source.tolist(), dag.target.tolist(), dag.status, strict=True)}
    assert status[1, 3] == EdgeStatus.FORBIDDEN
    without = [pair for pair in pairs if pair != (1, 3)]
    dense = Dense(data, without, dag.order.tolist(), 3)
    at = (dag.target == 3) & np.isfinite(dag.coef)
    np.testing.assert_allclose(dag.coef[at], dense.theta, rtol=1e-6)


@pytest.mark.slow
def test_an_instrument_that_says_nothing_joins_the_baseline():
    """All cells of g000 are in a batch of their own: its effect on others is unknown, and it is nobody's ancestor."""
    base = random_screen(3, n=1200, p=4, levels=2, numeric=0)
    level = np.where(base.target == 0, 2, base.nuisance[:, 1].astype(int))
    screen = build_screen(
        sparse.csc_array(base.counts),
        base.target,
        base.depth,
        Covariates(level, np.zeros((1200, 0)), np.zeros((1200, 0))),
        [f"g{j:03d}" for j in range(4)],
    )
    tests = fit_descendants(screen)
    pairs = [(1, 3), (2, 3), (0, 3)]
    found = {}
    for first_stage in ("ancestors", "shared", "shrunk"):
        dag = search_dag(
            screen, tests, relation_of(pairs, 4), first_stage=first_stage, covariance="stacked", alpha=0.05, robust=True
        )
        found[first_stage] = dict(zip(dag.source.tolist(), dag.coef.tolist(), strict=True))
    assert np.isnan(tests.effect[0, 0])  # not usable: no candidate under any first stage
    assert all(np.isfinite([found[name][k] for k in (1, 2)]).all() for name in found)


@pytest.mark.slow
def test_no_number_depends_on_threads():
    data = random_screen(8, n=2000, p=9, levels=4, log_mean=0.5)
    rng = np.random.default_rng(0)
    relation = np.triu(rng.random((9, 9)) < 0.6, 1)
    pairs = list(zip(*np.nonzero(relation), strict=True))
    tests = fit_descendants(data.screen)
    results = []
    for n_jobs in (1, 2, 3):
        with worker_pool(n_jobs) as map_:
            dag = search(data, tests, pairs, covariance="stacked", robust=True, map_=map_)
        results.append(b"".join(a.tobytes() for a in (dag.coef, dag.se, dag.instruments.p, dag.instruments.low)))
    assert len(set(results)) == 1


def simulated(rng, *, chain, p=6, cells=120, controls=600, mean=3.0):
    """Counts with a hidden factor; 0 → 1 → 5 with effects of .5 and .6 if `chain`, else no edge."""
    target = np.concatenate([np.repeat(np.arange(p), cells), np.full(controls, CONTROL)])
    n = len(target)
    depth, hidden = rng.gamma(10.0, 0.1, n), rng.normal(size=n)
    eta = 0.3 * hidden[:, None] + 0.2 * rng.normal(size=(n, p)) - 1.2 * (target[:, None] == np.arange(p))
    if chain:
        eta[:, 1] += 0.5 * eta[:, 0]
        eta[:, 5] += 0.6 * eta[:, 1]
    counts = rng.poisson(depth[:, None] * mean * np.exp(eta)).astype(float)
    nothing = np.zeros((n, 0))
    return build_screen(
        sparse.csc_array(counts),
        target,
        depth,
        Covariates(np.zeros(n, dtype=np.int64), nothing, nothing),
        [f"g{k}" for k in range(p)],
    )


def rejections(*, chain, pairs, edges, first_stage, covariance="murphy-topel", replicates=300):
    """How often each null edge has p < .05."""
    rejected = np.zeros(len(edges))
    for seed in range(replicates):
        screen = simulated(np.random.default_rng([seed, chain]), chain=chain)
        relation = relation_of(pairs, 6)
        dag = search_dag(
            screen, fit_descendants(screen), relation, first_stage=first_stage, covariance=covariance, alpha=0.05
        )
        p = dict(zip(zip(dag.source.tolist(), dag.target.tolist(), strict=True), dag.p, strict=True))
        rejected += [p[edge] < 0.05 for edge in edges]
    return rejected / replicates


ONTO_5 = [(k, 5) for k in range(5)]


@pytest.mark.slow
@pytest.mark.parametrize("covariance", ["murphy-topel", "stacked"])
def test_size_without_any_edge(covariance):
    rate = rejections(chain=False, pairs=ONTO_5, edges=ONTO_5, first_stage="shrunk", covariance=covariance)
    error = np.sqrt(0.05 * 0.95 / 300 / len(ONTO_5))
    assert abs(rate.mean() - 0.05) < 4 * error


@pytest.mark.slow
def test_size_where_the_relation_misses_the_mediator_of_a_path():
    """0 → 1 → 5 and (0, 1) not in the relation: a false zero in M makes 0 → 5 an edge; shrunk, hardly ever."""
    null = [(0, 5), (2, 5), (3, 5), (4, 5)]
    rate = {f: rejections(chain=True, pairs=ONTO_5, edges=null, first_stage=f) for f in ("ancestors", "shrunk")}
    error = np.sqrt(0.05 * 0.95 / 300)
    assert rate["ancestors"][0] > 0.9
    assert rate["shrunk"][0] < 0.05 + 4 * error
    assert rate["shrunk"][1:].mean() < 0.05 + 4 * error / np.sqrt(3)
