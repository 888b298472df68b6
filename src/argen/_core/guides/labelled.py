"""Calls that somebody else has made: one label per cell."""

import numpy as np
from scipy import sparse

from .calls import GuideCalls, Reason, empty_rows

__all__ = ["call_labels"]


def call_labels(cell_label: np.ndarray, label_guides: sparse.csr_array) -> GuideCalls:
    """Give each cell the guides of its label: assignment = label_guides[cell_label].

    Parameters
    ----------
    cell_label
        Row of `label_guides` for each cell, −1 for none, shape (n_cells,).
    label_guides
        1 where a label names a guide, shape (n_labels, n_guides).
    """
    reason = np.where(cell_label < 0, Reason.NO_LABEL, Reason.ONE_GUIDE)
    return GuideCalls(empty_rows(label_guides.astype(np.int8), cell_label), reason.astype(np.int8))
