"""Distances between graphs against do-calculus, d-separation, other packages and published examples."""

from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from argen._core.graphs.metrics import (
    average_precision,
    hamming_distance,
    order_agreement,
    precision_recall_f1,
    wrong_interventions,
)


def random_dag(p, share, rng):
    order = rng.permutation(p)
    graph = np.zeros((p, p), dtype=bool)
    graph[np.ix_(order, order)] = np.triu(rng.random((p, p)) < share, k=1)
    return graph


def all_dags(p):
    cells = [(i, j) for i in range(p) for j in range(p) if i != j]
    for bits in product((False, True), repeat=len(cells)):
        graph = np.zeros((p, p), dtype=bool)
        graph[tuple(np.array(cells).T)] = bits
        if nx.is_directed_acyclic_graph(nx.DiGraph(graph)):
            yield graph


def wrong_by_do_calculus(estimate, truth, rng):
    """In a linear Gaussian SEM with random weights: total effects against regressions on the estimated parents."""
    p = len(truth)
    weights = np.where(truth, rng.uniform(0.3, 2.0, (p, p)) * rng.choice([-1, 1], (p, p)), 0.0)
    total = np.linalg.inv(np.eye(p) - weights)  # [i, j]: effect of do(x_i) on the mean of x_j
    covariance = total.T @ np.diag(rng.uniform(0.5, 2.0, p)) @ total
    wrong = np.zeros((p, p), dtype=bool)
    for i in range(p):
        given = [i, *np.flatnonzero(estimate[:, i])]
        for j in set(range(p)) - {i}:
            adjusted = 0.0
            if j not in given:
                adjusted = np.linalg.solve(covariance[np.ix_(given, given)], covariance[given, j])[0]
            wrong[i, j] = abs(adjusted - total[i, j]) > 1e-8
    return wrong


def wrong_by_separation(estimate, truth):
    """Adjustment criterion: no descendant of a causal node, and d-separation once the causal edges out of i are cut."""
    graph, p = nx.DiGraph(truth), len(truth)
    wrong = np.zeros((p, p), dtype=bool)
    for i, j in product(range(p), repeat=2):
        if i == j:
            continue
        given, causal = set(np.flatnonzero(estimate[:, i]).tolist()), set()
        if j in given:
            wrong[i, j] = nx.has_path(graph, i, j)
            continue
        for path in nx.all_simple_paths(graph, i, j):
            causal |= set(path[1:])
        forbidden = causal.union(*(nx.descendants(graph, node) for node in causal))
        cut = graph.copy()
        cut.remove_edges_from([(i, node) for node in causal if graph.has_edge(i, node)])
        wrong[i, j] = bool(given & forbidden) or not nx.is_d_separator(cut, {i}, {j}, given)
    return wrong


def test_intervention_distance_of_all_pairs_of_dags_on_three_nodes_is_that_of_do_calculus():
    rng, graphs = np.random.default_rng(0), list(all_dags(3))
    assert len(graphs) == 25
    for estimate, truth in product(graphs, repeat=2):
        np.testing.assert_array_equal(wrong_interventions(estimate, truth), wrong_by_do_calculus(estimate, truth, rng))


@pytest.mark.parametrize("p", [4, 5, 6, 8])
def test_intervention_distance_of_random_dags_is_that_of_do_calculus_and_of_d_separation(p):
    rng = np.random.default_rng(p)
    for _ in range(40):
        estimate, truth = (random_dag(p, rng.uniform(0.2, 0.9), rng) for _ in range(2))
        wrong = wrong_interventions(estimate, truth)
        np.testing.assert_array_equal(wrong, wrong_by_do_calculus(estimate, truth, rng))
        np.testing.assert_array_equal(wrong, wrong_by_separation(estimate, truth))


def test_example_of_peters_and_buhlmann():
    """Nodes X1, X2, Y1, Y2, Y3: both estimates have SHD 1, but only one of them gets interventions wrong (8 pairs)."""
    truth = np.zeros((5, 5), dtype=bool)
    truth[0, 1:] = truth[1, 2:] = True
    extra, reversed_ = truth.copy(), truth.copy()
    extra[2, 3] = True
    reversed_[0, 1], reversed_[1, 0] = False, True
    assert [hamming_distance(estimate, truth) for estimate in (extra, reversed_)] == [1, 1]
    assert [wrong_interventions(estimate, truth).sum() for estimate in (extra, reversed_)] == [0, 8]


def arithmetic_dag(p, step, salt, share):
    """DAG that needs no random numbers, so that stored distances stay valid."""
    order = (np.arange(p) * step + salt) % p
    early, late = np.triu_indices(p, k=1)
    kept = (early * 131 + late * 71 + early * late * 37 + salt * 53) % 997 < 997 * share
    graph = np.zeros((p, p), dtype=bool)
    graph[order[early[kept]], order[late[kept]]] = True
    return graph


