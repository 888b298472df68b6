"""The network as a networkx graph."""

from typing import TYPE_CHECKING

from argen._bridge.slots import read_result
from argen.get._tables import edges

if TYPE_CHECKING:
    import networkx as nx
    from anndata import AnnData

__all__ = ["graph"]


def graph(adata: "AnnData", *, key: str = "argen_dag") -> "nx.DiGraph":
    """Selected edges as a directed acyclic graph.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the result.

    Returns
    -------
    :class:`networkx.DiGraph` over all genes of the network. Node attributes ``order`` (position in the causal order)
    and ``layer`` (longest path from a root); edge attributes ``weight`` (direct effect), ``se``, ``z``, ``p``. All
    of them are plain Python numbers, so that every writer of networkx takes them.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    Examples
    --------
    >>> import argen as ag
    >>> import networkx as nx
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> network = ag.get.graph(adata)
    >>> nx.is_directed_acyclic_graph(network)
    True
    """
    import networkx as nx

    nodes = read_result(adata, key, "ag.tl.argen_dag", "nodes")["nodes"]
    network = nx.DiGraph()
    for order, (gene, layer) in enumerate(zip(nodes["gene"].astype(str), nodes["layer"], strict=True)):
        if gene in adata.var_names:
            network.add_node(gene, order=order, layer=int(layer))
    for edge in edges(adata, key=key).itertuples():
        attributes = {"weight": float(edge.coef), "se": float(edge.se), "z": float(edge.z), "p": float(edge.p)}
        network.add_edge(edge.source, edge.target, **attributes)
    return network
