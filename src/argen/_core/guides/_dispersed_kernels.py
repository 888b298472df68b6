"""Compiled EM of the two-component mixture whose components may be negative binomial (gamma–Poisson).

A component with mean μ and size r has variance μ + μ²/r; r = ∞ is the Poisson distribution.
"""

import math

import numpy as np

from argen._core._jit import kernel
from argen._core.glm._linear_kernels import cholesky, cholesky_solve, symmetrise
from argen._core.guides._mixture_kernels import (
    COLLAPSED,
    CONVERGED,
    NOT_CONVERGED,
    PRIOR_BACKGROUND,
    PRIOR_PRECISION,
    batch_effects,
)

__all__ = ["LARGEST_SIZE", "SMALLEST_SIZE", "fit_dispersed"]

SMALLEST_SIZE, LARGEST_SIZE = 0.02, 1e5
_SCORING_STEPS = 3  # per M-step: the E-step makes more of them pointless
_NEGLIGIBLE = 1e-10  # responsibility of a component below which a cell does not count for it
_SMALL_STEP = 1e-9
_MAX_STEP = 2.0
_MAX_LOG_SIZE_STEP = 1.0
_ASYMPTOTIC = 8.0  # argument from which the expansions of digamma and trigamma are exact to 1e-10


@kernel
def fit_dispersed(x, depth, level, n, rows, share, beta, size, free, tolerance, max_iterations):
    """Maximise the likelihood from one start; `beta` (2 + q,) and `size` (2,) are changed in place.

    n[i] cells have the count x[i], depth ℓ[i] and batch level[i]; the mean of component z is ℓ exp(β₀ + β_z z + γ'w),
    w = rows[level]. The size of component z is estimated where free[z].

    Returns status, log likelihood up to Σ log x!, share, iterations, and P(Z = 1) of every entry.
    """
    chance = np.zeros(len(x))
    rate = np.zeros((2, len(rows)))
    last = -np.inf
    value = -np.inf
    for iteration in range(max_iterations):
        component_rates(rows, beta, rate)
        value, n_signal = expect_dispersed(x, depth, level, n, rate, share, size, chance)
        value += PRIOR_BACKGROUND * beta[0] - 0.5 * PRIOR_PRECISION * (beta[2:] ** 2).sum()
        if value - last < tolerance:
            return CONVERGED, value, share, iteration, chance
        last = value
        share = n_signal / n.sum()
        if not 0.0 < share < 1.0:
            return COLLAPSED, value, share, iteration, chance
        climb_means(x, depth, level, n, chance, rows, size, beta)
        component_rates(rows, beta, rate)
        for z in range(2):
            if free[z]:
                size[z] = climb_size(x, depth, level, n, chance, rate[z], z, size[z])
        if not beta[1] > 0.0:
            return COLLAPSED, value, share, iteration, chance
    return NOT_CONVERGED, value, share, max_iterations, chance


@kernel
def component_rates(rows, beta, rate):
    """Mean per depth of both components in every batch."""
    shift = batch_effects(rows, beta)
    for at in range(len(rows)):
        rate[0, at] = np.exp(beta[0] + shift[at])
        rate[1, at] = np.exp(beta[0] + shift[at] + beta[1])


@kernel
def log_density(x, mean, size):
    """Log density of a count up to −log x!."""
    if x == 0.0:
        return -mean if size == np.inf else -size * np.log1p(mean / size)
    if size == np.inf:
        return x * np.log(mean) - mean
    rising = math.lgamma(x + size) - math.lgamma(size)
    return rising - size * np.log1p(mean / size) + x * (np.log(mean) - np.log(mean + size))


@kernel
def expect_dispersed(x, depth, level, n, rate, share, size, chance):
    """E-step: P(Z = 1) of every entry; returns log likelihood and expected Σ Z."""
    log_background, log_signal = np.log1p(-share), np.log(share)
    total, n_signal = 0.0, 0.0
    for i in range(len(x)):
        background = log_background + log_density(x[i], rate[0, level[i]] * depth[i], size[0])
        signal = log_signal + log_density(x[i], rate[1, level[i]] * depth[i], size[1])
        top = max(background, signal)
        both = np.exp(background - top) + np.exp(signal - top)
        chance[i] = np.exp(signal - top) / both
        total += n[i] * (top + np.log(both))
        n_signal += n[i] * chance[i]
    return total, n_signal


