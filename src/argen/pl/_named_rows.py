"""Rows that have names: axes for them, and names of some where there are more rows than room for names."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from argen.pl import _style as style
from argen.pl._axes import new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "LEADER",
    "MAX_NAMED",
    "all_fit",
    "apart",
    "label_ranks",
    "name_every_row",
    "name_rows",
    "names_width",
    "points_of",
    "room_for_names",
    "row_axes",
    "row_size",
    "short",
    "short_names",
    "widest",
]

LEADER, _TIP = 20.0, 3.0  # points from the axis to the name, and of the straight end of its leader
_FONT_SIZE = style.SMALL_FONT_SIZE - 0.5
_GAP = 1.3 * style.SMALL_FONT_SIZE  # points between the middles of two names
_LEAST_ROW = 8.0  # points: lower rows cannot have a name each
_LONGEST_NAME = 14
MAX_NAMED = 60  # rows of a figure of our own up to which each has its name
_ROW, _LOWEST, _TALLEST = 0.19, 1.1, 6.6  # inches: of a row, of all of them
_BESIDE = 12.0  # points between the names and the edge of the figure


def names_width(names: Iterable[object]) -> float:
    """Points that short names and their leaders take beside the axis."""
    return LEADER + widest((short(str(name)) for name in names), style.SMALL_FONT_SIZE)


def row_size(names: Sequence[object]) -> tuple[float, float]:
    """Inches of the margin for the names, and of the height of the rows, in a figure of our own."""
    if len(names) > MAX_NAMED:
        return (names_width(names) + 1.7 * _BESIDE) / style.POINTS_PER_INCH, _TALLEST  # with the label of the rows
    longest = widest(map(str, names), style.SMALL_FONT_SIZE)
    return (longest + _BESIDE) / style.POINTS_PER_INCH, max(_LOWEST, _ROW * len(names))


def row_axes(names: Sequence[object], width: float, *, right: float, below: float, above: float) -> "Axes":
    """Axes of a figure of our own, `width` inches wide, whose rows have names on the left."""
    left, height = row_size(names)
    return new_axes(left, width, right, below, height, above)


def name_every_row(ax: "Axes", names: Iterable[object]) -> None:
    """Write the name of every row left of it."""
    names = list(names)
    ax.set_yticks(np.arange(len(names)), names, fontsize=style.SMALL_FONT_SIZE, parse_math=False)


def label_ranks(ax: "Axes", text: str, names: Iterable[object]) -> None:
    """Say left of the names of some rows what the rows are."""
    ax.set_ylabel(text, labelpad=names_width(names), fontsize=style.FONT_SIZE)


def points_of(ax: "Axes") -> tuple[float, float]:
    """Width and height of the axes in points."""
    box = ax.get_window_extent()
    width, height = (side / ax.figure.dpi * style.POINTS_PER_INCH for side in (box.width, box.height))
    return max(width, 1.0), max(height, 1.0)


def all_fit(ax: "Axes", n: int) -> bool:
    """Whether `n` rows are high enough for a name each."""
    return points_of(ax)[1] >= n * _LEAST_ROW


def room_for_names(ax: "Axes", n: int, axis: Literal["x", "y"] = "y") -> int:
    """How many names can stand beside `n` rows that fill the axis."""
    return max(int(n / _rows_per_name(ax, n, axis)) - 1, 1)


def name_rows(
    ax: "Axes",
    rows: Sequence[int],
    names: Iterable[object],
    n: int,
    *,
    colors: Sequence[object] | None = None,
    axis: Literal["x", "y"] = "y",
) -> None:
    """Write names left of some rows, or above some columns, with leaders to them.

    Parameters
    ----------
    rows
        Positions, increasing; at most :func:`room_for_names`.
    names
        Their names; of long ones head and tail.
    n
        Rows that the axis has, at the positions 0 to n − 1.
    colors
        Of the names.
    """
    colors = [style.INK] * len(rows) if colors is None else colors
    upright = axis == "y"
    to_axis = ax.get_yaxis_transform() if upright else ax.get_xaxis_transform()
    width, height = points_of(ax)
    out = -np.array([LEADER, _TIP, 0.0]) / width if upright else 1.0 + np.array([LEADER, _TIP, 0.0]) / height
    places = apart(rows, _rows_per_name(ax, n, axis), n)
    for row, place, name, color in zip(rows, places, names, colors, strict=True):
        leader = (out, [place, row, row]) if upright else ([place, row, row], out)
        ax.plot(*leader, transform=to_axis, clip_on=False, color=style.ISOLATED_EDGE, linewidth=0.4)
        look = {"color": color, "fontsize": _FONT_SIZE, "parse_math": False, "transform": to_axis}
        if upright:
            ax.text(out[0], place, f"{short(str(name))} ", ha="right", va="center", **look)
        else:
            ax.text(place, out[0], f" {short(str(name))}", ha="center", va="bottom", rotation=90, **look)


def _rows_per_name(ax: "Axes", n: int, axis: str) -> float:
    return n * _GAP / points_of(ax)[axis == "y"]


def apart(rows: Sequence[int], gap: float, n: int) -> np.ndarray:
    """Places for names at increasing rows, at least `gap` apart: a sweep up, then one down from the top."""
    places = np.array(rows, dtype=float)
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + gap)
    top = n - 0.5
    for i in range(len(places) - 1, -1, -1):
        places[i] = min(places[i], top)
        top = places[i] - gap
    return places


def short(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name of at most so many letters; of a longer one head and tail, either of which may be its own."""
    if len(name) <= longest:
        return name
    tail = (longest - 1) * 2 // 5
    return f"{name[: longest - 1 - tail]}…{name[len(name) - tail :]}"


def short_names(names: Iterable[str], longest: int = _LONGEST_NAME) -> list[str]:
    """Short names; those of different genes that would be equal get as many more letters as tell them apart."""
    names = list(names)
    found, length = {name: short(name, longest) for name in names}, longest
    while len(set(found.values())) < len(found):
        length += 1
        repeated = {text for text, n in Counter(found.values()).items() if n > 1}
        found |= {name: short(name, length) for name, text in found.items() if text in repeated}
    return [found[name] for name in names]


def widest(texts: Iterable[str], size: float) -> float:
    """Width in points of the longest line of some texts."""
    return max((style.text_width(line, size) for text in texts for line in text.split("\n")), default=0.0)
