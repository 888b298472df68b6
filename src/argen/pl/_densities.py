"""Distributions of non-negative expression by row: curves of what is above 0, bars of what is not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argen.pl import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["RIDGE_HEIGHT", "Curve", "curves_of", "draw_curve", "draw_zeros", "log_limits"]

RIDGE_HEIGHT = 0.8  # of a row: the highest curve
_GRID = 400
_WIDEST_TAIL = 0.001  # of the values above 0 may lie outside the picture on each side
_BAR = (0.08, 0.30)  # of a row: lower and upper end of a bar of zeros
_WRITTEN = 0.52


@dataclass(frozen=True, slots=True)
class Curve:
    """Density of the values above 0 of one group over log10, times their share; and the share of zeros.

    Attributes
    ----------
    x, height
        Where the curve runs, on the scale of the values; the area under it over log10(x) is ``1 - zeros``.
    zeros
        Share of the values that are 0; NaN without values.
    """

    x: np.ndarray
    height: np.ndarray
    zeros: float


def log_limits(groups: Sequence[np.ndarray], points: np.ndarray) -> tuple[float, float]:
    """Limits that hold the values above 0, but for a thousandth on each side, and all `points`."""
    positive = [values[values > 0] for values in groups]
    ends = [np.quantile(values, [_WIDEST_TAIL, 1 - _WIDEST_TAIL]) for values in positive if len(values)]
    ends = np.concatenate([*ends, points[np.isfinite(points) & (points > 0)]])
    if not len(ends):
        return 0.1, 10.0
    low, high = np.log10([ends.min(), ends.max()])
    room = max(0.07 * (high - low), 0.08)
    return float(10 ** (low - room)), float(10 ** (high + room))


def curves_of(groups: Sequence[np.ndarray], limits: tuple[float, float]) -> list[Curve]:
    """Kernel density estimates (Gaussian, Scott's bandwidth on log10) of all groups on one grid."""
    edges = np.linspace(*np.log10(limits), _GRID + 1)
    return [_curve(values, edges) for values in groups]


def _curve(values: np.ndarray, edges: np.ndarray) -> Curve:
    from scipy.ndimage import gaussian_filter1d

    x, step = 10 ** ((edges[:-1] + edges[1:]) / 2), edges[1] - edges[0]
    positive = np.log10(values[values > 0])
    if not len(positive):
        return Curve(x, np.zeros(_GRID), 1.0 if len(values) else np.nan)
    bandwidth = max(positive.std() * len(positive) ** -0.2, 2 * step)
    counts = np.histogram(positive, edges)[0] / len(values)
    height = gaussian_filter1d(counts / step, bandwidth / step, mode="reflect")
    return Curve(x, height, float((values == 0).mean()))


def draw_curve(ax: "Axes", curve: Curve, y: float, scale: float, *, face: str | None) -> None:
    """A curve that stands on height `y`: filled with `face`, or only its line, in grey, for the controls."""
    top = y + curve.height * scale
    if face is None:
        ax.plot(curve.x, top, color=style.NOTE_COLOR, linewidth=0.8, zorder=3)
    else:
        ax.fill_between(curve.x, y, top, facecolor=face, edgecolor="none", alpha=0.55, zorder=2)
    ax.plot(curve.x[[0, -1]], [y, y], color=style.ISOLATED_EDGE, linewidth=0.6, zorder=1)


def draw_zeros(strip: "Axes", y: float, share: float, control: float | None, face: str, font: float) -> None:
    """A bar for the share of cells without a count, a grey tick for that of the controls, and the number."""
    low, high = y + _BAR[0], y + _BAR[1]
    strip.fill_between([0.0, 1.0], low, high, facecolor=style.NODE_FACE, edgecolor="none", zorder=0)
    strip.fill_between([0.0, share], low, high, facecolor=face, edgecolor="none", alpha=0.75, zorder=1)
    if control is not None and np.isfinite(control):
        strip.plot([control, control], [low - 0.05, high + 0.05], color=style.INK, linewidth=1.2, zorder=2)
    words = f"{_percent(share)} %" if np.isfinite(share) else "unknown"
    strip.text(0.5, y + _WRITTEN, words, ha="center", va="center", fontsize=font)


def _percent(share: float) -> str:
    """Whole per cents; the ends only where they are exact."""
    if 0 < share < 0.01:
        return "< 1"
    return "> 99" if 0.99 < share < 1 else f"{100 * share:.0f}"
