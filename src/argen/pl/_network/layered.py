"""Layered layout: roots on top, every gene below all of its parents."""

from itertools import pairwise

import networkx as nx
import numpy as np
from matplotlib.path import Path

from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._network.compact_rows import compact_rows
from argen.pl._network.effects import effect_of
from argen.pl._network.groups import dot_radii, thinness
from argen.pl._network.layout import layered_layout, n_segments
from argen.pl._network.most_connected import named_hubs
from argen.pl._network.scene import Box, Dot, Scene
from argen.pl._network.wires import CLEARANCE, wire

__all__ = ["layered_scene", "too_dense"]

_UPRIGHT = 8.0  # an edge arrives upright over this length, so that its head stands straight on the gene
_MOST_SEGMENTS = 1200  # pieces of edges between rows up to which every edge has a way of its own
_DOT_GAP = 3.0
_LARGEST_ROW_GAP = 42.0
_SIDEWAYS = 7.0  # of spreading: numbers are wider than high


def too_dense(graph: nx.DiGraph) -> bool:
    """Whether edges pass so many rows that there is no page for their ways between the genes."""
    return n_segments(graph) > _MOST_SEGMENTS


def layered_scene(graph: nx.DiGraph, page: tuple[float, float], *, dots: bool, spread: float = 1.0) -> Scene:
    """Draw an acyclic graph whose genes all have edges; `spread` widens the space between boxes."""
    if not nx.is_directed_acyclic_graph(graph):
        cycle = " → ".join(gene for gene, _ in nx.find_cycle(graph))
        msg = (
            f"layout='layered' cannot draw a network with a cycle, such as {cycle}: "
            "use layout='spring' or layout='module'."
        )
        raise InputError(msg)
    if len(graph) == 0:
        return Scene({}, {}, (0.0, 0.0))
    if dots:
        return _dot_scene(graph, page)
    stretch = (1.0 + _SIDEWAYS * (spread - 1.0), spread)
    layout = layered_layout(graph, {gene: style.text_width(gene, style.FONT_SIZE) for gene in graph}, stretch=stretch)
    shapes = {gene: Box(x, y, layout.widths[gene]) for gene, (x, y) in layout.centers.items()}
    lines = {}
    for edge, route in layout.routes.items():
        route[-1, 1] += CLEARANCE[not effect_of(graph.edges[edge]) < 0]
        lines[edge] = _curve(route)
    return Scene(shapes, lines, layout.size)


def _curve(route: np.ndarray) -> Path:
    """Bend between rows, from upright to upright, and run straight past the rows and up to the head."""
    vertices, codes = [route[0]], [Path.MOVETO]
    route = np.insert(route, -1, route[-1] + (0, _UPRIGHT), axis=0)
    for i, (start, end) in enumerate(pairwise(route)):
        if i % 2 or i == len(route) - 2:
            vertices.append(end)
            codes.append(Path.LINETO)
        else:
            middle = (start[1] + end[1]) / 2
            vertices += [(start[0], middle), (end[0], middle), end]
            codes += [Path.CURVE4] * 3
    return Path(vertices, codes)


def _dot_scene(graph: nx.DiGraph, page: tuple[float, float]) -> Scene:
    """Dots in rows that fill the page, and straight edges."""
    radii = dot_radii(graph, float(np.sqrt(page[0] * page[1] / max(len(graph), 1))))
    rows, x, layers = compact_rows(graph, {gene: 2 * r + _DOT_GAP for gene, r in radii.items()}, page[0])
    depth, heights = 0.0, []
    for before, layer in pairwise([layers[0], *layers]):
        depth += 2.0 if layer != before else float(bool(heights))
        heights.append(depth)
    radius = max(radii.values(), default=0.0)
    step = min((page[1] - 2 * radius) / max(depth, 1.0), _LARGEST_ROW_GAP / 2)
    tight = min(1.0, max(step - 0.5, 0.5) / max(2 * radius, 1e-9))  # rows that stand close need smaller dots
    shapes = {
        gene: Dot(x[gene], -radius - step * height, radii[gene] * tight)
        for row, height in zip(rows, heights, strict=True)
        for gene in row
    }
    shapes = {gene: shapes[gene] for gene in graph}
    size = page[0], 2 * radius + step * depth
    lines, _ = wire(graph, shapes, size, round_boxes=False)
    return Scene(shapes, lines, size, thin=thinness(len(lines)), names=named_hubs(graph, page))
