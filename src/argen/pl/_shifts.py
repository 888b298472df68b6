"""Effects that are shifted as a whole, of perturbations and of genes."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.patheffects import withStroke

from argen._bridge.modality import takes_mudata
from argen._bridge.validate import counted
from argen.pl import _style as style
from argen.pl._axes import new_axes, on_paper, plain
from argen.pl._labels import label_points
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_shifts", "draw_shifts"]

_MOST_NAMES = 15
_LEFT, _WIDTH, _RIGHT, _BELOW, _HEIGHT, _ABOVE = 0.65, 4.0, 0.2, 0.55, 3.4, 0.85  # inches
_MARKERS = {"perturbation": ("D", 5.0), "gene": ("o", 3.0)}
_CERTAIN_Z = 4.0
_ROOM = 0.08  # of the range


@takes_mudata
@on_paper
def argen_shifts(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_descendants",
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw how far the effects of each perturbation, and those on each gene, are shifted as a whole.

    A diamond is a perturbation: the median of its effects on all measured genes; a dot is a measured gene: the median
    of the effects of all perturbations on it. Purple ones were taken out of all effects, as `adjust` of
    :func:`argen.tl.argen_descendants` says, and have names, the largest first. A hollow one above the dashed line is
    large but not beyond doubt: its effects are of many sizes, or a part of them is at 0 (``near``, ``split``).

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants`.
    key
        Name of the descendant step.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into. Default: a new figure.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No descendant step under `key`.

    See Also
    --------
    argen.get.shifts : the table that is drawn.
    argen.tl.argen_check : what else to look at.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_descendants(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_shifts(adata, show=False)
    """
    from argen import get

    return finish(draw_shifts(get.shifts(adata, key=key, taken_out=False, gene_symbols=gene_symbols), ax), show)


def draw_shifts(table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Draw a table as :func:`argen.get.shifts` returns it; see :func:`argen_shifts`."""
    ax = ax or new_axes(_LEFT, _WIDTH, _RIGHT, _BELOW, _HEIGHT, _ABOVE)
    table = table.assign(size=table["z"].abs())
    out = table["taken_out"].astype(bool)
    ax.axhline(_CERTAIN_Z, color=style.NOTE_COLOR, linewidth=0.6, linestyle=(0, (4, 3)), zorder=1)
    ax.axvline(0.0, color=style.NOTE_COLOR, linewidth=0.6, zorder=1)
    for of, (marker, size) in _MARKERS.items():
        for is_out, color in ((False, style.PLAIN_COLOR), (True, style.ALERT_COLOR)):
            rows = table[(table["of"] == of) & (out == is_out)]
            ax.plot(
                rows["shift"], rows["size"], marker, color=color, markersize=size, linestyle="none",
                markerfacecolor=color if is_out else "white", markeredgewidth=0.8, zorder=2 + is_out,
            )  # fmt: skip
    farthest = max(table["shift"].abs().max() if len(table) else 0.0, 0.1) * (1 + _ROOM)
    ax.set_xlim(-farthest, farthest)
    ax.set_ylim(0.0, max(table["size"].max() if len(table) else 0.0, _CERTAIN_Z) * (1 + _ROOM))
    ax.set_xlabel(f"shift of all effects: {style.LOG_FOLD_CHANGE}", fontsize=style.FONT_SIZE)
    ax.set_ylabel("shift in standard errors", fontsize=style.FONT_SIZE)
    plain(ax)
    _name(ax, table, out)
    by = table["of"].value_counts()
    taken = table.loc[out, "of"].value_counts()
    words = [
        f"{mark} {int(taken.get(of, 0))} of {counted(int(by.get(of, 0)), of)} taken out"
        for of, mark in (("perturbation", "◆"), ("gene", "●"))
    ]
    ax.set_title("Shifts of all effects\n" + "\n".join(words), fontsize=style.FONT_SIZE, loc="left", x=0.0)
    return ax


def _name(ax: "Axes", table: pd.DataFrame, out: pd.Series) -> None:
    """Name what was taken out, perturbations first, the largest first."""
    chosen = table[out].sort_values(["of", "size"], ascending=False, kind="stable").head(_MOST_NAMES)
    places = table[["shift", "size"]].to_numpy(float)
    at = chosen.index.to_numpy()
    texts = label_points(
        ax, places[at], chosen["name"].astype(str).tolist(), others=np.delete(places, at, axis=0),
        font_size=style.SMALL_FONT_SIZE - 1.0,
    )  # fmt: skip
    for text in texts:
        text.set_path_effects([withStroke(linewidth=2.0, foreground="white", alpha=0.8)])
