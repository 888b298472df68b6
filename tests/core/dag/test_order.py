"""Closure and causal order against networkx and a literal reading of Algorithm 1."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from argen._core.dag.order import causal_order, layers_of
from argen._core.dag.search import is_strict_order
from argen._core.descendants.closure import acyclic_closure, descendant_relation
from argen._core.graphs.reach import transitive_closure
from argen._core.results import DescendantTests


def random_relation(seed, p, density):
    rng = np.random.default_rng(seed)
    relation = rng.random((p, p)) < density
    np.fill_diagonal(relation, val=False)
    return relation, rng.exponential(5.0, (p, p))


def graph_of(relation):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(len(relation)))
    graph.add_edges_from(np.argwhere(relation).tolist())
    return graph


CASES = {"seed": st.integers(0, 10_000), "p": st.integers(1, 12), "density": st.floats(0.0, 0.6)}


@settings(max_examples=60, deadline=None)
@given(**CASES)
def test_transitive_closure(seed, p, density):
    relation, _ = random_relation(seed, p, density)
    expected = nx.to_numpy_array(nx.transitive_closure(graph_of(relation), reflexive=None), nodelist=range(p)) > 0
    np.fill_diagonal(expected, val=False)
    np.testing.assert_array_equal(transitive_closure(relation), expected)


@settings(max_examples=60, deadline=None)
@given(**CASES)
def test_acyclic_closure_is_the_greedy_one(seed, p, density):
    relation, evidence = random_relation(seed, p, density)
    reach, dropped, paths = acyclic_closure(relation, evidence)
    kept = nx.DiGraph()
    kept.add_nodes_from(range(p))
    skipped = []
    for u, v in sorted(np.argwhere(relation).tolist(), key=lambda e: -evidence[e[0], e[1]]):
        if nx.has_path(kept, v, u):
            skipped.append((u, v))
        else:
            kept.add_edge(u, v)
    assert [tuple(pair) for pair in dropped.tolist()] == skipped
    expected = nx.to_numpy_array(nx.transitive_closure(kept), nodelist=range(p)) > 0
    np.testing.assert_array_equal(reach, expected)
    assert is_strict_order(reach)
    for (u, v), path in zip(skipped, paths, strict=True):
        assert (path[0], path[-1]) == (v, u)
        assert nx.is_path(kept, path)


def test_ties_of_evidence_go_by_name():
    relation = np.array([[0, 1], [1, 0]], dtype=bool)
    reach, dropped, paths = acyclic_closure(relation, np.ones((2, 2)))
    assert reach.tolist() == [[False, True], [False, False]]
    assert dropped.tolist() == [[1, 0]]
    assert paths == ((0, 1),)


@settings(max_examples=60, deadline=None)
@given(**CASES, grid=st.booleans())
def test_causal_order_is_algorithm_1(seed, p, density, grid):
    relation, evidence = random_relation(seed, p, density)
    evidence = np.round(evidence / 4) if grid else evidence  # a grid makes ties
    left, expected = list(range(p)), []
    while left:
        descendants = {t: [k for k in left if relation[t, k]] for t in left}
        t = min(left, key=lambda t: (len(descendants[t]), sum(evidence[t, k] for k in descendants[t]), t))
        expected.append(t)
        left.remove(t)
    np.testing.assert_array_equal(causal_order(relation, evidence), expected[::-1])


def test_the_order_of_a_dag_is_topological():
    rng = np.random.default_rng(0)
    relation = transitive_closure(np.triu(rng.random((20, 20)) < 0.2, 1))
    order = causal_order(relation, rng.random((20, 20)))
    position = np.argsort(order)
    assert all(position[a] < position[b] for a, b in np.argwhere(relation))


@pytest.mark.parametrize("closure", [True, False, "acyclic"])
def test_significance_is_benjamini_hochberg_over_tested_pairs(closure):
    rng = np.random.default_rng(3)
    p = 9
    log_p = np.log(rng.random((p, p)) ** 4)
    log_p[2, 5] = np.nan
    nothing = np.zeros((p, p))
    tests = DescendantTests(nothing, nothing, nothing, log_p, nothing > 0, nothing, nothing, nothing)
    relation = descendant_relation(tests, closure, 0.05)
    family = ~np.eye(p, dtype=bool) & np.isfinite(log_p)
    rejected, padj, *_ = multipletests(np.exp(log_p[family]), alpha=0.05, method="fdr_bh")
    np.testing.assert_allclose(relation.padj[family], padj, rtol=1e-12)
    np.testing.assert_array_equal(relation.significant[family], rejected)
    assert np.isnan(relation.padj[~family]).all()
    assert not relation.significant[~family].any()
    assert rejected.any()
    assert not rejected.all()


def test_layers_are_longest_paths():
    rng = np.random.default_rng(1)
    adjacency = np.triu(rng.random((15, 15)) < 0.2, 1)
    source, target = np.nonzero(adjacency)
    graph = graph_of(adjacency)
    expected = [max((len(p) - 1 for s in graph for p in nx.all_simple_paths(graph, s, t)), default=0) for t in graph]
    np.testing.assert_array_equal(layers_of(np.arange(15), source, target), expected)
