"""Guides one by one: their counts going in, calls and posterior probabilities coming out."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse

from .calls import CallOptions, Fallback, GuideCalls, GuideFits, Reason

__all__ = ["guide_entries", "join_calls", "join_fits"]


def guide_entries(counts: sparse.csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cells and counts of each guide where it has a UMI."""
    by_guide = counts.tocsc()
    for start, stop in zip(by_guide.indptr[:-1], by_guide.indptr[1:], strict=True):
        yield by_guide.indices[start:stop], by_guide.data[start:stop]


def join_fits(
    counts: sparse.csr_array, chances: Sequence[np.ndarray], fits: GuideFits, options: CallOptions
) -> GuideCalls:
    """Call by posterior probability, or by the UMI threshold where a guide fell back to it.

    Parameters
    ----------
    counts
        Guide UMIs, shape (n_cells, n_guides).
    chances
        For each guide P(Z = 1) of its counts, in the order of :func:`guide_entries`.
    fits
        What is reported of the fits; its `fallback` decides.
    options
        Uses `probability` and `min_umi`.
    """
    by_guide = counts.tocsc()
    chance = np.concatenate([*chances, np.empty(0)])
    fitted = np.repeat(fits.fallback == Fallback.NONE, np.diff(by_guide.indptr))
    called = np.where(fitted, chance >= options.probability, by_guide.data >= options.min_umi)
    shape = by_guide.shape
    posterior = sparse.csc_array(
        (np.where(fitted, chance, 0.0).astype(np.float32), by_guide.indices, by_guide.indptr),
        shape=shape,
        copy=True,  # since eliminate_zeros moves the indices in place
    )
    posterior.eliminate_zeros()
    assignment = sparse.csc_array((called.astype(np.int8), by_guide.indices, by_guide.indptr), shape=shape)
    return join_calls(counts, assignment.tocsr(), posterior.tocsr(), fits)


def join_calls(
    counts: sparse.csr_array, assignment: sparse.csr_array, posterior: sparse.csr_array | None, fits: GuideFits
) -> GuideCalls:
    """Calls with the reason of every cell without one."""
    assignment.eliminate_zeros()
    has_umi = np.diff(counts.indptr) > 0
    is_called = np.diff(assignment.indptr) > 0
    reason = np.select([is_called, has_umi], [int(Reason.ONE_GUIDE), int(Reason.BELOW_CUT)], int(Reason.NO_UMI))
    return GuideCalls(assignment, reason.astype(np.int8), posterior, fits)
