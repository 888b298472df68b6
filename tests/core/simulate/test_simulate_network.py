"""Graphs of simulated screens, held against networkx and sums over paths."""

import itertools

import networkx as nx
import numpy as np
import pytest
from scipy import sparse

from argen._core.simulate import causal_order, find_cycle, marginal_effects, random_dag, total_effects
from argen._core.simulate.network import random_pairs
from argen.errors import InputError


def to_networkx(theta):
    return nx.from_scipy_sparse_array(sparse.csr_matrix(theta), create_using=nx.DiGraph)


@pytest.mark.parametrize("seed", range(5))
def test_random_dag_has_the_parents_and_effects_asked_for(seed):
    theta = random_dag(60, np.random.default_rng(seed), n_parents=(1, 3), effect=(0.2, 0.5))
    graph = to_networkx(theta)
    assert nx.is_directed_acyclic_graph(graph)
    parents = sorted(dict(graph.in_degree()).values())
    assert parents[0] == 0
    assert parents[1] >= 1
    assert parents[-1] == 3
    assert (np.abs(theta.data) >= 0.2).all()
    assert (np.abs(theta.data) <= 0.5).all()
    assert (theta.data > 0).any()
    assert (theta.data < 0).any()


@pytest.mark.parametrize("n_edges", [0, 1, 100, 190])
def test_random_dag_has_the_number_of_edges_asked_for(n_edges):
    theta = random_dag(20, np.random.default_rng(0), n_edges=n_edges)
    assert theta.nnz == n_edges
    assert nx.is_directed_acyclic_graph(to_networkx(theta))


def test_pairs_are_numbered_without_gap_or_overlap():
    early, late = random_pairs(7, 21, np.random.default_rng(0))
    assert set(zip(early.tolist(), late.tolist(), strict=True)) == {(i, j) for j in range(7) for i in range(j)}


def test_random_pairs_are_uniform():
    rng = np.random.default_rng(3)
    hits = np.zeros((5, 5))
    for _ in range(4000):
        early, late = random_pairs(5, 2, rng)
        hits[early, late] += 1
    shares = hits[np.triu_indices(5, 1)] / 4000  # each of 10 pairs is one of 2 drawn
    np.testing.assert_allclose(shares, 0.2, atol=5 * np.sqrt(0.2 * 0.8 / 4000))


@pytest.mark.parametrize("seed", range(3))
def test_order_puts_parents_before_children(seed):
    theta = random_dag(40, np.random.default_rng(seed), n_edges=150)
    place = np.argsort(causal_order(theta))
    rows, columns = theta.nonzero()
    assert (place[rows] < place[columns]).all()
    assert find_cycle(theta) == []


def test_a_cycle_is_found_and_refused():
    theta = sparse.csr_matrix(([1.0] * 5, ([0, 1, 2, 3, 2], [1, 2, 3, 1, 4])), shape=(6, 6))  # 1 → 2 → 3 → 1
    cycle = find_cycle(theta)
    assert cycle[0] == cycle[-1]
    assert set(cycle) == {1, 2, 3}
    assert all(theta[a, b] for a, b in itertools.pairwise(cycle))
    with pytest.raises(InputError, match="cycle"):
        causal_order(theta)


def test_a_self_loop_is_a_cycle():
    assert find_cycle(sparse.csr_matrix(([1.0], ([2], [2])), shape=(3, 3))) == [2, 2]


def test_total_effects_sum_over_paths():
    theta = random_dag(9, np.random.default_rng(1), n_edges=20)
    knockdown = np.linspace(-2, -1, 9)
    graph = to_networkx(theta)
    expected = np.diag(knockdown)
    for start in range(9):
        for end in set(range(9)) - {start}:
            for path in nx.all_simple_edge_paths(graph, start, end):
                expected[start, end] += knockdown[start] * np.prod([theta[edge] for edge in path])
    np.testing.assert_allclose(total_effects(theta, knockdown), expected, atol=1e-12)


def test_marginal_effects_keep_the_total_effects_among_the_genes_left():
    theta = random_dag(15, np.random.default_rng(2), n_edges=50)
    kept = np.random.default_rng(3).random(15) < 0.6
    left = marginal_effects(theta, kept)
    full = total_effects(theta, np.ones(15))
    np.testing.assert_allclose(total_effects(left, np.ones(kept.sum())), full[np.ix_(kept, kept)], atol=1e-12)
    assert left.nnz > theta[kept][:, kept].nnz  # some paths ran through hidden genes


def test_marginal_effects_without_hidden_genes_are_the_direct_effects():
    theta = random_dag(10, np.random.default_rng(4), n_edges=20)
    np.testing.assert_array_equal(marginal_effects(theta, np.ones(10, dtype=bool)).toarray(), theta.toarray())
