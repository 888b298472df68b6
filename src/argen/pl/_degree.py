"""Degrees, layers and centrality of the genes of a network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.validate import check_count, check_option, check_positive, counted, name_some
from argen.errors import InputError
from argen.get._centrality import centrality_of
from argen.pl import _style as style
from argen.pl._axes import new_axes, on_paper, plain
from argen.pl._hubs import bold_names, draw_hubs, marked_words
from argen.pl._named_rows import (
    all_fit,
    label_ranks,
    name_every_row,
    name_rows,
    points_of,
    room_for_names,
    row_axes,
    row_size,
    short,
)
from argen.pl._show import finish
from argen.pl._wording import no_edge_words, on_lines

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["ALL_KINDS", "KINDS", "argen_degree", "draw_degree"]

COUNTS = {"in_degree": "parents (in-degree)", "out_degree": "children (out-degree)", "layer": "layer (0: roots)"}
RANKS = {"katz_out": "walks from the gene", "katz_in": "walks to the gene"}
HUBS_OF = {"out_hubs": ("out", "children (out-degree)"), "in_hubs": ("in", "parents (in-degree)")}
KINDS = (*COUNTS, *RANKS)
ALL_KINDS = (*KINDS, *HUBS_OF)
_LEFT, _RIGHT, _BELOW, _ABOVE = 0.6, 0.25, 0.5, 0.5  # inches round the axes
_NARROW, _LOW, _WIDE = 3.0, 2.2, 3.5  # inches: width and height of a distribution, width of a ranking
_MOST_NAMED = 25
_MOST_WRITTEN = 14  # bars that have room for their numbers


@takes_mudata
@on_paper
def argen_degree(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    kind: Literal["in_degree", "out_degree", "layer", "katz_out", "katz_in", "out_hubs", "in_hubs"] | None = None,
    attenuation: float = 0.1,
    n_hubs: int = 20,
    mark: Sequence[str] | str | None = None,
    mark_label: str = "marked",
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | list[Axes] | None":
    """Draw how the edges of a network are spread over its genes.

    ``"in_degree"``, ``"out_degree"`` and ``"layer"`` count genes by their number of parents, of children, and by the
    longest path from a root; the heading names the genes with the largest value. ``"katz_out"`` and ``"katz_in"`` rank
    the genes by Katz centrality, the attenuated number of directed walks that start and that end at them
    (:func:`argen.get.centrality`): which genes regulate most, directly and through others, and which are regulated
    most. Where there are too many genes for a name each, the rows are ranks, genes without a walk are left out, and the
    first 25 have names. ``"out_hubs"`` and ``"in_hubs"`` are bars of the `n_hubs` genes with the most children and with
    the most parents (:func:`argen.tl.argen_centrality`).

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the result.
    kind
        Which picture; `None` draws the first five into a new figure.
    attenuation
        What a further step of a walk costs, as in :func:`argen.get.centrality`.
    n_hubs
        How many hubs.
    mark
        Genes to mark, such as the transcription factors: their names, or a column of ``var`` with truth values. Their
        part of every bar is dark, their dots are filled and their names bold; the heading counts them.
    mark_label
        What the marked genes are, in a word for the heading.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into; needs a `kind`.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`, or a list of them without a `kind`.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        An argument cannot be used.

    See Also
    --------
    argen.get.centrality : the table that is drawn.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_degree(adata, show=False)
    >>> len(axes)
    5
    """
    from argen import get

    check_option("kind", kind, [None, *ALL_KINDS])
    if kind is None and ax is not None:
        msg = f"ax holds one picture: name its kind, one of {', '.join(map(repr, ALL_KINDS))}."
        raise InputError(msg)
    check_positive("attenuation", attenuation)
    look = Look(attenuation, check_count("n_hubs", n_hubs, 1), "" if mark is None else mark_label)
    network = get.graph(adata, key=key, gene_symbols=gene_symbols)
    table = centrality_of(network, attenuation)
    table["marked"] = False
    if mark is not None:
        names = ShownNames(adata, read_entry(adata, key, "network"), gene_symbols)
        table["marked"] = table["gene"].isin(_marked(adata, mark, names, table["gene"]))
    table.attrs["n_edges_left_out"] = network.graph.get("n_edges_left_out", 0)
    if kind is None:
        axes = _new_page(table)
        drawn = [draw_degree(table, name, one, look) for name, one in zip(KINDS, axes, strict=True)]
        return finish(drawn, show)
    return finish(draw_degree(table, kind, ax, look), show)


@dataclass(frozen=True, slots=True)
class Look:
    """What a step of a walk costs, how many hubs are drawn, and what marked genes are called, '' if none are."""

    attenuation: float = 0.1
    n_hubs: int = 20
    mark_label: str = ""


def _marked(adata: "AnnData", mark: object, names: ShownNames, genes: pd.Series) -> set[str]:
    """Names, as they are shown, of the genes to mark."""
    if isinstance(mark, str):
        if mark not in adata.var or not pd.api.types.is_bool_dtype(adata.var[mark]):
            truths = [name for name in adata.var if pd.api.types.is_bool_dtype(adata.var[name])]
            msg = (
                f"mark={mark!r} is not a column of adata.var with truth values; such are: "
                f"{name_some(truths) or 'none'}."
            )
            raise InputError(msg)
        return set(names.given(adata.var_names[adata.var[mark].to_numpy(bool)].astype(str).tolist()))
    found = set(names.given([str(gene) for gene in mark]))
    if found and not found & set(genes):
        msg = f"mark: none of these genes is in the network: {name_some(sorted(found))}."
        raise InputError(msg)
    return found


def draw_degree(table: pd.DataFrame, kind: str, ax: "Axes | None" = None, look: Look = Look()) -> "Axes":
    """Draw a column of a table as :func:`argen.get.centrality` returns it; see :func:`argen_degree`.

    A column ``marked``, if there is one, tells the genes to mark.
    """
    table = table if "marked" in table else table.assign(marked=False)
    if kind in HUBS_OF:
        return draw_hubs(table, *HUBS_OF[kind], look.n_hubs, look.mark_label, ax)
    ax = ax or _new_axes(kind, table)
    if kind in COUNTS:
        _draw_counts(ax, table, kind, look.mark_label)
    else:
        _draw_ranks(ax, table, kind, look.mark_label)
        ax.set_xlabel(f"{RANKS[kind]} (attenuation {look.attenuation:g})", fontsize=style.FONT_SIZE)
    plain(ax)
    return ax


def _new_axes(kind: str, table: pd.DataFrame) -> "Axes":
    margins = {"right": _RIGHT, "below": _BELOW, "above": _ABOVE}
    if kind in COUNTS:
        return new_axes(_LEFT, 1.3 * _NARROW, height=1.2 * _LOW, **margins)
    return row_axes(_short(table), _WIDE, **margins)


def _short(table: pd.DataFrame) -> list[str]:
    return [short(gene) for gene in table["gene"]]


def _new_page(table: pd.DataFrame) -> "list[Axes]":
    """Distributions in a row, the two rankings below."""
    names, tall = row_size(_short(table))
    step = _LEFT + _NARROW + _RIGHT
    size = 3 * step, 2 * (_BELOW + _ABOVE) + _LOW + tall
    figure = plt.figure(figsize=size, layout="none")
    boxes = [(i * step + _LEFT, 2 * _BELOW + _ABOVE + tall, _NARROW, _LOW) for i in range(3)]
    boxes += [(i * size[0] / 2 + names, _BELOW, size[0] / 2 - names - _RIGHT, tall) for i in range(2)]
    return [figure.add_axes((x / size[0], y / size[1], w / size[0], h / size[1])) for x, y, w, h in boxes]


def _draw_counts(ax: "Axes", table: pd.DataFrame, kind: str, label: str) -> None:
    """Genes by a whole number."""
    values = table[kind].to_numpy(np.int64)
    n_genes = np.bincount(values, minlength=1)
    bars = ax.bar(
        np.arange(len(n_genes)), n_genes, width=0.85, color=style.ISOLATED_EDGE if label else style.PLAIN_COLOR
    )
    if label:
        n_marked = np.bincount(values[table["marked"].to_numpy(bool)], minlength=len(n_genes))
        ax.bar(np.arange(len(n_genes)), n_marked, width=0.85, color=style.INK)
    if len(n_genes) <= _MOST_WRITTEN:
        ax.bar_label(bars, fontsize=style.SMALL_FONT_SIZE - 1.0)
    ax.set_ylim(0, 1.12 * max(n_genes.max(), 1))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlabel(COUNTS[kind], fontsize=style.FONT_SIZE)
    ax.set_ylabel("genes", fontsize=style.FONT_SIZE)
    heading = on_lines(_heading(table, kind) + marked_words(table, label), points_of(ax)[0])
    ax.set_title(heading, fontsize=style.FONT_SIZE, loc="left", parse_math=False)


def _heading(table: pd.DataFrame, kind: str) -> str:
    """Size of the network, and who holds the largest value."""
    if table.empty:
        return "the network has no genes"
    n_edges, most = int(table["out_degree"].sum()), int(table[kind].max())
    if n_edges == 0:
        return f"{counted(len(table), 'gene')}, {no_edge_words(table.attrs.get('n_edges_left_out', 0))}"
    if kind == "layer":
        return f"{counted(len(table), 'gene')} in {counted(most + 1, 'layer')}"
    first = table.loc[table[kind] == most, "gene"].tolist()
    others = f" and {len(first) - 1} more" if len(first) > 1 else ""
    return f"mean {n_edges / len(table):.2g}; most {most}: {short(first[0])}{others}"


def _draw_ranks(ax: "Axes", table: pd.DataFrame, kind: str, label: str) -> None:
    """Genes by centrality, the largest at the top; ties in causal order."""
    ranked = table.sort_values([kind, "order"], ascending=[True, False], ignore_index=True)
    many, any_walk = not all_fit(ax, len(ranked)), bool((ranked[kind] > 0).any())
    if many and any_walk:
        ranked = ranked[ranked[kind] > 0].reset_index(drop=True)
    n, row = len(ranked), np.arange(len(ranked))
    ax.hlines(row, 0.0, ranked[kind], color=style.ISOLATED_EDGE, linewidth=0.5 if many else 1.2)
    marked = ranked["marked"].to_numpy(bool)
    filled = np.where(marked | (not label), style.INK if label else style.PLAIN_COLOR, "white")
    ax.scatter(
        ranked[kind], row, s=4.0 if many else 20.0, c=filled, clip_on=False, zorder=3,
        edgecolors=style.PLAIN_COLOR, linewidths=0.8 if label else 0.0,
    )  # fmt: skip
    ax.set(xlim=(0.0, 1.06 * float(ranked[kind].max()) if any_walk else 1.0), ylim=(-0.7, max(n, 1) - 0.3))
    if not any_walk:
        ax.set_xticks([0.0], ["0"])
    if not all_fit(ax, n):
        ax.set_yticks([])
        first = np.arange(max(n - min(_MOST_NAMED, room_for_names(ax, n)), 0), n)
        name_rows(ax, first.tolist(), ranked["gene"].iloc[first], n)
        label_ranks(ax, "rank of the gene", ranked["gene"])
    else:
        name_every_row(ax, _short(ranked))
        bold_names(ax, marked)
    hidden = f"; {len(table) - n} with 0 not drawn" if n < len(table) else ""
    none = "" if any_walk else "; no gene has a walk"
    heading = on_lines(
        f"Katz centrality, {counted(n, 'gene')}{hidden}{none}{marked_words(ranked, label)}", points_of(ax)[0]
    )
    ax.set_title(heading, fontsize=style.FONT_SIZE, loc="left")
