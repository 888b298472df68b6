"""Observed total effects against those that the joint network predicts."""

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

__all__ = ["argen_fit", "draw_fit"]

LARGE_RESIDUAL = 4.0  # beyond it the search, too, speaks of a misfit
_MOST_NAMES = 15
_LEFT, _SIDE, _RIGHT, _BELOW, _ABOVE = 0.75, 3.6, 0.25, 0.75, 0.55  # inches
_ROOM = 0.04  # of the range, on either side


@takes_mudata
@on_paper
def argen_fit(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_joint",
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw every total effect as it was observed against what the network predicts.

    On the diagonal the network explains what a perturbation does to a gene. Purple diamonds are more than four standard
    deviations off: feedback, an effect that no gene of the network carries, or an unusual perturbation. The worst have
    names, perturbation → gene; own genes (knock-downs) are open.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_joint`, :func:`argen.tl.argen_dag`, or another search.
    key
        Name of the network.
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
        No network under `key`.
    argen.errors.StaleResultError
        The descendant step of a network that is not joint is gone.
    argen.errors.InputError
        The cycles of the network do not die down, so that it predicts nothing.

    See Also
    --------
    argen.get.fit : the table that is drawn.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_joint(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_fit(adata, show=False)
    """
    from argen import get

    return finish(draw_fit(get.fit(adata, key=key, gene_symbols=gene_symbols), ax), show)


def draw_fit(table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Draw a table as :func:`argen.get.fit` returns it; see :func:`argen_fit`."""
    ax = ax or new_axes(_LEFT, _SIDE, _RIGHT, _BELOW, _SIDE, _ABOVE)
    far = table["residual"].abs() > LARGE_RESIDUAL
    own = table["source"] == table["target"]
    values = table[["observed", "predicted"]].to_numpy(float)
    low, high = values.min(initial=-0.1), values.max(initial=0.1)
    ends = (low - _ROOM * (high - low), high + _ROOM * (high - low))
    ax.plot(ends, ends, color=style.NOTE_COLOR, linewidth=0.8, zorder=1)
    size = 4.0 if len(table) <= 400 else 2.2
    for is_far, marker, color in ((False, "o", style.PLAIN_COLOR), (True, "D", style.ALERT_COLOR)):
        for is_own in (False, True):
            rows = table[(far == is_far) & (own == is_own)]
            ax.plot(
                rows["predicted"], rows["observed"], marker, color=color, markersize=size, linestyle="none",
                markerfacecolor="white" if is_own else color, markeredgewidth=0.8, zorder=2 + is_far,
            )  # fmt: skip
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.set_xlabel(f"predicted by the network\n{style.LOG_FOLD_CHANGE}", fontsize=style.FONT_SIZE)
    ax.set_ylabel(f"observed: {style.LOG_FOLD_CHANGE}", fontsize=style.FONT_SIZE)
    plain(ax)
    n_named = _name_worst(ax, table, far)
    words = f"{int(far.sum())} of {counted(len(table), 'total effect')} not explained"
    if n_named < far.sum():
        words += f"\n(beyond {LARGE_RESIDUAL:g} standard deviations; {n_named} named)"
    elif far.any():
        words += f"\n(beyond {LARGE_RESIDUAL:g} standard deviations)"
    ax.set_title(words, fontsize=style.FONT_SIZE, loc="left", x=0.0)
    return ax


def _name_worst(ax: "Axes", table: pd.DataFrame, far: pd.Series) -> int:
    """Name the outliers for which there is room, the worst first; returns how many have a name."""
    worst = table[far].head(_MOST_NAMES)
    if worst.empty:
        return 0
    places = table[["predicted", "observed"]].to_numpy(float)
    texts = label_points(
        ax, places[worst.index], (worst["source"] + "→" + worst["target"]).tolist(),
        others=np.delete(places, worst.index, axis=0), font_size=style.SMALL_FONT_SIZE - 1.0,
    )  # fmt: skip
    for text in texts:
        text.set_path_effects([withStroke(linewidth=2.0, foreground="white", alpha=0.8)])
    return len(texts)
