"""Effects against p-values, of the candidate edges or of all pairs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.tables import EDGE_KINDS
from argen._bridge.validate import check_option, counted
from argen.errors import InputError
from argen.get._opened import OpenedNetwork
from argen.pl import _style as style
from argen.pl._axes import on_paper, plain
from argen.pl._labels import label_points
from argen.pl._limits import upper_limit, without_counts
from argen.pl._named_rows import points_of, short
from argen.pl._network.views import Genes, known_genes
from argen.pl._show import finish
from argen.pl._wording import left_out_words

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["TABLES", "argen_volcano", "draw_volcano", "volcano_table"]

TABLES = ("edges", "pairs")
_KEYS = {"edges": "argen_dag", "pairs": "argen_descendants"}
_SIZE = (5.8, 5.4)  # inches
_MOST_NAMED = 15
_MANY = 2000  # points that a vector file should not hold one by one
_FOUND_AREA, _OTHER_AREA, _SMALL_AREA = 20.0, 12.0, 3.0  # points squared
_OTHER = style.ISOLATED_EDGE
_NEAR = 3.0  # points: of symbols closer than that one stands for all when names seek a place
# How the level of a family of pairs is drawn, and named, where there are two.
_FAMILIES = {
    EDGE_KINDS[0]: {"linestyle": ":", "color": style.INK, "words": ", network"},
    EDGE_KINDS[1]: {"linestyle": "--", "color": style.NOTE_COLOR, "words": ", responders"},
}
_ONE_FAMILY = {"linestyle": ":", "color": style.INK, "words": ""}
_WORDS = {
    "edges": ("selected", "direct effect (log expression of the child per unit of the parent's)"),
    "pairs": ("significant", f"total effect: {style.LOG_FOLD_CHANGE} of the target in the cells of the source"),
}


@takes_mudata
@on_paper
def argen_volcano(
    adata: "AnnData | MuData",
    *,
    key: str | None = None,
    table: Literal["edges", "pairs"] = "edges",
    sources: Genes = None,
    targets: Genes = None,
    responders: bool | str = False,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw effects against their p-values: of every candidate edge, or of every pair of a perturbation and a gene.

    Edges that were selected (pairs that are significant) are filled, blue if positive, vermillion if negative; grey
    rings were tested and not found. The level of online FDR control differs from gene to gene, so that no line parts
    edges that were selected from the others; of pairs there is one level, the dotted line. With `responders` the pairs
    of the network and the others are two families of tests, each with its own level: where both are drawn, so are both
    levels, dotted and dashed. Diamonds are edges with weak instruments (F below 10), whose p-values are not to be
    trusted. The strongest have names. Triangles at the border are values beyond it (more than twice the 99th
    percentile), effects that stand for −∞ (no count in the perturbed cells) and p-values of 0; notes count them, and
    what has no p-value. The heading says how many have names.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`, or :func:`argen.tl.argen_descendants` for pairs.
    key
        Name of the result. Default: ``"argen_dag"``, or ``"argen_descendants"`` for pairs.
    table
        ``"edges"``: direct effects, :func:`argen.get.edges`. ``"pairs"``: total effects, :func:`argen.get.pairs`.
    sources
        Gene or genes whose effects are drawn (parents, perturbed genes). Default: all.
    targets
        Gene or genes on which effects are drawn (children, genes that are looked at). Default: all.
    responders
        Also effects on genes that are no nodes. Of edges: ``True``, or the name of the result of
        :func:`argen.tl.argen_responders`; of pairs: ``True``.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into. Default: a new figure.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        The network has no p-values, a gene is not in it, or an argument cannot be used.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_volcano(adata, show=False)
    >>> axes = ag.pl.argen_volcano(adata, table="pairs", sources="X1", show=False)
    """
    from argen import get

    check_option("table", table, TABLES)
    key = _KEYS[table] if key is None else key
    if table == "edges":
        network = OpenedNetwork(adata, key, gene_symbols=gene_symbols)
        names = network.names
        tests, genes = network.candidates, network.genes["gene"].tolist()
        where, gone = "the network", network.n_left_out(selected=False)
        if tests["p"].isna().all() and len(tests) and "threshold" not in tests:
            msg = (
                f"The network in adata.uns[{key!r}] has no p-values: its method tests no edge. "
                "ag.pl.argen_heatmap draws its effects."
            )
            raise InputError(msg)
        if responders is not False:
            tests = get.edges(adata, key=key, selected=False, responders=responders, gene_symbols=gene_symbols)
    else:
        check_option("responders", responders, (True, False))
        step = read_entry(adata, key, "descendants")
        names = ShownNames(adata, step, gene_symbols)
        tests = get.pairs(adata, key=key, responders=responders, gene_symbols=gene_symbols)
        genes = get.genes(adata, key=key, gene_symbols=gene_symbols)["gene"].tolist()
        where = f"the descendant step in adata.uns[{key!r}]"
        n_genes, n_held = len(step.tables["genes"]), int(names.held(step.tables["genes"]["gene"]).sum())
        gone = n_genes * (n_genes - 1) - n_held * (n_held - 1)
    if responders is not False:
        genes = sorted({*genes, *tests["source"], *tests["target"]})
    ends = {"sources": names.given(sources), "targets": names.given(targets)}
    chosen = {name: _chosen(genes, name, value, where) for name, value in ends.items() if value is not None}
    drawn = volcano_table(tests, **chosen)
    drawn.attrs["n_left_out"] = gone
    return finish(draw_volcano(drawn, ax), show)


