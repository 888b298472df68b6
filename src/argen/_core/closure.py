"""From pairwise tests to the descendant relation (METHOD 3)."""

from collections import deque
from typing import Literal

import numpy as np
from scipy.stats import false_discovery_control

from argen._core.results import DescendantTests, Relation

__all__ = ["acyclic_closure", "descendant_relation", "transitive_closure"]


def descendant_relation(tests: DescendantTests, closure: Literal[True, False, "acyclic"], alpha: float) -> Relation:
    """Benjamini–Hochberg over all tested ordered pairs, then the chosen closure.

    Parameters
    ----------
    tests
        All pairs; the diagonal (on-target) and pairs without a p-value are outside the family.
    closure
        ``True`` transitive closure of the significant pairs, ``False`` the significant pairs, ``"acyclic"`` see
        :func:`acyclic_closure`.
    alpha
        Level of the adjusted p-values.
    """
    family = np.isfinite(tests.log_p)
    np.fill_diagonal(family, val=False)
    padj = np.full(family.shape, np.nan)
    if family.any():
        padj[family] = false_discovery_control(tests.p[family])
    significant = np.nan_to_num(padj, nan=1.0) < alpha
    dropped, paths = np.empty((0, 2), dtype=np.int64), ()
    if closure == "acyclic":
        descendant, dropped, paths = acyclic_closure(significant, tests.neg_log10_p)
    else:
        descendant = transitive_closure(significant) if closure else significant.copy()
    return Relation(padj, significant, descendant, dropped, paths)


def transitive_closure(relation: np.ndarray) -> np.ndarray:
    """Pairs joined by a path, each node itself excluded; shape (p, p)."""
    reach = relation.copy()
    for k in range(len(reach)):
        reach[reach[:, k]] |= reach[k]
    np.fill_diagonal(reach, val=False)
    return reach


def acyclic_closure(
    significant: np.ndarray, evidence: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[tuple[int, ...], ...]]:
    """Close the significant pairs transitively, skipping those that would close a cycle.

    Pairs are added from the strongest evidence (−log₁₀ p) to the weakest, ties by (source, target).

    Returns
    -------
    relation, skipped pairs, for each of these the kept path from its gene back to its target
    """
    source, gene = np.nonzero(significant)
    rank = np.lexsort((gene, source, -evidence[source, gene]))
    reach = np.zeros_like(significant)
    kept = [[] for _ in range(len(significant))]
    dropped, paths = [], []
    for u, v in zip(source[rank].tolist(), gene[rank].tolist(), strict=True):
        if reach[v, u]:
            dropped.append((u, v))
            paths.append(_shortest_path(kept, v, u))
            continue
        kept[u].append(v)
        if not reach[u, v]:
            above = reach[:, u].copy()
            above[u] = True
            below = reach[v].copy()
            below[v] = True
            reach[above] |= below
    return reach, np.array(dropped, dtype=np.int64).reshape(-1, 2), tuple(paths)


def _shortest_path(children: list[list[int]], start: int, end: int) -> tuple[int, ...]:
    previous = {start: start}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        if node == end:
            break
        for child in children[node]:
            if child not in previous:
                previous[child] = node
                queue.append(child)
    path = [end]
    while path[-1] != start:
        path.append(previous[path[-1]])
    return tuple(reversed(path))
