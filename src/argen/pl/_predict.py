"""What a network predicts for perturbations, gene by gene."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from argen._bridge.intervals import interval_95
from argen._bridge.modality import takes_mudata
from argen._bridge.validate import check_count, counted, name_some
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import on_paper, plain
from argen.pl._named_rows import name_every_row, points_of, row_axes
from argen.pl._show import finish
from argen.pl._wording import on_lines

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_predict", "draw_prediction"]

_WIDTH, _BELOW, _ABOVE = 3.2, 0.98, 0.72  # inches
_LEGEND = 54.0  # points below the axes
_LOOKS = (("perturbed", "s"), ("node", "o"), ("responder", "^"))
_WORDS = {"perturbed": "perturbed", "node": "gene of the network", "responder": "responder"}
_DOUBTS = ("weak edge", "loop", "unstable", "beyond")
_ASIDE = 0.27  # of a row, by which what was observed stands below what is predicted


@takes_mudata
@on_paper
def argen_predict(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_predict",
    n_genes: int = 25,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the genes that a network predicts to change most, with 95 % intervals and what the screen saw.

    Perturbed genes (squares) stand on top, then the others by the size of the effect: circles are genes of the network,
    triangles responders; blue rises, orange falls, purple rests on an edge that needs a look (``flags`` of
    :func:`argen.get.prediction`). The hollow grey diamond below each is what the screen itself saw under these
    perturbations one by one, added up and scaled to the sizes that are asked for, with its own 95 % interval.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_predict`.
    key
        Name of the result.
    n_genes
        How many genes to draw beside the perturbed ones, at most.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into. Default: a new figure of the size that the genes need.
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
        None of its genes is left.

    See Also
    --------
    argen.get.prediction : the table that is drawn.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_predict(adata, {"X1": 0.3, "X4": "observed"})
    >>> axes = ag.pl.argen_predict(adata, show=False)
    """
    from argen import get

    n_genes = check_count("n_genes", n_genes, 1)
    table = get.prediction(adata, key=key, gene_symbols=gene_symbols)
    asked = get.prediction(adata, key=key, table="perturbations", gene_symbols=gene_symbols)
    return finish(draw_prediction(table, asked, ax, n_genes=n_genes), show)


def draw_prediction(table: pd.DataFrame, asked: pd.DataFrame, ax: "Axes | None" = None, *, n_genes: int = 25) -> "Axes":
    """Draw tables as :func:`argen.get.prediction` returns them; see :func:`argen_predict`."""
    if table.empty:
        msg = "The prediction has no gene that the object still holds, there is nothing to draw."
        raise InputError(msg)
    rows = _chosen(table, n_genes)
    if ax is None:
        ax = row_axes(rows["gene"], _WIDTH, right=0.2, below=_BELOW, above=_ABOVE)
    ax.axvline(0.0, color=style.NOTE_COLOR, linewidth=0.8, zorder=0)
    _draw_observed(ax, rows)
    for kind, marker in _LOOKS:
        _draw_predicted(ax, rows[rows["kind"] == kind], marker)
    ax.set_ylim(-0.8, len(rows) - 0.2)
    ax.set_xlim(*_span(rows))
    name_every_row(ax, rows["gene"])
    ax.set_xlabel(f"{style.LOG_FOLD_CHANGE}\n{_key(rows)}", fontsize=style.FONT_SIZE)
    plain(ax)
    _legend(ax, rows, _LEGEND)
    width = points_of(ax)[0]
    heading = "\n".join(on_lines(line, width) for line in _heading(table, rows, asked).split("\n"))
    ax.set_title(heading, fontsize=style.FONT_SIZE, loc="left", x=0.0, parse_math=False)
    return ax


def _chosen(table: pd.DataFrame, n: int) -> pd.DataFrame:
    """Perturbed genes and those that change most, the last one first, since rows are drawn from below."""
    perturbed = table[table["kind"] == "perturbed"]
    others = table[(table["kind"] != "perturbed") & ~table["flags"].str.contains("no path", regex=False)]
    order = np.lexsort((others["gene"], -others["effect"].abs()))
    return pd.concat([perturbed, others.iloc[order[:n]]])[::-1].reset_index(drop=True)


