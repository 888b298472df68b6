"""Names beside points, so that none covers another name, a point or the border."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import numpy as np

from argen.pl import _style as style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

__all__ = ["label_points"]

_LEADER_WIDTH = 0.6
_NEAR, _FAR, _MARGIN = 0.008, 0.3, 0.004  # of the axes: distance of a name from its point, and between names
_CANDIDATES = 600
_POINTS_PER_INCH = 72


def label_points(
    ax: "Axes",
    points: np.ndarray,
    names: Sequence[str],
    *,
    others: np.ndarray | None = None,
    sizes: np.ndarray | None = None,
    font_size: float = style.SMALL_FONT_SIZE,
    near: float = _NEAR,
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

    Returns
    -------
    The texts that were written, at most n.
    """
    import textalloc

    if not len(names):
        return []
    named = np.asarray(points, dtype=float).reshape(-1, 2)
    every = named if others is None else np.vstack([named, np.asarray(others, dtype=float).reshape(-1, 2)])
    radii = None if sizes is None else _radii_in_pixels(ax, sizes)
    limits = ax.get_xlim(), ax.get_ylim()
    with redirect_stdout(io.StringIO()):  # it prints if no name finds a place
        _, _, texts, _ = textalloc.allocate(
            ax, named[:, 0], named[:, 1], [str(name) for name in names],
            x_scatter=every[:, 0], y_scatter=every[:, 1], scatter_sizes=radii,
            text_scatter_sizes=None if radii is None else radii[: len(named)],
            textsize=font_size, textcolor=style.INK, linecolor=style.NOTE_COLOR, linewidth=_LEADER_WIDTH,
            min_distance=near, max_distance=_FAR, margin=_MARGIN, nbr_candidates=_CANDIDATES, draw_all=False,
            avoid_label_lines_overlap=True, avoid_crossing_label_lines=True,
            va="bottom", parse_math=False, usetex=False,  # places are those of lower ends
        )  # fmt: skip
    ax.set(xlim=limits[0], ylim=limits[1])
    return [text for text in texts if text is not None]


def _radii_in_pixels(ax: "Axes", sizes: np.ndarray) -> np.ndarray:
    """What textalloc keeps free round each point, from the areas that scatter takes."""
    return np.sqrt(np.asarray(sizes, dtype=float)) / 2 * ax.figure.dpi / _POINTS_PER_INCH
