"""Drawing of a causal gene network."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from argen._bridge.validate import check_option
from argen.pl import _style as style
from argen.pl._network.key import draw_key, key_entries
from argen.pl._network.layout import NODE_HEIGHT, Layout, layered_layout
from argen.pl._network.select import Genes, choose_genes, node_colors, shown_part
from argen.pl._network.sheet import Sheet, block_heading, hidden_note, make_sheet
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

__all__ = ["argen_network", "draw_network"]

_UPRIGHT = 8.0  # an edge arrives upright over this length, so that its head stands straight on the gene
_TIP_CLEARANCE, _BAR_CLEARANCE = 1.0, 3.5  # from the head to the gene, so that a bar is not taken for its border
_POINTS_PER_INCH = 72


def argen_network(
    adata: "AnnData",
    *,
    key: str = "argen_dag",
    nodes: Genes = None,
    parents_of: Genes = None,
    children_of: Genes = None,
    min_abs_coef: float = 0.0,
    layout: str = "layered",
    color: Mapping[str, object] | str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the causal gene network from its roots (top) to its sinks (bottom).

    Every gene stands below all of its parents. An edge is as wide as its direct effect is large; a positive
    effect is a blue arrow, a negative one an orange line that ends in a bar. Genes without an edge stand in a
    block of their own.

    Parameters
    ----------
    adata
        Annotated data with the result of ``ag.tl.argen_dag``.
    key
        Where that result is stored.
    nodes
        Genes to draw, with the edges among them. Default: all genes of the network, unless `parents_of` or
        `children_of` name some. The three are combined: their union is drawn.
    parents_of
        A gene or genes to draw along with their parents.
    children_of
        A gene or genes to draw along with their children.
    min_abs_coef
        Leave out edges whose absolute effect is smaller; a note says how many those are.
    layout
        Only ``"layered"``: rows by the longest path from a root, few crossings.
    color
        Colours of the genes: a dict from gene to colour (other genes keep the default), or the name of a
        numeric attribute of the genes, ``"order"`` or ``"layer"``.
    ax
        Axes to draw into; everything shrinks, text too, if they are small. Default: a new figure of the size
        that the network needs.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        `adata` holds no network under `key`.
    argen.errors.InputError
        A gene is not in the network, or another argument cannot be used; the message names it.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_network(adata, min_abs_coef=0.1, color="layer", show=False)
    """
    from argen import get

    check_option("layout", layout, ("layered",))
    ax = draw_network(
        get.graph(adata, key=key),
        nodes=nodes,
        parents_of=parents_of,
        children_of=children_of,
        min_abs_coef=min_abs_coef,
        color=color,
        ax=ax,
    )
    return finish(ax, show)


def draw_network(
    graph: nx.DiGraph,
    *,
    nodes: Genes = None,
    parents_of: Genes = None,
    children_of: Genes = None,
    min_abs_coef: float = 0.0,
    color: Mapping[str, object] | str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw a graph as :func:`argen.get.graph` returns it; see :func:`argen_network`."""
    genes = choose_genes(graph, nodes, parents_of, children_of)
    shown, n_hidden = shown_part(graph, genes, min_abs_coef)
    faces, explained = node_colors(shown, color)
    layout = layered_layout(shown, {gene: style.text_width(gene, style.FONT_SIZE) for gene in shown})
    weights = [weight for *_, weight in shown.edges(data="weight")]
    heading = block_heading(graph, shown, layout.isolated)
    labels = [label for label, _ in key_entries(weights, explained, 1.0)]
    sheet = make_sheet(layout, heading, labels, hidden_note(n_hidden, min_abs_coef))
    ax, scale = _open_axes(ax, sheet)
    _draw_edges(ax, shown, layout, scale)
    _draw_genes(ax, layout, faces, scale)
    for x, y, text in sheet.texts:
        _write(ax, x, y, text, color=style.NOTE_COLOR, fontsize=style.SMALL_FONT_SIZE * scale)
    if labels:
        draw_key(ax, key_entries(weights, explained, scale), sheet.key_columns, sheet.key_top, scale)
    return ax


def _open_axes(ax: "Axes | None", sheet: Sheet) -> tuple["Axes", float]:
    """Give the sheet its axes, one data unit a point times the scale that is returned, never above 1."""
    if ax is None:
        figure = plt.figure(figsize=(sheet.size[0] / _POINTS_PER_INCH, sheet.size[1] / _POINTS_PER_INCH), layout="none")
        ax = figure.add_axes((0, 0, 1, 1))
    box, unit = ax.get_window_extent(), ax.figure.dpi / _POINTS_PER_INCH
    room = (box.width / unit, box.height / unit)
    scale = min(1.0, room[0] / sheet.size[0], room[1] / sheet.size[1])
    (x, y), (half_width, half_height) = sheet.center, (side / scale / 2 for side in room)
    ax.set(xlim=(x - half_width, x + half_width), ylim=(y - half_height, y + half_height))
    ax.set_aspect("equal", adjustable="box")
    ax.set_axis_off()
    return ax, scale


def _draw_edges(ax: "Axes", graph: nx.DiGraph, layout: Layout, scale: float) -> None:
    """Draw weak edges first, so that strong ones lie on top."""
    edges = sorted(graph.edges(data="weight"), key=lambda edge: abs(edge[2]))
    for source, target, weight in edges:
        look = style.edge_look(weight, abs(edges[-1][2]), scale)
        route = layout.routes[source, target] + 0.0
        route[-1, 1] += _BAR_CLEARANCE if weight < 0 else _TIP_CLEARANCE
        arrow = FancyArrowPatch(path=_curve(route), zorder=1, **look)
        arrow.set_gid(f"edge:{source}:{target}")
        ax.add_patch(arrow)


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


def _draw_genes(ax: "Axes", layout: Layout, faces: Mapping[str, object], scale: float) -> None:
    """Draw every gene as a box with its name."""
    alone = set(layout.isolated)
    for gene, (x, y) in layout.centers.items():
        default = style.ISOLATED_FACE if gene in alone else style.NODE_FACE
        box = FancyBboxPatch(
            (x - layout.widths[gene] / 2, y - NODE_HEIGHT / 2),
            layout.widths[gene],
            NODE_HEIGHT,
            boxstyle=f"round,pad=0,rounding_size={style.ROUNDING}",
            facecolor=faces.get(gene, default),
            edgecolor=style.ISOLATED_EDGE if gene in alone else style.NODE_EDGE,
            linewidth=style.BOX_LINE_WIDTH * scale,
            zorder=2,
        )
        box.set_gid(f"gene:{gene}")
        ax.add_patch(box)
        _write(ax, x, y, gene, color=style.ink_on(box.get_facecolor()), fontsize=style.FONT_SIZE * scale)


def _write(ax: "Axes", x: float, y: float, text: str, *, color: object, fontsize: float) -> None:
    """Write a text round a point as it is: a gene name may hold what mathtext or TeX would take for markup."""
    ax.text(
        x, y, text, color=color, fontsize=fontsize, ha="center", va="center_baseline", zorder=3,
        parse_math=False, usetex=False,
    )  # fmt: skip
