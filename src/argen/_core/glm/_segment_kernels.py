"""Sums over the sorted cells: by segment, by stratum, by group of cells, over all.

The *components* of a segment are Σ v, Σ v m_a, Σ v m_a m_b (a ≥ b) over its cells, for a cell weight v and numeric
covariates m. Nuisance coefficients come as (levels of the main factor, dummies, numeric); z is a cell's row of their
design.
"""

import numpy as np

from argen._core._jit import lean_inlined, lean_kernel
from argen._core.glm._linear_kernels import symmetrise

__all__ = [
    "add_moments",
    "cells_between",
    "count_totals",
    "expand_square",
    "expand_total",
    "final_pass",
    "group_sums",
    "n_components",
    "reweight",
    "shift_weights",
    "shifted_weights",
    "small_exp",
    "stratum_factors",
    "stratum_totals",
]

# Below this |x| the polynomial of degree 8 is exact to 1e-16.
_SMALL = 0.0625
_PARTS = 128.0


@lean_inlined
def cells_between(lo, hi):
    """Cells lo … hi-1. Unsigned, so that no index is asked whether it counts from the end: loops are vectorised."""
    return range(np.uint64(lo), np.uint64(hi))


@lean_inlined
def _exp_polynomial(x):
    """Σ x^e / e! up to e = 8; in pairs, so that no product waits for all others; rounded once."""
    x2 = x * x
    x4 = x2 * x2
    high = 1 / 24 + x * (1 / 120) + x2 * (1 / 720 + x * (1 / 5040)) + x4 * (1 / 40320)
    return 1.0 + (x + (x2 * (1 / 2 + x * (1 / 6)) + x4 * high))


@lean_inlined
def _power_of_parts(x):
    """X^128: exp(x) from exp(x / 128), exact to 1e-14, without a branch or a table, so that loops are vectorised."""
    x2 = x * x
    x4 = x2 * x2
    x8 = x4 * x4
    x16 = x8 * x8
    x32 = x16 * x16
    x64 = x32 * x32
    return x64 * x64


@lean_inlined
def small_exp(x):
    """exp(x), by a polynomial where x is small, as the steps between two fits are."""
    return _exp_polynomial(x) if abs(x) < _SMALL else np.exp(x)


@lean_inlined
def n_components(r):
    """Number of components of a segment with r numeric covariates."""
    return 1 + r + r * (r + 1) // 2


@lean_kernel
def shift_weights(numeric, bound, lo, hi, shift, w):
    """W ← w · exp(m'shift) for the cells lo … hi-1."""
    r = numeric.shape[0]
    reach = 0.0
    for a in range(r):
        reach += bound[a] * abs(shift[a])
    if reach == 0.0:
        return
    if r == 1 and reach < _SMALL:  # no branch inside: the loop is vectorised
        d = shift[0]
        for i in cells_between(lo, hi):
            x = numeric[0, i] * d
            w[i] *= _exp_polynomial(x)
        return
    if r == 1 and reach < _SMALL * _PARTS:
        d = shift[0] / _PARTS
        for i in cells_between(lo, hi):
            x = numeric[0, i] * d
            w[i] *= _power_of_parts(_exp_polynomial(x))
        return
    for i in cells_between(lo, hi):
        x = 0.0
        for a in range(r):
            x += numeric[a, i] * shift[a]
        w[i] *= small_exp(x)


@lean_kernel
def shifted_weights(numeric, bound, lo, hi, shift, w, out):
    """W · exp(m'shift) of the cells lo … hi-1, into the first entries of `out`."""
    r, origin = numeric.shape[0], np.uint64(lo)
    reach = 0.0
    for a in range(r):
        reach += bound[a] * abs(shift[a])
    if reach == 0.0:
        for i in cells_between(lo, hi):
            out[i - origin] = w[i]
    elif r == 1 and reach < _SMALL:  # no branch inside: the loop is vectorised
        d = shift[0]
        for i in cells_between(lo, hi):
            x = numeric[0, i] * d
            out[i - origin] = w[i] * _exp_polynomial(x)
    else:
        for i in cells_between(lo, hi):
            x = 0.0
            for a in range(r):
                x += numeric[a, i] * shift[a]
            out[i - origin] = w[i] * small_exp(x)


@lean_kernel
def weight_components(numeric, start, first, last, w, out):
    """Components of the segments first … last-1 for the cell weight w."""
    r = numeric.shape[0]
    for seg in range(first, last):
        v0, v1, v2 = 0.0, 0.0, 0.0
        if r == 1:  # the usual case, kept in registers
            for i in cells_between(start[seg], start[seg + 1]):
                wm = w[i] * numeric[0, i]
                v0 += w[i]
                v1 += wm
                v2 += wm * numeric[0, i]
            out[seg, 1], out[seg, 2] = v1, v2
        else:
            out[seg, 1:] = 0.0
            for i in cells_between(start[seg], start[seg + 1]):
                v0 += w[i]
                add_moments(out, seg, w[i], numeric, i)
        out[seg, 0] = v0


@lean_kernel
def residual_components(y, numeric, start, first, last, w, factor, out):
    """Components of the segments first … last-1 for the cell weight (y − factor · w)²."""
    r = numeric.shape[0]
    for seg in range(first, last):
        v0, v1, v2 = 0.0, 0.0, 0.0
        f = factor[seg]
        if r == 1:
            for i in cells_between(start[seg], start[seg + 1]):
                e = y[i] - f * w[i]
                em = e * numeric[0, i]
                v0 += e * e
                v1 += e * em
                v2 += em * em
            out[seg, 1], out[seg, 2] = v1, v2
        else:
            out[seg, 1:] = 0.0
            for i in cells_between(start[seg], start[seg + 1]):
                e = y[i] - f * w[i]
                v0 += e * e
                add_moments(out, seg, e * e, numeric, i)
        out[seg, 0] = v0


