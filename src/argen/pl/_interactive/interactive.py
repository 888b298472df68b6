"""`ag.pl.argen_interactive`: a network to zoom, search and filter in the browser."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from argen._bridge.files import check_path, replaced
from argen._bridge.modality import takes_mudata
from argen._bridge.validate import check_count, check_option
from argen.errors import InputError
from argen.get import evidence
from argen.get._opened import OpenedNetwork
from argen.get._responders import edges_to_responders
from argen.pl._interactive.content import MAX_GENES, page_content
from argen.pl._interactive.page import make_page
from argen.pl._network.grades import with_grades

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["InteractivePage", "argen_interactive", "draw_interactive"]

_FRAME_HEIGHT = 640  # pixels in a notebook


class InteractivePage:
    """A page that a notebook shows in a frame of its own.

    Attributes
    ----------
    html
        The whole page.
    """

    __slots__ = ("html",)

    def __init__(self, html: str) -> None:
        self.html = html

    def __repr__(self) -> str:
        return f"<interactive network, {len(self.html) / 1e6:.1f} MB of HTML; a notebook shows it>"

    def _repr_html_(self) -> str:
        # Sandboxed: the page may run its scripts and save pictures, but knows nothing of the notebook.
        return (
            f'<iframe title="Interactive gene network" sandbox="allow-scripts allow-downloads" width="100%" '
            f'height="{_FRAME_HEIGHT}" style="border:1px solid #ccd2d8" srcdoc="{escape(self.html)}"></iframe>'
        )


@takes_mudata
def argen_interactive(
    adata: "AnnData | MuData",
    *,
    path: str | Path | None = None,
    key: str = "argen_dag",
    grade: bool = False,
    responders: bool | str = False,
    max_genes: int = MAX_GENES,
    title: str | None = None,
    gene_symbols: str | None = None,
) -> "Path | InteractivePage":
    """Make a page to explore the network in a browser: zoom, search, filter, neighbours of a gene, numbers of an edge.

    One file that holds everything and opens without a network. Genes stand as in :func:`argen_network`, every one below
    its parents; of networks with very many long edges the rows are kept and the edges run straight. A blue arrow is a
    positive effect, an orange line that ends in a bar a negative one, width is size; edges with weak instruments are
    dashed. Pointing at an edge or a gene shows what :func:`argen.get.edges` and :func:`argen.get.perturbations` know
    about it. A click shows a gene with its parents and children; sliders and fields leave out edges by p and by effect,
    and the page counts what is left. The picture as it is shown can be saved as SVG and PNG.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`, or a baseline. The knock-downs are shown if the descendant step that the
        network was made from is there.
    path
        File to write, ending in ``.html``; one that is there is replaced. Default: no file, but an object that a
        notebook shows.
    key
        Name of the network.
    grade
        Draw what the edges are worth, as in :func:`argen_network`, and tell the reasons at each edge. Dashes then mean
        grades, not weak instruments.
    responders
        Also the edges to genes that are no nodes: ``True``, or the name of the result of
        :func:`argen.tl.argen_responders`. They are folded: a gene with responders carries their number, as in
        ``STAT1 +12``, and a click on it (a double click on the gene, the button in its panel) unfolds them as leaves
        round the gene and folds them again. A responder of several genes is there once, with edges from those that are
        unfolded; ``←1`` behind its name counts the others. The search finds it and unfolds all its regulators. Filters
        hold for these edges too, and the numbers follow.
    max_genes
        Of a larger network only so many genes are drawn, those with the most edges, and the page says so. Responders do
        not count; those of genes that are not drawn are left out.
    title
        Heading; default ``"Causal gene network"``.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The path of the file; without `path` an object with the page in ``html``, which a notebook shows.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`, or no such result for `responders`.
    argen.errors.StaleResultError
        The result for `responders` was not made from this network.
    argen.errors.InputError
        `path` does not end in ``.html``, is a folder, or is in a folder that is not there; `max_genes` is not a
        positive integer, or `title` no text.

    See Also
    --------
    argen.pl.argen_network : the network as a figure.
    argen.report : a page about everything that the network rests on.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = ag.pl.argen_interactive(adata, path=Path(folder) / "network.html").read_text(encoding="utf-8")
    >>> page.count("<h1")
    1
    """
    path = None if path is None else check_path(path, (".html",), "network.html")
    max_genes = check_count("max_genes", max_genes, 1)
    if title is not None and not isinstance(title, str):
        msg = f"title={title!r} is not a text."
        raise InputError(msg)
    check_option("grade", grade, (True, False))
    network = OpenedNetwork(adata, key, gene_symbols=gene_symbols)
    graph, edges, leaves = network.graph(responders=responders), network.edges, None
    if responders is not False:
        leaves = edges_to_responders(network.adata, network.names, network.entry, responders)
    if grade:
        table = evidence(adata, key=key, responders=responders, gene_symbols=gene_symbols)
        graph, edges = with_grades(graph, table), _graded(edges, table)
        leaves = None if leaves is None else _graded(leaves, table)
    page = draw_interactive(graph, edges, network.perturbations, leaves, max_genes=max_genes, title=title)
    if path is None:
        return InteractivePage(page)
    with replaced(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return path


def _graded(edges: pd.DataFrame, evidence: pd.DataFrame) -> pd.DataFrame:
    """Edges with grade and reasons."""
    ends = ["source", "target"]
    return edges.merge(evidence[[*ends, "grade", "reasons"]].astype(str), on=ends, how="left")


def draw_interactive(
    graph: nx.DiGraph,
    edges: pd.DataFrame,
    perturbations: pd.DataFrame | None = None,
    responders: pd.DataFrame | None = None,
    *,
    max_genes: int = MAX_GENES,
    title: str | None = None,
) -> str:
    """The page for a graph and tables as the `get` functions return them; see :func:`argen_interactive`.

    Parameters
    ----------
    graph
        As :func:`argen.get.graph` returns it.
    edges
        As :func:`argen.get.edges` returns it, a row for every edge of `graph` between genes of the network.
    perturbations
        As :func:`argen.get.perturbations` returns it; None if the knock-downs are not known.
    responders
        As :func:`argen.get.responders` returns it, a row for every edge of `graph` to a responder; None without them.
    """
    content = page_content(graph, edges, perturbations, max_genes, responders)
    return make_page(title or "Causal gene network", content)
