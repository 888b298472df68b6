"""Guide calling at a glance: counts of a guide by call, cells per perturbation, guides per cell, knock-downs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from argen._bridge.gene_names import GeneNames
from argen._bridge.guides.knockdown import knockdown_tables, read_design, read_guides
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import Entry
from argen._bridge.results.names import shown_names
from argen._bridge.validate import check_option, name_some
from argen.errors import InputError
from argen.get._guides import by_symbols
from argen.pl import _style as style
from argen.pl._axes import on_paper, plain
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_guides", "draw_cells", "draw_counts", "draw_guides_per_cell", "draw_knockdown"]

KINDS = ("counts", "cells", "guides_per_cell", "knockdown")
NOT_CALLED_FACE = "#B4BBC1"
DISCORDANT_COLOR = style.ALERT_COLOR
# Up to this many targets each gets a row and its name.
MAX_NAMED = 40
# Called cells that a guide needs to be shown as the worst fit: of a few cells any misfit is chance.
MIN_CELLS_WORST = 50
_MOST_GUIDES = 5  # more guides than this in a cell share a bar
_FLOOR = 0.5  # where the axis of cells begins
_CHANCE = 2.0  # standard errors that a bar has to be above the fit to be hatched
_TICKS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000)


@takes_mudata
@on_paper
def argen_guides(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    kind: Literal["counts", "cells", "guides_per_cell", "knockdown"] | None = None,
    guide: str | None = None,
    key: str = "argen_guides",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    measured_as: Mapping[str, str] | None = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | list[Axes] | None":
    """Draw how the guides were called and what they do to their targets.

    ``"counts"`` is the histogram of the UMIs of one guide, cells with the call on top of those without, both axes
    logarithmic; the lines are the cells that the fit expects in its background and its signal, a broken vertical line
    the threshold of a guide that has one. Purple hatches are cells beyond those expected, where they are more than
    chance would explain (two standard errors); the title says why this guide is shown, and which share of its cells
    lies where the fit does not expect them (``misfit`` in :func:`argen.get.guides`). ``"cells"`` are the cells of each
    target, ``"guides_per_cell"`` the cells by the number of guides called. ``"knockdown"`` is the on-target effect of
    each guide with its 95 % interval beside that of its target (a bar); discordant guides are purple diamonds. With
    more than 40 targets, their effects are drawn by rank, without the guides, and a note says so.

    Parameters
    ----------
    adata
        After :func:`argen.pp.argen_guides`; of a MuData the RNA modality.
    kind
        Which picture; `None` draws all of them into a new figure.
    guide
        Guide of ``"counts"``. Default: the worst fit, that with the largest ``misfit`` among the guides with at least
        50 called cells (among all fits if there are none); without fits the guide with the median number of cells.
    key
        Name of the result.
    covariates, depth, layer, measured_as, gene_symbols
        For the knock-downs, as in :func:`argen.get.guides`.
    ax
        Axes to draw into; needs a `kind`.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`, or a list of them without a `kind`. Without
    UMI counts or measured targets the pictures that need them are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        A guide is unknown, a picture needs what the result does not hold, or an argument cannot be used.

    Examples
    --------
    >>> import argen as ag
    >>> mdata = ag.datasets.simulate(genes=5, guides_per_target=2, guide_counts=True)
    >>> ag.pp.argen_guides(mdata)
    >>> axes = ag.pl.argen_guides(mdata["rna"], depth="depth", show=False)
    >>> len(axes)
    4
    """
    from argen import get

    check_option("kind", kind, [None, *KINDS])
    if kind is None and ax is not None:
        msg = f"ax holds one picture: name its kind, one of {', '.join(map(repr, KINDS))}."
        raise InputError(msg)
    result = read_guides(adata, key)
    table = get.guides(adata, key=key, knockdown=False, gene_symbols=gene_symbols)
    names = shown_names(adata, gene_symbols)
    shown = [kind] if kind else _possible(names, result, table, measured_as)
    if guide is not None and kind not in (None, "counts"):
        msg = f"guide={guide!r} is for kind='counts', not for {kind!r}."
        raise InputError(msg)
    histogram = _histogram_of(result, *_guide_of_counts(table, guide)) if "counts" in shown else None
    knockdowns = None
    if "knockdown" in shown:
        design = read_design(adata, covariates, depth, layer, measured_as, gene_symbols=gene_symbols)
        knockdowns = by_symbols(adata, design, knockdown_tables(adata, key, design))
    axes = [ax] if ax is not None else _new_axes(shown, table, knockdowns)
    for name, one in zip(shown, axes, strict=True):
        if name == "counts":
            draw_counts(one, *histogram)
        elif name == "cells":
            draw_cells(one, adata.obs[result.settings["perturbation_key"]].value_counts().rename(index=names.show))
        elif name == "guides_per_cell":
            draw_guides_per_cell(one, np.diff(adata.obsm[key].indptr))
        else:
            draw_knockdown(one, *knockdowns)
    return finish(axes[0] if kind else axes, show)


def _possible(names: GeneNames, result: Entry, table: pd.DataFrame, measured_as: Mapping[str, str] | None) -> list[str]:
    """Pictures for which there are data."""
    measured = np.isin(names.genes(table["target"]), list(names.var_names | set(measured_as or {})))
    there = {"counts": "histogram" in result.tables, "knockdown": bool(measured.any())}
    return [kind for kind in KINDS if there.get(kind, True)]


def _guide_of_counts(table: pd.DataFrame, guide: str | None) -> tuple[pd.Series, str]:
    """Row of the guide to draw, and why it is this one (empty for the user's own)."""
    if guide is not None:
        if guide not in set(table["guide"].astype(str)):
            msg = f"guide={guide!r} is not among the {len(table)} guides, such as {name_some(table['guide'], 5)}."
            raise InputError(msg)
        return table[table["guide"].astype(str) == guide].iloc[0], ""
    fitted = table[table["misfit"].notna()] if "misfit" in table else table[:0]
    if fitted.empty:
        ranked = table.sort_values(["n_cells", "guide"])
        return ranked.iloc[len(ranked) // 2], f"median number of cells of {len(table)} guides"
    large = fitted[fitted["n_cells"] >= MIN_CELLS_WORST]
    among, words = (large, f" with {MIN_CELLS_WORST} cells or more") if len(large) else (fitted, "")
    row = among.sort_values(["misfit", "guide"], ascending=[False, True]).iloc[0]
    return row, f"worst fit of {len(among)}{words}"


def _histogram_of(result: Entry, row: pd.Series, why: str) -> tuple[pd.DataFrame, pd.Series, str]:
    """Histogram and row of the table of one guide, and why it is shown."""
    if "histogram" not in result.tables:
        msg = "kind='counts' needs guides called from UMI counts; these come from labels."
        raise InputError(msg)
    histogram = result.tables["histogram"]
    return histogram[histogram["guide"].astype(str) == str(row["guide"])], row, why


def _new_axes(shown: list[str], table: pd.DataFrame, knockdowns: tuple[pd.DataFrame, ...] | None) -> "list[Axes]":
    heights = {"cells": _rows_height(table["target"].nunique())}
    if knockdowns is not None:
        heights["knockdown"] = _rows_height((knockdowns[1]["gene"] != "").sum())
    if len(shown) == 1:
        return [plt.figure(figsize=(6.4, heights.get(shown[0], 3.6)), layout="constrained").add_subplot()]
    order = sorted(range(len(shown)), key=lambda i: (shown[i] in heights, i))
    low, high = 3.2, max(heights.get(name, 0.0) for name in shown)
    figure = plt.figure(figsize=(12.0, low + high), layout="constrained")
    n_low = sum(name not in heights for name in shown)
    top, bottom = figure.subfigures(2, 1, height_ratios=[low, high])
    axes: dict[int, Axes] = dict(zip(order[:n_low], np.atleast_1d(top.subplots(1, n_low)), strict=True))
    axes |= dict(zip(order[n_low:], np.atleast_1d(bottom.subplots(1, len(shown) - n_low)), strict=True))
    return [axes[i] for i in range(len(shown))]


def _rows_height(n: int) -> float:
    return 3.6 if n > MAX_NAMED else max(2.4, 0.9 + 0.2 * n)


def draw_counts(ax: "Axes", histogram: pd.DataFrame, row: pd.Series, why: str = "") -> None:
    """Histogram of the UMIs of a guide by call, with the components of its fit and the cells beyond it."""
    left = np.log10(histogram["umi_from"].to_numpy(float) + 0.5)
    right = np.log10(histogram["umi_to"].to_numpy(float) + 1.5)
    not_called = histogram["n_not_called"].to_numpy(float)
    observed = not_called + histogram["n_called"].to_numpy(float)
    nothing = np.zeros(len(histogram))
    draw_bars(ax, left, right, nothing, not_called, color=NOT_CALLED_FACE, label="without the call")
    draw_bars(ax, left, right, not_called, observed, color=style.PLAIN_COLOR, label="with the call")
    expected = (histogram["expected_background"] + histogram["expected_signal"]).to_numpy(float)
    beyond = observed > expected + _CHANCE * np.sqrt(expected)  # False where nothing is expected for want of a fit
    # Not cells without a UMI: they are in the thousands, and a bar of them hides how few are beyond the fit.
    beyond &= histogram["umi_from"].to_numpy() > 0
    draw_bars(
        ax, left, right, np.where(beyond, expected, observed), observed, facecolor="none", hatch="//////",
        edgecolor=style.ALERT_COLOR, linewidth=0.0, label="beyond the fit",
    )  # fmt: skip
    for name, line in (("expected_background", "--"), ("expected_signal", "-")):
        cells = histogram[name].to_numpy(float)
        visible = cells >= _FLOOR / 5
        if visible.any():
            ax.plot(
                ((left + right) / 2)[visible], cells[visible], color=style.INK, linewidth=1.6, linestyle=line,
                label=name.replace("_", " "),
            )  # fmt: skip
    threshold = row.get("threshold", np.nan)
    if np.isfinite(threshold):
        ax.axvline(np.log10(threshold + 0.5), color=style.NOTE_COLOR, linestyle=":", label=f"threshold {threshold:g}")
    ticks = [tick for tick in _TICKS if tick <= histogram["umi_to"].max()]
    ax.set_xticks(np.log10(np.array(ticks) + 1.0), [f"{tick}" for tick in ticks])
    ax.set_yscale("log")
    ax.set_ylim(_FLOOR, None)
    ax.set_xlabel("UMIs of the guide")
    ax.set_ylabel("cells")
    ax.set_title(_counts_title(row, why), fontsize=style.FONT_SIZE, parse_math=False)
    ax.legend(fontsize=style.SMALL_FONT_SIZE, frameon=False)
    plain(ax)


def draw_bars(
    ax: "Axes", left: np.ndarray, right: np.ndarray, bottom: np.ndarray, top: np.ndarray, **look: object
) -> None:
    """Bars from `bottom` to `top` on a logarithmic axis that ends at half a cell."""
    start = np.maximum(bottom, _FLOOR)
    drawn = top > start
    if drawn.any():
        look = {"edgecolor": "white", "linewidth": 0.4} | look
        ax.bar(left[drawn], (top - start)[drawn], (right - left)[drawn], start[drawn], align="edge", **look)


def _counts_title(row: pd.Series, why: str) -> str:
    """Name of the guide; below it why it is shown, and how badly it fits or why it has no fit."""
    notes = [why] if why else []
    if row.get("misfit_flag", False):
        notes.append(f"{row['misfit']:.0%} of its cells where the fit does not expect them")
    elif np.isfinite(row.get("misfit", np.nan)):
        notes.append(f"misfit {row['misfit']:.0%}, p = {row['misfit_p']:.2g}")
    if row.get("fallback", ""):
        notes.append(f"threshold: {row['fallback']}")
    return "\n".join([str(row["guide"]), *([", ".join(notes)] if notes else [])])


def draw_cells(ax: "Axes", n_cells: pd.Series) -> None:
    """Cells of each perturbation, and of the controls and statuses."""
    statuses = [name for name in ("control", "multiple", "unassigned") if name in n_cells.index]
    perturbed = n_cells.drop(statuses).sort_values(kind="stable")
    if len(perturbed) > MAX_NAMED:
        ax.plot(np.arange(1, len(perturbed) + 1), perturbed.to_numpy()[::-1], color=style.PLAIN_COLOR)
        ax.set_xlabel(f"rank of the perturbation ({len(perturbed)} perturbations)")
        ax.set_ylabel("cells")
        ax.set_ylim(0, None)
        others = ", ".join(f"{name} {n_cells[name]}" for name in statuses)
        ax.set_title(f"cells per perturbation; {others}", fontsize=style.FONT_SIZE)
        plain(ax)
        return
    n_cells = pd.concat([n_cells[statuses[::-1]], perturbed])
    faces = [NOT_CALLED_FACE if name in statuses else style.PLAIN_COLOR for name in n_cells.index]
    _bars(ax, [str(name) for name in n_cells.index], n_cells.to_numpy(), faces)
    ax.set_xlabel("cells")
    ax.set_title("cells per perturbation", fontsize=style.FONT_SIZE)


def _bars(ax: "Axes", names: list[str], values: np.ndarray, faces: list[str]) -> None:
    position = np.arange(len(names))
    ax.barh(position, values, color=faces)
    room = max(values.max(initial=1), 1)
    for y, value in zip(position, values, strict=True):
        ax.text(value + 0.01 * room, y, f"{value}", va="center", fontsize=style.SMALL_FONT_SIZE)
    ax.set_yticks(position, names, fontsize=style.SMALL_FONT_SIZE, parse_math=False)
    ax.set_xlim(0, 1.12 * room)
    ax.set_ylim(-0.6, len(names) - 0.4)
    plain(ax)


def draw_guides_per_cell(ax: "Axes", n_guides: np.ndarray) -> None:
    """Cells by the number of guides that were called in them."""
    most = min(int(n_guides.max(initial=1)), _MOST_GUIDES)
    n_cells = np.bincount(np.minimum(n_guides, most), minlength=most + 1)
    faces = [style.PLAIN_COLOR if n == 1 else NOT_CALLED_FACE for n in range(most + 1)]
    bars = ax.bar(np.arange(most + 1), n_cells, color=faces)
    ax.bar_label(bars, fontsize=style.SMALL_FONT_SIZE)
    names = [f"{n}" for n in range(most + 1)]
    names[-1] += "+" if n_guides.max(initial=0) > most else ""
    ax.set_xticks(np.arange(most + 1), names)
    ax.set_xlabel("guides called")
    ax.set_ylabel("cells")
    ax.set_ylim(0, 1.1 * max(n_cells.max(initial=1), 1))
    ax.set_title("guides per cell", fontsize=style.FONT_SIZE)
    plain(ax)


def draw_knockdown(ax: "Axes", guides: pd.DataFrame, targets: pd.DataFrame) -> None:
    """On-target effect of each guide, grouped by target, beside that of the target."""
    targets = targets[np.isfinite(targets["effect"])].sort_values(["effect", "target"], ascending=False)
    if targets.empty:
        msg = "kind='knockdown' needs a target that is measured; name genes with measured_as=...."
        raise InputError(msg)
    ax.axvline(0, color=style.NOTE_COLOR, linewidth=0.8)
    ax.set_xlabel(f"{style.LOG_FOLD_CHANGE} of the target's own gene")
    position = pd.Series(np.arange(len(targets)), targets["target"])
    if len(targets) > MAX_NAMED:
        ax.errorbar(
            targets["effect"],
            position,
            xerr=_lengths(targets),
            fmt="o",
            markersize=2,
            linewidth=0.6,
            color=style.PLAIN_COLOR,
        )
        ax.set_ylabel(f"rank of the target ({len(targets)} targets)")
        n = int(guides["discordant"].sum())
        ax.set_title(f"knock-down per target; guides not drawn, {n} of them discordant", fontsize=style.FONT_SIZE)
        plain(ax)
        return
    ax.barh(position, targets["effect"], height=0.8, color=style.NODE_FACE, edgecolor=style.ISOLATED_EDGE, zorder=0)
    guides = guides[guides["target"].isin(position.index) & np.isfinite(guides["effect"])]
    n_guides = guides.groupby("target")["guide"].transform("size")
    y = guides["target"].map(position) + 0.7 * (
        (guides.groupby("target").cumcount() + 0.5) / n_guides - 0.5
    )  # beside each other within the row
    looks = ((False, "o", style.PLAIN_COLOR, "guide"), (True, "D", DISCORDANT_COLOR, "discordant guide"))
    for discordant, marker, color, label in looks:
        part = guides["discordant"] == discordant
        if part.any():
            ax.errorbar(
                guides["effect"][part], y[part], xerr=_lengths(guides[part]), fmt=marker, markersize=3.5,
                linewidth=0.9, color=color, label=label,
            )  # fmt: skip
    ax.set_yticks(position, targets["target"], fontsize=style.SMALL_FONT_SIZE, parse_math=False)
    ax.set_ylim(-0.6, len(targets) - 0.4)
    # Guides without a count have wide intervals: the estimates decide what is shown.
    lowest = min(guides["effect"].min(), targets["effect"].min())
    highest = max(guides["effect"].max(), targets["effect"].max(), 0.0)
    room = 0.15 * (highest - lowest)
    ax.set_xlim(lowest - room, highest + room)
    ax.set_title("knock-down per guide (points) and target (bars)", fontsize=style.FONT_SIZE)
    ax.legend(fontsize=style.SMALL_FONT_SIZE, frameon=False, loc="best")
    plain(ax)


def _lengths(table: pd.DataFrame) -> np.ndarray:
    """Lengths of the 95 % intervals below and above the effects, shape (2, rows)."""
    return np.array([table["effect"] - table["ci_low"], table["ci_high"] - table["effect"]])
