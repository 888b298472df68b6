"""Compiled loops of the descendant fits: one gene against every target (see :mod:`argen._core.descendants`).

The border of a pair's normal equations is (dummies, numeric covariates, effect of the target); the levels of the main
factor are profiled out, e^{α_g} = Y_g / E_g, which leaves Newton's method in very few dimensions.
"""

import numpy as np
from numba import njit

from argen._core.glm._kernels import (
    MAX_STEP,
    cholesky,
    cholesky_solve,
    fit,
    shift_weights,
    small_exp,
    stratum_factors,
)
from argen._core.glm._moments import moment_table, powers, shifted_components

__all__ = ["NOT_CONVERGED", "NOT_ESTIMABLE", "NO_CONTROL_COUNTS", "OK", "SEPARATED", "fit_pairs"]

OK, SEPARATED, NO_CONTROL_COUNTS, NOT_CONVERGED, NOT_ESTIMABLE = range(5)
_TOLERANCE = 1e-8
_MAX_ITERATIONS = 60
_PAIR_TOLERANCE = 1e-7  # Newton's steps shrink quadratically: what remains is below 1e-13


@njit(nogil=True, cache=True)
def add_border(acc, level, comps, c_row, scale, dummies, s, r, with_effect):
    """Add one stratum (or segment) to its level's E, border vector L and border matrix (lower triangle)."""
    O = dummies.shape[1]
    bd = O + r + 1
    c0 = scale * comps[c_row, 0]
    acc[level, 0] += c0
    pos = 1 + bd
    for o in range(O):
        z = dummies[s, o]
        acc[level, 1 + o] += z * c0
        for o2 in range(o + 1):
            acc[level, pos] += z * dummies[s, o2] * c0
            pos += 1
    c = 1 + r
    for a in range(r):
        ca = scale * comps[c_row, 1 + a]
        acc[level, 1 + O + a] += ca
        for o in range(O):
            acc[level, pos] += dummies[s, o] * ca
            pos += 1
        for _ in range(a + 1):
            acc[level, pos] += scale * comps[c_row, c]
            c += 1
            pos += 1
    if with_effect:
        acc[level, bd] += c0
        for o in range(O):
            acc[level, pos] += dummies[s, o] * c0
            pos += 1
        for a in range(r):
            acc[level, pos] += scale * comps[c_row, 1 + a]
            pos += 1
        acc[level, pos] += c0


@njit(nogil=True, cache=True)
def target_components(design, j, w, shift, out):
    """Components of the supported segments of group j at γ + shift; weights themselves stay as they are."""
    numeric, r = design.numeric, design.numeric.shape[1]
    first = design.group_seg[j]
    for seg in range(first, design.group_seg[j + 1]):
        row = seg - first
        out[row] = 0.0
        if not design.stratum_supported[design.seg_stratum[seg]]:
            continue
        for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
            x = 0.0
            for a in range(r):
                x += numeric[i, a] * shift[a]
            v = w[i] * small_exp(x)
            out[row, 0] += v
            c = 1 + r
            for a in range(r):
                va = v * numeric[i, a]
                out[row, 1 + a] += va
                for b in range(a + 1):
                    out[row, c] += va * numeric[i, b]
                    c += 1


@njit(nogil=True, cache=True)
def group_counts(y, design, j, y_level, y_border):
    """Add the counts of the supported cells of group j to level and border totals; returns their sum."""
    O, r = design.stratum_dummies.shape[1], design.numeric.shape[1]
    total = 0.0
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        if not design.stratum_supported[s]:
            continue
        count = 0.0
        for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
            if y[i] != 0.0:
                count += y[i]
                for a in range(r):
                    y_border[O + a] += y[i] * design.numeric[i, a]
        y_level[design.stratum_level[s]] += count
        for o in range(O):
            y_border[o] += count * design.stratum_dummies[s, o]
        total += count
    return total


@njit(nogil=True, cache=True)
def dummy_factors(design, coefficients, out):
    """exp(dummies) of each stratum."""
    for s in range(len(out)):
        x = 0.0
        for o in range(design.stratum_dummies.shape[1]):
            x += design.stratum_dummies[s, o] * coefficients[o]
        out[s] = np.exp(x)


@njit(nogil=True, cache=True)
def border_equations(acc, y_level, y_border, rate, score, H, scale):
    """Score and Hessian of the border with the levels profiled out; rate = e^α, scale = diagonal before profiling."""
    bd = len(score)
    score[:] = y_border
    H[:] = 0.0
    scale[:] = 0.0
    for g in range(len(y_level)):
        rate[g] = y_level[g] / acc[g, 0] if y_level[g] > 0.0 else 0.0
        if rate[g] == 0.0:
            continue
        pos = 1 + bd
        for a in range(bd):
            score[a] -= rate[g] * acc[g, 1 + a]
            for b in range(a + 1):
                H[a, b] += rate[g] * (acc[g, pos] - acc[g, 1 + a] * acc[g, 1 + b] / acc[g, 0])
                pos += 1
            scale[a] += rate[g] * acc[g, pos - 1]


