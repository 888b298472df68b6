"""Effects of one edge, or several, in every level, with their mean."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.intervals import interval_95
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry
from argen._bridge.validate import check_option, name_some
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import new_axes, on_paper, plain
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_forest", "draw_forest"]

_WIDTH, _BELOW, _ABOVE, _ROW, _GAP = 2.9, 0.55, 0.15, 0.2, 0.2  # inches
_FAR = 3.0  # intervals may reach so many times as far as the estimates before they are cut
_TABLES = {False: ("edges", "levels"), True: ("total_effects", "total_effect_levels")}


@takes_mudata
@on_paper
def argen_forest(
    adata: "AnnData | MuData",
    *,
    edge: tuple[str, str] | Sequence[tuple[str, str]],
    total_effect: bool = False,
    key: str = "argen_compare",
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw an edge over the levels of a comparison: a forest plot.

    A square is the effect in one level with its 95 % interval, the larger the more it weighs; of a comparison with
    replicates small dots are the replicates. The filled diamond is the estimate from all cells in one regression, its
    ends those of its interval; the hollow one the mean over levels that are a sample themselves, whose interval holds
    the variance between them (Hartung and Knapp), or of two levels the difference of the other from the reference. The
    heading gives Cochran's Q with its p-value, and the standard deviation τ between levels. Numbers stand on the right.
    Hollow squares are weak instruments (F < 10) or flagged.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_compare`.
    edge
        Source and target, or several such pairs, one block each.
    total_effect
        Draw the total effect of the perturbation of the source on the target instead.
    key
        Name of the result.
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
        No comparison under `key`.
    argen.errors.InputError
        `edge` is no pair of genes, or no candidate edge of the comparison.

    See Also
    --------
    argen.pl.argen_compare : the network with all differences.

    Examples
    --------
    >>> import anndata as ad
    >>> import argen as ag
    >>> screens = {name: ag.datasets.simulate("paper_fig2", rng=i) for i, name in enumerate(["control", "drug"])}
    >>> adata = ad.concat(screens, label="condition", index_unique="-")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["condition", "L"], depth="depth")
    >>> ag.tl.argen_compare(adata, by="condition")
    >>> axes = ag.pl.argen_forest(adata, edge=("X1", "X3"), show=False)
    """
    from argen import get
    from argen._bridge.results.names import ShownNames

    check_option("total_effect", total_effect, (True, False))
    entry = read_entry(adata, key, "comparison")
    edges, levels = (
        get.comparison(adata, table=name, key=key, gene_symbols=gene_symbols) for name in _TABLES[total_effect]
    )
    given = ShownNames(adata, entry, gene_symbols, leaves_out=False).given
    pairs = [(given(source), given(target)) for source, target in _pairs(edge)]
    replicates = None
    if "replicates" in entry.tables and not total_effect:
        replicates = get.comparison(adata, table="replicates", key=key, gene_symbols=gene_symbols)
    what = style.LOG_FOLD_CHANGE if total_effect else "direct effect"
    skipped = get.comparison(adata, table="skipped", key=key, gene_symbols=gene_symbols)
    figure = draw_forest(edges, levels, pairs, replicates=replicates, skipped=skipped, what=what, ax=ax)
    return finish(figure, show)


