"""Null p-values against the uniform law, one panel each for descendants, edges, and edges to responders."""

from typing import TYPE_CHECKING, Literal

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.validate import check_option
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import on_paper, plain
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_calibration", "draw_qq"]

KINDS = ("descendants", "edges", "responders")
# Nulls of each panel with marker and colour: slate and purple differ for all common kinds of colour vision.
LOOKS = {
    "guides": ("D", style.ALERT_COLOR, "non-targeting guides"),
    "splits": ("o", style.PLAIN_COLOR, "random splits of the controls"),
    "edges": ("o", style.PLAIN_COLOR, "placebo edges"),
    "responders": ("o", style.PLAIN_COLOR, "placebo edges to responders"),
}
OF_KIND = {"descendants": ("splits", "guides"), "edges": ("edges",), "responders": ("responders",)}
# Why there may be nothing to draw of a kind.
CURES = {
    "edges": "see ag.get.calibration(adata, table='skipped')",
    "responders": "ag.tl.argen_calibration(adata, responders=True) makes them if there are candidate edges",
}
BAND_FACE = "#DDE2E6"


@takes_mudata
@on_paper
def argen_calibration(
    adata: "AnnData | MuData",
    *,
    kind: Literal["descendants", "edges", "responders"] | None = None,
    key: str = "argen_calibration",
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | list[Axes] | None":
    """Draw the p-values of true null hypotheses against what they should be.

    Each point is one null test, -log10 p against its expectation; calibrated tests follow the diagonal. Points above
    it: too many false discoveries; below it: too few, at the price of power. The grey band holds 95 % of the points of
    as many *independent* tests (of the kind with the fewest); tests on the same cells scatter more. The dotted line is
    the level in force (of edges the mean threshold). The legend has the share of null tests below .05 with its
    standard error, the title the positive controls.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_calibration`.
    kind
        Which picture; `None` draws all that there are into a new figure: edges if the network has some to test, edges
        to responders if they were asked for.
    key
        Name of the result.
    ax
        Axes to draw into; needs a `kind`.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`, or a list of them without a `kind`.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        An argument cannot be used, or there are no placebo tests of this kind to draw.

    Warns
    -----
    argen.errors.ArgenWarning
        The network was searched again since, or there are edges to responders, and the result of
        :func:`argen.tl.argen_responders` that they are of is gone or was replaced.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_calibration(adata)
    >>> axes = ag.pl.argen_calibration(adata, show=False)
    >>> len(axes)
    2
    """
    from argen import get

    check_option("kind", kind, [None, *KINDS])
    if kind is None and ax is not None:
        msg = f"ax holds one picture: name its kind, one of {', '.join(map(repr, KINDS))}."
        raise InputError(msg)
    names = ("summary", "qq", "positive_controls")
    summary, qq, controls = (get.calibration(adata, table=name, key=key) for name in names)
    summary = summary.set_index(summary["nulls"].astype(str))
    has_tests = [name for name in KINDS if any(summary["n_tests"].get(nulls, 0) > 0 for nulls in OF_KIND[name])]
    if kind in CURES and kind not in has_tests:
        msg = f"kind={kind!r} needs placebo tests, and there are none: {CURES[kind]}."
        raise InputError(msg)
    shown = [kind] if kind else [name for name in KINDS if name == "descendants" or name in has_tests]
    axes = [ax] if ax is not None else _new_axes(len(shown))
    for name, one in zip(shown, axes, strict=True):
        draw_qq(one, qq, summary, name)
        if name == "descendants":
            found = f"{int(controls['detected'].sum())} of {len(controls)} knock-downs detected"
            one.set_title(f"pseudo-perturbations; {found}", fontsize=style.FONT_SIZE)
        else:
            one.set_title(LOOKS[name][2], fontsize=style.FONT_SIZE)
    return finish(axes[0] if kind else axes, show)


def _new_axes(n: int) -> "list[Axes]":
    figure = plt.figure(figsize=(4.6 * n, 5.0), layout="constrained")
    return list(np.atleast_1d(figure.subplots(1, n)))


def draw_qq(ax: "Axes", qq: pd.DataFrame, summary: pd.DataFrame, kind: str) -> None:
    """Quantile–quantile plot of the nulls of one kind; `summary` is indexed by them."""
    parts = {nulls: qq[qq["nulls"].astype(str) == nulls] for nulls in OF_KIND[kind]}
    parts = {nulls: part for nulls, part in parts.items() if len(part)}
    fewest = parts[min(parts, key=lambda nulls: summary.loc[nulls, "n_tests"])]
    ax.fill_between(
        fewest["expected"], fewest["low"], fewest["high"], color=BAND_FACE, linewidth=0, label="95 % if independent"
    )
    widest = max(part["expected"].max() for part in parts.values())
    ax.plot([0, widest], [0, widest], color=style.NOTE_COLOR, linewidth=0.8)
    for nulls, part in parts.items():
        marker, color, words = LOOKS[nulls]
        ax.plot(
            part["expected"], part["observed"], linestyle="none", marker=marker, markersize=3.5, color=color,
            markeredgewidth=0, label=f"{words}\n{_rate(summary.loc[nulls])}", clip_on=False,
        )  # fmt: skip
    row = summary.loc[next(iter(parts))]
    highest = max(part["observed"].replace(np.inf, np.nan).max() for part in parts.values())
    highest = max(highest, widest, float(fewest["high"].max()))
    level = -np.log10(row["level"])
    if level <= 1.5 * highest:  # else the axis would be drawn for the line alone
        words = "mean threshold in force" if kind == "edges" else "level in force"
        ax.axhline(level, color=style.INK, linestyle=":", linewidth=1.0, label=f"{words}: {row['level']:.2g}")
        highest = max(highest, level)
    ax.set_xlim(0, 1.03 * widest)
    ax.set_ylim(0, 1.05 * highest)
    ax.set_xlabel("expected −log10 p")
    ax.set_ylabel("observed −log10 p")
    # Below the axes: in them it would hide points of a tail that rises.
    ax.legend(
        fontsize=style.SMALL_FONT_SIZE, frameon=False, loc="upper left", bbox_to_anchor=(0.0, -0.14),
        handletextpad=0.5,
    )  # fmt: skip
    plain(ax)


def _rate(row: pd.Series) -> str:
    se = f" ± {row['rate_05_se']:.3f}" if np.isfinite(row["rate_05_se"]) else ""
    return f"{int(row['n_tests'])} tests, {row['rate_05']:.3f}{se} below .05"
