"""What two graphs have in common; graphs are boolean arrays [parent, child] of shape (p, p) without loops."""

import numpy as np

__all__ = ["contrary", "overlap_by_numbers", "same_order"]


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


def same_order(left: np.ndarray, right: np.ndarray, related: np.ndarray) -> tuple[int, int]:
    """Unordered pairs of nodes that both sets of positions put in an order, and those of them in the same order.

    Only pairs that are `related` one way or the other, boolean of shape (p, p); equal positions are no order.
    """
    i, j = np.nonzero(np.triu(related | related.T, k=1))
    signs = np.sign(left[i] - left[j]) * np.sign(right[i] - right[j])
    return int((signs != 0).sum()), int((signs > 0).sum())
