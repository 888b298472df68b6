"""Sums of one gene's scores under random weights of the cells."""

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._segment_kernels import cells_between

__all__ = ["weighted_sums"]


@kernel
def weighted_sums(score, weights, design, by_group, by_stratum, by_numeric):
    """Add Σ w_ib r_i over the cells of each group, (p + 1, B), and stratum, (S, B), and Σ w_ib r_i m_i, (r, B)."""
    n_draws, of_segment = weights.shape[1], np.empty(weights.shape[1])
    for g in range(by_group.shape[0]):
        for seg in range(design.group_seg[g], design.group_seg[g + 1]):
            s = design.seg_stratum[seg]
            of_segment[:] = 0.0
            for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
                r = score[i]
                for b in range(n_draws):
                    of_segment[b] += r * weights[i, b]
                for c in range(by_numeric.shape[0]):
                    r = score[i] * design.numeric[c, i]
                    for b in range(n_draws):
                        by_numeric[c, b] += r * weights[i, b]
            for b in range(n_draws):
                by_group[g, b] += of_segment[b]
                by_stratum[s, b] += of_segment[b]
