"""Two networks in one drawing: what differs between two levels, in colour."""

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from argen._bridge.comparison.tables import NOT_SHOWN
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry
from argen._bridge.validate import check_option, counted, name_some
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._axes import on_paper
from argen.pl._network.compose import LAYOUTS, Request, compose
from argen.pl._network.draw import draw_picture, room_of
from argen.pl._network.views import Genes, Views
from argen.pl._show import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_compare", "draw_compare"]

# Colours that are no sign (blue, orange) and nothing to look into (purple): Okabe and Ito's green, Tol's wine.
MORE_COLOR, LESS_COLOR, REVERSED_COLOR, SAME_COLOR = "#009E73", "#882255", style.INK, "#B4BBC1"
_DASHES = (0, (3.0, 1.4))
_LOOKS = {
    "gained": (MORE_COLOR, _DASHES),
    "stronger": (MORE_COLOR, "solid"),
    "lost": (LESS_COLOR, _DASHES),
    "weaker": (LESS_COLOR, "solid"),
    "reversed": (REVERSED_COLOR, "solid"),
    "different": (REVERSED_COLOR, _DASHES),
}
_MOST_NUMBERS = 15


@takes_mudata
@on_paper
def argen_compare(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    level: str | None = None,
    key: str = "argen_compare",
    genes: Genes = None,
    ego: Genes = None,
    radius: int = 1,
    layout: str = "layered",
    edge_labels: bool | None = None,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the networks of two levels as one, and in colour what differs between them.

    Drawn are the edges of the network, and every other candidate whose difference is significant. Grey: no difference
    shown; green: stronger in the level than in the reference, dashed where it is there only (``"gained"``); wine:
    weaker, dashed where it is in the reference only (``"lost"``); black: of the other sign. An edge is as wide as the
    larger of its two effects, and ends in an arrow if that is positive, in a bar if it is negative. Numbers on edges
    that differ are the effects in the reference and in the level. A dotted line is an edge that could not be compared.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_compare`.
    level
        Level to hold against the reference. Default: the only other one.
    key
        Name of the result.
    genes
        Genes to draw, with the edges among them. Default: all.
    ego
        A gene or genes to draw along with their parents and children.
    radius
        How many edges `ego` reaches, in either direction.
    layout
        ``"layered"``, ``"spring"`` or ``"module"``, as in :func:`argen_network`.
    edge_labels
        Write both effects on every edge that differs. Default: up to 15 of them, if that can be read.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into; everything shrinks if they are small. Default: a new figure of the size that it needs.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        No comparison under `key`.
    argen.errors.InputError
        `level` is not compared, or not named although there are several; a gene is not in the network.

    See Also
    --------
    argen.pl.argen_forest : an edge over all levels.
    argen.get.comparison : the numbers.

    Examples
    --------
    >>> import anndata as ad
    >>> import argen as ag
    >>> screens = {name: ag.datasets.simulate("paper_fig2", rng=i) for i, name in enumerate(["control", "drug"])}
    >>> adata = ad.concat(screens, label="condition", index_unique="-")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["condition", "L"], depth="depth")
    >>> ag.tl.argen_compare(adata, by="condition")
    >>> axes = ag.pl.argen_compare(adata, show=False)
    """
    from argen import get
    from argen._bridge.results.names import ShownNames

    check_option("layout", layout, tuple(LAYOUTS))
    contrasts = get.comparison(adata, table="contrasts", key=key, gene_symbols=gene_symbols)
    level = _level(contrasts, level)
    entry = read_entry(adata, key, "comparison")
    given = ShownNames(adata, entry, gene_symbols, leaves_out=False).given
    ax = draw_compare(
        contrasts[contrasts["level"] == level],
        by=str(entry.settings["by"]),
        genes=given(genes),
        ego=given(ego),
        radius=radius,
        layout=layout,
        edge_labels=edge_labels,
        ax=ax,
    )
    return finish(ax, show)


def draw_compare(
    contrasts: pd.DataFrame,
    *,
    by: str = "",
    layout: str = "layered",
    edge_labels: bool | None = None,
    ax: "Axes | None" = None,
    **asked: object,
) -> "Axes":
    """Draw rows of one level of the table ``contrasts`` of :func:`argen.get.comparison`; see :func:`argen_compare`."""
    check_option("edge_labels", edge_labels, (None, True, False))
    graph = _graph(contrasts)
    views = Views(**asked)
    shown = _part(graph, views.chosen(graph), every=not views.any)
    changed = [change for *_, change in shown.edges(data="change") if change in _LOOKS]
    numbers = edge_labels if edge_labels is not None or 0 < len(changed) <= _MOST_NUMBERS else False
    level, reference = (str(contrasts[name].iloc[0]) for name in ("level", "reference"))
    n_compared = sum(change != "not compared" for *_, change in shown.edges(data="change"))
    heading = f"{by}: " if by else ""
    request = Request(
        graph,
        shown,
        layout,
        numbers,
        [],
        [f"{heading}{level} against {reference}; {len(changed)} of {counted(n_compared, 'edge')} differ"],
        lines=_lines(shown, level, reference),
        numbers_are=f"numbers: effect in {reference} → in {level}",
    )
    return draw_picture(ax, compose(request, None if ax is None else room_of(ax)), shown, {})


def _level(contrasts: pd.DataFrame, level: str | None) -> str:
    there = list(dict.fromkeys(contrasts["level"]))
    reference = contrasts["reference"].iloc[0]
    if level is None and len(there) == 1:
        return there[0]
    if level is None or str(level) not in there:
        what = "level is not named" if level is None else f"level={level!r} is not held against {reference!r}"
        msg = f"{what}: name one of {name_some(map(repr, there))}."
        raise InputError(msg)
    return str(level)


def _graph(contrasts: pd.DataFrame) -> nx.DiGraph:
    """Edges of the network, and those that differ; layers, and the order, are those of all of these."""
    rows = contrasts[contrasts["selected"].astype(bool) | contrasts["change"].isin(list(_LOOKS))]
    graph = nx.DiGraph()
    graph.add_nodes_from(sorted({*contrasts["source"], *contrasts["target"]}))
    for row in rows.sort_values(["source", "target"]).to_dict("records"):
        graph.add_edge(row["source"], row["target"], **_look(row))
    for i, gene in enumerate(nx.lexicographical_topological_sort(graph)):
        graph.nodes[gene]["order"] = i
    return graph


def _look(row: dict) -> dict[str, object]:
    here, before = row["coef"], row["coef_reference"]
    known = [value for value in (here, before) if np.isfinite(value)]
    weight = max(known, key=abs, default=0.0)
    if row["change"] not in _LOOKS:
        dashes = "solid" if row["change"] == NOT_SHOWN else (0, (0.8, 1.5))
        return {"weight": weight, "color": SAME_COLOR, "dashes": dashes, "change": row["change"], "text": ""}
    color, dashes = _LOOKS[row["change"]]
    text = f"{before:.2f} → {here:.2f}".replace("-", "−")
    return {"weight": weight, "color": color, "dashes": dashes, "change": row["change"], "text": text}


def _part(graph: nx.DiGraph, genes: list[str], *, every: bool) -> nx.DiGraph:
    """These genes with their edges; of the whole network those without an edge are left out."""
    shown = nx.DiGraph()
    shown.graph.update(graph.graph)
    chosen = [gene for gene in genes if not every or graph.degree[gene]] or genes
    shown.add_nodes_from((gene, graph.nodes[gene]) for gene in chosen)
    place = set(chosen)
    shown.add_edges_from((u, v, data) for u, v, data in graph.edges(data=True) if u in place and v in place)
    return shown


def _lines(graph: nx.DiGraph, level: str, reference: str) -> list[tuple[str, str, object]]:
    """Entries of the key for what is drawn."""
    words = {
        "gained": f"gained in {level}",
        "stronger": f"stronger in {level}",
        "lost": f"only in {reference}",
        "weaker": f"weaker in {level}",
        "reversed": "of the other sign",
        "different": "different, one sign in doubt",
    }
    there = {change for *_, change in graph.edges(data="change")}
    lines = [(text, *_LOOKS[change]) for change, text in words.items() if change in there]
    if NOT_SHOWN in there:
        lines.append((NOT_SHOWN, SAME_COLOR, "solid"))
    if "not compared" in there:
        lines.append(("not compared", SAME_COLOR, (0, (0.8, 1.5))))
    return lines
