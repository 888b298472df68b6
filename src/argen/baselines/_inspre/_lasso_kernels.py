"""Coordinate descent for the lasso step of INSPRE."""

import numpy as np

from argen._core._jit import inlined, kernel

__all__ = ["lasso_columns"]


@inlined
def _sweep(v, g, gram, penalty, own, allowed, only_active):
    """One pass over the coefficients of one column; the largest change."""
    largest = 0.0
    for i in range(len(v)):
        old = v[i]
        if not allowed[i] or (only_active and old == 0.0 and i != own):
            continue
        target = g[i] + gram[i, i] * old
        bound = 0.0 if i == own else penalty
        new = np.sign(target) * max(abs(target) - bound, 0.0) / gram[i, i]
        change = new - old
        if change != 0.0:
            v[i] = new
            for k in range(len(v)):
                g[k] -= change * gram[i, k]
            largest = max(largest, abs(change))
    return largest


@kernel
def lasso_columns(coef, gradient, gram, penalty, allowed, tolerance, max_sweeps):
    """Minimise  penalty Σ_{i≠j} |v_i| + ½ v'Qv − b'v  over every column v of V, in place.

    Row j of `coef` and `gradient` are column j of V and of b − QV; the diagonal entry is not penalised, entries outside
    `allowed` [j, i] stay as they are. One pass over all coefficients, then passes over those that are not 0: the outer
    iteration comes back before a coefficient that wakes up late is missed.
    """
    for j in range(coef.shape[0]):
        v, g = coef[j], gradient[j]
        if _sweep(v, g, gram, penalty, j, allowed[j], False) < tolerance:
            continue
        for _ in range(max_sweeps):
            if _sweep(v, g, gram, penalty, j, allowed[j], True) < tolerance:
                break
