"""Counts of an object laid out by genes, and what an analysis of some of its cells reads of them.

A *store* holds the counts of all cells of an object in its order, one gene after the other: in memory
(:class:`CountsInMemory`) or on disk (:mod:`.stored_counts`). An analysis has its own cells in its own order;
:class:`GeneCounts` brings a gene into it when it is read. So one layout serves all designs, and regrouping cells copies
no count.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy import sparse

__all__ = ["CountStore", "CountsInMemory", "GeneCounts", "add_column", "digest_of_columns", "smallest_type"]

_PART = 4_000_000  # non-zeros that are looked at together: bounds the memory of what is derived from them


class CountStore(Protocol):
    """Counts of cells × genes, by gene."""

    @property
    def shape(self) -> tuple[int, int]:
        """Cells, genes."""
        ...

    def column(self, gene: int) -> tuple[np.ndarray, np.ndarray]:
        """Cells with counts of a gene, and their counts."""
        ...

    def content_digest(self) -> str:
        """Text that is the same for the same counts, wherever they are."""
        ...

    def parts(self) -> Iterator[tuple[int, sparse.csc_array]]:
        """The genes in parts of a bounded size: the first gene of each, and the counts."""
        ...


@dataclass(frozen=True, slots=True)
class CountsInMemory:
    """Arrays of a CSC matrix; the counts are of any type of numbers."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    n_cells: int

    @classmethod
    def of(cls, matrix: sparse.csc_array | sparse.csc_matrix) -> "CountsInMemory":
        """The arrays of a matrix without duplicates, as they are."""
        return cls(matrix.indptr, matrix.indices, matrix.data, matrix.shape[0])

    def of_genes(self, genes: np.ndarray) -> "CountsInMemory":
        """Those of some genes, in the order given."""
        if np.array_equal(genes, np.arange(len(self.indptr) - 1)):
            return self
        matrix = sparse.csc_array((self.data, self.indices, self.indptr), shape=self.shape)
        return CountsInMemory.of(matrix[:, genes])

    @property
    def shape(self) -> tuple[int, int]:
        """Cells, genes."""
        return self.n_cells, len(self.indptr) - 1

    def column(self, gene: int) -> tuple[np.ndarray, np.ndarray]:
        """Cells with counts of a gene, and their counts."""
        where = slice(self.indptr[gene], self.indptr[gene + 1])
        return self.indices[where], self.data[where]

    def content_digest(self) -> str:
        """Text that is the same for the same counts, wherever they are."""
        return digest_of_columns(self)

    def parts(self) -> Iterator[tuple[int, sparse.csc_array]]:
        """The genes in parts of some million counts."""
        lo, n_genes = 0, len(self.indptr) - 1
        while lo < n_genes:
            hi = max(lo + 1, int(np.searchsorted(self.indptr, self.indptr[lo] + _PART, side="right")) - 1)
            where = slice(self.indptr[lo], self.indptr[hi])
            indptr = self.indptr[lo : hi + 1] - self.indptr[lo]
            yield lo, sparse.csc_array((self.data[where], self.indices[where], indptr), shape=(self.n_cells, hi - lo))
            lo = hi


