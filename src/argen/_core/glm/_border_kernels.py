"""Normal equations of a pair: levels of the main factor profiled out, e^{α_g} = Y_g / E_g.

What is left, the *border*, is (dummies, numeric covariates, effect of the perturbation): Newton's method in few
dimensions.
"""

from typing import NamedTuple

import numpy as np

from argen._core._jit import lean_inlined, lean_kernel, reassociated
from argen._core.glm._moment_kernels import Tables
from argen._core.glm._segment_kernels import add_moments, cells_between, shifted_weights

__all__ = [
    "Controls",
    "WorkSpace",
    "add_border",
    "border_equations",
    "dummy_factors",
    "group_counts",
    "perturbation_components",
    "profiled",
]


class Controls(NamedTuple):
    """Controls-only fit of one gene: where every pair starts, and the null fit of the score test."""

    theta: np.ndarray  # (q,)
    w: np.ndarray  # (n,) ℓ exp(m'γ) of all cells
    kappa: np.ndarray  # (S,) exp(level + dummies)
    H_inv: np.ndarray  # (q, q)
    B: np.ndarray  # (q, q) HC0 meat
    phi: float  # pooled dispersion
    y_level: np.ndarray  # (G,) counts by level
    y_border: np.ndarray  # (bd,) counts by dummy, numeric moment
    tables: Tables  # moments of the control cells


class WorkSpace(NamedTuple):
    """Buffers of one pair's fit, which makes no arrays of its own; levels and strata are innermost."""

    acc: np.ndarray  # (1 + bd + bd(bd + 1)/2, G) E, border vector and border matrix of each level
    rate: np.ndarray  # (G,) e^α
    inverse: np.ndarray  # (G,) 1 / E
    score: np.ndarray  # (bd,)
    step: np.ndarray  # (bd,)
    H: np.ndarray  # (bd, bd)
    L: np.ndarray  # (bd, bd)
    H_inv: np.ndarray  # (bd, bd)
    scale: np.ndarray  # (bd,)
    skipped: np.ndarray  # (bd,)
    border: np.ndarray  # (bd,) of one cell
    power: np.ndarray  # (n_series,)
    comps: np.ndarray  # (K, S)
    squares: np.ndarray  # (K, S)
    perturbation: np.ndarray  # (segments of the largest group, K)
    weight: np.ndarray  # (cells of the largest group,)
    y_level: np.ndarray  # (G,)
    y_border: np.ndarray  # (bd,)
    kappa: np.ndarray  # (S,)
    constant: np.ndarray  # (S,)
    dummies: np.ndarray  # (O,)
    shift: np.ndarray  # (r,)
    total: np.ndarray  # (q,)
    image: np.ndarray  # (q,)


@lean_inlined
def add_border(acc, level, comps, column, scale, dummies, s, r, with_effect):
    """Add one stratum (or segment) to its level's E, border vector L and border matrix (lower triangle)."""
    O = dummies.shape[1]
    bd = O + r + 1
    c0 = scale * comps[0, column]
    acc[0, level] += c0
    pos = 1 + bd
    for o in range(O):
        z = dummies[s, o]
        acc[1 + o, level] += z * c0
        for o2 in range(o + 1):
            acc[pos, level] += z * dummies[s, o2] * c0
            pos += 1
    c = 1 + r
    for a in range(r):
        ca = scale * comps[1 + a, column]
        acc[1 + O + a, level] += ca
        for o in range(O):
            acc[pos, level] += dummies[s, o] * ca
            pos += 1
        for _ in range(a + 1):
            acc[pos, level] += scale * comps[c, column]
            c += 1
            pos += 1
    if with_effect:
        acc[bd, level] += c0
        for o in range(O):
            acc[pos, level] += dummies[s, o] * c0
            pos += 1
        for a in range(r):
            acc[pos, level] += scale * comps[1 + a, column]
            pos += 1
        acc[pos, level] += c0


