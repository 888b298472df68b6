"""Counts by genes in files: one for each block of genes, from which a gene is read when it is needed.

A handle of a few arrays: it can be sent to other processes that see the same files.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
from scipy import sparse

from argen.errors import InputError

__all__ = ["CountsOnDisk", "block_file", "checksum"]

ROW_TYPE = np.dtype("<i4")
# By digest and folder the genes whose content this process has found to be as it was written.
_checked: dict[tuple[str, Path], np.ndarray] = {}


def block_file(folder: Path, first: int, last: int) -> Path:
    """File of the genes first … last − 1: the cells of all their counts, one gene after the other, then the counts.

    The name says the genes, so that nobody reads a file of other ones where a folder was divided anew.
    """
    return folder / f"genes-{first:06d}-{last:06d}.bin"


def checksum(rows: np.ndarray, values: np.ndarray) -> int:
    """CRC-32 of a gene as it lies in its file."""
    return crc32(values, crc32(rows))


@dataclass(frozen=True, slots=True, weakref_slot=True)
class CountsOnDisk:
    """Counts of cells × genes in files.

    Attributes
    ----------
    folder
        Where the files are.
    n_cells
        Cells of the object.
    indptr
        First count of each gene among those of all genes, shape (genes + 1,).
    first_gene
        First gene of each block, shape (blocks + 1,).
    types
        Type of the counts in each block, as numpy writes it.
    digest
        Of the counts, as :func:`~argen._core.counts.digest_of_columns` has it.
    checksums
        Of each gene, shape (genes,): every process looks at them when it reads a gene for the first time.
    """

    folder: Path
    n_cells: int
    indptr: np.ndarray
    first_gene: np.ndarray
    types: tuple[str, ...]
    digest: str
    checksums: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        """Cells, genes."""
        return self.n_cells, len(self.indptr) - 1

    def column(self, gene: int) -> tuple[np.ndarray, np.ndarray]:
        """Cells with counts of a gene, and their counts."""
        block = int(np.searchsorted(self.first_gene, gene, side="right")) - 1
        rows, values = self._read(block, int(self.indptr[gene]), int(self.indptr[gene + 1]))
        self._check(block, gene, rows, values)
        return rows, values

    def content_digest(self) -> str:
        """Text that is the same for the same counts, wherever they are."""
        return self.digest

    def parts(self) -> Iterator[tuple[int, sparse.csc_array]]:
        """The genes block by block."""
        for block in range(len(self.types)):
            first, last = self.first_gene[block : block + 2].tolist()
            rows, values = self._read(block, int(self.indptr[first]), int(self.indptr[last]))
            indptr = self.indptr[first : last + 1] - self.indptr[first]
            for gene, (lo, hi) in enumerate(pairwise(indptr.tolist()), first):
                self._check(block, gene, rows[lo:hi], values[lo:hi])
            yield first, sparse.csc_array((values, rows, indptr), shape=(self.n_cells, last - first))

    def _check(self, block: int, gene: int, rows: np.ndarray, values: np.ndarray) -> None:
        checked = _checked.get((self.digest, self.folder))
        if checked is None:
            checked = _checked.setdefault((self.digest, self.folder), np.zeros(self.shape[1], dtype=bool))
        if checked[gene]:
            return
        if checksum(rows, values) != self.checksums[gene]:
            msg = (
                f"{self._file(block)}, where the counts were laid out, is damaged: the checksum of a gene "
                f"is not that of its counts. Delete the folder {self.folder} and run again, which lays them out anew."
            )
            raise InputError(msg)
        checked[gene] = True

    def _file(self, block: int) -> Path:
        return block_file(self.folder, *self.first_gene[block : block + 2].tolist())

    def _read(self, block: int, lo: int, hi: int) -> tuple[np.ndarray, np.ndarray]:
        start, end = self.indptr[self.first_gene[block : block + 2]].tolist()
        kind, file = np.dtype(self.types[block]), self._file(block)
        try:
            rows = np.fromfile(file, ROW_TYPE, hi - lo, offset=ROW_TYPE.itemsize * (lo - start))
            after = ROW_TYPE.itemsize * (end - start) + kind.itemsize * (lo - start)
            values = np.fromfile(file, kind, hi - lo, offset=after)
        except FileNotFoundError:
            values = rows = np.empty(0, kind)
        if len(values) < hi - lo:
            msg = (
                f"{file}, where the counts were laid out, is gone, cut short or out of sight. Open the data again, and "
                "leave the folder alone until the work is done; workers of a cluster have to see it: give checkpoint=, "
                "or name a folder on a shared disk in ARGEN_COUNTS_DIR."
            )
            raise InputError(msg)
        return rows, values
