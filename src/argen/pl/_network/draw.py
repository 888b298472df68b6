"""Pictures into axes: one data unit is one point times the scale."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.patheffects import withStroke

from argen.pl import _style as style
from argen.pl._labels import label_points
from argen.pl._network import edge_labels
from argen.pl._network.compose import Picture, names_note
from argen.pl._network.effects import effect_of
from argen.pl._network.grades import LINES, widths_of
from argen.pl._network.groups import NAME_SIZE
from argen.pl._network.key import BETWEEN_DASHES, DOT_FACE, draw_key
from argen.pl._network.module_colors import shade, tint
from argen.pl._network.scene import Scene
from argen.pl._network.wires import points_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_picture", "room_of"]

_HEAD_LENGTH, _HEAD_HALF_WIDTH, _BAR_HALF_WIDTH = 5.6, 2.6, 3.2  # of edges between dots, points before thinning
_HEAD_PIECE, _CUTS = 6.5, 80  # points of a line below its head; pieces of a line that may be cut
_CROWDED, _CROWDED_ALPHA = 300, 0.75  # lines from which they let others shine through
_BETWEEN_ALPHA = 0.75
_DOT_RIM = 0.6
_NAME_HALO, _NAME_DISTANCE = 1.6, 1.5  # points
_KEPT_FREE = 7.0  # distance of the points that keep names off headings, key and boxes


def room_of(ax: "Axes") -> tuple[float, float]:
    """Width and height of axes in points."""
    box, unit = ax.get_window_extent(), ax.figure.dpi / style.POINTS_PER_INCH
    return box.width / unit, box.height / unit


def draw_picture(ax: "Axes | None", picture: Picture, graph: nx.DiGraph, faces: Mapping[str, object]) -> "Axes":
    """Draw into axes, or into a new figure of the picture's own size."""
    scene, sheet = picture.scene, picture.sheet
    ax, scale = _open_axes(ax, picture)
    _draw_regions(ax, scene, scale)
    if scene.dots and scene.lines:
        _draw_fine_edges(ax, graph, scene, scale)
    else:
        _draw_edges(ax, graph, scene, scale)
    _draw_boxes(ax, scene, faces, scale)
    _draw_dots(ax, scene, faces, scale)
    for region in scene.regions:
        place = region.x + region.width / 2, region.y - style.SMALL_FONT_SIZE - 1.0
        text = _write(ax, *place, region.heading, color=style.INK, fontsize=style.SMALL_FONT_SIZE * scale, zorder=4)
        text.set_bbox({"facecolor": tint(region.number), "alpha": 0.85, "edgecolor": "none", "pad": 0.6 * scale})
    _write_numbers(ax, picture, scale)
    for x, y, text in sheet.texts:
        _write(ax, x, y, text, color=style.NOTE_COLOR, fontsize=style.SMALL_FONT_SIZE * scale)
    if entries := picture.entries(scale):
        draw_key(ax, entries, sheet.key_columns, sheet.key_top, scale)
    if scene.names:
        _name_dots(ax, picture, scale)
    return ax


def _open_axes(ax: "Axes | None", picture: Picture) -> tuple["Axes", float]:
    """Give the sheet its axes, one data unit a point times the scale that is returned, never above 1."""
    sheet = picture.sheet
    if ax is None:
        figure = plt.figure(figsize=[side / style.POINTS_PER_INCH for side in sheet.size], layout="none")
        ax = figure.add_axes((0, 0, 1, 1))
    room = room_of(ax)
    scale = picture.scale(room)
    (x, y), (half_width, half_height) = sheet.center, (side / scale / 2 for side in room)
    ax.set(xlim=(x - half_width, x + half_width), ylim=(y - half_height, y + half_height))
    ax.set_aspect("equal", adjustable="box")
    ax.set_axis_off()
    return ax, scale


def _draw_regions(ax: "Axes", scene: Scene, scale: float) -> None:
    """Tinted areas of modules."""
    for region in scene.regions:
        patch = FancyBboxPatch(
            (region.x, region.y - region.height),
            region.width,
            region.height,
            boxstyle=f"round,pad=0,rounding_size={style.ROUNDING}",
            facecolor=tint(region.number),
            edgecolor=shade(region.number),
            linewidth=style.BOX_LINE_WIDTH * scale,
            zorder=0,
        )
        patch.set_gid(f"module:{region.number}")
        ax.add_patch(patch)


def _weights(graph: nx.DiGraph, scene: Scene) -> list[tuple[str, str, float, object]]:
    """Edges with the effect that their width shows and their dashes, wide ones on top, those between modules below."""
    widths, edges = widths_of(graph), []
    for u, v, data in graph.edges(data=True):
        if (u, v) in scene.lines:
            grade = data.get("grade", "")
            dashes = LINES[grade].style if grade in LINES else BETWEEN_DASHES if (u, v) in scene.between else "solid"
            dashes = data.get("dashes", dashes)
            edges.append((u, v, widths.weight(effect_of(data), grade), dashes))
    return sorted(edges, key=lambda edge: (edge[:2] not in scene.between, np.nan_to_num(abs(edge[2]))))


