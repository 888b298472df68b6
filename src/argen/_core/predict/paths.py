"""The paths that carry an effect: the effect is the sum over all paths of shift × product of the coefficients.

A path to t is a path to a parent of t and an edge, and multiplying by a coefficient keeps the order of contributions:
the largest contributions to t are among the largest ones to its parents. So the exact best are found edge by edge,
without listing all paths, whose number grows exponentially.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Path", "best_paths", "number_of_paths"]

# Edges of a walk in a network with cycles; without them no path is longer than there are genes.
LONGEST_WALK = 12


@dataclass(frozen=True, slots=True)
class Path:
    """One path: its genes from the perturbed one on, and what it contributes."""

    genes: tuple[int, ...]
    contribution: float


def best_paths(
    theta: np.ndarray, sources: Sequence[int], shift: Sequence[float], n: int, *, acyclic: bool
) -> list[list[Path]]:
    """For every gene the `n` paths with the largest absolute contributions, largest first.

    Parameters
    ----------
    theta
        Direct effects [source, target], shape (p, p); in the network that acts (held genes without parents).
    sources, shift
        Perturbed genes and their shifts. The path of no edges, to the gene itself, is among the paths.
    acyclic
        Without cycles all paths are looked at; else walks of at most :data:`LONGEST_WALK` edges.
    """
    found: list[list[Path]] = [[] for _ in range(len(theta))]
    front = {int(g): [Path((int(g),), float(s))] for g, s in zip(sources, shift, strict=True)}
    children = [np.flatnonzero(row) for row in theta]
    for _ in range(len(theta) if acyclic else LONGEST_WALK + 1):
        for gene, paths in front.items():
            found[gene] = _largest([*found[gene], *paths], n)
        longer: dict[int, list[Path]] = {}
        for gene, paths in front.items():
            for child in children[gene]:
                coef = float(theta[gene, child])
                new = [Path((*path.genes, int(child)), path.contribution * coef) for path in paths]
                longer.setdefault(int(child), []).extend(new)
        front = {gene: _largest(paths, n) for gene, paths in longer.items()}
        if not front:
            break
    return found


def _largest(paths: list[Path], n: int) -> list[Path]:
    return sorted(paths, key=lambda path: (-abs(path.contribution), len(path.genes), path.genes))[:n]


def number_of_paths(theta: np.ndarray, sources: Sequence[int]) -> np.ndarray:
    """How many paths lead from the perturbed genes to each gene, shape (p,); ∞ where there are cycles on the way."""
    edges = (theta != 0).astype(np.float64)
    front, total = np.zeros(len(theta)), np.zeros(len(theta))
    front[np.asarray(sources, dtype=np.int64)] = 1.0
    for _ in range(len(theta)):
        total += front
        front = front @ edges
    endless = np.zeros(len(theta), dtype=bool)
    for _ in range(len(theta)):  # whatever is still on its way walks round a cycle
        endless |= front > 0
        front = ((front > 0).astype(np.float64) @ edges > 0).astype(np.float64)
    return np.where(endless, np.inf, total)
