"""Compiled part of :mod:`.pairs`: one gene against every perturbation."""

import numpy as np

from argen._core._jit import kernel, lean_kernel
from argen._core.glm._border_kernels import (
    Controls,
    WorkSpace,
    add_border,
    border_equations,
    dummy_factors,
    group_counts,
    perturbation_components,
)
from argen._core.glm._fit_kernels import NEGLIGIBLE, shorten
from argen._core.glm._linear_kernels import cholesky, cholesky_solve, copy_to, largest_entry
from argen._core.glm._moment_kernels import add_cells, empty_tables, powers, shifted_components, within_reach
from argen._core.glm._segment_kernels import cells_between, shift_weights, stratum_factors
from argen._core.glm._variance_kernels import pair_variance, score_statistics

__all__ = [
    "NOT_CONVERGED",
    "NOT_ESTIMABLE",
    "NO_CONTROL_COUNTS",
    "OK",
    "OUT_OF_REACH",
    "SEPARATED",
    "SINGLE_CELL",
    "fit_pairs",
    "move_weights",
    "tabulate_controls",
]

OK, SEPARATED, NO_CONTROL_COUNTS, NOT_CONVERGED, NOT_ESTIMABLE, SINGLE_CELL = range(6)
OUT_OF_REACH = -1  # for the caller alone
_MAX_ITERATIONS = 60
_PAIR_TOLERANCE = 1e-7  # Newton's steps shrink quadratically: what remains is below 1e-13


@kernel
def move_weights(design, theta, w):
    """Move the weights of all cells but the controls to the controls' fit; returns exp(level + dummies) by stratum."""
    G, O = design.n_levels, design.stratum_dummies.shape[1]
    first = design.seg_start[design.group_seg[len(design.group_seg) - 2]]
    shift_weights(design.numeric, design.numeric_bound, 0, first, theta[G + O :], w)
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, theta, kappa)
    return kappa


@kernel
def tabulate_controls(y, design, mono, theta, w, kappa, inflation, H_inv, B):
    """Complete the controls-only fit: counts, dispersion and moment tables.

    `inflation` of squared residuals under HC3 is by the leverages of this fit; those of a pair's fit are smaller by the
    share of its group among the cells.
    """
    p, n_seg = len(design.group_seg) - 2, len(design.seg_stratum)
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    y_level, y_border = np.zeros(G), np.zeros(O + r + 1)
    group_counts(y, design, p, y_level, y_border)

    tables = empty_tables(design, mono, theta[G + O :])
    phi = pooled_dispersion(y, design, kappa, w)
    add_cells(y, w, inflation, design, mono, design.group_seg[p], n_seg, 1.0, tables)
    return Controls(theta, w, kappa, H_inv, B, phi, y_level, y_border, tables)


@lean_kernel
def pooled_dispersion(y, design, kappa, w):
    """φ = max(0, Σ [(y − μ)² − y] / Σ μ²) over the controls."""
    excess, mu2 = 0.0, 0.0
    for seg in range(design.group_seg[len(design.group_seg) - 2], len(design.seg_stratum)):
        k = kappa[design.seg_stratum[seg]]
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            mu = k * w[i]
            excess += (y[i] - mu) ** 2 - y[i]
            mu2 += mu * mu
    return max(0.0, excess / mu2) if mu2 > 0.0 else 0.0


