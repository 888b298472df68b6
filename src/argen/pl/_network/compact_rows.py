"""Rows of genes without places for the edges between them: layers of networks with thousands of edges."""

from collections.abc import Mapping, Sequence
from math import ceil

import networkx as nx
import numpy as np
from scipy.optimize import isotonic_regression

__all__ = ["compact_rows"]

_SWEEPS = 16
_PULL = 0.6  # towards the neighbours; the rest towards an even row


def compact_rows(
    graph: nx.DiGraph, widths: Mapping[str, float], room: float
) -> tuple[list[list[str]], dict[str, float], list[int]]:
    """Rows from top to bottom, by the longest path from a root, with every gene near its parents and children.

    A layer that is wider than `room` is dealt out to several rows.

    Parameters
    ----------
    widths
        Width of every gene, with the gap to the next one.

    Returns
    -------
    The rows from left to right, the place of every gene along its row (its middle, between 0 and the larger of `room`
    and the widest gene), and the layer of every row.
    """
    layers = [list(layer) for layer in nx.topological_generations(graph)]
    wraps = [_n_rows([widths[gene] for gene in layer], room) for layer in layers]
    near = {gene: [*graph.pred[gene], *graph.succ[gene]] for gene in graph}
    x = {gene: room * (i + 0.5) / len(layer) for layer in layers for i, gene in enumerate(layer)}
    for sweep in range(_SWEEPS):
        steps = list(zip(layers, wraps, strict=True))
        for layer, n_rows in steps if sweep % 2 == 0 else reversed(steps):
            wanted = {gene: float(np.mean([x[other] for other in near[gene]] or [x[gene]])) for gene in layer}
            layer.sort(key=wanted.get)
            even = room * (np.arange(len(layer)) + 0.5) / len(layer)
            places = _PULL * np.array([wanted[gene] for gene in layer]) + (1 - _PULL) * even
            x |= dict(zip(layer, _apart(places, layer, widths, n_rows, room), strict=True))
    rows = [layer[i::n] for layer, n in zip(layers, wraps, strict=True) for i in range(n)]
    numbers = [number for number, n in enumerate(wraps) for _ in range(n)]
    return [row for row in rows if row], x, [n for row, n in zip(rows, numbers, strict=True) if row]


def _n_rows(widths: Sequence[float], room: float) -> int:
    return 1 if sum(widths) <= room else ceil(len(widths) * max(widths) / max(room, max(widths)))


def _apart(
    places: np.ndarray, layer: Sequence[str], widths: Mapping[str, float], n_rows: int, room: float
) -> list[float]:
    """Places nearest to the wanted ones such that genes that stand in one row do not meet."""
    width = np.array([widths[gene] for gene in layer])
    if n_rows > 1:  # neighbours in a row are `n_rows` apart here
        width = np.full(len(layer), width.max()) / n_rows
    step = np.concatenate([[0.0], np.cumsum((width[1:] + width[:-1]) / 2)])
    slack = max(room - step[-1] - (width[0] + width[-1]) / 2, 0.0)
    free = isotonic_regression(places - step).x
    return (np.clip(free, width[0] / 2, width[0] / 2 + slack) + step).tolist()
