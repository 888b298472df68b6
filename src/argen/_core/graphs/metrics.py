"""How far an estimated graph is from the true one; graphs are boolean arrays [parent, child] of shape (p, p)."""

import numpy as np
from scipy import sparse

from argen._core.graphs.reach import transitive_closure

__all__ = [
    "average_precision",
    "hamming_distance",
    "order_agreement",
    "precision_recall_f1",
    "wrong_interventions",
]

_BLOCK = 1024  # starting edges walked at once: bounds the memory at a few arrays of p × 1024


def precision_recall_f1(estimate: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
    """TP / (TP + FP), TP / (TP + FN), 2 TP / (2 TP + FP + FN); NaN where the denominator is 0."""
    hits, found, wanted = (int(edges.sum()) for edges in (estimate & truth, estimate, truth))
    parts = ((hits, found), (hits, wanted), (2 * hits, found + wanted))
    precision, recall, f1 = (above / below if below else np.nan for above, below in parts)
    return precision, recall, f1


def hamming_distance(estimate: np.ndarray, truth: np.ndarray) -> int:
    """Number of unordered pairs {i, j} on which the graphs differ: missing, extra and reversed edges count 1 each."""
    differs = estimate != truth
    return int(np.triu(differs | differs.T, k=1).sum())


def order_agreement(position: np.ndarray, truth: np.ndarray) -> float:
    """Share of the true (ancestor, descendant) pairs with position[ancestor] < position[descendant]; NaN without any.

    Parameters
    ----------
    position
        Place of each gene in the order, roots first, shape (p,).
    truth
        True DAG.
    """
    ancestor, descendant = np.nonzero(transitive_closure(truth))
    return float((position[ancestor] < position[descendant]).mean()) if ancestor.size else np.nan


def average_precision(score: np.ndarray, label: np.ndarray) -> float:
    """Area under the precision-recall curve: Σ_n (R_n − R_{n−1}) P_n over the distinct scores, highest first.

    Pairs with the same score enter together. NaN without a positive label.
    """
    if not label.any():
        return np.nan
    rank = np.argsort(-score, kind="stable")
    ranked = score[rank]
    last = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(score) - 1)  # of each run of equal scores
    hits = np.cumsum(label[rank])[last]
    return float(np.diff(hits, prepend=0) @ (hits / (last + 1.0)) / hits[-1])


def wrong_interventions(estimate: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Pairs (i, j) for which adjusting for the estimated parents of i misses p(x_j | do(x_i)) in the true DAG.

    Their number is the structural intervention distance of Peters & Bühlmann (2015). With Z = pa(i) in the estimate
    (both graphs have to be acyclic):

    * j ∈ Z: the estimate says that i does not act on j, which is wrong if j ∈ de(i).
    * j ∉ Z: right if and only if Z is a valid adjustment set in the truth, that is (i) no z ∈ Z is, or descends from,
      a node w ≠ i on a directed path from i to j, and (ii) Z blocks every other path between i and j.

    Returns
    -------
    Boolean array [i, j], shape (p, p), diagonal False.
    """
    below = transitive_closure(truth)
    below_or_self = below | np.eye(len(truth), dtype=bool)
    opened = _product(below_or_self, estimate)  # [v, i]: v is in Z_i or has a descendant in it
    spoiled = below.T & opened  # [w, i]: w ∈ de(i) breaks (i) for every j that is, or descends from, w
    wrong = _product(below_or_self.T, spoiled).T | _confounded(estimate, truth, opened, below_or_self)
    return np.where(estimate.T, below, wrong)


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Boolean matrix product; float32 counts up to p and is fast."""
    return (left.astype(np.float32) @ right.astype(np.float32)) > 0


def _confounded(estimate: np.ndarray, truth: np.ndarray, opened: np.ndarray, below_or_self: np.ndarray) -> np.ndarray:
    """Pairs [i, j] that an open path joins which is not directed from i to j.

    Such a path leaves i against an edge u → i, or along an edge i → w with w ∉ an(j) ∪ {j}. (A path along i → w that
    turns round although w ∈ an(j) holds a collider with a descendant in Z, so condition (i) has caught it already.)
    """
    nodes = np.arange(len(truth))
    joined = _reached(nodes, truth, np.zeros_like(truth), estimate, truth, opened).T
    source, child = np.nonzero(truth)
    for part in np.array_split(np.arange(source.size), max(1, -(-source.size // _BLOCK))):
        start = np.zeros((len(truth), part.size), dtype=bool)
        start[child[part], np.arange(part.size)] = True
        reached = _reached(source[part], np.zeros_like(start), start, estimate, truth, opened)
        np.logical_or.at(joined, source[part], reached.T & ~below_or_self[child[part]])
    return joined


def _reached(
    origin: np.ndarray,
    upward: np.ndarray,
    downward: np.ndarray,
    estimate: np.ndarray,
    truth: np.ndarray,
    opened: np.ndarray,
) -> np.ndarray:
    """Nodes that open walks reach, one column per walk (Bayes ball for all walks at once).

    Parameters
    ----------
    origin
        Node i that each walk has left and must not visit again; the estimated parents of i are given.
    upward, downward
        Nodes at which the walks arrive first, from a child and from a parent, shape (p, len(origin)).
    """
    to_parents, to_children = (sparse.csr_array(matrix, dtype=np.float32) for matrix in (truth, truth.T))
    given, collider = estimate[:, origin], opened[:, origin]
    allowed = np.ones_like(given)
    allowed[origin, np.arange(origin.size)] = False
    while True:
        passing = (upward | downward) & ~given
        turning = (upward & ~given) | (downward & collider)
        more_up = upward | ((to_parents @ turning.astype(np.float32) > 0) & allowed)
        more_down = downward | ((to_children @ passing.astype(np.float32) > 0) & allowed)
        if (more_up == upward).all() and (more_down == downward).all():
            return upward | downward
        upward, downward = more_up, more_down
