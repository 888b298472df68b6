"""Modules: groups of genes with more, and stronger, edges among them than to others."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.results.edges import NetworkEdges

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["METHODS", "find_modules", "modularity", "module_tables", "weighted_graph"]

METHODS = ("louvain", "leiden")
_TRIES = 8
_INSTALL = 'Leiden needs leidenalg: pip install "argen[leiden]"; or choose method="louvain"'


def weighted_graph(n: int, source: np.ndarray, target: np.ndarray, weight: np.ndarray) -> "nx.Graph":
    """Edges without their direction; those of both directions add up. Vertex i is gene i.

    Numbers in place of names, since the algorithms of networkx iterate over sets of vertices.
    """
    import networkx as nx

    graph = nx.empty_graph(n)
    ends = np.sort(np.column_stack([source, target]), axis=1)
    for (u, v), value in zip(ends.tolist(), weight.tolist(), strict=True):
        graph.add_edge(u, v, weight=value + (graph.edges[u, v]["weight"] if graph.has_edge(u, v) else 0.0))
    return graph


def find_modules(graph: "nx.Graph", method: str = "louvain", resolution: float = 1.0, seed: int = 0) -> list[list[int]]:
    """Vertices with an edge by module, the largest module first, then the one with the lowest vertex.

    Of eight runs with the seeds `seed`, `seed` + 1, ... the partition with the highest modularity. A module is
    connected. Without any weight there is no modularity: then every edge counts the same.
    """
    import networkx as nx

    linked = graph.subgraph(sorted(vertex for vertex in graph if graph.degree[vertex])).copy()
    if not linked.number_of_edges():
        return []
    run = _louvain if method == "louvain" else _leiden
    found = [run(linked, resolution, seed + i) for i in range(_TRIES)]
    best = max(found, key=lambda parts: round(modularity(linked, parts, resolution), 9))
    # Louvain's method may leave a module in two pieces when the gene that joined them moves on.
    pieces = [sorted(piece) for part in best for piece in nx.connected_components(linked.subgraph(part))]
    return sorted(pieces, key=lambda piece: (-len(piece), piece[0]))


def modularity(graph: "nx.Graph", parts: Sequence[Sequence[int]], resolution: float = 1.0) -> float:
    """Newman's modularity of a partition of the vertices."""
    import networkx as nx

    return nx.community.modularity(graph, [set(part) for part in parts], weight=_weight(graph), resolution=resolution)


def _weight(graph: "nx.Graph") -> str | None:
    return "weight" if any(value > 0 for *_, value in graph.edges(data="weight")) else None


def _louvain(graph: "nx.Graph", resolution: float, seed: int) -> list[set[int]]:
    import networkx as nx

    return nx.community.louvain_communities(graph, weight=_weight(graph), resolution=resolution, seed=seed)


def _leiden(graph: "nx.Graph", resolution: float, seed: int) -> list[set[int]]:
    try:
        import igraph
        import leidenalg
    except ImportError as error:
        error.add_note(_INSTALL)
        raise
    vertices = list(graph)
    place = {vertex: i for i, vertex in enumerate(vertices)}
    edges = [(place[u], place[v]) for u, v in graph.edges]
    weights = [value for *_, value in graph.edges(data="weight")] if _weight(graph) else None
    parts = leidenalg.find_partition(
        igraph.Graph(len(vertices), edges),
        leidenalg.RBConfigurationVertexPartition,
        weights=weights,
        resolution_parameter=resolution,
        n_iterations=-1,
        seed=seed,
    )
    return [{vertices[i] for i in part} for part in parts]


def module_tables(network: NetworkEdges, modules: Sequence[Sequence[int]]) -> dict[str, pd.DataFrame]:
    """``modules`` and ``genes``, as :func:`argen.tl.argen_modules` describes them."""
    number = np.zeros(len(network.genes), dtype=np.int64)  # 0: a gene without an edge
    for i, part in enumerate(modules, start=1):
        number[list(part)] = i
    within = number[network.source] == number[network.target]
    degree, inside = (_degrees(network, rows) for rows in (np.ones(len(within), dtype=bool), within))
    listed = np.flatnonzero(number)
    order = listed[np.lexsort((listed, -inside[listed], number[listed]))]
    genes = pd.DataFrame(
        {
            "gene": pd.Series(network.genes[order], dtype=object),
            "module": number[order],
            "degree": degree[order],
            "degree_within": inside[order],
            "responder": order >= network.n_nodes,
        }
    )
    return {"modules": _modules_table(network, genes, number, within), "genes": genes}


def _degrees(network: NetworkEdges, rows: np.ndarray) -> np.ndarray:
    ends = np.concatenate([network.source[rows], network.target[rows]])
    return np.bincount(ends, minlength=len(network.genes))


def _modules_table(network: NetworkEdges, genes: pd.DataFrame, number: np.ndarray, within: np.ndarray) -> pd.DataFrame:
    n = int(number.max(initial=0))
    source, target = number[network.source], number[network.target]
    by_module = genes.groupby("module", sort=True)["gene"]
    return pd.DataFrame(
        {
            "module": np.arange(1, n + 1),
            "n_genes": np.bincount(number, minlength=n + 1)[1:],
            "n_edges": np.bincount(source[within], minlength=n + 1)[1:],
            "n_edges_out": np.bincount(source[~within], minlength=n + 1)[1:],
            "n_edges_in": np.bincount(target[~within], minlength=n + 1)[1:],
            "genes": by_module.agg(", ".join).to_numpy(object) if n else np.zeros(0, dtype=object),
        }
    )
