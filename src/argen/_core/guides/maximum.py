"""Call the guide that dominates a cell's guide UMIs."""

import numpy as np
from scipy import sparse

from .calls import CallOptions, GuideCalls, Reason, entry_rows, row_range

__all__ = ["call_maximum"]


def call_maximum(counts: sparse.csr_array, options: CallOptions) -> GuideCalls:
    """Call guide g in cell i if it is the only top one, x_ig >= min_umi and x_ig / sum_h x_ih >= min_fraction.

    Parameters
    ----------
    counts
        Guide UMIs without duplicate entries or stored zeros, shape (n_cells, n_guides).
    options
        Uses all three fields.
    """
    n_cells = counts.shape[0]
    rows = entry_rows(counts)
    total = np.bincount(rows, weights=counts.data, minlength=n_cells)
    top = np.zeros(n_cells)
    np.maximum.at(top, rows, counts.data)
    is_top = counts.data == top[rows]
    # A quotient, since 0.55 * 20 > 11 in floating point: at the boundary only division rounds as the option does.
    fraction = np.divide(top, total, out=np.zeros(n_cells), where=total > 0)
    dominant = (top >= options.min_umi) & (fraction >= options.min_fraction)
    called = dominant & (np.bincount(rows[is_top], minlength=n_cells) == 1)

    reason = np.where(called, Reason.ONE_GUIDE, _why_not_called(counts, rows, options, dominant=dominant))
    keep = is_top & called[rows]
    indptr = np.concatenate([[0], np.cumsum(called)])
    ones = np.ones(keep.sum(), dtype=np.int8)
    assignment = sparse.csr_array((ones, counts.indices[keep], indptr), shape=counts.shape)
    return GuideCalls(assignment, reason.astype(np.int8))


def _why_not_called(
    counts: sparse.csr_array, rows: np.ndarray, options: CallOptions, *, dominant: np.ndarray
) -> np.ndarray:
    """Reason that each cell has if its top guide is not called, by the guides that reach min_umi."""
    n_cells = counts.shape[0]
    present = counts.data >= options.min_umi
    n_present = np.bincount(rows[present], minlength=n_cells)
    lowest, highest = row_range(rows[present], options.guide_target[counts.indices[present]], n_cells)
    several_targets = lowest < highest
    rules = {  # the first that holds
        Reason.NO_UMI: np.diff(counts.indptr) == 0,
        Reason.FEW_UMI: n_present == 0,
        Reason.TIED_TARGETS: dominant & several_targets,
        Reason.TIED_GUIDES: dominant,
        Reason.SEVERAL_TARGETS: several_targets,
        Reason.DILUTED: n_present == 1,
    }
    return np.select(list(rules.values()), [int(reason) for reason in rules], int(Reason.SPLIT))
