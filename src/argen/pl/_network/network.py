"""Drawing of a causal gene network."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from argen._bridge.modality import takes_mudata
from argen._bridge.validate import check_count, check_option, name_some
from argen.get._opened import OpenedNetwork
from argen.pl._axes import on_paper
from argen.pl._network.compose import LAYOUTS, Request, compose
from argen.pl._network.draw import draw_picture, room_of
from argen.pl._network.grades import with_grades
from argen.pl._network.modules import KnownModules
from argen.pl._network.most_connected import MAX_GENES, hidden_genes_note, hubs
from argen.pl._network.responders import strongest_responders, with_responders
from argen.pl._network.select import node_colors, shown_part
from argen.pl._network.sheet import hidden_note
from argen.pl._network.views import Genes, Views
from argen.pl._show import finish
from argen.pl._wording import left_out_words, loops_words

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from mudata import MuData

__all__ = ["argen_network", "draw_network"]

_MOST_NUMBERS = 15  # edges of a view up to which each carries its numbers


@takes_mudata
@on_paper
def argen_network(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    genes: Genes = None,
    parents_of: Genes = None,
    children_of: Genes = None,
    ego: Genes = None,
    radius: int = 1,
    between: tuple[str, str] | None = None,
    min_abs_coef: float = 0.0,
    layout: str = "layered",
    edge_labels: bool | None = None,
    color: Mapping[str, object] | str | None = None,
    grade: bool = False,
    responders: int = 0,
    max_genes: int = MAX_GENES,
    gene_symbols: str | None = None,
    ax: "Axes | None" = None,
    show: bool | None = None,
) -> "Axes | None":
    """Draw the causal gene network, the whole or the part around some genes.

    An edge is as wide as its direct effect is large; a positive effect is a blue arrow, a negative one an orange line
    that ends in a bar. Genes without an edge stand in a block of their own. Up to 60 genes with edges are boxes with
    their names; more, or as many in axes too small for their names, are dots whose area grows with the number of edges,
    and only those with the most edges are named. A note names edges of a joint network whose direction is undetermined,
    and the loops that edges of :func:`argen.tl.argen_dag` hang on (``loop`` in :func:`argen.get.edges`).

    Parameters
    ----------
    adata
        Annotated data with the result of ``ag.tl.argen_dag``.
    key
        Where that result is stored.
    genes
        Genes to draw, with the edges among them. Default: all genes of the network, unless another view names some.
        The views `genes`, `parents_of`, `children_of`, `ego` and `between` are combined: their union is drawn, with
        every edge among its genes.
    parents_of
        A gene or genes to draw along with their parents.
    children_of
        A gene or genes to draw along with their children.
    ego
        A gene or genes to draw along with their parents and children.
    radius
        How many edges `ego` reaches, in either direction.
    between
        Two genes: draw all directed paths from the first to the second, that is exactly the genes and edges that lie on
        one.
    min_abs_coef
        Leave out edges whose absolute effect is smaller; a note says how many those are. Views are made before. Edges
        without a known effect are grey, and left out if this is above 0.
    layout
        ``"layered"``: roots on top, every gene below all of its parents, few crossings. ``"spring"``: by forces, genes
        with strong edges between them are close. ``"module"``: genes with more edges among them than to others stand
        together, in numbered and tinted modules named by their hubs (Louvain's method on ``|coef|``); edges between
        modules are dashed.
    edge_labels
        Write effect and 95 % interval on every edge. Default: in views with at most 15 edges, if that can be read.
    color
        Colours of the genes: a dict from gene to colour (other genes keep the default), or the name of a
        numeric attribute of the genes, ``"order"`` or ``"layer"``.
    grade
        Draw what the edges are worth, too (``grade`` in :func:`argen.get.evidence`): solid lines are strong, long
        dashes moderate, short dashes weak, dots doubtful. The lower the grade, the thinner a line may be at most, so
        that the widest line is always one of the best grade that is drawn.
    responders
        Genes that are no nodes to draw below each gene: so many of those that it regulates with the strongest evidence,
        and all that are named by `genes` or `parents_of`, of :func:`argen.tl.argen_responders`. They are white and have
        every edge to what is drawn; a note says how many more each gene regulates.
    max_genes
        Of more genes than this the ones with the most edges are drawn, with the edges among them; a note says so.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.
    ax
        Axes to draw into; everything shrinks, text too, if they are small, and genes become dots where their
        names could not be read. Default: a new figure of the size that the network needs.
    show
        Show the figure and return `None`. Default: ``scanpy.settings.autoshow``.

    Returns
    -------
    `None` if the figure is shown, else the :class:`~matplotlib.axes.Axes`.

    Raises
    ------
    argen.errors.MissingResultError
        `adata` holds no network under `key`.
    argen.errors.InputError
        A gene is not in the network, no path leads from the first gene of `between` to the second, or another argument
        cannot be used; the message names it.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> axes = ag.pl.argen_network(adata, min_abs_coef=0.1, color="layer", show=False)
    >>> axes = ag.pl.argen_network(adata, between=("X1", "X6"), layout="spring", show=False)
    """
    from argen import get

    check_option("layout", layout, tuple(LAYOUTS))
    check_option("grade", grade, (True, False))
    network = OpenedNetwork(adata, key, gene_symbols=gene_symbols)
    given = network.names.given
    graph = network.graph(responders=check_count("responders", responders, 0) > 0)
    named = [name for view in (genes, parents_of) if view is not None for name in np.atleast_1d(given(view))]
    graph, more = strongest_responders(graph, responders, named)
    if grade:
        table = get.evidence(adata, key=key, responders=responders > 0, gene_symbols=gene_symbols)
        graph = with_grades(graph, table)
    ax = draw_network(
        graph,
        genes=given(genes),
        parents_of=given(parents_of),
        children_of=given(children_of),
        ego=given(ego),
        radius=radius,
        between=given(between),
        min_abs_coef=min_abs_coef,
        layout=layout,
        edge_labels=edge_labels,
        color=color if isinstance(color, str) else given(color),
        max_genes=max_genes,
        notes=[more],
        ax=ax,
    )
    return finish(ax, show)


def draw_network(
    graph: nx.DiGraph,
    *,
    min_abs_coef: float = 0.0,
    layout: str = "layered",
    edge_labels: bool | None = None,
    color: Mapping[str, object] | str | None = None,
    max_genes: int = MAX_GENES,
    notes: Sequence[str] = (),
    modules: KnownModules | None = None,
    ax: "Axes | None" = None,
    **asked: object,
) -> "Axes":
    """Draw a graph as :func:`argen.get.graph` returns it; see :func:`argen_network`, also for the views in `asked`.

    `notes` are written below the drawing, each in a line; with `modules` the layout ``"module"`` draws these.
    """
    views = Views(**asked)
    check_option("edge_labels", edge_labels, (None, True, False))
    shown, n_hidden = shown_part(graph, views.chosen(graph), min_abs_coef)
    shown, few = _few_enough(shown, check_count("max_genes", max_genes, 1))
    faces, explained = node_colors(shown, color)
    faces, explained = with_responders(shown, faces, explained)
    numbers = edge_labels
    if numbers is None and (not views.any or shown.number_of_edges() > _MOST_NUMBERS):
        numbers = False
    gone = graph.graph.get("n_edges_left_out", 0) if graph.number_of_edges() else 0  # the heading says it if all are
    said = [
        few,
        *notes,
        hidden_note(n_hidden, min_abs_coef),
        left_out_words(gone),
        _loops_note(shown),
        loops_words(_loops(shown)),
    ]
    picture = compose(
        Request(graph, shown, layout, numbers, explained, said, modules), None if ax is None else room_of(ax)
    )
    return draw_picture(ax, picture, shown, faces)


def _few_enough(graph: nx.DiGraph, limit: int) -> tuple[nx.DiGraph, str]:
    """The hubs of a graph with too many genes, and a note on what is left out."""
    if len(graph) <= limit:
        return graph, ""
    part, _ = shown_part(graph, hubs(graph, limit), 0.0)
    return part, hidden_genes_note(len(part), len(graph), graph.number_of_edges() - part.number_of_edges())


def _loops(graph: nx.DiGraph) -> list[str]:
    """The loops that each edge of the two-stage search hangs on."""
    return [text for _, _, text in graph.edges(data="loop", default="")]


def _loops_note(graph: nx.DiGraph) -> str:
    """Edges of the joint search whose reverse has an effect that the network does not explain."""
    loops = [f"{a} → {b}" for a, b, flags in graph.edges(data="flags", default="") if str(flags).startswith("loop")]
    return f"loop, direction undetermined: {name_some(sorted(loops), 3)}" if loops else ""
