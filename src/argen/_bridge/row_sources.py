"""Matrices that are not in memory: what they are, what tells them apart, and how they are read in pieces."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse

from argen.errors import InputError

__all__ = ["Piece", "find_source", "is_on_disk", "pieces"]

_FIRST_ROWS = 256  # from which the size of the others is estimated


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows, or some columns, of a matrix in memory.

    Attributes
    ----------
    row, column
        The first of each.
    values
        CSR, CSC or dense.
    """

    row: int
    column: int
    values: sparse.csr_array | sparse.csc_array | np.ndarray


def is_on_disk(matrix: object) -> bool:
    """Whether a matrix is one that is read in pieces: of an open h5ad or zarr file, or a dask array."""
    return _kind(matrix) is not None


def _kind(matrix: object) -> str | None:
    modules = [kind.__module__ for kind in type(matrix).__mro__]
    if any(name == "anndata._core.sparse_dataset" for name in modules):
        return "sparse"
    for name in ("dask", "h5py", "zarr"):
        if any(module.partition(".")[0] == name for module in modules):
            return "dask" if name == "dask" else "dense"
    return None


def find_source(matrix: object) -> tuple[str, ...] | None:
    """What tells a matrix apart from others, and from itself once its file was written anew.

    None where nothing does: the name of a dask array does not change with what is behind it, and a store that is not on
    this disk has no times.
    """
    if _kind(matrix) == "dask":
        return None
    holder = getattr(matrix, "group", matrix)
    path = _path(holder)
    return None if path is None or not path.exists() else (str(holder.name), str(matrix.shape), *_stamps(path))


def _path(holder: object) -> Path | None:
    """File or folder on disk of an h5py or zarr object; None for what is elsewhere."""
    if hasattr(holder, "file") and hasattr(holder.file, "filename"):
        return Path(holder.file.filename).resolve()
    store = getattr(holder, "store", None)
    root = getattr(store, "root", None) or getattr(store, "path", None)
    return Path(str(root), str(getattr(holder, "path", ""))).resolve() if root is not None else None


def _stamps(path: Path) -> tuple[str, str]:
    """Path, and the size and time of the last change of each of its files."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return str(path), digest.hexdigest()


def pieces(matrix: object, most: int) -> Iterator[Piece]:
    """All of a matrix in pieces of about `most` bytes: rows, or columns where these lie together."""
    kind = _kind(matrix)
    if kind == "dask":
        yield from _of_dask(matrix)
    elif kind == "sparse" and matrix.format == "csc":
        yield from _sliced(matrix, 1, most)
    else:
        yield from _sliced(matrix, 0, most)


def _sliced(matrix: object, axis: int, most: int) -> Iterator[Piece]:
    lo, length, step = 0, matrix.shape[axis], _FIRST_ROWS
    while lo < length:
        hi = min(lo + step, length)
        values = _plain(matrix[lo:hi] if axis == 0 else matrix[:, lo:hi])
        yield Piece(lo, 0, values) if axis == 0 else Piece(0, lo, values)
        step = max(1, min(int((hi - lo) * most / max(_size(values), 1)), 4 * step))
        lo = hi


def _of_dask(matrix: object) -> Iterator[Piece]:
    rows, columns = matrix.chunks
    if np.isnan([*rows, *columns]).any():
        msg = "The chunks of the dask array have unknown sizes: call its compute_chunk_sizes() first."
        raise InputError(msg)
    if len(columns) > 1 and len(rows) > 1:
        matrix = matrix.rechunk({1: -1})
    row_at, column_at = (np.concatenate([[0], np.cumsum(sizes)]).astype(int) for sizes in matrix.chunks)
    for i in range(len(row_at) - 1):
        for j in range(len(column_at) - 1):
            values = _plain(matrix.blocks[i, j].compute())
            yield Piece(int(row_at[i]), int(column_at[j]), values)


def _plain(values: object) -> sparse.csr_array | sparse.csc_array | np.ndarray:
    if not sparse.issparse(values):
        return np.asarray(values)
    return sparse.csc_array(values) if values.format == "csc" else sparse.csr_array(values)


def _size(values: sparse.csr_array | sparse.csc_array | np.ndarray) -> int:
    if sparse.issparse(values):
        return values.data.nbytes + values.indices.nbytes + values.indptr.nbytes
    return values.nbytes
