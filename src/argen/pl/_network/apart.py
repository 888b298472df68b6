"""Clean-up of places: nothing overlaps, and as little as possible moves."""

import numpy as np
from scipy.spatial import cKDTree

__all__ = ["boxes_apart", "dots_apart", "evened"]

_STEPS = 400
_GROWTH = 1.06


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


def dots_apart(points: np.ndarray, radii: np.ndarray, gap: float, size: tuple[float, float]) -> np.ndarray:
    """Move dots within an area of `size` (upper left at 0, y down to -height) until `gap` is between any two."""
    points = np.array(points, dtype=float)
    low, high = np.column_stack([radii, radii - size[1]]), np.column_stack([size[0] - radii, -radii])
    for _ in range(_STEPS):
        points = np.clip(points, low, np.maximum(low, high))
        pairs = cKDTree(points).query_pairs(2 * radii.max() + gap, output_type="ndarray")
        pairs = pairs[np.lexsort(pairs.T[::-1])]
        i, j = pairs.T
        difference = points[i] - points[j]
        distance = np.linalg.norm(difference, axis=1)
        excess = radii[i] + radii[j] + gap - distance
        if not (hit := excess > 1e-6).any():
            break
        i, j, distance, excess = i[hit], j[hit], distance[hit], excess[hit]
        turn = 2.4 * (i + j)  # dots at one place leave it in a direction of their own
        apart = np.column_stack([np.cos(turn), np.sin(turn)])
        direction = np.where((distance > 0)[:, None], difference[hit] / np.maximum(distance, 1e-12)[:, None], apart)
        push = 0.5 * excess[:, None] * direction
        np.add.at(points, i, push)
        np.add.at(points, j, -push)
    return np.clip(points, low, np.maximum(low, high))


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
