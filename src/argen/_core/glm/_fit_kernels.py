"""Fit of one gene on any set of instruments (see :mod:`.reduced_form`)."""

import numpy as np

from argen._core._jit import kernel, lean_kernel
from argen._core.glm._leverage_kernels import inflate, poisson_cells
from argen._core.glm._linear_kernels import (
    add_scaled,
    cholesky,
    cholesky_inverse,
    cholesky_solve,
    dot,
    gram,
    largest_entry,
    product,
)
from argen._core.glm._moment_kernels import (
    empty_tables,
    powers,
    residual_totals,
    shifted_components,
    within_reach,
)
from argen._core.glm._segment_kernels import (
    expand_square,
    expand_total,
    final_pass,
    group_sums,
    reweight,
    stratum_factors,
    stratum_totals,
    weight_components,
)
from argen._core.glm._series_kernels import N_MOMENTS, move_components, reweight_moments, series_reaches

__all__ = [
    "NEGLIGIBLE",
    "covariance_pieces",
    "first_step",
    "fit_means",
    "leveraged_residuals",
    "shorten",
]

MAX_STEP = 2.0
MAX_REACH = 4.0
# Newton's decrement, the squared error in units of the standard error: 3e-8 of it is beyond any digit that is reported.
NEGLIGIBLE = 1e-15


@lean_kernel
def profile_effects(design, used, row, sums, kappa, y_row, effect, expected, factor, by_stratum):
    """Multiplicative effect Y_j / E_j of each instrument group, and the factor of μ over w of each segment.

    `by_stratum`, (S, K), gets the components of the used segments for the weight μ.
    """
    by_stratum[:] = 0.0
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
            factor[seg] = 0.0
            if used[seg]:
                s = design.seg_stratum[seg]
                factor[seg] = d * kappa[s]
                for c in range(by_stratum.shape[1]):
                    by_stratum[s, c] += factor[seg] * sums[seg, c]


@kernel
def profile_hessian(design, used, row, sums, by_stratum, kappa, y_row, expected, W, H, scale):
    """H = Σ μ z z' − Σ_j Y_j W_j W_j' (effects profiled out), W_j = μ-weighted mean of z over group j.

    `scale` keeps the diagonal of H before the subtraction. W_j does not depend on the effect of j itself, so it is
    defined for groups without counts too.
    """
    expand_square(design, by_stratum, H)
    for a in range(H.shape[0]):
        scale[a] = H[a, a]
    if W.shape[0] == 0:
        return
    group_sums(design, used, row, sums, kappa, W)
    weighted = np.empty(W.shape)
    for k in range(W.shape[0]):
        for a in range(W.shape[1]):
            if expected[k] > 0.0:
                W[k, a] /= expected[k]
            weighted[k, a] = y_row[k] * W[k, a]
    explained = gram(weighted, W)
    for a in range(H.shape[0]):
        for b in range(H.shape[1]):
            H[a, b] -= explained[a, b]


@kernel
def numeric_shift(theta, baseline):
    """Shift of γ from the reference of the baseline's tables."""
    r = len(baseline.gamma)
    shift = np.empty(r)
    for a in range(r):
        shift[a] = theta[len(theta) - r + a] - baseline.gamma[a]
    return shift


@lean_kernel
def has_cells(tables):
    """Whether there is a cell in moment tables."""
    for s in range(tables.plain.shape[1]):
        if tables.plain[0, s] != 0.0:
            return True
    return False


@kernel
def add_baseline(mono, baseline, theta, kappa, by_stratum):
    """Add the components of the tabulated baseline for the weight μ."""
    if not has_cells(baseline):
        return
    power, base = np.empty(mono.n_series), np.empty((by_stratum.shape[1], by_stratum.shape[0]))
    powers(mono, numeric_shift(theta, baseline), 1.0, power)
    shifted_components(baseline.plain, mono, power, base)
    for s in range(by_stratum.shape[0]):
        for c in range(by_stratum.shape[1]):
            by_stratum[s, c] += kappa[s] * base[c, s]


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


@lean_kernel
def shorten(step, numeric_step, bound):
    """Scale a Newton step down where it would change a coefficient, or the log mean of a single cell, too much."""
    excess = largest_entry(step) / MAX_STEP
    reach = 0.0
    for a in range(len(bound)):
        reach += bound[a] * abs(numeric_step[a])
    excess = max(excess, reach / MAX_REACH)
    if excess > 1.0:
        for a in range(len(step)):
            step[a] /= excess


