"""How strong the instruments of a network are: knock-down, cells and edges of every perturbation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from matplotlib.transforms import ScaledTranslation

from argen._bridge.modality import takes_mudata
from argen._bridge.results.network import networks_of_step
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import make_room, on_paper, plain
from argen.pl._named_rows import MAX_NAMED, label_ranks, name_every_row, name_rows, room_for_names, row_axes
from argen.pl._show import finish
from argen.pl._wording import no_network_words

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_perturbations", "draw_perturbations"]

_WIDTH = 4.3  # inches
_BELOW, _ABOVE = 0.62, 0.5  # inches below and above the rows
_STRIPS = 0.46  # of the width of the knock-downs: room for the strips
_STRONGEST = 5  # of many perturbations, those named at the strong end
_WIDE = 3.0  # intervals more than so many times the median are cut off, and marked


@takes_mudata
@on_paper
def argen_perturbations(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_descendants",
    network: str | Literal[False] | None = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the knock-down of every perturbation, the instruments of the network, strongest at the top.

    A perturbation is *weak* if the squared ratio of its knock-down and its standard error is below 10: a purple
    diamond, the others are grey dots; the line is the 95 % interval, cut off where the picture ends. Beside each stand
    its cells, and the candidate edges that rest on it as parent, the selected ones dark. With more than 60
    perturbations the rows are ranks, and names are those of the weak perturbations, as far as there is room (first
    those on which most candidate edges rest), and of the five strongest; the heading says how many weak ones are not
    named. Perturbations whose knock-down has no estimate are weak; they stand at the bottom without a symbol, and the
    heading counts them.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the result.
    network
        Name of a network that was made from it. Default: ``"argen_dag"`` if that was, else none; ``False``: none.
        Without one the candidate edges are left out, which the heading says.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw the knock-downs into; they are narrowed so that the strips stand in their place too. Names stand to
        the left. Default: a new figure of the size that the perturbations need.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes` of the knock-downs.

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
    >>> axes = ag.pl.argen_perturbations(adata, show=False)
    """
    from argen import get

    table = get.perturbations(adata, key=key, network=network, gene_symbols=gene_symbols)
    return finish(draw_perturbations(table, ax, networks=networks_of_step(adata, key)), show)


def draw_perturbations(table: pd.DataFrame, ax: "Axes | None" = None, *, networks: Sequence[str] = ()) -> "Axes":
    """Draw a table as :func:`argen.get.perturbations` returns it; see :func:`argen_perturbations`.

    `networks` are those that could have been named, for a table without one.
    """
    table = _sorted(table)
    many = len(table) > MAX_NAMED
    if ax is None:
        ax = row_axes(table["perturbation"], _WIDTH, right=_STRIPS * _WIDTH + 0.15, below=_BELOW, above=_ABOVE)
    else:
        ax = make_room(ax, _STRIPS)
    _draw_knockdowns(ax, table)
    _draw_strip(ax.inset_axes([1.03, 0.0, 0.2, 1.0]), table["n_cells"].to_numpy(), None, written=not many)
    if "n_candidate_edges" in table:
        counts = table["n_candidate_edges"].to_numpy(), table["n_edges"].to_numpy()
        _draw_strip(ax.inset_axes([1.26, 0.0, 0.2, 1.0]), *counts, written=not many)
    if many:
        n_named = _name_some(ax, table)
        label_ranks(ax, f"rank of the perturbation ({len(table)} perturbations)", table["perturbation"])
    else:
        n_named = int(table["weak"].sum())
        name_every_row(ax, table["perturbation"])
    heading = _heading(table, n_named)
    if "n_candidate_edges" not in table:
        heading = f"{no_network_words('candidate edges not counted', networks)}\n{heading}"
    ax.set_title(heading, fontsize=style.FONT_SIZE, loc="left", x=0.0, parse_math=False)
    return ax


def _heading(table: pd.DataFrame, n_named: int) -> str:
    n_weak, n_unknown = int(table["weak"].sum()), int(table["z_squared"].isna().sum())
    parts = [f"{n_weak} of {len(table)} weak"]
    if n_unknown:
        parts.append(f"{n_unknown} without an estimate")
    if n_weak > n_named:
        parts.append(f"{n_weak - n_named} weak not named")
    return ", ".join(parts)


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """Kept perturbations, the weakest first, since rows are drawn from below."""
    table = table[table["status"].astype(str) == "kept"]
    if table.empty:
        msg = "No perturbation was kept, there is nothing to draw."
        raise InputError(msg)
    table = table.astype({"weak": bool})
    strength = table["z_squared"].fillna(-1.0)
    return table.assign(_strength=strength).sort_values(["_strength", "perturbation"], ignore_index=True)


