"""What the page shows, as plain lists and numbers that JSON can hold."""

import math
from collections.abc import Mapping
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from argen._bridge.validate import counted
from argen.pl import _style as style
from argen.pl._interactive.folded import Folded, drawn_with, fold, leaf_rows
from argen.pl._interactive.places import NODE_HEIGHT, Places, place_network
from argen.pl._network.effects import effect_of
from argen.pl._network.grades import LINES, widths_of
from argen.pl._network.most_connected import hidden_genes_note, hubs
from argen.pl._network.sheet import block_heading

__all__ = ["MAX_GENES", "page_content"]

MAX_GENES = 1000  # what browsers move smoothly; docs/plots/interactive.md has the measurements
# Columns of the tables that the page tells about an edge and about a gene; those that a table lacks are left out.
_OF_EDGE = (
    "coef", "se", "ci_low", "ci_high", "p", "padj", "p_robust", "ci_low_robust", "ci_high_robust", "robust_set", "F",
    "weak", "required", "direction", "loop", "J_flag", "flags", "grade", "reasons",
)  # fmt: skip
_OF_PERTURBATION = ("effect", "se", "ci_low", "ci_high", "p", "n_cells", "z_squared", "weak", "flags")
_NO_ROUTE = ((0.0, -200.0), (0.0, -110.0))  # of an edge to a responder, until the page lays it out: any line
_DIGITS = 1  # of coordinates, in points


