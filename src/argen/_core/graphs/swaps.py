"""Random choices of as many pairs that leave every gene as many edges out and in as it has.

Moves exchange the targets of two edges, or hand those of three on in a circle (two alone do not reach every choice
where some pairs are none: Rao, Jana & Bandyopadhyay 1996). Each is as likely as the one that undoes it, so that all
choices are equally likely in the long run. Whether the chain has run for long enough does not matter for the level of a
test (Besag & Clifford 1989): it goes from the observed choice to a hub, and from the hub to every permutation anew, so
that the observed choice and all permutations are exchangeable.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from argen._core.graphs._swap_kernels import swap_targets

__all__ = ["Pairs", "exchanged", "within_classes"]

# Moves tried per edge and permutation: the most, the fewest, and how many in all are worth the time.
_MOST, _FEWEST, _IN_ALL = 300, 10, 50_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of genes, each once, some of which are chosen.

    Attributes
    ----------
    source, target
        Numbers of the genes, shape (n,).
    chosen
        Which are chosen, shape (n,).
    """

    source: np.ndarray
    target: np.ndarray
    chosen: np.ndarray


def exchanged(
    pairs: Pairs, n: int, seed: int | np.random.Generator, stratum: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Numbers of the pairs of `n` choices that keep all degrees, (number of chosen,) each; see the head of this file.

    Parameters
    ----------
    pairs
        At least one of them is chosen.
    n, seed
        How many, and what they are drawn by.
    stratum
        Class of each pair, shape (n,): as many pairs of each class stay chosen.
    """
    rng = np.random.default_rng(seed)
    row = _rows(pairs)
    classes = np.zeros(len(pairs.source), dtype=np.int64) if stratum is None else np.asarray(stratum, dtype=np.int64)
    source, hub = (end[pairs.chosen].astype(np.int64) for end in (pairs.source, pairs.target))
    used = pairs.chosen.copy()
    swap_targets(source, hub, row, classes, used, _picks(rng, len(source)))
    for _ in range(n):
        target, occupied = hub.copy(), used.copy()
        swap_targets(source, target, row, classes, occupied, _picks(rng, len(source)))
        yield row[source, target]


def within_classes(pairs: Pairs, n: int, seed: int, stratum: np.ndarray) -> Iterator[np.ndarray]:
    """Numbers of the pairs of `n` choices with as many pairs of each class; degrees may be others."""
    rng = np.random.default_rng(seed)
    order = np.argsort(stratum, kind="stable")
    _, first, sizes = np.unique(stratum[order], return_index=True, return_counts=True)
    wanted = np.add.reduceat(pairs.chosen[order].astype(np.int64), first)
    used = np.flatnonzero(wanted)
    for _ in range(n):
        drawn = [first[i] + rng.choice(sizes[i], wanted[i], replace=False, shuffle=False) for i in used]
        yield order[np.concatenate(drawn)]


def _rows(pairs: Pairs) -> np.ndarray:
    """[source, target]: number of the pair, −1 where there is none."""
    shape = (int(pairs.source.max()) + 1, int(pairs.target.max()) + 1)
    row = np.full(shape, -1, dtype=np.int32)
    row[pairs.source, pairs.target] = np.arange(len(pairs.source), dtype=np.int32)
    return row


def _picks(rng: np.random.Generator, n_edges: int) -> np.ndarray:
    """Edges of the moves to try; half of them are of two edges."""
    n = min(_MOST * n_edges, max(_FEWEST * n_edges, _IN_ALL))
    picks = rng.integers(0, n_edges, (n, 3), dtype=np.int32)
    picks[rng.integers(0, 2, n, dtype=np.int8) == 1, 2] = -1
    return picks
