"""Normal equations of a pair: levels of the main factor profiled out, e^{α_g} = Y_g / E_g.

What is left, the *border*, is (dummies, numeric covariates, effect of the perturbation): Newton's method in few
dimensions.
"""

from typing import NamedTuple

import numpy as np

from argen._core._jit import inlined, kernel
from argen._core.glm._linear_kernels import copy_to
from argen._core.glm._moment_kernels import Tables
from argen._core.glm._segment_kernels import small_exp

__all__ = [
    "Controls",
    "WorkSpace",
    "add_border",
    "border_equations",
    "dummy_factors",
    "group_counts",
    "perturbation_components",
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
    """Buffers of one pair's fit."""

    acc: np.ndarray  # (G, …) E, border vector and border matrix of each level
    rate: np.ndarray  # (G,) e^α
    score: np.ndarray  # (bd,)
    H: np.ndarray  # (bd, bd)
    L: np.ndarray  # (bd, bd)
    scale: np.ndarray  # (bd,)
    skipped: np.ndarray  # (bd,)
    power: np.ndarray  # (n_series,)
    comps: np.ndarray  # (S, K)
    perturbation: np.ndarray  # (segments of the largest group, K)
    y_level: np.ndarray  # (G,)
    y_border: np.ndarray  # (bd,)
    kappa: np.ndarray  # (S,)
    constant: np.ndarray  # (S,)


@inlined
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


@kernel
def border_equations(acc, y_level, y_border, rate, score, H, scale):
    """Score and Hessian of the border with the levels profiled out; rate = e^α, scale = diagonal before profiling."""
    bd = len(score)
    copy_to(y_border, score)
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


@kernel
def dummy_factors(design, coefficients, out):
    """exp(dummies) of each stratum."""
    for s in range(len(out)):
        x = 0.0
        for o in range(design.stratum_dummies.shape[1]):
            x += design.stratum_dummies[s, o] * coefficients[o]
        out[s] = np.exp(x)


@kernel
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


@kernel
def perturbation_components(design, j, w, shift, out):
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
