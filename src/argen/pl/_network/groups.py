"""Groups of genes, each drawn by forces, side by side on a page: as named boxes, or as dots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import networkx as nx
import numpy as np

from argen.pl import _style as style
from argen.pl._network.force import force_positions, undirected
from argen.pl._network.layout import NODE_HEIGHT
from argen.pl._network.most_connected import named_hubs
from argen.pl._network.overlap_removal import boxes_off_lines, dots_apart, evened
from argen.pl._network.packing import pack
from argen.pl._network.scene import Box, Dot, Region, Scene, box_width
from argen.pl._network.wires import wire

__all__ = ["NAME_SIZE", "Groups", "dot_radii", "group_scene", "thinness"]

_PAGE_SHAPE = 1.25  # width over height that a picture of boxes is to have
_STRETCH = 1.25  # boxes are wider than high, and so are their places
_BOX_GAP = (16.0, 20.0)
_ROOM_PER_BOX = (30.0, 40.0)  # points beside and below a box, for the lines
_EVENED = 0.45
_ROUNDS, _WIDER = 4, 1.12
_LARGEST = (860.0, 860.0)  # points up to which boxes move apart to clear the way of lines
_GROUP_GAP = {True: 16.0, False: 34.0}  # between regions; between pieces without a frame
_PADDING, _HEADING = 9.0, 13.0
_LEAST_REGION = 58.0
_MIRROR_ROUNDS = 3
_ROOM_PER_DOT = 1.0
_SHRINK = 0.96
_LARGEST_DOT, _SMALLEST_DOT, _DOT_GAP = 9.0, 1.0, 1.5
_LEAST_SPACING = 7.0
NAME_SIZE = 7.0  # font size of names beside dots
_NAME_ROOM = (6.0, 15.4)  # points free beside a name, height of its room
_SHARE_OF_NAMES = 0.2


@dataclass(frozen=True, slots=True)
class Groups:
    """Genes that stand together; with `names` (from the longest to the shortest) each group is a region.

    `numbers` are those of the regions, which have their colours from them; by default from 1 on.
    """

    genes: list[list[str]]
    names: list[list[str]] | None = None
    numbers: list[int] | None = None

    @property
    def framed(self) -> bool:
        return self.names is not None


@dataclass(frozen=True, slots=True)
class _Piece:
    """One group with its upper left at the origin."""

    places: dict[str, tuple[float, float]]
    size: tuple[float, float]


def group_scene(
    graph: nx.DiGraph, groups: Groups, page: tuple[float, float], *, dots: bool, spread: float = 1.0
) -> Scene:
    """Draw a graph whose genes all have edges; `spread` lengthens the edges between boxes."""
    if dots:
        return _dot_scene(graph, groups, page)
    best = None
    for step in range(_ROUNDS):  # lines that find no way round a box get more room
        shapes, size, regions = _boxes(graph, groups, page, spread * _WIDER**step)
        lines, n_over = wire(graph, shapes, size, round_boxes=True)
        if best is None or (n_over < best[0] and size[0] <= _LARGEST[0] and size[1] <= _LARGEST[1]):
            best = n_over, Scene(shapes, lines, size, regions=regions, between=_between(graph, groups))
        if n_over == 0:
            break
    return best[1]


def thinness(n_edges: int) -> float:
    """Factor of the widths of lines: many of them have to be thin."""
    return min(max(sqrt(120.0 / max(n_edges, 1)), 0.3), 0.6)


def dot_radii(graph: nx.DiGraph, spacing: float) -> dict[str, float]:
    """Radius of every gene: its area grows with the number of edges; `spacing` is what a gene has for itself."""
    most = max((graph.degree[gene] for gene in graph), default=1)
    largest = min(max(0.36 * spacing, _SMALLEST_DOT), _LARGEST_DOT)
    least = max(0.3 * largest, min(_SMALLEST_DOT, largest))
    area = {gene: (graph.degree[gene] - 1) / max(most - 1, 1) for gene in graph}
    return {gene: sqrt(least**2 + (largest**2 - least**2) * share) for gene, share in area.items()}


def _between(graph: nx.DiGraph, groups: Groups) -> frozenset[tuple[str, str]]:
    group = {gene: i for i, genes in enumerate(groups.genes) for gene in genes}
    return frozenset((u, v) for u, v in graph.edges if group[u] != group[v])


def _boxes(
    graph: nx.DiGraph, groups: Groups, page: tuple[float, float], spread: float
) -> tuple[dict[str, Box], tuple[float, float], list[Region]]:
    """Boxes of all groups, the size of it all, and regions."""
    widths = {gene: box_width(gene) for gene in graph}
    pieces = [_box_piece(graph, genes, widths, spread) for genes in groups.genes]
    pieces = [_padded(piece) for piece in pieces] if groups.framed else pieces
    gap = _GROUP_GAP[groups.framed] * sqrt(spread)
    area = sum((piece.size[0] + gap) * (piece.size[1] + gap) for piece in pieces)
    width = max([page[0] * 0.8 * min(spread, 1.0), sqrt(_PAGE_SHAPE * area), *(piece.size[0] for piece in pieces)])
    places, size, regions = _packed(graph, pieces, groups, width, gap)
    return {gene: Box(x, y, widths[gene]) for gene, (x, y) in places.items()}, size, regions


def _box_piece(graph: nx.DiGraph, genes: Sequence[str], widths: Mapping[str, float], spread: float) -> _Piece:
    half = np.array([widths[gene] for gene in genes]) / 2
    joined = undirected(graph, genes)
    points = force_positions(joined)
    points = evened(points, _box_area(points, half, spread), _EVENED)
    gap, ends = (_BOX_GAP[0] * spread, _BOX_GAP[1] * spread), np.array(joined.edges, dtype=int).reshape(-1, 2)
    points = boxes_off_lines(points, 2 * half, NODE_HEIGHT, gap, ends)
    points -= np.array([(points[:, 0] - half).min(), points[:, 1].max() + NODE_HEIGHT / 2])
    size = float((points[:, 0] + half).max()), float(NODE_HEIGHT / 2 - points[:, 1].min())
    return _Piece(dict(zip(genes, map(tuple, points.tolist()), strict=True)), size)


def _box_area(points: np.ndarray, half: np.ndarray, spread: float) -> tuple[float, float]:
    """Width and height for the middles of boxes, in about the shape that the forces gave."""
    n = len(points)
    x, y = np.ptp(points, axis=0) * (_STRETCH, 1.0)
    shape = min(max(x / max(y, 1e-9), 0.6), 2.0)
    room = (2 * half.mean() + _ROOM_PER_BOX[0]) * (NODE_HEIGHT + _ROOM_PER_BOX[1]) * n * spread**2
    if y < 1e-9:
        return (n - 1) * (2 * half.mean() + 2 * _ROOM_PER_BOX[0] * spread), 0.0
    return sqrt(room * shape), sqrt(room / shape)


def _padded(piece: _Piece) -> _Piece:
    """Room for the frame of a region and its heading."""
    width = max(piece.size[0] + 2 * _PADDING, _LEAST_REGION)
    shift = (width - piece.size[0]) / 2
    places = {gene: (x + shift, y - _PADDING - _HEADING) for gene, (x, y) in piece.places.items()}
    return _Piece(places, (width, piece.size[1] + 2 * _PADDING + _HEADING))


def _packed(
    graph: nx.DiGraph, pieces: Sequence[_Piece], groups: Groups, width: float, gap: float
) -> tuple[dict[str, tuple[float, float]], tuple[float, float], list[Region]]:
    """Places of all genes on one page, its size and the regions."""
    corners, size = pack([piece.size for piece in pieces], width, gap)
    pieces = _facing(graph, groups, pieces, corners) if groups.framed else pieces
    places, regions = {}, []
    for i, (piece, (x, y)) in enumerate(zip(pieces, corners, strict=True)):
        places |= {gene: (x + dx, y + dy) for gene, (dx, dy) in piece.places.items()}
        if groups.framed:
            number = i + 1 if groups.numbers is None else groups.numbers[i]
            regions.append(Region(x, y, *piece.size, number, _fitting(groups.names[i], piece.size[0])))
    order = {gene: places[gene] for genes in groups.genes for gene in genes}
    return order, size, regions


def _facing(
    graph: nx.DiGraph, groups: Groups, pieces: Sequence[_Piece], corners: Sequence[tuple[float, float]]
) -> list[_Piece]:
    """Mirror regions so that the lines between them get short."""
    pieces, group = list(pieces), {gene: i for i, genes in enumerate(groups.genes) for gene in genes}
    out = [[] for _ in pieces]
    for u, v in sorted(_between(graph, groups)):
        out[group[u]].append((u, v))
        out[group[v]].append((v, u))

    def place(piece: _Piece, i: int, gene: str) -> np.ndarray:
        return np.array(piece.places[gene]) + corners[i]

    for _ in range(_MIRROR_ROUNDS):
        for i, piece in enumerate(pieces):
            ends = [place(pieces[group[other]], group[other], other) for _, other in out[i]]
            costs = []
            for candidate in (candidates := _mirrored(piece)):
                mine = [place(candidate, i, gene) for gene, _ in out[i]]
                costs.append(round(sum(float(np.hypot(*(a - b))) for a, b in zip(mine, ends, strict=True)), 6))
            pieces[i] = candidates[int(np.argmin(costs))]
    return pieces


def _mirrored(piece: _Piece) -> list[_Piece]:
    """A region as it is and mirrored; the heading stays at its upper end."""
    width, low = piece.size[0], -piece.size[1] - _HEADING
    return [
        _Piece(
            {
                gene: (width - x if left_right else x, low - y if up_down else y)
                for gene, (x, y) in piece.places.items()
            },
            piece.size,
        )
        for left_right in (False, True)
        for up_down in (False, True)
    ]


def _fitting(names: Sequence[str], width: float) -> str:
    """The longest name that fits into a region."""
    room = width - _PADDING
    return next((name for name in names if style.text_width(name, style.SMALL_FONT_SIZE) <= room), names[-1])


def _dot_scene(graph: nx.DiGraph, groups: Groups, page: tuple[float, float]) -> Scene:
    spacing = sqrt(page[0] * page[1] / max(len(graph), 1))
    while True:
        sizes = [_dot_size(len(genes), spacing, page, len(graph)) for genes in groups.genes]
        outer = [_frame(size) for size in sizes] if groups.framed else sizes
        gap = min(_GROUP_GAP[groups.framed], spacing) * 0.6
        width, height = pack(outer, page[0], gap)[1]
        if (width <= page[0] + 1e-6 and height <= page[1]) or spacing <= _LEAST_SPACING:
            break
        spacing *= _SHRINK
    radii = dot_radii(graph, spacing)
    names = named_hubs(graph, page)
    pieces = [_dot_piece(graph, genes, radii, size, names) for genes, size in zip(groups.genes, sizes, strict=True)]
    pieces = [_padded(piece) for piece in pieces] if groups.framed else pieces
    places, size, regions = _packed(graph, pieces, groups, page[0], gap)
    shapes = {gene: Dot(x, y, radii[gene]) for gene, (x, y) in places.items()}
    lines, _ = wire(graph, shapes, size, round_boxes=False)
    thin = thinness(len(lines))
    return Scene(shapes, lines, size, regions=regions, between=_between(graph, groups), thin=thin, names=names)


def _frame(size: tuple[float, float]) -> tuple[float, float]:
    return max(size[0] + 2 * _PADDING, _LEAST_REGION), size[1] + 2 * _PADDING + _HEADING


def _dot_size(n: int, spacing: float, page: tuple[float, float], n_all: int) -> tuple[float, float]:
    """Area for `n` dots; a group with most of the genes takes the width of the page."""
    room = n * spacing**2 * _ROOM_PER_DOT
    if n > 0.5 * n_all and room / page[0] > 3 * spacing:
        return page[0] - 2 * _PADDING, room / (page[0] - 2 * _PADDING)
    width = spacing * ceil(sqrt(_PAGE_SHAPE * n))
    return width, max(room / width, spacing)


def _rooms(genes: Sequence[str], names: Sequence[str], size: tuple[float, float]) -> dict[int, float]:
    """Width to keep free for the names of hubs, the most important first, as long as that leaves room for the rest."""
    place, rooms = {gene: i for i, gene in enumerate(genes)}, {}
    free = _SHARE_OF_NAMES * size[0] * size[1]
    for gene in filter(place.__contains__, names):
        width = style.text_width(gene, NAME_SIZE) + _NAME_ROOM[0]
        free -= width * _NAME_ROOM[1]
        if free < 0:
            break
        rooms[place[gene]] = width
    return rooms


def _dot_piece(
    graph: nx.DiGraph, genes: Sequence[str], radii: Mapping[str, float], size: tuple[float, float], names: Sequence[str]
) -> _Piece:
    points = force_positions(undirected(graph, genes))
    if size[1] > size[0]:
        points = points[:, ::-1]
    radius = np.array([radii[gene] for gene in genes])
    inner = size[0] - 2 * radius.max(), size[1] - 2 * radius.max()
    points = evened(points, (max(inner[0], 0.0), max(inner[1], 0.0))) + np.array([1.0, -1.0]) * radius.max()
    points = dots_apart(points, radius, _DOT_GAP, size, _rooms(genes, names, size), _NAME_ROOM[1])
    return _Piece(dict(zip(genes, map(tuple, points.tolist()), strict=True)), size)
