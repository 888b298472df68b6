"""Where the genes of a network stand and where its edges run: graph in, coordinates out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf, sqrt

import networkx as nx
import numpy as np

from argen.pl._network.compact_rows import compact_rows
from argen.pl._network.sugiyama import Rows, Vertex, align, make_rows

__all__ = ["NODE_HEIGHT", "Layout", "Part", "grid", "layered_layout", "n_segments"]

NODE_HEIGHT = 17.0
_LABEL_PADDING = 6.0
_DUMMY_HALF_WIDTH = 1.0
_GAP = {True: 12.0, False: 4.5}
_OUT_PORT, _IN_PORT = 4.0, 7.5  # distance of edges that leave, and of heads that arrive, at one gene
_LEAST_ROW_GAP, _LEAST_SUBROW_GAP, _LARGEST_ROW_GAP = 30.0, 16.0, 100.0
_SHELF_GAP, _HEADING_GAP = 34.0, 18.0
_GRID_GAP = 8.0
_SHELF_AREA = 150.0  # mean height of a component times the wanted ratio of width to height
_LEAST_BLOCK = 240.0  # width to which the isolated genes may always spread
_MOST_SEGMENTS = 2500  # beyond, ways for all edges fill no page and take minutes
_CROWD_AREA = 90.0  # height of a row of genes with the space below, times the wanted ratio of width to height
_LEAST_LIMIT = 480.0  # the same for components that stand side by side: a page

Edge = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Layout:
    """Coordinates of a drawing in points; y points up and is 0 at the top.

    Attributes
    ----------
    centers
        Gene → middle of its box.
    widths
        Gene → width of its box; all boxes are `NODE_HEIGHT` high.
    routes
        Edge → the points it passes, shape (2k, 2): it may bend between points 2i and 2i + 1 and runs upright
        from 2i + 1 to 2i + 2, where it passes a row of genes.
    isolated
        Genes without an edge, which stand in a block below the others.
    size
        Width and height of everything.
    block_top
        Upper end of the block of isolated genes.
    """

    centers: dict[str, tuple[float, float]]
    widths: dict[str, float]
    routes: dict[Edge, np.ndarray]
    isolated: list[str]
    size: tuple[float, float]
    block_top: float


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the drawing with its own origin at the upper left."""

    centers: dict[str, tuple[float, float]]
    routes: dict[Edge, np.ndarray]
    size: tuple[float, float]


