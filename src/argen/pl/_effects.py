"""A gene's expression in control cells and in cells where its parents, or others, are perturbed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

from argen._bridge.belonging import step_key_of_network
from argen._bridge.validate import counted
from argen.pl import _style as style
from argen.pl._axes import make_room, on_paper
from argen.pl._effect_rows import MAX_PARENTS, MAX_TARGETS, choose_targets, effect_rows, parents_of
from argen.pl._folds import NO_COUNTS, draw_folds
from argen.pl._ridges import RIDGE_HEIGHT, Curve, curves_of, draw_curve, draw_zeros, log_limits
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes

__all__ = ["argen_effects", "draw_effects"]

_CONTROL = "control"
_ROW, _WIDTH = 0.54, 3.0  # inches
_BELOW, _ABOVE, _LINE = 0.98, 0.16, 0.16  # inches below and above the rows, and of a line of the heading
_ZEROS, _FOLDS, _WORDS = (1.05, 0.17), (1.29, 0.5), 0.47  # of the width of the curves: left end and width of the strips
_POINTS = 72  # per inch
_LONGEST_NAME = 18


@on_paper
def argen_effects(
    adata: "AnnData",
    *,
    gene: str,
    key: str = "argen_dag",
    reverse: bool = False,
    targets: str | Sequence[str] | None = None,
    descendants_key: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the expression of a gene in control cells and in cells where its parents are perturbed.

    One row per parent, the strongest edge on top (12 at most; the heading says if there are more). The filled curve is
    the distribution of the gene in the cells of that parent, the grey line that in the control cells: counts adjusted
    for depth and covariates as the descendant step has fitted them, on a log scale. The area of a curve is the share of
    cells that have a count at all; the share of the others is the bar beside it, with a tick for the controls. The
    upright lines are the means of all cells, zeros included: dashed for the controls. On the right stands the total
    effect of :func:`argen.get.pairs`: fold change with its 95 % interval, and the p-value of that step. Filled symbols
    are significant (adjusted p), orange falls, blue rises.

    With ``reverse=True`` it is the other way round: the expression of each parent where `gene` is perturbed, relative
    to the mean of the controls. If the edges point the right way there should be little to see.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`, with the cells and counts that the descendant step was run on.
    gene
        The child.
    key
        Name of the network; it is not needed with `targets`.
    reverse
        Perturb the gene and look at its parents.
    targets
        Perturbed genes to take instead of the parents, in this order, whether there is an edge or not (16 at most, then
        those with the smallest p-values).
    descendants_key
        Name of the descendant step; default the one that the network was made from, ``"argen_descendants"`` if there is
        no network.
    ax
        Axes to draw the curves into; they are narrowed so that the strips stand in their place too. Names stand to the
        left. Default: a new figure of the size that the rows need.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes` of the curves; its ``child_axes`` are the
    cells without a count and the fold changes.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key` and no `targets`, or no descendant step.
    argen.errors.StaleResultError
        The data, or the descendant step, are not those that the network was made from.
    argen.errors.InputError
        The gene has no parents in the network, or a gene is not in it.

    See Also
    --------
    argen.get.expression : the adjusted counts.
    argen.get.pairs : the effects and their tests.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_effects(adata, gene="X6", show=False)
    """
    from argen import get

    has_network = key in adata.uns or targets is None
    step = descendants_key or (step_key_of_network(adata, key, can_name=True) if has_network else "argen_descendants")
    pairs = get.pairs(adata, key=step)
    coef, limit = pd.Series(dtype=float), MAX_PARENTS
    if targets is not None:
        others, limit = choose_targets(targets, gene, pairs), MAX_TARGETS
    if has_network:
        edges = get.edges(adata, key=key)
        edges = edges[edges["target"] == gene]
        coef = edges.set_index("source")["coef"] if targets is not None else parents_of(edges, gene, key, _genes(pairs))
    others = others if targets is not None else coef.index.tolist()
    rows, n_all = effect_rows(pairs, gene, others, coef, reverse=reverse, limit=limit)
    looked_at, perturbed = (rows["name"].tolist(), [gene]) if reverse else ([gene], rows["name"].tolist())
    cells = get.expression(adata, genes=looked_at, targets=perturbed, key=step)
    what = "parents" if targets is None else "targets"
    return finish(draw_effects(cells, rows, gene=gene, reverse=reverse, what=what, n_all=n_all, ax=ax), show)


def _genes(pairs: pd.DataFrame) -> list[str]:
    return sorted(set(pairs["target"]))


