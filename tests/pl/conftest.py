"""Graphs as ``argen.get.graph`` returns them, and a backend that needs no screen."""

from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest

NAMES = ["MYC", "HLA-DQB1-AS1", "JAK2", "TNFRSF14", "FOS", "PDCD1LG2", "STAT1", "ENSG00000279457.4"]


def finish(graph: nx.DiGraph) -> nx.DiGraph:
    """Add the attributes that ``get.graph`` promises."""
    for layer, genes in enumerate(nx.topological_generations(graph)):
        for gene in genes:
            graph.nodes[gene]["layer"] = layer
    for order, gene in enumerate(nx.lexicographical_topological_sort(graph)):
        graph.nodes[gene]["order"] = order
    for *_, edge in graph.edges(data=True):
        edge |= {"se": 0.1, "z": edge["weight"] / 0.1, "p": 0.01}
    return graph


def random_dag(n: int, n_edges: int, seed: int, hubs: int = 0) -> nx.DiGraph:
    """Genes with names of all lengths; `hubs` genes get most of the edges."""
    rng = np.random.default_rng(seed)
    names = [NAMES[i] if i < len(NAMES) else f"{'GENE' * (i % 3)}G{i}" for i in range(n)]
    names = [str(name) for name in rng.permutation(names)]
    share = np.ones(n)
    share[rng.choice(n // 2, hubs, replace=False)] = 12
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    while graph.number_of_edges() < n_edges:
        source, target = int(rng.choice(n, p=share / share.sum())), int(rng.integers(n))
        if source < target:
            weight = float(rng.choice([-1, 1]) * rng.gamma(1.5, 0.2) + 1e-6)
            graph.add_edge(names[source], names[target], weight=weight)
    return finish(graph)


def interferon() -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(["IFNGR2", "JAK2", "STAT1", "STAT2", "UBE2L6", "STAT3", "IRF1", "IRF9", "SOCS1"])
    graph.add_weighted_edges_from([
        ("IFNGR2", "JAK2", 0.6),
        ("JAK2", "STAT1", 0.4),
        ("STAT1", "STAT2", 0.2),
        ("STAT1", "UBE2L6", 0.9),
        ("JAK2", "STAT3", -0.15),
    ])  # fmt: skip
    return finish(graph)


@pytest.fixture
def make_dag() -> Callable[..., nx.DiGraph]:
    return random_dag


@pytest.fixture
def ifn() -> nx.DiGraph:
    return interferon()


@pytest.fixture(autouse=True)
def _agg() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")
