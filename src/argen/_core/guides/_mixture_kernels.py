"""Compiled EM of the two-component Poisson regression mixture of one guide."""

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._linear_kernels import cholesky, cholesky_solve, symmetrise

__all__ = ["COLLAPSED", "CONVERGED", "NOT_CONVERGED", "fit_mixture"]

NOT_CONVERGED, CONVERGED, COLLAPSED = 0, 1, 2
# UMIs added to the background: a guide without any keeps a finite one.
PRIOR_BACKGROUND = 0.5
# Prior precision of the batch effects (standard deviation 2): a batch without a UMI of the guide keeps a finite one.
PRIOR_PRECISION = 0.25
_NEWTON_STEPS = 50
_NEWTON_TOLERANCE = 1e-10
_MAX_STEP = 2.0
_FAR = 40.0  # a difference of log densities beyond which the smaller one does not count


@kernel
def fit_mixture(x, bin_of, depth, batch, n_zero, rows, share, beta, tolerance, max_iterations):
    """Maximise the likelihood from one start; `beta` (2 + q,) is changed in place.

    Cell i has a Poisson count with mean ℓ exp(β₀ + β_z Z + γ'w), w = rows[batch], Z ~ Bernoulli(share). Cells
    are in bins of equal depth ℓ and batch; those without a UMI of the guide enter by their number in each bin.

    Returns status, log likelihood without its constant, share, iterations, and P(Z = 1) of the counts `x`.
    """
    n_batches, q = rows.shape
    chance = np.zeros(len(x))
    counts, exposure = np.zeros((2, n_batches)), np.zeros((2, n_batches))
    n_cells = n_zero.sum() + len(x)
    last = -np.inf
    value = -np.inf
    for iteration in range(max_iterations):
        shift = batch_effects(rows, beta)
        value, n_signal = expect(x, bin_of, depth, batch, n_zero, shift, share, beta, chance, counts, exposure)
        value += PRIOR_BACKGROUND * beta[0] - 0.5 * PRIOR_PRECISION * (beta[2:] ** 2).sum()
        if value - last < tolerance:
            return CONVERGED, value, share, iteration, chance
        last = value
        share = n_signal / n_cells
        if not (0.0 < share < 1.0 and counts[1].sum() > 0.0 and exposure[1].sum() > 0.0):
            return COLLAPSED, value, share, iteration, chance
        if q == 0:
            beta[0] = np.log((counts[0, 0] + PRIOR_BACKGROUND) / exposure[0, 0])
            beta[1] = np.log(counts[1, 0] / exposure[1, 0]) - beta[0]
        else:
            maximise(counts, exposure, rows, beta)
        if not beta[1] > 0.0:
            return COLLAPSED, value, share, iteration, chance
    return NOT_CONVERGED, value, share, max_iterations, chance


@kernel
def batch_effects(rows, beta):
    """γ'w of every batch."""
    shift = np.zeros(len(rows))
    for level in range(len(rows)):
        for c in range(rows.shape[1]):
            shift[level] += rows[level, c] * beta[2 + c]
    return shift


@kernel
def expect(x, bin_of, depth, batch, n_zero, shift, share, beta, chance, counts, exposure):
    """E-step: P(Z = 1) of the counts; UMIs and depth by component and batch; log likelihood, expected Σ Z."""
    counts[:] = 0.0
    exposure[:] = 0.0
    odds, log_background = np.log(share) - np.log1p(-share), np.log1p(-share)
    background, signal = np.exp(beta[0]), np.exp(beta[0] + beta[1])
    total, n_signal = 0.0, 0.0
    for b in range(len(depth)):
        level = batch[b]
        scaled = depth[b] * np.exp(shift[level])
        p, log_sum = split(odds - (signal - background) * scaled)
        total += n_zero[b] * (log_background - background * scaled + log_sum)
        n_signal += n_zero[b] * p
        exposure[1, level] += n_zero[b] * p * depth[b]
        exposure[0, level] += n_zero[b] * (1.0 - p) * depth[b]
    for i in range(len(x)):
        level, length = batch[bin_of[i]], depth[bin_of[i]]
        scaled = length * np.exp(shift[level])
        p, log_sum = split(odds + x[i] * beta[1] - (signal - background) * scaled)
        total += log_background + x[i] * (beta[0] + shift[level]) - background * scaled + log_sum
        chance[i] = p
        n_signal += p
        counts[1, level] += p * x[i]
        counts[0, level] += (1.0 - p) * x[i]
        exposure[1, level] += p * length
        exposure[0, level] += (1.0 - p) * length
    return total, n_signal


@kernel
def split(difference):
    """Logistic of a difference of log densities, and log(1 + e^difference)."""
    if difference > _FAR:
        return 1.0, difference
    if difference < -_FAR:
        return 0.0, 0.0
    odds = np.exp(difference)
    return odds / (1.0 + odds), np.log1p(odds)


@kernel
def maximise(counts, exposure, rows, beta):
    """M-step: the weighted Poisson regression by Newton steps, on sums by component and batch."""
    k = len(beta)
    gradient, hessian = np.zeros(k), np.zeros((k, k))
    L, skipped, scale = np.zeros((k, k)), np.zeros(k, dtype=np.bool_), np.zeros(k)
    row = np.zeros(k)
    row[0] = 1.0
    for _ in range(_NEWTON_STEPS):
        gradient[:] = 0.0
        hessian[:] = 0.0
        gradient[0] = PRIOR_BACKGROUND
        for c in range(2, k):
            gradient[c] = -PRIOR_PRECISION * beta[c]
            hessian[c, c] = PRIOR_PRECISION
        for level in range(len(rows)):
            row[2:] = rows[level]
            for z in range(2):
                row[1] = z
                mean = exposure[z, level] * np.exp((row * beta).sum())
                for a in range(k):
                    gradient[a] += row[a] * (counts[z, level] - mean)
                    for b in range(a + 1):
                        hessian[a, b] += row[a] * row[b] * mean
        symmetrise(hessian)
        for a in range(k):
            scale[a] = hessian[a, a]
        cholesky(hessian, scale, L, skipped)
        cholesky_solve(L, gradient)
        largest = np.abs(gradient).max()
        beta += gradient * min(1.0, _MAX_STEP / max(largest, _MAX_STEP))
        if largest < _NEWTON_TOLERANCE:
            break
