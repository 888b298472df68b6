"""A gene's expression in control cells and in cells where its parents, or others, are perturbed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

from argen._bridge.modality import takes_mudata
from argen._bridge.responders.total import total_key
from argen._bridge.results.entries import find_entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import step_key_of_network
from argen._bridge.validate import check_anndata, counted
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import on_paper
from argen.pl._densities import RIDGE_HEIGHT, Curve, curves_of, draw_curve, draw_zeros, log_limits
from argen.pl._effect_layout import Contents, Layout, axes_for
from argen.pl._effect_rows import MAX_PARENTS, MAX_PERTURBATIONS, choose_perturbations, effect_rows, parents_of
from argen.pl._fold_changes import NO_COUNTS, draw_folds, fold_words
from argen.pl._named_rows import short, short_names
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_effects", "draw_effects"]

_CONTROL = "control"
_DEFAULT_KEY, _RESPONDERS = "argen_dag", "argen_responders"
_NAME_AT = 0.33  # of a row: between the name and what stands below
_USUAL_WIDTH = 216.0  # points: of the curves, for which their ticks are chosen
_LONGEST_NAME = 18


@takes_mudata
@on_paper
def argen_effects(
    adata: "AnnData | MuData",
    *,
    gene: str,
    key: str = _DEFAULT_KEY,
    reverse: bool = False,
    perturbations: str | Sequence[str] | None = None,
    descendants: str | None = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the expression of a gene in control cells and in cells where its parents are perturbed.

    One row per parent, the strongest edge on top (12 at most; the heading says if there are more). The filled curve is
    the distribution of the gene in the cells of that parent, the grey line that in the control cells: counts adjusted
    for depth and covariates as the descendant step has fitted them, on a log scale. The area of a curve is the share of
    cells that have a count at all; the share of the others is the bar beside it, with a tick for the controls. On the
    right stands the total effect of :func:`argen.get.pairs`: fold change with its 95 % interval, and the p-value of
    that step. Filled symbols are significant (adjusted p), orange falls, blue rises. The upright lines show that fold
    change beside the curves: dashed the level of the controls (the mean count that the step expects of a control cell;
    with Poisson the mean of their counts), solid that level times the fold change. It is a ratio of sums, in which
    cells with many expected counts weigh more; the plain mean of the values that are drawn can differ from it.

    With ``reverse=True`` it is the other way round: the expression of each parent where `gene` is perturbed, relative
    to what is expected of a control cell. If the edges point the right way there should be little to see.

    Below the name of a parent stand the edge and the cells that the estimate rests on, of those that there are.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`, with the cells and counts that the descendant step was run on.
    gene
        The child: a node, or with total effects on responders any measured gene.
    key
        Name of the network. With `perturbations` it may be missing if none is named; edges are then not spoken of.
    reverse
        Perturb the gene and look at its parents.
    perturbations
        Perturbed genes to take instead of the parents, in this order, whether there is an edge or not (16 at most, then
        those with the smallest p-values).
    descendants
        Name of the descendant step; default the one that the network was made from, ``"argen_descendants"`` if there is
        no network.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw the curves into. They are narrowed and lowered so that strips, words, labels and key stand in their
        place too, and the names as far as the room on their left is not enough; in small axes letters are smaller,
        and at last the cells without a count are left out (the heading says so). Default: a new figure of the size
        that the rows need.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes` of the curves; its ``child_axes`` are the
    cells without a count and the fold changes.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key` and no `perturbations`, or no descendant step.
    argen.errors.StaleResultError
        The data, or the descendant step, are not those that the network was made from.
    argen.errors.InputError
        The gene has no parents in the network, or a gene is not in it; a perturbed gene is called ``"control"`` as the
        controls are; `ax` is too small.

    See Also
    --------
    argen.get.expression : the adjusted counts.
    argen.get.pairs : the effects and their tests.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_effects(adata, gene="X6", show=False)
    """
    from argen import get

    check_anndata(adata)
    if not isinstance(gene, str):
        msg = f"gene={gene!r} has to be the name of one gene; draw several in a picture each."
        raise InputError(msg)
    # A network that is named has to be there.
    has_network = key in adata.uns or perturbations is None or key != _DEFAULT_KEY
    step = descendants or (step_key_of_network(adata, key, can_name=True) if has_network else "argen_descendants")
    names = ShownNames(adata, read_entry(adata, step, "descendants"), gene_symbols)
    gene, perturbations = names.given(gene), names.given(perturbations)
    pairs = get.pairs(
        adata, key=step, responders=find_entry(adata, total_key(step)) is not None, gene_symbols=gene_symbols
    )
    coef, limit = None, MAX_PARENTS
    if perturbations is not None:
        others, limit = choose_perturbations(perturbations, gene, pairs), MAX_PERTURBATIONS
    if has_network:
        edges = get.edges(adata, key=key, responders=_has_responders(adata, key), gene_symbols=gene_symbols)
        edges = edges[edges["target"] == gene]
        coef = (
            edges.set_index("source")["coef"]
            if perturbations is not None
            else parents_of(edges, gene, key, _genes(pairs))
        )
    others = others if perturbations is not None else coef.index.tolist()
    rows, n_all = effect_rows(pairs, gene, others, coef, reverse=reverse, limit=limit, by_p=perturbations is not None)
    looked_at, perturbed = (rows["name"].tolist(), [gene]) if reverse else ([gene], rows["name"].tolist())
    cells = get.expression(adata, genes=looked_at, perturbations=perturbed, key=step, gene_symbols=gene_symbols)
    what = "parents" if perturbations is None else "perturbations"
    return finish(draw_effects(cells, rows, gene=gene, reverse=reverse, what=what, n_all=n_all, ax=ax), show)