@kernel
def work_space(design, mono):
    """Buffers of one pair's fit."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    S, K, bd, q = len(design.stratum_level), mono.column.shape[0], O + r + 1, G + O + r
    segments, cells = 0, 0
    for j in range(len(design.group_seg) - 2):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        segments = max(segments, last - first)
        cells = max(cells, design.seg_start[last] - design.seg_start[first])
    return WorkSpace(
        np.empty((1 + bd + bd * (bd + 1) // 2, G)),
        np.empty(G),
        np.empty(G),
        np.empty(bd),
        np.empty(bd),
        np.zeros((bd, bd)),
        np.zeros((bd, bd)),
        np.zeros((bd, bd)),
        np.empty(bd),
        np.zeros(bd, np.bool_),
        np.empty(bd),
        np.empty(mono.n_series),
        np.empty((K, S)),
        np.empty((K, S)),
        np.empty((segments, K)),
        np.empty(cells),
        np.empty(G),
        np.empty(bd),
        np.empty(S),
        np.empty(S),
        np.empty(O),
        np.empty(r),
        np.empty(q),
        np.empty(q),
    )


@lean_kernel
def assemble(design, j, space, effect):
    """Normal equations of the border at the current sums."""
    r, dummies, level = design.numeric.shape[0], design.stratum_dummies, design.stratum_level
    acc, comps, kappa, perturbation = space.acc, space.comps, space.kappa, space.perturbation
    first, last = design.group_seg[j], design.group_seg[j + 1]
    acc[:] = 0.0
    if r == 1 and dummies.shape[1] == 0:  # the usual case, without loops over what is one or none
        for s in range(len(level)):
            g, k = level[s], kappa[s]
            acc[0, g] += k * comps[0, s]
            acc[1, g] += k * comps[1, s]
            acc[3, g] += k * comps[2, s]
        for seg in range(first, last):
            s = design.seg_stratum[seg]
            g, k = level[s], effect * kappa[s]
            c0, c1 = k * perturbation[seg - first, 0], k * perturbation[seg - first, 1]
            acc[0, g] += c0
            acc[1, g] += c1
            acc[2, g] += c0
            acc[3, g] += k * perturbation[seg - first, 2]
            acc[4, g] += c1
            acc[5, g] += c0
    else:
        for s in range(len(level)):
            add_border(acc, level[s], comps, s, kappa[s], dummies, s, r, False)
        for seg in range(first, last):
            s = design.seg_stratum[seg]
            add_border(acc, level[s], perturbation.T, seg - first, effect * kappa[s], dummies, s, r, True)
    border_equations(acc, space.y_level, space.y_border, space.rate, space.inverse, space.score, space.H, space.scale)


@lean_kernel
def start_pair(y, design, mono, controls, space, j):
    """Sums of group j and of the controls at the controls' fit, where every pair starts; returns Σ y of the group."""
    copy_to(controls.y_level, space.y_level)
    copy_to(controls.y_border, space.y_border)
    count = group_counts(y, design, j, space.y_level, space.y_border)
    space.y_border[len(space.y_border) - 1] = count
    space.shift[:] = 0.0
    perturbation_components(design, j, controls.w, space.shift, space.weight, space.perturbation)
    return count


@lean_kernel
def controls_at_start(design, mono, controls, space):
    """The controls' part of the normal equations at their own fit."""
    G = design.n_levels
    for c in range(space.comps.shape[0]):
        for s in range(space.comps.shape[1]):
            space.comps[c, s] = controls.tables.plain[mono.column[c, 0], s]
    for o in range(len(space.dummies)):
        space.dummies[o] = controls.theta[G + o]
    dummy_factors(design, space.dummies, space.kappa)


@lean_kernel
def newton_pair(design, mono, controls, space, j, tau):
    """Newton's method in (dummies, γ, τ) with the levels profiled out, from :func:`start_pair` on.

    Returns the status (OUT_OF_REACH: the series cannot follow) and τ; `space` has the shift of γ from the controls'
    fit.
    """
    O, r = design.stratum_dummies.shape[1], design.numeric.shape[0]
    bd, shift, step = O + r + 1, space.shift, space.step
    controls_at_start(design, mono, controls, space)
    for iteration in range(_MAX_ITERATIONS):
        if not within_reach(design, mono, shift):
            return OUT_OF_REACH, tau
        if iteration > 0 and r > 0:
            perturbation_components(design, j, controls.w, shift, space.weight, space.perturbation)
            powers(mono, shift, 1.0, space.power)
            shifted_components(controls.tables.plain, mono, space.power, space.comps)
        if iteration > 0:
            dummy_factors(design, space.dummies, space.kappa)
        assemble(design, j, space, np.exp(tau))
        cholesky(space.H, space.scale, space.L, space.skipped)
        if space.skipped[bd - 1]:
            return NOT_ESTIMABLE, tau
        copy_to(space.score, step)
        cholesky_solve(space.L, step)
        largest, decrement = largest_entry(step), 0.0
        for a in range(bd):
            decrement += space.score[a] * step[a]
        shorten(step, step[O : bd - 1], design.numeric_bound)
        for o in range(O):
            space.dummies[o] += step[o]
        for a in range(r):
            shift[a] += step[O + a]
        tau += step[bd - 1]
        if largest < _PAIR_TOLERANCE or decrement < NEGLIGIBLE:
            return OK, tau
    return NOT_CONVERGED, tau


