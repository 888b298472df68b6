"""Leverages h = μ x'A⁻¹x, A = Σ μ x x', and residuals divided by 1 − h (HC3, MacKinnon & White 1985).

With the effects of the instrument groups profiled out, a cell of group j has x'A⁻¹x = 1 / S_j + (z − W_j)'H⁻¹(z − W_j),
S_j the sum of μ over the group and W_j the μ-weighted mean of z in it; a baseline cell has z'H⁻¹z. A segment's cells
differ in their numeric covariates m only: the form is constant + linear'm + m'Qm.
"""

import numpy as np

from argen._core.glm._jit import kernel
from argen._core.glm._segment_kernels import add_moments, shift_weights, stratum_factors

__all__ = ["cell_residuals", "control_inflation", "inflated_residuals", "inflation_of"]

_FULL = 1.0 - 1e-6


@kernel
def inflation_of(leverage):
    """1 / (1 − h)²; 1 for a cell that is fitted exactly, since its residual is zero whatever its count."""
    return 1.0 / (1.0 - leverage) ** 2 if leverage < _FULL else 1.0


@kernel
def stratum_forms(design, H_inv, constant, linear):
    """z'H⁻¹z = constant + linear'm + m'Qm of the cells of each stratum; shapes (S,), (S, r)."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
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


@kernel
def numeric_form(design, i, linear, H_inv):
    """Linear'm + m'Qm of cell i."""
    r = design.numeric.shape[1]
    first = H_inv.shape[0] - r
    value = 0.0
    for a in range(r):
        inner = linear[a]
        for b in range(r):
            inner += H_inv[first + a, first + b] * design.numeric[i, b]
        value += inner * design.numeric[i, a]
    return value


@kernel
def inflated_residuals(y, design, used, row, w, factor, y_row, W, H_inv, residuals):
    """Components of ((y − μ) / (1 − h))² of the used segments; μ = factor · w."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    S = len(design.stratum_level)
    constants, linears, linear = np.empty(S), np.empty((S, r)), np.empty(r)
    stratum_forms(design, H_inv, constants, linears)
    h = np.zeros(H_inv.shape[0])
    for j in range(len(row)):
        k, own = row[j], 0.0
        h[:] = 0.0
        if k >= 0:
            h[:] = np.dot(H_inv, W[k])
            own = np.dot(h, W[k]) + (1.0 / y_row[k] if y_row[k] > 0.0 else 0.0)
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            if not used[seg]:
                continue
            s = design.seg_stratum[seg]
            constant = constants[s] + own - 2.0 * h[design.stratum_level[s]]
            for o in range(O):
                constant -= 2.0 * design.stratum_dummies[s, o] * h[G + o]
            for a in range(r):
                linear[a] = linears[s, a] - 2.0 * h[G + O + a]
            residuals[seg] = 0.0
            for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
                mu = factor[seg] * w[i]
                leverage = mu * (constant + numeric_form(design, i, linear, H_inv))
                e = (y[i] - mu) ** 2 * inflation_of(leverage)
                residuals[seg, 0] += e
                add_moments(residuals, seg, e, design.numeric, i)


@kernel
def control_inflation(design, kappa, w, H_inv, out):
    """1 / (1 − h)² of the control cells under the fit on the controls alone; other cells keep their value."""
    p, S, r = len(design.group_seg) - 2, len(design.stratum_level), design.numeric.shape[1]
    constants, linears = np.empty(S), np.empty((S, r))
    stratum_forms(design, H_inv, constants, linears)
    for seg in range(design.group_seg[p], design.group_seg[p + 1]):
        s = design.seg_stratum[seg]
        for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
            leverage = kappa[s] * w[i] * (constants[s] + numeric_form(design, i, linears[s], H_inv))
            out[i] = inflation_of(leverage)


@kernel
def cell_residuals(y, design, theta, row, factor, y_row, W, H_inv, hc3, out):
    """Residuals y − μ of every cell at the coefficients `theta` and the groups' effect factors, in place of `out`.

    With `hc3` they are divided by 1 − h. Arguments as in :func:`._fit_kernels.fit`; `factor` is by instrument group.
    """
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    S = len(design.stratum_level)
    kappa, h, linear = np.empty(S), np.zeros(H_inv.shape[0]), np.empty(r)
    constants, linears = np.empty(S), np.empty((S, r))
    stratum_factors(design, theta, kappa)
    if hc3:
        stratum_forms(design, H_inv, constants, linears)
    w = design.depth.copy()
    shift_weights(design.numeric, design.numeric_bound, 0, len(w), theta[G + O :].copy(), w)
    for j in range(len(row)):
        k, own, d = row[j], 0.0, 1.0
        if k >= 0:
            d = factor[k]
        if hc3:
            h[:] = 0.0
            if k >= 0:
                h[:] = np.dot(H_inv, W[k])
                own = np.dot(h, W[k]) + (1.0 / y_row[k] if y_row[k] > 0.0 else 0.0)
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            s = design.seg_stratum[seg]
            f = d * kappa[s]
            if hc3:
                constant = constants[s] + own - 2.0 * h[design.stratum_level[s]]
                for o in range(O):
                    constant -= 2.0 * design.stratum_dummies[s, o] * h[G + o]
                for a in range(r):
                    linear[a] = linears[s, a] - 2.0 * h[G + O + a]
            for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
                mu = f * w[i]
                out[i] = y[i] - mu
                if hc3:
                    leverage = mu * (constant + numeric_form(design, i, linear, H_inv))
                    out[i] *= np.sqrt(inflation_of(leverage))