def _genes(pairs: pd.DataFrame) -> list[str]:
    return sorted({*pairs["source"], *pairs["target"]})


def _has_responders(adata: "AnnData", key: str) -> bool:
    """Whether direct effects of this very network on responders are there, under the usual name."""
    entry, network = find_entry(adata, _RESPONDERS), find_entry(adata, key)
    return None not in (entry, network) and entry.made_from.get("network") == network.id


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
    heights, faces = np.arange(len(rows))[::-1].astype(float), [_face(row) for row in rows.itertuples()]
    key = _key(set(faces))
    contents = Contents(
        n_rows=len(rows) + (not reverse),
        names=[*short_names(rows["name"].astype(str), _LONGEST_NAME), *([] if reverse else [_CONTROL])],
        abouts={tall: _abouts(rows, cells, reverse=reverse, tall=tall) for tall in (False, True)},
        words={tall: fold_words(rows, None if reverse else base, tall=tall) for tall in (False, True)},
        label=_labels(gene, reverse=reverse),
        key=[handle.get_label() for handle in key],
        heading=_heading(rows, cells, gene, what, n_all, reverse=reverse),
    )
    ax, layout = axes_for(contents, ax)
    _draw_curves(ax, heights, faces, curves, of_controls, means, with_control=not reverse)
    if np.isfinite(base):
        ax.axvline(base, color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1.5)
    _finish_curves(ax, limits, contents, layout)
    zeros, folds = layout.strips
    if zeros is not None:
        strip = ax.inset_axes([zeros[0], 0.0, zeros[1], 1.0])
        _draw_zero_strip(strip, heights, faces, curves, of_controls, contents.n_rows, layout)
    strip = ax.inset_axes([folds[0], 0.0, folds[1], 1.0])
    draw_folds(strip, rows, heights, faces, contents.words[layout.tall], layout)
    _name_rows(ax, [*heights, *([] if reverse else [len(rows)])], contents, layout)
    ax.set_title("\n".join(layout.heading), fontsize=layout.font + 1, loc="left", x=0.0, parse_math=False)
    _draw_key(ax, key, layout)
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


def _face(row: object) -> str:
    if not row.significant:
        return style.ISOLATED_EDGE
    return style.NEGATIVE_COLOR if row.effect < 0 else style.POSITIVE_COLOR


def _finish_curves(ax: "Axes", limits: tuple[float, float], contents: Contents, layout: Layout) -> None:
    ax.set_xscale("log")
    ax.set(xlim=limits, ylim=(-0.12, contents.n_rows), yticks=[])
    decades = np.log10(limits[1] / limits[0]) * _USUAL_WIDTH / layout.curves
    subs = (1.0,) if decades > 3 else (1.0, 2.0, 5.0) if decades < 1.6 else (1.0, 3.0)
    ax.xaxis.set_major_locator(LogLocator(subs=subs))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    label = contents.label[layout.label_lines > 1]
    ax.set_xlabel(label, fontsize=layout.font + (layout.label_lines == 1), parse_math=False)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(labelsize=layout.font)


def _labels(gene: str, *, reverse: bool) -> tuple[str, str]:
    """Of the axis of the curves, in one line and in two."""
    if reverse:
        return "expression relative to the control level", "expression relative to\nthe control level"
    name = short(gene, _LONGEST_NAME)
    return f"adjusted counts of {name} per cell", f"adjusted counts of\n{name} per cell"


