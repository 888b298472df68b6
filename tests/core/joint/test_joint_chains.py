"""The updates of a chain against brute force, and what holds after every sweep."""

import numpy as np
import pytest
from joint_tables import random_dag, simulated_table

from argen._core.descendants.prior import build_prior, no_prior
from argen._core.graphs.reach import transitive_closure
from argen._core.joint import _chain_kernels as sweeps
from argen._core.joint import _state_kernels as kernels
from argen._core.joint.chains import DEFAULT_SCHEDULE, Schedule, constraints, run_chain
from argen._core.joint.noise import RowPrecision, common_factors
from argen._core.joint.search import search_joint
from argen._core.joint.table import EffectTable
from argen._core.parallel import worker_pool

SHORT = Schedule(anneal=6, burn_in=4, keep=6)


@pytest.fixture
def example():
    rng = np.random.default_rng(5)
    theta = random_dag(rng, 12)
    table = simulated_table(rng, theta, np.full(12, -1.2), factor=0.2)
    return theta, table, common_factors(table.correlation)


def state(rng, p=9):
    """A chain with a random graph, and a model with random weights."""
    theta, tau = random_dag(rng, p), rng.uniform(-2, -1, p)
    B = np.linalg.inv(np.eye(p) - theta)
    T = tau[:, None] * B
    R = rng.standard_normal((p, p))
    chain = kernels.Chain(
        theta.copy(),
        theta != 0,
        (theta != 0).sum(axis=1),
        tau,
        np.ascontiguousarray(T.T),
        np.ascontiguousarray(B.T),
        R.copy(),
        np.zeros((p, p)),
        np.ones((p, p), dtype=bool),
        np.zeros(p),
        np.zeros(p),
    )
    nothing = np.zeros((p, p), dtype=bool)
    model = kernels.Model(rng.uniform(0.5, 2, (p, p)), ~np.eye(p, dtype=bool), nothing, nothing, np.full(p, -3.0), 4.0)
    return chain, model


def test_the_sum_of_the_precisions_of_all_rows(example):
    _, table, factors = example
    weight = np.random.default_rng(1).uniform(0.5, 2.0, table.E.shape)
    precision = RowPrecision(weight, factors, np.arange(12) % 3 == 0, 0.1)
    np.testing.assert_allclose(precision.total(), sum(precision.row(l) for l in range(12)), rtol=1e-10, atol=1e-12)


def total_effects(theta, tau):
    return tau[:, None] * np.linalg.inv(np.eye(len(theta)) - theta)


def work_space(p):
    return kernels.work_space.py_func(p)


@pytest.mark.parametrize("t", range(9))
def test_effects_are_linear_in_all_edges_into_a_gene(t):
    """T after a change of every edge into t at once is what the inverse gives: no path uses an edge twice."""
    chain, model = state(np.random.default_rng(2))
    work = work_space(9)
    n = kernels.gather(chain, model, t, work)
    free = ~work.seen
    new = chain.theta.copy()
    new[free, t] += np.linspace(-0.5, 0.5, free.sum())
    response = chain.R + chain.T
    for k in np.flatnonzero(free):
        kernels.move.py_func(chain.T[k], new[k, t] - chain.theta[k, t], work)
    kernels.push(chain, t, n, work)
    expected = total_effects(new, chain.tau)
    # Effects below .01 are left out between exact computations.
    np.testing.assert_allclose(chain.T.T, expected, atol=0.03)
    np.testing.assert_allclose(chain.R + chain.T, response, atol=1e-12)
    exact = np.abs(np.linalg.inv(np.eye(9) - new)[t]) > 0.05
    np.testing.assert_allclose(chain.T.T[:, exact], expected[:, exact], atol=1e-12)


