"""Fit of one gene on any set of instruments (see :mod:`.reduced_form`)."""

import numpy as np

from argen._core.glm._jit import kernel
from argen._core.glm._linear_kernels import cholesky, cholesky_inverse, cholesky_solve
from argen._core.glm._segment_kernels import (
    count_totals,
    expand_square,
    expand_total,
    final_pass,
    group_sums,
    reweight,
    stratum_factors,
    stratum_totals,
)

__all__ = ["MAX_STEP", "fit"]

MAX_STEP = 2.0


@kernel
def profile_effects(design, used, row, sums, kappa, y_row, effect, expected, factor):
    """Multiplicative effect Y_j / E_j of each instrument group, and the factor of μ over w of each segment."""
    for j in range(len(row)):
        d = 1.0
        segs = range(design.group_seg[j], design.group_seg[j + 1])
        if row[j] >= 0:
            e = 0.0
            for seg in segs:
                if used[seg]:
                    e += kappa[design.seg_stratum[seg]] * sums[seg, 0]
            expected[row[j]] = e
            d = y_row[row[j]] / e if e > 0.0 else 0.0
            effect[row[j]] = d
        for seg in segs:
            factor[seg] = d * kappa[design.seg_stratum[seg]] if used[seg] else 0.0


@kernel
def profile_hessian(design, used, row, sums, kappa, y_row, expected, factor, W, H, scale):
    """H = Σ μ z z' − Σ_j Y_j W_j W_j' (effects profiled out), W_j = μ-weighted mean of z over group j.

    `scale` keeps the diagonal of H before the subtraction. W_j does not depend on the effect of j itself, so it is
    defined for groups without counts too.
    """
    by_stratum = np.empty((len(design.stratum_level), sums.shape[1]))
    stratum_totals(design, used, sums, factor, by_stratum)
    expand_square(design, by_stratum, H)
    for a in range(H.shape[0]):
        scale[a] = H[a, a]
    if W.shape[0] == 0:
        return
    group_sums(design, used, row, sums, kappa, W)
    weighted = np.empty(W.shape)
    for k in range(W.shape[0]):
        if expected[k] > 0.0:
            W[k] /= expected[k]
        weighted[k] = y_row[k] * W[k]
    H -= np.dot(weighted.T, W)


@kernel
def start_levels(design, used, sums, y_total, theta):
    """Cold start: γ = 0, dummies 0, each level at its crude rate; −∞ where a level has no counts."""
    G = design.n_levels
    exposure = np.zeros(G)
    for seg in range(len(used)):
        if used[seg]:
            exposure[design.stratum_level[design.seg_stratum[seg]]] += sums[seg, 0]
    theta[:] = 0.0
    for g in range(G):
        theta[g] = np.log(y_total[g] / exposure[g]) if y_total[g] > 0.0 else -np.inf


@kernel
def newton(design, used, row, y_total, y_row, theta, w, sums, warm, effect, expected, factor, tol, max_iter):
    """Profile Newton in the nuisance coefficients; effects closed-form.

    Returns the number of iterations, the last step and the shift of γ that `w` and `sums` still lack.
    """
    q, r = len(theta), design.numeric.shape[1]
    kappa = np.empty(len(design.stratum_level))
    H, L, W = np.zeros((q, q)), np.zeros((q, q)), np.zeros((len(y_row), q))
    scale, skipped, mu_total = np.zeros(q), np.zeros(q, np.bool_), np.zeros(q)
    by_stratum = np.empty((len(kappa), sums.shape[1]))
    shift = np.zeros(r)
    largest, previous = np.inf, np.inf
    for iteration in range(max_iter):
        if iteration == 0 and not warm:
            reweight(design, used, shift, w, sums)
            start_levels(design, used, sums, y_total, theta)
        elif iteration > 0 and r > 0:
            reweight(design, used, shift, w, sums)
        stratum_factors(design, theta, kappa)
        profile_effects(design, used, row, sums, kappa, y_row, effect, expected, factor)
        # Chord steps with an old factor, as long as each is much shorter than the one before.
        if iteration == 0 or largest > 1e-2 or largest > 0.2 * previous:
            profile_hessian(design, used, row, sums, kappa, y_row, expected, factor, W, H, scale)
            cholesky(H, scale, L, skipped)
        stratum_totals(design, used, sums, factor, by_stratum)
        expand_total(design, by_stratum, mu_total)
        step = y_total - mu_total
        cholesky_solve(L, step)
        previous, largest = largest, np.max(np.abs(step))
        if largest > MAX_STEP:
            step *= MAX_STEP / largest
        theta += step
        shift[:] = step[q - r :]
        # The next step would be largest · (largest / previous): the ratio of two steps is the rate of convergence.
        if largest < tol or (previous < 0.1 and largest * largest / previous < 0.01 * tol):
            return iteration + 1, min(largest, tol), shift
    return max_iter, largest, shift


