"""Layered drawing of a DAG after Sugiyama: rows, few crossings, then horizontal coordinates.

An edge that spans several rows is cut into a chain of dummies, one per row it passes, so that every segment
joins neighbouring rows and a long edge has a place of its own between the genes that it passes. A gene is its
name, a dummy the tuple ``(source, target, row)``.
"""

from collections.abc import Mapping
from itertools import pairwise
from math import ceil

import networkx as nx
import numpy as np
from scipy import optimize, sparse

__all__ = ["align", "make_rows"]

Vertex = str | tuple[str, str, int]
Rows = list[list[Vertex]]
Neighbours = tuple[list[Vertex], list[Vertex]]  # in the row above, in the row below

_SWEEPS = 12
# What a slanted segment costs by the number of its ends that are dummies: long edges are to run straight.
_SLANT_COST = (1.0, 2.0, 8.0)
_SPREAD_COST = 0.3  # keeps rows compact where no edge has a say


def make_rows(graph: nx.DiGraph, capacity: int) -> tuple[nx.DiGraph, Rows, list[int]]:
    """Cut a DAG into rows with few crossings.

    A layer (genes with equally long longest paths from a root) with more than `capacity` genes is dealt out,
    alternately, to several rows.

    Returns
    -------
    The graph with its long edges cut at dummies, the rows of its vertices from left to right, and the layer
    that each row belongs to.
    """
    row_of = {gene: i for i, layer in enumerate(nx.topological_generations(graph)) for gene in layer}
    proper = _with_dummies(graph, row_of)
    rows = _order_rows(proper)
    layers = [[vertex for vertex in row if isinstance(vertex, str)] for row in rows]
    parts = [ceil(len(layer) / capacity) for layer in layers]
    if max(parts, default=1) > 1:
        dealt = [layer[i::n] for layer, n in zip(layers, parts, strict=True) for i in range(n)]
        proper = _with_dummies(graph, {gene: i for i, genes in enumerate(dealt) for gene in genes})
        rows = _order_rows(proper)
    return proper, rows, [layer for layer, n in enumerate(parts) for _ in range(n)]


def _with_dummies(graph: nx.DiGraph, row_of: Mapping[str, int]) -> nx.DiGraph:
    """Replace every edge by a path with one vertex in each row; vertices know their row and component."""
    proper = nx.DiGraph()
    for source, target in graph.edges:
        between = [(source, target, row) for row in range(row_of[source] + 1, row_of[target])]
        nx.add_path(proper, [source, *between, target])
    component = {}
    for vertex in proper:
        if vertex not in component:
            component |= dict.fromkeys(nx.node_connected_component(proper.to_undirected(as_view=True), vertex), vertex)
    number = {first: i for i, first in enumerate(dict.fromkeys(component[vertex] for vertex in proper))}
    for vertex in proper:
        row = row_of[vertex] if isinstance(vertex, str) else vertex[2]
        proper.add_node(vertex, row=row, component=number[component[vertex]])
    return proper


def _order_rows(proper: nx.DiGraph) -> Rows:
    """Choose the order within the rows: from several starts, the one with the fewest crossings."""
    row_of, component = proper.nodes(data="row"), proper.nodes(data="component")
    undirected = proper.to_undirected()
    firsts = list({component[vertex]: vertex for vertex in reversed(list(proper))}.values())
    starts = [
        nx.dfs_preorder_nodes(undirected),
        nx.dfs_preorder_nodes(proper.reverse()),
        (vertex for first in firsts for vertex in [first, *(v for _, v in nx.bfs_edges(undirected, first))]),
    ]
    candidates = []
    for start in starts:
        rows = [[] for _ in range(1 + max(row for _, row in row_of))]
        for vertex in sorted(start, key=component.__getitem__):
            rows[row_of[vertex]].append(vertex)
        candidates.append(_reduce_crossings(proper, rows))
    return min(candidates, key=lambda rows: _n_crossings(proper, rows))


def _reduce_crossings(proper: nx.DiGraph, rows: Rows) -> Rows:
    """Sort rows by the barycentres of their neighbours, down and up in turn; keep the best rows met."""
    best, fewest = rows, _n_crossings(proper, rows)
    for sweep in range(_SWEEPS):
        if fewest == 0:
            break
        rows = _sort_rows(proper, rows, down=sweep % 2 == 0)
        rows = _swap_neighbours(proper, rows)
        if (crossings := _n_crossings(proper, rows)) < fewest:
            best, fewest = rows, crossings
    return best


