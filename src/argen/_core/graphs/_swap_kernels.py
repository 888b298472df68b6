"""Exchanges of the targets of edges (see :mod:`.swaps`)."""

from argen._core._jit import lean_inlined, lean_kernel

__all__ = ["swap_targets"]


@lean_inlined
def _free(row, used, source, target):
    """Number of a pair that can become an edge, −1 if it is none, or is one already."""
    pair = row[source, target]
    return -1 if pair < 0 or used[pair] else pair


@lean_inlined
def _swap_two(source, target, row, stratum, used, i, j):
    """Let two edges exchange their targets."""
    new_i = _free(row, used, source[i], target[j])
    if new_i < 0:
        return
    new_j = _free(row, used, source[j], target[i])
    if new_j < 0:
        return
    old_i, old_j = row[source[i], target[i]], row[source[j], target[j]]
    a, b, d, e = stratum[old_i], stratum[old_j], stratum[new_i], stratum[new_j]
    if not ((a == d and b == e) or (a == e and b == d)):
        return
    used[old_i], used[old_j], used[new_i], used[new_j] = False, False, True, True
    target[i], target[j] = target[j], target[i]


@lean_inlined
def _swap_three(source, target, row, stratum, used, i, j, k):
    """Let three edges hand their targets on in a circle."""
    new_i = _free(row, used, source[i], target[j])
    if new_i < 0:
        return
    new_j = _free(row, used, source[j], target[k])
    if new_j < 0:
        return
    new_k = _free(row, used, source[k], target[i])
    if new_k < 0:
        return
    old_i, old_j, old_k = row[source[i], target[i]], row[source[j], target[j]], row[source[k], target[k]]
    a, b, c = stratum[old_i], stratum[old_j], stratum[old_k]
    d, e, f = stratum[new_i], stratum[new_j], stratum[new_k]
    if min(a, b, c) != min(d, e, f) or max(a, b, c) != max(d, e, f) or a + b + c != d + e + f:
        return
    used[old_i], used[old_j], used[old_k] = False, False, False
    used[new_i], used[new_j], used[new_k] = True, True, True
    target[i], target[j], target[k] = target[j], target[k], target[i]


@lean_kernel
def swap_targets(source, target, row, stratum, used, picks):
    """Try one move after the other on the edges `source` → `target`; `target` and `used` change.

    `row` [source, target] is the number of a pair, −1 where it is none; `stratum` is the class of each pair; `used`
    says which pairs are edges. A row of `picks` names the edges of a move: two that exchange their targets if the last
    is −1, else three that hand them on in a circle. A move is made if its new edges are pairs that are not used, and
    the classes of the new edges are those of the old ones, in whatever order.
    """
    for step in range(len(picks)):
        i, j, k = picks[step, 0], picks[step, 1], picks[step, 2]
        if k < 0:
            if i != j:
                _swap_two(source, target, row, stratum, used, i, j)
        elif i != j and j != k and i != k:
            _swap_three(source, target, row, stratum, used, i, j, k)
