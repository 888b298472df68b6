"""Compiled part of :mod:`.pairs`: one gene against every perturbation."""

import numpy as np

from argen._core._jit import kernel
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
from argen._core.glm._linear_kernels import add_scaled, cholesky, cholesky_solve, copy_to, dot, largest_entry
from argen._core.glm._moment_kernels import add_cells, empty_tables, powers, shifted_components, within_reach
from argen._core.glm._segment_kernels import shift_weights, stratum_factors
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
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    y_level, y_border = np.zeros(G), np.zeros(O + r + 1)
    group_counts(y, design, p, y_level, y_border)

    tables = empty_tables(design, mono, theta[G + O :])
    phi = pooled_dispersion(y, design, kappa, w)
    add_cells(y, w, inflation, design, mono, design.group_seg[p], n_seg, tables)
    return Controls(theta, w, kappa, H_inv, B, phi, y_level, y_border, tables)


@kernel
def pooled_dispersion(y, design, kappa, w):
    """φ = max(0, Σ [(y − μ)² − y] / Σ μ²) over the controls."""
    excess, mu2 = 0.0, 0.0
    for seg in range(design.group_seg[len(design.group_seg) - 2], len(design.seg_stratum)):
        k = kappa[design.seg_stratum[seg]]
        for i in range(design.seg_start[seg], design.seg_start[seg + 1]):
            mu = k * w[i]
            excess += (y[i] - mu) ** 2 - y[i]
            mu2 += mu * mu
    return max(0.0, excess / mu2) if mu2 > 0.0 else 0.0


@kernel
def work_space(design, mono):
    """Buffers of :func:`fit_pair`, so that a pair allocates next to nothing."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    S, K, bd = len(design.stratum_level), mono.column.shape[0], O + r + 1
    largest_group = 0
    for j in range(len(design.group_seg) - 1):
        largest_group = max(largest_group, design.group_seg[j + 1] - design.group_seg[j])
    return WorkSpace(
        np.empty((G, 1 + bd + bd * (bd + 1) // 2)),
        np.empty(G),
        np.empty(bd),
        np.empty((bd, bd)),
        np.zeros((bd, bd)),
        np.empty(bd),
        np.zeros(bd, np.bool_),
        np.empty(mono.n_series),
        np.empty((S, K)),
        np.empty((largest_group, K)),
        np.empty(G),
        np.empty(bd),
        np.empty(S),
        np.empty(S),
    )


@kernel
def assemble(design, j, space, effect):
    """Normal equations of the border at the current sums."""
    r = design.numeric.shape[1]
    dummies = design.stratum_dummies
    space.acc[:] = 0.0
    for s in range(len(design.stratum_level)):
        level = design.stratum_level[s]
        add_border(space.acc, level, space.comps, s, space.kappa[s], dummies, s, r, False)
    first = design.group_seg[j]
    for seg in range(first, design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        level, scale = design.stratum_level[s], effect * space.kappa[s]
        add_border(space.acc, level, space.perturbation, seg - first, scale, dummies, s, r, True)
    border_equations(space.acc, space.y_level, space.y_border, space.rate, space.score, space.H, space.scale)


@kernel
def newton_pair(design, mono, controls, space, j, tau):
    """Newton's method in (dummies, γ, τ) with the levels profiled out.

    Returns the status (OUT_OF_REACH: the series cannot follow), τ and the shift of γ from the controls' fit.
    """
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    bd = O + r + 1
    shift, dummies, step = np.zeros(r), controls.theta[G : G + O].copy(), np.empty(bd)
    for iteration in range(_MAX_ITERATIONS):
        if not within_reach(design, mono, shift):
            return OUT_OF_REACH, tau, shift
        if iteration == 0 or r > 0:
            perturbation_components(design, j, controls.w, shift, space.perturbation)
            powers(mono, shift, 1.0, space.power)
            shifted_components(controls.tables.plain, mono, space.power, space.comps)
        dummy_factors(design, dummies, space.kappa)
        assemble(design, j, space, np.exp(tau))
        cholesky(space.H, space.scale, space.L, space.skipped)
        if space.skipped[bd - 1]:
            return NOT_ESTIMABLE, tau, shift
        for a in range(bd):
            step[a] = space.score[a]
        cholesky_solve(space.L, step)
        largest, decrement = largest_entry(step), dot(space.score, step)
        shorten(step, step[O : bd - 1], design.numeric_bound)
        add_scaled(dummies, 1.0, step[:O])
        add_scaled(shift, 1.0, step[O : bd - 1])
        tau += step[bd - 1]
        if largest < _PAIR_TOLERANCE or decrement < NEGLIGIBLE:
            return OK, tau, shift
    return NOT_CONVERGED, tau, shift


@kernel
def is_estimable(design, mono, controls, space, j):
    """Whether the covariates leave anything of the indicator of group j, under the null fit."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    none = np.zeros(r)
    powers(mono, none, 1.0, space.power)
    shifted_components(controls.tables.plain, mono, space.power, space.comps)
    perturbation_components(design, j, controls.w, none, space.perturbation)
    dummy_factors(design, controls.theta[G : G + O], space.kappa)
    copy_to(controls.y_level, space.y_level)
    copy_to(controls.y_border, space.y_border)
    assemble(design, j, space, 1.0)
    cholesky(space.H, space.scale, space.L, space.skipped)
    return not space.skipped[len(space.skipped) - 1]


