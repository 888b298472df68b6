"""Online FDR control over batches of edges (BatchBH, Zrnic et al. 2020), by the package `online-fdr`."""

from collections.abc import Sequence

import numpy as np

__all__ = ["batch_bh"]


def batch_bh(batches: Sequence[np.ndarray], alpha: float) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Decisions, levels α_t and applied thresholds of a stream of batches of p-values.

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
