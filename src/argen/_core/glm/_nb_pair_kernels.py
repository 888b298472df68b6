"""Descendant fits of one gene with a negative binomial quasi-likelihood: one gene against every perturbation.

The controls enter through Taylor tables round their own fit. With η = log μ and u = φμ,

    s = (y − μ) / (1 + u),   ds/dη = −(1 + φy) e_1,   d^n s/dη^n = −(1 + φy) e_n,   a = μ / (1 + u),   d^n a/dη^n = e_n,
    e_n = μ E_n(u) / (1 + u)^{n+1},   E_1 = 1,  E_2 = 1 − u,  E_3 = 1 − 4u + u², … (Eulerian polynomials),

and a pair moves η of a control cell by Δα (its stratum) + m'Δγ, so that
Σ f(η + Δ) m^c = Σ_n Σ_{|e| ≤ n} Δα^{n−|e|} / (n−|e|)! · Δγ^e / e! · Σ f^(n)(η) m^{c+e}.
Where a stratum moves further than the series reaches, as one with few counts does, its control cells are summed anew.
"""

from typing import NamedTuple

import numpy as np

from argen._core._jit import kernel, lean_inlined, lean_kernel
from argen._core.glm._border_kernels import add_border
from argen._core.glm._fit_kernels import NEGLIGIBLE, shorten
from argen._core.glm._leverage_kernels import control_inflation, inflation_of
from argen._core.glm._linear_kernels import (
    add_scaled,
    cholesky,
    cholesky_solve,
    copy_to,
    dot,
    largest_entry,
    small_inverse,
)
from argen._core.glm._moment_kernels import powers
from argen._core.glm._pair_kernels import NOT_CONVERGED, NOT_ESTIMABLE, OK, OUT_OF_REACH, work_space
from argen._core.glm._segment_kernels import add_moments, cells_between, shift_weights, stratum_factors
from argen._core.glm._variance_kernels import (
    control_form,
    degrees_of_freedom_factor,
    inverse_column,
    leverage_form,
    segment_leverage,
)

__all__ = ["NBControls", "nb_pairs", "nb_tabulate_controls"]

_ORDER, _ORDER_VARIANCE = 6, 4
# Largest |Δη| of a control cell: reach^7 / 7! = 1e-10 for the score.
_REACH = 0.126
_MAX_ITERATIONS, _TOLERANCE = 60, 1e-7


class NBControls(NamedTuple):
    """Controls-only fit of one gene and its Taylor tables [n, stratum, monomial]."""

    w: np.ndarray  # (n,) ℓ exp(m'γ) of all cells
    kappa: np.ndarray  # (S,) exp(level + dummies)
    phi: float
    score: np.ndarray  # derivatives of s
    weight: np.ndarray  # of a
    square: np.ndarray  # of s², inflated under HC3
    degree: np.ndarray  # (n_series,) degree of each monomial of the series
    segment: np.ndarray  # (S,) segment of the control cells of each stratum, −1 for none
    inflation: np.ndarray  # (n,) of squared scores


@lean_kernel
def eulerian(mu, phi, out):
    """out[n] = e_n for n = 1 … 6, out[0] = a."""
    u = phi * mu
    inverse = 1.0 / (1.0 + u)
    out[0] = mu * inverse
    p = out[0] * inverse
    out[1] = p
    p *= inverse
    out[2] = p * (1.0 - u)
    p *= inverse
    out[3] = p * (1.0 + u * (-4.0 + u))
    p *= inverse
    out[4] = p * (1.0 + u * (-11.0 + u * (11.0 - u)))
    p *= inverse
    out[5] = p * (1.0 + u * (-26.0 + u * (66.0 + u * (-26.0 + u))))
    p *= inverse
    out[6] = p * (1.0 + u * (-57.0 + u * (302.0 + u * (-302.0 + u * (57.0 - u)))))


