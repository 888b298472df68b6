"""Sums of one gene over the cells of each group (see :mod:`.gene_sums`)."""

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._segment_kernels import cells_between, shift_weights, stratum_factors

__all__ = ["sums_by_group"]


@kernel
def sums_by_group(y, design, used, theta, mean, residual, sums):
    """Counts, means, squared means and squared residuals of each group, shape (4, groups), into `sums`.

    `mean` and `residual`, (n,), get those of the cells: 0 in cells that are not `used`, or have no known mean. Returns
    Σ [(y − μ⁰)² − y] over the last group.
    """
    r, excess = design.numeric.shape[0], 0.0
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, theta, kappa)
    for i in cells_between(0, len(y)):
        mean[i] = design.depth[i]
    shift_weights(design.numeric, design.numeric_bound, 0, len(y), theta[len(theta) - r :].copy(), mean)
    for j in range(len(design.group_seg) - 1):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        S, E, Q, squares, excess = 0.0, 0.0, 0.0, 0.0, 0.0
        for seg in range(first, last):
            k = kappa[design.seg_stratum[seg]]
            for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
                m = k * mean[i]
                known = used[i] and np.isfinite(m)
                mean[i], residual[i] = (m, y[i]) if known else (0.0, 0.0)
                S += residual[i]
                E += mean[i]
                Q += mean[i] * mean[i]
                excess += (residual[i] - mean[i]) ** 2 - residual[i]
        factor = S / E if E > 0.0 else 0.0
        for i in cells_between(design.seg_start[first], design.seg_start[last]):
            residual[i] -= factor * mean[i]
            squares += residual[i] * residual[i]
        sums[0, j], sums[1, j], sums[2, j], sums[3, j] = S, E, Q, squares
    return excess