@pytest.mark.parametrize(
    ("truth", "estimate", "sid", "shd"),
    [
        ((11, 7, 1, 0.3), (11, 7, 2, 0.3), 78, 24),
        ((11, 7, 1, 0.3), (11, 7, 1, 0.24), 21, 7),
        ((30, 7, 3, 0.15), (30, 7, 4, 0.15), 716, 113),
        ((30, 7, 3, 0.15), (30, 7, 3, 0.12), 178, 9),
        ((30, 11, 2, 0.1), (30, 11, 3, 0.05), 140, 65),
        ((30, 11, 2, 0.1), (30, 11, 2, 0.04), 71, 21),
        ((101, 7, 5, 0.03), (101, 7, 6, 0.03), 2765, 296),
        ((101, 7, 5, 0.03), (101, 7, 5, 0.024), 664, 31),
        ((101, 10, 5, 0.3), (101, 10, 6, 0.02), 9378, 1546),
        ((101, 10, 5, 0.3), (101, 10, 5, 0.016), 9364, 1420),
        ((401, 12, 9, 0.01), (401, 12, 10, 0.008), 54451, 1468),
        ((401, 12, 9, 0.01), (401, 12, 9, 0.0064), 19026, 253),
    ],
)
def test_distances_are_those_of_gadjid(truth, estimate, sid, shd):
    """Numbers from gadjid 0.1.0 (`sid` and `shd`)."""
    truth, estimate = arithmetic_dag(*truth), arithmetic_dag(*estimate)
    assert wrong_interventions(estimate, truth).sum() == sid
    assert hamming_distance(estimate, truth) == shd


def test_intervention_distance_does_not_depend_on_the_block(monkeypatch):
    rng = np.random.default_rng(5)
    estimate, truth = random_dag(30, 0.2, rng), random_dag(30, 0.3, rng)
    expected = wrong_interventions(estimate, truth)
    for array in (estimate, truth):
        array.flags.writeable = False
    monkeypatch.setattr("argen._core.graphs.metrics._BLOCK", 7)
    np.testing.assert_array_equal(wrong_interventions(estimate, truth), expected)


def test_intervention_distance_without_edges():
    empty = np.zeros((4, 4), dtype=bool)
    chain = np.eye(4, k=1, dtype=bool)
    assert not wrong_interventions(empty, empty).any()
    assert not wrong_interventions(chain, chain).any()
    np.testing.assert_array_equal(wrong_interventions(empty, chain), np.tril(np.ones((4, 4), dtype=bool), k=-1))


def test_hamming_distance_counts_pairs_and_may_have_cycles():
    rng = np.random.default_rng(1)
    for _ in range(20):
        estimate, truth = (rng.random((7, 7)) < 0.4 for _ in range(2))
        np.fill_diagonal(estimate, val=False)
        np.fill_diagonal(truth, val=False)
        one, other = nx.DiGraph(estimate), nx.DiGraph(truth)
        expected = sum(
            (one.has_edge(i, j), one.has_edge(j, i)) != (other.has_edge(i, j), other.has_edge(j, i))
            for i, j in combinations(range(7), 2)
        )
        assert hamming_distance(estimate, truth) == hamming_distance(truth, estimate) == expected


def test_precision_recall_f1_are_those_of_sklearn():
    rng = np.random.default_rng(2)
    for _ in range(20):
        estimate, truth = random_dag(6, rng.random(), rng), random_dag(6, rng.random(), rng)
        expected = precision_recall_fscore_support(
            truth.ravel(), estimate.ravel(), average="binary", zero_division=np.nan
        )
        np.testing.assert_allclose(precision_recall_f1(estimate, truth), expected[:3], rtol=1e-12)


def test_precision_recall_f1_of_empty_graphs():
    empty, full = np.zeros((3, 3), dtype=bool), np.triu(np.ones((3, 3), dtype=bool), k=1)
    np.testing.assert_equal(precision_recall_f1(empty, full), (np.nan, 0.0, 0.0))
    np.testing.assert_equal(precision_recall_f1(full, empty), (0.0, np.nan, 0.0))
    np.testing.assert_equal(precision_recall_f1(empty, empty), (np.nan, np.nan, np.nan))


@pytest.mark.parametrize("n_scores", [2, 5, 1000])
def test_average_precision_is_that_of_sklearn_with_ties(n_scores):
    rng = np.random.default_rng(n_scores)
    for _ in range(20):
        score = rng.integers(0, n_scores, 300).astype(float)
        label = rng.random(300) < 0.2
        assert average_precision(score, label) == pytest.approx(average_precision_score(label, score), rel=1e-12)


def test_average_precision_with_infinite_scores_and_without_labels():
    score = np.array([np.inf, np.inf, 3.0, -1.0])
    label = np.array([True, False, True, False])
    assert average_precision(score, label) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert np.isnan(average_precision(score, np.zeros(4, dtype=bool)))


def test_order_agreement_counts_ancestor_pairs():
    rng = np.random.default_rng(3)
    for _ in range(20):
        truth, position = random_dag(8, 0.3, rng), rng.permutation(8)
        closed = nx.transitive_closure_dag(nx.DiGraph(truth)).edges
        expected = np.mean([position[i] < position[j] for i, j in closed]) if closed else np.nan
        np.testing.assert_equal(order_agreement(position, truth), expected)
    chain = np.eye(4, k=1, dtype=bool)
    assert order_agreement(np.arange(4), chain) == 1
    assert order_agreement(np.arange(4)[::-1], chain) == 0
    assert np.isnan(order_agreement(np.arange(4), np.zeros((4, 4), dtype=bool)))
