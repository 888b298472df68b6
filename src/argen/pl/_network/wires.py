"""Lines between genes that stand anywhere: straight, or bowed round the boxes in their way."""

from collections.abc import Iterator, Mapping

import networkx as nx
import numpy as np
from matplotlib.path import Path

from argen.pl._network.effects import effect_of
from argen.pl._network.scene import Box, Dot, Edge

__all__ = ["CLEARANCE", "points_on", "wire"]

CLEARANCE = {True: 1.0, False: 3.5}  # from the head to the gene: arrow, bar (which is not to be taken for its border)
_DOT_CLEARANCE = 1.0
_BOWS = (0.0, *(sign * bow for bow in (0.06, 0.12, 0.18, 0.25, 0.33, 0.42) for sign in (1, -1)))  # height over length
# Lines with two bends: heights at a third and at two thirds of the way, over the length.
_BENDS = tuple(
    (a, b) for a in (-0.3, -0.15, 0.0, 0.15, 0.3) for b in (-0.3, -0.15, 0.0, 0.15, 0.3) if a * b <= 0 and a != b
)
_HIGHEST_BOW = 140.0  # points
_BOTH_WAYS = 0.13
_FREE = 3.5  # points between a line and a gene that it passes
_TESTED = 40  # points of a line that are tested


def wire(
    graph: nx.DiGraph, shapes: Mapping[str, Box | Dot], size: tuple[float, float], *, round_boxes: bool
) -> tuple[dict[Edge, Path], int]:
    """Lines of all edges within an area of `size`, and how many of them pass a gene that is not theirs."""
    genes = list(shapes)
    low, high = _corners([shapes[gene] for gene in genes])
    place = {gene: i for i, gene in enumerate(genes)}
    lines, n_over = {}, 0
    for source, target, edge in graph.edges(data=True):
        own = [place[source], place[target]]
        others = np.delete(low, own, axis=0), np.delete(high, own, axis=0)
        fewest = None
        clearance = _DOT_CLEARANCE if isinstance(shapes[target], Dot) else CLEARANCE[not effect_of(edge) < 0]
        for bends in _bends(shapes[source], shapes[target], both_ways=graph.has_edge(target, source)):
            line = _line(shapes[source], shapes[target], bends, clearance)
            over = _n_passed(line, *others) if round_boxes else 0
            if fewest is None or (over < fewest[0] and _inside(line, size)):
                fewest = over, line
            if over == 0:
                break
        lines[source, target] = fewest[1]
        n_over += fewest[0] > 0
    return lines, n_over


def _bends(start: Box | Dot, end: Box | Dot, *, both_ways: bool) -> Iterator[tuple[float, ...]]:
    """Bends to try, the flattest first; lines that lead both ways between two genes bend to their left."""
    highest = _HIGHEST_BOW / max(float(np.hypot(start.x - end.x, start.y - end.y)), 1.0)
    if both_ways:
        yield (_BOTH_WAYS,)
        yield from ((_BOTH_WAYS + bow,) for bow in _BOWS if 0 < bow <= highest)
        return
    yield (0.0,)
    yield from ((bow,) for bow in _BOWS[1:] if abs(bow) <= highest)
    yield from (pair for pair in _BENDS if max(map(abs, pair)) <= highest)


def _inside(line: Path, size: tuple[float, float]) -> bool:
    points = points_on(line)
    return bool(((points >= (0.0, -size[1])) & (points <= (size[0], 0.0))).all())


def points_on(line: Path, n: int = _TESTED) -> np.ndarray:
    """`n` points at equal distances along a line, shape (n, 2)."""
    flat = np.concatenate(line.to_polygons(closed_only=False))
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    at = np.linspace(0.0, along[-1], n)
    return np.column_stack([np.interp(at, along, flat[:, 0]), np.interp(at, along, flat[:, 1])])


def _corners(shapes: list[Box | Dot]) -> tuple[np.ndarray, np.ndarray]:
    half = np.array([
        (shape.width / 2, shape.height / 2) if isinstance(shape, Box) else (shape.radius,) * 2 for shape in shapes
    ]).reshape(-1, 2)  # fmt: skip
    middle = np.array([(shape.x, shape.y) for shape in shapes]).reshape(-1, 2)
    return middle - half - _FREE, middle + half + _FREE


def _line(start: Box | Dot, end: Box | Dot, bends: tuple[float, ...], clearance: float) -> Path:
    """Line from border to border; bends take it to its left by these shares of its length."""
    a, b = np.array([start.x, start.y]), np.array([end.x, end.y])
    if bends == (0.0,):
        return Path(np.array([_leave(start, b, 0.0), _leave(end, a, clearance)]), [Path.MOVETO, Path.LINETO])
    left = np.array([a[1] - b[1], b[0] - a[0]])
    steps = np.arange(1, len(bends) + 1) / (len(bends) + 1)
    # A curve stays below its control points, by a half if there is one of them.
    middle = [a + step * (b - a) + 2.0 * bend * left for step, bend in zip(steps, bends, strict=True)]
    ends = _leave(start, middle[0], 0.0), _leave(end, middle[-1], clearance)
    code = Path.CURVE3 if len(bends) == 1 else Path.CURVE4
    return Path(np.array([ends[0], *middle, ends[1]]), [Path.MOVETO] + [code] * (len(bends) + 1))


def _leave(shape: Box | Dot, towards: np.ndarray, clearance: float) -> np.ndarray:
    """Point on the border, or `clearance` outside it, on the way from the middle to another point."""
    middle = np.array([shape.x, shape.y])
    step = towards - middle
    length = max(float(np.linalg.norm(step)), 1e-9)
    if isinstance(shape, Dot):
        way = shape.radius / length
    else:
        half = np.array([shape.width, shape.height]) / 2
        way = float(np.min(half / np.maximum(np.abs(step), 1e-9)))
    return middle + step * (way + clearance / length)


def _n_passed(line: Path, low: np.ndarray, high: np.ndarray) -> int:
    """Genes whose surroundings a line enters."""
    points = points_on(line)[:, None]
    return int(((points > low) & (points < high)).all(axis=-1).any(axis=0).sum())
