"""The key of a network: what heads, line widths and node colours mean."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerPatch
from matplotlib.patches import FancyArrowPatch, Patch

from argen.pl import _style as style

__all__ = ["draw_key", "key_entries", "key_shape"]

Entry = tuple[str, Patch]

_HANDLE_LENGTH, _HANDLE_PAD, _COLUMN_GAP, _LINE_GAP = 2.6, 0.7, 1.8, 0.5  # in font sizes, as Legend counts


def key_entries(weights: Sequence[float], colors: Sequence[tuple[str, object]], scale: float) -> list[Entry]:
    """Labels and handles: both signs, the weakest and the strongest line drawn, colours of nodes."""
    entries = [
        (label, Patch(facecolor=face, edgecolor=style.NODE_EDGE, linewidth=style.BOX_LINE_WIDTH * scale))
        for label, face in colors
    ]
    if not len(weights):
        return entries
    sizes = np.abs(weights)
    smallest, largest = float(sizes.min()), float(sizes.max())
    samples = dict.fromkeys(f"{size:.2g}" for size in (smallest, largest))
    looks = {
        "positive effect": style.edge_look(largest / 2, largest, scale),
        "negative effect": style.edge_look(-largest / 2, largest, scale),
    } | {
        f"|effect| {size}": style.edge_look(float(size), largest, scale)
        | {"arrowstyle": "-", "color": style.NOTE_COLOR}
        for size in samples
    }
    return [(label, FancyArrowPatch((0, 0), (1, 0), **look)) for label, look in looks.items()] + entries


def key_shape(labels: Sequence[str], room: float) -> tuple[int, float, float]:
    """Find how many columns fit into `room`, and the width and height that they take, in points."""
    if not labels:
        return 1, 0.0, 0.0
    em = style.SMALL_FONT_SIZE
    texts = [style.text_width(label, em) for label in labels]
    for n_columns in (len(labels), ceil(len(labels) / 2), 1):  # pairs stay together: signs, widths, colours
        columns = np.array_split(texts, n_columns)  # as Legend fills them
        width = sum(column.max() for column in columns) + em * (
            n_columns * (_HANDLE_LENGTH + _HANDLE_PAD) + (n_columns - 1) * _COLUMN_GAP
        )
        if width <= room:
            break
    n_rows = max(len(column) for column in columns)
    return n_columns, width, em * (1.25 * n_rows + _LINE_GAP * (n_rows - 1))


def draw_key(ax: Axes, entries: Sequence[Entry], n_columns: int, top: tuple[float, float], scale: float) -> Legend:
    """Put the key with the middle of its upper end at `top`, in data coordinates."""
    return ax.legend(
        [handle for _, handle in entries],
        [label for label, _ in entries],
        loc="upper center",
        bbox_to_anchor=top,
        bbox_transform=ax.transData,
        ncols=n_columns,
        fontsize=style.SMALL_FONT_SIZE * scale,
        labelcolor=style.INK,
        handlelength=_HANDLE_LENGTH,
        handletextpad=_HANDLE_PAD,
        columnspacing=_COLUMN_GAP,
        labelspacing=_LINE_GAP,
        borderpad=0,
        borderaxespad=0,
        frameon=False,
        handler_map={FancyArrowPatch: HandlerPatch(patch_func=_arrow)},
    )


def _arrow(
    orig_handle: FancyArrowPatch, xdescent: float, ydescent: float, width: float, height: float, **_: object
) -> FancyArrowPatch:
    """Lay the handle's arrow across its place in the key (the names of the arguments are matplotlib's)."""
    middle = height / 2 - ydescent
    return FancyArrowPatch(
        (-xdescent, middle),
        (width - xdescent, middle),
        arrowstyle=orig_handle.get_arrowstyle(),
        mutation_scale=orig_handle.get_mutation_scale(),
        shrinkA=0,
        shrinkB=0,
    )
