"""Compiled loops of the log-link quasi-Poisson fit with one-hot instruments (see :mod:`.reduced_form`).

Vocabulary: *components* of a segment are Σ v, Σ v m_a, Σ v m_a m_b (a ≥ b) over its cells, for a cell weight v and
numeric covariates m; nuisance coefficients come as (levels of the main factor, dummies, numeric).
"""

import numpy as np
from numba import njit

__all__ = ["fit", "n_components", "scatter_counts", "small_exp"]

# Below this |x| the polynomial of degree 8 is exact to 1e-16.
_SMALL = 0.0625
_SKIP = 1e-10  # a pivot this small against its own scale: nothing is known about the coefficient
MAX_STEP = 2.0


@njit(nogil=True, cache=True)
def _exp_polynomial(x):
    return 1.0 + x * (
        1.0
        + x
        * (1 / 2)
        * (
            1.0
            + x
            * (1 / 3)
            * (
                1.0
                + x * (1 / 4) * (1.0 + x * (1 / 5) * (1.0 + x * (1 / 6) * (1.0 + x * (1 / 7) * (1.0 + x * (1 / 8)))))
            )
        )
    )


@njit(nogil=True, cache=True)
def small_exp(x):
    """exp(x), by a polynomial where x is small, as the steps between two fits are."""
    return _exp_polynomial(x) if abs(x) < _SMALL else np.exp(x)


@njit(nogil=True, cache=True)
def n_components(r):
    """Number of components of a segment with r numeric covariates."""
    return 1 + r + r * (r + 1) // 2


@njit(nogil=True, cache=True)
def scatter_counts(indices, data, y):
    """Write the non-zero counts of one gene into a dense vector."""
    y[:] = 0.0
    for k in range(len(indices)):
        y[indices[k]] = data[k]


@njit(nogil=True, cache=True)
def shift_weights(numeric, bound, lo, hi, shift, w):
    """W ← w · exp(m'shift) for the cells lo … hi-1."""
    r = numeric.shape[1]
    reach = 0.0
    for a in range(r):
        reach += bound[a] * abs(shift[a])
    if reach == 0.0:
        return
    if r == 1 and reach < _SMALL:  # no branch inside: the loop is vectorised
        d = shift[0]
        for i in range(lo, hi):
            x = numeric[i, 0] * d
            w[i] *= _exp_polynomial(x)
        return
    for i in range(lo, hi):
        x = 0.0
        for a in range(r):
            x += numeric[i, a] * shift[a]
        w[i] *= small_exp(x)


@njit(nogil=True, cache=True)
def weight_components(numeric, start, first, last, w, out):
    """Components of the segments first … last-1 for the cell weight w."""
    r = numeric.shape[1]
    for seg in range(first, last):
        v0, v1, v2 = 0.0, 0.0, 0.0
        if r == 1:  # the usual case, kept in registers
            for i in range(start[seg], start[seg + 1]):
                wm = w[i] * numeric[i, 0]
                v0 += w[i]
                v1 += wm
                v2 += wm * numeric[i, 0]
            out[seg, 1], out[seg, 2] = v1, v2
        else:
            out[seg, 1:] = 0.0
            for i in range(start[seg], start[seg + 1]):
                v0 += w[i]
                add_moments(out, seg, w[i], numeric, i)
        out[seg, 0] = v0


@njit(nogil=True, cache=True)
def residual_components(y, numeric, start, first, last, w, factor, out):
    """Components of the segments first … last-1 for the cell weight (y − factor · w)²."""
    r = numeric.shape[1]
    for seg in range(first, last):
        v0, v1, v2 = 0.0, 0.0, 0.0
        f = factor[seg]
        if r == 1:
            for i in range(start[seg], start[seg + 1]):
                e = y[i] - f * w[i]
                em = e * numeric[i, 0]
                v0 += e * e
                v1 += e * em
                v2 += em * em
            out[seg, 1], out[seg, 2] = v1, v2
        else:
            out[seg, 1:] = 0.0
            for i in range(start[seg], start[seg + 1]):
                e = y[i] - f * w[i]
                v0 += e * e
                add_moments(out, seg, e * e, numeric, i)
        out[seg, 0] = v0


@njit(nogil=True, cache=True)
def add_moments(out, seg, v, numeric, i):
    """out[seg, 1:] += v · (m, mm') of cell i."""
    r = numeric.shape[1]
    c = 1 + r
    for a in range(r):
        va = v * numeric[i, a]
        out[seg, 1 + a] += va
        for b in range(a + 1):
            out[seg, c] += va * numeric[i, b]
            c += 1


@njit(nogil=True, cache=True)
def any_used(used, first, last):
    """Whether one of the segments first … last-1 takes part."""
    for seg in range(first, last):
        if used[seg]:
            return True
    return False


