"""Which part of a network is drawn, and in which colours."""

from collections.abc import Mapping
from numbers import Real

import networkx as nx
from matplotlib import colormaps
from matplotlib.colors import Normalize, is_color_like, to_hex

from argen._bridge.validate import check_number, name_some
from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._network.effects import size_of

__all__ = ["node_colors", "shown_part"]


def shown_part(graph: nx.DiGraph, genes: list[str], min_abs_coef: float) -> tuple[nx.DiGraph, int]:
    """Graph of the genes and of their edges with ``|weight| >= min_abs_coef``; how many edges that leaves out."""
    check_number("min_abs_coef", min_abs_coef, 0.0)
    # Built anew: a subgraph view iterates in the order of a set, which differs from run to run.
    shown = nx.DiGraph()
    shown.add_nodes_from((gene, graph.nodes[gene]) for gene in genes)
    place = {gene: i for i, gene in enumerate(genes)}
    edges = [
        (gene, child)
        for gene in genes
        for child in sorted((other for other in graph.succ[gene] if other in place), key=place.get)
    ]
    shown.add_edges_from((u, v, graph.edges[u, v]) for u, v in edges if size_of(graph.edges[u, v]) >= min_abs_coef)
    return shown, len(edges) - shown.number_of_edges()


def node_colors(
    graph: nx.DiGraph, color: Mapping[str, object] | str | None
) -> tuple[dict[str, object], list[tuple[str, object]]]:
    """Face of the genes that `color` has a say on, and the entries (label, face) that explain it in the key."""
    if color is None:
        return {}, []
    if isinstance(color, str):
        return _colors_of_attribute(graph, color)
    if not isinstance(color, Mapping):
        msg = f"color must be None, a dict from gene to colour or the name of an attribute, not {color!r}."
        raise InputError(msg)
    faces = {gene: color[gene] for gene in graph if gene in color}
    if wrong := [f"{gene}: {face!r}" for gene, face in faces.items() if not is_color_like(face)]:
        msg = f"color holds values that are not colours: {name_some(wrong)}."
        raise InputError(msg)
    return faces, []


def _colors_of_attribute(graph: nx.DiGraph, name: str) -> tuple[dict[str, object], list[tuple[str, object]]]:
    """Map a numeric attribute of the genes to the colour map; the key shows its two ends."""
    values = dict(graph.nodes(data=name))
    if not values:
        return {}, []
    if not all(isinstance(value, Real) for value in values.values()):
        allowed = set.intersection(*(
            {key for key, value in attributes.items() if isinstance(value, Real)}
            for _, attributes in graph.nodes(data=True)
        ))  # fmt: skip
        msg = f"color={name!r} is not a numeric attribute of the genes, which have {', '.join(sorted(allowed))}."
        raise InputError(msg)
    ends = (min(values.values()), max(values.values()))
    norm, colormap = Normalize(*ends), colormaps[style.COLORMAP]

    def face(value: float) -> str:
        return to_hex(colormap(float(norm(value))))

    key = [(f"{name} {end:g}", face(end)) for end in dict.fromkeys(ends)]
    return {gene: face(value) for gene, value in values.items()}, key