@kernel
def climb_means(x, depth, level, n, chance, rows, size, beta):
    """Fisher scoring for β, given the sizes: score w(x − μ)/(1 + μ/r), information wμ/(1 + μ/r)."""
    k = len(beta)
    gradient, hessian = np.zeros(k), np.zeros((k, k))
    L, skipped, scale, row = np.zeros((k, k)), np.zeros(k, dtype=np.bool_), np.zeros(k), np.zeros(k)
    score, information = np.zeros((2, len(rows))), np.zeros((2, len(rows)))
    rate = np.zeros((2, len(rows)))
    row[0] = 1.0
    for _ in range(_SCORING_STEPS):
        component_rates(rows, beta, rate)
        score[:] = 0.0
        information[:] = 0.0
        for i in range(len(x)):
            for z in range(2):
                weight = n[i] * (chance[i] if z == 1 else 1.0 - chance[i])
                if weight > _NEGLIGIBLE:
                    mean = rate[z, level[i]] * depth[i]
                    weight /= 1.0 + mean / size[z]
                    score[z, level[i]] += weight * (x[i] - mean)
                    information[z, level[i]] += weight * mean
        gradient[:] = 0.0
        hessian[:] = 0.0
        gradient[0] = PRIOR_BACKGROUND
        for c in range(2, k):
            gradient[c] = -PRIOR_PRECISION * beta[c]
            hessian[c, c] = PRIOR_PRECISION
        for at in range(len(rows)):
            row[2:] = rows[at]
            for z in range(2):
                row[1] = z
                for a in range(k):
                    gradient[a] += row[a] * score[z, at]
                    for b in range(a + 1):
                        hessian[a, b] += row[a] * row[b] * information[z, at]
        symmetrise(hessian)
        for a in range(k):
            scale[a] = hessian[a, a]
        cholesky(hessian, scale, L, skipped)
        cholesky_solve(L, gradient)
        largest = np.abs(gradient).max()
        beta += gradient * min(1.0, _MAX_STEP / max(largest, _MAX_STEP))
        if largest < _SMALL_STEP:
            break


@kernel
def climb_size(x, depth, level, n, chance, rate, z, size):
    """One Newton step for the log size of component `z`, given the means."""
    first, second = 0.0, 0.0
    for i in range(len(x)):
        weight = n[i] * (chance[i] if z == 1 else 1.0 - chance[i])
        if weight <= _NEGLIGIBLE:
            continue
        mean = rate[level[i]] * depth[i]
        inverse = 1.0 / (size + mean)
        part = 1.0 - (x[i] + size) * inverse - np.log1p(mean / size)
        curve = 1.0 / size - 2.0 * inverse + (x[i] + size) * inverse * inverse
        if x[i] > 0.0:
            part += digamma(x[i] + size) - digamma(size)
            curve += trigamma(x[i] + size) - trigamma(size)
        first += weight * part
        second += weight * curve
    gradient, hessian = size * first, size * size * second + size * first
    # Where the likelihood is not concave in log r, a step of its own size in the direction of the gradient.
    step = -gradient / hessian if hessian < 0.0 else np.sign(gradient) * 0.5
    step = min(max(step, -_MAX_LOG_SIZE_STEP), _MAX_LOG_SIZE_STEP)
    return min(max(size * np.exp(step), SMALLEST_SIZE), LARGEST_SIZE)


@kernel
def digamma(x):
    """First derivative of log Γ at x > 0."""
    total = 0.0
    while x < _ASYMPTOTIC:
        total -= 1.0 / x
        x += 1.0
    y = 1.0 / (x * x)
    series = y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y / 132.0))))
    return total + np.log(x) - 0.5 / x - series


@kernel
def trigamma(x):
    """Second derivative of log Γ at x > 0."""
    total = 0.0
    while x < _ASYMPTOTIC:
        total += 1.0 / (x * x)
        x += 1.0
    y = 1.0 / (x * x)
    series = y / x * (1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y * (1.0 / 30.0 - y * 5.0 / 66.0))))
    return total + 1.0 / x + 0.5 * y + series
