"""Names beside points, so that none covers another name, a point or the border."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import numpy as np

from argen.errors import InputError
from argen.pl import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["label_points"]

_LEADER_WIDTH = 0.6
_NEAR, _FAR, _MARGIN = 0.008, 0.3, 0.004  # of the axes: distance of a name from its point, and between names
_CANDIDATES = 600
_LEAST_RADIUS = 1.0  # pixels


def label_points(
    ax: "Axes",
    points: np.ndarray,
    names: Sequence[str],
    *,
    others: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
    font_size: float = style.SMALL_FONT_SIZE,
    near: float = _NEAR,
    clear_leaders: bool = False,
) -> list["Text"]:
    """Write names beside their points, the first ones first; a name that finds no free place is left out.

    Call it last: limits and size of the axes must be final.

    Parameters
    ----------
    points
        Shape (n, 2), data coordinates of the points that are named, the most important first.
    names
        Their names, drawn as they are.
    others
        Shape (m, 2), points that names must not cover; `points` are always kept free.
    sizes
        Areas (points squared, as ``Axes.scatter`` takes them) of `points` and then of `others`, shape (n + m,).
    near
        Smallest distance of a name from its point, as a share of the axes.
    clear_leaders
        Leave a name out, too, if the line to its point would pass another one and seem to name that.

    Returns
    -------
    The texts that were written, at most n.

    Raises
    ------
    argen.errors.InputError
        The axes stand in a subfigure.
    """
    import textalloc

    if not len(names):
        return []
    if not hasattr(ax.get_figure(), "draw_without_rendering"):
        msg = (
            "ax stands in a subfigure, where names cannot be placed. Give axes of a figure, such as plt.subplots()[1]."
        )
        raise InputError(msg)
    named = np.asarray(points, dtype=float).reshape(-1, 2)
    every = named if others is None else np.vstack([named, np.asarray(others, dtype=float).reshape(-1, 2)])
    radii = None if sizes is None else _radii_in_pixels(ax, sizes)
    limits = ax.get_xlim(), ax.get_ylim()
    with redirect_stdout(io.StringIO()):  # it prints if no name finds a place
        _, _, texts, leaders = textalloc.allocate(
            ax, named[:, 0], named[:, 1], [str(name) for name in names],
            x_scatter=every[:, 0], y_scatter=every[:, 1], scatter_sizes=radii,
            text_scatter_sizes=None if radii is None else radii[: len(named)],
            textsize=font_size, textcolor=style.INK, linecolor=style.NOTE_COLOR, linewidth=_LEADER_WIDTH,
            min_distance=near, max_distance=_FAR, margin=_MARGIN, nbr_candidates=_CANDIDATES, draw_all=False,
            avoid_label_lines_overlap=True, avoid_crossing_label_lines=True,
            va="bottom", parse_math=False, usetex=False,  # places are those of lower ends
        )  # fmt: skip
    ax.set(xlim=limits[0], ylim=limits[1])
    if clear_leaders:
        room = np.full(len(every), _LEAST_RADIUS) if radii is None else radii
        _remove_misleading(ax, texts, leaders, every, room)
    return [text for text in texts if text is not None]


def _remove_misleading(ax: "Axes", texts: list, leaders: list, points: np.ndarray, radii: np.ndarray) -> None:
    """Take names away, in place, whose leaders pass points of others."""
    for i, (text, leader) in enumerate(zip(texts, leaders, strict=True)):
        if text is not None and leader is not None and _passes_another(ax, leader.get_xydata(), points, radii, i):
            text.remove()
            leader.remove()
            texts[i] = None


def _passes_another(ax: "Axes", leader: np.ndarray, points: np.ndarray, radii: np.ndarray, own: int) -> bool:
    """Whether a leader runs into a point that is not its own, and would seem to name it."""
    ends, centers = ax.transData.transform(leader), ax.transData.transform(points)
    along = ends[1] - ends[0]
    share = np.clip((centers - ends[0]) @ along / max(along @ along, 1e-12), 0.0, 1.0)
    distance = np.linalg.norm(ends[0] + share[:, None] * along - centers, axis=1)
    touched = distance < radii
    touched &= np.linalg.norm(centers - centers[own], axis=1) > radii[own]  # points that cover each other are one dot
    return bool(touched.any())


def _radii_in_pixels(ax: "Axes", sizes: np.ndarray) -> np.ndarray:
    """What textalloc keeps free round each point, from the areas that scatter takes."""
    return np.sqrt(np.asarray(sizes, dtype=float)) / 2 * ax.figure.dpi / style.POINTS_PER_INCH
