"""Clean-up of places: nothing overlaps, and as little as possible moves."""

from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["boxes_apart", "boxes_off_lines", "dots_apart", "evened"]

# How long and how hard to push is tuned by eye, on networks of 10 to 500 genes; none decides what overlaps in the end.
_STEPS = 400
_GROWTH = 1.06  # of everything, where a crowd is stuck
_ROOM_STEPS, _ROOM_PUSH = 330, 0.6  # steps that make room for names before dots alone move; share of a push
_LINE_STEPS, _LINE_FREE, _LINE_PUSH = 40, 7.0, 0.35  # steps, points between a box and a line, share of a push


def boxes_apart(points: np.ndarray, widths: np.ndarray, height: float, gap: tuple[float, float]) -> np.ndarray:
    """Move boxes round `points`, shape (n, 2), until `gap` is free between any two of them."""
    points = np.array(points, dtype=float)
    need = np.stack([(widths[:, None] + widths) / 2 + gap[0], np.full((len(widths),) * 2, height + gap[1])], axis=-1)
    first = np.arange(len(points))
    # Boxes at one place leave it in a fixed direction.
    side = np.sign(first[:, None] - first)
    for step in range(_STEPS):
        difference = points[:, None] - points
        excess = need - np.abs(difference)
        excess[first, first] = 0.0
        hit = (excess > 1e-6).all(axis=-1)
        if not hit.any():
            break
        along_x = excess[..., 0] < excess[..., 1]
        direction = np.where(difference == 0, side[..., None], np.sign(difference))
        push = np.where(np.stack([along_x, ~along_x], axis=-1) & hit[..., None], excess * direction, 0.0)
        points += 0.55 * push.sum(axis=1) / np.maximum(hit.sum(axis=1), 1)[:, None]
        if step % 20 == 19:  # a crowd that is stuck gets more room
            points *= _GROWTH
    return points


def boxes_off_lines(
    points: np.ndarray, widths: np.ndarray, height: float, gap: tuple[float, float], ends: np.ndarray
) -> np.ndarray:
    """Move boxes off the straight lines between other boxes, `ends` of shape (m, 2), and apart from one another.

    Of the places met the one with the fewest boxes on lines; in dense networks some remain.
    """
    half = np.column_stack([widths / 2, np.full(len(widths), height / 2)])
    points = boxes_apart(points, widths, height, gap)
    best, fewest = points, None
    for _ in range(_LINE_STEPS):
        push, n_hit = _pushes(points, half, ends)
        if fewest is None or n_hit < fewest:
            best, fewest = points, n_hit
        if n_hit == 0:
            break
        points = boxes_apart(points + push, widths, height, gap)
    return best


def _pushes(points: np.ndarray, half: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, int]:
    """Where boxes have to go that stand on lines of others, and how many there are."""
    a, b = points[ends[:, 0]], points[ends[:, 1]]
    way = b - a
    length = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
    way /= length[:, None]
    normal = np.column_stack([-way[:, 1], way[:, 0]])
    from_start = points[None] - a[:, None]  # (m, n, 2)
    along = np.einsum("mnd,md->mn", from_start, way)
    off = np.einsum("mnd,md->mn", from_start, normal)
    excess = np.abs(normal) @ half.T + _LINE_FREE - np.abs(off)
    hit = (excess > 0) & (along > 0) & (along < length[:, None])
    rows = np.arange(len(ends))
    hit[rows, ends[:, 0]] = hit[rows, ends[:, 1]] = False
    push = _LINE_PUSH * np.where(hit, excess, 0.0) * np.where(off < 0, -1.0, 1.0)
    moves = np.einsum("mn,md->nd", push, normal) / np.maximum(hit.sum(axis=0), 1)[:, None]
    back = -0.5 * push.sum(axis=1)[:, None] * normal / np.maximum(hit.sum(axis=1), 1)[:, None]
    for side in (0, 1):
        np.add.at(moves, ends[:, side], back / np.maximum(len(ends) / len(points), 1.0))
    return moves, int(hit.sum())


def dots_apart(
    points: np.ndarray,
    radii: np.ndarray,
    gap: float,
    size: tuple[float, float],
    rooms: Mapping[int, float],
    room_height: float,
) -> np.ndarray:
    """Move dots within an area of `size` (upper left at 0, y down to -height) until `gap` is between any two.

    Dots also make room of a width above the dots in `rooms`, for their names, as far as there is any.
    """
    hubs, widths = np.array(list(rooms), dtype=int), np.array(list(rooms.values()))
    points = np.array(points, dtype=float)
    low, high = np.column_stack([radii, radii - size[1]]), np.column_stack([size[0] - radii, -radii])
    for step in range(_STEPS):
        points = np.clip(points, low, np.maximum(low, high))
        if step < _ROOM_STEPS:
            points = points + _out_of_rooms(points, radii, hubs, widths, room_height)
        pairs = cKDTree(points).query_pairs(2 * radii.max() + gap, output_type="ndarray")
        pairs = pairs[np.lexsort(pairs.T[::-1])]
        i, j = pairs.T
        difference = points[i] - points[j]
        distance = np.linalg.norm(difference, axis=1)
        excess = radii[i] + radii[j] + gap - distance
        hit = excess > 1e-6
        if step >= _ROOM_STEPS and not hit.any():
            break
        i, j, distance, excess = i[hit], j[hit], distance[hit], excess[hit]
        turn = 2.4 * (i + j)  # dots at one place leave it in a direction of their own
        apart = np.column_stack([np.cos(turn), np.sin(turn)])
        direction = np.where((distance > 0)[:, None], difference[hit] / np.maximum(distance, 1e-12)[:, None], apart)
        push = 0.5 * excess[:, None] * direction
        np.add.at(points, i, push)
        np.add.at(points, j, -push)
    return np.clip(points, low, np.maximum(low, high))


def _out_of_rooms(
    points: np.ndarray, radii: np.ndarray, hubs: np.ndarray, widths: np.ndarray, height: float
) -> np.ndarray:
    """Move dots out of the rooms above hubs, sideways or up or down, whichever is nearer."""
    middle = points[hubs] + np.column_stack([np.zeros(len(hubs)), radii[hubs] + height / 2])
    difference = points[None] - middle[:, None]
    need = np.stack([widths[:, None] / 2 + radii, np.full((len(hubs), 1), height / 2) + radii], axis=-1)
    excess = need - np.abs(difference)
    hit = (excess > 0).all(axis=-1)
    hit[np.arange(len(hubs)), hubs] = False
    along_x = excess[..., 0] < excess[..., 1]
    push = excess * np.where(difference < 0, -1.0, 1.0) * np.stack([along_x, ~along_x], axis=-1) * hit[..., None]
    return _ROOM_PUSH * push.sum(axis=0)


def evened(points: np.ndarray, size: tuple[float, float], share: float = 0.5) -> np.ndarray:
    """Stretch places to an area of `size` (upper left at 0), and even out crowded parts: `share` goes to the ranks."""
    n = len(points)
    if n == 1:
        return np.array([[size[0] / 2, -size[1] / 2]])
    span = np.ptp(points, axis=0)
    part = np.where(span > 1e-9, (points - points.min(axis=0)) / np.where(span > 1e-9, span, 1.0), 0.5)
    ranks = np.argsort(np.argsort(points, axis=0, kind="stable"), axis=0) / (n - 1)
    mixed = np.where(span > 1e-9, (1 - share) * part + share * ranks, 0.5)
    return np.column_stack([mixed[:, 0] * size[0], (mixed[:, 1] - 1.0) * size[1]])
