"""Force-directed layout: genes with strong edges between them stand close together."""

import networkx as nx

from argen.pl._network.groups import Groups, group_scene
from argen.pl._network.scene import Scene

__all__ = ["spring_scene"]


def spring_scene(graph: nx.DiGraph, page: tuple[float, float], *, dots: bool, spread: float = 1.0) -> Scene:
    """Draw the connected pieces of a graph, the largest first, each by forces."""
    place = {gene: i for i, gene in enumerate(graph)}
    pieces = (sorted(genes, key=place.get) for genes in nx.weakly_connected_components(graph))
    pieces = sorted(pieces, key=lambda genes: (-len(genes), place[genes[0]]))
    return group_scene(graph, Groups(pieces), page, dots=dots, spread=spread)
