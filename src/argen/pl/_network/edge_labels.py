"""Numbers on edges: the effect with its 95 % interval, placed on the line where nothing else stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite, log10

import networkx as nx
import numpy as np

from argen._bridge.intervals import interval_95
from argen.pl import _style as style
from argen.pl._network.effects import effect_of
from argen.pl._network.scene import Box, Edge, Scene
from argen.pl._network.wires import points_on

__all__ = ["FONT_SIZE", "Label", "Placed", "edge_texts", "has_intervals", "place_labels"]

FONT_SIZE = 7.5
_HEIGHT = 1.15 * FONT_SIZE
_GAP = 2.0  # free points round a number
_DIGITS = (2, 4)  # least and largest number of decimals
_HEAD = 5.0  # points round the tip of a head that stay free
_STEPS = 33  # places along a line that are tried
_LINE_COST, _OFF_MIDDLE_COST = 1.0, 2.0


@dataclass(frozen=True, slots=True)
class Label:
    """The text of an edge round (`x`, `y`)."""

    edge: Edge
    text: str
    x: float
    y: float
    width: float
    height: float = _HEIGHT


def edge_texts(graph: nx.DiGraph) -> dict[Edge, str]:
    """``0.53 [0.47, 0.60]`` for every edge with an effect; that alone where there is no standard error.

    An edge with a ``text`` of its own has that, none where it is empty.
    """
    edges = graph.edges(data=True)
    own = {(u, v): data["text"] for u, v, data in edges if "text" in data}
    texts = {(u, v): _text(data) for u, v, data in edges if "text" not in data and isfinite(effect_of(data))}
    return texts | {edge: text for edge, text in own.items() if text}


def has_intervals(graph: nx.DiGraph) -> bool:
    """Whether any edge has an interval to show."""
    return any(_interval(data) is not None for *_, data in graph.edges(data=True))


def _text(data: Mapping[str, float]) -> str:
    interval = _interval(data)
    if interval is None:
        return _number(data["weight"], _decimals(abs(data["weight"])))
    decimals = _decimals((interval[1] - interval[0]) / 4)
    low, high = (_number(end, decimals) for end in interval)
    return f"{_number(data['weight'], decimals)} [{low}, {high}]"


def _interval(data: Mapping[str, float]) -> tuple[float, float] | None:
    """Ends of the 95 % interval as they are given, or else from the normal distribution and the standard error."""
    ends = data.get("ci_low"), data.get("ci_high")
    if None in ends or not all(map(isfinite, ends)):
        se = data.get("se")
        if se is None or not isfinite(se):
            return None
        return interval_95(data["weight"], se)
    return ends


def _decimals(scale: float) -> int:
    """Decimals that show the first digit of `scale`."""
    least, most = _DIGITS
    return min(max(least, ceil(-log10(scale))), most) if scale > 0 else least


def _number(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace("-", "−")


@dataclass(frozen=True, slots=True)
class Placed:
    """Numbers at their places; how many have none, and how many cover the line of another edge."""

    labels: list[Label]
    n_missing: int = 0
    n_covering: int = 0


def place_labels(scene: Scene, texts: Mapping[Edge, str]) -> Placed:
    """Put the texts on their lines, off all genes, heads, headings and other texts.

    Lines with the least choice come first. Of the free places on a line the best covers no other line and is near the
    middle.
    """
    points = {edge: points_on(scene.lines[edge], 2 * _STEPS) for edge in texts}
    taken = _obstacles(scene)
    sizes = {edge: (style.text_width(text, FONT_SIZE) + 2 * _GAP, _HEIGHT + _GAP) for edge, text in texts.items()}
    order = sorted(texts, key=lambda edge: _n_free(points[edge], sizes[edge], taken))
    placed, n_covering = {}, 0
    for edge in order:
        others = np.concatenate([points[other] for other in points if other != edge] or [np.empty((0, 2))])
        at, n_lines = _best_place(points[edge], sizes[edge], taken, others)
        if at is not None:
            n_covering += n_lines > 0
            placed[edge] = Label(edge, texts[edge], float(at[0]), float(at[1]), sizes[edge][0] - 2 * _GAP)
            taken = np.vstack([taken, _rectangles(at[None], sizes[edge])])
    return Placed([placed[edge] for edge in texts if edge in placed], len(texts) - len(placed), n_covering)


def _obstacles(scene: Scene) -> np.ndarray:
    """Rectangles that numbers must not cover, shape (n, 4): lower left, upper right."""
    found = [
        (s.x - s.width / 2, s.y - s.height / 2, s.x + s.width / 2, s.y + s.height / 2)
        if isinstance(s, Box)
        else (s.x - s.radius, s.y - s.radius, s.x + s.radius, s.y + s.radius)
        for s in scene.genes.values()
    ]
    found += [(r.x, r.y - 2 * style.SMALL_FONT_SIZE, r.x + r.width, r.y) for r in scene.regions]
    tips = [line.vertices[-1] for line in scene.lines.values()]
    found += [(x - _HEAD, y - _HEAD, x + _HEAD, y + _HEAD) for x, y in tips]
    return np.array(found, dtype=float).reshape(-1, 4)


def _rectangles(at: np.ndarray, size: tuple[float, float]) -> np.ndarray:
    half = np.array(size) / 2
    return np.hstack([at - half, at + half])


def _free(at: np.ndarray, size: tuple[float, float], taken: np.ndarray) -> np.ndarray:
    """Whether a text at each of the places, shape (k, 2), meets none of the rectangles."""
    mine = _rectangles(at, size)[:, None]
    return ~((mine[..., :2] < taken[:, 2:]) & (mine[..., 2:] > taken[:, :2])).all(axis=-1).any(axis=1)


def _n_free(points: np.ndarray, size: tuple[float, float], taken: np.ndarray) -> int:
    return int(_free(points, size, taken).sum())


def _best_place(
    points: np.ndarray, size: tuple[float, float], taken: np.ndarray, others: np.ndarray
) -> tuple[np.ndarray | None, int]:
    """The best free place, if there is one, and how many points of other lines a text there covers."""
    free = _free(points, size, taken)
    if not free.any():
        return None, 0
    candidates = points[free]
    mine = _rectangles(candidates, size)[:, None]
    covered = ((others > mine[..., :2]) & (others < mine[..., 2:])).all(axis=-1).sum(axis=1)
    off = np.abs(np.linspace(-1.0, 1.0, len(points)))[free]
    best = np.argmin(_LINE_COST * covered + _OFF_MIDDLE_COST * off)
    return candidates[best], int(covered[best])
