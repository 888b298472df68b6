"""Responders in the drawing of a network: the strongest below each gene, the others counted."""

from collections.abc import Collection

import networkx as nx

from argen._bridge.validate import name_some
from argen.pl import _style as style

__all__ = ["strongest_responders", "with_responders"]

_KIND = "responder"
_LABEL = "measured, not perturbed"


def strongest_responders(graph: nx.DiGraph, most: int, named: Collection[str] = ()) -> tuple[nx.DiGraph, str]:
    """The graph with the `most` responders of each node that have the largest absolute z, and those that are named.

    Returns also a note that says how many more the nodes have; empty if none has.
    """
    everything = {gene for gene, kind in graph.nodes(data="kind") if kind == _KIND}
    if not everything:
        return graph, ""
    kept, wanted = set(named) & everything, {}
    for gene in graph:
        edges = [(child, data.get("z", 0.0)) for child, data in graph.succ[gene].items() if child in everything]
        wanted[gene] = sorted(edges, key=lambda edge: (-abs(edge[1]), edge[0]))
        kept |= {child for child, _ in wanted[gene][:most]}
    more = {gene: sum(child not in kept for child, _ in edges) for gene, edges in wanted.items()}
    more = sorted(((n, gene) for gene, n in more.items() if n), key=lambda one: (-one[0], one[1]))
    part = graph.copy()
    part.remove_nodes_from(everything - kept)
    note = f"further genes: {name_some([f'{gene} {n}' for n, gene in more], 4)}" if more else ""
    return part, note


def with_responders(
    graph: nx.DiGraph, faces: dict[str, object], explained: list[tuple[str, object]]
) -> tuple[dict[str, object], list[tuple[str, object]]]:
    """Faces and key with those of responders, where no other colour was given to them."""
    drawn = [gene for gene, kind in graph.nodes(data="kind") if kind == _KIND]
    if not drawn:
        return faces, explained
    return {**dict.fromkeys(drawn, style.ISOLATED_FACE), **faces}, [*explained, (_LABEL, style.ISOLATED_FACE)]
