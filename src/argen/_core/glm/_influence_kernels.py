"""Scores of all cells, and their influences on the coefficients of a few groups.

With instruments for all groups, cell i of group h has the influence

    IF_i[g] = r_i (1{h = g} / S_g − D_g'(z_i − W_h)),   D = W H⁻¹,

on the coefficient of group g; z_i holds the level and the dummies of its stratum and its numeric covariates, and
W_h = 0 for the controls, see :mod:`argen._core.dag.influence`.
"""

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._segment_kernels import cells_between, shift_weights

__all__ = ["group_influence", "scores_of_cells"]


@kernel
def scores_of_cells(y, depth, numeric, bound, gamma, factor, segment, phi, score):
    """(y − μ) / (1 + φμ) of cells in any order, μ = factor of the cell's segment · ℓ exp(m'γ); 0 where μ is 0.

    `numeric` is of shape (r, n), `bound` its largest |value| by covariate.
    """
    cells = cells_between(0, len(y))
    for i in cells:
        score[i] = depth[i]
    shift_weights(numeric, bound, 0, len(y), gamma, score)
    for i in cells:
        mean = factor[segment[i]] * score[i]
        score[i] = (y[i] - mean) / (1.0 + phi * mean) if mean != 0.0 else 0.0


@kernel
def group_influence(residual, design, rows, inverse_S, D, W, out):
    """IF_i[g] of every cell for the groups `rows` of one gene, shape (n, len(rows)); D has one row per such group."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    c, n_groups = len(rows), len(design.group_seg) - 2
    base = np.empty(c)
    for h in range(n_groups + 1):
        for seg in range(design.group_seg[h], design.group_seg[h + 1]):
            s = design.seg_stratum[seg]
            for j in range(c):
                base[j] = -D[j, design.stratum_level[s]]
                for o in range(O):
                    base[j] -= D[j, G + o] * design.stratum_dummies[s, o]
                if h < n_groups:
                    for a in range(D.shape[1]):
                        base[j] += D[j, a] * W[h, a]
                    if h == rows[j]:
                        base[j] += inverse_S[j]
            for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
                for j in range(c):
                    value = base[j]
                    for a in range(r):
                        value -= D[j, G + O + a] * design.numeric[a, i]
                    out[i, j] = residual[i] * value
