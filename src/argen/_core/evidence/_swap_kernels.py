"""Swaps of the targets of edges (see :mod:`.swaps`)."""

from argen._core._jit import kernel

__all__ = ["swap_targets"]


@kernel
def swap_targets(source, target, row, stratum, used, picks):
    """Try one move after the other on the edges `source` → `target`; `target` and `used` change.

    `row` [source, target] is the number of a pair, −1 where it is none; `stratum` is the class of each pair; `used`
    says which pairs are edges. A row of `picks` names the edges of a move: two that exchange their targets if the last
    is −1, else three that hand them on in a circle. A move is made if its new edges are pairs that are not used, and
    the classes of the new edges are those of the old ones, in whatever order.
    """
    for step in range(len(picks)):
        i, j, k = picks[step, 0], picks[step, 1], picks[step, 2]
        if i == j or (k >= 0 and (i == k or j == k)):
            continue
        last = i if k < 0 else k
        new_i, new_j = row[source[i], target[j]], row[source[j], target[last]]
        new_k = new_i if k < 0 else row[source[k], target[i]]
        if new_i < 0 or new_j < 0 or new_k < 0 or used[new_i] or used[new_j] or used[new_k]:
            continue
        old_i, old_j = row[source[i], target[i]], row[source[j], target[j]]
        old_k = row[source[last], target[last]]
        a, b, c = stratum[old_i], stratum[old_j], stratum[old_k]
        d, e, f = stratum[new_i], stratum[new_j], stratum[new_k]
        if k < 0:
            same = (a == d and b == e) or (a == e and b == d)
        else:
            low, high = min(a, b, c), max(a, b, c)
            same = low == min(d, e, f) and high == max(d, e, f) and a + b + c == d + e + f
        if not same:
            continue
        used[old_i], used[old_j], used[old_k] = False, False, False
        used[new_i], used[new_j], used[new_k] = True, True, True
        first = target[i]
        target[i], target[j] = target[j], target[last]
        if k < 0:
            target[j] = first
        else:
            target[k] = first
