"""Fold changes by row with their intervals, as points and in words."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from argen._bridge.intervals import interval_95
from argen.pl import _style as style
from argen.pl._effect_layout import Layout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["NO_COUNTS", "draw_folds", "fold_words"]

NO_COUNTS = "separated"  # flag of a group without counts
_MIDDLE = 0.34  # of a row: height of its estimate
_HUGE = 1e5  # fold changes below are written in full
_WIDE = 3.0  # intervals more than so many times the median are cut off, and marked
# Ticks of fold changes, coarse to fine; the first row with three of them in the picture is taken.
_FOLD_TICKS = (
    (1e-4, 1e-2, 1.0, 1e2, 1e4), (1e-3, 0.1, 1.0, 10.0, 1e3), (0.01, 0.1, 1.0, 10.0, 100.0),
    (1 / 16, 0.25, 1.0, 4.0, 16.0), (0.25, 0.5, 1.0, 2.0, 4.0), (0.5, 0.7, 1.0, 1.4, 2.0), (0.7, 0.85, 1.0, 1.2, 1.4),
    (0.9, 1.0, 1.1), (0.95, 1.0, 1.05), (0.98, 0.99, 1.0, 1.01, 1.02),
)  # fmt: skip


def fold_words(rows: pd.DataFrame, base: float | None, *, tall: bool) -> list[str]:
    """Fold changes by row in two lines, or three; last, with `base`, the level of the controls."""
    low, high = _interval(rows)
    words = [_words(row, a, b, tall=tall) for row, a, b in zip(rows.itertuples(), low, high, strict=True)]
    if base is not None:
        words.append(f"level {base:.3g}\nper control cell" if np.isfinite(base) else "no counts")
    return words


def _interval(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(over="ignore"):
        low, high = (np.exp(end).to_numpy() for end in interval_95(rows["effect"], rows["se"]))
    return low, high


def draw_folds(
    strip: "Axes", rows: pd.DataFrame, heights: np.ndarray, faces: list[str], words: list[str], layout: Layout
) -> None:
    """Fold changes with their intervals, and in words."""
    low, high = _interval(rows)
    strip.set_xscale("log")
    limits = _fold_limits(rows)
    strip.set(xlim=limits, ylim=(-0.12, len(words)), yticks=[])
    strip.axvline(1.0, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=0)
    for row, y, face, a, b in zip(rows.itertuples(), heights + _MIDDLE, faces, low, high, strict=True):
        color = style.NOTE_COLOR if not row.significant else face
        if row.flags == NO_COUNTS:
            strip.plot([limits[0]], [y], "<", color=color, markersize=5.5, clip_on=False, zorder=2)
        elif np.isfinite(row.effect):
            strip.plot([max(a, limits[0]), min(b, limits[1])], [y, y], color=color, linewidth=1.3, zorder=1)
            strip.plot(
                [np.exp(row.effect)], [y], "o", markersize=5.5, markeredgecolor=color, markeredgewidth=1.3,
                markerfacecolor=color if row.significant else "white", zorder=2,
            )  # fmt: skip
            for is_cut, edge, marker in ((a < limits[0], limits[0], "<"), (b > limits[1], limits[1], ">")):
                if is_cut:
                    strip.plot([edge], [y], marker, color=color, markersize=4.5, clip_on=False, zorder=2)
    for y, text in zip([*heights, len(rows)], words, strict=False):
        strip.text(
            layout.word_place, y + _MIDDLE, text, transform=strip.get_yaxis_transform(), va="center", ha="left",
            fontsize=layout.font, linespacing=1.15,
        )  # fmt: skip
    strip.xaxis.set_major_locator(FixedLocator(_ticks(limits, layout)))
    strip.xaxis.set_minor_locator(NullLocator())
    strip.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:.3g}"))
    strip.set_xlabel("fold change\n(95 % interval)", fontsize=layout.font)
    strip.spines[["top", "right", "left"]].set_visible(False)
    strip.tick_params(labelsize=layout.font)


def _ticks(limits: tuple[float, float], layout: Layout) -> list[float]:
    """Round fold changes in view, from 1 outwards as far as their labels have room."""
    ticks = next((t for t in _FOLD_TICKS if sum(limits[0] <= x <= limits[1] for x in t) >= 3), _FOLD_TICKS[-1])
    per_log = layout.folds / np.log(limits[1] / limits[0])
    kept: list[float] = []
    for x in sorted((x for x in ticks if limits[0] <= x <= limits[1]), key=lambda x: abs(np.log(x))):
        if all(abs(np.log(x / other)) * per_log > _tick_room(x, other, layout.font) for other in kept):
            kept.append(x)
    return sorted(kept)


def _tick_room(x: float, other: float, font: float) -> float:
    """Points between the middles of two labels."""
    return (style.text_width(f"{x:.3g}", font) + style.text_width(f"{other:.3g}", font)) / 2 + 0.4 * font


def _words(row: object, low: float, high: float, *, tall: bool) -> str:
    if not np.isfinite(row.effect):
        return f"no estimate:\n{row.flags or 'not tested'}"
    if row.flags == NO_COUNTS:
        return f"no counts\n{_p_words(row.p)}"
    change = f"×{_number(np.exp(row.effect))}"
    if np.isnan(low):  # most pairs of a large step are stored without standard errors
        return f"{change}\n{_p_words(row.p)}"
    between = "\n" if tall else " "
    return f"{change}{between}[{_number(low)}, {_number(high)}]\n{_p_words(row.p)}"


def _number(x: float) -> str:
    if 0.1 <= x < 10:
        return f"{x:.2f}"
    return f"{x:,.0f}" if 10 <= x < _HUGE else f"{x:.2g}"


def _p_words(p: float) -> str:
    if not np.isfinite(p):
        return "no p-value"
    if p < 1e-300:  # smaller ones are rounded to 0
        return "p < 1e-300"
    return f"p = {p:.1e}" if p < 0.001 else f"p = {p:.2g}"


def _fold_limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Room for every estimate, for 1, and for every interval but those far wider than usual."""
    known = rows[np.isfinite(rows["effect"]) & (rows["flags"] != NO_COUNTS)]
    if known.empty:
        return 0.5, 2.0
    low, high = min(known["effect"].min(), 0.0), max(known["effect"].max(), 0.0)
    with_error = known[known["se"].notna()]
    if len(with_error):
        usual = with_error[with_error["se"] <= _WIDE * with_error["se"].median()]
        ends = interval_95(usual["effect"], usual["se"])
        low, high = min(low, ends[0].min()), max(high, ends[1].max())
    room = max(0.06 * (high - low), 0.01)
    return float(np.exp(low - room)), float(np.exp(high + room))
