"""The hubs of a network as bars, and genes that are marked."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from argen._bridge.centrality import HUBS, hubs_of
from argen._bridge.validate import counted
from argen.pl import _style as style
from argen.pl._axes import plain
from argen.pl._named_rows import name_every_row, points_of, row_axes, short_names
from argen.pl._wording import no_edge_words, on_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["bold_names", "draw_hubs", "marked_words"]

_WIDTH, _RIGHT, _BELOW, _ABOVE = 2.6, 0.35, 0.5, 0.5  # inches


def draw_hubs(table: pd.DataFrame, kind: str, label: str, n: int, mark_label: str, ax: "Axes | None" = None) -> "Axes":
    """Bars of the `n` first hubs, ``"in"`` or ``"out"``, the first one at the top."""
    hubs = table.iloc[hubs_of(table, kind, n)[::-1]]
    names = short_names(hubs["gene"].astype(str))
    ax = ax or row_axes(names, _WIDTH, right=_RIGHT, below=_BELOW, above=_ABOVE)
    degree, marked = hubs[HUBS[kind][0]].to_numpy(), hubs["marked"].to_numpy(bool)
    plain_bar = style.ISOLATED_EDGE if mark_label else style.PLAIN_COLOR
    bars = ax.barh(np.arange(len(hubs)), degree, height=0.7, color=np.where(marked, style.INK, plain_bar))
    ax.bar_label(bars, padding=2.0, fontsize=style.SMALL_FONT_SIZE - 1.0)
    name_every_row(ax, names)
    bold_names(ax, marked)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0.0, 1.1 * max(degree.max(initial=0), 1)), ylim=(-0.6, max(len(hubs), 1) - 0.4))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    ax.set_xlabel(label, fontsize=style.FONT_SIZE)
    n_any = int((table[HUBS[kind][0]] > 0).sum())
    ends = "parents" if kind == "in" else "children"
    words = f"{counted(len(hubs), f'{kind}-hub')} of {counted(n_any, 'gene')} with {ends}"
    nothing = no_edge_words(table.attrs.get("n_edges_left_out", 0))
    words = words + marked_words(hubs, mark_label) if len(hubs) else nothing
    ax.set_title(on_lines(words, points_of(ax)[0]), fontsize=style.FONT_SIZE, loc="left", parse_math=False)
    plain(ax)
    return ax


def marked_words(table: pd.DataFrame, label: str) -> str:
    """How many of the genes are marked, to end a heading with; empty if none could be."""
    return f"; dark: {int(table['marked'].sum())} {label}" if label else ""


def bold_names(ax: "Axes", marked: np.ndarray) -> None:
    """Write the names of marked rows in bold."""
    for tick, is_marked in zip(ax.get_yticklabels(), marked, strict=True):
        tick.set_fontweight("bold" if is_marked else "normal")