@reassociated
def _weighted_sum(weight, rows, k):
    """Σ_g weight_g rows[k, g]."""
    total = 0.0
    for g in range(len(weight)):
        total += weight[g] * rows[k, g]
    return total


@reassociated
def profiled(rate, inverse, acc, pos, a, b):
    """Σ_g e^{α_g} (M_g − L_ga L_gb / E_g): an entry of the border matrix with the levels profiled out."""
    total = 0.0
    for g in range(len(rate)):
        total += rate[g] * (acc[pos, g] - acc[1 + a, g] * acc[1 + b, g] * inverse[g])
    return total


@lean_kernel
def border_equations(acc, y_level, y_border, rate, inverse, score, H, scale):
    """Score and Hessian of the border with the levels profiled out; rate = e^α, scale = diagonal before profiling."""
    bd = len(score)
    for g in range(len(y_level)):
        inverse[g] = 1.0 / acc[0, g] if y_level[g] > 0.0 else 0.0
        rate[g] = y_level[g] / acc[0, g] if y_level[g] > 0.0 else 0.0
    pos = 1 + bd
    for a in range(bd):
        score[a] = y_border[a] - _weighted_sum(rate, acc, 1 + a)
        for b in range(a + 1):
            H[a, b] = profiled(rate, inverse, acc, pos, a, b)
            pos += 1
        scale[a] = _weighted_sum(rate, acc, pos - 1)


@lean_kernel
def dummy_factors(design, coefficients, out):
    """exp(dummies) of each stratum."""
    for s in range(len(out)):
        out[s] = 1.0
    if len(coefficients) == 0:
        return
    for s in range(len(out)):
        x = 0.0
        for o in range(len(coefficients)):
            x += design.stratum_dummies[s, o] * coefficients[o]
        out[s] = np.exp(x)


@lean_kernel
def group_counts(y, design, j, y_level, y_border):
    """Add the counts of the supported cells of group j to level and border totals; returns their sum."""
    O, r = design.stratum_dummies.shape[1], design.numeric.shape[0]
    total = 0.0
    for seg in range(design.group_seg[j], design.group_seg[j + 1]):
        s = design.seg_stratum[seg]
        if not design.stratum_supported[s]:
            continue
        count, lo, hi = 0.0, design.seg_start[seg], design.seg_start[seg + 1]
        for i in cells_between(lo, hi):
            count += y[i]
        for a in range(r):
            moment = 0.0
            for i in cells_between(lo, hi):
                moment += y[i] * design.numeric[a, i]
            y_border[O + a] += moment
        y_level[design.stratum_level[s]] += count
        for o in range(O):
            y_border[o] += count * design.stratum_dummies[s, o]
        total += count
    return total


@lean_kernel
def perturbation_components(design, j, w, shift, weight, out):
    """Components (segments, K) of the supported segments of group j at γ + shift; `weight` gets the cells' weights."""
    numeric, r = design.numeric, design.numeric.shape[0]
    first = design.group_seg[j]
    lo, hi = design.seg_start[first], design.seg_start[design.group_seg[j + 1]]
    shifted_weights(numeric, design.numeric_bound, lo, hi, shift, w, weight)
    origin = np.uint64(lo)
    for seg in range(first, design.group_seg[j + 1]):
        v0, v1, v2 = 0.0, 0.0, 0.0
        row, supported = seg - first, design.stratum_supported[design.seg_stratum[seg]]
        cells = cells_between(design.seg_start[seg], design.seg_start[seg + 1] if supported else design.seg_start[seg])
        if r == 1:  # the usual case, kept in registers
            for i in cells:
                v, m = weight[i - origin], numeric[0, i]
                vm = v * m
                v0 += v
                v1 += vm
                v2 += vm * m
            out[row, 1], out[row, 2] = v1, v2
        else:
            out[row, 1:] = 0.0
            for i in cells:
                v0 += weight[i - origin]
                add_moments(out, row, weight[i - origin], numeric, i)
        out[row, 0] = v0
