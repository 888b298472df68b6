"""Compiled EM of the Poisson–Gaussian mixture of one guide."""

import math

import numpy as np

from argen._core._jit import kernel

__all__ = ["fit_poisson_gauss", "log_densities"]

# Priors: weights ~ Dirichlet(0.9, 0.1), log λ ~ N(0, 1), μ ~ N(3, 2), log σ ~ N(2, 1).
_WEIGHT_BACKGROUND, _WEIGHT_SIGNAL = 0.9, 0.1
_LOC, _LOC_PRECISION = 3.0, 0.25
_LOG_SD = 2.0
_NEWTON_STEPS = 60
_NEWTON_TOLERANCE = 1e-12


@kernel
def log_densities(x, share, rate, loc, sd):
    """Log of weight times density of both components at x = log2(count)."""
    background = np.log1p(-share) + x * np.log(rate) - rate - math.lgamma(x + 1.0)
    signal = np.log(share) - 0.5 * ((x - loc) / sd) ** 2 - np.log(sd) - 0.5 * np.log(2.0 * np.pi)
    return background, signal


@kernel
def fit_poisson_gauss(x, n, share, rate, loc, sd, tolerance, max_iterations):
    """Maximum a posteriori fit of values `x` that occur `n` times, from one start.

    Returns whether it converged, the log posterior density, share, λ, μ, σ.
    """
    chance = np.zeros(len(x))
    n_all = n.sum()
    last = -np.inf
    value = -np.inf
    for _ in range(max_iterations):
        value = (_WEIGHT_BACKGROUND - 1.0) * np.log1p(-share) + (_WEIGHT_SIGNAL - 1.0) * np.log(share)
        value -= 0.5 * np.log(rate) ** 2 + np.log(rate)
        value -= 0.5 * _LOC_PRECISION * (loc - _LOC) ** 2
        value -= 0.5 * (np.log(sd) - _LOG_SD) ** 2 + np.log(sd)
        n_signal, sum_signal, sum_background = 0.0, 0.0, 0.0
        for i in range(len(x)):
            background, signal = log_densities(x[i], share, rate, loc, sd)
            top = max(background, signal)
            value += n[i] * (top + np.log(np.exp(background - top) + np.exp(signal - top)))
            chance[i] = 1.0 / (1.0 + np.exp(min(background - signal, 700.0)))
            n_signal += n[i] * chance[i]
            sum_signal += n[i] * chance[i] * x[i]
            sum_background += n[i] * (1.0 - chance[i]) * x[i]
        if value - last < tolerance:
            return True, value, share, rate, loc, sd
        last = value
        share = (n_signal + _WEIGHT_SIGNAL - 1.0) / (n_all + _WEIGHT_BACKGROUND + _WEIGHT_SIGNAL - 2.0)
        share = min(max(share, 1e-6), 1.0 - 1e-6)
        rate = np.exp(_log_rate(np.log(rate), sum_background, n_all - n_signal))
        precision = 1.0 / sd**2
        loc = (sum_signal * precision + _LOC * _LOC_PRECISION) / (n_signal * precision + _LOC_PRECISION)
        squares = 0.0
        for i in range(len(x)):
            squares += n[i] * chance[i] * (x[i] - loc) ** 2
        sd = np.exp(_log_sd(np.log(sd), squares, n_signal))
    return False, value, share, rate, loc, sd


@kernel
def _log_rate(value, total, n):
    """Maximum of  total v − n e^v − v²/2 − v."""
    for _ in range(_NEWTON_STEPS):
        mean = n * np.exp(value)
        step = (total - mean - value - 1.0) / (mean + 1.0)
        value += min(max(step, -1.0), 1.0)
        if abs(step) < _NEWTON_TOLERANCE:
            break
    return value


@kernel
def _log_sd(value, squares, n):
    """Maximum of  −n v − squares e^(−2v)/2 − (v − 2)²/2 − v."""
    for _ in range(_NEWTON_STEPS):
        scaled = squares * np.exp(-2.0 * value)
        step = (scaled - n - (value - _LOG_SD) - 1.0) / (2.0 * scaled + 1.0)
        value += min(max(step, -1.0), 1.0)
        if abs(step) < _NEWTON_TOLERANCE:
            break
    return value
