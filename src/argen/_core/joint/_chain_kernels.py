"""One sweep of a chain over graphs: edges into every gene, exchanges, reversals, knock-downs, offsets.

Effects T = diag(τ) B, B = (I − Θ)⁻¹, are stored transposed, [gene, perturbation]. No path uses an edge twice, so T is
exactly linear in all edges into one gene t:  ΔT = (T[:, pa] δ) B[t, :].  With residuals R and weights W of the table

    u_l = Σ_j R_lj W_lj B_tj,   w_l = Σ_j W_lj B_tj²,   g_k = T[:, k]'u + I_k θ_kt,   I_k = (T[:, k]²)'w

an edge k → t with θ ~ N(0, σ²) has the log odds  o = log odds of the prior + ½ g²/(I + σ⁻²) − ½ log(1 + Iσ²)  and, if
present, θ ~ N(g/(I + σ⁻²), 1/(I + σ⁻²)).
"""

from typing import NamedTuple

import numpy as np

from argen._core._jit import inlined, kernel, reassociated

__all__ = ["Chain", "Model", "sweep_edges", "sweep_offsets", "sweep_reversals", "sweep_strengths"]

# Effects of a gene on another below this are left out of the updates, until T and B are computed afresh.
NEGLIGIBLE = 0.01
# Log odds of edges that no exchange takes out, and that no reversal turns.
CERTAIN, ONE_WAY = 40.0, 25.0
# Log odds below which a pair is looked at in the full scans alone.
UNLIKELY = -7.0
# Log odds of an edge that must be there.
GIVEN = 500.0
# τ is a divisor.
LEAST_STRENGTH = 0.02
NO_CHOICE = -1e9


class Chain(NamedTuple):
    """State of a chain, changed in place."""

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
    """What a sweep does not change."""

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