@kernel
def fit_pair(y, design, mono, controls, space, j, count, expected, hc):
    """Status, τ̂ and variance of one pair with counts."""
    copy_to(controls.y_level, space.y_level)
    copy_to(controls.y_border, space.y_border)
    group_counts(y, design, j, space.y_level, space.y_border)
    space.y_border[len(space.y_border) - 1] = count
    status, tau, shift = newton_pair(design, mono, controls, space, j, np.log(count / expected))
    if status != OK:
        return status, np.nan, np.nan
    return status, tau, pair_variance(y, design, mono, controls, space, j, tau, shift, hc)


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
    p, G, bd = len(design.group_seg) - 2, design.n_levels, len(controls.y_border)
    effect, variance, status = np.full(p, np.nan), np.full(p, np.nan), np.full(p, NO_CONTROL_COUNTS)
    count, expected, cells, score = np.zeros(p), np.zeros(p), np.zeros(p), np.full((p, 4), np.nan)
    space, none = work_space(design, mono), np.zeros(design.numeric.shape[1])
    for j in range(p):
        count[j] = group_counts(y, design, j, np.zeros(G), np.zeros(bd))
        perturbation_components(design, j, controls.w, none, space.perturbation)
        first = design.group_seg[j]
        for seg in range(first, design.group_seg[j + 1]):
            mean = controls.kappa[design.seg_stratum[seg]] * space.perturbation[seg - first, 0]
            expected[j] += mean
            if mean > 0.0 and design.stratum_supported[design.seg_stratum[seg]]:
                cells[j] += design.seg_start[seg + 1] - design.seg_start[seg]
        if expected[j] == 0.0:
            continue
        if count[j] == 0.0:
            if not is_estimable(design, mono, controls, space, j):
                status[j] = NOT_ESTIMABLE
                continue
            status[j], effect[j], variance[j] = SEPARATED, np.log(0.5 / (expected[j] + 0.5)), 2.0
            score_statistics(design, j, controls, count[j], score[j])
            continue
        status[j] = OK
        if estimate:
            status[j], effect[j], variance[j] = fit_pair(y, design, mono, controls, space, j, count[j], expected[j], hc)
        if cells[j] == 1 and (status[j] == OK or status[j] == OUT_OF_REACH):
            status[j], effect[j] = SINGLE_CELL, np.log(count[j] / expected[j])
            variance[j] = 1.0 / count[j] + controls.phi
        if expected[j] < score_below or status[j] == SINGLE_CELL:
            score_statistics(design, j, controls, count[j], score[j])
    return effect, variance, status, count, expected, cells, score
