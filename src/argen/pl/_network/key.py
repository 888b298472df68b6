"""The key of a network: what heads, line widths and node colours mean."""

from collections.abc import Mapping, Sequence
from math import ceil

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.legend import Legend
from matplotlib.legend_handler import HandlerPatch
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, Patch

from argen.pl import _style as style
from argen.pl._network.grades import LINES, Widths

__all__ = [
    "BETWEEN_DASHES",
    "DOT_FACE",
    "between_entry",
    "dot_entries",
    "draw_key",
    "edge_entries",
    "face_entries",
    "grade_entries",
    "key_shape",
    "line_entries",
    "tint_entries",
]

BETWEEN_DASHES = (0, (3.0, 1.6))
DOT_FACE = "#7C8993"
_MOST_NUMBERS = 5

Entry = tuple[str, Artist]

_HANDLE_LENGTH, _HANDLE_PAD, _COLUMN_GAP, _LINE_GAP = 2.6, 0.7, 1.8, 0.5  # in font sizes, as Legend counts


def face_entries(colors: Sequence[tuple[str, object]], scale: float) -> list[Entry]:
    """Colours of genes."""
    return [
        (label, Patch(facecolor=face, edgecolor=style.NODE_EDGE, linewidth=style.BOX_LINE_WIDTH * scale))
        for label, face in colors
    ]


def edge_entries(weights: Sequence[float], largest: float, scale: float, *, own_colors: bool = False) -> list[Entry]:
    """Both signs, the weakest and the strongest line, none wider than that of `largest`; edges without an effect.

    `own_colors`: the colour of an edge means something else than its sign.
    """
    weights = np.asarray(weights, dtype=float)
    known = weights[~np.isnan(weights)]
    looks = {"effect not known": style.edge_look(np.nan, largest, scale)} if len(known) < len(weights) else {}
    if len(known):
        sign = {"color": style.NOTE_COLOR} if own_colors else {}
        looks |= _effect_looks(float(np.abs(known).min()), largest, scale, sign)
    return [(label, FancyArrowPatch((0, 0), (1, 0), **look)) for label, look in looks.items()]


def _effect_looks(
    smallest: float, largest: float, scale: float, sign: dict[str, object]
) -> dict[str, dict[str, object]]:
    samples = dict.fromkeys(f"{size:.2g}" for size in (smallest, largest))
    plain = {"arrowstyle": "-", "color": style.NOTE_COLOR}
    return {
        "positive effect": style.edge_look(largest / 2, largest, scale) | sign,
        "negative effect": style.edge_look(-largest / 2, largest, scale) | sign,
    } | {f"|effect| {size}": style.edge_look(float(size), largest, scale) | plain for size in samples}


def line_entries(lines: Sequence[tuple[str, str, object]], scale: float) -> list[Entry]:
    """Lines whose colour and dashes have a meaning of their own: label, colour, line style."""
    look = style.edge_look(1.0, 2.0, scale) | {"arrowstyle": "-"}
    return [
        (label, FancyArrowPatch((0, 0), (1, 0), **look | {"color": color, "linestyle": dashes}))
        for label, color, dashes in lines
    ]


def grade_entries(widths: Widths, scale: float) -> list[Entry]:
    """The line of every grade that there is, as wide as it can be."""
    plain = {"arrowstyle": "-", "color": style.NOTE_COLOR}
    looks = {
        grade: style.edge_look(widths.weight(widths.largest, grade), widths.largest, scale)
        | plain
        | {"linestyle": LINES[grade].style}
        for grade in widths.caps
    }
    return [(label, FancyArrowPatch((0, 0), (1, 0), **look)) for label, look in looks.items()]


def between_entry(largest: float, scale: float) -> Entry:
    """Dashes of edges between modules."""
    look = style.edge_look(largest / 2, largest, scale)
    look |= {"arrowstyle": "-", "color": style.NOTE_COLOR, "linestyle": BETWEEN_DASHES}
    return "between modules", FancyArrowPatch((0, 0), (1, 0), **look)


def dot_entries(sizes: Mapping[int, float], scale: float) -> list[Entry]:
    """The smallest and the largest dot: number of edges → radius in points."""
    look = {"marker": "o", "linestyle": "none", "markerfacecolor": DOT_FACE, "markeredgecolor": "white"}
    return [
        (f"{n} edge{'s' * (n != 1)} at the gene", Line2D([], [], markersize=2 * radius * scale, **look))
        for n, radius in sizes.items()
    ]


def tint_entries(tints: Mapping[str, Sequence[int]], scale: float) -> list[Entry]:
    """Tint → numbers of the modules that have it."""
    return [
        (
            f"module{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers[:_MOST_NUMBERS]))}"
            + (" …" if len(numbers) > _MOST_NUMBERS else ""),
            Patch(facecolor=tint, edgecolor=style.ISOLATED_EDGE, linewidth=style.BOX_LINE_WIDTH * scale),
        )
        for tint, numbers in tints.items()
    ]


def key_shape(labels: Sequence[str], room: float) -> tuple[int, float, float]:
    """Find how many columns fit into `room`, and the width and height that they take, in points."""
    if not labels:
        return 1, 0.0, 0.0
    em = style.SMALL_FONT_SIZE
    texts = [style.text_width(label, em) for label in labels]
    n = len(labels)
    for n_columns in dict.fromkeys(ceil(n / n_rows) for n_rows in (1, *range(2, n, 2), n)):  # pairs stay together
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
        linestyle=orig_handle.get_linestyle(),
        shrinkA=0,
        shrinkB=0,
    )
