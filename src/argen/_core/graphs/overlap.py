"""What two graphs have in common; graphs are boolean arrays [parent, child] of shape (p, p) without loops."""

import numpy as np

from argen._core.graphs.reach import transitive_closure

__all__ = ["ancestors_in_common", "contrary", "overlap_by_numbers", "same_order"]


def contrary(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Edges of the left graph that only it has, and whose reverse only the right one has; shape (p, p)."""
    return (left & ~right) & (right & ~left).T


def overlap_by_numbers(n_left: int, n_right: int, n_shared: int, n_pairs: int) -> tuple[float, float, float]:
    """Expected number of shared edges, odds ratio, and P(at least so many) if either set were drawn at random.

    With N pairs, n and K edges, k of them shared: n K / N, k (N − n − K + k) / ((n − k)(K − k)), hypergeometric.
    """
    from scipy.stats import hypergeom

    if n_pairs == 0:
        return np.nan, np.nan, np.nan
    above = n_shared * (n_pairs - n_left - n_right + n_shared)
    below = (n_left - n_shared) * (n_right - n_shared)
    odds = above / below if below else np.inf if above else np.nan
    return n_left * n_right / n_pairs, odds, float(hypergeom.sf(n_shared - 1, n_pairs, n_right, n_left))


def same_order(left: np.ndarray, right: np.ndarray) -> tuple[int, int]:
    """Unordered pairs of nodes that both sets of positions put in an order, and those of them in the same order.

    Equal positions are no order.
    """
    n_ordered = n_same = 0
    for i in range(len(left) - 1):
        signs = np.sign(left[i] - left[i + 1 :]) * np.sign(right[i] - right[i + 1 :])
        n_ordered += int((signs != 0).sum())
        n_same += int((signs > 0).sum())
    return n_ordered, n_same


def ancestors_in_common(left: np.ndarray, right: np.ndarray) -> tuple[int, int, int]:
    """Pairs (ancestor, descendant) of the left graph, of the right one, and of both."""
    above, other = transitive_closure(left), transitive_closure(right)
    return int(above.sum()), int(other.sum()), int((above & other).sum())
