"""Tables of total effects for tests of the joint search, drawn from its own model."""

import numpy as np

from argen._core.joint.table import EffectTable


def random_dag(rng, p, n_parents=2, low=0.3, high=0.6):
    theta, order = np.zeros((p, p)), rng.permutation(p)
    for i in range(1, p):
        parents = order[rng.choice(i, size=min(i, n_parents), replace=False)]
        theta[parents, order[i]] = rng.choice([-1, 1], len(parents)) * rng.uniform(low, high, len(parents))
    return theta


def simulated_table(rng, theta, tau, *, counts=400.0, kappa=0.002, offset=1e-4, factor=0.0):
    """A table drawn from the model itself: normal noise on the log scale, shared by a factor and by columns."""
    p = len(theta)
    T = tau[:, None] * np.linalg.inv(np.eye(p) - theta)
    E = np.full((p, p), counts) * np.exp(rng.normal(0, 0.3, p))
    mean = E * np.exp(T + np.sqrt(offset) * rng.standard_normal(p))
    loading = np.full(p, np.sqrt(factor))
    noise = np.sqrt(1 - factor) * rng.standard_normal((p, p)) + rng.standard_normal((p, 1)) * loading
    S = np.maximum(np.round(mean + np.sqrt(mean + kappa * mean**2) * noise), 0.0)
    correlation = (1 - factor) * np.eye(p) + np.outer(loading, loading)
    ones = np.ones((p, p))
    instrument = np.abs(tau) > 0
    return EffectTable(
        S,
        E,
        kappa * ones,
        ones,
        0 * ones,
        0 * ones,
        np.full(p, offset),
        correlation,
        instrument,
        np.zeros(p),
        np.zeros(p),
        1.0,
    )
