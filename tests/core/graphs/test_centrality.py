"""Sums over walks against counting them, and against networkx."""

from itertools import pairwise, product

import networkx as nx
import numpy as np
import pytest

from argen._core.graphs.centrality import attenuated_walks
from argen.errors import InputError


def random_edges(p, n_edges, seed, acyclic=True):
    rng = np.random.default_rng(seed)
    edges = np.zeros((p, p), dtype=bool)
    while edges.sum() < n_edges:
        i, j = rng.choice(p, 2, replace=False)
        edges[(min(i, j), max(i, j)) if acyclic else (i, j)] = True
    at = rng.permutation(p)
    return edges[np.ix_(at, at)]


def counted_walks(edges, attenuation, longest):
    """Every sequence of nodes is tried."""
    p = len(edges)
    total = np.zeros(p)
    for k in range(1, longest + 1):
        for nodes in product(range(p), repeat=k + 1):
            if all(edges[i, j] for i, j in pairwise(nodes)):
                total[nodes[0]] += attenuation**k
    return total


@pytest.mark.parametrize("attenuation", [0.1, 1.0, 3.0])
def test_walks_are_counted(attenuation):
    edges = random_edges(6, 9, 1)
    np.testing.assert_allclose(attenuated_walks(edges, attenuation), counted_walks(edges, attenuation, 5), rtol=1e-12)


@pytest.mark.parametrize(("acyclic", "attenuation"), [(True, 0.1), (True, 0.7), (False, 0.1)])
@pytest.mark.parametrize("p", [12, 45])
def test_networkx_counts_the_walk_of_no_step_too(p, acyclic, attenuation):
    edges = random_edges(p, 2 * p, 2, acyclic)
    graph = nx.from_numpy_array(edges.astype(int), create_using=nx.DiGraph)
    # It follows edges backwards, so that walks from a gene are those of the reversed graph.
    out = nx.katz_centrality_numpy(graph.reverse(), alpha=attenuation, beta=1.0, normalized=False)
    into = nx.katz_centrality_numpy(graph, alpha=attenuation, beta=1.0, normalized=False)
    np.testing.assert_allclose(attenuated_walks(edges, attenuation), np.array(list(out.values())) - 1, atol=1e-12)
    np.testing.assert_allclose(attenuated_walks(edges.T, attenuation), np.array(list(into.values())) - 1, atol=1e-12)


def test_cycles_against_the_series():
    edges = random_edges(8, 14, 3, acyclic=False)
    assert not nx.is_directed_acyclic_graph(nx.from_numpy_array(edges, create_using=nx.DiGraph))
    total, step = np.zeros(8), np.ones(8)
    for _ in range(400):
        step = 0.3 * edges @ step
        total += step
    np.testing.assert_allclose(attenuated_walks(edges, 0.3), total, rtol=1e-10)


def test_a_sum_without_an_end_is_refused():
    edges = np.roll(np.eye(4, dtype=bool), 1, axis=1)  # a ring: its largest eigenvalue is 1
    np.testing.assert_allclose(attenuated_walks(edges, 0.999), 999.0, rtol=1e-6)
    with pytest.raises(InputError, match=r"attenuation=1\.0: this network has cycles.*less than 1\b"):
        attenuated_walks(edges, 1.0)


def test_long_chains_and_nothing():
    chain = np.eye(300, k=1, dtype=bool)
    expected = [sum(2.0**k for k in range(1, 300 - i)) for i in range(300)]
    np.testing.assert_allclose(attenuated_walks(chain, 2.0), expected, rtol=1e-12)
    assert attenuated_walks(np.zeros((3, 3), dtype=bool), 0.1).tolist() == [0.0, 0.0, 0.0]
    assert attenuated_walks(np.zeros((0, 0), dtype=bool), 0.1).shape == (0,)
