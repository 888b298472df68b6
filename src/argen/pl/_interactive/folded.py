"""Responders of the page: leaves that the page folds into their regulators, beside the network itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from argen._bridge.validate import counted
from argen.pl import _style as style
from argen.pl._interactive.places import label_width

__all__ = ["Folded", "drawn_with", "fold", "leaf_rows"]

_KIND = "responder"
_COUNT_PADDING = 4.0  # between the name of a regulator and its count, and behind it
_LEAF_PADDING = 8.0


@dataclass(frozen=True, slots=True)
class Folded:
    """The responders of a graph.

    Attributes
    ----------
    asked
        Whether the graph was made with responders, be there any or not.
    n_regulators
        Responder → edges of the graph that end at it; in the order of their names.
    n_responders
        Regulator → edges of the graph that lead from it to responders.
    """

    asked: bool
    n_regulators: dict[str, int]
    n_responders: dict[str, int]

    def rooms(self) -> dict[str, float]:
        """Width that the count takes in the box of each regulator."""
        return {
            gene: style.text_width(f"+{n}", style.SMALL_FONT_SIZE) + 2 * _COUNT_PADDING
            for gene, n in self.n_responders.items()
        }

    def shown(self, genes: Sequence[str], graph: nx.DiGraph) -> list[str]:
        """Responders with a regulator among `genes`."""
        there = set(genes)
        return [leaf for leaf in self.n_regulators if any(gene in there for gene in graph.pred[leaf])]

    def notes(self, n_shown: int) -> list[str]:
        """What a reader has to know about them."""
        if not self.asked:
            return []
        if not self.n_regulators:
            return ["No edge to a measured gene outside the network was selected."]
        hidden = len(self.n_regulators) - n_shown
        return [f"{counted(hidden, 'responder')} left out, whose regulators are not shown."] if hidden else []


def fold(graph: nx.DiGraph) -> tuple[nx.DiGraph, Folded]:
    """The network without its responders, and what they are; a graph without any is returned as it is."""
    kinds = dict(graph.nodes(data="kind"))
    leaves = sorted(gene for gene, kind in kinds.items() if kind == _KIND)
    asked = any(kind is not None for kind in kinds.values())
    known = set(leaves)
    n_responders = {gene: sum(child in known for child in graph.succ[gene]) for gene in graph if gene not in known}
    folded = Folded(
        asked,
        {leaf: graph.in_degree[leaf] for leaf in leaves},
        {gene: n for gene, n in n_responders.items() if n},
    )
    return (graph.subgraph([gene for gene in graph if gene not in known]) if leaves else graph), folded


def drawn_with(shown: nx.DiGraph, graph: nx.DiGraph, leaves: Sequence[str]) -> nx.DiGraph:
    """What is drawn of the network, and behind it `leaves` of `graph` with the edges that lead to them."""
    drawn = nx.DiGraph()
    drawn.add_nodes_from(shown.nodes(data=True))
    drawn.add_edges_from(shown.edges(data=True))
    drawn.add_nodes_from((leaf, graph.nodes[leaf]) for leaf in leaves)
    ends = [(gene, leaf) for leaf in leaves for gene in shown if graph.has_edge(gene, leaf)]
    drawn.add_edges_from((gene, leaf, graph.edges[gene, leaf]) for gene, leaf in ends)
    return drawn


def leaf_rows(folded: Folded, leaves: Sequence[str]) -> list[dict[str, object]]:
    """One row per responder that the page holds; where it stands is for the page to say, once it is unfolded."""
    return [
        {
            "name": leaf, "x": 0.0, "y": -100.0, "width": round(label_width(leaf) + _LEAF_PADDING, 1),
            "n_parents": folded.n_regulators[leaf], "n_children": 0, "responder": True,
        }
        for leaf in leaves
    ]  # fmt: skip
