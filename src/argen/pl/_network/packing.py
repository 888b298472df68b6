"""Rectangles on a page."""

from collections.abc import Sequence

__all__ = ["pack"]


def pack(
    sizes: Sequence[tuple[float, float]], width: float, gap: float
) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Stand rectangles side by side in rows, in their order, the rows centred.

    Returns
    -------
    The upper left of every rectangle (y is 0 at the top and points up), and width and height of all of them.
    """
    rows, room = [], 0.0
    for i, (side, _) in enumerate(sizes):
        if not rows or side > room:
            rows.append([])
            room = width
        rows[-1].append(i)
        room -= side + gap
    spans = [sum(sizes[i][0] for i in row) + gap * (len(row) - 1) for row in rows]
    whole = max(spans, default=0.0)
    corners, y = [(0.0, 0.0)] * len(sizes), 0.0
    for row, span in zip(rows, spans, strict=True):
        x, height = (whole - span) / 2, max(sizes[i][1] for i in row)
        for i in row:
            corners[i] = (x, y - (height - sizes[i][1]) / 2)
            x += sizes[i][0] + gap
        y -= height + gap
    return corners, (whole, max(-y - gap, 0.0))
