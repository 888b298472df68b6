"""Where the genes of the page stand and where its edges run; lengths are points, y points down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import networkx as nx
import numpy as np

from argen.pl import _style as style
from argen.pl._network.effects import effect_of
from argen.pl._network.layout import NODE_HEIGHT, layered_layout

__all__ = ["NODE_HEIGHT", "Places", "label_width", "place_network"]

Edge = tuple[str, str]
Point = tuple[float, float]

# Pieces of edges from row to row up to which the layout of the static drawing is a matter of seconds.
_MOST_PIECES = 700
_TIP_CLEARANCE, _BAR_CLEARANCE = 1.0, 2.5
_ROW_GAP, _SUBROW_GAP, _BOX_GAP = 74.0, 26.0, 16.0
_LABEL_PADDING = 6.0
_ASPECT = 1.7  # width to height of a screen
_SWEEPS = 24
_PORTS = 0.7  # of the width of a box: where edges arrive and leave
_BOTH_WAYS = 7.0  # between the two edges of genes that act on each other
_STRAIGHT = 0.5
_UPRIGHT = 8.0  # an edge arrives upright over this length, so that its head stands straight on the gene


@dataclass(frozen=True, slots=True)
class Places:
    """What is drawn where.

    Attributes
    ----------
    centers, widths
        Gene → middle of its box, and its width; all are `NODE_HEIGHT` high.
    routes
        Edge → its start, the control points of its curve, and its end, shape (2 + 2k, 2).
    isolated
        Genes without an edge, in a block below the others.
    heading
        Where the heading of that block stands.
    n_upward
        Edges that run upwards, as in a network with cycles some have to.
    """

    centers: dict[str, Point]
    widths: dict[str, float]
    routes: dict[Edge, np.ndarray]
    isolated: list[str]
    heading: Point
    n_upward: int


def label_width(text: str) -> float:
    """Width of a label; a character that the font lacks is taken to be as wide as it is high."""
    known = "".join(character if character.isprintable() and ord(character) < _FONT_END else "M" for character in text)
    return style.text_width(known, style.FONT_SIZE)


_FONT_END = 0x250  # Latin letters: beyond, the font of the browser is anybody's guess


def place_network(graph: nx.DiGraph, rooms: Mapping[str, float] | None = None) -> Places:
    """Layers from roots to sinks; exact where that is quick, else rows with straight edges.

    `rooms` are widths that boxes need beside their names.
    """
    downward, upward = _downward(graph)
    labels = {gene: label_width(gene) + (rooms or {}).get(gene, 0.0) for gene in graph}
    place = _placed_like_the_figure if _n_pieces(downward) <= _MOST_PIECES else _placed_in_rows
    centers, widths, routes, isolated, top = place(downward, labels)
    for source, target in upward:
        shift = np.array([_BOTH_WAYS if graph.has_edge(target, source) else 0.0, 0.0])
        routes[source, target] = routes[target, source][::-1] + shift
    routes = {(u, v): _with_head_room(routes[u, v], negative=effect_of(graph.edges[u, v]) < 0) for u, v in graph.edges}
    middle = max((x + widths[gene] / 2 for gene, (x, _) in centers.items()), default=0.0) / 2
    return Places(centers, widths, routes, isolated, (middle, top - style.SMALL_FONT_SIZE), len(upward))


def _downward(graph: nx.DiGraph) -> tuple[nx.DiGraph, list[Edge]]:
    """The graph with every edge from the earlier to the later gene, and the edges that were turned round for it."""
    genes = sorted(graph, key=lambda gene: (graph.nodes[gene].get("order", 0), gene))
    place = {gene: i for i, gene in enumerate(genes)}
    edges = sorted(graph.edges, key=lambda edge: (place[edge[0]], place[edge[1]]))
    upward = [(u, v) for u, v in edges if place[u] > place[v]]
    downward = nx.DiGraph()
    downward.add_nodes_from(genes)
    downward.add_edges_from(edge for edge in edges if place[edge[0]] < place[edge[1]])
    downward.add_edges_from((v, u) for u, v in upward)
    return downward, upward


def _n_pieces(graph: nx.DiGraph) -> int:
    """Pieces into which the rows cut the edges."""
    row = {gene: i for i, layer in enumerate(nx.topological_generations(graph)) for gene in layer}
    return sum(row[v] - row[u] for u, v in graph.edges)


def _with_head_room(route: np.ndarray, *, negative: bool) -> np.ndarray:
    """End a little before the gene, so that a bar is not taken for its border."""
    route = route.copy()
    before = route[-2] - route[-1]
    length = float(np.hypot(*before))
    route[-1] += before / max(length, 1e-9) * (_BAR_CLEARANCE if negative else _TIP_CLEARANCE)
    return route


Placed = tuple[dict[str, Point], dict[str, float], dict[Edge, np.ndarray], list[str], float]


def _placed_like_the_figure(graph: nx.DiGraph, labels: dict[str, float]) -> Placed:
    layout = layered_layout(graph, labels)
    flip = np.array([1.0, -1.0])
    centers = {gene: (x, -y) for gene, (x, y) in layout.centers.items()}
    routes = {edge: _smooth(points * flip) for edge, points in layout.routes.items()}
    return centers, layout.widths, routes, layout.isolated, -layout.block_top


def _smooth(route: np.ndarray) -> np.ndarray:
    """Control points of one smooth curve that bends between two rows and runs upright where it passes or meets one."""
    points, n = [route[0]], len(route) // 2
    for i, (start, end) in enumerate(zip(route[::2], route[1::2], strict=True)):
        middle = (start[1] + end[1]) / 2
        if abs(start[0] - end[0]) > _STRAIGHT:
            points += [(start[0], middle), (end[0], middle)]
            upright = (end[0], end[1] - _UPRIGHT) if i == n - 1 else end
            points += [upright]
        if i < n - 1 and abs(route[2 * i + 2][0] - route[2 * i + 3][0]) > _STRAIGHT:
            points += [route[2 * i + 2]]
    return np.array([*points, route[-1]])


def _placed_in_rows(graph: nx.DiGraph, labels: dict[str, float]) -> Placed:
    """Rows by layer, sorted so that genes stand near their neighbours; edges run straight."""
    widths = {gene: width + 2 * _LABEL_PADDING for gene, width in labels.items()}
    isolated = [gene for gene in graph if graph.degree[gene] == 0]
    linked = graph.subgraph([gene for gene in graph if graph.degree[gene]])
    column = max(widths.values()) + _BOX_GAP
    rows, tops = _rows(linked, column)
    x = _sorted_rows(graph, rows, column)
    left = min((x[gene] - widths[gene] / 2 for gene in x), default=0.0)
    centers = {gene: (x[gene] - left, top) for row, top in zip(rows, tops, strict=True) for gene in row}
    routes = _straight_routes(graph, centers, widths)
    width = max((at + widths[gene] / 2 for gene, (at, _) in centers.items()), default=0.0)
    block_top = (tops[-1] if tops else 0.0) + NODE_HEIGHT + _ROW_GAP
    per_row = max(1, int(width // column))
    for i, gene in enumerate(isolated):
        centers[gene] = ((i % per_row + 0.5) * column, block_top + (i // per_row + 0.5) * (NODE_HEIGHT + _BOX_GAP / 2))
    return centers, widths, routes, isolated, block_top


def _rows(graph: nx.DiGraph, column: float) -> tuple[list[list[str]], list[float]]:
    """Layers, large ones dealt out to several rows so that the whole is about as wide as a screen; height of each."""
    place = {gene: i for i, gene in enumerate(graph)}
    layers = [sorted(layer, key=place.get) for layer in nx.topological_generations(graph)]

    def depth(capacity: int) -> float:
        return sum(_ROW_GAP + (ceil(len(layer) / capacity) - 1) * _SUBROW_GAP for layer in layers)

    capacity = max(1, ceil(sqrt(len(place))))
    while capacity * column < _ASPECT * depth(capacity) and capacity < max(map(len, layers)):
        capacity += 1
    rows, tops, top = [], [], NODE_HEIGHT / 2
    for layer in layers:
        n = ceil(len(layer) / capacity)
        for i in range(n):
            rows.append(layer[i::n])
            tops.append(top + i * (NODE_HEIGHT + _SUBROW_GAP))
        top = tops[-1] + NODE_HEIGHT + _ROW_GAP
    return rows, tops


def _sorted_rows(graph: nx.DiGraph, rows: Sequence[Sequence[str]], column: float) -> dict[str, float]:
    """Horizontal places: every row in the order of the mean place of its neighbours, several times over."""
    x = {gene: (i - (len(row) - 1) / 2) * column for row in rows for i, gene in enumerate(row)}
    neighbours = {gene: [*graph.pred[gene], *graph.succ[gene]] for gene in x}
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            mean = {gene: sum(x[other] for other in neighbours[gene]) / len(neighbours[gene]) for gene in row}
            ranked = sorted(row, key=lambda gene: (mean[gene], x[gene]))
            x |= {gene: (i - (len(row) - 1) / 2) * column for i, gene in enumerate(ranked)}
    return x


def _straight_routes(graph: nx.DiGraph, centers: dict[str, Point], widths: dict[str, float]) -> dict[Edge, np.ndarray]:
    """From the lower border of the parent to the upper one of the child, spread in the order of the other ends."""

    def spread(gene: str, others: Sequence[str]) -> dict[str, float]:
        ranked = sorted(others, key=lambda other: (centers[other][0], centers[other][1]))
        step = _PORTS * widths[gene] / max(len(ranked) - 1, 1)
        return {other: (i - (len(ranked) - 1) / 2) * min(step, 7.0) for i, other in enumerate(ranked)}

    leave = {gene: spread(gene, list(graph.succ[gene])) for gene in centers}
    enter = {gene: spread(gene, list(graph.pred[gene])) for gene in centers}
    half = NODE_HEIGHT / 2
    return {
        (u, v): np.array([
            (centers[u][0] + leave[u][v], centers[u][1] + half),
            (centers[v][0] + enter[v][u], centers[v][1] - half),
        ])
        for u, v in graph.edges
    }  # fmt: skip
