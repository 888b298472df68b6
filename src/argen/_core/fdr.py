"""Control of the false discovery rate.

Edges come in batches: one batch per gene, in the order of the search.
"""

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["FDR", "adjusted", "batch_bh", "joint_bh"]

Decisions = tuple[list[np.ndarray], np.ndarray, np.ndarray]


def adjusted(p: np.ndarray) -> np.ndarray:
    """p-values adjusted by Benjamini and Hochberg, p_(i) → min over j ≥ i of p_(j) m / j, over those that are not NaN.

    The same as scipy's `false_discovery_control`, whose import alone takes a second.
    """
    result, tested = np.full(p.shape, np.nan), ~np.isnan(p)
    values = p[tested]
    order, m = np.argsort(values), len(values)
    steps = values[order] * (m / np.arange(1, m + 1))
    values[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    result[tested] = values
    return result


def batch_bh(batches: Sequence[np.ndarray], alpha: float) -> Decisions:
    r"""BatchBH (Zrnic et al. 2020): decisions, levels α_t and applied thresholds.

    Benjamini and Hochberg's procedure on batch t of n_t p-values at level

    .. math:: α_t = \Bigl(α \sum_{s ≤ t} γ_s
              - \sum_{s < t} α_s \frac{R^+_s}{R^+_s + \sum_{r < t, r ≠ s} R_r}\Bigr) \frac{n_t + \sum_{s < t} R_s}{n_t}

    with :math:`γ_s ∝ s^{-1.6}`, R_s the rejections in batch s and R⁺_s those that there would be if its largest p-value
    were 0. A batch without p-values is passed over: it gets no level (NaN) and uses up none of the budget. The
    threshold of r rejections is :math:`α_t r / n_t`.

    Parameters
    ----------
    batches
        p-values of each batch, none missing.
    alpha
        FDR level of the whole stream.
    """
    spent, rejected, most = (np.empty(0) for _ in range(3))  # α_s, R_s and R⁺_s of the batches so far
    budget = 0.0
    decisions, levels, thresholds = [], np.full(len(batches), np.nan), np.full(len(batches), np.nan)
    for t, p in enumerate(batches):
        if not len(p):
            decisions.append(np.empty(0, dtype=bool))
            continue
        budget += alpha * _GAMMA_SCALE / (len(spent) + 1) ** _GAMMA_POWER
        total = rejected.sum()
        used = (spent * most / (most + total - rejected)).sum()
        levels[t] = (budget - used) * (len(p) + total) / len(p)
        by_size = np.sort(p)
        n_rejected = _count_rejected(by_size, levels[t])
        thresholds[t] = levels[t] * n_rejected / len(p)
        decisions.append(p <= (by_size[n_rejected - 1] if n_rejected else -1.0))
        spent, rejected = np.append(spent, levels[t]), np.append(rejected, n_rejected)
        most = np.append(most, _count_rejected(np.append(0.0, by_size[:-1]), levels[t]))
    return decisions, levels, thresholds


# γ_s = .437… s^−1.6 sums to 1 over all batches.
_GAMMA_SCALE, _GAMMA_POWER = 0.4374901658, 1.6


def _count_rejected(by_size: np.ndarray, level: float) -> int:
    """Rejections of Benjamini and Hochberg's procedure among sorted p-values."""
    below = np.flatnonzero(by_size <= level * np.arange(1, len(by_size) + 1) / len(by_size))
    return int(below[-1]) + 1 if len(below) else 0


def joint_bh(batches: Sequence[np.ndarray], alpha: float) -> Decisions:
    """Benjamini–Hochberg over all batches at once; results as :func:`batch_bh`.

    The causal order does not depend on any edge, so all p-values are there when the first decision is made, and nothing
    forces an online procedure. With r rejections among m p-values the threshold is max(r, 1) α / m.

    Parameters
    ----------
    batches
        p-values of each batch, none missing.
    alpha
        FDR level of all of them.
    """
    p = np.concatenate(batches) if batches else np.empty(0)
    n_rejected = int((adjusted(p) <= alpha).sum())
    threshold = max(n_rejected, 1) * alpha / max(len(p), 1)
    filled = np.array([len(batch) > 0 for batch in batches], dtype=bool)
    decisions = [batch <= threshold for batch in batches]
    return decisions, np.where(filled, alpha, np.nan), np.where(filled, threshold, np.nan)


FDR: dict[str, Callable[[Sequence[np.ndarray], float], Decisions]] = {"batch-bh": batch_bh, "bh": joint_bh}