def _sort_rows(proper: nx.DiGraph, rows: Rows, *, down: bool) -> Rows:
    """Put every vertex at the mean place of its neighbours in the row that was sorted before."""
    neighbours, component = (proper.pred if down else proper.succ), proper.nodes(data="component")
    rows = [list(row) for row in rows]
    place = _places(rows)

    def key(vertex: Vertex) -> tuple[int, float]:
        near = [place[other] for other in neighbours[vertex]]
        # Components stay apart: a row never mixes them.
        return component[vertex], sum(near) / len(near) if near else place[vertex]

    for row in rows if down else reversed(rows):
        row.sort(key=key)
        place |= _places([row])
    return rows


def _swap_neighbours(proper: nx.DiGraph, rows: Rows) -> Rows:
    """Swap adjacent vertices of a row as long as that removes crossings."""
    place, component = _places(rows), dict(proper.nodes(data="component"))
    near = {vertex: (list(proper.pred[vertex]), list(proper.succ[vertex])) for vertex in proper}
    improved = True
    while improved:
        improved = False
        for row in rows:
            for i in range(len(row) - 1):
                left, right = row[i], row[i + 1]
                if component[left] == component[right] and _gain(near[left], near[right], place) > 0:
                    row[i], row[i + 1] = right, left
                    place[left], place[right] = i + 1, i
                    improved = True
    return rows


def _gain(left: Neighbours, right: Neighbours, place: Mapping[Vertex, float]) -> int:
    """Crossings that go away when two adjacent vertices, given by their neighbours, change places."""
    gain = 0
    for mine, others in zip(left, right, strict=True):
        for a in mine:
            at = place[a]
            for b in others:
                gain += (at > place[b]) - (at < place[b])
    return gain


def _places(rows: Rows) -> dict[Vertex, float]:
    return {vertex: float(i) for row in rows for i, vertex in enumerate(row)}


def _n_crossings(proper: nx.DiGraph, rows: Rows) -> int:
    """Count pairs of segments between neighbouring rows that cross."""
    place, total = _places(rows), 0
    for row in rows:
        ends = np.array([(place[u], place[v]) for u in row for v in proper.succ[u]]).reshape(-1, 2)
        upper, lower = (np.sign(end[:, None] - end[None, :]) for end in ends.T)
        total += int((upper * lower < 0).sum()) // 2
    return total


def align(
    proper: nx.DiGraph,
    rows: Rows,
    half_width: Mapping[Vertex, float],
    port: Mapping[tuple[Vertex, Vertex], tuple[float, float]],
    gap: Mapping[bool, float],
) -> dict[Vertex, float]:
    r"""Choose horizontal coordinates that keep segments upright and vertices apart.

    Minimises :math:`\sum_{uv} c_{uv} |x_u + p_{uv} - x_v - q_{uv}|`, with :math:`p, q` where the segment leaves
    and enters its vertices, subject to the order and the distances within the rows: a small linear program.

    Parameters
    ----------
    half_width
        Half the width of every vertex.
    port
        Per segment, where it leaves the upper and enters the lower vertex, relative to their middles.
    gap
        Free space between two genes (key ``True``) and next to a dummy (key ``False``).
    """
    index = {vertex: i for i, vertex in enumerate(proper)}
    segments = list(proper.edges)
    pairs = [pair for row in rows for pair in pairwise(row)]
    n, m = len(index), len(segments)
    slant = _differences(index, segments, n)
    offset = np.array([port[segment][1] - port[segment][0] for segment in segments])
    order = _differences(index, pairs, n)
    apart = [half_width[a] + half_width[b] + gap[isinstance(a, str) and isinstance(b, str)] for a, b in pairs]
    eye = sparse.eye_array(m)
    left = sparse.block_array([[slant, -eye], [-slant, -eye], [order, sparse.csr_array((len(pairs), m))]])
    right = np.concatenate([offset, -offset, -np.array(apart)])
    price = [_SLANT_COST[isinstance(u, tuple) + isinstance(v, tuple)] for u, v in segments]
    cost = np.concatenate([-_SPREAD_COST * order.sum(axis=0), price])
    x = optimize.linprog(cost, A_ub=left, b_ub=right, method="highs").x
    return {vertex: float(x[i]) for vertex, i in index.items()}


def _differences(index: Mapping[Vertex, int], pairs: list[tuple[Vertex, Vertex]], n: int) -> sparse.csr_array:
    """Matrix whose rows are ``x[a] - x[b]`` for the pairs ``(a, b)``."""
    k = len(pairs)
    columns = np.array([[index[a], index[b]] for a, b in pairs], dtype=int).reshape(-1)
    return sparse.csr_array((np.tile([1.0, -1.0], k), (np.repeat(np.arange(k), 2), columns)), shape=(k, n))
