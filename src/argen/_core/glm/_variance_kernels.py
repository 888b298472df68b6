"""HC0 variance of a pair's effect, and the score statistics of a group without counts."""

import numpy as np

from argen._core.glm._jit import kernel
from argen._core.glm._linear_kernels import cholesky_solve
from argen._core.glm._moment_kernels import residual_totals
from argen._core.glm._segment_kernels import small_exp

__all__ = ["pair_variance", "score_statistics"]


@kernel
def control_variance(design, mono, controls, space, shift, slope):
    """Σ (y − μ)² (x'a)² over the controls, x'a = constant of the stratum + slope'm."""
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
def target_variance(y, design, j, w, shift, kappa, effect, constant, slope):
    """Σ (y − μ)² (x'a)² over the supported cells of group j; `slope` ends with the coefficient of the effect."""
    r = design.numeric.shape[1]
    total = 0.0
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        if not design.stratum_supported[s]:
            continue
        for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
            x, leverage = 0.0, constant[s] + slope[r]
            for a in range(r):
                x += design.numeric[i, a] * shift[a]
                leverage += design.numeric[i, a] * slope[a]
            residual = y[i] - effect * kappa[s] * w[i] * small_exp(x)
            total += (residual * leverage) ** 2
    return total


@kernel
def pair_variance(y, design, mono, controls, space, j, tau, shift):
    """HC0 variance of τ̂ = Σ (y − μ)² (x'a)², a = A⁻¹ e_τ, from where Newton's method ended."""
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
    return variance + target_variance(y, design, j, controls.w, shift, space.kappa, np.exp(tau), space.constant, slope)


@kernel
def score_statistics(design, j, controls, out):
    """Out = (U, v, κ₃, log P(no counts)) of the pooled-variance score test of a group without counts."""
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
    h = np.dot(controls.H_inv, P)
    variance = expected + phi * second + np.dot(h, np.dot(controls.B, h))
    out[0], out[1], out[3] = -expected, variance, log_zero
    out[2] = expected + 3.0 * phi * second + 2.0 * phi * phi * third