@kernel
def newton(
    design,
    mono,
    used,
    row,
    y_total,
    y_row,
    baseline,
    theta,
    w,
    sums,
    moments,
    warm,
    effect,
    expected,
    factor,
    tol,
    max_iter,
):
    """Profile Newton in the nuisance coefficients; effects closed-form.

    Returns the last step (∞ when γ has left the reach of the baseline's tables), the shift of γ that `w` still lacks,
    and whether `moments`, (N_MOMENTS, n_seg), are those of the segments at that w.
    """
    q, r = len(theta), design.numeric.shape[0]
    kappa = np.empty(len(design.stratum_level))
    H, L, W = np.zeros((q, q)), np.zeros((q, q)), np.zeros((len(y_row), q))
    scale, skipped, mu_total = np.zeros(q), np.zeros(q, np.bool_), np.zeros(q)
    by_stratum = np.empty((len(kappa), sums.shape[1]))
    score, step = np.empty(q), np.empty(q)
    shift, tabulated = np.zeros(r), False
    largest, previous = np.inf, np.inf
    for iteration in range(max_iter):
        if iteration == 0 and not warm:
            reweight(design, used, shift, w, sums)
            start_levels(design, used, sums, y_total, theta)
        elif iteration > 0 and r > 0:
            if not within_reach(design, mono, numeric_shift(theta, baseline)) and has_cells(baseline):
                return np.inf, shift, tabulated
            if tabulated and series_reaches(design, shift):
                move_components(design, used, moments, shift, sums)
            else:
                reweight_moments(design, used, shift, w, moments, sums)
                shift[:] = 0.0
                tabulated = r == 1
        stratum_factors(design, theta, kappa)
        profile_effects(design, used, row, sums, kappa, y_row, effect, expected, factor, by_stratum)
        add_baseline(mono, baseline, theta, kappa, by_stratum)
        # Chord steps with an old factor, as long as each is much shorter than the one before.
        if iteration == 0 or largest > 1e-2 or largest > 0.2 * previous:
            profile_hessian(design, used, row, sums, by_stratum, kappa, y_row, expected, W, H, scale)
            cholesky(H, scale, L, skipped)
        expand_total(design, by_stratum, mu_total)
        for a in range(q):
            score[a] = y_total[a] - mu_total[a]
            step[a] = score[a]
        cholesky_solve(L, step)
        decrement = dot(score, step)
        previous, largest = largest, largest_entry(step)
        shorten(step, step[q - r :], design.numeric_bound)
        add_scaled(theta, 1.0, step)
        for a in range(r):
            shift[a] += step[q - r + a]
        # Chord steps converge at a rate of the order of the change since the factorisation, or of the last two steps.
        # A coefficient on its way to −∞ (a level without counts) never stops, but soon moves no mean any more.
        if decrement < NEGLIGIBLE or largest < tol or largest * max(largest / previous, previous) < 0.01 * tol:
            largest = min(largest, tol)
            break
    return largest, shift, tabulated


@kernel
def first_step(design, mono, row, y_total, y_row, theta):
    """The first step of a cold start, from all cells, into `theta`."""
    n_rows, n_seg = len(y_row), len(design.seg_stratum)
    w, sums = design.depth, np.empty((n_seg, mono.column.shape[0]))  # the weights are not moved by one step
    effect, expected, factor = np.ones(n_rows), np.zeros(n_rows), np.zeros(n_seg)
    used, moments = np.ones(n_seg, np.bool_), np.empty((0, n_seg))
    none = empty_tables(design, mono, np.zeros(design.numeric.shape[0]))
    newton(
        design, mono, used, row, y_total, y_row, none, theta, w, sums, moments, False, effect, expected, factor, 0.0, 1
    )


@kernel
def mark_unknown_effects(W, H, L, skipped, effect):
    """Effect NaN where it cannot be told from a nuisance coefficient about which nothing is known."""
    null = np.empty(H.shape[0])
    for g in range(H.shape[0]):
        if not skipped[g]:
            continue
        informed = H[g, g] != 0.0
        for k in range(W.shape[0]):
            informed |= W[k, g] != 0.0
        if not informed:
            continue
        for a in range(len(null)):
            null[a] = 0.0 if skipped[a] else -H[a, g]
        cholesky_solve(L, null)
        null[g] = 1.0
        for k in range(W.shape[0]):
            if abs(dot(W[k], null)) > 1e-6:
                effect[k] = np.nan


