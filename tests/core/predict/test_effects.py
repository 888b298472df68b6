"""Predicted effects and the paths that carry them, against networkx and brute force."""

from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from argen._core.predict.effects import is_acyclic, predicted_effects, spectral_radius
from argen._core.predict.paths import best_paths, number_of_paths

NONE = np.empty(0, dtype=np.int64)


def random_dag(seed: int, p: int = 9, share: float = 0.45) -> np.ndarray:
    """Coefficients [source, target] of a random DAG, genes in random order."""
    rng = np.random.default_rng(seed)
    theta = np.triu(rng.normal(0, 0.8, (p, p)) * (rng.random((p, p)) < share), 1)
    order = rng.permutation(p)
    return theta[np.ix_(order, order)]


def contributions(theta: np.ndarray, sources, shift, target: int) -> list[tuple[tuple[int, ...], float]]:
    """Every path to a gene with what it contributes, by networkx."""
    graph = nx.from_numpy_array((theta != 0).astype(int), create_using=nx.DiGraph)
    found = []
    for source, size in zip(sources, shift, strict=True):
        paths = [[source]] if source == target else nx.all_simple_paths(graph, source, target)
        for path in paths:
            product = size * np.prod([theta[a, b] for a, b in pairwise(path)])
            found.append((tuple(path), float(product)))
    return sorted(found, key=lambda one: (-abs(one[1]), len(one[0]), one[0]))


@pytest.mark.parametrize("seed", range(6))
def test_an_effect_is_the_sum_over_all_paths(seed):
    theta, sources, alone = random_dag(seed), np.array([1, 4]), np.array([-1.2, 0.7])
    found = predicted_effects(theta, sources, alone, NONE)
    expected = [sum(size for _, size in contributions(theta, sources, alone, j)) for j in range(9)]
    np.testing.assert_allclose(found.effect, expected, atol=1e-12)
    np.testing.assert_allclose(found.shift, alone, atol=1e-14)
    reached = {t for s in sources for t in nx.descendants(nx.DiGraph(theta != 0), s)} | set(sources.tolist())
    assert found.reached.tolist() == sorted(reached)


@pytest.mark.parametrize("seed", range(6))
def test_held_genes_keep_their_level(seed):
    """Pearl's do(): the model without the equations of the held genes, solved gene by gene."""
    theta, sources, alone = random_dag(seed), np.array([1, 4]), np.array([-1.2, 0.0])
    order = list(nx.topological_sort(nx.DiGraph(theta != 0)))
    expected = np.zeros(9)
    for j in order:
        expected[j] = -1.2 if j == 1 else 0.0 if j == 4 else expected @ theta[:, j]
    np.testing.assert_allclose(predicted_effects(theta, sources, alone, sources).effect, expected, atol=1e-12)


def test_one_perturbation_of_a_dag_is_the_same_held_or_not():
    theta, source, alone = random_dag(3), np.array([2]), np.array([-0.9])
    free, held = (predicted_effects(theta, source, alone, h).effect for h in (NONE, source))
    np.testing.assert_allclose(free, held, atol=1e-13)


def test_a_gene_that_feeds_back_on_itself_ends_where_it_was_asked_to():
    theta = np.array([[0.0, 0.5, 0.0], [0.4, 0.0, 0.3], [0.0, 0.0, 0.0]])
    assert not is_acyclic(theta)
    assert spectral_radius(theta) == pytest.approx(np.sqrt(0.2))
    found = predicted_effects(theta, np.array([0]), np.array([-1.0]), NONE)
    # Iterated to the fixed point.
    x = np.zeros(3)
    for _ in range(200):
        x = np.array([found.shift[0], 0.0, 0.0]) + x @ theta
    np.testing.assert_allclose(found.effect, x, atol=1e-12)
    assert found.effect[0] == pytest.approx(-1.0)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_best_paths_are_the_largest_of_all(seed, n):
    theta, sources, shift = random_dag(seed, 10, 0.6), [0, 7], [-1.5, 0.5]
    found = best_paths(theta, sources, shift, n, acyclic=True)
    counts = number_of_paths(theta, sources)
    for j in range(10):
        expected = contributions(theta, sources, shift, j)
        assert counts[j] == len(expected)
        assert [path.genes for path in found[j]] == [genes for genes, _ in expected[:n]]
        np.testing.assert_allclose([path.contribution for path in found[j]], [size for _, size in expected[:n]])


def test_walks_round_a_cycle_have_no_number():
    theta = np.zeros((5, 5))
    theta[0, 1], theta[1, 2], theta[2, 1], theta[2, 3] = 0.5, 0.5, 0.5, 0.5
    assert number_of_paths(theta, [0]).tolist() == [1.0, np.inf, np.inf, np.inf, 0.0]
    found = best_paths(theta, [0], [1.0], 3, acyclic=False)
    assert [path.genes for path in found[2]] == [(0, 1, 2), (0, 1, 2, 1, 2), (0, 1, 2, 1, 2, 1, 2)]
