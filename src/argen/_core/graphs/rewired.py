"""Random graphs in which every node has as many parents and as many children as in a given one."""

from collections.abc import Iterator

import numpy as np

from argen._core.graphs.swaps import Pairs, exchanged

__all__ = ["rewired_graphs", "shared_by_chance"]


def rewired_graphs(edges: np.ndarray, n_draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw graphs of the same in- and out-degrees, without loops, all of them equally likely (see :mod:`.swaps`).

    Parameters
    ----------
    edges
        Boolean, shape (p, p), row = source; without loops.
    n_draws
        Number of graphs.

    Yields
    ------
    Boolean array of the same shape.
    """
    source, target = np.nonzero(~np.eye(len(edges), dtype=bool))
    pairs = Pairs(source, target, edges[source, target])
    if not pairs.chosen.any():
        yield from (edges.copy() for _ in range(n_draws))
        return
    for chosen in exchanged(pairs, n_draws, rng):
        joined = np.zeros_like(edges)
        joined[source[chosen], target[chosen]] = True
        yield joined


def shared_by_chance(
    left: np.ndarray, right: np.ndarray, n_draws: int, rngs: tuple[np.random.Generator, np.random.Generator]
) -> np.ndarray:
    """Number of edges that two graphs share if both are rewired, shape (n_draws,); each has a generator of its own."""
    graphs = (rewired_graphs(edges, n_draws, rng) for edges, rng in zip((left, right), rngs, strict=True))
    return np.array([int((a & b).sum()) for a, b in zip(*graphs, strict=True)], dtype=np.int64)