@lean_kernel
def is_estimable(design, mono, controls, space, j):
    """Whether the covariates leave anything of the indicator of group j, under the null fit."""
    controls_at_start(design, mono, controls, space)
    assemble(design, j, space, 1.0)
    cholesky(space.H, space.scale, space.L, space.skipped)
    return not space.skipped[len(space.skipped) - 1]


@lean_kernel
def fit_pair(y, design, mono, controls, space, j, start, hc):
    """Status, τ̂ and variance of one pair with counts, from τ = `start` on."""
    status, tau = newton_pair(design, mono, controls, space, j, start)
    if status != OK:
        return status, np.nan, np.nan
    return status, tau, pair_variance(y, design, mono, controls, space, j, tau, hc)


@lean_kernel
def expected_counts(design, controls, space, j):
    """Expectation of the group's counts under the controls' fit, and its cells that carry information."""
    expected, cells, first = 0.0, 0, design.group_seg[j]
    for seg in range(first, design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        mean = controls.kappa[s] * space.perturbation[seg - first, 0]
        expected += mean
        if mean > 0.0 and design.stratum_supported[s]:
            cells += design.seg_start[seg + 1] - design.seg_start[seg]
    return expected, cells


@kernel
def fit_pairs(y, design, mono, controls, hc, score_below, estimate):
    """Fit gene counts `y` against every perturbation, each with the control cells; results as :func:`.pairs.fit_gene`.

    A pair whose γ moves further than the series reaches is left to the caller with status OUT_OF_REACH.

    Parameters
    ----------
    y, design, mono, controls
        Counts, design and controls-only fit.
    hc
        0, 1 or 3.
    score_below
        Pairs whose group expects fewer counts get score statistics; separated ones and single cells always do.
    estimate
        Else pairs that have an estimate are left with status OK and none.
    """
    p = len(design.group_seg) - 2
    effect, variance, status = np.full(p, np.nan), np.full(p, np.nan), np.full(p, NO_CONTROL_COUNTS)
    count, expected, cells, score = np.zeros(p), np.zeros(p), np.zeros(p), np.full((p, 4), np.nan)
    space = work_space(design, mono)
    for j in range(p):
        count[j] = start_pair(y, design, mono, controls, space, j)
        expected[j], cells[j] = expected_counts(design, controls, space, j)
        if expected[j] == 0.0:
            continue
        if count[j] == 0.0:
            if not is_estimable(design, mono, controls, space, j):
                status[j] = NOT_ESTIMABLE
                continue
            status[j], effect[j], variance[j] = SEPARATED, np.log(0.5 / (expected[j] + 0.5)), 2.0
            score_statistics(design, j, controls, space, count[j], score[j])
            continue
        status[j] = OK
        if estimate:
            start = np.log(count[j] / expected[j])
            status[j], effect[j], variance[j] = fit_pair(y, design, mono, controls, space, j, start, hc)
        if cells[j] == 1 and (status[j] == OK or status[j] == OUT_OF_REACH):
            status[j], effect[j] = SINGLE_CELL, np.log(count[j] / expected[j])
            variance[j] = 1.0 / count[j] + controls.phi
        if expected[j] < score_below or status[j] == SINGLE_CELL:
            score_statistics(design, j, controls, space, count[j], score[j])
    return effect, variance, status, count, expected, cells, score
