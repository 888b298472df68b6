"""Which genes of a network are asked for."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import networkx as nx

from argen._bridge.validate import check_count, name_some
from argen.errors import InputError

__all__ = ["Genes", "Views", "genes_on_paths", "known_genes", "neighbourhood"]

Genes = str | Iterable[str] | None


@dataclass(frozen=True, slots=True)
class Views:
    """What a drawing is asked to show; the genes of all views are drawn, with every edge among them."""

    genes: Genes = None
    parents_of: Genes = None
    children_of: Genes = None
    ego: Genes = None
    radius: int = 1
    between: tuple[str, str] | None = None

    @property
    def any(self) -> bool:
        return any(view is not None for view in (self.genes, self.parents_of, self.children_of, self.ego, self.between))

    def chosen(self, graph: nx.DiGraph) -> list[str]:
        """Union of the views in causal order; all genes if there is no view."""
        radius = check_count("radius", self.radius, 1)
        if radius != 1 and self.ego is None:
            msg = f"radius={radius} says how far ego= reaches; name the genes in ego."
            raise InputError(msg)
        chosen = set(known_genes(graph, "genes", self.genes))
        for name, genes, near in (
            ("parents_of", self.parents_of, graph.pred),
            ("children_of", self.children_of, graph.succ),
        ):
            for gene in known_genes(graph, name, genes):
                chosen |= {gene, *near[gene]}
        chosen |= neighbourhood(graph, known_genes(graph, "ego", self.ego), radius)
        if self.between is not None:
            chosen |= genes_on_paths(graph, *_ends(graph, self.between))
        if self.any and not chosen:
            given = [name for name in ("genes", "parents_of", "children_of", "ego") if getattr(self, name) is not None]
            msg = f"No gene is named by {' or '.join(given)}; leave it None to draw the whole network."
            raise InputError(msg)
        ordered = sorted(graph, key=lambda gene: (graph.nodes[gene].get("order", 0), gene))
        return [gene for gene in ordered if gene in chosen] if self.any else ordered


def neighbourhood(graph: nx.DiGraph, genes: Iterable[str], radius: int) -> set[str]:
    """The genes and all that are at most `radius` edges away from one of them, in either direction."""
    found = front = set(genes)
    for _ in range(radius):
        front = {near for gene in front for near in (*graph.pred[gene], *graph.succ[gene])} - found
        found = found | front
    return found


def genes_on_paths(graph: nx.DiGraph, source: str, target: str) -> set[str]:
    """Genes that lie on a directed path; in an acyclic graph all edges among them do too."""
    below = {source, *nx.descendants(graph, source)}
    if target in below:
        return below & {target, *nx.ancestors(graph, target)}
    if nx.has_path(graph, target, source):
        cure = f"the other way there is one: between=({target!r}, {source!r})."
    else:
        cure = "nor is there one the other way; genes= draws the two without one."
    msg = f"between: no directed path leads from {source} to {target}; {cure}"
    raise InputError(msg)


def _ends(graph: nx.DiGraph, between: object) -> tuple[str, str]:
    ends = [] if isinstance(between, str) or not isinstance(between, Iterable) else list(between)
    if len(ends) != 2 or ends[0] == ends[1]:
        msg = f"between={between!r} is not a pair of two different genes, (source, target)."
        raise InputError(msg)
    source, target = known_genes(graph, "between", ends)
    return source, target


def known_genes(present: Collection[str], name: str, genes: Genes, where: str = "the network") -> list[str]:
    """Read a gene or a list of genes; every one must be in the network, or `where` else they are looked for."""
    if genes is not None and not isinstance(genes, Iterable):
        msg = f"{name}={genes!r}: give the name of a gene, or a list of names."
        raise InputError(msg)
    genes = [] if genes is None else [genes] if isinstance(genes, str) else list(genes)
    if unknown := [gene for gene in genes if gene not in present]:
        msg = f"{name} names genes that are not in {where}: {name_some(unknown)}. It has {name_some(present)}."
        raise InputError(msg)
    return genes