@kernel
def nb_tabulate_controls(y, design, mono, theta, phi, H_inv, hc3):
    """Weights of all cells at the controls' fit, and the Taylor tables of the control cells."""
    G, O = design.n_levels, design.stratum_dummies.shape[1]
    p, S, n_mono = len(design.group_seg) - 2, len(design.stratum_level), len(mono.parent)
    w, kappa = design.depth.copy(), np.empty(S)
    shift_weights(design.numeric, design.numeric_bound, 0, len(w), theta[G + O :].copy(), w)
    stratum_factors(design, theta, kappa)
    inflation = np.ones(len(w))
    if hc3:
        control_inflation(design, kappa, w, phi, H_inv, inflation)
    score = np.zeros((_ORDER + 1, S, n_mono))
    weights, square = np.zeros((_ORDER_VARIANCE + 1, S, n_mono)), np.zeros((_ORDER_VARIANCE + 1, S, n_mono))
    # The n-th derivative is read with monomials of degree n + 2 at most; they are sorted by degree.
    degree, last = np.zeros(n_mono, np.int64), np.zeros(_ORDER + 1, np.int64)
    for k in range(1, n_mono):
        degree[k] = degree[mono.parent[k]] + 1
    for n in range(_ORDER + 1):
        for k in range(n_mono):
            last[n] += 1 if degree[k] <= n + 2 else 0
    value, e, s, q = np.ones(n_mono), np.empty(_ORDER + 1), np.empty(_ORDER + 1), np.empty(_ORDER_VARIANCE + 1)
    for seg in range(design.group_seg[p], design.group_seg[p + 1]):
        stratum = design.seg_stratum[seg]
        if kappa[stratum] == 0.0:
            continue
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            mu = kappa[stratum] * w[i]
            eulerian(mu, phi, e)
            s[0] = (y[i] - mu) / (1.0 + phi * mu)
            for n in range(1, _ORDER + 1):
                s[n] = -(1.0 + phi * y[i]) * e[n]
            q[0] = s[0] * s[0]
            q[1] = 2.0 * s[0] * s[1]
            q[2] = 2.0 * (s[1] * s[1] + s[0] * s[2])
            q[3] = 6.0 * s[1] * s[2] + 2.0 * s[0] * s[3]
            q[4] = 6.0 * s[2] * s[2] + 8.0 * s[1] * s[3] + 2.0 * s[0] * s[4]
            for k in range(1, last[_ORDER]):
                value[k] = value[mono.parent[k]] * design.numeric[mono.variable[k], i]
            for n in range(_ORDER + 1):
                for k in range(last[n]):
                    score[n, stratum, k] += s[n] * value[k]
            for n in range(_ORDER_VARIANCE + 1):
                q[n] *= inflation[i]
                for k in range(last[n]):
                    weights[n, stratum, k] += e[n] * value[k]
                    square[n, stratum, k] += q[n] * value[k]
    segment = np.full(S, -1, np.int64)
    for seg in range(design.group_seg[p], design.group_seg[p + 1]):
        segment[design.seg_stratum[seg]] = seg
    return NBControls(w, kappa, phi, score, weights, square, degree[: mono.n_series].copy(), segment, inflation)


@kernel
def expand(table, first, order, mono, controls, shift, power, n_components, out):
    """Components by stratum of the derivative `first` of a table's function at the shifted η."""
    delta = np.ones(order + 1)
    for s in range(table.shape[1]):
        for n in range(1, order + 1):
            delta[n] = delta[n - 1] * shift[s] / n
        for c in range(n_components):
            value = 0.0
            for e in range(mono.n_series):
                d = controls.degree[e]
                if d > order:
                    break
                if power[e] == 0.0:
                    continue
                inner = 0.0
                for n in range(d, order + 1):
                    inner += delta[n - d] * table[first + n, s, mono.column[c, e]]
                value += power[e] * inner
            out[c, s] = value