@kernel
def mark_unknown_effects(W, H, L, skipped, effect):
    """Effect NaN where it cannot be told from a nuisance coefficient about which nothing is known."""
    for g in range(H.shape[0]):
        if not skipped[g] or (H[g, g] == 0.0 and not W[:, g].any()):
            continue
        null = -H[:, g].copy()
        null[skipped] = 0.0
        cholesky_solve(L, null)
        null[g] = 1.0
        for k in range(W.shape[0]):
            if abs(np.dot(W[k], null)) > 1e-6:
                effect[k] = np.nan


@kernel
def factored_meat(design, used, row, residuals, y_row, W, H_inv):
    """Pieces v, G of V = diag(v) + GW' + WG' and the nuisance meat B, from the components of (y − μ)²."""
    n_rows, q = W.shape
    by_stratum, ones = np.empty((len(design.stratum_level), residuals.shape[1])), np.ones(len(used))
    B, B1 = np.zeros((q, q)), np.zeros((n_rows, q))
    stratum_totals(design, used, residuals, ones, by_stratum)
    expand_square(design, by_stratum, B)
    v, b, G = np.zeros(n_rows), np.zeros(n_rows), np.zeros((n_rows, q))
    if n_rows == 0:
        return v, G, B
    group_sums(design, used, row, residuals, np.ones(len(design.stratum_level)), B1)
    half = np.empty((n_rows, q))
    for k in range(n_rows):
        for g in range(design.n_levels):  # the one-hot columns of the main factor sum to one
            b[k] += B1[k, g]
        half[k] = B1[k] - 0.5 * b[k] * W[k]
    cross = np.dot(half.T, W)
    B -= cross + cross.T
    for k in range(n_rows):
        inverse = 1.0 / y_row[k] if y_row[k] > 0.0 else 0.0
        B1[k] = (B1[k] - b[k] * W[k]) * inverse
        v[k] = b[k] * inverse**2
    G[:] = 0.5 * np.dot(W, np.dot(np.dot(H_inv, B), H_inv)) - np.dot(B1, H_inv)
    return v, G, B


@kernel
def fit(y, design, used, row, n_rows, theta, w, sums, warm, tol, max_iter):
    """Fit one gene and the pieces of its HC0 covariance; formulas in :mod:`.reduced_form`.

    Parameters
    ----------
    y
        Counts, shape (n,).
    used
        Segments that take part, shape (n_seg,).
    row
        Row of each group among the instruments, −1 for baseline groups, shape (p + 1,).
    theta, w, sums
        Nuisance coefficients, cell weights ℓ exp(m'γ) and segment components; overwritten. With `warm` they are the
        starting point, else w must hold the depth.

    Returns
    -------
    iterations, last step, Y_j, E_j, effect factor d_j, v, W, G, H⁻¹, meat of the nuisance
    """
    q, n_seg = len(theta), len(used)
    y_total, y_row = np.zeros(q), np.zeros(n_rows)
    effect, expected, factor = np.ones(n_rows), np.zeros(n_rows), np.zeros(n_seg)
    count_totals(y, design, used, row, y_total, y_row)
    iterations, last, shift = newton(
        design, used, row, y_total, y_row, theta, w, sums, warm, effect, expected, factor, tol, max_iter
    )
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, theta, kappa)
    profile_effects(design, used, row, sums, kappa, y_row, effect, expected, factor)
    residuals = np.empty(sums.shape)
    final_pass(y, design, used, shift, w, factor, sums, residuals)
    H, L, W = np.zeros((q, q)), np.zeros((q, q)), np.zeros((n_rows, q))
    scale, skipped = np.zeros(q), np.zeros(q, np.bool_)
    profile_hessian(design, used, row, sums, kappa, y_row, expected, factor, W, H, scale)
    if cholesky(H, scale, L, skipped) > 0:
        mark_unknown_effects(W, H, L, skipped, effect)
    H_inv = cholesky_inverse(L)
    v, G, B = factored_meat(design, used, row, residuals, y_row, W, H_inv)
    return iterations, last, y_row, expected, effect, v, W, G, H_inv, B