def layered_layout(
    graph: nx.DiGraph,
    label_widths: Mapping[str, float],
    block_gap: float = 44.0,
    *,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> Layout:
    """Place genes in layers, roots on top, with the genes that have no edge in a block below.

    The result depends on the order of the nodes and edges of `graph`, and on nothing else. If the edges pass more than
    some thousand rows in all, there is no way of its own for each: they run straight, and pass behind genes.

    Parameters
    ----------
    label_widths
        Width of every gene's label in points.
    block_gap
        Space above the block of isolated genes, for its heading.
    stretch
        Factors of the free space between the genes of a row, and between rows.
    """
    widths = {gene: _box_width(graph, gene, label_widths[gene]) for gene in graph}
    isolated = [gene for gene in graph if graph.degree[gene] == 0]
    if n_segments(graph) > _MOST_SEGMENTS:
        parts = [_crowd(graph, widths)]
    else:
        parts = [_shelf(shelf, capacity, widths, stretch) for shelf, capacity in _shelves(graph, widths)]
    gaps = [0.0] + [_SHELF_GAP] * (len(parts) - 1)
    if isolated:
        gaps = [*gaps[: len(parts)], block_gap if parts else _HEADING_GAP]
        parts.append(grid(isolated, widths, max((part.size[0] for part in parts), default=0.0)))
    width, depth, centers, routes = max((part.size[0] for part in parts), default=0.0), 0.0, {}, {}
    for part, gap in zip(parts, gaps, strict=False):
        depth += gap
        block_top, shift = -depth, np.array([(width - part.size[0]) / 2, -depth])
        centers |= {gene: (float(x + shift[0]), float(y + shift[1])) for gene, (x, y) in part.centers.items()}
        routes |= {edge: points + shift for edge, points in part.routes.items()}
        depth += part.size[1]
    return Layout(centers, widths, routes, isolated, (width, depth), block_top if isolated else -depth)


def n_segments(graph: nx.DiGraph) -> int:
    """Pieces into which the layers of an acyclic graph cut its edges."""
    layer = {gene: i for i, genes in enumerate(nx.topological_generations(graph)) for gene in genes}
    return sum(layer[child] - layer[gene] for gene, child in graph.edges)


def _crowd(graph: nx.DiGraph, widths: Mapping[str, float]) -> Part:
    """Rows of genes with straight edges between them."""
    part = _induced(graph, [gene for gene in graph if graph.degree[gene]])
    room = sqrt(_CROWD_AREA * sum(widths[gene] for gene in part))
    rows, x, layers = compact_rows(part, {gene: widths[gene] + _GAP[True] for gene in part}, room)
    y, row_of = [-NODE_HEIGHT / 2], {gene: i for i, row in enumerate(rows) for gene in row}
    for upper, lower in pairwise(layers):
        y.append(y[-1] - NODE_HEIGHT - (_LEAST_SUBROW_GAP if upper == lower else _LEAST_ROW_GAP))
    width = max(x[gene] + widths[gene] / 2 for gene in part)
    routes = {}
    for u, v in part.edges:
        ends = (x[u], y[row_of[u]] - NODE_HEIGHT / 2), (x[v], y[row_of[v]] + NODE_HEIGHT / 2)
        routes[u, v] = np.array(ends)
    return Part({gene: (x[gene], y[row_of[gene]]) for gene in part}, routes, (width, NODE_HEIGHT / 2 - y[-1]))


def _box_width(graph: nx.DiGraph, gene: str, label_width: float) -> float:
    """Room for the label and for every edge to arrive and leave at a place of its own."""
    ports = max(_IN_PORT * graph.in_degree[gene], _OUT_PORT * graph.out_degree[gene])
    return max(label_width + 2 * _LABEL_PADDING, ports + _LABEL_PADDING, NODE_HEIGHT)


def _shelves(graph: nx.DiGraph, widths: Mapping[str, float]) -> list[tuple[nx.DiGraph, int]]:
    """Group the connected components, the largest first, into rows of bounded width.

    Each row comes with the number of genes that stand side by side in it before a layer is wrapped.
    """
    place = {gene: i for i, gene in enumerate(graph)}
    found = (sorted(genes, key=place.get) for genes in nx.weakly_connected_components(graph) if len(genes) > 1)
    components = sorted(found, key=lambda genes: (-len(genes), place[genes[0]]))
    fronts = [_widest_row(_induced(graph, genes), widths) for genes in components]
    limit = max([_LEAST_LIMIT, *map(sum, fronts[:1]), sqrt(_SHELF_AREA * sum(map(sum, fronts)))])
    shelves, room = [], 0.0
    for genes, front in zip(components, fronts, strict=True):
        if not shelves or sum(front) > room:
            shelves.append(([], 0))
            room = limit
        shelves[-1] = (shelves[-1][0] + genes, shelves[-1][1] + len(front))
        room -= sum(front)
    return [(_induced(graph, genes), capacity) for genes, capacity in shelves]


def _widest_row(graph: nx.DiGraph, widths: Mapping[str, float]) -> list[float]:
    """Widths of the genes in the widest layer of a component, or of as many of them as stand side by side."""
    capacity = max(6, ceil(sqrt(len(graph))))
    layers = ([widths[gene] + _GAP[True] for gene in layer] for layer in nx.topological_generations(graph))
    return max((sorted(layer, reverse=True)[:capacity] for layer in layers), key=lambda row: (len(row), sum(row)))


def _induced(graph: nx.DiGraph, genes: Sequence[str]) -> nx.DiGraph:
    """Part of the graph on `genes`, in their order (a networkx subgraph view iterates in the order of a set)."""
    part = nx.DiGraph()
    part.add_nodes_from(genes)
    part.add_edges_from((gene, child) for gene in genes for child in graph.succ[gene] if child in part)
    return part


def _shelf(graph: nx.DiGraph, capacity: int, widths: Mapping[str, float], stretch: tuple[float, float]) -> Part:
    """Draw one or more components side by side, their layers at the same heights."""
    proper, rows, layers = make_rows(graph, capacity)
    half = {v: widths[v] / 2 if isinstance(v, str) else _DUMMY_HALF_WIDTH for v in proper}
    port = _ports(proper, rows)
    x = align(proper, rows, half, port, {both: gap * stretch[0] for both, gap in _GAP.items()})
    shift = min(x[v] - half[v] for v in proper)
    x = {v: x[v] - shift for v in proper}
    y = _heights(proper, rows, layers, x, port, stretch[1])
    centers = {gene: (x[gene], y[proper.nodes[gene]["row"]]) for gene in graph}
    routes = {edge: _route(edge, proper, x, y, port) for edge in graph.edges}
    return Part(centers, routes, (max(x[v] + half[v] for v in proper), NODE_HEIGHT / 2 - y[-1]))


def _ports(proper: nx.DiGraph, rows: Rows) -> dict[tuple[Vertex, Vertex], tuple[float, float]]:
    """Spread the edges at a gene along its box, in the order of their other ends, so that they do not cross there."""
    place = {vertex: i for row in rows for i, vertex in enumerate(row)}
    leave, enter = {}, {}
    for vertex in proper:
        below, above = sorted(proper.succ[vertex], key=place.get), sorted(proper.pred[vertex], key=place.get)
        leave |= {(vertex, v): _OUT_PORT * (i - (len(below) - 1) / 2) for i, v in enumerate(below)}
        enter |= {(u, vertex): _IN_PORT * (i - (len(above) - 1) / 2) for i, u in enumerate(above)}
    return {segment: (leave[segment], enter[segment]) for segment in proper.edges}


def _heights(
    proper: nx.DiGraph,
    rows: Rows,
    layers: Sequence[int],
    x: Mapping[Vertex, float],
    port: Mapping[tuple[Vertex, Vertex], tuple[float, float]],
    stretch: float,
) -> list[float]:
    """Middle of every row: the farther edges travel sideways between two rows, the more room they get."""
    y = [-NODE_HEIGHT / 2]
    for i, row in enumerate(rows[:-1]):
        travel = [abs(x[u] + port[u, v][0] - x[v] - port[u, v][1]) for u in row for v in proper.succ[u]]
        least = _LEAST_ROW_GAP if layers[i] != layers[i + 1] else _LEAST_SUBROW_GAP
        gap = min(least + 0.16 * max(travel, default=0.0), _LARGEST_ROW_GAP) * stretch
        y.append(y[-1] - NODE_HEIGHT - gap)
    return y


def _route(
    edge: Edge,
    proper: nx.DiGraph,
    x: Mapping[Vertex, float],
    y: Sequence[float],
    port: Mapping[tuple[Vertex, Vertex], tuple[float, float]],
) -> np.ndarray:
    """Points where an edge leaves and enters the rows on its way."""
    row_of = proper.nodes(data="row")
    source, target = edge
    chain = [source, *((source, target, row) for row in range(row_of[source] + 1, row_of[target])), target]
    points = []
    for u, v in pairwise(chain):
        points.append((x[u] + port[u, v][0], y[row_of[u]] - NODE_HEIGHT / 2))
        points.append((x[v] + port[u, v][1], y[row_of[v]] + NODE_HEIGHT / 2))
    return np.array(points)


def grid(
    genes: Sequence[str],
    widths: Mapping[str, float],
    width: float,
    *,
    height: float = NODE_HEIGHT,
    gap: float = _GRID_GAP,
    most: float = inf,
) -> Part:
    """Stand genes in equal columns, about as wide as the drawing above them and not wider than `most`."""
    column = max(widths[gene] for gene in genes) + gap
    wanted = min(max(width, _LEAST_BLOCK, sqrt(4.0 * len(genes) * column * (height + gap))), max(most, column))
    n_columns = min(len(genes), max(1, int((wanted + gap) // column)))
    n_rows = ceil(len(genes) / n_columns)
    n_columns = ceil(len(genes) / n_rows)
    centers = {
        gene: ((i % n_columns + 0.5) * column - gap / 2, -(i // n_columns) * (height + gap) - height / 2)
        for i, gene in enumerate(genes)
    }
    return Part(centers, {}, (n_columns * column - gap, n_rows * (height + gap) - gap))
