"""Matrix of the effects of a network, sources in rows and targets in columns, in causal order."""

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize, to_rgba

from argen._bridge.modality import takes_mudata
from argen._bridge.results.network import step_key_of_network
from argen._bridge.validate import check_option, counted
from argen.errors import InputError
from argen.get._opened import OpenedNetwork
from argen.pl import _style as style
from argen.pl._axes import make_room, on_paper
from argen.pl._limits import whisker, without_counts
from argen.pl._named_rows import MAX_NAMED, all_fit, name_rows, names_width, points_of, room_for_names
from argen.pl._network.most_connected import MAX_GENES, hidden_genes_note, hubs
from argen.pl._network.views import Genes, Views
from argen.pl._show import finish
from argen.pl._wording import left_out_words, no_edge_words

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["EFFECTS", "argen_heatmap", "draw_heatmap", "effects_colormap", "effects_table"]

EFFECTS = ("direct", "total")
# Paler than any colour of an effect, so that a weak effect differs from none.
_TINT = 0.16
_OWN = "#C9CED3"
_CELL, _SMALLEST, _LARGEST = 0.44, 1.9, 6.9  # inches
_BESIDE, _BELOW, _ABOVE = 0.95, 0.52, 0.42  # inches for the colour bar, the note and the heading
_AXIS_LABEL = 18.0  # points
_NOTE_SIZE = style.SMALL_FONT_SIZE - 1.0
_NUMBER, _SIGN, _GRID = 25.0, 6.5, 5.0  # points that a cell needs for its number, a minus sign, a frame
_VISIBLE, _SPARSE = 2.6, 0.1  # points of the smallest square; share of cells up to which squares may cover others
_MOST_NAMED = 30
_NOUNS = {"direct": "selected edge", "total": "significant or descendant pair"}
_UNITS = {
    "direct": "direct effect: change of the target's log expression per unit of the source's",
    "total": f"total effect: {style.LOG_FOLD_CHANGE} of the target where the source is perturbed",
}


