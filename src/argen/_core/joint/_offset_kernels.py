"""Knock-downs and offsets of one sweep of a chain."""

import numpy as np

from argen._core._jit import inlined, kernel
from argen._core.joint._state_kernels import GIVEN, dot

__all__ = ["sweep_offsets", "sweep_strengths"]

# τ is a divisor.
LEAST_STRENGTH = 0.02


@kernel
def sweep_strengths(chain, model, rng, free, mean, precision):
    """τ of every perturbation that is `free`, from its normal conditional under its prior (precision 0: flat)."""
    p = chain.tau.size
    score, information = precision * mean, precision + 1e-4
    for j in range(p):
        for l in range(p):
            x = model.W[j, l] * chain.B[j, l]
            score[l] += x * (chain.R[j, l] + chain.T[j, l])
            information[l] += x * chain.B[j, l]
    for l in range(p):
        new = score[l] / information[l] + rng.standard_normal() / np.sqrt(information[l])
        if free[l]:
            chain.tau[l] = new if abs(new) >= LEAST_STRENGTH else np.copysign(LEAST_STRENGTH, new)
    for j in range(p):
        for l in range(p):
            x = chain.tau[l] * chain.B[j, l]
            chain.R[j, l] += chain.T[j, l] - x
            chain.T[j, l] = x


@inlined
def draw_offset(rng, score, information, usual, shift, log_odds):
    """An offset that is N(0, usual), or N(0, usual + shift) with the prior log odds; returns it and the chance."""
    if information <= 0.0:
        return 0.0, 0.0
    estimate, variance = score / information, 1.0 / information
    narrow, wide = variance + usual, variance + usual + shift
    odds = log_odds + 0.5 * estimate * estimate * (1.0 / narrow - 1.0 / wide) - 0.5 * np.log(wide / narrow)
    chance = 1.0 / (1.0 + np.exp(-min(max(odds, -GIVEN), GIVEN)))
    prior = usual + shift if rng.random() < chance else usual
    share = prior / (prior + variance)
    return share * estimate + rng.standard_normal() * np.sqrt(share * variance), chance


@kernel
def sweep_offsets(chain, model, rng, offset_variance, shift, log_odds, row_chance, column_chance):
    """Offsets of columns (controls' error, a common response) and rows (a shift of everything); adds up chances."""
    p = chain.tau.size
    score, information = np.zeros(p), np.zeros(p)
    for j in range(p):
        n = model.W[j].sum()
        m = dot(model.W[j], chain.R[j]) + n * chain.column[j]
        new, chance = draw_offset(rng, m, n, offset_variance[j], shift, log_odds)
        column_chance[j] += chance
        for l in range(p):
            chain.R[j, l] += chain.column[j] - new
            score[l] += model.W[j, l] * chain.R[j, l]
            information[l] += model.W[j, l]
        chain.column[j] = new
    for l in range(p):
        old = chain.row[l]
        new, row_chance_l = draw_offset(rng, score[l] + information[l] * old, information[l], 0.0, shift, log_odds)
        row_chance[l] += row_chance_l
        chain.row[l] = new
        score[l] = old - new
    for j in range(p):
        for l in range(p):
            chain.R[j, l] += score[l]
