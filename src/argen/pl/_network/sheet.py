"""What stands round the picture of a network: headings, key, notes, and the size of it all."""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx

from argen.pl import _style as style
from argen.pl._network.edge_labels import Label
from argen.pl._network.key import key_shape
from argen.pl._network.scene import Scene
from argen.pl._wording import no_edge_words

__all__ = ["Sheet", "block_heading", "hidden_note", "make_sheet"]

_SPACE = 14.0


@dataclass(frozen=True, slots=True)
class Sheet:
    """The page that the drawing fills, in the points of the layout.

    Attributes
    ----------
    center, size
        Middle, and width and height.
    texts
        Headings and notes: the middle of each, and its words.
    key_columns, key_top
        Number of columns of the key and the middle of its upper end.
    """

    center: tuple[float, float]
    size: tuple[float, float]
    texts: list[tuple[float, float, str]]
    key_columns: int
    key_top: tuple[float, float]


def make_sheet(
    scene: Scene,
    heading: str,
    key_labels: Sequence[str],
    notes: Sequence[str],
    labels: Sequence[Label],
    key_room: float,
) -> Sheet:
    """Stack heading, key and notes round a scene; an empty string takes no room.

    The key is as wide as the scene, or as `key_room` if that is more.
    """
    left = min([0.0, *(label.x - label.width / 2 for label in labels)])
    right = max([scene.size[0], *(label.x + label.width / 2 for label in labels)])
    top = max([0.0, *(label.y + label.height / 2 for label in labels)])
    middle, bottom = (left + right) / 2, min([-scene.size[1], *(label.y - label.height / 2 for label in labels)])
    texts, widths = [], [right - left]
    if heading:
        texts.append((scene.size[0] / 2, scene.block_top + 0.6 * _SPACE, heading))
    n_columns, key_width, key_height = key_shape(key_labels, max(right - left, key_room))
    key_top = (middle, bottom - _SPACE)
    if key_labels:
        bottom -= _SPACE + key_height
    for note in filter(None, notes):
        bottom -= _SPACE
        texts.append((middle, bottom, note))
    if any(notes):
        bottom -= style.SMALL_FONT_SIZE / 2
    widths += [key_width, *(style.text_width(text, style.SMALL_FONT_SIZE) for *_, text in texts)]
    size = (max(widths) + 2 * style.MARGIN, top - bottom + 2 * style.MARGIN)
    return Sheet((middle, (top + bottom) / 2), size, texts, n_columns, key_top)


def block_heading(graph: nx.DiGraph, shown: nx.DiGraph, isolated: Sequence[str]) -> str:
    """Say why genes stand without an edge: none was selected, genes left, or the drawing leaves theirs out."""
    if not isolated:
        return "" if len(shown) else "the network has no genes"
    if graph.number_of_edges() == 0:
        return no_edge_words(graph.graph.get("n_edges_left_out", 0))
    return "no selected edge" if not any(graph.degree[gene] for gene in isolated) else "no edge shown"


def hidden_note(n_hidden: int, min_abs_coef: float) -> str:
    """Say how many edges are too weak to be drawn."""
    return f"{n_hidden} edge{'s' * (n_hidden != 1)} with |effect| < {min_abs_coef:g} not shown" if n_hidden else ""