@takes_mudata
@on_paper
def argen_heatmap(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    effects: Literal["direct", "total"] = "direct",
    selected: bool = True,
    genes: Genes = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the effects of the genes on each other as a matrix, causes in rows and effects in columns.

    Rows and columns follow the causal order, roots first. Direct effects, those of the selected edges, stand above the
    grey diagonal. Total effects are what the perturbation of the row does to the column, of the pairs that are
    significant or in the descendant relation; those below the diagonal contradict the order. Note the sign: if a
    regulator activates a gene, its knock-down lowers it, and the total effect is negative.

    Blue is positive, vermillion negative; where there is room for it, negative cells also hold a minus sign or all
    cells their value. The weakest effect still has a tint, white is no effect. The scale ends at the largest value that
    is no outlier (upper quartile and 1.5 interquartile ranges); an arrow at the colour bar says how many are beyond.
    Where there are too many genes for a name each (more than 60 in a new figure), names are those of the rows and of
    the columns with the most effects. Of more than 500 genes those with the most edges are drawn, and the picture says
    so. Where the perturbed cells hold no count of the column, the estimate stands for −∞: such cells have the colour of
    the end and an ∞, and the scale is that of the others.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the result.
    effects
        ``"direct"`` or ``"total"``.
    selected
        With ``effects="total"``: only pairs that are significant or descendants; ``False`` draws all that have an
        estimate.
    genes
        Genes to draw, in whatever order. Default: all genes of the network.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into; they are narrowed so that the colour bar stands in their place too, names stand to the left
        and above. Default: a new figure of the size that the genes need.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.StaleResultError
        Total effects are wanted, and the descendant step that the network was made from is gone.
    argen.errors.InputError
        A gene is not in the network, or an argument cannot be used.

    See Also
    --------
    argen.pl.argen_responders : all perturbations × the measured genes that respond most, clustered.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_heatmap(adata, effects="total", show=False)
    """
    from argen import get

    check_option("effects", effects, EFFECTS)
    check_option("selected", selected, (True, False))
    if not selected and effects == "direct":
        msg = "selected=False is for effects='total': of the candidate edges, use ag.pl.argen_volcano."
        raise InputError(msg)
    network = OpenedNetwork(adata, key, gene_symbols=gene_symbols)
    graph, names = network.graph(), network.names
    chosen = Views(genes=names.given(genes)).chosen(graph)
    step = step_key_of_network(adata, key) if effects == "total" else None
    pairs = None if step is None else get.pairs(adata, key=step, gene_symbols=gene_symbols)
    table = effects_table(graph, pairs, selected=selected)
    table.attrs["n_left_out"] = graph.graph.get("n_edges_left_out", 0)
    if step is not None:
        stored = adata.uns[step]["tables"]["pairs"]
        related = stored["significant"].to_numpy(bool) | stored["descendant"].to_numpy(bool)
        table.attrs["n_left_out"] = names.n_left_out(stored[related])
    return finish(draw_heatmap(graph.subgraph(chosen), table, ax), show)


def effects_table(graph: nx.DiGraph, pairs: pd.DataFrame | None = None, *, selected: bool = True) -> pd.DataFrame:
    """Cells of the matrix: ``source``, ``target``, ``effect``, ``related`` and ``no_counts`` of the edges or of pairs.

    ``attrs`` tell which of the two; `related` are edges, and pairs that are significant or descendants; `no_counts` are
    pairs whose estimate stands for −∞, as the perturbed cells hold no count.
    """
    names = ["source", "target", "effect"]
    if pairs is None:
        table = pd.DataFrame(list(graph.edges(data="weight")), columns=names)
        table = table.assign(related=True, no_counts=False)
    else:
        pairs = pairs.assign(related=pairs["significant"] | pairs["descendant"], no_counts=without_counts(pairs))
        kept = pairs["effect"].notna() & (pairs["related"] | (not selected))
        table = pairs.loc[kept, ["source", "target", "effect", "related", "no_counts"]]
    table.attrs = {"effects": "direct" if pairs is None else "total", "selected": selected}
    return table


def draw_heatmap(graph: nx.DiGraph, table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Draw cells as :func:`effects_table` has them, of the genes of `graph`; see :func:`argen_heatmap`."""
    effects, selected = table.attrs["effects"], table.attrs["selected"]
    # The subgraph of a network iterates in the order of a set: its order is an attribute.
    genes = sorted(graph, key=lambda gene: (graph.nodes[gene]["order"], gene))
    every = _matrix(table, genes)
    at = np.arange(len(genes)) if len(genes) <= MAX_GENES else _at_hubs(graph, genes)
    shown, matrix = [genes[i] for i in at], every[np.ix_(at, at)]
    related = matrix if selected else _matrix(table[table["related"]], shown)
    empty = np.isfinite(_matrix(table[table["no_counts"]], shown))
    notes = [
        _no_counts_note(int(empty.sum())), hidden_genes_note(len(shown), len(genes)),
        left_out_words(table.attrs.get("n_left_out", 0), _NOUNS[effects]) if np.isfinite(every).any() else "",
    ]  # fmt: skip
    notes = [note for note in notes if note]
    ax = _new_axes(shown, [_UNITS[effects], *notes]) if ax is None else _beside_bar(ax)
    norm = _norm(np.where(empty, np.nan, related if np.isfinite(related).any() else matrix))
    _draw_cells(ax, matrix, empty, norm)
    _draw_bar(ax, np.where(empty, np.nan, matrix), norm, f"{effects} effect")
    _name_axes(ax, related, shown)
    heading = _heading(every, int(np.isfinite(matrix).sum()), table.attrs, any_edge=len(table) > 0)
    wide = style.text_width(heading, style.FONT_SIZE) > points_of(ax)[0]
    ax.set_title(heading.replace(", ", "\n") if wide else heading, fontsize=style.FONT_SIZE, loc="left", x=0.0)
    notes = [_key(effects, _cell_size(ax, len(shown))), _UNITS[effects], *notes]
    ax.text(
        0.0, -6.0 / points_of(ax)[1], "\n".join(notes), transform=ax.transAxes,
        ha="left", va="top", fontsize=_NOTE_SIZE, color=style.NOTE_COLOR, linespacing=1.3,
    )  # fmt: skip
    return ax


def _at_hubs(graph: nx.DiGraph, genes: list[str]) -> np.ndarray:
    chosen = set(hubs(graph, MAX_GENES))
    return np.array([i for i, gene in enumerate(genes) if gene in chosen])


def _matrix(table: pd.DataFrame, genes: list[str]) -> np.ndarray:
    """Effects [source, target], NaN where there is none to draw."""
    place = pd.Series(np.arange(len(genes)), pd.Index(genes, dtype=object))
    row, column = place.reindex(table["source"]).to_numpy(), place.reindex(table["target"]).to_numpy()
    inside = np.isfinite(row) & np.isfinite(column)
    matrix = np.full((len(genes), len(genes)), np.nan)
    matrix[row[inside].astype(int), column[inside].astype(int)] = table["effect"].to_numpy(float)[inside]
    return matrix


def _norm(matrix: np.ndarray) -> Normalize:
    limit = whisker(np.abs(matrix[np.isfinite(matrix)]))
    return Normalize(-limit, limit)


def effects_colormap() -> LinearSegmentedColormap:
    """Vermillion to blue; both ends fade to a tint that is not white."""
    white = np.ones(3)
    low, high = (np.array(to_rgba(color)[:3]) for color in (style.NEGATIVE_COLOR, style.POSITIVE_COLOR))
    pale_low, pale_high = (white + _TINT * (color - white) for color in (low, high))
    stops = [(0.0, low), (0.5, pale_low), (0.5, pale_high), (1.0, high)]
    return LinearSegmentedColormap.from_list("argen_effects", stops)


def _new_axes(genes: list[str], notes: list[str]) -> "Axes":
    """Square axes with margins for names, heading and colour bar."""
    n = len(genes)
    many = n > MAX_NAMED
    longest = max((style.text_width(gene, style.SMALL_FONT_SIZE) for gene in genes), default=0.0)
    names = ((names_width(genes) if many else longest + 12.0) + _AXIS_LABEL) / style.POINTS_PER_INCH
    side = min(max(_SMALLEST, _CELL * n), _LARGEST)
    widest = max(style.text_width(note, _NOTE_SIZE) for note in notes)
    beside = max(_BESIDE, widest / style.POINTS_PER_INCH - side + 0.1)
    below = _BELOW + 1.35 * _NOTE_SIZE / style.POINTS_PER_INCH * (len(notes) - 1)
    size = names + side + beside, names + side + _ABOVE + below
    figure = plt.figure(figsize=size, layout="none")
    return figure.add_axes((names / size[0], below / size[1], side / size[0], side / size[1]))


def _beside_bar(ax: "Axes") -> "Axes":
    bar = _BESIDE * style.POINTS_PER_INCH
    return make_room(ax, bar / max(points_of(ax)[0] - bar, bar))


def _draw_cells(ax: "Axes", matrix: np.ndarray, empty: np.ndarray, norm: Normalize) -> None:
    """Coloured cells, the diagonal, and in large cells what the colour says in words."""
    n = len(matrix)
    matrix = np.where(empty, -np.inf, matrix)
    image = effects_colormap()(norm(np.clip(np.nan_to_num(matrix), norm.vmin, norm.vmax)))
    image[np.isnan(matrix)] = to_rgba("white")
    image[np.diag_indices(n)] = to_rgba(_OWN)
    ax.set_aspect("equal", adjustable="box")
    if n:
        ax.imshow(image, interpolation="nearest", interpolation_stage="rgba", aspect="equal")
    ax.set(xlim=(-0.5, max(n, 1) - 0.5), ylim=(max(n, 1) - 0.5, -0.5))
    ax.apply_aspect()
    ax.spines[:].set(color=style.ISOLATED_EDGE, linewidth=0.8)
    cell = _cell_size(ax, n)
    if cell >= _GRID:
        for i in range(1, n):
            ax.axhline(i - 0.5, color=style.NODE_FACE, linewidth=0.5, zorder=1.5)
            ax.axvline(i - 0.5, color=style.NODE_FACE, linewidth=0.5, zorder=1.5)
    if cell < _VISIBLE and (~np.isnan(matrix)).mean() < _SPARSE:
        _enlarge_cells(ax, matrix, image)
    if cell >= _SIGN:
        _write_values(ax, matrix, image, cell)


def _enlarge_cells(ax: "Axes", matrix: np.ndarray, image: np.ndarray) -> None:
    """Squares that can be seen over the cells of a sparse matrix, the largest effects on top."""
    at = np.argwhere(~np.isnan(matrix))
    at = at[np.argsort(np.abs(matrix[tuple(at.T)]), kind="stable")]
    ax.scatter(
        at[:, 1], at[:, 0], s=_VISIBLE**2, c=image[tuple(at.T)], marker="s", linewidths=0, rasterized=True, zorder=2
    )


def _write_values(ax: "Axes", matrix: np.ndarray, image: np.ndarray, cell: float) -> None:
    """The value of each cell, or a minus sign for the negative ones where the cells are too small for it."""
    whole = cell >= _NUMBER
    size = style.SMALL_FONT_SIZE - 1.0 if whole else min(0.9 * cell, style.FONT_SIZE)
    for i, j in np.argwhere(~np.isnan(matrix) if whole else matrix < 0).tolist():
        text = f"{matrix[i, j].round(2) + 0.0:.2f}".replace("-", "−") if whole else "−"
        if np.isinf(matrix[i, j]):
            text = "−∞" if whole else "∞"
        vertical = "center_baseline" if whole else "center"
        ax.text(j, i, text, ha="center", va=vertical, fontsize=size, color=style.ink_on(image[i, j]))


def _cell_size(ax: "Axes", n: int) -> float:
    """Points of the side of a cell; the axes are drawn as a square."""
    return min(points_of(ax)) / max(n, 1)


def _draw_bar(ax: "Axes", matrix: np.ndarray, norm: Normalize, label: str) -> None:
    """Colour bar with arrows where values are beyond it, and how many those are."""
    values = matrix[np.isfinite(matrix)]
    low, high = int((values < norm.vmin).sum()), int((values > norm.vmax).sum())
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max"}.get((low > 0, high > 0), "both")
    bar_axes = ax.inset_axes([1.0 + 12.0 / points_of(ax)[0], 0.1, 10.0 / points_of(ax)[0], 0.8])
    bar = ax.figure.colorbar(ScalarMappable(norm, effects_colormap()), cax=bar_axes, extend=extend, extendfrac=0.05)
    bar.outline.set(edgecolor=style.ISOLATED_EDGE, linewidth=0.6)
    bar.ax.tick_params(labelsize=style.SMALL_FONT_SIZE)
    bar.set_label(label, fontsize=style.SMALL_FONT_SIZE)
    ends = (high, 1.07, "bottom", values.max(initial=0)), (low, -0.07, "top", values.min(initial=0))
    for count, y, align, most in ends:
        if count:
            text = f"{count} beyond,\nto {most:.2g}".replace("-", "−")
            bar.ax.text(0.0, y, text, transform=bar.ax.transAxes, va=align, fontsize=style.SMALL_FONT_SIZE - 1.0)


def _name_axes(ax: "Axes", matrix: np.ndarray, genes: list[str]) -> None:
    n = len(genes)
    ax.xaxis.set_label_position("top")
    if all_fit(ax, n) and _cell_size(ax, n) >= 8.0:
        size = min(style.SMALL_FONT_SIZE, 0.95 * _cell_size(ax, n))
        ax.set_xticks(np.arange(n), genes, rotation=90, fontsize=size, parse_math=False)
        ax.set_yticks(np.arange(n), genes, fontsize=size, parse_math=False)
        ax.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=2.0)
        pad = 3.0
    else:
        ax.set_xticks([])
        ax.set_yticks([])
        there = np.isfinite(matrix)
        for axis, counts in (("y", there.sum(axis=1)), ("x", there.sum(axis=0))):
            room = min(room_for_names(ax, n, axis), _MOST_NAMED)
            rows = sorted(i for i in np.argsort(-counts, kind="stable")[:room].tolist() if counts[i])
            name_rows(ax, rows, [genes[i] for i in rows], n, axis=axis)
        pad = names_width(genes)
    ax.set_xlabel("target", fontsize=style.FONT_SIZE, labelpad=pad)
    ax.set_ylabel("source", fontsize=style.FONT_SIZE, labelpad=pad)


