"""Negative binomial quasi-likelihood with a fixed dispersion φ (METHOD 7): cells, and the fit on any instruments.

With u = φμ the score of a cell is s = (y − μ) / (1 + u), its weight a = μ / (1 + u) (expected information), and the
observed information −ds/dη = μ (1 + φy) / (1 + u)² is positive: Newton's method climbs a concave function.
"""

import numpy as np

from argen._core._jit import kernel, reassociated
from argen._core.glm._fit_kernels import MAX_STEP, NEGLIGIBLE, factored_meat, mark_unknown_effects
from argen._core.glm._leverage_kernels import inflate
from argen._core.glm._linear_kernels import (
    add_scaled,
    cholesky,
    cholesky_inverse,
    cholesky_solve,
    dot,
    gram,
    largest_entry,
)
from argen._core.glm._segment_kernels import (
    cells_between,
    expand_square,
    expand_total,
    group_sums,
    shift_weights,
    stratum_factors,
    stratum_totals,
    weight_components,
)

__all__ = ["EXPECTED", "OBSERVED", "dispersion_of_controls", "nb_cells", "nb_fit"]

EXPECTED, OBSERVED = 0, 1
_BISECTIONS = 60


@kernel
def nb_cells(y, design, used, theta, row, factor, phi, information, score, weight):
    """Score and weight of every cell of the used segments; `factor` is e^ξ by instrument group, 0 without counts."""
    G, O = design.n_levels, design.stratum_dummies.shape[1]
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, theta, kappa)
    w = design.depth.copy()
    shift_weights(design.numeric, design.numeric_bound, 0, len(w), theta[G + O :].copy(), w)
    for j in range(len(row)):
        d = factor[row[j]] if row[j] >= 0 else 1.0
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            f = d * kappa[design.seg_stratum[seg]] if used[seg] else 0.0
            for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
                mu = f * w[i]
                inverse = 1.0 / (1.0 + phi * mu)
                score[i] = (y[i] - mu) * inverse if f > 0.0 else 0.0
                weight[i] = mu * inverse
                if information == OBSERVED:
                    weight[i] *= (1.0 + phi * y[i]) * inverse


@kernel
def normal_equations(design, used, row, weight, sums, by_stratum, W, S, H, scale):
    """H = Σ a zz' − Σ_j S_j W_j W_j' with S_j = Σ_j a and W_j the weighted mean of z in group j."""
    ones_seg, ones_stratum = np.ones(len(used)), np.ones(len(design.stratum_level))
    weight_components(design.numeric, design.seg_start, 0, len(used), weight, sums)
    stratum_totals(design, used, sums, ones_seg, by_stratum)
    expand_square(design, by_stratum, H)
    for a in range(H.shape[0]):
        scale[a] = H[a, a]
    if W.shape[0] == 0:
        return
    group_sums(design, used, row, sums, ones_stratum, W)
    weighted = np.empty(W.shape)
    for k in range(W.shape[0]):
        S[k] = 0.0
        for g in range(design.n_levels):
            S[k] += W[k, g]
        for a in range(W.shape[1]):
            if S[k] > 0.0:
                W[k, a] /= S[k]
            weighted[k, a] = S[k] * W[k, a]
    explained = gram(weighted, W)
    for a in range(H.shape[0]):
        for b in range(H.shape[1]):
            H[a, b] -= explained[a, b]


