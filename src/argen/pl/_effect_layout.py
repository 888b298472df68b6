"""Where names, curves, strips and words of the picture of a gene stand: shares of axes out of lengths in points."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from matplotlib.transforms import Bbox

from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import put
from argen.pl._named_rows import widest

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Contents", "Layout", "axes_for", "wrapped"]

_FONT = style.SMALL_FONT_SIZE
_ROW, _CURVES, _ZEROS, _FOLDS = 39.0, 216.0, 37.0, 108.0  # of a figure of our own: height of a row, widths
_GAPS = (11.0, 15.0)  # before and behind the cells without a count
_LEAST_WORDS = 101.0
_NAME_GAP, _WORD_GAP = 4.0, 6.0
_MARGIN = 9.0  # round a figure of our own
_BASE = 0.12  # of a row: below the lowest
_FONTS = ((True, (8.0, 7.5, 7.0)), (False, (8.0, 7.5, 7.0, 6.5, 6.0)))  # with and without the cells without a count
_LEAST_CURVES, _LEAST_ZEROS, _LEAST_FOLDS = 64.0, 24.0, 50.0
_TICKS = 14.0  # points of the ticks and the gaps below an axis
_ROOM = 1.06  # letters on the screen are a little wider than their outlines


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What has to find room. Words and what stands below the names: by whether rows are high enough for three lines."""

    n_rows: int
    names: list[str]
    abouts: dict[bool, list[str]]
    words: dict[bool, list[str]]
    label: tuple[str, str]
    key: list[str]
    heading: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Lengths in points.

    Attributes
    ----------
    font
        Size of the small letters.
    tall
        Whether the rows hold three lines.
    curves, folds, row
        Widths, and height of a row.
    zeros
        Width of the cells without a count; None if they are left out.
    gaps
        Before and behind the cells without a count.
    label_lines
        Of the label of the curves.
    below
        From the axis down to the key.
    key_columns
        Of the key.
    heading
        Its lines.
    """

    font: float
    tall: bool
    curves: float
    zeros: float | None
    folds: float
    gaps: tuple[float, float]
    row: float
    label_lines: int
    below: float
    key_columns: int
    heading: list[str]

    @property
    def strips(self) -> tuple[tuple[float, float] | None, tuple[float, float]]:
        """Left ends and widths of the strips in widths of the curves."""
        start = self.curves + self.gaps[0]
        zeros = None if self.zeros is None else (start / self.curves, self.zeros / self.curves)
        start += 0.0 if self.zeros is None else self.zeros + self.gaps[1]
        return zeros, (start / self.curves, self.folds / self.curves)

    @property
    def name_place(self) -> float:
        """Right end of the names in widths of the curves."""
        return -_NAME_GAP / self.curves

    @property
    def word_place(self) -> float:
        """Left end of the words in widths of the fold changes."""
        return 1.0 + _WORD_GAP / self.folds


def axes_for(contents: Contents, ax: "Axes | None") -> tuple["Axes", Layout]:
    """A figure as large as the contents, or given axes, narrowed so that all stands between where they ended."""
    return _new_axes(contents) if ax is None else _fit_into(contents, ax)


def wrapped(lines: list[str], width: float, size: float) -> list[str]:
    """Lines broken between words, so that each is at most so many points wide if its words are."""
    found = []
    for line in lines:
        start, *rest = line.split(" ")
        found.append(start)
        for word in rest:
            longer = f"{found[-1]} {word}"
            if _ROOM * style.text_width(longer, size) <= width:
                found[-1] = longer
            else:
                found.append(word)
    return found


def _left(contents: Contents, font: float, *, tall: bool) -> float:
    return _ROOM * max(widest(contents.names, font + 1), widest(contents.abouts[tall], font - 1)) + _NAME_GAP


def _words(contents: Contents, font: float, *, tall: bool) -> float:
    return _ROOM * widest(contents.words[tall], font) + _WORD_GAP


def _key_columns(key: list[str], font: float, width: float) -> int:
    """As many columns as the width holds, three at most; matplotlib fills them one after the other."""
    for n in (3, 2):
        size, longer = divmod(len(key), n)
        ends = [size * (i + 1) + min(i + 1, longer) for i in range(n)]
        columns = [key[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        needed = sum(_ROOM * widest(column, font) + 2.4 * font for column in columns) + (n - 1) * 1.4 * font
        if needed <= width:
            return n
    return 1


def _key_height(n: int, columns: int, font: float) -> float:
    return -(-n // columns) * 1.75 * font


def _new_axes(contents: Contents) -> tuple["Axes", Layout]:
    left = _left(contents, _FONT, tall=False) + _MARGIN
    words = max(_words(contents, _FONT, tall=False), _LEAST_WORDS) + _MARGIN
    right = _CURVES + sum(_GAPS) + _ZEROS + _FOLDS + words
    heading = wrapped(contents.heading, right, _FONT + 1)
    columns = _key_columns(contents.key, _FONT, right)
    layout = Layout(
        font=_FONT, tall=False, curves=_CURVES, zeros=_ZEROS, folds=_FOLDS, gaps=_GAPS, row=_ROW, label_lines=1,
        below=40.0, key_columns=columns, heading=heading,
    )  # fmt: skip
    below = layout.below + _key_height(len(contents.key), columns, _FONT) + 0.5 * _MARGIN
    inside = _ROW * (contents.n_rows + _BASE)
    width, height = left + right, below + inside + 13.0 * len(heading) + 10.0
    figure = plt.figure(figsize=(width / style.POINTS_PER_INCH, height / style.POINTS_PER_INCH), layout="none")
    place = left / width, below / height, _CURVES / width, inside / height
    return figure.add_axes(place), layout


def _fit_into(contents: Contents, ax: "Axes") -> tuple["Axes", Layout]:
    place = ax.get_position(original=True)
    across, up = (side / ax.figure.dpi * style.POINTS_PER_INCH for side in ax.figure.bbox.size)
    width, height = place.width * across, place.height * up
    free = [room * side for room, side in zip(_free(ax, place), (across, up), strict=True)]
    for zeros, fonts in _FONTS:
        for font, tall in ((font, tall) for font in fonts for tall in (False, True)):
            layout, taken, needed = _compact(contents, width, height, free, font, tall=tall, zeros=zeros)
            if needed[0] <= width and needed[1] <= height:
                inside = layout.row * (contents.n_rows + _BASE)
                put(ax, (
                    place.x0 + taken[0] / across, place.y0 + taken[1] / up, layout.curves / across, inside / up
                ))  # fmt: skip
                return ax, layout
    there, least = ([side / style.POINTS_PER_INCH for side in sides] for sides in ((width, height), needed))
    msg = (
        f"ax is {there[0]:.1f} × {there[1]:.1f} inches; a picture of {contents.n_rows} rows needs "
        f"{least[0] + 0.05:.1f} × {least[1] + 0.05:.1f} there at least. Give larger axes, or leave ax out for a "
        f"figure of the size that the rows need."
    )
    raise InputError(msg)


def _free(ax: "Axes", place: Bbox) -> tuple[float, float]:
    """Room on the left and above that belongs to no other axes, in sizes of the figure.

    A layout engine moves the others, by less than half of what is between them.
    """
    others = [_cell(other) for other in ax.figure.axes if other is not ax]
    beside = [box.x1 for box in others if box.x1 <= place.x0 and box.y0 < place.y1 and place.y0 < box.y1]
    over = [box.y0 for box in others if box.y0 >= place.y1 and box.x0 < place.x1 and place.x0 < box.x1]
    share = 0.9 if ax.figure.get_layout_engine() is None else 0.45
    left = share * (place.x0 - max(beside)) if beside else 0.98 * place.x0
    # Axes above have their own ticks and label in between.
    above = 0.3 * share * (min(over) - place.y1) if over else 0.98 * (1.0 - place.y1)
    return left, above


def _cell(ax: "Axes") -> Bbox:
    """Where axes stand, or stood before a picture narrowed them."""
    boxes = [ax.get_position(original=True)]
    if ax.get_subplotspec() is not None:
        boxes.append(ax.get_subplotspec().get_position(ax.figure))
    return Bbox.union(boxes)


def _compact(
    contents: Contents, width: float, height: float, free: list[float], font: float, *, tall: bool, zeros: bool
) -> tuple[Layout, tuple[float, float], tuple[float, float]]:
    """A layout, what names and key take of the axes on the left and below, and what size of axes it needs."""
    label = [_ROOM * widest(text.split("\n"), font) for text in contents.label]
    curves = max(_LEAST_CURVES * font / _FONT, label[1])
    bar = max(_LEAST_ZEROS, _ROOM * widest(["without", "< 1 %"], font)) if zeros else 0.0
    folds = max(_LEAST_FOLDS * font / _FONT, _ROOM * widest(["(95 % interval)"], font))
    gaps = (1.1 * font, 1.1 * font) if zeros else (2.6 * font, 0.0)
    taken = max(_left(contents, font, tall=tall) - free[0], 0.0)
    strips = bar + folds + sum(gaps) + _words(contents, font, tall=tall)
    needed = taken + curves + strips
    spare = max(width - needed, 0.0)
    inner = max(width, needed) - taken
    curves += 0.62 * spare
    lines = 3 if zeros else 1 if label[0] <= curves else 2
    below = _TICKS + 1.3 * font * (1 + lines)
    columns = _key_columns(contents.key, font, inner)
    notes = [] if zeros else ["cells without a count are not shown: these axes are too narrow"]
    heading = wrapped([*contents.heading, *notes], inner, font + 1)
    over = max(len(heading) * 1.3 * (font + 1) + 7.0 - free[1], 0.0)
    under = below + _key_height(len(contents.key), columns, font)
    least_row = (3.9 if tall else 2.8) * font
    row = (height - over - under) / (contents.n_rows + _BASE)
    layout = Layout(
        font=font, tall=tall, curves=curves, zeros=bar + 0.1 * spare if zeros else None,
        folds=folds + (0.28 if zeros else 0.38) * spare, gaps=gaps, row=row, label_lines=lines, below=below,
        key_columns=columns, heading=heading,
    )  # fmt: skip
    return layout, (taken, under), (needed, over + under + least_row * (contents.n_rows + _BASE))