def _draw_predicted(ax: "Axes", rows: pd.DataFrame, marker: str) -> None:
    colors = np.where(
        _doubtful(rows),
        style.ALERT_COLOR,
        np.where(rows["effect"] < 0, style.NEGATIVE_COLOR, style.POSITIVE_COLOR),
    )
    for y, effect, low, high, color in zip(
        rows.index, rows["effect"], rows["ci_low"], rows["ci_high"], colors, strict=True
    ):
        if np.isfinite(low) and np.isfinite(high):
            ax.plot([low, high], [y, y], color=color, linewidth=1.3, solid_capstyle="butt", zorder=3)
        ax.plot([effect], [y], marker, color=color, markersize=4.8, zorder=4)


def _draw_observed(ax: "Axes", rows: pd.DataFrame) -> None:
    known = rows[rows["observed"].notna()]
    half = (interval_95(0.0, known["observed_se"])[1]).fillna(0.0)
    ax.errorbar(
        known["observed"], known.index - _ASIDE, xerr=half, fmt="D", color=style.NOTE_COLOR, markersize=2.8,
        markerfacecolor="white", markeredgewidth=0.8, linewidth=0.6, zorder=1,
    )  # fmt: skip


def _span(rows: pd.DataFrame) -> tuple[float, float]:
    """Room for all that is predicted and observed, with the intervals."""
    seen = np.stack(interval_95(rows["observed"].to_numpy(float), rows["observed_se"].to_numpy(float)), axis=1)
    values = np.hstack([rows[["effect", "ci_low", "ci_high", "observed"]].to_numpy(float), seen])
    low, high = np.nanmin(values, initial=0.0), np.nanmax(values, initial=0.0)
    room = max(0.05 * (high - low), 1e-2)
    return float(low - room), float(high + room)


def _doubtful(rows: pd.DataFrame) -> np.ndarray:
    """Rows whose flags call for a look."""
    return rows["flags"].map(lambda flags: any(word in flags for word in _DOUBTS)).to_numpy(bool)


def _legend(ax: "Axes", rows: pd.DataFrame, below: float) -> None:
    """What the colours mean, of those that are there, `below` points under the axes."""
    doubtful, falls = _doubtful(rows), (rows["effect"] < 0).to_numpy(bool)
    meanings = [
        (style.POSITIVE_COLOR, "rises", ~doubtful & ~falls),
        (style.NEGATIVE_COLOR, "falls", ~doubtful & falls),
        (style.ALERT_COLOR, "needs a look (flags)", doubtful),
    ]
    handles = [
        Line2D([], [], color=color, marker="o", markersize=4.8, linewidth=1.3, label=words)
        for color, words, are in meanings
        if are.any()
    ]
    ax.legend(
        handles=handles, loc="upper center", ncols=len(handles), frameon=False, fontsize=style.SMALL_FONT_SIZE,
        bbox_to_anchor=(0.5, -below / points_of(ax)[1]), borderaxespad=0.0, handlelength=1.2, columnspacing=1.0,
    )  # fmt: skip


def _key(rows: pd.DataFrame) -> str:
    marks = zip("■●▲", _WORDS.items(), strict=True)
    kinds = "  ".join(f"{mark} {words}" for mark, (kind, words) in marks if (rows["kind"] == kind).any())
    return f"{kinds}\n◇ seen one by one, added up" if rows["observed"].notna().any() else kinds


def _heading(table: pd.DataFrame, rows: pd.DataFrame, asked: pd.DataFrame) -> str:
    what = [
        gene if given == "observed" else f"{gene} × {fold:.3g}"
        for gene, given, fold in zip(asked["gene"], asked["given"], asked["fold"], strict=True)
    ]
    others = table[table["kind"] != "perturbed"]
    reached = int((~others["flags"].str.contains("no path", regex=False)).sum())
    drawn = int((rows["kind"] != "perturbed").sum())
    more = "" if drawn == reached else f", the {drawn} largest drawn"
    return f"Predicted for {name_some(what, 3)}\n{counted(reached, 'gene')} reached{more}"