def _draw_zero_strip(
    strip: "Axes",
    heights: np.ndarray,
    faces: list[str],
    curves: list[Curve],
    controls: list[Curve],
    n_rows: int,
    layout: Layout,
) -> None:
    """Cells without a count."""
    font = layout.font - 0.5
    for y, face, curve, control in zip(heights, faces, curves, controls, strict=True):
        draw_zeros(strip, y, curve.zeros, control.zeros, face, font)
    if n_rows > len(heights):
        draw_zeros(strip, n_rows - 1, controls[0].zeros, None, style.ISOLATED_EDGE, font)
    strip.set(xlim=(0.0, 1.0), ylim=(-0.12, n_rows), yticks=[], xticks=[])
    label = "cells without\na count" if layout.label_lines == 1 else "cells\nwithout\na count"
    strip.set_xlabel(label, fontsize=layout.font, labelpad=1.5 * layout.font)  # clear of the ticks
    strip.spines[["top", "right", "left", "bottom"]].set_visible(False)


def _abouts(rows: pd.DataFrame, cells: pd.DataFrame, *, reverse: bool, tall: bool) -> list[str]:
    """What stands below the names: the direct effect if there is a network, and the cells of the estimate."""
    edges = [[_edge(coef)] for coef in rows["coef"]] if "coef" in rows else [[] for _ in range(len(rows))]
    if reverse:
        return ["".join(edge) for edge in edges]
    numbers = [_n_cells(cells, group) for group in [*rows["group"], _CONTROL]]
    return [("\n" if tall else ", ").join([*edge, n]) for edge, n in zip([*edges, []], numbers, strict=True)]


def _edge(coef: float) -> str:
    return f"edge {_signed(coef)}" if np.isfinite(coef) else "no edge"


def _n_cells(cells: pd.DataFrame, group: str) -> str:
    """Cells that the estimate rests on, and of how many."""
    own = cells[cells["group"] == group]
    n, known = own["cell"].nunique(), own.loc[own["relative"].notna(), "cell"].nunique()
    return f"{n:,} cell{'' if n == 1 else 's'}" if known == n else f"{known:,} of {n:,} cells"


def _name_rows(ax: "Axes", heights: list[float], contents: Contents, layout: Layout) -> None:
    """Names, and in grey below them what there is to say."""
    for y, name, about in zip(heights, contents.names, contents.abouts[layout.tall], strict=True):
        lines = about.count("\n") + 1 if about else 0
        texts = [(name, layout.font * (0.0, 0.75, 1.25)[lines], layout.font + 1, style.INK)]
        if about:
            texts.append((about, -0.72 * layout.font, layout.font - 1, style.NOTE_COLOR))
        for text, up, size, color in texts:
            ax.annotate(
                text, (layout.name_place, y + _NAME_AT), (0.0, up), xycoords=ax.get_yaxis_transform(),
                textcoords="offset points", ha="right", va="center", fontsize=size, color=color, parse_math=False,
                linespacing=1.1, annotation_clip=False,
            )  # fmt: skip


def _signed(x: float) -> str:
    return f"{x:+.2f}".replace("-", "−")


def _heading(
    rows: pd.DataFrame, cells: pd.DataFrame, gene: str, what: str, n_all: int | None, *, reverse: bool
) -> list[str]:
    """What is drawn, what is not, and which cells are left out; a line each."""
    name, n = short(gene, _LONGEST_NAME), len(rows)
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
    return [title, *notes]


def _key(faces: set[str]) -> list[Line2D | Patch]:
    """What curves, lines and colours mean."""
    handles = [
        Line2D([], [], color=style.NOTE_COLOR, linewidth=0.8, label="control cells"),
        Line2D([], [], color=style.INK, linewidth=0.9, linestyle=(0, (4, 2)), label="control level"),
        Line2D([], [], color=style.INK, linewidth=1.3, label="control level × fold change"),
    ]
    looks = (
        ("falls significantly", style.NEGATIVE_COLOR),
        ("rises significantly", style.POSITIVE_COLOR),
        ("not significant", style.ISOLATED_EDGE),
    )
    return handles + [Patch(facecolor=color, alpha=0.55, label=label) for label, color in looks if color in faces]


def _draw_key(ax: "Axes", key: list[Line2D | Patch], layout: Layout) -> None:
    below = ScaledTranslation(0.0, -layout.below / style.POINTS_PER_INCH, ax.figure.dpi_scale_trans)
    ax.legend(
        handles=key, ncols=layout.key_columns, fontsize=layout.font, frameon=False, loc="upper left",
        borderaxespad=0.0, borderpad=0.2, bbox_to_anchor=(0.0, 0.0), bbox_transform=ax.transAxes + below,
        columnspacing=1.4, handlelength=1.6,
    )  # fmt: skip
