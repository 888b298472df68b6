"""Layout by modules: groups of genes with more edges among them than to others."""

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx

from argen._bridge.modules import find_modules
from argen.pl._network.force import undirected
from argen.pl._network.groups import Groups, group_scene
from argen.pl._network.most_connected import by_edges
from argen.pl._network.scene import Scene

__all__ = ["KnownModules", "module_scene", "modules_of"]

_MOST_HUBS = 4
_NO_MODULE = 0


def modules_of(graph: nx.DiGraph) -> list[list[str]]:
    """Modules of the genes, the largest first; within a module the genes keep their order.

    As :func:`argen.tl.argen_modules` finds them on ``|weight|``.
    """
    genes = list(graph)
    joined = undirected(graph, genes)
    modules = find_modules(joined)
    alone = [[gene] for i, gene in enumerate(genes) if not joined.degree[i]]
    return [[genes[i] for i in piece] for piece in modules] + alone


@dataclass(frozen=True, slots=True)
class KnownModules:
    """Modules that were found before: number of each gene's, and what a heading may name beside the number."""

    number: Mapping[str, int]
    words: Mapping[int, str]


def module_scene(
    graph: nx.DiGraph,
    page: tuple[float, float],
    *,
    dots: bool,
    spread: float = 1.0,
    known: KnownModules | None = None,
) -> Scene:
    """Draw every module by forces in a region of its own."""
    rank = {gene: i for i, gene in enumerate(by_edges(graph))}
    if known is None:
        modules = modules_of(graph)
        numbers, words = list(range(1, len(modules) + 1)), {}
    else:
        members: dict[int, list[str]] = {}
        for gene in graph:
            members.setdefault(known.number.get(gene, _NO_MODULE), []).append(gene)
        numbers, words = sorted(members, key=lambda number: (number == _NO_MODULE, number)), known.words
        modules = [members[number] for number in numbers]
    names = [
        _headings(number, sorted(genes, key=rank.get), words.get(number, ""))
        for number, genes in zip(numbers, modules, strict=True)
    ]
    return group_scene(graph, Groups(modules, names, numbers), page, dots=dots, spread=spread)


def _headings(number: int, hubs: list[str], words: str = "") -> list[str]:
    """Headings of a module, from the longest to the shortest: its words or its hubs, with its number."""
    name = f"module {number}" if number != _NO_MODULE else "no module"
    longest = min(_MOST_HUBS, len(hubs))
    named = [f"{name}: {', '.join(hubs[:n])}{' …' if n < len(hubs) else ''}" for n in range(longest, 0, -1)]
    return [f"{name}: {words}", *named, name] if words else [*named, name]
