"""Call every guide from a number of UMIs on."""

import numpy as np
from scipy import sparse

from .by_guide import join_calls
from .calls import CallOptions, Fallback, GuideCalls, GuideFits

__all__ = ["call_threshold"]


def call_threshold(counts: sparse.csr_array, options: CallOptions) -> GuideCalls:
    """Call guide g in cell i if x_ig >= min_umi.

    Parameters
    ----------
    counts
        Guide UMIs without duplicate entries or stored zeros, shape (n_cells, n_guides).
    options
        Uses `min_umi`.
    """
    n_guides = counts.shape[1]
    unknown = np.full(n_guides, np.nan)
    assignment = sparse.csr_array(
        ((counts.data >= options.min_umi).astype(np.int8), counts.indices, counts.indptr), shape=counts.shape, copy=True
    )
    fits = GuideFits(
        threshold=np.full(n_guides, float(options.min_umi)),
        effect=unknown,
        share=unknown,
        converged=np.zeros(n_guides, dtype=bool),
        fallback=np.full(n_guides, Fallback.NONE, dtype=np.int8),
        expected=lambda edges: (np.full((n_guides, len(edges) - 1), np.nan),) * 2,
    )
    return join_calls(counts, assignment, None, fits)