@njit(nogil=True, cache=True)
def control_variance(design, tables, mono, shift, kappa, constant, slope, buffers):
    """Σ (y − μ)² (x'a)² over the controls, x'a = constant of the stratum + slope'm."""
    squares, yw_table, ww_table = tables
    power, yw, ww = buffers
    r = design.numeric.shape[1]
    powers(mono, shift, 1.0, power)
    shifted_components(yw_table, mono, power, yw)
    powers(mono, shift, 2.0, power)
    shifted_components(ww_table, mono, power, ww)
    total = 0.0
    for s in range(len(kappa)):
        if kappa[s] == 0.0:
            continue
        k = kappa[s]
        total += constant[s] ** 2 * (squares[s, 0] - 2.0 * k * yw[s, 0] + k * k * ww[s, 0])
        c = 1 + r
        for a in range(r):
            moment = squares[s, 1 + a] - 2.0 * k * yw[s, 1 + a] + k * k * ww[s, 1 + a]
            total += 2.0 * constant[s] * slope[a] * moment
            for b in range(a + 1):
                moment = squares[s, c] - 2.0 * k * yw[s, c] + k * k * ww[s, c]
                total += (1.0 if a == b else 2.0) * slope[a] * slope[b] * moment
                c += 1
    return total


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def score_statistics(design, j, w, kappa, phi, H_inv, B):
    """Pooled-variance score of a group without counts: U, v, κ₃ and log P(no counts); METHOD 6."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
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
    h = np.dot(H_inv, P)
    variance = expected + phi * second + np.dot(h, np.dot(B, h))
    return -expected, variance, expected + 3.0 * phi * second + 2.0 * phi * phi * third, log_zero


@njit(nogil=True, cache=True)
def direct_pair(y, design, control_used, j, theta, w, sums):
    """The same fit by sums over the cells, for shifts that the series does not reach."""
    used, row = control_used.copy(), np.full(len(design.group_seg) - 1, -1)
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        used[seg] = design.stratum_supported[design.seg_stratum[seg]]
    row[j] = 0
    for k in (j, len(row) - 1):
        lo, hi = design.seg_start[design.group_seg[k]], design.seg_start[design.group_seg[k + 1]]
        w[lo:hi] = design.depth[lo:hi]
    _, last, _, _, effect, v, W, G, _, _ = fit(
        y, design, used, row, 1, theta, w, sums, False, _TOLERANCE, _MAX_ITERATIONS
    )
    return last <= _TOLERANCE, np.log(effect[0]), v[0] + 2.0 * np.dot(W[0], G[0])


@njit(nogil=True, cache=True)
def fit_pairs(y, design, mono):
    """Fit gene counts `y` against every target, each with the control cells.

    Returns
    -------
    effect, variance
        τ̂* and its HC0 variance, shape (p,); for separated pairs log((0 + ½) / E) and 2.
    status
        OK, SEPARATED, NO_CONTROL_COUNTS, NOT_CONVERGED or NOT_ESTIMABLE.
    count, expected
        Σ y over the group and its expectation under the controls-only fit.
    score
        U, v, κ₃, log P(no counts) of the separated pairs, shape (p, 4).
    """
    p = len(design.group_seg) - 2
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    bd, q, S, K = O + r + 1, design.n_levels + O + r, len(design.stratum_level), mono.column.shape[0]
    effect, variance = np.full(p, np.nan), np.full(p, np.nan)
    status, count, expected = np.full(p, NO_CONTROL_COUNTS), np.zeros(p), np.zeros(p)
    score_parts = np.full((p, 4), np.nan)

    # Control fit: starting point of every pair, null fit of the score test.
    n_seg = len(design.seg_stratum)
    control_used = np.zeros(n_seg, np.bool_)
    control_used[design.group_seg[p] :] = True
    theta, w, sums = np.zeros(q), design.depth.copy(), np.empty((n_seg, K))
    row = np.full(p + 1, -1)
    _, _, _, _, _, _, _, _, H_inv, B = fit(
        y, design, control_used, row, 0, theta, w, sums, False, _TOLERANCE, _MAX_ITERATIONS
    )
    first_control = design.seg_start[design.group_seg[p]]
    control_level, control_border = np.zeros(G), np.zeros(bd)
    control_total = group_counts(y, design, p, control_level, control_border)
    for j in range(p):
        count[j] = group_counts(y, design, j, np.zeros(G), np.zeros(bd))
    if control_total == 0.0:
        return effect, variance, status, count, expected, score_parts
    gamma = theta[q - r :].copy()
    shift_weights(design.numeric, design.numeric_bound, 0, first_control, gamma, w)
    kappa, kappa_dummies = np.empty(S), np.empty(S)
    stratum_factors(design, theta, kappa)

    # Moment tables of the controls.
    n_mono = len(mono.parent)
    c_table, yw_table, ww_table = np.empty((S, n_mono)), np.empty((S, n_mono)), np.empty((S, n_mono))
    yy_table = np.empty((S, n_mono))
    wc, yc = w[first_control:], y[first_control:]
    arguments = (design.numeric, design.seg_start, design.group_seg[p], n_seg, design.seg_stratum, mono)
    moment_table(wc, *arguments, c_table)
    moment_table(yc * wc, *arguments, yw_table)
    moment_table(wc * wc, *arguments, ww_table)
    moment_table(yc * yc, *arguments, yy_table)
    squares = np.empty((S, K))
    for c in range(K):
        squares[:, c] = yy_table[:, mono.column[c, 0]]
    tables = (squares, yw_table, ww_table)
    mu2 = np.sum(kappa**2 * ww_table[:, 0])
    excess = np.sum(yy_table[:, 0] - 2.0 * kappa * yw_table[:, 0]) + mu2 - control_total
    phi = max(0.0, excess / mu2)

    # Work space of the pairs.
    n_acc = 1 + bd + bd * (bd + 1) // 2
    acc, rate, score = np.empty((G, n_acc)), np.empty(G), np.empty(bd)
    H, L, scale, skipped = np.empty((bd, bd)), np.zeros((bd, bd)), np.empty(bd), np.zeros(bd, np.bool_)
    power, comps = np.empty(mono.n_series), np.empty((S, K))
    buffers = (power, np.empty((S, K)), np.empty((S, K)))
    largest_group = np.max(np.diff(design.group_seg))
    target = np.empty((largest_group, K))
    y_level, y_border = np.empty(G), np.empty(bd)
    pair_kappa, constant = np.empty(S), np.empty(S)
    direct_theta, direct_w, direct_sums = np.empty(q), np.empty(len(w)), np.empty((n_seg, K))

    for j in range(p):
        first, last_seg = design.group_seg[j], design.group_seg[j + 1]
        shift, dummies = np.zeros(r), theta[G : G + O].copy()
        target_components(design, j, w, shift, target)
        for seg in range(first, last_seg):
            expected[j] += kappa[design.seg_stratum[seg]] * target[seg - first, 0]
        if expected[j] == 0.0:
            continue
        if count[j] == 0.0:
            status[j] = SEPARATED
            effect[j], variance[j] = np.log(0.5 / expected[j]), 2.0
            score_parts[j] = np.array(score_statistics(design, j, w, kappa, phi, H_inv, B))
            continue
        y_level[:] = control_level
        y_border[:] = control_border
        group_counts(y, design, j, y_level, y_border)
        y_border[bd - 1] = count[j]
        tau = np.log(count[j] / expected[j])
        converged, in_reach = False, True
        for iteration in range(_MAX_ITERATIONS):
            reach = 0.0
            for a in range(r):
                reach += design.numeric_bound[a] * abs(shift[a])
            in_reach = reach <= mono.reach
            if not in_reach:
                break
            if iteration > 0 and r > 0:
                target_components(design, j, w, shift, target)
            if iteration == 0 or r > 0:
                powers(mono, shift, 1.0, power)
                shifted_components(c_table, mono, power, comps)
            dummy_factors(design, dummies, kappa_dummies)
            acc[:] = 0.0
            for s in range(S):
                level = design.stratum_level[s]
                add_border(acc, level, comps, s, kappa_dummies[s], design.stratum_dummies, s, r, False)
            d = np.exp(tau)
            for seg in range(first, last_seg):
                s = design.seg_stratum[seg]
                level = design.stratum_level[s]
                add_border(acc, level, target, seg - first, d * kappa_dummies[s], design.stratum_dummies, s, r, True)
            border_equations(acc, y_level, y_border, rate, score, H, scale)
            cholesky(H, scale, L, skipped)
            cholesky_solve(L, score)
            largest = np.max(np.abs(score))
            if largest > MAX_STEP:
                score *= MAX_STEP / largest
            dummies += score[:O]
            shift += score[O : bd - 1]
            tau += score[bd - 1]
            if largest < _PAIR_TOLERANCE:
                converged = True
                break
        if not in_reach:
            converged, effect[j], variance[j] = direct_pair(
                y, design, control_used, j, direct_theta, direct_w, direct_sums
            )
            status[j] = OK if converged else NOT_CONVERGED
            continue
        if skipped[bd - 1]:
            status[j] = NOT_ESTIMABLE
            continue
        status[j] = OK if converged else NOT_CONVERGED
        effect[j] = tau
        score[:] = 0.0
        score[bd - 1] = 1.0
        cholesky_solve(L, score)  # now the border part of A⁻¹ e_τ
        for s in range(S):
            g = design.stratum_level[s]
            pair_kappa[s] = rate[g] * kappa_dummies[s]
            constant[s] = 0.0
            if rate[g] > 0.0:
                for a in range(bd):
                    constant[s] -= acc[g, 1 + a] / acc[g, 0] * score[a]
                for o in range(O):
                    constant[s] += design.stratum_dummies[s, o] * score[o]
        slope = score[O:]
        variance[j] = control_variance(design, tables, mono, shift, pair_kappa, constant, slope, buffers)
        variance[j] += target_variance(y, design, j, w, shift, pair_kappa, np.exp(tau), constant, slope)
    return effect, variance, status, count, expected, score_parts