def test_evidence_is_the_bayes_factor_of_the_whole_table():
    """Log odds from the sums u, w against Gaussian integrals over all cells of the table."""
    chain, model = state(np.random.default_rng(3))
    t = int(np.argmax((chain.theta != 0).sum(axis=0)))
    k = int(np.flatnonzero(chain.theta[:, t])[0])
    work = work_space(9)
    old = chain.theta[k, t]
    kernels.gather(chain, model, t, work)
    i = kernels.weighted_square.py_func(chain.T[k], work.w)
    g = kernels.dot.py_func(chain.T[k], work.u) + old * i
    x = np.where(np.abs(chain.B[:, [t]]) > kernels.NEGLIGIBLE, chain.B[:, [t]], 0.0) * chain.T[k]
    y, variance, precision = chain.R + old * x, 1 / model.W, model.precision
    information, score = (x**2 / variance).sum(), (x * y / variance).sum()
    np.testing.assert_allclose([i, g], [information, score], rtol=1e-10)

    # The density of all residuals with θ integrated out is that of N(0, diag(variance) + xx'/precision).
    covariance = np.diag(variance.ravel()) + np.outer(x.ravel(), x.ravel()) / precision
    with_edge = -0.5 * (np.linalg.slogdet(covariance)[1] + y.ravel() @ np.linalg.solve(covariance, y.ravel()))
    without = -0.5 * (np.log(variance).sum() + (y**2 / variance).sum())
    np.testing.assert_allclose(kernels.evidence.py_func(g, i, precision), with_edge - without, rtol=1e-8)


def test_kernels_are_python_too():
    """The same draws compiled and not."""
    results = []
    for run in (sweeps.sweep_edges, sweeps.sweep_edges.py_func):
        chain, model = state(np.random.default_rng(4))
        sums = np.zeros((9, 9)), np.zeros((9, 9)), np.zeros((9, 9))
        run(chain, model, np.random.default_rng(6), True, True, *sums)
        results.append((*sums, chain.theta, chain.T))
    for compiled, plain in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("shifts", [True, False])
def test_no_cycle_and_no_drift_in_any_sweep(example, shifts):
    _, table, factors = example
    seen = []

    def watch(running):
        chain = running.chain
        edges = chain.theta != 0
        assert not np.diag(transitive_closure_with_diagonal(edges)).any()
        np.testing.assert_array_equal(chain.above, edges)
        np.testing.assert_array_equal(chain.out_degree, edges.sum(axis=1))
        np.testing.assert_allclose(chain.T.T, total_effects(chain.theta, chain.tau), atol=0.05)
        seen.append(edges.sum())

    limits = constraints(table, no_prior(12))
    run_chain(table, factors, limits, np.random.SeedSequence(1), schedule=DEFAULT_SCHEDULE, shifts=shifts, watch=watch)
    assert len(seen) == 65
    assert max(seen) > 10


def transitive_closure_with_diagonal(edges):
    reach = edges.copy()
    for k in range(len(reach)):
        reach[reach[:, k]] |= reach[k]
    return reach


def test_same_numbers_for_a_seed_whatever_the_threads(example):
    _, table, _ = example
    results = [search_joint(table, chains=4, schedule=SHORT, seed=3)]
    for n_jobs in (1, 2, 3):
        with worker_pool(n_jobs) as map_:
            results.append(search_joint(table, chains=4, schedule=SHORT, seed=3, map_=map_))
    for other in results[1:]:
        for name in ("inclusion", "coef", "se", "p", "selected", "order", "residual"):
            assert getattr(other, name).tobytes() == getattr(results[0], name).tobytes()
    assert (search_joint(table, chains=4, schedule=SHORT, seed=4).inclusion != results[0].inclusion).any()


def test_finds_the_network(example):
    theta, table, _ = example
    found = search_joint(table, chains=8)
    assert (found.selected == (theta != 0)).all()
    z = ((found.coef - theta) / found.se)[found.selected]
    assert np.abs(z).max() < 4
    assert 0.5 < np.sqrt((z**2).mean()) < 1.6
    np.testing.assert_allclose(found.tau, -1.2, atol=0.2)
    assert not (found.selected & found.selected.T).any()
    position = np.argsort(found.order)
    source, target = np.nonzero(found.selected)
    assert (position[source] < position[target]).all()
    assert (found.layer[source] < found.layer[target]).all()
    assert not found.loop.any()