@njit(nogil=True, cache=True)
def reweight(design, used, shift, w, sums):
    """W ← w · exp(m'shift) and the components of the segments, for the groups with a used segment."""
    start = design.seg_start
    for j in range(len(design.group_seg) - 1):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        if any_used(used, first, last):
            shift_weights(design.numeric, design.numeric_bound, start[first], start[last], shift, w)
            weight_components(design.numeric, start, first, last, w, sums)


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def expand_total(design, comps, total):
    """Z'v 1 from the components of the strata."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    total[:] = 0.0
    for s in range(comps.shape[0]):
        total[design.stratum_level[s]] += comps[s, 0]
        for o in range(O):
            total[G + o] += design.stratum_dummies[s, o] * comps[s, 0]
        for a in range(r):
            total[G + O + a] += comps[s, 1 + a]


@njit(nogil=True, cache=True)
def expand_square(design, comps, square):
    """Z'vZ from the components of the strata."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
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


@njit(nogil=True, cache=True)
def group_sums(design, used, row, comps, kappa, rows):
    """rows[row[j]] = Σ v z over instrument group j, from the components of its segments scaled by stratum."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
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


@njit(nogil=True, cache=True)
def symmetrise(square):
    """Copy the lower triangle to the upper one."""
    for a in range(square.shape[0]):
        for b in range(a):
            square[b, a] = square[a, b]


@njit(nogil=True, cache=True)
def cholesky(matrix, scale, L, skipped):
    """Lower Cholesky factor; a pivot below 1e-10 of `scale` is skipped (its row and column become zero)."""
    q = matrix.shape[0]
    count = 0
    for a in range(q):
        for b in range(a):
            value = matrix[a, b]
            for c in range(b):
                value -= L[a, c] * L[b, c]
            L[a, b] = value / L[b, b] if L[b, b] > 0.0 else 0.0
        pivot = matrix[a, a]
        for c in range(a):
            pivot -= L[a, c] * L[a, c]
        skipped[a] = not pivot > _SKIP * scale[a]
        if skipped[a]:
            L[a, : a + 1] = 0.0
            count += 1
        else:
            L[a, a] = np.sqrt(pivot)
    return count


@njit(nogil=True, cache=True)
def cholesky_solve(L, x):
    """X ← (LL')⁻ x in place, zero for skipped coefficients."""
    q = len(x)
    for a in range(q):
        if L[a, a] == 0.0:
            x[a] = 0.0
            continue
        value = x[a]
        for c in range(a):
            value -= L[a, c] * x[c]
        x[a] = value / L[a, a]
    for a in range(q - 1, -1, -1):
        if L[a, a] == 0.0:
            continue
        value = x[a]
        for c in range(a + 1, q):
            value -= L[c, a] * x[c]
        x[a] = value / L[a, a]


@njit(nogil=True, cache=True)
def cholesky_inverse(L):
    """(LL')⁻¹ with zero rows and columns for skipped coefficients."""
    q = L.shape[0]
    half = np.zeros((q, q))  # L⁻¹, by rows
    for a in range(q):
        if L[a, a] == 0.0:
            continue
        half[a, a] = 1.0
        for c in range(a):
            lac = L[a, c]
            if lac != 0.0:
                for b in range(c + 1):
                    half[a, b] -= lac * half[c, b]
        for b in range(a + 1):
            half[a, b] /= L[a, a]
    return np.dot(half.T, half)


@njit(nogil=True, cache=True)
def stratum_factors(design, theta, out):
    """exp(level + dummies) of each stratum; 0 for a level without counts (coefficient −∞)."""
    G, O = design.n_levels, design.stratum_dummies.shape[1]
    for s in range(len(out)):
        x = theta[design.stratum_level[s]]
        for o in range(O):
            x += design.stratum_dummies[s, o] * theta[G + o]
        out[s] = np.exp(x)


@njit(nogil=True, cache=True)
def count_totals(y, design, used, row, y_total, y_row):
    """Z'y over the used cells and Σ y of each instrument group."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[1]
    y_total[:] = 0.0
    y_row[:] = 0.0
    for j in range(len(row)):
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            if not used[seg]:
                continue
            s = design.seg_stratum[seg]
            lo, hi = design.seg_start[seg], design.seg_start[seg + 1]
            count = 0.0
            for i in range(lo, hi):
                count += y[i]
            for a in range(r):
                moment = 0.0
                for i in range(lo, hi):
                    moment += y[i] * design.numeric[i, a]
                y_total[G + O + a] += moment
            y_total[design.stratum_level[s]] += count
            for o in range(O):
                y_total[G + o] += count * design.stratum_dummies[s, o]
            if row[j] >= 0:
                y_row[row[j]] += count


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
def final_pass(y, design, used, shift, w, factor, sums, residuals):
    """Apply the last shift and take the components of μ / factor and of (y − μ)², group by group."""
    start = design.seg_start
    for j in range(len(design.group_seg) - 1):
        first, last = design.group_seg[j], design.group_seg[j + 1]
        if any_used(used, first, last):
            shift_weights(design.numeric, design.numeric_bound, start[first], start[last], shift, w)
            weight_components(design.numeric, start, first, last, w, sums)
            residual_components(y, design.numeric, start, first, last, w, factor, residuals)


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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


@njit(nogil=True, cache=True)
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