def draw_forest(
    edges: pd.DataFrame,
    levels: pd.DataFrame,
    pairs: Sequence[tuple[str, str]],
    *,
    replicates: pd.DataFrame | None = None,
    skipped: pd.DataFrame | None = None,
    what: str = "direct effect",
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw rows of the tables ``edges`` and ``levels`` of :func:`argen.get.comparison`; see :func:`argen_forest`."""
    blocks = [(pair, _row(edges, pair, skipped), _rows(levels, pair)) for pair in pairs]
    n_rows = sum(len(rows) + 4 for *_, rows in blocks) - 0.6
    ax = ax or new_axes(*_sides(blocks), _BELOW, _ROW * n_rows, _ABOVE)
    font = _font(ax, n_rows)
    far = _limits(blocks)
    y, ticks = 0.0, []
    for pair, summary, rows in blocks:
        own = None if replicates is None else _rows(replicates, pair)
        y = _draw_block(ax, pair, summary, rows, own, y, ticks, font)
    ax.set_xlim(*far)
    ax.set_ylim(y - 1.3, -0.7)
    ax.set_yticks([place for place, _ in ticks], [text for _, text in ticks], fontsize=font)
    ax.set_xlabel(what, fontsize=font + 1.0)
    plain(ax)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0, labelsize=font)
    ax.tick_params(axis="x", labelsize=font)
    return ax


def _sides(blocks: Sequence[tuple]) -> tuple[float, float, float]:
    """Room for the names of levels, width of the axes, and room for the numbers; inches."""
    names = ["mean of levels", *(str(level) for *_, rows in blocks for level in rows["level"])]
    numbers = ["−0.00 [−0.00, −0.00]", *(_agreement(summary) for _, summary, _ in blocks)]
    left, right = (
        max(style.text_width(text, style.SMALL_FONT_SIZE) for text in texts) / style.POINTS_PER_INCH + _GAP
        for texts in (names, numbers)
    )
    return left, _WIDTH, right


def _font(ax: "Axes", n_rows: float) -> float:
    """Size of the letters, so that rows of given axes do not touch."""
    height = ax.get_window_extent().height / ax.figure.dpi * style.POINTS_PER_INCH / n_rows
    return float(np.clip(0.75 * height, 5.0, style.SMALL_FONT_SIZE))


def _pairs(edge: object) -> list[tuple[str, str]]:
    """One pair or several."""
    if isinstance(edge, (tuple, list)) and len(edge) == 2 and all(isinstance(end, str) for end in edge):
        return [tuple(edge)]
    pairs = [] if isinstance(edge, str) or not isinstance(edge, Sequence) else [tuple(pair) for pair in edge]
    if not pairs or any(len(pair) != 2 or not all(isinstance(end, str) for end in pair) for pair in pairs):
        msg = f"edge={edge!r} is not a pair of genes, such as ('JAK2', 'STAT1'), or a list of pairs."
        raise InputError(msg)
    return pairs


def _rows(table: pd.DataFrame, pair: tuple[str, str]) -> pd.DataFrame:
    return table[(table["source"] == pair[0]) & (table["target"] == pair[1])]


def _row(table: pd.DataFrame, pair: tuple[str, str], skipped: pd.DataFrame | None) -> pd.Series:
    found = _rows(table, pair)
    if not len(found):
        there = name_some((f"{s} → {t}" for s, t in zip(table["source"], table["target"], strict=True)), 5)
        msg = (
            f"edge: {pair[0]} → {pair[1]} was not compared{_reasons(pair, skipped)}. Candidates are {there}; see "
            "ag.get.comparison."
        )
        raise InputError(msg)
    return found.iloc[0]


def _reasons(pair: tuple[str, str], skipped: pd.DataFrame | None) -> str:
    """Why a pair of genes is left out, as the table ``skipped`` says; empty where it says nothing."""
    if skipped is None:
        return ""
    rows = skipped[skipped["what"].isin(["perturbations", "edges"])]["reason"].astype(str)
    link = " → ".join(pair)
    found = [reason for reason in rows if reason.startswith((f"{pair[0]}: ", f"{pair[1]}: ")) or link in reason]
    return f", since it is left out ({'; '.join(found)})" if found else ""


def _limits(blocks: Sequence[tuple]) -> tuple[float, float]:
    """Ends of the axis: all intervals, unless one is so wide that it would squeeze the others."""
    estimates, ends = [0.0], [0.0]
    for _, summary, rows in blocks:
        estimates += [*rows["coef"]]
        ends += [*rows["ci_low"], *rows["ci_high"]]
        for _, middle, low, high, _ in _summaries(summary):
            estimates.append(middle)
            ends += [low, high]
    estimates, ends = (np.array(values)[np.isfinite(values)] for values in (estimates, ends))
    reach = _FAR * max(np.ptp(estimates), np.abs(estimates).max(), 0.1)
    low, high = max(ends.min(), estimates.min() - reach), min(ends.max(), estimates.max() + reach)
    room = 0.04 * max(high - low, 1e-9)
    return low - room, high + room


def _draw_block(
    ax: "Axes",
    pair: tuple[str, str],
    summary: pd.Series,
    rows: pd.DataFrame,
    replicates: pd.DataFrame | None,
    y: float,
    ticks: list[tuple[float, str]],
    font: float,
) -> float:
    """One edge from `y` downwards; returns where the next one starts."""
    top = y
    beside = {"transform": ax.get_yaxis_transform(), "fontsize": font, "va": "center", "color": style.INK}
    ax.text(0.0, y, f"{pair[0]} → {pair[1]}", fontweight="bold", ha="left", **beside)
    ax.text(1.02, y, _agreement(summary), ha="left", **beside | {"color": style.NOTE_COLOR, "fontsize": font - 1.0})
    weight = 1.0 / rows["se"].to_numpy() ** 2
    share = weight / np.nanmax(weight) if np.isfinite(weight).any() else np.ones(len(rows))
    for row, size in zip(rows.to_dict("records"), np.nan_to_num(share), strict=True):
        y += 1.0
        ticks.append((y, str(row["level"])))
        if not np.isfinite(row["coef"]):
            ax.text(1.02, y, str(row["flags"]) or "no estimate", ha="left", **beside | {"color": style.NOTE_COLOR})
            continue
        color = style.NEGATIVE_COLOR if row["coef"] < 0 else style.POSITIVE_COLOR
        hollow = bool(row.get("weak", False)) or bool(row["flags"])
        ax.plot([row["ci_low"], row["ci_high"]], [y, y], color=color, linewidth=1.1, solid_capstyle="butt", zorder=2)
        if replicates is not None:
            own = replicates[replicates["level"] == row["level"]]["coef"]
            ax.plot(own, np.full(len(own), y - 0.28), "o", color=color, markersize=2.2, alpha=0.7, zorder=3)
        ax.plot(
            row["coef"], y, "s", color=color, markersize=3.0 + 4.0 * float(np.sqrt(size)),
            markerfacecolor="white" if hollow else color, markeredgewidth=0.9, zorder=4,
        )  # fmt: skip
        ax.text(1.02, y, _numbers(row["coef"], row["ci_low"], row["ci_high"]), ha="left", **beside)
    for name, middle, low, high, face in _summaries(summary):
        y += 1.0
        ticks.append((y, name))
        if np.isfinite([middle, low, high]).all():
            _diamond(ax, middle, low, high, y, face)
            ax.text(1.02, y, _numbers(middle, low, high), ha="left", **beside)
    ax.plot([0.0, 0.0], [top + 0.5, y + 0.5], color=style.NOTE_COLOR, linewidth=0.6, zorder=1)
    return y + 2.0


def _summaries(summary: pd.Series) -> list[tuple[str, float, float, float, str]]:
    """Name, estimate, interval and colour of the diamonds; two levels have a difference, more a mean."""
    pooled = interval_95(summary["pooled"], summary["pooled_se"])
    if "difference" in summary:
        last = ("difference", summary["difference"], summary["ci_low"], summary["ci_high"], "white")
    else:
        last = ("mean of levels", summary["mean"], summary["mean_low"], summary["mean_high"], "white")
    return [("all cells", summary["pooled"], *pooled, style.PLAIN_COLOR), last]


def _diamond(ax: "Axes", middle: float, low: float, high: float, y: float, face: str) -> None:
    ax.fill(
        [low, middle, high, middle], [y, y - 0.3, y, y + 0.3], facecolor=face, edgecolor=style.PLAIN_COLOR,
        linewidth=0.9, zorder=3,
    )  # fmt: skip


def _numbers(coef: float, low: float, high: float) -> str:
    return f"{coef:.2f} [{low:.2f}, {high:.2f}]".replace("-", "−")


def _agreement(summary: pd.Series) -> str:
    """Cochran's test and τ in words."""
    if not np.isfinite(summary["Q"]):
        return "fewer than two levels"
    p = summary["q_p"]
    p = f"{p:.2g}" if p >= 1e-4 else f"{p:.0e}".replace("e-0", "e-")
    return f"Q {summary['Q']:.1f}, p {p}, τ {summary['tau']:.2g}".replace("-", "−")
