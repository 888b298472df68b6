"""Layout by modules: groups of genes with more edges among them than to others."""

import networkx as nx

from argen.pl._network.force import undirected
from argen.pl._network.groups import Groups, group_scene
from argen.pl._network.most_connected import by_edges
from argen.pl._network.scene import Scene

__all__ = ["module_scene", "modules_of"]

_TRIES = 8
_MOST_HUBS = 4


def modules_of(graph: nx.DiGraph) -> list[list[str]]:
    """Modules of the genes, the largest first; within a module the genes keep their order.

    The partition with the highest modularity of several runs of Louvain's method on the undirected graph weighted with
    ``|weight|``, with seeds 0, 1, ...; a module is connected.
    """
    genes = list(graph)
    joined = undirected(graph, genes)
    if joined.number_of_edges() == 0:
        return [[gene] for gene in genes]
    # Without any weight there is no modularity: then every edge counts the same.
    weight = "weight" if any(value > 0 for *_, value in joined.edges(data="weight")) else None
    found = [nx.community.louvain_communities(joined, weight=weight, seed=seed) for seed in range(_TRIES)]
    best = max(found, key=lambda parts: round(nx.community.modularity(joined, parts, weight=weight), 9))
    # Louvain's method may leave a module in two pieces when the gene that joined them moves on.
    pieces = [sorted(piece) for part in best for piece in nx.connected_components(joined.subgraph(part))]
    return [[genes[i] for i in piece] for piece in sorted(pieces, key=lambda piece: (-len(piece), piece[0]))]


def module_scene(graph: nx.DiGraph, page: tuple[float, float], *, dots: bool, spread: float = 1.0) -> Scene:
    """Draw every module by forces in a region of its own."""
    modules = modules_of(graph)
    rank = {gene: i for i, gene in enumerate(by_edges(graph))}
    names = [_headings(number, sorted(genes, key=rank.get)) for number, genes in enumerate(modules, 1)]
    return group_scene(graph, Groups(modules, names), page, dots=dots, spread=spread)


def _headings(number: int, hubs: list[str]) -> list[str]:
    """Headings of a module with its hubs, from the longest to the shortest."""
    longest = min(_MOST_HUBS, len(hubs))
    named = [
        f"module {number}: {', '.join(hubs[:n])}{' …' if n < len(hubs) else ''}" for n in range(longest, 0, -1)
    ]  # fmt: skip
    return [*named, f"module {number}"]
