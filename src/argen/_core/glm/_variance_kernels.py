"""Variance of a pair's effect (HC0, HC1, HC3), and the statistics of its score test."""

import numpy as np

from argen._core._jit import lean_inlined, lean_kernel
from argen._core.glm._leverage_kernels import inflation_of
from argen._core.glm._linear_kernels import cholesky_solve, small_inverse
from argen._core.glm._moment_kernels import residual_totals
from argen._core.glm._segment_kernels import cells_between, shifted_weights

__all__ = [
    "control_form",
    "degrees_of_freedom_factor",
    "inverse_column",
    "leverage_form",
    "pair_variance",
    "score_statistics",
    "segment_leverage",
]

_LARGE = 1e200


@lean_kernel
def inverse_column(design, space):
    """The last column of A⁻¹: space.score by the border, space.constant of each stratum with its level profiled out."""
    O, bd, a = design.stratum_dummies.shape[1], len(space.score), space.score
    a[:] = 0.0
    a[bd - 1] = 1.0
    cholesky_solve(space.L, a)
    for s in range(len(design.stratum_level)):
        g, constant = design.stratum_level[s], 0.0
        if space.rate[g] > 0.0:
            for b in range(bd):
                constant -= space.acc[1 + b, g] * space.inverse[g] * a[b]
            for o in range(O):
                constant += design.stratum_dummies[s, o] * a[o]
        space.constant[s] = constant


@lean_kernel
def control_form(constant, slope, squares):
    """Σ v (x'a)² over the controls from their components (K, S) for the weight v; x'a = constant + slope'm by stratum.

    `slope` ends with the coefficient of the effect, which controls do not have.
    """
    total, c = 0.0, len(slope)
    for s in range(len(constant)):
        total += constant[s] * constant[s] * squares[0, s]
    for a in range(len(slope) - 1):
        for s in range(len(constant)):
            total += 2.0 * constant[s] * slope[a] * squares[1 + a, s]
        for b in range(a + 1):
            factor = (1.0 if a == b else 2.0) * slope[a] * slope[b]
            for s in range(len(constant)):
                total += factor * squares[c, s]
            c += 1
    return total


@lean_kernel
def segment_leverage(design, space, s, linear):
    """The part of (b − b̄_g)'H⁻¹(b − b̄_g) that all cells of a segment share; `linear` gets the factors of m − m̄_g.

    b = (dummies, m, 1) is a cell's border, b̄_g its mean over the cell's level.
    """
    O, r, g = design.stratum_dummies.shape[1], design.numeric.shape[0], design.stratum_level[s]
    bd, border, H_inv, inverse = O + r + 1, space.border, space.H_inv, space.inverse[g]
    border[:] = 0.0
    for o in range(O):
        border[o] = design.stratum_dummies[s, o] - space.acc[1 + o, g] * inverse
    border[bd - 1] = 1.0 - space.acc[bd, g] * inverse
    form = 0.0
    for a in range(bd):
        image = 0.0
        for b in range(bd):
            image += H_inv[a, b] * border[b]
        form += border[a] * image
        if O <= a < bd - 1:
            linear[a - O] = 2.0 * image
    return form


@lean_inlined
def leverage_form(design, space, i, g, shared, linear):
    """(b − b̄_g)'H⁻¹(b − b̄_g) of cell i, from what :func:`segment_leverage` left."""
    O, r, form = design.stratum_dummies.shape[1], design.numeric.shape[0], shared
    for a in range(r):
        space.border[O + a] = design.numeric[a, i] - space.acc[1 + O + a, g] * space.inverse[g]
        inner = 0.0
        for b in range(a):
            inner += space.H_inv[O + a, O + b] * space.border[O + b]
        form += space.border[O + a] * (linear[a] + 2.0 * inner + space.H_inv[O + a, O + a] * space.border[O + a])
    return form


@lean_kernel
def target_variance(y, design, j, w, space, effect, slope, hc3):
    """Σ (y − μ)² (x'a)² over the supported cells of group j; `slope` ends with the coefficient of the effect.

    With `hc3` the residuals are divided by 1 − h, h = μ (1 / Y_g + (b − b̄_g)'H⁻¹(b − b̄_g)), Y_g the counts of the
    level.
    """
    numeric, r, kappa, linear = design.numeric, design.numeric.shape[0], space.kappa, space.step
    first, last = design.group_seg[j], design.group_seg[j + 1]
    lo, hi = design.seg_start[first], design.seg_start[last]
    shifted_weights(numeric, design.numeric_bound, lo, hi, space.shift, w, space.weight)
    origin = np.uint64(lo)
    if hc3:
        small_inverse(space.L, space.H_inv)
    total, shared, own = 0.0, 0.0, 0.0
    for seg in range(first, last):
        s = design.seg_stratum[seg]
        if not design.stratum_supported[s] or kappa[s] == 0.0:
            continue
        g, factor = design.stratum_level[s], effect * kappa[s]
        if hc3:
            shared, own = segment_leverage(design, space, s, linear), 1.0 / space.y_level[g]
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            influence = space.constant[s] + slope[r]
            for a in range(r):
                influence += numeric[a, i] * slope[a]
            mu = factor * space.weight[i - origin]
            square = ((y[i] - mu) * influence) ** 2
            if hc3:
                square *= inflation_of(mu * (own + leverage_form(design, space, i, g, shared, linear)))
            total += square
    return total


