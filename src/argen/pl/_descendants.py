"""How far each perturbation reaches, and which perturbations lie in cycles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from argen._bridge.modality import takes_mudata
from argen._bridge.results.network import networks_of_step
from argen._bridge.validate import counted
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import on_paper, plain
from argen.pl._named_rows import all_fit, label_ranks, name_every_row, name_rows, points_of, room_for_names, row_axes
from argen.pl._show import finish
from argen.pl._wording import no_network_words

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_descendants", "draw_descendants"]

_WIDTH = 4.6  # inches
_BELOW, _ABOVE, _RIGHT = 1.0, 0.65, 0.2  # inches round the bars
_FARTHEST = 15  # of many perturbations, those named for their reach
_CYCLE = "in a cycle of significant pairs"
_CHILD, _INDIRECT, _SKIPPED = style.PLAIN_COLOR, style.ISOLATED_EDGE, "#FFFFFF"


@takes_mudata
@on_paper
def argen_descendants(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_descendants",
    network: str | Literal[False] | None = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw how many genes of the network each perturbation moves, those that move most at the top.

    A bar is a perturbation: its children in the network in dark grey, its further descendants in light grey. The
    outlined end are genes that the perturbation moves significantly and that are no descendants all the same, since the
    pair would have closed a cycle. A purple diamond marks perturbations that significant pairs join into a cycle; the
    heading counts them. Where there are too many perturbations for a name each (more than 60 in a new figure) the rows
    are ranks, those without anything to draw are left out, and names are those of the 15 with the most descendants and
    of perturbations in cycles, as far as there is room; the heading says how many are missing.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.
    network
        Name of a network that was made from it. Default: ``"argen_dag"`` if that was, else none; ``False``: none.
        Without one all descendants have one colour, which the heading says.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into; names stand to its left. Default: a new figure of the size that the perturbations need.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`, or no network under the name that is given.
    argen.errors.StaleResultError
        The step under `key` was run again since the network of that name was made.
    argen.errors.InputError
        The network of that name was made from another step; no perturbation was kept.

    See Also
    --------
    argen.get.perturbations : the table that is drawn.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_descendants(adata, show=False)
    """
    from argen import get

    table = get.perturbations(adata, key=key, network=network, gene_symbols=gene_symbols)
    return finish(draw_descendants(table, ax, networks=networks_of_step(adata, key)), show)


def draw_descendants(table: pd.DataFrame, ax: "Axes | None" = None, *, networks: Sequence[str] = ()) -> "Axes":
    """Draw a table as :func:`argen.get.perturbations` returns it; see :func:`argen_descendants`.

    `networks` are those that could have been named, for a table without one.
    """
    every = _sorted(table)
    ax = ax or row_axes(every["perturbation"], _WIDTH, right=_RIGHT, below=_BELOW, above=_ABOVE)
    # Rows without a name say nothing if they hold nothing, and there are many of them.
    table = every if all_fit(ax, len(every)) else _not_empty(every)
    n = len(table)
    _draw_bars(ax, table, len(every))
    ax.set_ylim(-0.7, n - 0.3)
    if all_fit(ax, n):
        name_every_row(ax, table["perturbation"])
        n_unnamed = 0
    else:
        n_unnamed = _name_some(ax, table)
        label_ranks(ax, f"rank of the perturbation ({n} of {len(every)} perturbations)", table["perturbation"])
    heading = _heading(every, n_unnamed, len(every) - n)
    if "n_edges" not in table:
        heading = f"{no_network_words('children not marked', networks)}\n{heading}"
    ax.set_title(heading, fontsize=style.FONT_SIZE, loc="left", x=0.0, parse_math=False)
    return ax


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """Kept perturbations with the reach of each, the shortest first, since rows are drawn from below."""
    table = table[table["status"].astype(str) == "kept"]
    if table.empty:
        msg = "No perturbation was kept, there is nothing to draw."
        raise InputError(msg)
    reach = table["n_edges"] + table["n_indirect"] if "n_edges" in table else table["n_descendants"]
    table = table.assign(_reach=reach, _moved=reach + table["n_skipped"])
    return table.sort_values(["_reach", "_moved", "perturbation"], ascending=[True, True, False], ignore_index=True)


def _not_empty(table: pd.DataFrame) -> pd.DataFrame:
    """Perturbations with a bar or in a cycle; all if there are none."""
    kept = (table["_moved"] > 0) | (table["cycle"] >= 0)
    return table[kept].reset_index(drop=True) if kept.any() else table


