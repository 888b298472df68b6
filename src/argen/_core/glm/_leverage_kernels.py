"""Leverages h = a x'A⁻¹x, A = Σ a x x', and scores divided by 1 − h (HC3, MacKinnon & White 1985).

For Poisson counts the score is y − μ and the weight a = μ.

With the effects of the instrument groups profiled out, a cell of group j has x'A⁻¹x = 1 / S_j + (z − W_j)'H⁻¹(z − W_j),
S_j the sum of a over the group and W_j the a-weighted mean of z in it; a baseline cell has z'H⁻¹z. A segment's cells
differ in their numeric covariates m only: the form is constant + linear'm + m'Qm.
"""

import numpy as np

from argen._core._jit import kernel, lean_inlined, lean_kernel
from argen._core.glm._linear_kernels import apply, dot
from argen._core.glm._segment_kernels import cells_between

__all__ = ["control_inflation", "inflate", "inflation_of", "poisson_cells"]

_FULL = 1.0 - 1e-6


@lean_inlined
def inflation_of(leverage):
    """1 / (1 − h)²; 1 for a cell that is fitted exactly, since its residual is zero whatever its count."""
    return 1.0 / (1.0 - leverage) ** 2 if leverage < _FULL else 1.0


@lean_kernel
def stratum_forms(design, H_inv, constant, linear):
    """z'H⁻¹z = constant + linear'm + m'Qm of the cells of each stratum; shapes (S,), (S, r)."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    for s in range(len(constant)):
        g, dummies = design.stratum_level[s], design.stratum_dummies[s]
        constant[s] = H_inv[g, g]
        for o in range(O):
            constant[s] += 2.0 * dummies[o] * H_inv[g, G + o]
            for o2 in range(O):
                constant[s] += dummies[o] * dummies[o2] * H_inv[G + o, G + o2]
        for a in range(r):
            value = H_inv[G + O + a, g]
            for o in range(O):
                value += dummies[o] * H_inv[G + O + a, G + o]
            linear[s, a] = 2.0 * value


@lean_inlined
def numeric_form(design, i, linear, H_inv):
    """Linear'm + m'Qm of cell i."""
    r = design.numeric.shape[0]
    first = H_inv.shape[0] - r
    value = 0.0
    for a in range(r):
        inner = linear[a]
        for b in range(r):
            inner += H_inv[first + a, first + b] * design.numeric[b, i]
        value += inner * design.numeric[a, i]
    return value


@lean_kernel
def poisson_cells(y, design, used, w, factor, score, weight):
    """Score y − μ and weight μ = factor · w of every cell of the used segments."""
    for seg in range(len(used)):
        if used[seg]:
            for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
                weight[i] = factor[seg] * w[i]
                score[i] = y[i] - weight[i]


@kernel
def control_inflation(design, kappa, w, phi, H_inv, out):
    """1 / (1 − h)² of the control cells under the fit on the controls alone; other cells keep their value."""
    p, S, r = len(design.group_seg) - 2, len(design.stratum_level), design.numeric.shape[0]
    constants, linears = np.empty(S), np.empty((S, r))
    stratum_forms(design, H_inv, constants, linears)
    for seg in range(design.group_seg[p], design.group_seg[p + 1]):
        s = design.seg_stratum[seg]
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            mu = kappa[s] * w[i]
            leverage = mu / (1.0 + phi * mu) * (constants[s] + numeric_form(design, i, linears[s], H_inv))
            out[i] = inflation_of(leverage)


@kernel
def inflate(design, used, row, score, weight, S, W, H_inv):
    """Divide the scores of the used segments' cells by 1 − h in place, h = a x'A⁻¹x for a cell of weight a.

    For Poisson counts the score is y − μ and a = μ. S_j is the sum of the weights of instrument group j.
    """
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    strata = len(design.stratum_level)
    constants, linears, linear = np.empty(strata), np.empty((strata, r)), np.empty(r)
    stratum_forms(design, H_inv, constants, linears)
    h = np.zeros(H_inv.shape[0])
    for j in range(len(row)):
        k, own = row[j], 0.0
        h[:] = 0.0
        if k >= 0:
            apply(H_inv, W[k], h)
            own = dot(h, W[k]) + (1.0 / S[k] if S[k] > 0.0 else 0.0)
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            if not used[seg]:
                continue
            s = design.seg_stratum[seg]
            constant = constants[s] + own - 2.0 * h[design.stratum_level[s]]
            for o in range(O):
                constant -= 2.0 * design.stratum_dummies[s, o] * h[G + o]
            for a in range(r):
                linear[a] = linears[s, a] - 2.0 * h[G + O + a]
            for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
                leverage = weight[i] * (constant + numeric_form(design, i, linear, H_inv))
                score[i] *= np.sqrt(inflation_of(leverage))