def page_content(
    graph: nx.DiGraph,
    edges: pd.DataFrame,
    perturbations: pd.DataFrame | None,
    max_genes: int,
    responders: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Genes and edges with their places, looks and numbers, and what has to be said about the whole.

    Responders of the graph, with their edges in the table `responders`, come behind the genes of the network.
    """
    network, folded = fold(graph)
    ordered = _in_order(network)
    genes = hubs(ordered, max_genes)
    shown = _part(ordered, genes)
    places = place_network(shown, folded.rooms())
    leaves = folded.shown(genes, graph)
    drawn = drawn_with(shown, graph, leaves) if leaves else shown
    known = _records(edges, ["source", "target"], _OF_EDGE)
    if leaves:
        known |= _records(responders, ["source", "target"], _OF_EDGE)
    rows = _gene_rows(ordered, genes, places, perturbations)
    return {
        "genes": _table([*_with_counts(rows, folded), *leaf_rows(folded, leaves)]),
        "edges": _table(_edge_rows(drawn, known, places)),
        "left_out": sorted((set(ordered) | set(folded.n_regulators)) - {*genes, *leaves}),
        "heading": {"text": _heading(ordered, shown, places, folded), "at": _rounded(places.heading)},
        "notes": [*_notes(ordered, shown, places, perturbations), *folded.notes(len(leaves))],
        "look": _look(drawn),
    }


def _with_counts(rows: list[dict[str, Any]], folded: Folded) -> list[dict[str, Any]]:
    """Rows of genes with the number of their responders and the room for it in their boxes, if any gene has one."""
    if not folded.n_responders:
        return rows
    rooms = folded.rooms()
    return [
        row | {"n_responders": folded.n_responders.get(row["name"], 0), "room": round(rooms.get(row["name"], 0.0), 1)}
        for row in rows
    ]


def _heading(graph: nx.DiGraph, shown: nx.DiGraph, places: Places, folded: Folded) -> str:
    """Why genes stand in a block of their own; they may well have responders."""
    alone = any(gene in folded.n_responders for gene in places.isolated)
    return "no edge to another gene of the network" if alone else block_heading(graph, shown, places.isolated)


def _in_order(graph: nx.DiGraph) -> nx.DiGraph:
    """The same graph with genes in causal order and edges by their ends, whatever order it was built in."""
    ordered = nx.DiGraph()
    genes = sorted(graph.nodes(data=True), key=lambda item: (item[1].get("order", 0), item[0]))
    ordered.add_nodes_from(genes)
    return _with_edges(ordered, graph)


def _part(graph: nx.DiGraph, genes: list[str]) -> nx.DiGraph:
    part = nx.DiGraph()
    part.add_nodes_from((gene, graph.nodes[gene]) for gene in genes)
    return _with_edges(part, graph)


def _with_edges(genes: nx.DiGraph, graph: nx.DiGraph) -> nx.DiGraph:
    place = {gene: i for i, gene in enumerate(genes)}
    kept = [(u, v) for u, v in graph.edges if u in place and v in place]
    kept.sort(key=lambda edge: (place[edge[0]], place[edge[1]]))
    genes.add_edges_from((u, v, graph.edges[u, v]) for u, v in kept)
    return genes


def _gene_rows(
    graph: nx.DiGraph, genes: list[str], places: Places, perturbations: pd.DataFrame | None
) -> list[dict[str, Any]]:
    """One row per gene; numbers of edges are those of the whole network."""
    known = {} if perturbations is None else _records(perturbations, "perturbation", _OF_PERTURBATION)
    rows = []
    for gene in genes:
        x, y = _rounded(places.centers[gene])
        rows.append({
            "name": gene, "x": x, "y": y, "width": round(places.widths[gene], _DIGITS),
            "layer": graph.nodes[gene].get("layer"), "order": graph.nodes[gene].get("order"),
            "n_parents": graph.in_degree[gene], "n_children": graph.out_degree[gene],
            **known.get(gene, {}),
        })  # fmt: skip
    return rows


def _edge_rows(
    graph: nx.DiGraph, known: Mapping[tuple[str, str], dict[str, Any]], places: Places
) -> list[dict[str, Any]]:
    """One row per edge, the weakest first, so that the strong ones are drawn over them; the network over the rest."""
    number = {gene: i for i, gene in enumerate(graph)}
    widths = widths_of(graph)

    def shown(edge: tuple[str, str]) -> float:
        return abs(widths.weight(_known_weight(graph, edge), graph.edges[edge].get("grade", "")))

    return [
        {
            "source": number[u],
            "target": number[v],
            "line": round(style.line_width(shown((u, v)), widths.largest), 2),
            "route": [number for point in places.routes.get((u, v), _NO_ROUTE) for number in _rounded(point)],
            **known[u, v],
        }
        for u, v in sorted(graph.edges, key=lambda edge: (edge in places.routes, shown(edge)))
    ]


def _known_weight(graph: nx.DiGraph, edge: tuple[str, str]) -> float:
    """The effect of an edge, 0 if it has no estimate, as required edges may have none."""
    weight = effect_of(graph.edges[edge])
    return weight if math.isfinite(weight) else 0.0


def _records(table: pd.DataFrame, ends: str | list[str], columns: tuple[str, ...]) -> dict[Any, dict[str, Any]]:
    """Rows by name, with those of the columns that the table has."""
    there = [name for name in columns if name in table]
    values = zip(*(map(_plain, table[name].tolist()) for name in there), strict=True)
    keys = table[ends].itertuples(index=False, name=None) if isinstance(ends, list) else table[ends]
    return {key: dict(zip(there, row, strict=True)) for key, row in zip(keys, values, strict=True)}


def _plain(value: object) -> object:
    """A value as JSON can hold it: a missing number is None, an infinite one a text."""
    if value is None or value is pd.NA:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value


def _table(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Columns once and values by row, which keeps the page small."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return {"columns": columns, "rows": [[row.get(name) for name in columns] for row in rows]}


def _rounded(point: Any) -> list[float]:
    return [round(float(value), _DIGITS) + 0.0 for value in point]


def _notes(graph: nx.DiGraph, shown: nx.DiGraph, places: Places, perturbations: pd.DataFrame | None) -> list[str]:
    """What a reader has to know about the picture as a whole."""
    notes = []
    if not len(graph):
        notes.append("The network has no genes.")
    elif graph.number_of_edges() == 0:
        notes.append("No edge was selected.")
    if hidden := hidden_genes_note(len(shown), len(graph)):
        among = f"{shown.number_of_edges()} of {counted(graph.number_of_edges(), 'edge')}"
        notes.append(f"{hidden}, with {among}.")
    if places.n_upward:
        notes.append(f"The network has cycles: {counted(places.n_upward, 'edge')} drawn upwards.")
    if perturbations is None and len(graph):
        notes.append("Knock-downs are not shown: the descendant step of this network is not in the data.")
    return notes


def _look(graph: nx.DiGraph) -> Mapping[str, object]:
    """Sizes, colours and dashes, those of the figures."""
    widths = widths_of(graph)
    return {
        "positive": style.POSITIVE_COLOR, "negative": style.NEGATIVE_COLOR, "ink": style.INK, "note": style.NOTE_COLOR,
        "face": style.NODE_FACE, "border": style.NODE_EDGE,
        "alone_face": style.ISOLATED_FACE, "alone_border": style.ISOLATED_EDGE,
        "font": style.FONT_SIZE, "small_font": style.SMALL_FONT_SIZE, "rounding": style.ROUNDING,
        "height": NODE_HEIGHT, "box_line": style.BOX_LINE_WIDTH,
        "thinnest": style.MIN_LINE_WIDTH, "thickest": style.MAX_LINE_WIDTH, "largest": widths.largest,
        "grades": [
            {"grade": grade, "dashes": LINES[grade].dashes, "line": style.line_width(cap, 1.0)}
            for grade, cap in widths.caps.items()
        ],
    }  # fmt: skip
