"""From pairwise tests to the descendant relation (METHOD 3)."""

from collections import deque
from typing import Literal

import numpy as np

from argen._core.descendants.prior import Prior
from argen._core.fdr import adjusted_from_log
from argen._core.graphs.reach import transitive_closure
from argen._core.results import DescendantTests, Relation

__all__ = ["acyclic_closure", "descendant_relation"]


def descendant_relation(
    tests: DescendantTests,
    closure: Literal[True, False, "acyclic"],
    alpha: float,
    prior: Prior | None = None,
    within: np.ndarray | None = None,
) -> Relation:
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
    prior
        Pairs that are related for sure (required edges), and pairs whose order excludes the other way.
    within
        The only pairs that are looked at, [source, target]; default all.
    """
    family = np.isfinite(tests.log_p) if within is None else np.isfinite(tests.log_p) & within
    np.fill_diagonal(family, val=False)
    padj = adjusted_from_log(np.where(family, tests.log_p, np.nan))
    significant = np.nan_to_num(padj, nan=1.0) < alpha
    dropped, paths = np.empty((0, 2), dtype=np.int64), ()
    required, before = (prior.required, prior.before) if prior else (np.zeros_like(significant),) * 2
    if closure == "acyclic":
        descendant, dropped, paths = acyclic_closure(significant, tests.neg_log10_p, required, before)
    else:
        related = significant | required
        descendant = (transitive_closure(related) if closure else related) & ~before.T
    return Relation(padj, significant, descendant, dropped, paths)


def acyclic_closure(
    significant: np.ndarray,
    evidence: np.ndarray,
    required: np.ndarray | None = None,
    before: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, tuple[tuple[int, ...], ...]]:
    """Close the significant pairs transitively, skipping those that would close a cycle.

    Pairs are added from the strongest evidence (−log₁₀ p) to the weakest, ties by (source, target). Where it is known
    that a gene comes `before` another (closed under transitivity), pairs that contradict this are skipped as well;
    `required` pairs, among those, are in the relation from the start.

    Returns
    -------
    relation, skipped pairs, for each of these the kept path from its target back to its source
    """
    source, gene = np.nonzero(significant)
    rank = np.lexsort((gene, source, -evidence[source, gene]))
    reach = np.zeros_like(significant) if before is None else before.copy()
    kept = [np.flatnonzero(row).tolist() for row in reach]
    related = np.zeros_like(significant) if required is None else required.copy()
    dropped, paths = [], []
    for u, v in zip(source[rank].tolist(), gene[rank].tolist(), strict=True):
        if reach[v, u]:
            dropped.append((u, v))
            paths.append(_shortest_path(kept, v, u))
            continue
        kept[u].append(v)
        related[u, v] = True
        if not reach[u, v]:
            above = reach[:, u].copy()
            above[u] = True
            below = reach[v].copy()
            below[v] = True
            reach[above] |= below
    # Without prior knowledge of the order, what can be reached is what is related.
    relation = reach if before is None or not before.any() else transitive_closure(related)
    return relation, np.array(dropped, dtype=np.int64).reshape(-1, 2), tuple(paths)


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
