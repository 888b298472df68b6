"""Swaps of the ends of edges (see :mod:`.rewired`)."""

from argen._core._jit import kernel

__all__ = ["swap_targets"]


@kernel
def swap_targets(source, target, joined, first, second):
    """Let the edges `first` and `second` of each try change targets, unless that makes a loop or an edge twice.

    `target`, (E,), and `joined`, (p, p), are changed in place. Returns how many swaps were made.
    """
    n = 0
    for k in range(len(first)):
        e, f = first[k], second[k]
        a, b, c, d = source[e], target[e], source[f], target[f]
        if a == d or c == b or joined[a, d] or joined[c, b]:
            continue
        joined[a, b], joined[c, d], joined[a, d], joined[c, b] = False, False, True, True
        target[e], target[f] = d, b
        n += 1
    return n
