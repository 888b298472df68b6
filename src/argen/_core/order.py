"""Causal order from the descendant relation alone (METHOD 4, steps 1 and 2)."""

import numpy as np

from argen._core.results import Dag

__all__ = ["causal_order", "layers_of"]


def causal_order(descendant: np.ndarray, neg_log10_p: np.ndarray) -> np.ndarray:
    """Order the genes from roots to sinks; it never depends on the edge estimates.

    From the genes R not yet placed, the one with the fewest descendants left in R comes last among them; ties go to
    the smallest summed evidence s_t = Σ_{l ∈ des(t)∩R} −log₁₀ p_tl, then to the first gene (genes are sorted by name).

    Parameters
    ----------
    descendant
        [target, gene], shape (p, p), diagonal False.
    neg_log10_p
        Evidence of each pair, 0 where there is no p-value.
    """
    p = len(descendant)
    left = np.ones(p, dtype=bool)
    n_descendants = descendant.sum(axis=1)
    evidence = np.where(descendant, neg_log10_p, 0.0)
    placed = []
    for _ in range(p):
        fewest = n_descendants[left].min()
        tied = np.flatnonzero(left & (n_descendants == fewest))
        # Summed afresh, in the order of the names: a running difference would round, and rounding would break ties.
        scores = evidence[np.ix_(tied, left)].sum(axis=1)
        chosen = tied[np.argmin(scores)]
        placed.append(chosen)
        left[chosen] = False
        n_descendants = n_descendants - descendant[:, chosen]
    return np.array(placed[::-1], dtype=np.int64)


def layers_of(dag: Dag) -> np.ndarray:
    """Longest path of selected edges from a root to each gene, shape (p,)."""
    layer = np.zeros(len(dag.order), dtype=np.int64)
    parents = [dag.source[dag.selected & (dag.target == t)] for t in range(len(dag.order))]
    for t in dag.order:
        layer[t] = layer[parents[t]].max(initial=-1) + 1
    return layer