def draw_effects(
    cells: pd.DataFrame,
    rows: pd.DataFrame,
    *,
    gene: str,
    reverse: bool = False,
    what: str = "parents",
    n_all: int | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw tables as :func:`argen.get.expression` and ``effect_rows`` return them; see :func:`argen_effects`."""
    own, controls = _values(cells, rows, "relative" if reverse else "adjusted")
    base = 1.0 if reverse else _mean_control(cells)
    # The estimate of a group without counts stands for minus infinity: its mean is 0 and nowhere on this axis.
    means = base * np.exp(rows["effect"].mask(rows["flags"] == NO_COUNTS).to_numpy(float))
    limits = log_limits([*own, *controls], np.append(means, base))
    curves, of_controls = curves_of(own, limits), curves_of(controls, limits)
    heading = _heading(rows, cells, gene, what, n_all, reverse=reverse)
    if ax is None:
        ax = _new_axes(rows, heading.count("\n") + 1, reverse=reverse)
    else:
        make_room(ax, _FOLDS[0] + _FOLDS[1] + _WORDS - 1.0)
    n_rows, heights = len(rows) + (not reverse), np.arange(len(rows))[::-1].astype(float)
    faces = [_face(row) for row in rows.itertuples()]
    _draw_curves(ax, heights, faces, curves, of_controls, means, with_control=not reverse)
    if np.isfinite(base):
        ax.axvline(base, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1.5)
    _finish_curves(ax, limits, n_rows, gene, reverse=reverse)
    _draw_zero_strip(ax.inset_axes([_ZEROS[0], 0.0, _ZEROS[1], 1.0]), heights, faces, curves, of_controls, n_rows)
    draw_folds(ax.inset_axes([_FOLDS[0], 0.0, _FOLDS[1], 1.0]), rows, heights, faces, n_rows, base)
    _name_rows(ax, rows, cells, heights, reverse=reverse)
    ax.set_title(heading, fontsize=style.FONT_SIZE, loc="left", x=0.0, parse_math=False)
    _draw_key(ax, set(faces))
    return ax


def _values(cells: pd.DataFrame, rows: pd.DataFrame, column: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Known values of the perturbed and of the control cells of every row."""
    found = cells.dropna(subset=[column]).groupby(["gene", "group"], sort=False)[column]
    of_group = {pair: values.to_numpy() for pair, values in found}
    nothing = np.empty(0)
    own = [of_group.get(pair, nothing) for pair in zip(rows["gene"], rows["group"], strict=True)]
    return own, [of_group.get((name, _CONTROL), nothing) for name in rows["gene"]]


def _draw_curves(
    ax: "Axes",
    heights: np.ndarray,
    faces: list[str],
    curves: list[Curve],
    controls: list[Curve],
    means: np.ndarray,
    *,
    with_control: bool,
) -> None:
    """Curves of all rows on one scale, so that equal areas are equal shares of the cells."""
    highest = max(float(curve.height.max()) for curve in [*curves, *controls])
    scale = RIDGE_HEIGHT / highest if highest > 0 else 1.0
    for y, face, curve, control, mean in zip(heights, faces, curves, controls, means, strict=True):
        draw_curve(ax, curve, y, scale, face=face)
        draw_curve(ax, control, y, scale, face=None)
        ax.plot([mean, mean], [y, y + RIDGE_HEIGHT], color=style.INK, linewidth=1.3, zorder=4)
    if with_control:
        for face in (style.ISOLATED_EDGE, None):
            draw_curve(ax, controls[0], len(heights), scale, face=face)


def _mean_control(cells: pd.DataFrame) -> float:
    """Mean that the fit expects of a control cell: what `adjusted` is relative to."""
    expected = cells.loc[(cells["group"] == _CONTROL) & cells["relative"].notna(), "expected"]
    return float(expected.mean()) if len(expected) else np.nan


def _new_axes(rows: pd.DataFrame, n_lines: int, *, reverse: bool) -> "Axes":
    """Axes of the curves with margins for names on the left and strips on the right."""
    names = [_short(str(name)) for name in rows["name"]]
    longest = max(
        [style.text_width(name, style.FONT_SIZE) for name in names]
        + [style.text_width("edge +0.000, 00,000 cells", style.SMALL_FONT_SIZE - 1.0)]
    )
    left = (longest + 16.0) / _POINTS
    inside = _ROW * (len(rows) + (not reverse))
    size = left + (sum(_FOLDS) + _WORDS) * _WIDTH, inside + _BELOW + _ABOVE + _LINE * n_lines
    figure = plt.figure(figsize=size, layout="none")
    return figure.add_axes((left / size[0], _BELOW / size[1], _WIDTH / size[0], inside / size[1]))


def _face(row: object) -> str:
    if not row.significant:
        return style.ISOLATED_EDGE
    return style.NEGATIVE_COLOR if row.effect < 0 else style.POSITIVE_COLOR


def _finish_curves(ax: "Axes", limits: tuple[float, float], n_rows: int, gene: str, *, reverse: bool) -> None:
    ax.set_xscale("log")
    ax.set(xlim=limits, ylim=(-0.12, n_rows), yticks=[])
    decades = np.log10(limits[1] / limits[0])
    subs = (1.0,) if decades > 3 else (1.0, 2.0, 5.0) if decades < 1.6 else (1.0, 3.0)
    ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    label = "expression relative to the control mean" if reverse else f"adjusted counts of {_short(gene)} per cell"
    ax.set_xlabel(label, fontsize=style.FONT_SIZE, parse_math=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(labelsize=style.SMALL_FONT_SIZE)


def _draw_zero_strip(
    strip: "Axes", heights: np.ndarray, faces: list[str], curves: list[Curve], controls: list[Curve], n_rows: int
) -> None:
    """Cells without a count."""
    for y, face, curve, control in zip(heights, faces, curves, controls, strict=True):
        draw_zeros(strip, y, curve.zeros, control.zeros, face)
    if n_rows > len(heights):
        draw_zeros(strip, n_rows - 1, controls[0].zeros, None, style.ISOLATED_EDGE)
    strip.set(xlim=(0.0, 1.0), ylim=(-0.12, n_rows), yticks=[], xticks=[])
    strip.set_xlabel("cells without\na count", fontsize=style.SMALL_FONT_SIZE, labelpad=12.0)  # clear of the ticks
    strip.spines[["top", "right", "left", "bottom"]].set_visible(False)


def _name_rows(ax: "Axes", rows: pd.DataFrame, cells: pd.DataFrame, heights: np.ndarray, *, reverse: bool) -> None:
    """Names of the other genes, with the direct effect and the cells."""
    n_cells = cells.drop_duplicates(["cell", "group"])["group"].value_counts()
    for row, y in zip(rows.itertuples(), heights, strict=True):
        edge = f"edge {_signed(row.coef)}" if np.isfinite(row.coef) else "no edge"
        about = edge if reverse else f"{edge}, {n_cells.get(row.group, 0):,} cells"
        _name(ax, y, _short(str(row.name)), about)
    if not reverse:
        _name(ax, len(rows), _CONTROL, f"{n_cells.get(_CONTROL, 0):,} cells")


def _name(ax: "Axes", y: float, name: str, about: str) -> None:
    options = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "center", "parse_math": False}
    ax.text(-0.02, y + 0.48, name, fontsize=style.FONT_SIZE, color=style.INK, **options)
    ax.text(-0.02, y + 0.17, about, fontsize=style.SMALL_FONT_SIZE - 1.0, color=style.NOTE_COLOR, **options)


def _signed(x: float) -> str:
    return f"{x:+.2f}".replace("-", "−")


def _heading(rows: pd.DataFrame, cells: pd.DataFrame, gene: str, what: str, n_all: int | None, *, reverse: bool) -> str:
    """What is drawn, what is not, and which cells are left out."""
    name, n = _short(gene), len(rows)
    if reverse:
        sizes = cells.drop_duplicates(["cell", "group"])["group"].value_counts()
        of = f"{'parents of' if what == 'parents' else 'genes beside'} {name}"
        title = (
            f"{of[0].upper()}{of[1:]} where {name} is perturbed ({sizes.get(gene, 0):,} cells, "
            f"{sizes.get(_CONTROL, 0):,} control cells)"
        )
    else:
        title = f"{name} where {'its parents' if what == 'parents' else 'other genes'} are perturbed"
    notes = []
    if n_all is not None and n_all > n:
        strongest = "the strongest edges" if what == "parents" else "the smallest p-values"
        notes.append(f"{n} of {n_all} {what} shown, those with {strongest}")
    lost = cells.loc[cells["relative"].isna(), "cell"].nunique()
    if lost:
        notes.append(f"{counted(lost, 'cell')} left out, without control counts to compare with")
    return "\n".join([title, *notes])


def _draw_key(ax: "Axes", faces: set[str]) -> None:
    """What curves, lines and colours mean, below the axis."""
    handles = [
        Line2D([], [], color=style.NOTE_COLOR, linewidth=0.8, label="control cells"),
        Line2D([], [], color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), label="mean of the controls"),
        Line2D([], [], color=style.INK, linewidth=1.3, label="mean of the perturbed"),
    ]
    looks = (
        ("falls significantly", style.NEGATIVE_COLOR),
        ("rises significantly", style.POSITIVE_COLOR),
        ("not significant", style.ISOLATED_EDGE),
    )
    handles += [Patch(facecolor=color, alpha=0.55, label=label) for label, color in looks if color in faces]
    below = ScaledTranslation(0.0, -0.54, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=handles, ncols=3, fontsize=style.SMALL_FONT_SIZE, frameon=False, loc="upper left", borderaxespad=0.0,
        bbox_to_anchor=(0.0, 0.0), bbox_transform=ax.transAxes + below, columnspacing=1.4, handlelength=1.6,
    )  # fmt: skip


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