def _draw_edges(ax: "Axes", graph: nx.DiGraph, scene: Scene, scale: float) -> None:
    """Draw every edge as an arrow with a white rim."""
    edges = _weights(graph, scene)
    largest = widths_of(graph).largest
    for source, target, weight, dashes in edges:
        data = graph.edges[source, target]
        look = style.edge_look(weight, largest, scale)
        if "color" in data:
            look |= {"color": data["color"]}
        if (source, target) in scene.between:
            look |= {"alpha": _BETWEEN_ALPHA}
        line, head = scene.lines[source, target], None
        if ("grade" in data or "dashes" in data) and dashes != "solid":
            line, head = _cut_before_head(line)
        ends = {"arrowstyle": "-"} if head is not None else {}
        ax.add_patch(
            FancyArrowPatch(path=line, zorder=1, gid=f"edge:{source}:{target}", **look | ends | {"linestyle": dashes})
        )
        if head is not None:  # dashes would leave holes in it
            ax.add_patch(FancyArrowPatch(path=head, zorder=1, gid=f"head:{source}:{target}", **look))


def _cut_before_head(line: Path) -> tuple[Path, Path | None]:
    """The line up to its head, and the piece below the head; no piece where the line is hardly longer than that."""
    points = points_on(line, _CUTS)
    left = np.hypot(*np.diff(points, axis=0).T)[::-1].cumsum()[::-1]  # from each point to the tip
    at = int(np.searchsorted(-left, -_HEAD_PIECE, side="right")) - 1
    return (line, None) if at < 1 else (Path(points[: at + 1]), Path(points[at:]))


def _draw_fine_edges(ax: "Axes", graph: nx.DiGraph, scene: Scene, scale: float) -> None:
    """Draw all edges as one collection of lines and two of heads: thousands of arrows would take minutes."""
    edges = _weights(graph, scene)
    largest = widths_of(graph).largest
    colors = [graph.edges[u, v].get("color", style.edge_color(weight)) for u, v, weight, _ in edges]
    lines, triangles, bars = [], [], []
    for source, target, weight, _ in edges:
        points = points_on(scene.lines[source, target], 9)
        tip, way = points[-1].copy(), points[-1] - points[-2]
        way /= max(float(np.linalg.norm(way)), 1e-9)
        across = np.array([-way[1], way[0]])
        if weight < 0:
            bars.append([tip - _BAR_HALF_WIDTH * scene.thin * across, tip + _BAR_HALF_WIDTH * scene.thin * across])
        else:
            back = tip - _HEAD_LENGTH * scene.thin * way
            half = _HEAD_HALF_WIDTH * scene.thin * across
            triangles.append([tip, back + half, back - half])
            points[-1] = back
        lines.append(points)
    alpha = _CROWDED_ALPHA if len(edges) > _CROWDED else 1.0
    widths = [style.line_width(weight, largest) * scene.thin * scale for _, _, weight, _ in edges]
    dashes = [dashes for *_, dashes in edges]
    look = {"zorder": 1, "alpha": alpha}
    ax.add_collection(
        LineCollection(lines, colors=colors, linewidths=widths, linestyles=dashes, gid="edges", **look), autolim=False
    )
    of_arrows = [color for color, (*_, weight, _) in zip(colors, edges, strict=True) if not weight < 0]
    of_bars = [color for color, (*_, weight, _) in zip(colors, edges, strict=True) if weight < 0]
    ax.add_collection(PolyCollection(triangles, facecolors=of_arrows, gid="arrows", **look), autolim=False)
    width = style.MAX_LINE_WIDTH * 0.6 * scene.thin * scale
    ax.add_collection(LineCollection(bars, colors=of_bars, linewidths=width, gid="bars", **look), autolim=False)


def _draw_boxes(ax: "Axes", scene: Scene, faces: Mapping[str, object], scale: float) -> None:
    """Draw genes as boxes with their names."""
    alone = set(scene.alone)
    for gene, shape in scene.boxes.items():
        default = style.ISOLATED_FACE if gene in alone else style.NODE_FACE
        box = FancyBboxPatch(
            (shape.x - shape.width / 2, shape.y - shape.height / 2),
            shape.width,
            shape.height,
            boxstyle=f"round,pad=0,rounding_size={min(style.ROUNDING, 0.3 * shape.height)}",
            facecolor=faces.get(gene, default),
            edgecolor=style.ISOLATED_EDGE if gene in alone else style.NODE_EDGE,
            linewidth=style.BOX_LINE_WIDTH * scale,
            zorder=2,
        )
        box.set_gid(f"gene:{gene}")
        ax.add_patch(box)
        ink = style.ink_on(box.get_facecolor())
        _write(ax, shape.x, shape.y, gene, color=ink, fontsize=shape.font_size * scale)