def test_over_expression():
    rng = np.random.default_rng(8)
    theta = random_dag(rng, 12)
    found = search_joint(simulated_table(rng, theta, np.where(np.arange(12) < 6, 1.3, -1.3)), chains=8)
    assert found.selected[theta != 0].all()
    assert found.selected[theta == 0].sum() <= 1
    assert (np.sign(found.tau) == np.where(np.arange(12) < 6, 1, -1)).all()


def test_prior_knowledge_is_obeyed(example):
    theta, table, _ = example
    edges = np.argwhere(theta != 0)
    forbidden, turned = edges[[0]], edges[[1]][:, ::-1]
    absent = np.argwhere(theta + theta.T == 0)
    required = np.array([pair for pair in absent if pair[0] < pair[1]])[[3]]
    prior = build_prior(12, forbidden, required, turned)
    closed = []

    def watch(running):
        edges = running.chain.theta != 0
        together = transitive_closure_with_diagonal(edges | prior.before)
        closed.append(np.diag(together).any())

    factors = common_factors(table.correlation)
    run_chain(table, factors, constraints(table, prior), np.random.SeedSequence(1), watch=watch)
    assert not any(closed)

    found = search_joint(table, prior=prior, chains=6)
    assert not found.selected[tuple(forbidden[0])]
    assert found.inclusion[tuple(forbidden[0])] == 0
    assert np.isnan(found.p[tuple(forbidden[0])])
    assert found.selected[tuple(required[0])]
    assert found.inclusion[tuple(required[0])] == 1
    assert np.isnan(found.padj[tuple(required[0])])
    reach = transitive_closure(found.selected)
    assert not (reach & prior.before.T).any()
    position = np.argsort(found.order)
    assert position[turned[0, 0]] < position[turned[0, 1]]


def test_order_of_genes_changes_monte_carlo_error_alone(example):
    _, table, _ = example
    turn = np.random.default_rng(0).permutation(12)
    square = np.ix_(turn, turn)
    moved = EffectTable(
        *(getattr(table, name)[square] for name in ("S", "E", "kappa", "inflation", "drift", "z")),
        table.offset_variance[turn],
        table.correlation[square],
        table.instrument[turn],
        table.tau_mean[turn],
        table.tau_precision[turn],
        table.tail,
    )
    first, second = search_joint(table, chains=12), search_joint(moved, chains=12)
    np.testing.assert_array_equal(first.selected[square], second.selected)
    moved_by = (first.coef[square] - second.coef) / second.se
    assert np.abs(moved_by[second.selected]).max() < 0.5
    np.testing.assert_allclose(first.inclusion[square], second.inclusion, atol=0.4)


def test_inputs_are_not_changed(example):
    _, table, _ = example
    for array in (table.S, table.E, table.kappa, table.inflation, table.correlation, table.offset_variance):
        array.setflags(write=False)
    search_joint(table, chains=2, schedule=SHORT)


def test_nothing_to_find():
    """No instrument at all, two genes, one chain: no edges, no errors."""
    rng = np.random.default_rng(1)
    silent = search_joint(simulated_table(rng, np.zeros((5, 5)), np.zeros(5)), chains=2, schedule=SHORT)
    assert not silent.selected.any()
    assert np.isnan(silent.p).all()
    assert silent.order.tolist() == [0, 1, 2, 3, 4]
    assert silent.expected_false == 0
    theta = np.array([[0.0, 0.6], [0.0, 0.0]])
    two = search_joint(simulated_table(rng, theta, np.full(2, -1.2)), chains=1)
    assert two.selected.tolist() == [[False, True], [False, False]]
    assert two.agreement.jaccard == 1


def test_a_gene_without_counts_takes_no_part(example):
    _theta, table, _ = example
    for array in (table.S, table.E, table.kappa):
        array[:, 4] = 0.0
    table.instrument[4] = False
    found = search_joint(table, chains=4)
    assert not found.selected[4].any()
    assert not found.selected[:, 4].any()
    assert np.isfinite(found.coef[found.selected]).all()
    assert np.isnan(found.residual[:, 4]).all()
