"""Figures and axes: a style of our own, and the place of axes that a user gives."""

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox

from argen.errors import InputError
from argen.pl import _style as style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["make_room", "new_axes", "on_paper", "plain", "put"]

Plot = TypeVar("Plot", bound=Callable)

# Sizes and places are computed for these; font family and resolution are the user's.
_OURS = ("axes", "errorbar", "figure.edgecolor", "figure.facecolor", "font.size", "grid", "hatch", "legend", "lines",
         "patch", "savefig.facecolor", "scatter", "text.color", "xtick", "ytick")  # fmt: skip


def on_paper(plot: Plot) -> Plot:
    """Let a public plot draw on white and without a grid, whatever style is in force."""

    @functools.wraps(plot)
    def styled(adata: object, **arguments: object) -> object:
        given = arguments.get("ax")
        if given is not None:
            _check_axes(given)
        before = set(plt.get_fignums())
        with plt.rc_context({name: value for name, value in mpl.rcParamsDefault.items() if name.startswith(_OURS)}):
            drawn = plot(adata, **arguments)
        if given is not None:
            given.grid(visible=False)
        for number in set(plt.get_fignums()) - before:
            _lay_paper(plt.figure(number))
        return drawn

    return styled


def _check_axes(ax: object) -> None:
    if not isinstance(ax, Axes):
        msg = f"ax is a {type(ax).__name__}: give one matplotlib Axes, such as plt.subplots()[1]."
        raise InputError(msg)


def _lay_paper(figure: "Figure") -> None:
    """Stay white where a style has `savefig` paint figures in another colour."""
    if mpl.rcParams["savefig.facecolor"] == "auto":
        return
    paper = Rectangle((0, 0), 1, 1, transform=figure.transFigure, facecolor="white", edgecolor="none", zorder=-10)
    paper.set_in_layout(False)
    figure.add_artist(paper)


def new_axes(left: float, width: float, right: float, below: float, height: float, above: float) -> Axes:
    """Axes of so many inches in a figure of their own, with margins."""
    size = left + width + right, below + height + above
    figure = plt.figure(figsize=size, layout="none")
    return figure.add_axes((left / size[0], below / size[1], width / size[0], height / size[1]))


def plain(ax: Axes) -> None:
    """Leave the axes open at the top and on the right, with small numbers."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=style.SMALL_FONT_SIZE)


def make_room(ax: Axes, right: float) -> Axes:
    """Narrow the axes so that strips of `right` times their new width fit between them and where they ended."""
    place = ax.get_position(original=True)
    return put(ax, (place.x0, place.y0, place.width / (1.0 + right), place.height))


def put(ax: Axes, place: tuple[float, float, float, float]) -> Axes:
    """Let axes stand at left, bottom, width and height in shares of the figure, whatever a layout engine wants."""
    ax.set_position(place)
    ax.set_axes_locator(lambda *_: Bbox.from_bounds(*place))
    return ax
