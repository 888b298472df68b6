"""Rewired graphs against the list of all graphs with the same degrees."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from argen._core.graphs.overlap import contrary, overlap_by_numbers, same_order
from argen._core.graphs.rewired import rewired_graphs, shared_by_chance

EDGES = [(0, 1), (0, 2), (1, 3), (2, 4), (3, 4), (4, 0)]


def graph(edges, n=5):
    joined = np.zeros((n, n), dtype=bool)
    joined[tuple(np.array(edges).T)] = True
    return joined


def all_with_the_degrees_of(edges):
    """Every graph without loops that has the same numbers of parents and children, by trying all sets of edges."""
    n = len(edges)
    pairs = [(i, j) for i in range(n) for j in range(n) if i != j]
    parents, children = edges.sum(axis=0), edges.sum(axis=1)
    found = []
    for chosen in combinations(pairs, int(edges.sum())):
        one = graph(chosen, n)
        if (one.sum(axis=0) == parents).all() and (one.sum(axis=1) == children).all():
            found.append(one)
    return found


def test_every_graph_is_drawn_as_often():
    """Over the graphs that brute force finds, χ² of the counts."""
    start = graph(EDGES)
    graphs = all_with_the_degrees_of(start)
    number = {one.tobytes(): i for i, one in enumerate(graphs)}
    drawn = [number[one.tobytes()] for one in rewired_graphs(start, 4000, np.random.default_rng(0))]
    counts = np.bincount(drawn, minlength=len(graphs))
    assert len(graphs) > 20
    assert stats.chisquare(counts).pvalue > 1e-3


def test_shared_edges_by_chance_are_those_of_all_pairs_of_graphs():
    left, right = graph(EDGES), graph([(0, 1), (0, 3), (2, 1), (4, 2), (0, 2)])
    exact = np.array([(a & b).sum() for a in all_with_the_degrees_of(left) for b in all_with_the_degrees_of(right)])
    drawn = shared_by_chance(left, right, 4000, tuple(np.random.default_rng(1).spawn(2)))
    assert abs(drawn.mean() - exact.mean()) < 4 * exact.std() / np.sqrt(4000)
    for k in range(exact.max() + 1):
        share = (exact >= k).mean()
        assert abs((drawn >= k).mean() - share) <= 4 * np.sqrt(share * (1 - share) / 4000)


@pytest.mark.parametrize("edges", [np.zeros((3, 3), dtype=bool), graph([(0, 1), (0, 2), (0, 3), (0, 4)])])
def test_what_cannot_be_rewired_stays(edges):
    assert all((one == edges).all() for one in rewired_graphs(edges, 3, np.random.default_rng(0)))


def test_overlap_by_numbers_is_the_hypergeometric_and_fishers():
    expected, odds, p = overlap_by_numbers(12, 9, 4, 90)
    table = [[4, 8], [5, 73]]
    assert (odds, p) == pytest.approx(stats.fisher_exact(table, alternative="greater"), rel=1e-9)
    assert expected == 12 * 9 / 90
    assert overlap_by_numbers(0, 9, 0, 90)[::2] == (0.0, 1.0)
    assert np.isnan(overlap_by_numbers(0, 0, 0, 0)).all()


def test_orders_and_contrary_edges_by_hand():
    positions = np.array([0, 1, 2, 2]), np.array([0, 2, 1, 5])
    assert same_order(*positions, np.ones((4, 4), dtype=bool)) == (5, 4)
    assert same_order(*positions, graph([(2, 1), (0, 1), (3, 2)], 4)) == (2, 1)
    assert same_order(np.array([3]), np.array([1]), np.ones((1, 1), dtype=bool)) == (0, 0)
    chain, other = graph([(0, 1), (1, 2)], 3), graph([(0, 2), (2, 1)], 3)
    assert np.argwhere(contrary(chain, other)).tolist() == [[1, 2]]
    both_ways = graph([(0, 1), (1, 0)], 3)
    assert not contrary(both_ways, graph([(1, 0)], 3)).any()
    assert not contrary(graph([(1, 0)], 3), both_ways).any()
