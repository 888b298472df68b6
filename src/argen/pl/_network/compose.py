"""How a network is shown: named boxes while they can be read, dots beyond; what stands round it; how all of it fits."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import inf, sqrt

import networkx as nx

from argen.pl import _style as style
from argen.pl._network.edge_labels import FONT_SIZE, Placed, edge_texts, has_intervals, place_labels
from argen.pl._network.effects import effect_of
from argen.pl._network.grades import widths_of
from argen.pl._network.key import (
    Entry,
    between_entry,
    dot_entries,
    edge_entries,
    face_entries,
    grade_entries,
    line_entries,
    tint_entries,
)
from argen.pl._network.layered import layered_scene, too_dense
from argen.pl._network.module_colors import tint
from argen.pl._network.modules import KnownModules, module_scene
from argen.pl._network.scene import Scene, connected_part, with_block
from argen.pl._network.sheet import Sheet, block_heading, make_sheet
from argen.pl._network.spring import spring_scene

__all__ = ["LAYOUTS", "MOST_BOXES", "Picture", "Request", "compose", "names_note"]

LAYOUTS = {"layered": layered_scene, "spring": spring_scene, "module": module_scene}
MOST_BOXES = 60  # genes with an edge up to which each has a box with its name
_READABLE = 5.0  # points; smaller names are not drawn as names
_PAGE = (575.0, 620.0)  # points that dots fill at most: with margins and key a sheet of A4
_FULL_PAGE, _LEAST_PAGE = 200, 0.55  # genes that fill it, smallest share of its sides
_LEAST_ROOM = (110.0, 70.0)
_ROUNDS = 4
_KEY_ROOM = 240.0  # points that the key of a small network may be wide
_LEAST_SPACING = 8.0  # points from dot to dot
_SPREADS = (1.3, 1.5, 1.75, 2.0, 2.4, 3.0)  # of pictures with numbers
_MISSING_COST, _SIZE_COST = 100.0, 8.0  # of a number without a place, of spreading; covering another line costs 1

Room = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be drawn: the part of the network, how, and what has to be said beside it.

    Attributes
    ----------
    graph, shown
        The network, and the part of it that is drawn.
    layout
        A key of `LAYOUTS`.
    numbers
        Whether edges carry numbers; `None` means: if they can be read.
    colors
        Entries of the key that explain the colours of genes.
    notes
        What is left out.
    modules
        Modules to draw by ``"module"``, in place of those that it would find.
    lines
        Entries of the key that explain colours of edges (label, colour, line style); they then show no sign.
    numbers_are
        What the numbers on edges are, in words; empty: effects.
    """

    graph: nx.DiGraph
    shown: nx.DiGraph
    layout: str
    numbers: bool | None
    colors: Sequence[tuple[str, object]]
    notes: Sequence[str]
    modules: KnownModules | None = None
    lines: Sequence[tuple[str, str, object]] = ()
    numbers_are: str = ""

    @property
    def draw(self) -> Callable[..., Scene]:
        """What draws the scene."""
        found = LAYOUTS[self.layout]
        return found if self.modules is None else partial(found, known=self.modules)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn, in points: the scene, the sheet round it, numbers on edges."""

    scene: Scene
    sheet: Sheet
    placed: Placed
    entries: Callable[[float], list[Entry]]

    def scale(self, room: Room | None) -> float:
        """Factor by which it fits into the room, at most 1."""
        return 1.0 if room is None else min(1.0, room[0] / self.sheet.size[0], room[1] / self.sheet.size[1])


def compose(request: Request, room: Room | None) -> Picture:
    """Choose boxes or dots and the size; `room` is that of given axes in points."""
    part, alone = connected_part(request.shown)
    if len(part) <= MOST_BOXES and not (request.layout == "layered" and _is_dense(part)):
        picture = _boxes(request, part, alone, room)
        if picture.scale(room) * style.FONT_SIZE >= _READABLE:
            return picture
    found = None
    for picture in _dots(request, part, alone, room):
        if found is None or picture.scale(room) > found.scale(room):
            found = picture
        if picture.scale(room) >= 1.0:
            break
    return found


def names_note(n_named: int, n_dots: int) -> str:
    """Say which of the dots have a name."""
    return f"{n_named} of {n_dots} genes named: those with the most edges, where there is room"


def _is_dense(part: nx.DiGraph) -> bool:
    return nx.is_directed_acyclic_graph(part) and too_dense(part)


def _boxes(request: Request, part: nx.DiGraph, alone: list[str], room: Room | None) -> Picture:
    """Named boxes, with numbers if they are wanted and can be read."""
    draw = request.draw
    plain = None
    if request.numbers is not True:
        plain = _finished(request, with_block(draw(part, _PAGE, dots=False), alone, _PAGE[0], named=True), {})
    if request.numbers is False or part.number_of_edges() == 0:
        return plain or _boxes(_without_numbers(request), part, alone, room)
    texts, best, fewest = edge_texts(part), None, inf
    for spread in _SPREADS:
        scene = with_block(draw(part, _PAGE, dots=False, spread=spread), alone, _PAGE[0], named=True)
        picture = _finished(request, scene, texts)
        faults = _MISSING_COST * picture.placed.n_missing + picture.placed.n_covering
        if faults + _SIZE_COST * spread < fewest:
            best, fewest = picture, faults + _SIZE_COST * spread
        if faults == 0:
            break
    unreadable = best.scale(room) * FONT_SIZE < _READABLE
    return plain if plain is not None and unreadable else best


def _without_numbers(request: Request) -> Request:
    return replace(request, numbers=False)


def _dots(request: Request, part: nx.DiGraph, alone: list[str], room: Room | None) -> Iterator[Picture]:
    """Dots on a page of their own, or on ever smaller pages until all fits into the room."""
    texts = edge_texts(part) if request.numbers and part.number_of_edges() else {}
    share = min(max(sqrt(len(part) / _FULL_PAGE), _LEAST_PAGE), 1.0)
    wanted = (_PAGE[0] * share, _PAGE[1] * share)
    key_room = _KEY_ROOM if room is None else max(room[0] - 2 * style.MARGIN, _KEY_ROOM)
    for named in (True, False):
        page = wanted if room is None else _grown((room[0] - 2 * style.MARGIN, room[1]), len(part))
        for _ in range(_ROUNDS):
            scene = request.draw(part, page, dots=True)
            picture = _finished(request, with_block(scene, alone, page[0], named=named), texts, key_room)
            yield picture
            if room is not None:
                over = picture.sheet.size[1] - room[1], picture.sheet.size[0] - room[0]
                page = _grown((page[0] - max(over[1], 0.0), page[1] - over[0]), len(part))


def _what_numbers_are(graph: nx.DiGraph) -> str:
    return "numbers: effect [95 % interval]" if has_intervals(graph) else "numbers: effect"


def _grown(page: Room, n: int) -> Room:
    """A page with room for `n` dots that can be seen."""
    page = max(page[0], _LEAST_ROOM[0]), max(page[1], _LEAST_ROOM[1])
    factor = max(1.0, _LEAST_SPACING * sqrt(n / (page[0] * page[1])))
    return page[0] * factor, page[1] * factor


def _weights_and_grades(graph: nx.DiGraph) -> list[tuple[float, str]]:
    return [(effect_of(data), data.get("grade", "")) for *_, data in graph.edges(data=True)]


def _finished(
    request: Request, scene: Scene, texts: dict[tuple[str, str], str], key_room: float = _KEY_ROOM
) -> Picture:
    """Put numbers, headings, key and notes round a scene."""
    placed = place_labels(scene, texts)
    widths = widths_of(request.shown)
    weights = [widths.weight(w, grade) for w, grade in _weights_and_grades(request.shown)]
    tints = {}
    for region in scene.regions:
        tints.setdefault(tint(region.number), []).append(region.number)
    dots = {gene: dot for gene, dot in scene.dots.items() if gene not in set(scene.alone)}
    degrees = {request.shown.degree[gene]: dot.radius for gene, dot in dots.items()}
    sizes = {n: degrees[n] for n in sorted({min(degrees), max(degrees)})} if degrees else {}

    def entries(scale: float) -> list[Entry]:
        found = line_entries(request.lines, scale * scene.thin)
        found += edge_entries(weights, widths.largest, scale * scene.thin, own_colors=bool(request.lines))
        found += grade_entries(widths, scale * scene.thin) + dot_entries(sizes, scale)
        if scene.between and not widths.caps:
            found.append(between_entry(widths.largest, scale * scene.thin))
        return found + face_entries(request.colors, scale) + tint_entries(tints, scale)

    notes = [
        *request.notes,
        "wider: larger effect, up to what the grade allows" if widths.caps else "",
        names_note(len(scene.names), len(dots)) if dots else "",
        (request.numbers_are or _what_numbers_are(request.shown)) if placed.labels else "",
        f"{placed.n_missing} of {len(texts)} numbers not written: no room" if placed.n_missing else "",
    ]
    heading = block_heading(request.graph, request.shown, scene.alone)
    if any(gene in scene.dots for gene in scene.alone):
        heading += f": {len(scene.alone)} gene{'s' * (len(scene.alone) != 1)}"
    sheet = make_sheet(scene, heading, [label for label, _ in entries(1.0)], notes, placed.labels, key_room)
    return Picture(scene, sheet, placed, entries)