@kernel
def sum_far_strata(y, design, controls, shift, gamma, observed, weights, scores):
    """Overwrite the components of strata that the series does not reach by sums over their control cells.

    `weights` gets those of the observed or the expected information, `scores` those of s, or of s² with the expected
    information; either may have fewer rows than there are components.
    """
    r = design.numeric.shape[0]
    far = numeric_reach(design, gamma)
    row = np.empty((2, 1 + r + r * (r + 1) // 2))
    for s in range(len(shift)):
        if abs(shift[s]) + far <= _REACH or controls.segment[s] < 0 or controls.kappa[s] == 0.0:
            continue
        row[:] = 0.0
        seg = controls.segment[s]
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            x = shift[s]
            for a in range(r):
                x += design.numeric[a, i] * gamma[a]
            mu = controls.kappa[s] * controls.w[i] * np.exp(x)
            inverse = 1.0 / (1.0 + controls.phi * mu)
            score, weight = (y[i] - mu) * inverse, mu * inverse
            if observed:
                weight *= (1.0 + controls.phi * y[i]) * inverse
            else:
                score *= score * controls.inflation[i]
            row[0, 0] += weight
            row[1, 0] += score
            add_moments(row, 0, weight, design.numeric, i)
            add_moments(row, 1, score, design.numeric, i)
        copy_to(row[0, : weights.shape[0]], weights[:, s])
        copy_to(row[1, : scores.shape[0]], scores[:, s])


@lean_inlined
def numeric_reach(design, gamma):
    """Largest |m'Δγ| of a cell."""
    reach = 0.0
    for a in range(len(gamma)):
        reach += design.numeric_bound[a] * abs(gamma[a])
    return reach


@lean_kernel
def assemble(design, j, space):
    """Border matrix with the levels profiled out, from the weights' components of controls and group."""
    O, r = design.stratum_dummies.shape[1], design.numeric.shape[0]
    dummies, bd = design.stratum_dummies, O + r + 1
    space.acc[:] = 0.0
    for s in range(len(design.stratum_level)):
        add_border(space.acc, design.stratum_level[s], space.comps, s, 1.0, dummies, s, r, False)
    first = design.group_seg[j]
    for seg in range(first, design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        add_border(space.acc, design.stratum_level[s], space.perturbation.T, seg - first, 1.0, dummies, s, r, True)
    space.H[:] = 0.0
    space.scale[:] = 0.0
    for g in range(design.n_levels):
        space.rate[g], space.inverse[g] = space.acc[0, g], 0.0
        if space.rate[g] <= 0.0:
            continue
        space.inverse[g] = 1.0 / space.rate[g]
        pos = 1 + bd
        for a in range(bd):
            for b in range(a + 1):
                profiled = space.acc[1 + a, g] * space.acc[1 + b, g] * space.inverse[g]
                space.H[a, b] += space.acc[pos, g] - profiled
                pos += 1
            space.scale[a] += space.acc[pos - 1, g]
    cholesky(space.H, space.scale, space.L, space.skipped)


@kernel
def group_cells(y, design, controls, space, j, shift, gamma, tau, observed, border, level):
    """Weights' components of the segments of group j; adds its scores to those of the border and of the levels."""
    O, r = design.stratum_dummies.shape[1], design.numeric.shape[0]
    first = design.group_seg[j]
    for seg in range(first, design.group_seg[j + 1]):
        s, row = design.seg_stratum[seg], seg - first
        space.perturbation[row] = 0.0
        if not design.stratum_supported[s] or controls.kappa[s] == 0.0:
            continue
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            x = shift[s] + tau
            for a in range(r):
                x += design.numeric[a, i] * gamma[a]
            mu = controls.kappa[s] * controls.w[i] * np.exp(x)
            inverse = 1.0 / (1.0 + controls.phi * mu)
            score, weight = (y[i] - mu) * inverse, mu * inverse
            if observed:
                weight *= (1.0 + controls.phi * y[i]) * inverse
            space.perturbation[row, 0] += weight
            add_moments(space.perturbation, row, weight, design.numeric, i)
            level[design.stratum_level[s]] += score
            for o in range(O):
                border[o] += score * design.stratum_dummies[s, o]
            for a in range(r):
                border[O + a] += score * design.numeric[a, i]
            border[O + r] += score


@kernel
def nb_newton(y, design, mono, controls, space, j, tau):
    """Newton's method with the levels profiled out; returns the status, τ, the strata's shifts of η and that of γ."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    S, bd = len(design.stratum_level), O + r + 1
    levels, dummies, gamma, shift = np.zeros(G), np.zeros(O), np.zeros(r), np.zeros(S)
    order = _ORDER if r == 0 else min(_ORDER, controls.degree[len(controls.degree) - 1])
    scores, level = np.empty((1 + r, S)), np.zeros(G)
    for _ in range(_MAX_ITERATIONS):
        for s in range(S):
            shift[s] = levels[design.stratum_level[s]]
            for o in range(O):
                shift[s] += design.stratum_dummies[s, o] * dummies[o]
        if numeric_reach(design, gamma) > _REACH:
            return OUT_OF_REACH, tau, shift, gamma
        powers(mono, gamma, 1.0, space.power)
        expand(controls.score, 0, order, mono, controls, shift, space.power, 1 + r, scores)
        # The information steers the steps only: to first order it costs one more of them at most.
        expand(controls.score, 1, 1, mono, controls, shift, space.power, space.comps.shape[0], space.comps)
        for c in range(space.comps.shape[0]):
            for s in range(S):
                space.comps[c, s] = -space.comps[c, s]
        sum_far_strata(y, design, controls, shift, gamma, True, space.comps, scores)
        border = space.score
        border[:] = 0.0
        level[:] = 0.0
        for s in range(S):
            level[design.stratum_level[s]] += scores[0, s]
            for o in range(O):
                border[o] += design.stratum_dummies[s, o] * scores[0, s]
            for a in range(r):
                border[O + a] += scores[1 + a, s]
        group_cells(y, design, controls, space, j, shift, gamma, tau, True, border, level)
        assemble(design, j, space)
        if space.skipped[bd - 1]:
            return NOT_ESTIMABLE, tau, shift, gamma
        for g in range(G):
            if space.rate[g] > 0.0:
                for a in range(bd):
                    border[a] -= space.acc[1 + a, g] * level[g] / space.rate[g]
        step = border.copy()
        cholesky_solve(space.L, step)
        decrement, largest = dot(border, step), largest_entry(step)
        shorten(step, step[O : bd - 1], design.numeric_bound)
        add_scaled(dummies, 1.0, step[:O])
        add_scaled(gamma, 1.0, step[O : bd - 1])
        tau += step[bd - 1]
        for g in range(G):
            if space.rate[g] > 0.0:
                move = level[g]
                decrement += level[g] * level[g] / space.rate[g]
                for a in range(bd):
                    move -= space.acc[1 + a, g] * step[a]
                levels[g] += move / space.rate[g]
                largest = max(largest, abs(move / space.rate[g]))
        if largest < _TOLERANCE or decrement < NEGLIGIBLE:
            for s in range(S):
                shift[s] = levels[design.stratum_level[s]]
                for o in range(O):
                    shift[s] += design.stratum_dummies[s, o] * dummies[o]
            return OK, tau, shift, gamma
    return NOT_CONVERGED, tau, shift, gamma


@kernel
def nb_variance(y, design, mono, controls, space, j, tau, shift, gamma, hc):
    """Variance of τ̂, Σ s² (x'A⁻¹e_τ)² with the expected information A = Σ a xx'; `hc` is 0, 1 or 3."""
    O, r = design.stratum_dummies.shape[1], design.numeric.shape[0]
    K, numeric, linear = space.comps.shape[0], design.numeric, np.empty(r)
    powers(mono, gamma, 1.0, space.power)
    expand(controls.weight, 0, _ORDER_VARIANCE, mono, controls, shift, space.power, K, space.comps)
    expand(controls.square, 0, _ORDER_VARIANCE, mono, controls, shift, space.power, K, space.squares)
    sum_far_strata(y, design, controls, shift, gamma, False, space.comps, space.squares)
    group_cells(y, design, controls, space, j, shift, gamma, tau, False, space.score, space.y_level)
    assemble(design, j, space)
    if space.skipped[len(space.skipped) - 1]:
        return np.nan
    inverse_column(design, space)
    slope = space.score[O:]
    copy_to(controls.kappa, space.kappa)
    total, shared, own = control_form(space.constant, slope, space.squares), 0.0, 0.0
    if hc == 3:
        small_inverse(space.L, space.H_inv)
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        if not design.stratum_supported[s] or controls.kappa[s] == 0.0:
            continue
        g = design.stratum_level[s]
        if hc == 3:
            shared, own = segment_leverage(design, space, s, linear), 1.0 / space.rate[g]
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            x, influence = shift[s] + tau, space.constant[s] + slope[r]
            for k in range(r):
                x += numeric[k, i] * gamma[k]
                influence += numeric[k, i] * slope[k]
            mu = controls.kappa[s] * controls.w[i] * np.exp(x)
            inverse = 1.0 / (1.0 + controls.phi * mu)
            square = ((y[i] - mu) * inverse * influence) ** 2
            if hc == 3:
                form = own + leverage_form(design, space, i, g, shared, linear)
                square *= inflation_of(mu * inverse * form)
            total += square
    return total * degrees_of_freedom_factor(design, j, space) if hc == 1 else total


@kernel
def nb_pairs(y, design, mono, controls, hc, count, expected, status, effect, variance):
    """Effects and variances of all pairs whose status is OK, in place; OUT_OF_REACH is left to the caller."""
    space = work_space(design, mono)
    for j in range(len(status)):
        if status[j] != OK:
            continue
        start = np.log(count[j] / expected[j])
        status[j], effect[j], shift, gamma = nb_newton(y, design, mono, controls, space, j, start)
        if status[j] == OK:
            variance[j] = nb_variance(y, design, mono, controls, space, j, effect[j], shift, gamma, hc)
        else:
            effect[j] = np.nan
