"""The place of axes that a user gives."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["make_room"]


def make_room(ax: "Axes", right: float) -> "Axes":
    """Narrow the axes so that strips of `right` times their new width fit between them and where they ended."""
    place = ax.get_position(original=True)
    ax.set_position((place.x0, place.y0, place.width / (1.0 + right), place.height))
    return ax
