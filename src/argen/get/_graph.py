"""The network as a graph, and as other packages take it."""

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.runtime import warn_user
from argen._bridge.validate import check_option, counted, name_some
from argen.errors import InputError
from argen.get._opened import OpenedNetwork
from argen.get._tables import edges

if TYPE_CHECKING:
    import networkx as nx
    from anndata import AnnData
    from mudata import MuData

__all__ = ["decoupler_net", "graph"]


@takes_mudata
def graph(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    selected: bool = True,
    responders: bool | str = False,
    gene_symbols: str | None = None,
) -> "nx.DiGraph":
    """Network as a directed graph, with everything that is known about its edges and genes.

    Every attribute is a plain Python ``bool``, ``int``, ``float`` or ``str``, so that every writer of networkx takes
    it. An attribute that has no value (missing, infinite, an empty text) is left out of that edge or gene.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the result.
    selected
        Only the edges of the network; ``False`` gives every candidate that was tested.
    responders
        Also the edges to genes that are no nodes: ``True``, or the name of the result of
        :func:`argen.tl.argen_responders`. They are leaves with the attribute ``kind="responder"``.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    :class:`networkx.DiGraph` over all genes of the network, in causal order. The edges of :func:`argen.tl.argen_dag`
    make no cycle, nor do its candidates; those of another method may.

    Edge attributes: ``weight`` (direct effect, ``coef`` of :func:`argen.get.edges`), ``sign`` (``"positive"``,
    ``"negative"``), ``in_network`` (``selected`` there), and all other columns of that table under their names.

    Node attributes: ``order`` (position in the causal order), ``layer`` (longest path from a root), ``in_degree`` and
    ``out_degree`` (edges of the network, not candidates); and, if the descendant step that the network was made from is
    still there, of :func:`argen.get.perturbations` ``n_cells``, ``knockdown_effect`` (natural log fold change),
    ``knockdown_se``, ``knockdown_p``, ``knockdown_flags``, ``z_squared``, ``weak`` (the instrument) and
    ``n_descendants``.

    Genes that `adata` no longer holds are left out. What is counted is then counted among the others; ``order`` and
    ``layer`` are those of the network as it was found.

    Graph attributes: ``key``, ``argen_version`` (the one that found the network), the parameters of the method that are
    single values and, if any, ``n_edges_left_out``: edges one of whose genes `adata` no longer holds.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.

    See Also
    --------
    argen.io.write_graphml, argen.io.write_cyjs : the same as a file.

    Examples
    --------
    >>> import argen as ag
    >>> import networkx as nx
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> network = ag.get.graph(adata)
    >>> nx.is_directed_acyclic_graph(network)
    True
    >>> network.edges["X1", "X2"]["sign"]
    'positive'
    """
    return OpenedNetwork(adata, key, gene_symbols=gene_symbols).graph(selected=selected, responders=responders)


@takes_mudata
def decoupler_net(
    adata: "AnnData | MuData",
    *,
    key: str = "argen_dag",
    weight: Literal["coef", "z", "sign"] = "coef",
    responders: bool | str = False,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Network as the ``net`` of decoupler, which scores from it what each gene does to its targets.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the result.
    weight
        ``"coef"``: direct effect; ``"z"``: effect by its standard error; ``"sign"``: 1 or −1.
    responders
        Also the edges to responders, as in :func:`graph`.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per edge of the network, strongest evidence first: ``source``, ``target`` (texts), ``weight`` (number). No
    edge is there twice, no weight is missing: edges without one are left out with a warning.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        Unknown `weight`, or one that no edge of this network has (some methods have no z).

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.get.decoupler_net(adata, weight="sign").head(1)
      source target  weight
    0     X1     X2     1.0
    """
    check_option("weight", weight, ("coef", "z", "sign"))
    table = edges(adata, key=key, responders=responders, gene_symbols=gene_symbols)
    values = np.sign(table["coef"]) if weight == "sign" else table[weight]
    net = table[["source", "target"]].assign(weight=values.astype(np.float64))
    missing = net[~np.isfinite(net["weight"])]
    if len(missing) and len(missing) == len(net):
        cure = "Use weight='coef'." if table["coef"].notna().any() else "The network has no effects at all."
        msg = f"weight={weight!r}: no edge of adata.uns[{key!r}] has one. {cure}"
        raise InputError(msg)
    if len(missing):
        named = name_some(f"{edge.source} → {edge.target}" for edge in missing.itertuples())
        warn_user(f"{counted(len(missing), 'edge')} left out of the net, no {weight}: {named}.")
    return net.drop(index=missing.index).reset_index(drop=True)
