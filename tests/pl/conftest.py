"""Graphs as ``argen.get.graph`` returns them, and a backend that needs no screen."""

from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import network_tables
import networkx as nx
import pytest
from anndata import AnnData
from toy import KWARGS, toy

import argen as ag


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
    return finish(network_tables.random_dag(n, n_edges, seed, hubs))


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


@pytest.fixture(scope="module")
def done() -> AnnData:
    """A small screen with its network; tests leave it as it is."""
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


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
