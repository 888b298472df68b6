"""The network as a graph, and as other packages take it."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.network import step_of_network
from argen._bridge.runtime import warn_user
from argen._bridge.validate import check_option, counted, name_some
from argen.errors import InputError
from argen.get._tables import edges, held, n_left_out, targets

if TYPE_CHECKING:
    import networkx as nx
    from anndata import AnnData

__all__ = ["decoupler_net", "gene_table", "graph"]

# Cytoscape keeps in its own column `selected` what is highlighted, and would overwrite ours at the first click.
_EDGE_NAMES = {"coef": "weight", "selected": "in_network"}
_TARGET_NAMES = {
    "n_cells": "n_cells",
    "effect": "knockdown_effect",
    "se": "knockdown_se",
    "p": "knockdown_p",
    "flags": "knockdown_flags",
    "z_squared": "z_squared",
    "weak": "weak",
    "n_descendants": "n_descendants",
}
_SIGNS = {-1.0: "negative", 1.0: "positive"}


def graph(adata: "AnnData", *, key: str = "argen_dag", selected: bool = True) -> "nx.DiGraph":
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

    Returns
    -------
    :class:`networkx.DiGraph` over all genes of the network, in causal order. The edges of :func:`argen.tl.argen_dag`
    make no cycle, nor do its candidates; those of another method may.

    Edge attributes: ``weight`` (direct effect, ``coef`` of :func:`argen.get.edges`), ``sign`` (``"positive"``,
    ``"negative"``), ``in_network`` (``selected`` there), and all other columns of that table under their names.

    Node attributes: ``order`` (position in the causal order), ``layer`` (longest path from a root), ``in_degree`` and
    ``out_degree`` (edges of the network, not candidates); and, if the descendant step that the network was made from is
    still there, of :func:`argen.get.targets` ``n_cells``, ``knockdown_effect``, ``knockdown_se``, ``knockdown_p``,
    ``knockdown_flags``, ``z_squared``, ``weak`` (the instrument) and ``n_descendants``.

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
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> network = ag.get.graph(adata)
    >>> nx.is_directed_acyclic_graph(network)
    True
    >>> network.edges["X1", "X2"]["sign"]
    'positive'
    """
    import networkx as nx

    result = read_entry(adata, key, "network")
    network = nx.DiGraph()
    network.graph.update(_about(result))
    stored = result.tables["edges"]
    if gone := n_left_out(adata, stored[stored["selected"]] if selected else stored):
        network.graph["n_edges_left_out"] = gone
    for gene in gene_table(adata, key).to_dict("records"):
        network.add_node(gene.pop("gene"), **_scalars(gene))
    for edge in _edge_table(adata, key, selected).to_dict("records"):
        network.add_edge(edge.pop("source"), edge.pop("target"), **_scalars(edge))
    return network


def _about(network: Entry) -> dict[str, Any]:
    """What the network is, and how it was made."""
    settings = dict(sorted(network.settings.items()))  # a file does not keep their order
    return _scalars({"key": network.key, "argen_version": network.versions["argen"]} | settings)


def gene_table(adata: "AnnData", key: str) -> pd.DataFrame:
    """The genes of a network that `adata` still holds, in causal order, with what is known about each."""
    result = read_entry(adata, key, "network")
    nodes, network = result.tables["nodes"], edges(adata, key=key)
    genes = nodes["gene"].astype(str)
    table = pd.DataFrame({"gene": genes, "order": np.arange(len(genes)), "layer": nodes["layer"]})
    table = table[held(adata, genes)].reset_index(drop=True)
    for name, end in (("in_degree", "target"), ("out_degree", "source")):
        table[name] = table["gene"].map(network[end].value_counts()).fillna(0).astype(np.int64)
    if step_of_network(adata, result) is not None:
        known = targets(adata, key=result.settings["descendants_key"], network=False)
        known = known[known["status"].astype(str) == "kept"].set_index("target")[list(_TARGET_NAMES)]
        table = table.join(known.rename(columns=_TARGET_NAMES), on="gene")
    return table


def _edge_table(adata: "AnnData", key: str, selected: bool) -> pd.DataFrame:  # noqa: FBT001
    """Edges under the names that they have in a graph."""
    table = edges(adata, key=key, selected=selected).rename(columns=_EDGE_NAMES)
    signs = np.sign(table["weight"]).map(_SIGNS)
    table.insert(table.columns.get_loc("weight") + 1, "sign", signs)
    return table


def _scalars(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are a value, as Python's own type."""
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in values.items()}
    return {name: value for name, value in plain.items() if _is_value(value)}


def _is_value(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (bool, int)) or (isinstance(value, str) and value != "")


def decoupler_net(
    adata: "AnnData", *, key: str = "argen_dag", weight: Literal["coef", "z", "sign"] = "coef"
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
    >>> ag.tl.argen_dag(adata, target_key="target", covariates=["L"], depth="depth")
    >>> ag.get.decoupler_net(adata, weight="sign").head(1)
      source target  weight
    0     X1     X2     1.0
    """
    check_option("weight", weight, ("coef", "z", "sign"))
    table = edges(adata, key=key)
    values = np.sign(table["coef"]) if weight == "sign" else table[weight]
    net = table[["source", "target"]].assign(weight=values.astype(np.float64))
    missing = net[~np.isfinite(net["weight"])]
    if len(missing) and len(missing) == len(net):
        msg = f"weight={weight!r}: no edge of adata.uns[{key!r}] has one. Use weight='coef'."
        raise InputError(msg)
    if len(missing):
        named = name_some(f"{edge.source} → {edge.target}" for edge in missing.itertuples())
        warn_user(f"{counted(len(missing), 'edge')} left out of the net, no {weight}: {named}.")
    return net.drop(index=missing.index).reset_index(drop=True)
