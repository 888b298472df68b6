"""Matrix of what every perturbation does to the genes that respond most."""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgba

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import find_entry, read_entry
from argen._bridge.validate import check_count, counted
from argen.errors import InputError, StaleResultError
from argen.pl import _style as style
from argen.pl._axes import on_paper
from argen.pl._heatmap import effects_colormap
from argen.pl._network.views import Genes, known_genes
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_responders", "draw_responders", "responders_table"]

_CELL = 0.165  # inches
_LEFT, _BELOW, _ABOVE, _BESIDE = 1.0, 0.95, 0.45, 1.1
_SMALLEST = 3.4
_OUTLIERS = 0.98  # share of the cells whose effects the scale holds


@takes_mudata
@on_paper
def argen_responders(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_responders",
    descendants: str = "argen_descendants",
    top: int = 50,
    sources: Genes = None,
    genes: Genes = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw what every perturbation does to the genes that respond most, and which of it is direct.

    Rows are perturbations, measured or not, columns the responders with the strongest total effect of any of them.
    Both are put beside what is like them (average linkage on the correlation of the effects). Blue rises, vermillion
    falls where the perturbed gene is knocked down; white is not significant. A dot marks a direct effect: one that does
    not run through another gene of the network. The scale ends where 98 % of the effects do.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_descendants` with responders; for the dots after :func:`argen.tl.argen_responders`.
    key
        Name of the direct effects. Without such a result there are no dots.
    descendants
        Name of the descendant step.
    top
        So many genes.
    sources
        Perturbations to draw. Default: all that change one of the genes significantly.
    genes
        Genes to draw instead of the `top`.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into. Default: a new figure of the size that the genes need.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No descendant step, or one without responders.
    argen.errors.StaleResultError
        The direct effects were made from another descendant step.
    argen.errors.InputError
        A gene or perturbation has no tested effect, or no effect on a responder is significant.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=10, responders=40, rng=2)
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    >>> ag.tl.argen_responders(adata)
    >>> axes = ag.pl.argen_responders(adata, show=False)
    """
    from argen import get
    from argen._bridge.results.names import ShownNames

    check_count("top", top, 1)
    step = read_entry(adata, descendants, "descendants")
    given = ShownNames(adata, step, gene_symbols, leaves_out=False).given
    pairs = get.pairs(adata, key=descendants, responders=True, gene_symbols=gene_symbols)
    nodes = set(pairs.loc[pairs["kind"] == "network", "target"])
    pairs = pairs[(pairs["kind"] == "responder") & ~pairs["target"].isin(nodes)]
    direct = pd.DataFrame({"source": [], "target": []})
    if (found := find_entry(adata, key)) is not None:
        if found.made_from.get("descendants") != step.id:
            msg = (
                f"adata.uns[{key!r}] was made from another descendant step than the one in adata.uns[{descendants!r}]. "
                "Run ag.tl.argen_responders again."
            )
            raise StaleResultError(msg)
        direct = get.responders(adata, key=key, gene_symbols=gene_symbols)
    table = responders_table(pairs, direct, top=top, sources=given(sources), genes=given(genes))
    return finish(draw_responders(table, ax), show)


def responders_table(
    pairs: pd.DataFrame, direct: pd.DataFrame, *, top: int = 50, sources: Genes = None, genes: Genes = None
) -> pd.DataFrame:
    """Cells of the matrix in the order of drawing: ``source``, ``target``, ``effect`` (0: not significant), ``direct``.

    `pairs` and `direct` are tables of :func:`argen.get.pairs` and :func:`argen.get.responders`. ``attrs`` hold
    ``n_genes``, how many have a significant effect.
    """
    strength = pairs["z"].abs().where(pairs["significant"], 0.0).groupby(pairs["target"]).max()
    responding = strength[strength > 0].sort_values(ascending=False, kind="stable")
    columns = known_genes(set(pairs["target"]), "genes", genes, "the responders") or responding.index[:top].tolist()
    rows = known_genes(set(pairs["source"]), "sources", sources, "the perturbations")
    part = pairs[pairs["target"].isin(columns)]
    rows = rows or sorted(part.loc[part["significant"], "source"].unique())
    rows = rows or (sorted(part["source"].unique()) if genes is not None else [])
    if not rows or not columns:
        msg = "No effect on a responder is significant; name genes=[...] and sources=[...] to see the matrix of these."
        raise InputError(msg)
    effect = part["effect"].where(part["significant"], 0.0).fillna(0.0)
    matrix = part.assign(effect=effect).pivot_table(index="source", columns="target", values="effect", aggfunc="first")
    matrix = matrix.reindex(index=rows, columns=columns).fillna(0.0)
    matrix = matrix.iloc[_beside_alike(matrix.to_numpy()), _beside_alike(matrix.to_numpy().T)]
    table = matrix.rename_axis(index="source", columns="target").stack().rename("effect").reset_index()
    edges = set(zip(direct["source"], direct["target"], strict=True))
    table["direct"] = [pair in edges for pair in zip(table["source"], table["target"], strict=True)]
    table.attrs["n_genes"] = len(responding)
    return table


def _beside_alike(rows: np.ndarray) -> np.ndarray:
    """Order of the rows in which those that correlate are neighbours; rows without effects last."""
    some = np.flatnonzero(rows.any(axis=1))
    rest = np.setdiff1d(np.arange(len(rows)), some)
    if len(some) < 3:
        return np.concatenate([some, rest])
    from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import pdist

    unit = rows[some] / np.linalg.norm(rows[some], axis=1, keepdims=True)
    distance = pdist(unit)
    return np.concatenate([some[leaves_list(optimal_leaf_ordering(linkage(distance, "average"), distance))], rest])


def draw_responders(table: pd.DataFrame, ax: "Axes | None" = None) -> "Axes":
    """Draw a table as :func:`responders_table` returns it; see :func:`argen_responders`."""
    rows, columns = (list(dict.fromkeys(table[end])) for end in ("source", "target"))
    shape = (len(rows), len(columns))
    matrix, direct = (table[name].to_numpy().reshape(shape) for name in ("effect", "direct"))
    limit = float(np.quantile(np.abs(matrix[matrix != 0]), _OUTLIERS)) if matrix.any() else 1.0
    norm, colors = Normalize(-limit, limit), effects_colormap()
    if ax is None:
        width, height = (max(_CELL * n, _SMALLEST) for n in shape[::-1])
        height = max(_CELL * shape[0], 1.2)
        total = (width + _LEFT + _BESIDE, height + _BELOW + _ABOVE)
        figure = plt.figure(figsize=total)
        ax = figure.add_axes((_LEFT / total[0], _BELOW / total[1], width / total[0], height / total[1]))
    image = colors(norm(np.clip(matrix, -limit, limit)))
    image[matrix == 0] = to_rgba("white")
    ax.imshow(image, interpolation="nearest", interpolation_stage="rgba", aspect="auto")
    y, x = np.nonzero(direct)
    ax.scatter(x, y, s=7, c=style.INK, linewidths=0, zorder=3)
    ax.set_xticks(range(shape[1]), columns, rotation=90, fontsize=style.SMALL_FONT_SIZE - 1, parse_math=False)
    ax.set_yticks(range(shape[0]), rows, fontsize=style.SMALL_FONT_SIZE - 1, parse_math=False)
    ax.tick_params(length=0, pad=2)
    ax.spines[:].set(color=style.ISOLATED_EDGE, linewidth=0.8)
    bar_axes = ax.inset_axes((1.02, 0.0, min(0.018, 0.3 / max(shape[1] * _CELL, _SMALLEST)), 1.0))
    beyond = bool((np.abs(matrix) > limit).any())
    bar = ax.figure.colorbar(ScalarMappable(norm, colors), cax=bar_axes, extend="both" if beyond else "neither")
    bar.outline.set(edgecolor=style.ISOLATED_EDGE, linewidth=0.6)
    bar.ax.tick_params(labelsize=style.SMALL_FONT_SIZE - 1)
    bar.set_label(f"total effect: {style.LOG_FOLD_CHANGE}", fontsize=style.SMALL_FONT_SIZE - 1)
    n_all = table.attrs.get("n_genes", shape[1])
    what = f"{shape[1]} of {counted(n_all, 'responding gene')}" if n_all > shape[1] else counted(shape[1], "gene")
    dots = f", {counted(int(direct.sum()), 'direct effect')} (dots)" if direct.any() else ""
    ax.set_title(f"{counted(shape[0], 'perturbation')}, {what}{dots}", fontsize=style.FONT_SIZE, loc="left")
    return ax
