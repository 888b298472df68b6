"""Random graphs in which every node has as many parents and as many children as in a given one."""

from collections.abc import Iterator

import numpy as np

from argen._core.graphs._rewire_kernels import swap_targets

__all__ = ["rewired_graphs", "shared_by_chance"]

_TRIES, _FIRST_TRIES = 10, 100  # swaps that are tried for each edge between two graphs, and before the first


def rewired_graphs(edges: np.ndarray, n_draws: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Draw graphs of the same in- and out-degrees, without loops; each is the last one with some targets swapped.

    The walk over graphs tries swaps a → b, c → d ↦ a → d, c → b and stays where one is not possible. Steps are as
    likely back as forth, so that its distribution is uniform over the graphs that it can reach: all with these degrees,
    but for cycles of three edges, which no swap turns round.

    Parameters
    ----------
    edges
        Boolean, shape (p, p), row = source; without loops.
    n_draws
        Number of graphs.

    Yields
    ------
    Boolean array of the same shape, the same one every time: copy what is to be kept.
    """
    joined = edges.copy()
    source, target = np.nonzero(joined)
    for draw in range(n_draws):
        n_tries = len(source) * (_TRIES if draw else _FIRST_TRIES)
        if n_tries:
            swap_targets(source, target, joined, *rng.integers(len(source), size=(2, n_tries)))
        yield joined


def shared_by_chance(
    left: np.ndarray, right: np.ndarray, n_draws: int, rngs: tuple[np.random.Generator, np.random.Generator]
) -> np.ndarray:
    """Number of edges that two graphs share if both are rewired, shape (n_draws,); each has a generator of its own."""
    graphs = (rewired_graphs(edges, n_draws, rng) for edges, rng in zip((left, right), rngs, strict=True))
    return np.array([int((a & b).sum()) for a, b in zip(*graphs, strict=True)], dtype=np.int64)
