"""Histogram of the UMI counts of every guide, by call."""

import numpy as np
from scipy import sparse

__all__ = ["count_edges", "count_histogram"]

_GROWTH = 1.25


def count_edges(largest: int) -> np.ndarray:
    """Edges 0, 1, 2, … and then by steps of a quarter, beyond `largest` at last; bin b holds e_b ≤ x < e_{b+1}."""
    edges = [0, 1]
    while edges[-1] <= largest:
        edges.append(max(edges[-1] + 1, int(edges[-1] * _GROWTH)))
    return np.array(edges)


def count_histogram(
    counts: sparse.csr_array, assignment: sparse.csr_array, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of each guide by count, without and with the call; two arrays of shape (n_guides, n_edges − 1).

    Parameters
    ----------
    counts
        UMIs without stored zeros, shape (n_cells, n_guides).
    assignment
        1 where a guide is called, at most where it has a UMI, shape (n_cells, n_guides).
    edges
        As :func:`count_edges` gives them.
    """
    n_cells, n_guides = counts.shape
    shape = (n_guides, len(edges) - 1)

    def histogram(matrix: sparse.csr_array) -> np.ndarray:
        at = np.searchsorted(edges, matrix.data, side="right") - 1 + matrix.indices.astype(np.int64) * shape[1]
        return np.bincount(at, minlength=shape[0] * shape[1]).reshape(shape)

    called = histogram(sparse.csr_array(counts.multiply(assignment)))
    everything = histogram(counts)
    everything[:, 0] = n_cells - everything.sum(axis=1)
    return everything - called, called
