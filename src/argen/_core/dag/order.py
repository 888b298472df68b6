"""Causal order from the descendant relation alone (METHOD 4, steps 1 and 2), and what decided each direction."""

from dataclasses import replace

import numpy as np

from argen._core.graphs.reach import transitive_closure
from argen._core.results import Dag, Direction, Relation

__all__ = ["causal_order", "directed", "layers_of", "place_genes"]


def causal_order(descendant: np.ndarray, neg_log10_p: np.ndarray) -> np.ndarray:
    """Genes from roots to sinks, see :func:`place_genes`."""
    return place_genes(descendant, neg_log10_p)[0]


def place_genes(
    descendant: np.ndarray,
    neg_log10_p: np.ndarray,
    *,
    reverse_ties: bool = False,
    before: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Order the genes from roots to sinks; it never depends on the edge estimates.

    From the genes R not yet placed, the one with the fewest descendants left in R comes last among them; ties go to
    the smallest summed evidence s_t = Σ_{l ∈ des(t)∩R} −log₁₀ p_tl, then to the first gene (genes are sorted by name).

    Parameters
    ----------
    descendant
        [source, target], shape (p, p), diagonal False.
    neg_log10_p
        Evidence of each pair, 0 where there is no p-value.
    reverse_ties
        Break ties the other way round: the largest evidence, then the last gene.
    before
        [k, t]: gene k is known to come before t; without cycles, shape (p, p).

    Returns
    -------
    order
        Roots to sinks, shape (p,).
    tied
        [k, t]: gene k had as few descendants left as t when t was placed, shape (p, p).
    """
    p = len(descendant)
    left = np.ones(p, dtype=bool)
    n_descendants = descendant.sum(axis=1)
    n_behind = np.zeros(p, dtype=np.int64) if before is None else before.sum(axis=1)
    evidence = np.where(descendant, neg_log10_p, 0.0)
    placed, all_tied = [], np.zeros((p, p), dtype=bool)
    for _ in range(p):
        free = left & (n_behind == 0)
        fewest = n_descendants[free].min()
        tied = np.flatnonzero(free & (n_descendants == fewest))
        # Summed afresh, in the order of the names: a running difference would round, and rounding would break ties.
        scores = evidence[np.ix_(tied, left)].sum(axis=1) if fewest else np.zeros(len(tied))
        chosen = tied[len(tied) - 1 - np.argmax(scores[::-1])] if reverse_ties else tied[np.argmin(scores)]
        all_tied[tied, chosen] = True
        placed.append(chosen)
        left[chosen] = False
        n_descendants = n_descendants - descendant[:, chosen]
        if before is not None:
            n_behind = n_behind - before[:, chosen]
    np.fill_diagonal(all_tied, val=False)
    return np.array(placed[::-1], dtype=np.int64), all_tied


def directed(dag: Dag, relation: Relation, all_tied: np.ndarray, before: np.ndarray | None = None) -> Dag:
    """The network with what decided the direction of each candidate edge; `all_tied` as of :func:`place_genes`."""
    before = np.zeros_like(relation.descendant) if before is None else before
    back = transitive_closure(relation.significant)[dag.target, dag.source]
    tied = all_tied[dag.source, dag.target]
    contested = Direction.EVIDENCE if _is_acyclic(relation.descendant) else Direction.ORDER
    direction = np.where(back, int(contested), int(Direction.ONE_WAY))
    direction = np.where(back & tied & (direction == Direction.ORDER), int(Direction.TIE), direction)
    direction = np.where(back & before[dag.source, dag.target], int(Direction.PRIOR), direction)
    return replace(dag, direction=direction, tied=all_tied)


def _is_acyclic(relation: np.ndarray) -> bool:
    reach = transitive_closure(relation)
    return not (reach & reach.T).any()


def layers_of(order: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Longest path of the edges source → target from a root to each gene, shape (p,)."""
    layer = np.zeros(len(order), dtype=np.int64)
    parents = [source[target == t] for t in range(len(order))]
    for t in order:
        layer[t] = layer[parents[t]].max(initial=-1) + 1
    return layer
