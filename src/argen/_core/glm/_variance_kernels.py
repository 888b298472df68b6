"""Variance of a pair's effect (HC0, HC1, HC3), and the statistics of its score test."""

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._leverage_kernels import inflation_of
from argen._core.glm._linear_kernels import apply, cholesky_inverse, cholesky_solve, quadratic_form
from argen._core.glm._moment_kernels import residual_totals
from argen._core.glm._segment_kernels import small_exp

__all__ = ["pair_variance", "score_statistics"]


@kernel
def control_variance(design, mono, controls, space, shift, slope):
    """Σ (y − μ)² (x'a)² over the controls, x'a = constant of the stratum + slope'm; (y − μ)² as its tables have it."""
    r = design.numeric.shape[1]
    squares = space.comps
    residual_totals(controls.tables, mono, shift, space.kappa, squares)
    total = 0.0
    for s in range(len(space.kappa)):
        constant = space.constant[s]
        total += constant * constant * squares[s, 0]
        c = 1 + r
        for a in range(r):
            total += 2.0 * constant * slope[a] * squares[s, 1 + a]
            for b in range(a + 1):
                total += (1.0 if a == b else 2.0) * slope[a] * slope[b] * squares[s, c]
                c += 1
    return total


@kernel
def target_variance(y, design, j, w, shift, space, effect, slope, hc3):
    """Σ (y − μ)² (x'a)² over the supported cells of group j; `slope` ends with the coefficient of the effect.

    With `hc3` the residuals are divided by 1 − h, h = μ (1 / Y_g + (b − b̄_g)'H⁻¹(b − b̄_g)) with the cell's border
    b = (dummies, m, 1) and its mean b̄_g over the level, whose counts are Y_g.
    """
    r, O = design.numeric.shape[1], design.stratum_dummies.shape[1]
    kappa, constant = space.kappa, space.constant
    total = 0.0
    if hc3:
        H_inv, b = cholesky_inverse(space.L), np.empty(O + r + 1)
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        if not design.stratum_supported[s] or kappa[s] == 0.0:
            continue
        g = design.stratum_level[s]
        for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
            x, influence = 0.0, constant[s] + slope[r]
            for a in range(r):
                x += design.numeric[i, a] * shift[a]
                influence += design.numeric[i, a] * slope[a]
            mu = effect * kappa[s] * w[i] * small_exp(x)
            square = ((y[i] - mu) * influence) ** 2
            if hc3:
                for o in range(O):
                    b[o] = design.stratum_dummies[s, o] - space.acc[g, 1 + o] / space.acc[g, 0]
                for a in range(r):
                    b[O + a] = design.numeric[i, a] - space.acc[g, 1 + O + a] / space.acc[g, 0]
                b[O + r] = 1.0 - space.acc[g, 1 + O + r] / space.acc[g, 0]
                square *= inflation_of(mu * (1.0 / space.y_level[g] + np.dot(b, np.dot(H_inv, b))))
            total += square
    return total


@kernel
def pair_variance(y, design, mono, controls, space, j, tau, shift, hc):
    """Variance of τ̂, Σ (y − μ)² (x'a)² with a = A⁻¹ e_τ, from where Newton's method ended; `hc` is 0, 1 or 3."""
    O = design.stratum_dummies.shape[1]
    a = space.score
    a[:] = 0.0
    a[len(a) - 1] = 1.0
    cholesky_solve(space.L, a)
    for s in range(len(design.stratum_level)):
        g = design.stratum_level[s]
        space.kappa[s] *= space.rate[g]
        space.constant[s] = 0.0
        if space.rate[g] > 0.0:
            for b in range(len(a)):
                space.constant[s] -= space.acc[g, 1 + b] / space.acc[g, 0] * a[b]
            for o in range(O):
                space.constant[s] += design.stratum_dummies[s, o] * a[o]
    slope = a[O:]
    variance = control_variance(design, mono, controls, space, shift, slope)
    variance += target_variance(y, design, j, controls.w, shift, space, np.exp(tau), slope, hc == 3)
    return variance * degrees_of_freedom_factor(design, j, space) if hc == 1 else variance


@kernel
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


@kernel
def score_statistics(design, j, controls, count, out):
    """Out = (U, v, κ₃, log P(no counts)) of the pooled-variance score test of a group with Σ y = `count`.

    With the controls-only fit, U = Σ_j (y − μ), v = Σ_j (μ + φμ²) + P'H⁻¹BH⁻¹P with P = Σ_j μ z, which accounts for the
    estimated nuisance coefficients, κ₃ = Σ_j (μ + 3φμ² + 2φ²μ³), and no counts have the probability Π (1 + φμ)^(−1/φ).
    """
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    w, kappa, phi = controls.w, controls.kappa, controls.phi
    P = np.zeros(G + O + r)
    expected, second, third, log_zero = 0.0, 0.0, 0.0, 0.0
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        if not design.stratum_supported[s] or kappa[s] == 0.0:
            continue
        g = design.stratum_level[s]
        for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
            mu = kappa[s] * w[i]
            expected += mu
            second += mu * mu
            third += mu * mu * mu
            log_zero -= np.log1p(phi * mu) / phi if phi > 1e-8 else mu
            P[g] += mu
            for o in range(O):
                P[G + o] += mu * design.stratum_dummies[s, o]
            for a in range(r):
                P[G + O + a] += mu * design.numeric[i, a]
    h = np.empty(len(P))
    apply(controls.H_inv, P, h)
    variance = expected + phi * second + quadratic_form(controls.B, h)
    out[0], out[1], out[3] = count - expected, variance, log_zero
    out[2] = expected + 3.0 * phi * second + 2.0 * phi * phi * third
