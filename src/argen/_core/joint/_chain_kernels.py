"""Edges of one sweep of a chain over graphs: those into every gene, exchanges of parents, reversals.

With residuals R and weights W of the table (see :mod:`._state_kernels`)

    u_l = Σ_j R_lj W_lj B_tj,   w_l = Σ_j W_lj B_tj²,   g_k = T[:, k]'u + I_k θ_kt,   I_k = (T[:, k]²)'w

an edge k → t with θ ~ N(0, σ²) has the log odds  o = log odds of the prior + ½ g²/(I + σ⁻²) − ½ log(1 + Iσ²)  and, if
present, θ ~ N(g/(I + σ⁻²), 1/(I + σ⁻²)).
"""

import numpy as np

from argen._core._jit import inlined, kernel
from argen._core.joint._state_kernels import (
    GIVEN,
    dot,
    evidence,
    gather,
    move,
    pick,
    prior_odds,
    push,
    reach,
    set_edge,
    shuffle,
    weighted_square,
    work_space,
)

__all__ = ["sweep_edges", "sweep_reversals"]

# Log odds of edges that no exchange takes out, and that no reversal turns.
CERTAIN, ONE_WAY = 40.0, 25.0
# Log odds below which a pair is looked at in the full scans alone.
UNLIKELY = -7.0
NO_CHOICE = -1e9


@kernel
def list_candidates(chain, model, t, everything, work):
    """Sources that may become, or are, parents of t; with `everything` all others are looked at, too."""
    n = 0
    for k in range(chain.tau.size):
        if work.seen[k] or not model.allowed[k, t] or not (everything or chain.candidate[k, t]):
            continue
        x = chain.T[k]
        i = weighted_square(x, work.w)
        work.information[k] = i
        if everything:
            g = dot(x, work.u) + chain.theta[k, t] * i
            odds = prior_odds(chain, model, k, t) + evidence(g, i, model.precision)
            chain.candidate[k, t] = chain.theta[k, t] != 0.0 or odds > UNLIKELY
        if chain.candidate[k, t]:
            work.choice[n] = k
            n += 1
    return n


@kernel
def draw_parents(chain, model, rng, t, n, keep, inclusion, mean, square, work):
    """Each candidate in random order: present or not, and its coefficient. Returns whether anything changed."""
    shuffle(rng, work.choice, n)
    changed = False
    for q in range(n):
        k = work.choice[q]
        x, old, i = chain.T[k], chain.theta[k, t], work.information[k]
        g = dot(x, work.u) + old * i
        precision = i + model.precision
        odds = prior_odds(chain, model, k, t) + evidence(g, i, model.precision)
        chance = 1.0 / (1.0 + np.exp(-min(max(odds, -GIVEN), GIVEN)))
        chain.log_odds[k, t] = odds
        if keep:
            inclusion[k, t] += chance
            mean[k, t] += chance * g / precision
            square[k, t] += chance * (g * g / precision + 1.0) / precision
        new = 0.0
        if rng.random() < chance:
            new = g / precision + rng.standard_normal() / np.sqrt(precision)
        if new != old:
            set_edge(chain, model, k, t, new)
            move(x, new - old, work)
            changed = True
    return changed


@kernel
def exchange_parents(chain, model, rng, t, n, work):
    """Take each uncertain parent out and draw none, or any one absent candidate, in its place."""
    changed = False
    for out in range(chain.tau.size):
        old = chain.theta[out, t]
        if old == 0.0 or not model.allowed[out, t] or chain.log_odds[out, t] > CERTAIN:
            continue
        set_edge(chain, model, out, t, 0.0)
        move(chain.T[out], -old, work)
        for q in range(n):
            k = work.choice[q]
            work.odds[q] = NO_CHOICE
            if chain.theta[k, t] == 0.0:
                g, i = dot(chain.T[k], work.u), work.information[k]
                work.mean[q] = g / (i + model.precision)
                work.odds[q] = prior_odds(chain, model, k, t) + evidence(g, i, model.precision)
        q = pick(rng, work.odds, n)
        if q >= 0:
            k = work.choice[q]
            new = work.mean[q] + rng.standard_normal() / np.sqrt(work.information[k] + model.precision)
            chain.log_odds[k, t] = work.odds[q]
            set_edge(chain, model, k, t, new)
            move(chain.T[k], new, work)
        changed = True
    return changed


@kernel
def sweep_edges(chain, model, rng, everything, keep, inclusion, mean, square):
    """Edges into every gene, the genes in random order; `keep` adds up inclusion, and mean θ and θ² with it, [k, t]."""
    p = chain.tau.size
    work, order = work_space(p), np.arange(p)
    shuffle(rng, order, p)
    for t in order:
        n_below = gather(chain, model, t, work)
        n = list_candidates(chain, model, t, everything, work)
        changed = draw_parents(chain, model, rng, t, n, keep, inclusion, mean, square, work)
        if exchange_parents(chain, model, rng, t, n, work) or changed:
            push(chain, t, n_below, work)


@kernel
def propose(chain, model, k, t, work):
    """Sums for the absent edge k → t; returns descendants of t, log odds, mean and precision."""
    n = gather(chain, model, t, work)
    x = chain.T[k]
    i, g = weighted_square(x, work.w), dot(x, work.u)
    odds = prior_odds(chain, model, k, t) + evidence(g, i, model.precision)
    return n, odds, g / (i + model.precision), i + model.precision


@inlined
def put(chain, model, rng, k, t, n, mean, precision, work):
    """Draw the coefficient of the absent edge k → t for which `work` was filled."""
    value = mean + rng.standard_normal() / np.sqrt(precision)
    set_edge(chain, model, k, t, value)
    move(chain.T[k], value, work)
    push(chain, t, n, work)


@kernel
def sweep_reversals(chain, model, rng):
    """Every uncertain edge k → t is drawn again: k → t, t → k or neither. Returns how many were turned."""
    p = chain.tau.size
    source, target = np.nonzero((chain.theta != 0.0) & model.allowed.T & (chain.log_odds < ONE_WAY))
    order, odds = np.arange(source.size), np.empty(2)
    shuffle(rng, order, order.size)
    forth, back = work_space(p), work_space(p)
    turned = 0
    for e in order:
        k, t = source[e], target[e]
        old = chain.theta[k, t]
        if old == 0.0 or model.required[k, t]:
            continue
        n = gather(chain, model, t, forth)
        move(chain.T[k], -old, forth)
        push(chain, t, n, forth)
        set_edge(chain, model, k, t, 0.0)
        n, odds[0], mean, precision = propose(chain, model, k, t, forth)
        odds[1] = NO_CHOICE
        reach(chain.above, k, back.seen, back.stack)
        if not back.seen[t]:
            n_back, odds[1], mean_back, precision_back = propose(chain, model, t, k, back)
        choice = pick(rng, odds, 2)
        if choice == 0:
            put(chain, model, rng, k, t, n, mean, precision, forth)
        elif choice == 1:
            put(chain, model, rng, t, k, n_back, mean_back, precision_back, back)
            chain.log_odds[t, k] = odds[1]
            turned += 1
    return turned
