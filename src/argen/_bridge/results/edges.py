"""Edges of any network, whatever found it, among the genes that the object still holds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.responders.stored import read_responders
from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.names import ShownNames

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["NetworkEdges", "network_edges"]


@dataclass(frozen=True, slots=True)
class NetworkEdges:
    """A network as a list of edges; genes by the names of ``var_names``.

    Attributes
    ----------
    entry
        What is stored.
    responders
        The result whose edges to genes that are no nodes are among the edges, None if they were not asked for.
    genes
        All genes, nodes in causal order first.
    n_nodes
        How many of them are nodes; the others are responders.
    layer
        Longest path from a root, as it was found; of responders one more than that of their lowest parent.
    source, target
        Positions of the ends of the selected edges among `genes`.
    coef, z
        Direct effect of each edge and its test statistic, missing where the method has none.
    names
        What the genes are called.
    """

    entry: Entry
    responders: Entry | None
    genes: np.ndarray
    n_nodes: int
    layer: np.ndarray
    source: np.ndarray
    target: np.ndarray
    coef: np.ndarray
    z: np.ndarray
    names: ShownNames

    @property
    def matrix(self) -> np.ndarray:
        """Whether there is an edge, [source, target]."""
        edges = np.zeros((len(self.genes), len(self.genes)), dtype=bool)
        edges[self.source, self.target] = True
        return edges

    @property
    def strength(self) -> tuple[np.ndarray, str]:
        """What an edge weighs, and the name of it: its absolute z, or effect where an edge has no test statistic."""
        by_z = bool(np.isfinite(self.z).all()) and len(self.z) > 0
        values = np.abs(self.z if by_z else self.coef)
        return np.nan_to_num(values, posinf=np.finfo(np.float64).max), "z" if by_z else "coef"

    def made_from(self) -> dict[str, str]:
        """Ids for an entry that is made from the network."""
        more = {} if self.responders is None else {"responders": self.responders.id}
        return {**self.entry.made_from, "network": self.entry.id, **more}

    def settings(self) -> dict[str, str]:
        """Names for an entry that is made from the network, as its diagnostics have them."""
        more = {} if self.responders is None else {"responders": self.responders.key}
        return {"key": self.entry.key, **more}


def network_edges(adata: "AnnData", network: str, *, responders: object = False) -> NetworkEdges:
    """Read ``uns[network]``; `responders` as in :func:`argen.get.edges`. Genes that are gone are told in a warning."""
    entry = read_entry(adata, network, "network")
    names = ShownNames(adata, entry)
    nodes = entry.tables["nodes"]
    nodes = nodes[names.held(nodes["gene"])]
    edges = _held(names, entry)
    genes, layer = nodes["gene"].astype(str).to_numpy(object), nodes["layer"].to_numpy(np.int64)
    found = None
    if responders is not False:
        found = read_responders(adata, entry, responders)
        of_responders = ShownNames(adata, found)
        leaves = found.tables["genes"]["gene"].astype(str)
        leaves = leaves[of_responders.held(leaves)].to_numpy(object)
        further = _held(of_responders, found)
        layer = np.concatenate([layer, _below(leaves, further, dict(zip(genes, layer, strict=True)))])
        genes, edges = np.concatenate([genes, leaves]), pd.concat([edges, further], ignore_index=True)
    at = pd.Index(genes)
    source, target = (at.get_indexer(edges[end]) for end in ("source", "target"))
    coef, z = (edges[name].to_numpy(np.float64) for name in ("coef", "z"))
    return NetworkEdges(entry, found, genes, len(nodes), layer, source, target, coef, z, names)


def _held(names: ShownNames, entry: Entry) -> pd.DataFrame:
    """Selected edges both ends of which are there, by the names of ``var_names``."""
    table = entry.tables["edges"]
    table = table[table["selected"].to_numpy(bool) & names.held(table["source"]) & names.held(table["target"])]
    return table[["source", "target", "coef", "z"]].astype({"source": str, "target": str})


def _below(leaves: np.ndarray, edges: pd.DataFrame, layer: dict[str, int]) -> np.ndarray:
    """One layer more than the lowest parent of each leaf, 0 without a parent."""
    lowest = edges["source"].map(layer).groupby(edges["target"]).max()
    return pd.Series(leaves).map(lowest).fillna(-1).to_numpy(np.int64) + 1