def _draw_knockdowns(ax: "Axes", table: pd.DataFrame) -> None:
    """Points with their intervals, weak ones as purple diamonds."""
    many = len(table) > MAX_NAMED
    ax.axvline(0.0, color=style.NOTE_COLOR, linewidth=0.8, zorder=0)
    size, width = (2.2, 0.5) if many else (4.5, 1.1)
    known = table["z_squared"].notna()
    looks = ((False, "o", style.PLAIN_COLOR, "strong"), (True, "D", style.ALERT_COLOR, "weak: z² < 10"))
    for weak, marker, color, label in looks:
        part = table[known & (table["weak"] == weak)]
        half = (part["ci_high"] - part["ci_low"]) / 2
        ax.errorbar(
            part["effect"], part.index, xerr=half, fmt=marker, markersize=size * (1.25 if weak and many else 1.0),
            linewidth=width, color=color, label=label, clip_on=True,
        )  # fmt: skip
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.set_xlim(*_span(table[known]))
    _mark_cut(ax, table[known], size)
    ax.set_xlabel(f"knock-down: {style.LOG_FOLD_CHANGE}, 95 % interval", fontsize=style.FONT_SIZE)
    below = ScaledTranslation(0.0, -0.22, ax.figure.dpi_scale_trans)  # clear of the tick labels of the strips
    ax.legend(
        fontsize=style.SMALL_FONT_SIZE, frameon=False, loc="upper left", bbox_to_anchor=(1.03, 0.0),
        bbox_transform=ax.transAxes + below, borderaxespad=0.0,
    )  # fmt: skip
    plain(ax)


def _span(known: pd.DataFrame) -> tuple[float, float]:
    """Room for every estimate and interval but those far wider than usual, as of perturbations without a count."""
    if known.empty:
        return -1.0, 1.0
    half = (known["ci_high"] - known["ci_low"]) / 2
    usual = known[half <= _WIDE * half.median()]
    low = min(float(known["effect"].min()), float(usual["ci_low"].min()), 0.0)
    high = max(float(known["effect"].max()), float(usual["ci_high"].max()), 0.0)
    room = max(0.04 * (high - low), 1e-3)
    return low - room, high + room


def _mark_cut(ax: "Axes", known: pd.DataFrame, size: float) -> None:
    """An arrow head at the edge of the drawing where an interval goes on."""
    low, high = ax.get_xlim()
    for cut, edge, marker in ((known["ci_low"] < low, low, "<"), (known["ci_high"] > high, high, ">")):
        if cut.any():
            faces = [style.ALERT_COLOR if weak else style.PLAIN_COLOR for weak in known.loc[cut, "weak"]]
            rows = known.index[cut]
            ax.scatter(np.full(len(rows), edge), rows, s=size**2, c=faces, marker=marker, clip_on=False, linewidths=0)


def _draw_strip(strip: "Axes", whole: np.ndarray, part: np.ndarray | None, *, written: bool) -> None:
    """Bars of cells, or of candidate edges with the selected ones in front."""
    row, height = np.arange(len(whole)), 0.75 if written else 1.0
    strip.barh(row, whole, height=height, color=style.ISOLATED_EDGE, label="cells" if part is None else "candidates")
    if part is not None:
        strip.barh(row, part, height=height, color=style.PLAIN_COLOR, label="selected")
    most = max(float(whole.max(initial=0)), 1.0)
    if written:
        for y, value in enumerate(whole.tolist()):
            strip.text(1.52 * most, y, f"{value}", va="center", ha="right", fontsize=style.SMALL_FONT_SIZE - 1.0)
    strip.set_xlim(0.0, most * (1.55 if written else 1.03))
    strip.set_ylim(-0.7, len(whole) - 0.3)
    strip.set_yticks([])
    strip.set_xticks([0.0, most], ["0", f"{most:g}"])
    strip.set_title("cells" if part is None else "candidate edges\n(selected: dark)", fontsize=style.SMALL_FONT_SIZE)
    plain(strip)


def _name_some(ax: "Axes", table: pd.DataFrame) -> int:
    """Name the weakest and some of the strongest beside the axis; returns how many weak ones have a name."""
    ax.set_yticks([])
    n = len(table)
    strongest = [i for i in range(n - _STRONGEST, n) if not table["weak"].iloc[i]]
    weak = sorted(_first_weak(table)[: max(room_for_names(ax, n) - len(strongest), 0)])
    rows = [*weak, *strongest]
    colors = [style.ALERT_COLOR if table["weak"].iloc[i] else style.INK for i in rows]
    name_rows(ax, rows, table["perturbation"].iloc[rows], n, colors=colors)
    return len(weak)


def _first_weak(table: pd.DataFrame) -> list[int]:
    """Rows of the weak perturbations, those on which most candidate edges rest first, then the weakest."""
    weak = np.flatnonzero(table["weak"])
    resting = table["n_candidate_edges"].to_numpy()[weak] if "n_candidate_edges" in table else np.zeros(len(weak))
    return weak[np.lexsort((weak, -resting))].tolist()