@dataclass(frozen=True, slots=True)
class GeneCounts:
    """Counts of some genes in the cells of an analysis.

    Attributes
    ----------
    store
        Counts of the object.
    genes
        Position of each gene in the store, −1 for a gene without counts; shape (p,).
    rows
        Row of each cell of the analysis in the store, each at most once; shape (n,).
    cells
        Cell of the analysis in each row of the store, n where there is none; shape (rows of the store,).
    """

    store: CountStore
    genes: np.ndarray
    rows: np.ndarray
    cells: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        cells = np.full(self.store.shape[0], len(self.rows), dtype=np.int32)
        cells[self.rows] = np.arange(len(self.rows), dtype=np.int32)
        if np.count_nonzero(cells < len(self.rows)) < len(self.rows):
            msg = "a row of the store is in an analysis more than once"
            raise ValueError(msg)
        object.__setattr__(self, "cells", cells)

    @classmethod
    def of_matrix(cls, matrix: sparse.csc_array | sparse.csc_matrix) -> "GeneCounts":
        """All cells and genes of a matrix in memory."""
        n_cells, n_genes = matrix.shape
        return cls(CountsInMemory.of(matrix), np.arange(n_genes), np.arange(n_cells))

    def __reduce__(self) -> tuple:
        """What is sent to another process: of counts in memory no other genes."""
        if not isinstance(self.store, CountsInMemory):
            return GeneCounts, (self.store, self.genes, self.rows)
        there = self.genes >= 0
        places = np.where(there, np.cumsum(there) - 1, -1)
        return GeneCounts, (self.store.of_genes(self.genes[there]), places, self.rows)

    def content_digest(self) -> str:
        """Text that is the same for the same counts of these genes in these cells."""
        store, genes, rows = self.__reduce__()[1]
        digest = hashlib.sha256(store.content_digest().encode())
        for array in (genes, rows):
            digest.update(np.ascontiguousarray(array, dtype=np.int64))
        return digest.hexdigest()

    def dense(self, gene: int) -> np.ndarray:
        """Counts of a gene over the cells, float64, shape (n,)."""
        with_others = np.zeros(len(self.rows) + 1)  # the last place takes the counts of other cells
        if self.genes[gene] >= 0:
            rows, values = self.store.column(int(self.genes[gene]))
            with_others[self.cells[rows]] = values
        return with_others[:-1]

    def hashed(self, hashes: np.ndarray) -> np.ndarray:
        """Σ_i hash_i y_ij modulo 2⁶⁴ of every gene j, shape (p,), uint64; `hashes` of the cells, shape (n,), uint64."""
        of_row, sums = np.append(hashes, np.uint64(0))[self.cells], np.zeros(len(self.genes), dtype=np.uint64)
        for j, gene in enumerate(self.genes):
            if gene >= 0:
                rows, values = self.store.column(int(gene))
                sums[j] = (of_row[rows] * values.astype(np.uint64)).sum(dtype=np.uint64)
        return sums

    def is_seen(self) -> np.ndarray:
        """Whether each gene has a count in some cell, shape (p,)."""
        seen = np.zeros(len(self.genes), dtype=bool)
        for number, gene in enumerate(self.genes):
            if gene >= 0:
                rows, values = self.store.column(int(gene))
                seen[number] = ((self.cells[rows] < len(self.rows)) & (values > 0)).any()
        return seen

    def nonzero(self, gene: int) -> tuple[np.ndarray, np.ndarray]:
        """Cells of the analysis with counts of a gene, in their order, and the counts."""
        y = self.dense(gene)
        rows = np.flatnonzero(y)
        return rows, y[rows]

    def matrix(self) -> sparse.csc_array:
        """Cells × genes in memory, in the smallest type of integers."""
        columns = [self.nonzero(gene) for gene in range(len(self.genes))]
        largest = max((values.max(initial=0.0) for _, values in columns), default=0.0)
        data = [values.astype(smallest_type(largest)) for _, values in columns]
        indptr = np.concatenate([[0], np.cumsum([len(values) for values in data], dtype=np.int64)])
        rows = np.concatenate([np.empty(0, np.int32), *(rows.astype(np.int32) for rows, _ in columns)])
        return sparse.csc_array(
            (np.concatenate([np.empty(0, smallest_type(largest)), *data]), rows, indptr),
            shape=(len(self.rows), len(self.genes)),
        )

    def of_genes(self, genes: Sequence[int] | np.ndarray) -> "GeneCounts":
        """Those of some of the genes."""
        return replace(self, genes=self.genes[genes])

    def of_cells(self, cells: np.ndarray) -> "GeneCounts":
        """Those of some of the cells, in the order given."""
        return replace(self, rows=self.rows[cells])


def digest_of_columns(store: CountStore) -> str:
    """Digest of all counts, gene by gene: neither the type of the numbers nor where they are counts."""
    digest = hashlib.sha256(repr(store.shape).encode())
    for gene in range(store.shape[1]):
        add_column(digest, *store.column(gene))
    return digest.hexdigest()


def add_column(digest: "hashlib._Hash", rows: np.ndarray, values: np.ndarray) -> None:
    """Add a gene to a digest."""
    digest.update(np.int64(len(rows)).tobytes())
    digest.update(np.ascontiguousarray(rows, dtype=np.int32))
    digest.update(np.ascontiguousarray(values, dtype=np.uint32))


def smallest_type(largest: float) -> np.dtype:
    """The smallest type of integers that holds counts up to `largest`."""
    return np.min_scalar_type(int(largest))
