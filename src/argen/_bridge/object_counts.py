"""The checked counts of an object by genes: what every step reads them through."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from argen._bridge.count_values import Rounding
from argen._core.checks.scaled import Scaled
from argen._core.counts import CountsInMemory, CountStore, GeneCounts, smallest_type

__all__ = ["ObjectCounts", "by_gene"]

_COLUMNS = 128  # of a dense matrix that are laid out at a time


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """Counts of all cells and all genes of an object.

    Attributes
    ----------
    store
        The counts; genes as :func:`~argen._bridge.features.genes_of` has them.
    rounding
        How far the values were off their integers, None where they were not.
    scaled
        What shows that they were scaled to a common total and rounded, None if nothing does.
    """

    store: CountStore
    rounding: Rounding | None = None
    scaled: Scaled | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Cells, genes."""
        return self.store.shape

    def cell_totals(self, genes: np.ndarray | None = None) -> np.ndarray:
        """Counts of each cell, in all genes or in some (a mask or positions), shape (n,)."""
        wanted = np.ones(self.shape[1])
        if genes is not None:
            wanted[:] = 0.0
            wanted[genes] = 1.0
        total = np.zeros(self.shape[0])
        for first, part in self.store.parts():
            total += part @ wanted[first : first + part.shape[1]]
        return total

    def genes_per_cell(self) -> np.ndarray:
        """How many genes have counts in each cell, shape (n,)."""
        number = np.zeros(self.shape[0], dtype=np.int64)
        for _, part in self.store.parts():
            number += np.bincount(part.indices[part.data > 0], minlength=len(number))
        return number

    def gene_sums(self, weights: np.ndarray) -> np.ndarray:
        """Weighted sums over the cells, `weights` (m, n) times the counts, shape (m, genes)."""
        parts = [weights @ part for _, part in self.store.parts()]
        return np.hstack([np.zeros((len(weights), 0)), *parts])

    def of(self, genes: Sequence[int] | np.ndarray, rows: np.ndarray | None = None) -> GeneCounts:
        """Some genes by position (−1 for one without counts) in some cells, in the order given; default all."""
        return GeneCounts(
            self.store, np.asarray(genes, dtype=np.int64), np.arange(self.shape[0]) if rows is None else rows
        )


def by_gene(counts: sparse.csr_array | sparse.csc_array | np.ndarray) -> CountsInMemory:
    """Lay counts out by genes; where that is a copy, it is of the smallest type of integers that holds them.

    Gives the same for the same counts in any format: without duplicates, the cells of a gene in their order.
    """
    if not sparse.issparse(counts):
        return _of_dense(counts)
    if not counts.has_canonical_format:
        counts = counts.astype(np.float64) if counts.dtype.kind == "f" else counts.astype(np.int64)
        counts.sum_duplicates()
    if counts.format == "csc":
        return CountsInMemory.of(counts)
    small = counts.data.astype(smallest_type(counts.data.max(initial=0)))
    return CountsInMemory.of(sparse.csr_array((small, counts.indices, counts.indptr), shape=counts.shape).tocsc())


def _of_dense(counts: np.ndarray) -> CountsInMemory:
    kind = smallest_type(counts.max(initial=0))
    indices, data, sizes = [np.empty(0, np.int32)], [np.empty(0, kind)], [0]
    for lo in range(0, counts.shape[1], _COLUMNS):
        part = sparse.csr_array(np.ascontiguousarray(counts[:, lo : lo + _COLUMNS].T).astype(kind))
        indices.append(part.indices.astype(np.int32))
        data.append(part.data)
        sizes.extend(np.diff(part.indptr))
    indptr = np.cumsum(sizes, dtype=np.int64)
    return CountsInMemory(indptr, np.concatenate(indices), np.concatenate(data), counts.shape[0])
