"""Where the texts of a drawing stand: none over another, none beyond the figure."""

from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text


def texts_of(*axes: Axes) -> list[Text]:
    """Every text with words of some axes and of the axes inside them."""
    found = []
    for ax in axes:
        # Ticks beyond the limits have labels that are never drawn.
        (left, right), (low, high) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
        ticks = [text for text in ax.get_xticklabels() if left <= text.get_position()[0] <= right]
        ticks += [text for text in ax.get_yticklabels() if low <= text.get_position()[1] <= high]
        legend = ax.get_legend().get_texts() if ax.get_legend() else []
        labels = [ax.xaxis.label, ax.yaxis.label, ax.title, ax._left_title]
        found += [*ticks, *legend, *labels, *ax.texts, *texts_of(*ax.child_axes)]
    return [text for text in found if text.get_text().strip() and text.get_visible()]


def overlaps(texts: list[Text], slack: float = 1.0) -> list[tuple[str, str]]:
    """Pairs of texts that cover each other by more than `slack` pixels either way."""
    boxes = _boxes(texts)
    return [
        (a.get_text(), b.get_text())
        for (a, left), (b, right) in combinations(zip(texts, boxes, strict=True), 2)
        if min(left.x1, right.x1) - max(left.x0, right.x0) > slack
        and min(left.y1, right.y1) - max(left.y0, right.y0) > slack
    ]


def outside(texts: list[Text]) -> list[str]:
    """Texts that the border of the figure cuts."""
    frame = texts[0].figure.figure.bbox
    return [
        text.get_text()
        for text, box in zip(texts, _boxes(texts), strict=True)
        if box.x0 < frame.x0 - 1 or box.y0 < frame.y0 - 1 or box.x1 > frame.x1 + 1 or box.y1 > frame.y1 + 1
    ]


def _boxes(texts: list[Text]) -> list:
    canvas = texts[0].figure.figure.canvas
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in texts]
    assert np.isfinite([box.bounds for box in boxes]).all()
    return boxes