def _chosen(genes: list[str], name: str, value: Genes, where: str) -> list[str]:
    chosen = known_genes(genes, name, value, where)
    if not chosen:
        msg = f"No gene is named by {name}; leave it None to draw the effects of all."
        raise InputError(msg)
    return chosen


def volcano_table(tests: pd.DataFrame, sources: Genes = None, targets: Genes = None) -> pd.DataFrame:
    """Candidates of :func:`argen.get.edges` or pairs of :func:`argen.get.pairs` with one set of names.

    ``source``, ``target``, ``effect``, ``p``, ``found``, ``weak``, ``required``, ``no_counts`` (the effect of a pair
    stands for −∞); ``attrs`` hold the kind of the table, the level of each family of pairs that has points, and which
    end all rows share, if one of them.
    """
    edges = "coef" in tests
    names = (
        ["source", "target", "coef", "p", "selected"] if edges else ["source", "target", "effect", "p", "significant"]
    )
    table = tests[names].set_axis(["source", "target", "effect", "p", "found"], axis=1)
    # Not every network has these columns.
    for name in ("weak", "required"):
        table[name] = tests[name].to_numpy(bool) if edges and name in tests else False
    table["no_counts"] = False if edges else without_counts(tests)
    if not edges:
        table["level"] = tests["mde_level"]
        table["family"] = tests["kind"] if "kind" in tests else EDGE_KINDS[0]
    for name, genes in (("source", sources), ("target", targets)):
        if genes is not None:
            table = table[table[name].isin(genes)]
    levels = {} if edges else table.loc[_has_place(table)].groupby("family")["level"].max().to_dict()
    ends = [name for name in ("source", "target") if len(table) and table[name].nunique() == 1]
    one_end = ends[0] if len(ends) == 1 else ""
    table = table.drop(columns=["level", "family"], errors="ignore").reset_index(drop=True)
    table.attrs = {"kind": "edges" if edges else "pairs", "levels": levels, "one_end": one_end}
    return table


def _has_place(table: pd.DataFrame) -> pd.Series:
    return table["p"].notna() & table["effect"].notna()