def _key(effects: str, cell: float) -> str:
    absent = "no edge" if effects == "direct" else "not drawn"
    sign = "; −: negative" if _SIGN <= cell < _NUMBER else ""
    return f"grey: the gene itself; white: {absent}{sign}"


def _no_counts_note(n: int) -> str:
    return f"−∞ (full vermillion): no count of the target there ({counted(n, 'pair')})" if n else ""


def _heading(every: np.ndarray, n_drawn: int, attrs: Mapping[Hashable, Any], *, any_edge: bool) -> str:
    """What there is to draw, how much of it runs against the order, and how much is drawn."""
    there = np.isfinite(every)
    n, n_against = int(there.sum()), int(np.tril(there, -1).sum())
    selected = attrs["selected"]
    if attrs["effects"] == "direct":
        none = "no selected edge among these genes" if any_edge else no_edge_words(attrs.get("n_left_out", 0))
        parts = [counted(n, "selected edge") if n else none]
    else:
        n_pairs = len(every) * (len(every) - 1)
        parts = [
            f"{n} of {counted(n_pairs, 'pair')} {'significant or descendants' if selected else 'with an estimate'}"
        ]
    if n_against and selected:
        parts.append(f"{n_against} against the order")
    if n_drawn < n:
        parts.append(f"{n_drawn} among the genes shown")
    return ", ".join(parts)
