"""Sums of one gene's scores under random weights of the cells."""

import numpy as np

from argen._core._jit import kernel

__all__ = ["weighted_sums"]


@kernel
def weighted_sums(score, weights, seg_start, numeric, by_segment, by_numeric):
    """Add Σ w_ib r_i over the cells of each segment, (n_seg, B), and Σ w_ib r_i m_i over all cells, (r, B)."""
    n_draws = weights.shape[1]
    for s in range(len(seg_start) - 1):
        for i in range(seg_start[s], seg_start[s + 1]):
            r = score[i]
            for b in range(n_draws):
                by_segment[s, b] += r * weights[i, b]
    for c in range(numeric.shape[1]):
        for i in range(len(score)):
            r = score[i] * numeric[i, c]
            for b in range(n_draws):
                by_numeric[c, b] += r * weights[i, b]


def empty_sums(n_seg: int, n_numeric: int, n_draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Where :func:`weighted_sums` adds."""
    return np.zeros((n_seg, n_draws)), np.zeros((n_numeric, n_draws))
