"""Looks of edges: width by size, and where the evidence is graded the line's style and greatest width by grade."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import pandas as pd

from argen.pl._network.effects import effect_of

__all__ = ["LINES", "Line", "Widths", "widths_of", "with_grades"]


@dataclass(frozen=True, slots=True)
class Line:
    """How edges of a grade are drawn.

    Attributes
    ----------
    dashes
        Lengths of dash and gap in line widths; empty: solid.
    cap
        Share of the range of widths that such an edge may take at most.
    """

    dashes: tuple[float, ...]
    cap: float

    @property
    def style(self) -> object:
        """As matplotlib takes it."""
        return (0, self.dashes) if self.dashes else "solid"


LINES = {
    "strong": Line((), 1.0),
    "moderate": Line((4.2, 1.1), 0.7),
    "weak": Line((1.6, 1.3), 0.45),
    "doubtful": Line((0.8, 1.5), 0.2),
}


@dataclass(frozen=True, slots=True)
class Widths:
    """Widths of the edges of one drawing.

    Attributes
    ----------
    largest
        Size of the effect that the widest line has: the largest of all, or of the best grade that there is.
    caps
        Grade → share of the range that its lines take at most, 1 for the best grade that there is. Empty: not graded.
    """

    largest: float
    caps: Mapping[str, float]

    def weight(self, weight: float, grade: str = "") -> float:
        """The effect whose width an edge gets: its own, but no more than its grade allows; NaN if not known."""
        if math.isnan(weight):
            return weight
        cap = self.caps.get(grade, 1.0) * self.largest
        return math.copysign(min(abs(weight), cap), weight)


def widths_of(graph: nx.DiGraph) -> Widths:
    """So that an edge is as wide as it is large, and with grades the widest is always one of the best grade."""
    weights = [(abs(weight), data) for *_, weight, data in _graded(graph) if math.isfinite(weight)]
    there = [grade for grade in LINES if any(data == grade for _, data in weights)]
    if not there:
        return Widths(max((size for size, _ in weights), default=0.0), {})
    best = there[0]
    largest = max((size for size, grade in weights if grade == best), default=0.0)
    return Widths(largest, {grade: LINES[grade].cap / LINES[best].cap for grade in there})


def _graded(graph: nx.DiGraph) -> list[tuple[str, str, float, str]]:
    return [(u, v, effect_of(data), data.get("grade", "")) for u, v, data in graph.edges(data=True)]


def with_grades(graph: nx.DiGraph, evidence: pd.DataFrame) -> nx.DiGraph:
    """The graph with ``grade`` and ``reasons`` at its edges, from :func:`argen.get.evidence`."""
    rows = evidence[["source", "target", "grade", "reasons"]].astype(str).itertuples(index=False, name=None)
    known = {(source, target): {"grade": grade, "reasons": reasons} for source, target, grade, reasons in rows}
    graded = graph.copy()
    for edge in graded.edges:
        graded.edges[edge].update(known.get(edge, {}))
    return graded
