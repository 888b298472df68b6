"""Square equations solved in a row, each from the inverse that the one before it left behind (see :mod:`.bounds`).

The inverse N of M on a set of genes grows and shrinks by one of them at a time (bordering): with b and c the column and
row of M that join, d where they cross, and s = d − c N b,

    N ← [[N + N b c N / s, −N b / s], [−c N / s, 1 / s]],    and back  N ← N − N_·g N_g· / N_gg.

Two passes over N each, where a factorisation from scratch takes as many as there are genes.
"""

from typing import NamedTuple

import numpy as np

from argen._core._jit import inlined, kernel, reassociated

__all__ = ["bound_equations"]

# Residual of M N ξ = ξ, relative, from which an inverse that was carried along is given up.
LARGEST_RESIDUAL = 1e-9


class Room(NamedTuple):
    """The inverse and room to work on it; slot i of it belongs to gene ``members[i]``."""

    N: np.ndarray  # (p, p)
    members: np.ndarray  # (p,)
    place: np.ndarray  # (p,) of a gene in the set that is asked for, or −1
    column: np.ndarray  # (p,)
    left: np.ndarray
    right: np.ndarray
    theta: np.ndarray
    weight: np.ndarray


@inlined
def room_for(p):
    """Empty work space for `p` genes."""
    return Room(
        np.empty((p, p)),
        np.empty(p, np.int64),
        np.full(p, -1),
        np.empty(p),
        np.empty(p),
        np.empty(p),
        np.empty(p),
        np.empty(p),
    )


@reassociated
def product(x, y, n):
    """Σ x y over the first n."""
    total = 0.0
    for i in range(n):
        total += x[i] * y[i]
    return total


@reassociated
def square_sum(x, w, n):
    """Σ x² w over the first n."""
    total = 0.0
    for i in range(n):
        total += x[i] * x[i] * w[i]
    return total


@kernel
def add_gene(M, room, n, gene):
    """Border the inverse of n genes by one more; whether it could be."""
    N, members, column, left, right = room.N, room.members, room.column, room.left, room.right
    for i in range(n):
        column[i] = M[members[i], gene]
        right[i] = 0.0
    s = M[gene, gene]
    for i in range(n):
        row, c = N[i], M[gene, members[i]]
        left[i] = product(row, column, n)
        s -= c * left[i]
        for j in range(n):
            right[j] += c * row[j]
    if not (np.isfinite(s) and s != 0.0):
        return False
    for i in range(n):
        row, x = N[i], left[i] / s
        for j in range(n):
            row[j] += x * right[j]
        row[n] = -x
        N[n, i] = -right[i] / s
    N[n, n] = 1.0 / s
    members[n] = gene
    return True


@kernel
def remove_slot(room, n, slot):
    """Take one of n genes out of the inverse; the last one moves to its slot. Whether it could be."""
    N, members, last = room.N, room.members, n - 1
    members[slot], members[last] = members[last], members[slot]
    for j in range(n):
        N[slot, j], N[last, j] = N[last, j], N[slot, j]
    for i in range(n):
        N[i, slot], N[i, last] = N[i, last], N[i, slot]
    pivot = N[last, last]
    if not (np.isfinite(pivot) and pivot != 0.0):
        return False
    gone = N[last]
    for i in range(last):
        row, x = N[i], N[i, last] / pivot
        for j in range(last):
            row[j] -= x * gone[j]
    return True


@kernel
def change_set(M, room, n, genes):
    """Carry the inverse of n genes to another set, from scratch where that is nearer; how many are in it then."""
    place, members = room.place, room.members
    place[:] = -1
    for i in range(genes.size):
        place[genes[i]] = i
    kept = 0
    for i in range(n):
        kept += place[members[i]] >= 0
    if n - kept + genes.size - kept >= genes.size:
        n = 0
    for slot in range(n - 1, -1, -1):
        if place[members[slot]] < 0:
            if not remove_slot(room, n, slot):
                return 0
            n -= 1
    for i in range(n):
        place[members[i]] = -1
    for i in range(genes.size):
        if place[genes[i]] >= 0:
            if not add_gene(M, room, n, genes[i]):
                return 0
            n += 1
    for i in range(genes.size):
        place[genes[i]] = i
    return n


@kernel
def solve(M, room, n, effect, own, first):
    """θ = Nξ and the weights of its variance; returns the relative residual and the condition number in the 1-norm."""
    N, members, x, theta, weight = room.N, room.members, room.column, room.theta, room.weight
    sum_M, sum_N = room.left, room.right
    for i in range(n):
        x[i], sum_M[i], sum_N[i] = effect[members[i]], 0.0, 0.0
    for i in range(n):
        row = N[i]
        theta[i] = product(row, x, n)
        for j in range(n):
            sum_N[j] += abs(row[j])
    worst, largest = 0.0, 0.0
    for i in range(n):
        of_gene, of_first, left, total = M[members[i]], first[members[i]], x[i], own[members[i]]
        for k in range(n):
            m, y = of_gene[members[k]], theta[k]
            left -= m * y
            sum_M[k] += abs(m)
            total += y * y * of_first[members[k]]
        weight[i] = total
        worst, largest = max(worst, abs(left)), max(largest, abs(x[i]))
    return worst / largest, sum_M[:n].max() * sum_N[:n].max()


@kernel
def bound_equations(M, effect, own, first, genes, start, target, visit, most, coef, variance, known):
    """θ = M_A⁻¹ ξ_t and Σ_l (M_A⁻¹)_kl² (own_lt + Σ_j θ_j² first_lj) of all equations, in the order `visit`.

    A of equation e is ``genes[start[e]:start[e + 1]]``, where its results go, too, if the condition number is below
    `most`; else it is not `known`. M, ξ (`effect`), `own` and `first` are [instrument, gene].
    """
    room, n = room_for(M.shape[0]), 0
    for e in visit:
        A, t, lo = genes[start[e] : start[e + 1]], target[e], start[e]
        for _ in range(2):  # again from scratch, if the way there has lost too much
            n = change_set(M, room, n, A)
            if n == 0:
                continue
            residual, condition = solve(M, room, n, effect[:, t], own[:, t], first)
            if residual <= LARGEST_RESIDUAL:
                known[e] = condition < most
                break
            n = 0
        for i in range(n):
            at = lo + room.place[room.members[i]]
            coef[at] = room.theta[i]
            variance[at] = square_sum(room.N[i], room.weight, n)
