"""The network as the JSON of Cytoscape and Cytoscape.js."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from argen import __version__, get
from argen._bridge.files import check_path, replaced
from argen._bridge.modality import takes_mudata
from argen._bridge.validate import check_option

if TYPE_CHECKING:
    import networkx as nx
    from anndata import AnnData
    from mudata import MuData

__all__ = ["write_cyjs"]

# Room for a node as Cytoscape draws it by default, 75 × 35, where ours are as wide as their names and 17 high.
_LETTER, _LEAST_LABEL, _SPREAD = 5.5, 50.0, 1.6


@takes_mudata
def write_cyjs(
    adata: "AnnData | MuData",
    path: str | Path,
    *,
    key: str = "argen_dag",
    selected: bool = True,
    responders: bool | str = False,
    layout: Literal["layered"] | None = "layered",
    gene_symbols: str | None = None,
) -> Path:
    """Write the network as ``.cyjs``, the JSON of Cytoscape and Cytoscape.js, with the layout of the drawing.

    The file holds the graph of :func:`argen.get.graph` with all its attributes. Every node also has ``id``, ``name``
    and ``value`` (its gene; networkx wants the last) and a position; every edge ``id``, ``name``, ``source``,
    ``target`` and ``interaction`` (its ``sign``, or ``"unsigned"``). Where an attribute has no value it is left
    out, so that the file is JSON in the strict sense.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    path
        File to write, ending in ``.cyjs`` or ``.json``; one that is there is replaced, once the new one is complete.
    key
        Name of the network.
    selected
        Only the edges of the network; ``False`` writes every candidate that was tested, with the attribute
        ``in_network``. Positions are the same.
    responders
        Also the edges to responders, as in :func:`argen.get.graph`.
    layout
        ``"layered"``: every gene below all of its parents, as :func:`argen.pl.argen_network` draws it (in a network
        with cycles, those that come before it in the order); ``None``: no positions.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The path of the file.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`.
    argen.errors.InputError
        `path` has another ending, is a folder, or is in a folder that is not there; unknown `layout`.

    See Also
    --------
    argen.io.write_graphml : for igraph, Gephi and networkx.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network = json.loads(ag.io.write_cyjs(adata, Path(folder) / "network.cyjs").read_text())
    >>> min(edge["data"]["name"] for edge in network["elements"]["edges"])
    'X1 (negative) X3'
    """
    path = check_path(path, (".cyjs", ".json"), "network.cyjs")
    check_option("layout", layout, ("layered", None))
    graph = get.graph(adata, key=key, selected=selected, responders=responders, gene_symbols=gene_symbols)
    positions = {} if layout is None else _positions(graph)
    content = {
        "format_version": "1.0",
        "generated_by": f"argen-{__version__}",
        "target_cytoscapejs_version": "~2.1",
        "directed": True,
        "multigraph": False,
        "data": {"name": key, **graph.graph},
        "elements": {"nodes": _nodes(graph, positions), "edges": _edges(graph)},
    }
    text = json.dumps(content, allow_nan=False, indent=1)
    with replaced(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
    return path


def _nodes(graph: "nx.DiGraph", positions: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    nodes = []
    for gene, attributes in graph.nodes(data=True):
        node = {"data": {"id": gene, "name": gene, "value": gene, **attributes}}
        nodes.append(node | {"position": positions[gene]} if positions else node)
    return nodes


def _edges(graph: "nx.DiGraph") -> list[dict[str, Any]]:
    edges, taken = [], set(graph)
    for source, target, attributes in graph.edges(data=True):
        sign = attributes.get("sign", "unsigned")  # no estimate, or one of exactly 0
        name = f"{source} ({sign}) {target}"
        ends = {"id": _unused(name, taken), "name": name, "source": source, "target": target, "interaction": sign}
        edges.append({"data": ends | attributes})
    return edges


def _unused(name: str, taken: set[str]) -> str:
    """A name that neither a node nor an edge has: Cytoscape.js keeps both in one list."""
    while name in taken:
        name += "'"
    taken.add(name)
    return name


def _positions(graph: "nx.DiGraph") -> dict[str, dict[str, float]]:
    """Middle of every node, y pointing down, as the drawing of the network has them."""
    import networkx as nx

    from argen.pl._network.layout import layered_layout

    order = graph.nodes(data="order")
    drawn = nx.DiGraph()
    drawn.add_nodes_from(graph)
    edges = ((u, v) for u, v, used in graph.edges(data="in_network") if used and order[u] < order[v])
    drawn.add_edges_from(sorted(edges, key=lambda edge: (order[edge[0]], order[edge[1]])))
    widths = {gene: max(_LETTER * len(gene), _LEAST_LABEL) for gene in graph}  # the font is the reader's
    centers = layered_layout(drawn, widths).centers
    return {gene: {"x": round(_SPREAD * x, 2), "y": round(-_SPREAD * y, 2)} for gene, (x, y) in centers.items()}
