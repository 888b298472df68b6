"""State of a chain over graphs, and the sums and moves that its sweeps are made of.

Effects T = diag(τ) B, B = (I − Θ)⁻¹, are stored transposed, [gene, perturbation]. No path uses an edge twice, so T is
exactly linear in all edges into one gene t:  ΔT = (T[:, pa] δ) B[t, :].
"""

from typing import NamedTuple

import numpy as np

from argen._core._jit import inlined, kernel, reassociated

__all__ = [
    "GIVEN",
    "NEGLIGIBLE",
    "Chain",
    "Model",
    "Work",
    "dot",
    "evidence",
    "gather",
    "move",
    "pick",
    "prior_odds",
    "push",
    "reach",
    "set_edge",
    "shuffle",
    "weighted_square",
    "work_space",
]

# Effects of a gene on another below this are left out of the updates, until T and B are computed afresh.
NEGLIGIBLE = 0.01
# Log odds of an edge that must be there.
GIVEN = 500.0


class Chain(NamedTuple):
    """State of a chain, changed in place; what is [source, target], but `above`, in the order of Fortran."""

    theta: np.ndarray  # (p, p) [source, target], 0 where there is no edge
    above: np.ndarray  # (p, p) [source, target] edge, or known to come before
    out_degree: np.ndarray  # (p,) edges out of each gene
    tau: np.ndarray  # (p,)
    T: np.ndarray  # (p, p) [gene, perturbation]
    B: np.ndarray  # (p, p) [gene, source]
    R: np.ndarray  # (p, p) [gene, perturbation] response − T − offsets − factors
    log_odds: np.ndarray  # (p, p) [source, target] when last looked at
    candidate: np.ndarray  # (p, p) [source, target] looked at in every sweep
    row: np.ndarray  # (p,) offset of each perturbation, common to all genes
    column: np.ndarray  # (p,) offset of each gene, common to all perturbations


class Model(NamedTuple):
    """What a sweep does not change; what is [source, target] in the order of Fortran."""

    W: np.ndarray  # (p, p) [gene, perturbation] weights, divided by the unique variance of the gene
    allowed: np.ndarray  # (p, p) [source, target]
    required: np.ndarray  # (p, p)
    before: np.ndarray  # (p, p)
    prior: np.ndarray  # (p,) log odds of a further edge out of a source with so many
    precision: float  # σ⁻²


class Work(NamedTuple):
    """Room for the sums of one gene."""

    seen: np.ndarray
    stack: np.ndarray
    below: np.ndarray  # descendants with an effect to speak of
    u: np.ndarray
    w: np.ndarray
    v: np.ndarray  # change of T[:, t]
    information: np.ndarray
    choice: np.ndarray  # candidates
    odds: np.ndarray
    mean: np.ndarray


@inlined
def work_space(p):
    """Empty work space for `p` genes."""
    return Work(
        np.empty(p, np.bool_),
        np.empty(p, np.int64),
        np.empty(p, np.int64),
        np.empty(p),
        np.empty(p),
        np.zeros(p),
        np.empty(p),
        np.empty(p, np.int64),
        np.empty(p),
        np.empty(p),
    )


@inlined
def shuffle(rng, index, n):
    """Put the first n entries in random order."""
    for i in range(n - 1, 0, -1):
        j = int(rng.random() * (i + 1))
        index[i], index[j] = index[j], index[i]


@reassociated
def dot(x, u):
    """Σ x u."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * u[i]
    return total


@reassociated
def weighted_square(x, w):
    """Σ x² w."""
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i] * w[i]
    return total


@kernel
def reach(above, t, seen, stack):
    """Mark t and everything below it."""
    p = above.shape[0]
    seen[:] = False
    seen[t] = True
    stack[0], n = t, 1
    while n > 0:
        n -= 1
        a = stack[n]
        for b in range(p):
            if above[a, b] and not seen[b]:
                seen[b] = True
                stack[n] = b
                n += 1


@kernel
def gather(chain, model, t, work):
    """Reach of t, list of genes that it moves, and the sums u, w over them; returns the length of the list."""
    reach(chain.above, t, work.seen, work.stack)
    work.u[:] = 0.0
    work.w[:] = 0.0
    n = 0
    for j in range(chain.tau.size):
        b = chain.B[j, t]
        if work.seen[j] and abs(b) > NEGLIGIBLE:
            work.below[n] = j
            n += 1
            for l in range(chain.tau.size):
                x = model.W[j, l] * b
                work.u[l] += chain.R[j, l] * x
                work.w[l] += x * b
    return n


@inlined
def set_edge(chain, model, k, t, value):
    """Give an edge another coefficient; 0 takes it out."""
    chain.out_degree[k] += (value != 0.0) - (chain.theta[k, t] != 0.0)
    chain.theta[k, t] = value
    chain.above[k, t] = value != 0.0 or model.before[k, t]


@inlined
def move(x, delta, work):
    """θ of the edge with T[:, k] = x moved by delta."""
    for l in range(x.size):
        y = x[l] * delta
        work.v[l] += y
        work.u[l] -= y * work.w[l]


@kernel
def push(chain, t, n, work):
    """Carry the change of T[:, t] on to everything below t, and forget it."""
    p = chain.tau.size
    for q in range(n):
        j = work.below[q]
        b = chain.B[j, t]
        for l in range(p):
            x = work.v[l] * b
            chain.T[j, l] += x
            chain.R[j, l] -= x
            chain.B[j, l] += x / chain.tau[l]
    work.v[:] = 0.0


@inlined
def prior_odds(chain, model, k, t):
    """Prior log odds of k → t given the other edges out of k."""
    if model.required[k, t]:
        return GIVEN
    return model.prior[chain.out_degree[k] - (chain.theta[k, t] != 0.0)]


@inlined
def evidence(g, i, precision):
    """Log Bayes factor of an edge."""
    return 0.5 * g * g / (i + precision) - 0.5 * np.log((i + precision) / precision)


@inlined
def pick(rng, odds, n):
    """One of n choices with these log odds against none; −1 is none."""
    top = 0.0
    for q in range(n):
        top = max(top, odds[q])
    total = np.exp(-top)
    for q in range(n):
        total += np.exp(odds[q] - top)
    left = rng.random() * total - np.exp(-top)
    if left <= 0.0:
        return -1
    for q in range(n):
        left -= np.exp(odds[q] - top)
        if left <= 0.0:
            return q
    return -1
