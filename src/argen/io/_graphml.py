"""The network as GraphML."""

import re
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argen import get
from argen._bridge.files import check_path, replaced
from argen._bridge.modality import takes_mudata
from argen._bridge.validate import name_some
from argen.errors import InputError

if TYPE_CHECKING:
    import networkx as nx
    from anndata import AnnData
    from mudata import MuData

__all__ = ["write_graphml"]

# Outside the characters of XML 1.0, or (carriage return) changed by every reader.
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@takes_mudata
def write_graphml(
    adata: "AnnData | MuData",
    path: str | Path,
    *,
    key: str = "argen_dag",
    selected: bool = True,
    responders: bool | str = False,
    gene_symbols: str | None = None,
) -> Path:
    """Write the network as GraphML, which Cytoscape, Gephi, igraph (Python and R) and networkx read.

    The file holds the graph of :func:`argen.get.graph` with all its attributes and their types, numbers to the last
    bit, and the attribute ``name`` of every node (its gene once more: igraph finds vertices by it). Where an
    attribute has no value it is left out.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    path
        File to write, ending in ``.graphml`` or ``.xml``; one that is there is replaced, once the new one is complete.
    key
        Name of the network.
    selected
        Only the edges of the network; ``False`` writes every candidate that was tested, with the attribute
        ``in_network``.
    responders
        Also the edges to responders, as in :func:`argen.get.graph`.
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
        `path` has another ending, is a folder, or is in a folder that is not there; or the name of a gene has a control
        character, which no XML file can hold.

    See Also
    --------
    argen.io.write_cyjs : with a layout, for Cytoscape.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import argen as ag
    >>> import networkx as nx
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     network = nx.read_graphml(ag.io.write_graphml(adata, Path(folder) / "network.graphml"))
    >>> network.edges["X1", "X2"]["weight"] == ag.get.graph(adata).edges["X1", "X2"]["weight"]
    True
    """
    path = check_path(path, (".graphml", ".xml"), "network.graphml")
    graph = get.graph(adata, key=key, selected=selected, responders=responders, gene_symbols=gene_symbols)
    content = _graphml(graph)
    with replaced(path) as temporary:
        temporary.write_bytes(content)
    return path


def _graphml(graph: "nx.DiGraph") -> bytes:
    from networkx.readwrite.graphml import GraphMLWriter

    class Writer(GraphMLWriter):
        """Truth values as XML has them, which networkx writes as Python does; the same with and without lxml."""

        def add_data(self, name: str, element_type: type, value: object, *args: Any, **kwargs: Any) -> Any:
            element = super().add_data(name, element_type, value, *args, **kwargs)
            if element_type is bool:
                element.text = str(value).lower()
            return element

    _check_texts(graph)
    for gene, attributes in graph.nodes(data=True):
        attributes["name"] = gene
    writer, file = Writer(encoding="utf-8", prettyprint=True), BytesIO()
    writer.add_graph_element(graph)
    writer.dump(file)
    return file.getvalue()


def _check_texts(graph: "nx.DiGraph") -> None:
    if genes := [gene for gene in graph if _NOT_IN_XML.search(gene)]:
        msg = (
            f"Names of genes with control characters, which GraphML cannot hold: {name_some(map(repr, genes))}. "
            "Rename them before the analysis, or use ag.io.write_cyjs."
        )
        raise InputError(msg)
    texts = {name: value for name, value in graph.graph.items() if isinstance(value, str)}
    if wrong := [f"{name}={value!r}" for name, value in texts.items() if _NOT_IN_XML.search(value)]:
        msg = f"Control characters, which GraphML cannot hold, in {name_some(wrong)}. Use ag.io.write_cyjs."
        raise InputError(msg)
