"""The first gene sets of every group of genes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from argen._bridge.modality import takes_mudata
from argen._bridge.validate import check_count, counted, name_quoted
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import on_paper, plain
from argen.pl._named_rows import points_of, row_axes, short_names
from argen.pl._show import finish
from argen.pl._wording import on_lines

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_enrichment", "draw_enrichment"]

_WIDTH, _RIGHT, _BELOW, _ABOVE = 2.6, 0.75, 0.5, 0.45  # inches
_LONGEST_TERM = 34  # letters
_MOST_GROUPS = 12
_BOLD = "mm"  # by which the bold name of a group is wider than a plain one, about
_BEFORE_ZERO = 0.04  # of the axis, for the dots at 0
_SIZES = 14.0, 90.0  # square points of a dot


@takes_mudata
@on_paper
def argen_enrichment(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_enrichment",
    groups: str | Sequence[str] | None = None,
    n_terms: int = 3,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the first gene sets of every group: how significant, how many genes.

    A row is a gene set, under the name of its group; the farther to the right, the smaller the adjusted p-value, and
    the larger the dot, the more genes of the group are in the set, which the number beside it tells. Significant sets
    are filled.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_enrichment`.
    key
        Name of the result.
    groups
        Groups to draw, such as ``"module 1"``, ``"out-hubs"``, or a gene. Default: the 12 with the smallest p-values,
        in the order in which they were tested.
    n_terms
        Sets of each group, the smallest p-values first; sets without a gene in common are not drawn.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        A group that was not tested.

    See Also
    --------
    argen.get.enrichment : the table that is drawn.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_enrichment(adata, gene_sets={"first": ["X1", "X2", "X3"]}, of="hubs")
    >>> axes = ag.pl.argen_enrichment(adata, show=False)
    """
    from argen import get

    n_terms = check_count("n_terms", n_terms, 1)
    table = get.enrichment(adata, key=key, gene_symbols=gene_symbols)
    tested = get.enrichment(adata, key=key, table="groups", gene_symbols=gene_symbols)["group"].astype(str).tolist()
    table = table.assign(group=table["group"].astype(str), term=table["term"].astype(str))
    return finish(draw_enrichment(table, _chosen(table, tested, groups), n_terms, ax), show)


def _chosen(table: pd.DataFrame, tested: list[str], groups: str | Sequence[str] | None) -> list[str]:
    """Groups to draw, in the order in which they were tested, or named."""
    if groups is not None:
        asked = [groups] if isinstance(groups, str) else [str(group) for group in groups]
        if unknown := [group for group in asked if group not in tested]:
            msg = f"groups names {name_quoted(unknown)}, which were not tested; tested were {name_quoted(tested)}."
            raise InputError(msg)
        return asked
    best = set(table.drop_duplicates("group")["group"].head(_MOST_GROUPS))
    return [group for group in tested if group in best]


def draw_enrichment(table: pd.DataFrame, groups: Sequence[str], n_terms: int, ax: "Axes | None" = None) -> "Axes":
    """Draw a table as :func:`argen.get.enrichment` returns it, groups and terms as texts."""
    rows = _rows(table, groups, n_terms)
    wide = [f"{row.label}{_BOLD * row.heading}" for row in rows.itertuples()]
    ax = ax or row_axes(wide, _WIDTH, right=_RIGHT, below=_BELOW, above=_ABOVE)
    drawn = rows[rows["n_overlap"] > 0]
    strength = -np.log10(np.maximum(drawn["padj"].to_numpy(float), np.finfo(float).tiny))
    n = drawn["n_overlap"].to_numpy(float)
    size = _SIZES[0] + (_SIZES[1] - _SIZES[0]) * n / max(n.max(initial=1.0), 1.0)
    faces = np.where(drawn["significant"].to_numpy(bool), style.PLAIN_COLOR, "white")
    ax.hlines(drawn["row"], 0.0, strength, color=style.ISOLATED_EDGE, linewidth=1.0, zorder=1)
    ax.scatter(
        strength, drawn["row"], s=size, c=faces, edgecolors=style.PLAIN_COLOR, linewidths=0.9, zorder=2, clip_on=False
    )
    for x, row in zip(strength, drawn.itertuples(), strict=True):
        ax.annotate(
            f"{row.n_overlap} of {row.n_group:.0f}", (x, row.row), (8.0, 0.0), textcoords="offset points", va="center",
            fontsize=style.SMALL_FONT_SIZE - 1.0, color=style.NOTE_COLOR, annotation_clip=False,
        )  # fmt: skip
    ax.set_yticks(rows["row"], rows["label"], fontsize=style.SMALL_FONT_SIZE, parse_math=False)
    for tick, heading in zip(ax.get_yticklabels(), rows["heading"], strict=True):
        tick.set_fontweight("bold" if heading else "normal")
    ax.tick_params(axis="y", length=0)
    right = max(strength.max(initial=0.0) * 1.05, 2.0)
    ax.set(xlim=(-_BEFORE_ZERO * right, right), ylim=(len(rows) - 0.4, -0.6))
    for row in rows[rows["alone"]].itertuples():
        ax.text(
            0.0, row.row, "no gene in a set", va="center", fontsize=style.SMALL_FONT_SIZE - 1.0, color=style.NOTE_COLOR
        )
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    ax.set_xlabel("−log₁₀ adjusted p", fontsize=style.FONT_SIZE)
    found, every = int(drawn["significant"].sum()), int(table["significant"].sum())
    more = f"; {every - found} more not drawn" if every > found else ""
    heading = on_lines(f"{counted(every, 'significant set')} (filled){more}", points_of(ax)[0])
    ax.set_title(f"{heading}\nnumbers: genes of the group in the set", fontsize=style.FONT_SIZE, loc="left", x=0.0)
    plain(ax)
    return ax


def _rows(table: pd.DataFrame, groups: Sequence[str], n_terms: int) -> pd.DataFrame:
    """A heading for each group, and its first sets below."""
    parts = []
    for group in groups:
        first = table[(table["group"] == group) & (table["n_overlap"] > 0)].head(n_terms)
        labels = short_names(first["term"].tolist(), _LONGEST_TERM) or []
        head = pd.DataFrame({"label": [group], "heading": True, "alone": not len(first), "n_overlap": 0})
        parts += [head, first.assign(label=labels, heading=False, alone=False)]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return rows.assign(row=np.arange(len(rows)))
