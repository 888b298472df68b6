"""Force-directed places of the genes of one connected piece: strong edges are short."""

from collections.abc import Sequence

import networkx as nx
import numpy as np

from argen.pl._network.effects import size_of

__all__ = ["force_positions", "undirected"]

_LARGEST_EXACT = 100  # up to so many genes, distances in the drawing follow those along edges
_ITERATIONS, _SEED = 150, 0
_LEAST_SHARE = 0.15  # pull of the weakest edges: they are to hold their genes too


def undirected(graph: nx.DiGraph, genes: Sequence[str]) -> nx.Graph:
    """Edges among the genes without their direction; vertex i is gene i, ``share`` is ``|weight|`` over its largest.

    Numbers in place of names, since the algorithms of networkx iterate over sets of vertices.
    """
    place = {gene: i for i, gene in enumerate(genes)}
    found = nx.empty_graph(len(genes))
    for gene in genes:
        for child in sorted((other for other in graph.succ[gene] if other in place), key=place.get):
            weight = size_of(graph.edges[gene, child])
            u, v = place[gene], place[child]
            found.add_edge(u, v, weight=weight + (found.edges[u, v]["weight"] if found.has_edge(u, v) else 0.0))
    largest = max((weight for *_, weight in found.edges(data="weight")), default=0.0)
    for *_, edge in found.edges(data=True):
        edge["share"] = edge["weight"] / largest if largest > 0 else 1.0
    return found


def force_positions(graph: nx.Graph) -> np.ndarray:
    """Places of a graph as :func:`undirected` makes it, shape (n, 2), middle 0, the longer side along x.

    Small graphs after Kamada and Kawai, with edges of length ``2 - share``; large ones after Fruchterman and Reingold,
    with springs of strength ``share``. Pieces that are not connected have to be placed one by one.
    """
    n = len(graph)
    if n <= 2:
        return np.column_stack([np.arange(n) - (n - 1) / 2, np.zeros(n)])
    if n <= _LARGEST_EXACT:
        lengths = {(u, v): {"length": 2.0 - share} for u, v, share in graph.edges(data="share")}
        nx.set_edge_attributes(graph, lengths)
        places = nx.kamada_kawai_layout(graph, weight="length")
    else:
        pulls = {(u, v): {"pull": max(share, _LEAST_SHARE)} for u, v, share in graph.edges(data="share")}
        nx.set_edge_attributes(graph, pulls)
        places = nx.spring_layout(graph, weight="pull", iterations=_ITERATIONS, seed=_SEED)
    return _turned(np.array([places[i] for i in range(n)], dtype=float))


def _turned(points: np.ndarray) -> np.ndarray:
    """Turn the longest extent along x, and the first gene to the upper left."""
    points = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(points, full_matrices=False)
    points = points @ axes.T
    return points * np.where(points[0] * (1, -1) > 0, -1.0, 1.0)
