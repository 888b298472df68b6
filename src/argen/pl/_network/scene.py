"""What a picture of a network consists of: shapes, lines and regions at their places, in points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx
import numpy as np
from matplotlib.path import Path

from argen.pl import _style as style
from argen.pl._network.layout import NODE_HEIGHT, grid

__all__ = ["Box", "Dot", "Edge", "Region", "Scene", "box_width", "connected_part", "with_block"]

Edge = tuple[str, str]

_BLOCK_GAP, _HEADING_GAP = 44.0, 18.0
_LABEL_PADDING = 6.0
# Many isolated genes stand in smaller boxes: their names are looked up, not read.
_MANY_ALONE, _SMALL_FONT, _SMALL_HEIGHT, _SMALL_GAP, _SMALL_PADDING = 60, 6.0, 10.5, 3.0, 3.0
_ALONE_RADIUS = 2.0


@dataclass(frozen=True, slots=True)
class Box:
    """A gene as its name in a box round (`x`, `y`)."""

    x: float
    y: float
    width: float
    height: float = NODE_HEIGHT
    font_size: float = style.FONT_SIZE


@dataclass(frozen=True, slots=True)
class Dot:
    """A gene as a dot round (`x`, `y`)."""

    x: float
    y: float
    radius: float


@dataclass(frozen=True, slots=True)
class Region:
    """A module: a tinted area with its number and a heading inside its upper end."""

    x: float
    y: float
    width: float
    height: float
    number: int
    heading: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Places in points; y points up and is 0 at the top, x is 0 at the left.

    Attributes
    ----------
    genes
        Shape of every gene: a box, or a dot where there are too many for boxes.
    lines
        Edge → its line, from the border of its source to that of its target.
    size
        Width and height of everything.
    alone
        Genes without an edge, which stand in a block below the others.
    block_top
        Upper end of that block.
    regions
        Modules, the largest first; `between` has the edges that join two of them.
    thin
        Factor of the widths of lines and of the sizes of heads.
    names
        Dots to be named, the most important first.
    """

    genes: dict[str, Box | Dot]
    lines: dict[Edge, Path]
    size: tuple[float, float]
    alone: list[str] = field(default_factory=list)
    block_top: float = 0.0
    regions: list[Region] = field(default_factory=list)
    between: frozenset[Edge] = frozenset()
    thin: float = 1.0
    names: list[str] = field(default_factory=list)

    @property
    def dots(self) -> dict[str, Dot]:
        return {gene: shape for gene, shape in self.genes.items() if isinstance(shape, Dot)}

    @property
    def boxes(self) -> dict[str, Box]:
        return {gene: shape for gene, shape in self.genes.items() if isinstance(shape, Box)}


def box_width(gene: str) -> float:
    """Width of a box that holds the name of a gene."""
    return max(style.text_width(gene, style.FONT_SIZE) + 2 * _LABEL_PADDING, NODE_HEIGHT)


def connected_part(graph: nx.DiGraph) -> tuple[nx.DiGraph, list[str]]:
    """Part of the graph whose genes have an edge, in the same order, and the genes without one."""
    part = nx.DiGraph()
    part.add_nodes_from((gene, data) for gene, data in graph.nodes(data=True) if graph.degree[gene])
    part.add_edges_from(graph.edges(data=True))
    return part, [gene for gene in graph if graph.degree[gene] == 0]


def with_block(scene: Scene, alone: Sequence[str], page_width: float, *, named: bool) -> Scene:
    """Add the genes without an edge below a scene, centred: as boxes, or without their names as dots."""
    if not alone:
        return replace(scene, block_top=-scene.size[1])
    depth = scene.size[1] + _BLOCK_GAP if scene.genes else _HEADING_GAP
    small = bool(scene.dots)
    shapes, (width, height) = _block(alone, max(scene.size[0], 1.0), page_width, named=named, small=small)
    whole = max(width, scene.size[0])
    block = _moved(shapes, (whole - width) / 2, -depth)
    return replace(
        _shifted(scene, (whole - scene.size[0]) / 2),
        genes={**_moved(scene.genes, (whole - scene.size[0]) / 2, 0.0), **block},
        size=(whole, depth + height),
        alone=list(alone),
        block_top=-depth,
    )


def _block(
    alone: Sequence[str], width: float, page_width: float, *, named: bool, small: bool
) -> tuple[dict[str, Box | Dot], tuple[float, float]]:
    """Shapes of the isolated genes in columns, with the upper left at the origin, and the size of the block."""
    if not named:
        side = 2 * _ALONE_RADIUS
        part = grid(alone, dict.fromkeys(alone, side), width, height=side, gap=_ALONE_RADIUS, most=width)
        return {gene: Dot(x, y, _ALONE_RADIUS) for gene, (x, y) in part.centers.items()}, part.size
    if len(alone) <= _MANY_ALONE and not small:
        widths = {gene: box_width(gene) for gene in alone}
        part = grid(alone, widths, width, most=max(width, page_width))
        return {gene: Box(x, y, widths[gene]) for gene, (x, y) in part.centers.items()}, part.size
    widths = {gene: style.text_width(gene, _SMALL_FONT) + 2 * _SMALL_PADDING for gene in alone}
    most = max(width, page_width)
    part = grid(alone, widths, width, height=_SMALL_HEIGHT, gap=_SMALL_GAP, most=most)
    boxes = {gene: Box(x, y, widths[gene], _SMALL_HEIGHT, _SMALL_FONT) for gene, (x, y) in part.centers.items()}
    return boxes, part.size


def _moved(shapes: Mapping[str, Box | Dot], x: float, y: float) -> dict[str, Box | Dot]:
    return {gene: replace(shape, x=shape.x + x, y=shape.y + y) for gene, shape in shapes.items()}


def _shifted(scene: Scene, x: float) -> Scene:
    """Lines and regions farther to the right."""
    lines = {edge: Path(path.vertices + np.array([x, 0.0]), path.codes) for edge, path in scene.lines.items()}
    return replace(scene, lines=lines, regions=[replace(region, x=region.x + x) for region in scene.regions])
