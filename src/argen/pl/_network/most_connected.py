"""Which genes are drawn when there are too many for one picture."""

import networkx as nx

from argen.pl._network.effects import size_of

__all__ = ["MAX_GENES", "by_edges", "hidden_genes_note", "hubs", "named_hubs"]

MAX_GENES = 500  # more boxes than that fill no page that can be read
_AREA_OF_NAME = 8500.0  # square points of the page for each name, some 92 × 92
_FEWEST_NAMES, _MOST_NAMES = 5, 40


def by_edges(graph: nx.DiGraph) -> list[str]:
    """The genes with the most edges first; ties go to larger effects, then to causes."""

    def rank(gene: str) -> tuple[float, float, int, str]:
        strength = sum(sorted(size_of(edge) for *_, edge in graph.in_edges(gene, data=True)))
        strength += sum(sorted(size_of(edge) for *_, edge in graph.out_edges(gene, data=True)))
        return -graph.degree[gene], -strength, graph.nodes[gene].get("order", 0), gene

    return sorted(graph, key=rank)


def named_hubs(graph: nx.DiGraph, page: tuple[float, float]) -> list[str]:
    """The dots to be named on a page of this size (points), the first the most important."""
    most = min(max(page[0] * page[1] / _AREA_OF_NAME, _FEWEST_NAMES), _MOST_NAMES)
    return by_edges(graph)[: int(most)]


def hubs(graph: nx.DiGraph, limit: int) -> list[str]:
    """The `limit` genes with the most edges, in the order of the graph; ties go to larger effects, then to causes."""
    chosen = set(by_edges(graph)[:limit])
    return [gene for gene in graph if gene in chosen]


def hidden_genes_note(n_shown: int, n_genes: int, n_edges: int = 0) -> str:
    """Say that only hubs are drawn, and how many edges are left out with the other genes; empty if all are drawn."""
    if n_shown >= n_genes:
        return ""
    left_out = f"; {n_edges} edge{'s' * (n_edges != 1)} of the others left out" if n_edges else ""
    return f"{n_shown} of {n_genes} genes shown, those with the most edges{left_out}"