def _draw_dots(ax: "Axes", scene: Scene, faces: Mapping[str, object], scale: float) -> None:
    """Draw genes as dots, in the colour of their module if no other is asked for."""
    dots = scene.dots
    if not dots:
        return
    alone = set(scene.alone)
    default = {gene: style.ISOLATED_EDGE if gene in alone else _module_color(scene, gene) for gene in dots}
    ax.scatter(
        [dot.x for dot in dots.values()],
        [dot.y for dot in dots.values()],
        s=[_area(dot.radius, scale) for dot in dots.values()],
        c=[faces.get(gene, default[gene]) for gene in dots],
        edgecolors="white",
        linewidths=_DOT_RIM * scale,
        zorder=2,
        gid="genes",
    )


def _area(radius: float, scale: float) -> float:
    return (2 * radius * scale) ** 2


def _module_color(scene: Scene, gene: str) -> str:
    dot = scene.genes[gene]
    for region in scene.regions:
        if region.x <= dot.x <= region.x + region.width and region.y - region.height <= dot.y <= region.y:
            return shade(region.number)
    return DOT_FACE


def _write_numbers(ax: "Axes", picture: Picture, scale: float) -> None:
    for label in picture.placed.labels:
        text = _write(
            ax, label.x, label.y, label.text, color=style.INK, fontsize=edge_labels.FONT_SIZE * scale, zorder=3
        )
        text.set_gid(f"number:{label.edge[0]}:{label.edge[1]}")
        text.set_bbox({"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 0.6 * scale})


def _name_dots(ax: "Axes", picture: Picture, scale: float) -> None:
    """Write names of hubs beside their dots, and how many that are into the note."""
    scene, names = picture.scene, picture.scene.names
    dots = [gene for gene in scene.dots if gene not in set(scene.alone)]
    rest = [scene.genes[gene] for gene in dots if gene not in set(names)]
    first = [scene.genes[gene] for gene in names]
    kept_free = _kept_free(picture)
    points = [(dot.x, dot.y) for dot in rest]
    sizes = [_area(dot.radius, scale) for dot in (*first, *rest)] + [1.0] * len(kept_free)
    before = len(ax.lines)
    texts = label_points(
        ax,
        np.array([(dot.x, dot.y) for dot in first]),
        names,
        others=np.array([*points, *kept_free]).reshape(-1, 2),
        sizes=np.array(sizes),
        font_size=NAME_SIZE * scale,
        near=_NAME_DISTANCE * scale / min(room_of(ax)),
        clear_leaders=True,
    )
    for leader in ax.lines[before:]:
        leader.set(zorder=1.8, linewidth=0.7 * scale, color=style.INK)
    for text in texts:
        text.set_gid(f"name:{text.get_text()}")
        text.set_zorder(5)
        text.set_path_effects([withStroke(linewidth=2 * _NAME_HALO * scale, foreground="white", alpha=0.85)])
    written, after = names_note(len(names), len(dots)), names_note(len(texts), len(dots))
    next(text for text in ax.texts if text.get_text() == written).set_text(after)


def _kept_free(picture: Picture) -> list[tuple[float, float]]:
    """Points all over what stands round the dots, and over headings and boxes."""
    scene, sheet = picture.scene, picture.sheet
    left, right = (sheet.center[0] + side * sheet.size[0] / 2 for side in (-1, 1))
    areas = [(left, right, sheet.center[1] - sheet.size[1] / 2, -_lower_end(scene) - 4.0)]
    for region in scene.regions:
        half = style.text_width(region.heading, style.SMALL_FONT_SIZE) / 2
        x, y = region.x + region.width / 2, region.y - style.SMALL_FONT_SIZE
        areas.append((x - half, x + half, y - 4.0, y + 4.0))
    for label in picture.placed.labels:
        areas.append((label.x - label.width / 2, label.x + label.width / 2, label.y - 4.0, label.y + 4.0))
    return [
        (float(x), float(y))
        for x0, x1, y0, y1 in areas
        for x in np.linspace(x0, x1, max(int((x1 - x0) / _KEPT_FREE), 1) + 1)
        for y in np.linspace(y0, y1, max(int((y1 - y0) / _KEPT_FREE), 1) + 1)
    ]


def _lower_end(scene: Scene) -> float:
    """Depth at which the dots that have edges end."""
    alone = set(scene.alone)
    return max(-dot.y + dot.radius for gene, dot in scene.dots.items() if gene not in alone)


def _write(ax: "Axes", x: float, y: float, text: str, *, color: object, fontsize: float, zorder: float = 3) -> object:
    """Write a text round a point as it is: a gene name may hold what mathtext or TeX would take for markup."""
    return ax.text(
        x, y, text, color=color, fontsize=fontsize, ha="center", va="center_baseline", zorder=zorder,
        parse_math=False, usetex=False,
    )  # fmt: skip
