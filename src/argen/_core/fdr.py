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
    """BatchBH (Zrnic et al. 2020) by the package `online-fdr`: decisions, levels α_t and applied thresholds.

    A batch without p-values is passed over: it gets no level (NaN) and uses up none of the budget.

    Parameters
    ----------
    batches
        p-values of each batch, none missing.
    alpha
        FDR level of the whole stream.
    """
    from online_fdr.p_values import BatchBH

    procedure = BatchBH(alpha)
    decisions, levels, thresholds = [], np.full(len(batches), np.nan), np.full(len(batches), np.nan)
    for t, p in enumerate(batches):
        decisions.append(np.array(procedure.test_batch(p.tolist()), dtype=bool))
        if len(p):
            levels[t] = procedure.alpha_s[-1]
            thresholds[t] = procedure.last_rejection_threshold
    return decisions, levels, thresholds


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