@kernel
def nb_fit(y, design, used, row, y_row, phi, theta, effect, hc3, tol, max_iter):
    """Fit from the Poisson coefficients `theta` and `effect` on, which are overwritten.

    Returns the last step, S_j, v, W, G, H⁻¹ and the nuisance meat, as :func:`._fit_kernels.fit` does.
    """
    q, n_rows, n = len(theta), len(y_row), len(y)
    score, weight = np.zeros(n), np.zeros(n)
    n_comps = 1 + design.numeric.shape[0] + design.numeric.shape[0] * (design.numeric.shape[0] + 1) // 2
    sums, by_stratum = np.empty((len(used), n_comps)), np.empty((len(design.stratum_level), n_comps))
    H, L, W, S = np.zeros((q, q)), np.zeros((q, q)), np.zeros((n_rows, q)), np.zeros(n_rows)
    scale, skipped, total, group_score = np.zeros(q), np.zeros(q, np.bool_), np.zeros(q), np.zeros((n_rows, q))
    ones_seg, ones_stratum = np.ones(len(used)), np.ones(len(design.stratum_level))
    factor = np.zeros(n_rows)
    for k in range(n_rows):
        if y_row[k] != 0.0:
            factor[k] = np.exp(effect[k])
    largest = np.inf
    for _ in range(max_iter):
        nb_cells(y, design, used, theta, row, factor, phi, OBSERVED, score, weight)
        normal_equations(design, used, row, weight, sums, by_stratum, W, S, H, scale)
        weight_components(design.numeric, design.seg_start, 0, len(used), score, sums)
        stratum_totals(design, used, sums, ones_seg, by_stratum)
        expand_total(design, by_stratum, total)
        own = np.zeros(n_rows)
        if n_rows > 0:
            group_sums(design, used, row, sums, ones_stratum, group_score)
            for k in range(n_rows):
                for g in range(design.n_levels):
                    own[k] += group_score[k, g]
                add_scaled(total, -own[k], W[k])
        cholesky(H, scale, L, skipped)
        step = total.copy()
        cholesky_solve(L, step)
        shift = np.zeros(n_rows)
        decrement, largest = dot(total, step), largest_entry(step)
        for k in range(n_rows):
            if S[k] > 0.0:
                shift[k] = own[k] / S[k] - dot(W[k], step)
                decrement += own[k] * own[k] / S[k]
                largest = max(largest, abs(shift[k]))
        shorter = min(1.0, MAX_STEP / largest) if largest > 0.0 else 1.0
        add_scaled(theta, shorter, step)
        for k in range(n_rows):
            effect[k] += shorter * shift[k]
            factor[k] *= np.exp(shorter * shift[k])
        if largest < tol or decrement < NEGLIGIBLE:
            largest = min(largest, tol)
            break
    nb_cells(y, design, used, theta, row, factor, phi, EXPECTED, score, weight)
    normal_equations(design, used, row, weight, sums, by_stratum, W, S, H, scale)
    complete_empty_groups(design, used, row, theta, y_row, W, effect)
    if cholesky(H, scale, L, skipped) > 0:
        mark_unknown_effects(W, H, L, skipped, effect)
    H_inv = cholesky_inverse(L)
    residuals = np.zeros((len(used), n_comps))
    if hc3:
        inflate(design, used, row, score, weight, S, W, H_inv)
    for i in range(n):
        score[i] *= score[i]
    weight_components(design.numeric, design.seg_start, 0, len(used), score, residuals)
    v, G, B = factored_meat(design, used, row, residuals, np.zeros(by_stratum.T.shape), S, W, H_inv)
    return largest, S, v, W, G, H_inv, B


@kernel
def complete_empty_groups(design, used, row, theta, y_row, W, effect):
    """For groups without counts the stand-in log(½ / (E + ½)), and the mean of z under the expected counts."""
    G, O, r = design.n_levels, design.stratum_dummies.shape[1], design.numeric.shape[0]
    kappa = np.empty(len(design.stratum_level))
    stratum_factors(design, theta, kappa)
    for j in range(len(row)):
        k = row[j]
        if k < 0 or y_row[k] > 0.0:
            continue
        expected = 0.0
        W[k] = 0.0
        for seg in range(design.group_seg[j], design.group_seg[j + 1]):
            if not used[seg]:
                continue
            s = design.seg_stratum[seg]
            for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
                x = 0.0
                for a in range(r):
                    x += design.numeric[a, i] * theta[G + O + a]
                mu = kappa[s] * design.depth[i] * np.exp(x)
                expected += mu
                W[k, design.stratum_level[s]] += mu
                for o in range(O):
                    W[k, G + o] += mu * design.stratum_dummies[s, o]
                for a in range(r):
                    W[k, G + O + a] += mu * design.numeric[a, i]
        effect[k] = np.log(0.5 / (expected + 0.5)) if expected > 0.0 else np.nan
        if expected > 0.0:
            for a in range(W.shape[1]):
                W[k, a] /= expected


@kernel
def dispersion_of_controls(y, design, kappa, w, n_parameters, largest):
    """φ that makes Pearson's Σ (y − μ)² / (μ + φμ²) equal to its degrees of freedom; 0 without over-dispersion.

    Returns φ (at most `largest`), and the statistic Σ [(y − μ)² − y] / √(2 Σ μ²) of the score test of φ = 0.
    """
    first = design.seg_start[design.group_seg[len(design.group_seg) - 2]]
    n = len(y) - first
    mu, square = np.empty(n), np.empty(n)  # of the cells with a mean
    excess, mu2, informative = 0.0, 0.0, 0
    for seg in range(design.group_seg[len(design.group_seg) - 2], len(design.seg_stratum)):
        k = kappa[design.seg_stratum[seg]]
        for i in cells_between(design.seg_start[seg], design.seg_start[seg + 1]):
            m = k * w[i]
            e2 = (y[i] - m) ** 2
            excess += e2 - y[i]
            if m > 0.0:
                mu[informative], square[informative] = m, e2
                mu2 += m**2
                informative += 1
    mu, square = mu[:informative], square[:informative]
    statistic = excess / np.sqrt(2.0 * mu2) if mu2 > 0.0 else np.nan
    target = informative - n_parameters
    if pearson(mu, square, 0.0) <= target:
        return 0.0, statistic
    if pearson(mu, square, largest) >= target:
        return largest, statistic
    low, high = 0.0, largest
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if pearson(mu, square, middle) > target:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high), statistic


@reassociated
def pearson(mu, square, phi):
    """Σ (y − μ)² / (μ + φμ²)."""
    total = 0.0
    for i in range(len(mu)):
        total += square[i] / (mu[i] * (1.0 + phi * mu[i]))
    return total