@kernel
def factored_meat(design, used, row, residuals, base_residuals, y_row, W, H_inv):
    """Pieces v, G of V = diag(v) + GW' + WG' and the nuisance meat B, from the components of (y − μ)².

    `residuals` are those of the used segments, (n_seg, K), `base_residuals` those of the other cells by stratum.
    """
    n_rows, q = W.shape
    K, S = base_residuals.shape
    by_stratum, ones = np.empty((S, K)), np.ones(len(used))
    B, B1 = np.zeros((q, q)), np.zeros((n_rows, q))
    stratum_totals(design, used, residuals, ones, by_stratum)
    for s in range(S):
        for c in range(K):
            by_stratum[s, c] += base_residuals[c, s]
    expand_square(design, by_stratum, B)
    v, b, G = np.zeros(n_rows), np.zeros(n_rows), np.zeros((n_rows, q))
    if n_rows == 0:
        return v, G, B
    group_sums(design, used, row, residuals, np.ones(len(design.stratum_level)), B1)
    half = np.empty((n_rows, q))
    for k in range(n_rows):
        for g in range(design.n_levels):  # the one-hot columns of the main factor sum to one
            b[k] += B1[k, g]
        for a in range(q):
            half[k, a] = B1[k, a] - 0.5 * b[k] * W[k, a]
    cross = gram(half, W)
    for a in range(q):
        for c in range(q):
            B[a, c] -= cross[a, c] + cross[c, a]
    for k in range(n_rows):
        inverse = 1.0 / y_row[k] if y_row[k] > 0.0 else 0.0
        for a in range(q):
            B1[k, a] = (B1[k, a] - b[k] * W[k, a]) * inverse
        v[k] = b[k] * inverse**2
    first, second = product(W, product(product(H_inv, B), H_inv)), product(B1, H_inv)
    for k in range(n_rows):
        for a in range(q):
            G[k, a] = 0.5 * first[k, a] - second[k, a]
    return v, G, B


@kernel
def fit_means(y, design, mono, used, row, y_total, y_row, baseline, theta, w, sums, warm, tol, max_iter):
    """Fit one gene; formulas in :mod:`.reduced_form`.

    Parameters
    ----------
    y
        Counts, shape (n,).
    used
        Segments that are summed cell by cell, shape (n_seg,).
    row
        Row of each group among the instruments, −1 for baseline groups, shape (p + 1,).
    y_total, y_row
        Z'y over all cells that take part, and Σ y of each instrument group.
    baseline
        Moment tables of the cells that take part without being summed cell by cell.
    theta, w, sums
        Nuisance coefficients, cell weights ℓ exp(m'γ) and segment components; overwritten. With `warm` they are the
        starting point, else w must hold the depth.

    Returns
    -------
    last step, E_j, effect factor d_j, W, H⁻¹, factors of the strata and of the segments, components of (y − μ)²
    """
    q, n_seg, n_rows, r = len(theta), len(used), len(y_row), design.numeric.shape[0]
    effect, expected, factor = np.ones(n_rows), np.zeros(n_rows), np.zeros(n_seg)
    moments = np.empty((N_MOMENTS if r == 1 else 0, n_seg))
    last, shift, tabulated = newton(
        design,
        mono,
        used,
        row,
        y_total,
        y_row,
        baseline,
        theta,
        w,
        sums,
        moments,
        warm,
        effect,
        expected,
        factor,
        tol,
        max_iter,
    )
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, theta, kappa)
    by_series = tabulated and series_reaches(design, shift)
    if by_series:
        move_components(design, used, moments, shift, sums)
    else:
        for seg in range(n_seg):  # the effects need the last, tiny shift to first order
            for a in range(r):
                if used[seg]:
                    sums[seg, 0] += sums[seg, 1 + a] * shift[a]
    residuals, by_stratum = np.empty(sums.shape), np.empty((len(kappa), sums.shape[1]))
    profile_effects(design, used, row, sums, kappa, y_row, effect, expected, factor, by_stratum)
    final_pass(y, design, used, shift, w, factor, not by_series, sums, residuals)
    stratum_totals(design, used, sums, factor, by_stratum)
    add_baseline(mono, baseline, theta, kappa, by_stratum)
    H, L, W = np.zeros((q, q)), np.zeros((q, q)), np.zeros((n_rows, q))
    scale, skipped = np.zeros(q), np.zeros(q, np.bool_)
    profile_hessian(design, used, row, sums, by_stratum, kappa, y_row, expected, W, H, scale)
    if cholesky(H, scale, L, skipped) > 0:
        mark_unknown_effects(W, H, L, skipped, effect)
    H_inv = cholesky_inverse(L)
    return last, expected, effect, W, H_inv, kappa, factor, residuals


@kernel
def leveraged_residuals(y, design, used, row, w, factor, y_row, W, H_inv, residuals):
    """Components of ((y − μ) / (1 − h))², h the leverage of a cell (HC3)."""
    score, weight = np.zeros(len(y)), np.zeros(len(y))
    poisson_cells(y, design, used, w, factor, score, weight)
    inflate(design, used, row, score, weight, y_row, W, H_inv)
    for i in range(len(score)):
        score[i] *= score[i]
    weight_components(design.numeric, design.seg_start, 0, len(used), score, residuals)


@kernel
def covariance_pieces(design, mono, used, row, residuals, baseline, theta, kappa, y_row, W, H_inv):
    """v, G and the meat of the nuisance, from the components of the squared residuals and the baseline's tables."""
    shape, power = (residuals.shape[1], len(kappa)), np.empty(mono.n_series)
    of_baseline, squared_means = np.empty(shape), np.empty(shape)
    residual_totals(baseline, mono, numeric_shift(theta, baseline), kappa, power, squared_means, of_baseline)
    return factored_meat(design, used, row, residuals, of_baseline, y_row, W, H_inv)