@lean_inlined
def add_moments(out, seg, v, numeric, i):
    """out[seg, 1:] += v · (m, mm') of cell i."""
    r = numeric.shape[0]
    c = 1 + r
    for a in range(r):
        va = v * numeric[a, i]
        out[seg, 1 + a] += va
        for b in range(a + 1):
            out[seg, c] += va * numeric[b, i]
            c += 1


@lean_inlined
def any_used(used, first, last):
    """Whether one of the segments first … last-1 takes part."""
    for seg in range(first, last):
        if used[seg]:
            return True
    return False


@lean_kernel
def reweight(design, used, shift, w, sums):
    """W ← w · exp(m'shift) and the components of the segments, for the groups with a used segment."""
    start = design.seg_start
    for j in range(len(design.group_seg) - 1):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        if any_used(used, first, last):
            shift_weights(design.numeric, design.numeric_bound, start[first], start[last], shift, w)
            weight_components(design.numeric, start, first, last, w, sums)


@lean_kernel
def final_pass(y, design, used, shift, w, factor, with_means, sums, residuals):
    """Apply the last shift and take the components of (y − μ)², and `with_means` of μ / factor, group by group."""
    start = design.seg_start
    for j in range(len(design.group_seg) - 1):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        if any_used(used, first, last):
            shift_weights(design.numeric, design.numeric_bound, start[first], start[last], shift, w)
            if with_means:
                weight_components(design.numeric, start, first, last, w, sums)
            residual_components(y, design.numeric, start, first, last, w, factor, residuals)


@lean_kernel
def stratum_totals(design, used, comps, factor, out):
    """Sum of factor × components over the used segments of each stratum."""
    out[:] = 0.0
    n_comps = out.shape[1]
    for seg in range(len(used)):
        if used[seg]:
            f = factor[seg]
            s = design.seg_stratum[seg]
            for c in range(n_comps):
                out[s, c] += f * comps[seg, c]


@lean_kernel
def expand_total(design, comps, total):
    """Z'v 1 from the components of the strata."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    total[:] = 0.0
    for s in range(comps.shape[0]):
        total[design.stratum_level[s]] += comps[s, 0]
        for o in range(O):
            total[G + o] += design.stratum_dummies[s, o] * comps[s, 0]
        for a in range(r):
            total[G + O + a] += comps[s, 1 + a]


@lean_kernel
def expand_square(design, comps, square):
    """Z'vZ from the components of the strata."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    square[:] = 0.0
    for s in range(comps.shape[0]):
        g, dummies, v = design.stratum_level[s], design.stratum_dummies[s], comps[s]
        square[g, g] += v[0]
        for o in range(O):
            if dummies[o] == 0.0:
                continue
            square[G + o, g] += dummies[o] * v[0]
            for o2 in range(o + 1):
                square[G + o, G + o2] += dummies[o] * dummies[o2] * v[0]
            for a in range(r):
                square[G + O + a, G + o] += dummies[o] * v[1 + a]
        c = 1 + r
        for a in range(r):
            square[G + O + a, g] += v[1 + a]
            for b in range(a + 1):
                square[G + O + a, G + O + b] += v[c]
                c += 1
    symmetrise(square)


@lean_kernel
def group_sums(design, used, row, comps, kappa, rows):
    """rows[row[j]] = Σ v z over instrument group j, from the components of its segments scaled by stratum."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    rows[:] = 0.0
    for j in range(len(row)):
        k = row[j]
        if k < 0:
            continue
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            if not used[seg]:
                continue
            s = design.seg_stratum[seg]
            f = kappa[s]
            rows[k, design.stratum_level[s]] += f * comps[seg, 0]
            for o in range(O):
                rows[k, G + o] += f * design.stratum_dummies[s, o] * comps[seg, 0]
            for a in range(r):
                rows[k, G + O + a] += f * comps[seg, 1 + a]


@lean_kernel
def stratum_factors(design, theta, out):
    """exp(level + dummies) of each stratum; 0 for a level without counts (coefficient −∞)."""
    G, O = design.n_levels, design.stratum_dummies.shape[1]
    for s in range(len(out)):
        x = theta[design.stratum_level[s]]
        for o in range(O):
            x += design.stratum_dummies[s, o] * theta[G + o]
        out[s] = np.exp(x)


@lean_kernel
def count_totals(y, design, used, row, y_total, y_row):
    """Z'y over the used cells and Σ y of each instrument group."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    y_total[:] = 0.0
    y_row[:] = 0.0
    for j in range(len(row)):
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            if not used[seg]:
                continue
            s = design.seg_stratum[seg]
            lo, hi = design.seg_start[seg], design.seg_start[seg + 1]
            count = 0.0
            for i in cells_between(lo, hi):
                count += y[i]
            for a in range(r):
                moment = 0.0
                for i in cells_between(lo, hi):
                    moment += y[i] * design.numeric[a, i]
                y_total[G + O + a] += moment
            y_total[design.stratum_level[s]] += count
            for o in range(O):
                y_total[G + o] += count * design.stratum_dummies[s, o]
            if row[j] >= 0:
                y_row[row[j]] += count