def _draw_bars(ax: "Axes", table: pd.DataFrame, n_genes: int) -> None:
    """Stacked bars, the symbols of the cycles at their ends, and the key below."""
    named = all_fit(ax, len(table))
    row, height = np.arange(len(table)), 0.75 if named else 1.0
    start = np.zeros(len(table))
    for values, face, label in _parts(table):
        there = values > 0
        if there.any():
            outlined = {"edgecolor": style.NODE_EDGE, "linewidth": 0.6} if face == _SKIPPED else {"linewidth": 0.0}
            ax.barh(row[there], values[there], height=height, left=start[there], color=face, label=label, **outlined)
        start += values
    most = max(float(start.max()), 1.0)
    in_cycle = (table["cycle"] >= 0).to_numpy()
    beside = most * 7.0 / points_of(ax)[0]
    if in_cycle.any():
        ax.scatter(
            start[in_cycle] + beside, row[in_cycle], marker="D", s=22.0 if named else 7.0, linewidths=0,
            color=style.ALERT_COLOR, label=_CYCLE, clip_on=False, zorder=3,
        )  # fmt: skip
    if named:
        for y, moved, reach, cyclic in zip(row, start, table["_reach"], in_cycle, strict=True):
            at = moved + beside * (2.0 if cyclic else 0.7)
            ax.text(at, y, f"{reach}", va="center", fontsize=style.SMALL_FONT_SIZE - 1.0)
    ax.set_xlim(0.0, most * 1.1)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel(f"genes below (of {n_genes - 1} others)", fontsize=style.FONT_SIZE)
    plain(ax)
    _draw_key(ax)


def _draw_key(ax: "Axes") -> None:
    """What the parts of the bars and the symbols mean, as far as there are any."""
    below = -34.0 / points_of(ax)[1]  # clear of the label of the axis
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    order = sorted(range(len(labels)), key=lambda i: labels[i] == _CYCLE)
    ax.legend(
        [handles[i] for i in order], [labels[i] for i in order], fontsize=style.SMALL_FONT_SIZE, frameon=False,
        loc="upper left", bbox_to_anchor=(0.0, below), borderaxespad=0.0, ncols=2, columnspacing=1.2, handlelength=1.4,
    )  # fmt: skip


def _parts(table: pd.DataFrame) -> list[tuple[np.ndarray, str, str]]:
    """Lengths, colour and words of the parts of the bars, from the axis outwards."""
    if "n_edges" in table:
        reach = [(table["n_edges"], _CHILD, "children"), (table["n_indirect"], _INDIRECT, "further descendants")]
    else:
        reach = [(table["n_descendants"], _INDIRECT, "descendants")]
    parts = [*reach, (table["n_skipped"], _SKIPPED, "significant, but against the order")]
    return [(values.to_numpy(float), face, label) for values, face, label in parts]


def _name_some(ax: "Axes", table: pd.DataFrame) -> int:
    """Name perturbations of far reach and those in cycles; returns how many of these have no name."""
    ax.set_yticks([])
    n = len(table)
    room = room_for_names(ax, n)
    farthest = [i for i in range(n - 1, -1, -1) if table["_reach"].iloc[i] > 0][: min(_FARTHEST, room)]
    in_cycle = [i for i in range(n - 1, -1, -1) if table["cycle"].iloc[i] >= 0 and i not in farthest]
    named = in_cycle[: room - len(farthest)]
    rows = sorted([*farthest, *named])
    colors = [style.ALERT_COLOR if table["cycle"].iloc[i] >= 0 else style.INK for i in rows]
    name_rows(ax, rows, table["perturbation"].iloc[rows], n, colors=colors)
    return len(in_cycle) - len(named)


def _heading(table: pd.DataFrame, n_unnamed: int, n_empty: int) -> str:
    n_none = int((table["_reach"] == 0).sum())
    none = f"{n_none} of {counted(len(table), 'perturbation')} without a descendant"
    if n_empty:
        none += " (not drawn)" if n_empty == n_none else f" ({n_empty} of them not drawn)"
    between = "\n" if n_empty else ", "
    cycles = table.loc[table["cycle"] >= 0, "cycle"]
    if cycles.empty:
        return f"{none}{between}none in a cycle"
    cyclic = f"{len(cycles)} in {counted(cycles.nunique(), 'cycle')}"
    cyclic += f" ({n_unnamed} of them not named)" if n_unnamed else ""
    return f"{none}{between}{cyclic}"
