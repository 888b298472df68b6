"""A network opened once: everything that is read from it, each table made when it is first asked for, and kept."""

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge.diagnostics.guide_flags import with_guide_tests
from argen._bridge.diagnostics.power import with_edge_mde, with_pair_mde
from argen._bridge.intervals import interval_95
from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import step_of_network
from argen._bridge.results.pairs import all_pairs, level_of_pairs
from argen._bridge.results.tables import EDGE_KINDS, WEAK_F
from argen.get._responders import edges_to_responders

if TYPE_CHECKING:
    import networkx as nx
    from anndata import AnnData

__all__ = ["OpenedNetwork", "held_pairs", "pairs_of", "perturbations_of", "with_network"]

# Cytoscape keeps in its own column `selected` what is highlighted, and would overwrite ours at the first click.
_EDGE_NAMES = {"coef": "weight", "selected": "in_network"}
_KNOCKDOWN_NAMES = {
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


class OpenedNetwork:
    """The network ``uns[key]`` of an object that does not change meanwhile.

    All tables are those that the `get` functions return, genes as texts, by the names to show, without the genes that
    `adata` no longer holds. Do not write into them: they are shared.

    Parameters
    ----------
    adata, key, power, gene_symbols
        As in :func:`argen.get.edges`.

    Attributes
    ----------
    entry
        What is stored, by the names of ``var_names``.
    names
        Names of the genes.
    """

    def __init__(self, adata: "AnnData", key: str, *, power: float = 0.8, gene_symbols: str | None = None) -> None:
        self.adata = adata
        self.entry = read_entry(adata, key, "network")
        self.names = ShownNames(adata, self.entry, gene_symbols)
        self.power = power

    @cached_property
    def step(self) -> Entry | None:
        """The descendant step that the network was made from, None if it is not there any more."""
        return step_of_network(self.adata, self.entry)

    @cached_property
    def shown(self) -> Entry:
        """What is stored, by the names to show."""
        return self.names.entry(self.entry)

    @cached_property
    def candidates(self) -> pd.DataFrame:
        """Every edge that was tested, see :func:`argen.get.edges`."""
        # The effects of a baseline are not per unit of log expression, which the counts of the step are translated to.
        step = self.step if self.entry.settings["method"] == "argen" else None
        table = with_guide_tests(self.adata, self.entry, with_edge_mde(self.entry.tables["edges"], step, self.power))
        table = self.names.table(table)
        table["ci_low"], table["ci_high"] = interval_95(table["coef"], table["se"])
        first = ["source", "target", "coef", "se", "ci_low", "ci_high"]
        table = table[[*first, *(c for c in table.columns if c not in first)]]
        strength = table["z"].abs().fillna(-1.0)
        return table.iloc[strength.argsort(kind="stable")[::-1]].reset_index(drop=True)

    @cached_property
    def edges(self) -> pd.DataFrame:
        """The edges of the network, see :func:`argen.get.edges`."""
        return self.candidates[self.candidates["selected"]].reset_index(drop=True)

    @cached_property
    def perturbations(self) -> pd.DataFrame | None:
        """The perturbations with what rests on them, see :func:`argen.get.perturbations`; None without the step."""
        if self.step is None:
            return None
        return self.names.rename(with_network(self.names, self._knockdowns, self._held_pairs, self.entry))

    @cached_property
    def pairs(self) -> pd.DataFrame | None:
        """The pairs of the step, see :func:`argen.get.pairs`; None without it."""
        return None if self.step is None else pairs_of(self.names, self.step, self.power)

    @cached_property
    def genes(self) -> pd.DataFrame:
        """The genes in causal order, with the attributes that nodes have in :func:`argen.get.graph`."""
        nodes = self.entry.tables["nodes"]
        genes = nodes["gene"].astype(str)
        table = pd.DataFrame({"gene": genes, "order": np.arange(len(genes)), "layer": nodes["layer"]})
        table = self.names.table(table, ("gene",))
        for name, end in (("in_degree", "target"), ("out_degree", "source")):
            table[name] = table["gene"].map(self.edges[end].value_counts()).fillna(0).astype(np.int64)
        if self.step is not None:
            known = self.names.rename(self._knockdowns)
            known = known[known["status"].astype(str) == "kept"].set_index("perturbation")[list(_KNOCKDOWN_NAMES)]
            table = table.join(known.rename(columns=_KNOCKDOWN_NAMES), on="gene")
        return table

    def n_left_out(self, *, selected: bool = True) -> int:
        """Edges one of whose genes `adata` no longer holds."""
        stored = self.entry.tables["edges"]
        return self.names.n_left_out(stored[stored["selected"]] if selected else stored)

    def graph(self, *, selected: bool = True, responders: bool | str = False) -> "nx.DiGraph":
        """See :func:`argen.get.graph`."""
        import networkx as nx

        network = nx.DiGraph()
        network.graph.update(_about(self.entry))
        if gone := self.n_left_out(selected=selected):
            network.graph["n_edges_left_out"] = gone
        for gene in self.genes.to_dict("records"):
            network.add_node(gene.pop("gene"), **_scalars(gene))
        for edge in _named_for_graphs(self.edges if selected else self.candidates).to_dict("records"):
            network.add_edge(edge.pop("source"), edge.pop("target"), **_scalars(edge))
        if responders is not False:
            self._add_responders(network, responders, selected=selected)
        return network

    def _add_responders(self, network: "nx.DiGraph", responders: object, *, selected: bool) -> None:
        """Leaves for the genes that are no nodes, behind all nodes in the order, a layer below their last parent."""
        table = edges_to_responders(self.adata, self.names, self.entry, responders, selected=selected)
        found = table[table["selected"]]
        degree, depth = found["target"].value_counts(), dict(network.nodes(data="layer", default=0))
        layer = found["source"].map(depth).groupby(found["target"]).max()
        nx_nodes = dict.fromkeys(network, EDGE_KINDS[0])
        for place, gene in enumerate(sorted(table["target"].unique()), start=len(self.genes)):
            known = {"order": place, "layer": int(layer.get(gene, -1)) + 1}
            network.add_node(gene, **known, in_degree=int(degree.get(gene, 0)), out_degree=0, kind=EDGE_KINDS[1])
        for gene, kind in nx_nodes.items():
            network.nodes[gene]["kind"] = kind
        for source, target in list(network.edges):
            network.edges[source, target]["kind"] = EDGE_KINDS[0]
        for edge in _named_for_graphs(table).to_dict("records"):
            network.add_edge(edge.pop("source"), edge.pop("target"), **_scalars(edge), kind=EDGE_KINDS[1])

    @cached_property
    def _held_pairs(self) -> pd.DataFrame:
        return held_pairs(self.names, self.step)

    @cached_property
    def _knockdowns(self) -> pd.DataFrame:
        return perturbations_of(self.names, self.step, self._held_pairs)


def _about(network: Entry) -> dict[str, Any]:
    """What the network is, and how it was made."""
    settings = dict(sorted(network.settings.items()))  # a file does not keep their order
    return _scalars({"key": network.key, "argen_version": network.versions["argen"]} | settings)


def _named_for_graphs(edges: pd.DataFrame) -> pd.DataFrame:
    """Edges under the names that they have in a graph."""
    table = edges.rename(columns=_EDGE_NAMES)
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


def pairs_of(names: ShownNames, step: Entry, power: float, *, related: bool = False) -> pd.DataFrame:
    """The pairs of a descendant step, see :func:`argen.get.pairs`; `related`: the descendants alone."""
    stored = step.tables["pairs"]
    pairs = stored[stored["descendant"].to_numpy(bool)] if related else all_pairs(step)
    family = {"level": level_of_pairs(step), "hc": step.settings["hc"]}
    return names.table(with_pair_mde(pairs, step.tables["genes"], **family, power=power))


def held_pairs(names: ShownNames, step: Entry) -> pd.DataFrame:
    """The stored pairs whose genes the object still holds: all that are significant or descendants are among them."""
    pairs = step.tables["pairs"]
    return pairs[names.held(pairs["source"]) & names.held(pairs["target"])]


def perturbations_of(names: ShownNames, step: Entry, pairs: pd.DataFrame) -> pd.DataFrame:
    """The perturbations of a step without a network, by their stored names; `pairs` from :func:`held_pairs`."""
    stored = step.tables["perturbations"]
    there = names.held(stored["perturbation"]) | (stored["status"].astype(str) != "kept")
    table = stored[there].assign(perturbation=stored["perturbation"].astype(str)).reset_index(drop=True)
    at = table.columns.get_loc("se") + 1
    for place, ends in enumerate(interval_95(table["effect"], table["se"])):
        table.insert(at + place, ("ci_low", "ci_high")[place], ends)
    table["z_squared"] = (table["effect"] / table["se"]) ** 2
    kept = table["status"].astype(str) == "kept"
    weak = ~(table["z_squared"] >= WEAK_F)
    # What was dropped is no instrument: it is neither weak nor strong.
    table["weak"] = weak if kept.all() else weak.astype("boolean").where(kept)
    _add_reach(table, pairs, step.tables["components"])
    return table


def with_network(names: ShownNames, perturbations: pd.DataFrame, pairs: pd.DataFrame, network: Entry) -> pd.DataFrame:
    """The same with what rests on each perturbation in a network."""
    edges = network.tables["edges"]
    edges = edges[edges["flags"].astype(str) != "forbidden"]
    table = perturbations.copy()
    _add_edges(table, pairs, edges[names.held(edges["source"]) & names.held(edges["target"])])
    return table


def _add_reach(table: pd.DataFrame, pairs: pd.DataFrame, components: pd.DataFrame) -> None:
    """What of a perturbation's significant pairs became of the relation, and the cycle that they put it into."""
    significant, descendant = (pairs[name].to_numpy(bool) for name in ("significant", "descendant"))
    names = pairs["source"].astype(str)
    table["n_descendants"] = _count(table["perturbation"], names[descendant])
    table["n_significant"] = _count(table["perturbation"], names[significant])
    table["n_skipped"] = _count(table["perturbation"], names[significant & ~descendant])
    number = pd.Series(components["component"].to_numpy(), components["gene"].astype(str))
    table["cycle"] = number.reindex(table["perturbation"]).fillna(-1).to_numpy().astype(np.int64)


def _add_edges(table: pd.DataFrame, pairs: pd.DataFrame, edges: pd.DataFrame) -> None:
    """What rests on a perturbation in a network, and which of its descendants are no children."""
    source, chosen = edges["source"].astype(str), edges["selected"].to_numpy(bool)
    table["n_candidate_edges"] = _count(table["perturbation"], source)
    table["n_edges"] = _count(table["perturbation"], source[chosen])
    table["n_indirect"] = _count_indirect(table["perturbation"], pairs, edges[chosen])
    if "F" in edges:
        weakest = edges["F"].groupby(source).min()
        table["min_F"] = weakest.reindex(table["perturbation"]).to_numpy(np.float64)


def _count_indirect(perturbations: pd.Series, pairs: pd.DataFrame, children: pd.DataFrame) -> np.ndarray:
    """Descendants of each perturbation that are not among its children."""
    related = pairs[pairs["descendant"].to_numpy(bool)]
    below = pd.MultiIndex.from_arrays([related["source"].astype(str), related["target"].astype(str)])
    direct = pd.MultiIndex.from_arrays([children["source"].astype(str), children["target"].astype(str)])
    return _count(perturbations, pd.Series(below[~below.isin(direct)].get_level_values(0), dtype=object))


def _count(perturbations: pd.Series, sources: pd.Series) -> np.ndarray:
    return sources.value_counts().reindex(perturbations).fillna(0).to_numpy().astype(np.int64)
