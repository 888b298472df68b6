"""Which genes are drawn when there are too many for one picture."""

import networkx as nx

__all__ = ["MAX_GENES", "hidden_genes_note", "hubs"]

MAX_GENES = 500  # more boxes than that fill no page that can be read


def hubs(graph: nx.DiGraph, limit: int) -> list[str]:
    """The `limit` genes with the most edges, in the order of the graph; ties go to larger effects, then to causes."""

    def rank(gene: str) -> tuple[float, float, int, str]:
        strength = sum(abs(weight) for *_, weight in graph.in_edges(gene, data="weight"))
        strength += sum(abs(weight) for *_, weight in graph.out_edges(gene, data="weight"))
        return -graph.degree[gene], -strength, graph.nodes[gene].get("order", 0), gene

    chosen = set(sorted(graph, key=rank)[:limit])
    return [gene for gene in graph if gene in chosen]


def hidden_genes_note(n_shown: int, n_genes: int) -> str:
    """Say that only hubs are drawn; empty if all are."""
    return f"{n_shown} of {n_genes} genes shown, those with the most edges" if n_shown < n_genes else ""