def draw_volcano(table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Draw a table as :func:`volcano_table` returns it; see :func:`argen_volcano`."""
    words, unit = _WORDS[table.attrs["kind"]]
    ax = ax or plt.figure(figsize=_SIZE, layout="constrained").add_subplot()
    drawn = table[_has_place(table)]
    # The strongest last, on top; the same picture whatever the order of the rows.
    drawn = drawn.sort_values(["p", "source", "target"], ascending=[False, True, True], ignore_index=True)
    with np.errstate(divide="ignore"):
        height = -np.log10(drawn["p"].to_numpy(float))
    effect = drawn["effect"].to_numpy(float)
    empty, found = drawn["no_counts"].to_numpy(bool), drawn["found"].to_numpy(bool)
    wide, high = _limit(np.abs(effect[~empty]), found[~empty]), _limit(height, found)
    points = np.column_stack([np.clip(effect, -wide, wide), np.minimum(height, high)])
    points[empty, 0] = _left_of(points[~empty, 0])
    marker = np.where(drawn["weak"], "D", "o").astype(object)
    marker[effect < -wide], marker[effect > wide], marker[height > high] = "<", ">", "^"
    marker[empty] = "<"
    _set_limits(ax, points, high)
    areas = _draw_points(ax, points, marker, drawn, words)
    _draw_levels(ax, table.attrs["levels"])
    ax.set_xlabel(unit, fontsize=style.FONT_SIZE)
    ax.set_ylabel("−log10 p", fontsize=style.FONT_SIZE)
    plain(ax)
    notes = _notes(table, drawn, effect, height, (wide, high))
    n_found = int(drawn["found"].sum())
    heading = [_heading(table, words, n_found), *notes]
    ax.set_title("\n".join(heading), fontsize=style.FONT_SIZE, loc="left", parse_math=False)
    if len(drawn):
        ax.legend(fontsize=style.SMALL_FONT_SIZE, frameon=False, loc="upper left", bbox_to_anchor=(0.0, -0.13), ncols=2)
    ax.figure.draw_without_rendering()  # names need the final place of the axes
    n_named = _name_strongest(ax, points, areas, drawn, one_end=table.attrs["one_end"])
    heading[0] = _heading(table, words, n_found - n_named)
    ax.set_title("\n".join(heading), fontsize=style.FONT_SIZE, loc="left", parse_math=False)
    return ax


def _left_of(effects: np.ndarray) -> float:
    """Where −∞ stands: a little left of all that is drawn, and of zero."""
    low, high = (min(effects.min(), 0.0), max(effects.max(), 0.0)) if len(effects) else (0.0, 1.0)
    span = max(high - low, 1e-3)
    return float(min(low - 0.06 * span, -0.15 * span))


def _limit(sizes: np.ndarray, found: np.ndarray) -> float:
    """What is found is seldom an outlier, however few those are."""
    return max(upper_limit(sizes), upper_limit(sizes[found])) if found.any() else upper_limit(sizes)


def _set_limits(ax: "Axes", points: np.ndarray, high: float) -> None:
    low, top = (min(points[:, 0].min(), 0.0), max(points[:, 0].max(), 0.0)) if len(points) else (-1.0, 1.0)
    room = max(0.12 * (top - low), 1e-3)  # names need it
    ax.set(xlim=(low - room, top + room), ylim=(-0.02 * high, 1.12 * high))
    ax.axvline(0.0, color=style.NOTE_COLOR, linewidth=0.8, zorder=0)


def _draw_points(ax: "Axes", points: np.ndarray, marker: np.ndarray, drawn: pd.DataFrame, words: str) -> np.ndarray:
    """One set of symbols per state and shape; returns their areas."""
    found, positive = drawn["found"].to_numpy(bool), drawn["effect"].to_numpy(float) >= 0
    areas = np.where(found, _FOUND_AREA, _OTHER_AREA if len(drawn) <= _MANY else _SMALL_AREA)
    states = (
        (~found, _OTHER, f"not {words}"),
        (found & positive, style.POSITIVE_COLOR, f"{words}, positive"),
        (found & ~positive, style.NEGATIVE_COLOR, f"{words}, negative"),
    )
    for order, (state, color, label) in enumerate(states):
        for shape in ("o", "D", "<", ">", "^"):
            at = state & (marker == shape)
            if not at.any():
                continue
            ax.scatter(
                *points[at].T, s=areas[at], marker=shape, zorder=2 + order, clip_on=False, linewidths=0.7,
                facecolors="none" if order == 0 else color, edgecolors=color, rasterized=len(drawn) > _MANY,
            )  # fmt: skip
        if state.any():
            face = "none" if order == 0 else color
            ax.scatter([], [], s=_FOUND_AREA, facecolors=face, edgecolors=color, label=f"{label} ({state.sum()})")
    if (marker == "D").any():
        n_weak = int(drawn["weak"].sum())
        label = f"diamond: weak instruments ({n_weak})"
        ax.scatter([], [], s=_FOUND_AREA, marker="D", facecolors="none", edgecolors=style.INK, label=label)
    return areas


def _draw_levels(ax: "Axes", levels: Mapping[str, float]) -> None:
    """A line per family of tests, told apart where there are two."""
    for family, level in levels.items():
        if not 0 < level < 1 or -np.log10(level) > ax.get_ylim()[1]:
            continue
        look = dict(_FAMILIES[family] if len(levels) > 1 else _ONE_FAMILY)
        label = f"level in force{look.pop('words')}: {level:.2g}"
        ax.axhline(-np.log10(level), **look, linewidth=1.0, zorder=1, label=label)


def _heading(table: pd.DataFrame, words: str, n_unnamed: int) -> str:
    kind, n = table.attrs["kind"], int(table["found"].sum())
    if table.empty:
        nothing = "no candidate edge" if kind == "edges" else "no pair"
        return f"{nothing} is left" if table.attrs.get("n_left_out") else nothing
    every = counted(len(table), "candidate edge" if kind == "edges" else "pair")
    if end := table.attrs["one_end"]:
        every += f" {'of' if end == 'source' else 'on'} {table[end].iloc[0]}"
    if n == 0:
        return f"{every}, no edge was selected" if kind == "edges" else f"{every}, none is significant"
    return f"{every}, {n} {words}" + (f", {n - n_unnamed} of them named" if n_unnamed else "")


def _notes(
    table: pd.DataFrame, drawn: pd.DataFrame, effect: np.ndarray, height: np.ndarray, limits: tuple[float, float]
) -> list[str]:
    """What cannot be seen, or not where it is."""
    wide, high = limits
    empty = drawn["no_counts"].to_numpy(bool)
    effect, n_empty = effect[~empty], int(empty.sum())
    n_wide, n_high, n_zero = int((np.abs(effect) > wide).sum()), int((height > high).sum()), int(np.isinf(height).sum())
    notes = []
    if n_wide:
        notes.append(f"◂▸ {counted(n_wide, 'effect')} beyond ±{wide:.2g}, to {np.abs(effect).max():.2g} in size")
    if n_empty:
        notes.append(f"◂ {counted(n_empty, 'pair')} without a count in the perturbed cells: −∞")
    if n_high:
        zero = f", {n_zero} of them 0 in floating point" if n_zero else ""
        notes.append(f"▴ {counted(n_high, 'p-value')} below 1e−{high:.0f}{zero}")
    if n_gone := len(table) - len(drawn):
        notes.append(f"{n_gone} without a p-value not drawn")
    if n_required := int(table["required"].sum()):
        notes.append(f"{n_required} required by prior knowledge, not tested")
    if gone := table.attrs.get("n_left_out", 0):
        notes.append(left_out_words(gone, "candidate edge" if table.attrs["kind"] == "edges" else "pair"))
    return notes


def _name_strongest(ax: "Axes", points: np.ndarray, areas: np.ndarray, drawn: pd.DataFrame, *, one_end: str) -> int:
    """Names of the found with the smallest p-values, and of these the largest effects first; how many found a place."""
    found = np.flatnonzero(drawn["found"])
    size = np.abs(drawn["effect"].to_numpy(float)[found])
    strongest = found[np.lexsort((size, -drawn["p"].to_numpy(float)[found]))[::-1]][:_MOST_NAMED]
    rows = drawn.iloc[strongest]
    if one_end:  # it need not be said at every point
        names = [short(name) for name in rows["target" if one_end == "source" else "source"]]
    else:
        names = [
            f"{short(source)} → {short(target)}" for source, target in zip(rows["source"], rows["target"], strict=True)
        ]
    others = _spread(ax, points, strongest)
    return len(label_points(ax, points[strongest], names, others=points[others], sizes=areas[[*strongest, *others]]))


def _spread(ax: "Axes", points: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Points that stand for all: one of each square of a fine grid."""
    unit = points_of(ax)
    span = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    squares = np.floor(points / span * unit / _NEAR).astype(np.int64)
    _, first = np.unique(squares, axis=0, return_index=True)
    return np.setdiff1d(first, without)