@lean_kernel
def pair_variance(y, design, mono, controls, space, j, tau, hc):
    """Variance of τ̂, Σ (y − μ)² (x'a)² with a = A⁻¹ e_τ, from where Newton's method ended; `hc` is 0, 1 or 3."""
    inverse_column(design, space)
    for s in range(len(design.stratum_level)):
        space.kappa[s] *= space.rate[design.stratum_level[s]]
    slope = space.score[design.stratum_dummies.shape[1] :]
    residual_totals(controls.tables, mono, space.shift, space.kappa, space.power, space.comps, space.squares)
    variance = control_form(space.constant, slope, space.squares)
    variance += target_variance(y, design, j, controls.w, space, np.exp(tau), slope, hc == 3)
    return variance * degrees_of_freedom_factor(design, j, space) if hc == 1 else variance


@lean_kernel
def degrees_of_freedom_factor(design, j, space):
    """N / (n − k) of HC1: cells and coefficients about which the pair knows anything."""
    n, k, p = 0, 0, len(design.group_seg) - 2
    for group in (j, p):
        for seg in range(design.group_seg[group], design.group_seg[group + 1]):
            s = design.seg_stratum[seg]
            if design.stratum_supported[s] and space.kappa[s] > 0.0:
                n += design.seg_start[seg + 1] - design.seg_start[seg]
    for g in range(len(space.rate)):
        k += 1 if space.rate[g] > 0.0 else 0
    for b in range(len(space.skipped)):
        k += 0 if space.skipped[b] else 1
    return n / (n - k) if n > k else np.inf


@lean_kernel
def score_statistics(design, j, controls, space, count, out):
    """Out = (U, v, κ₃, log P(no counts)) of the pooled-variance score test of a group with Σ y = `count`.

    With the controls-only fit, U = Σ_j (y − μ), v = Σ_j (μ + φμ²) + P'H⁻¹BH⁻¹P with P = Σ_j μ z, which accounts for the
    estimated nuisance coefficients, κ₃ = Σ_j (μ + 3φμ² + 2φ²μ³), and no counts have the probability Π (1 + φμ)^(−1/φ).
    """
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    w, phi, P = controls.w, controls.phi, space.total
    P[:] = 0.0
    second, third, growth, log_growth = 0.0, 0.0, 0.0, 0.0
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        kappa, mean = controls.kappa[s], 0.0
        if not design.stratum_supported[s] or kappa == 0.0:
            continue
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            mu = kappa * w[i]
            mean += mu
            second += mu * mu
            third += mu * mu * mu
            growth += phi * mu * (1.0 + growth)  # Π (1 + φμ) − 1: one logarithm for many cells
            if growth > _LARGE:
                log_growth += np.log1p(growth)
                growth = 0.0
            for a in range(r):
                P[G + O + a] += mu * design.numeric[a, i]
        P[design.stratum_level[s]] += mean
        for o in range(O):
            P[G + o] += mean * design.stratum_dummies[s, o]
    expected = 0.0
    for g in range(G):
        expected += P[g]
    out[0], out[1] = count - expected, expected + phi * second + coefficient_error(controls, P, space.image, G)
    out[2] = expected + 3.0 * phi * second + 2.0 * phi * phi * third
    out[3] = -(log_growth + np.log1p(growth)) / phi if phi > 1e-8 else -expected


@lean_kernel
def coefficient_error(controls, P, h, n_levels):
    """P'H⁻¹BH⁻¹P; `h` becomes H⁻¹P. No control cell has two levels: B is diagonal in the levels."""
    H_inv, B = controls.H_inv, controls.B
    h[:] = 0.0
    for a in range(len(P)):
        if P[a] != 0.0:
            for b in range(len(P)):
                h[b] += P[a] * H_inv[a, b]
    total = 0.0
    for g in range(n_levels):
        total += B[g, g] * h[g] * h[g]
    for a in range(n_levels, len(P)):
        inner = 0.0
        for b in range(a):
            inner += B[a, b] * h[b]
        total += (2.0 * inner + B[a, a] * h[a]) * h[a]
    return total
