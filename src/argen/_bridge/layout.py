"""Counts on disk → blocks of genes: one pass over the matrix, within a limit of memory.

The matrix is read in pieces. Each is checked to hold counts, laid out by genes in the smallest type of integers, and
written; then the pieces are joined to one file for each block of genes, and the folder gets its final name, with an
index. A folder with that name is whole. The cells stay in the order of the object, so that every design of it reads the
same files.
"""

import hashlib
import json
import os
import secrets
import shutil
import weakref
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from threading import RLock
from zipfile import BadZipFile

import numpy as np
from scipy import sparse

from argen._bridge import log
from argen._bridge.count_values import Rounding, as_counts, find_rounding
from argen._bridge.leftovers import OWNER, own, remove_leftovers
from argen._bridge.memory_limit import Reading, scratch_folder
from argen._bridge.object_counts import ObjectCounts, by_gene
from argen._bridge.row_sources import find_source, pieces
from argen._core.checks.scaled import MOST_CELLS, Scaled, find_scaling
from argen._core.counts import CountsInMemory, add_column, smallest_type
from argen._core.stored_counts import ROW_TYPE, CountsOnDisk, block_file, checksum
from argen.errors import InputError

__all__ = ["is_laid_out", "layout_name", "read_laid_out"]

_VERSION = 3
_INDEX = "index.json"
_ARRAYS = "index.npz"
_UNFINISHED = "unfinished-"
# Shares of the limit: bytes of a piece as it is read (several copies of it are made), and those of a block of genes.
_PIECE, _BLOCK = 1 / 32, 1 / 24
_MOST_GENES = 512  # of a block


_naming = RLock()  # of the threads of this process; a store may go, and its folder, whenever Python collects garbage
_TRIES = 3
# The store of each folder that is in use: all readers of a process share it, and the last of them removes the folder.
_in_use: "weakref.WeakValueDictionary[Path, CountsOnDisk]" = weakref.WeakValueDictionary()


def layout_name(matrix: object, genes: np.ndarray | None) -> str | None:
    """Name for a matrix, some of whose columns are genes; None where nothing tells it from one with other counts."""
    source = find_source(matrix)
    if source is None:
        return None
    digest = hashlib.sha256(repr((_VERSION, *source)).encode())
    if genes is not None:
        digest.update(np.packbits(genes).tobytes())
    return digest.hexdigest()[:20]


def is_laid_out(counts: ObjectCounts, how: Reading) -> bool:
    """Whether the files of counts are still there, and where they are wanted."""
    folder = counts.store.folder
    there = _open(folder)
    if there is None or not _same_files(there.store, counts.store):
        return False
    return how.folder is None or folder.parent == how.folder.resolve()


def _same_files(one: CountsOnDisk, other: CountsOnDisk) -> bool:
    """Whether the same counts are divided into the same files."""
    return one.digest == other.digest and np.array_equal(one.first_gene, other.first_gene)


def read_laid_out(
    matrix: object, genes: np.ndarray | None, where: str, cure: Callable[[], str], how: Reading
) -> ObjectCounts:
    """Counts of a matrix that is not in memory; laid out if they are not yet.

    A folder is named by the file that it was made from, or by its content where no name can be trusted.

    Raises :class:`~argen.errors.CountsError` for what is no count, :class:`~argen.errors.InputError` if the matrix
    changes meanwhile or the folder cannot be written; nothing is left then.
    """
    for _ in range(_TRIES):  # the last reader of a folder may remove it before the next one has taken it
        name, parent = layout_name(matrix, genes), (how.folder or Path(scratch_folder().name)).resolve()
        folder = None if name is None else parent / f"counts-{name}"
        if folder is not None and (found := _taken(folder, how)) is not None:
            return found
        if (found := _taken(_made(matrix, genes, where, cure, how.limit, name, parent), how)) is not None:
            return found
    msg = f"What was laid out in {parent} is gone at once: leave the folder alone until the work is done."
    raise InputError(msg)


def _made(
    matrix: object,
    genes: np.ndarray | None,
    where: str,
    cure: Callable[[], str],
    limit: int,
    name: str | None,
    parent: Path,
) -> Path:
    """The folder of a matrix, laid out now."""
    start = log.info(f"    laying out {where} by genes, {matrix.shape[0]} × {matrix.shape[1]}, in {parent}")
    remove_leftovers(parent.glob(f"{_UNFINISHED}*"))
    unfinished = parent / f"{_UNFINISHED}{secrets.token_hex(8)}"
    try:
        unfinished.mkdir(parents=True)
        own(unfinished)
        digest = _lay_out(matrix, genes, where, cure, limit, unfinished)
        if layout_name(matrix, genes) != name:
            msg = f"The file of {where} changed while it was read. Run again when nothing writes to it."
            raise InputError(msg)
        folder = parent / f"counts-{name or digest[:20]}"
        _rename(unfinished, folder)
    except OSError as error:
        msg = (
            f"{parent} cannot be written ({_why(error)}): the counts of {where} by genes need up to twice "
            "the size of the counts there. Name another folder in the environment variable ARGEN_COUNTS_DIR."
        )
        raise InputError(msg) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    log.info("    laid out", time=start)
    return folder


def _why(error: OSError) -> str:
    # Numpy says how much of an array was written, and not why no more.
    return error.strerror or f"the disk is full, or the size of a file limited: {error}"


def _taken(folder: Path, how: Reading) -> ObjectCounts | None:
    """What a folder holds, with the store that others of this process have; None if it is not whole.

    A folder that nobody named goes with the last of its readers.
    """
    with _naming:
        counts = _open(folder)
        if counts is None:
            return None
        store = _in_use.get(folder)
        if store is None or not _same_files(store, counts.store):
            store = _in_use[folder] = counts.store
            if how.folder is None:
                weakref.finalize(store, _remove, folder, os.getpid())
        return replace(counts, store=store) if (folder / _INDEX).exists() else None


def _remove(folder: Path, process: int) -> None:
    """Remove the folder of a store that is gone; a process that was forked leaves it to its parent."""
    if os.getpid() != process:
        return
    with _naming:
        if _in_use.get(folder) is None:  # nobody has taken it meanwhile
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class _Written:
    """A piece on disk: `indptr` over all genes, the file with cells and counts, and the type of the counts."""

    file: Path
    indptr: np.ndarray
    kind: np.dtype


def _lay_out(
    matrix: object, genes: np.ndarray | None, where: str, cure: Callable[[], str], limit: int, folder: Path
) -> str:
    """Write all files; returns the digest of the counts."""
    n_cells = matrix.shape[0]
    columns = np.arange(matrix.shape[1]) if genes is None else np.flatnonzero(genes)
    looked_at = np.unique(np.linspace(0, n_cells - 1, min(n_cells, MOST_CELLS)).astype(np.int64))
    written, rounding, sample = [], [], []
    for number, piece in enumerate(pieces(matrix, int(limit * _PIECE))):
        inside = np.flatnonzero((columns >= piece.column) & (columns < piece.column + piece.values.shape[1]))
        own = piece.values if len(inside) == piece.values.shape[1] else piece.values[:, columns[inside] - piece.column]
        counts = as_counts(own, where, cure)
        rounding.append(find_rounding(own))
        rows = looked_at[(looked_at >= piece.row) & (looked_at < piece.row + own.shape[0])] - piece.row
        sample.append(sparse.csr_array(counts[rows]))
        file = folder / f"piece-{number:06d}.bin"
        written.append(_write(by_gene(counts), piece.row, inside, len(columns), file))
    indptr = sum((piece.indptr for piece in written), np.zeros(len(columns) + 1, dtype=np.int64))
    first_gene = _blocks(n_cells, len(columns), limit)
    blocks = zip(first_gene[:-1].tolist(), first_gene[1:].tolist(), strict=True)
    digest = hashlib.sha256(repr((n_cells, len(columns))).encode())
    joined = [_join(written, lo, hi, block_file(folder, lo, hi), digest) for lo, hi in blocks]
    for piece in written:
        piece.file.unlink()
    by_rows = all(part.shape[1] == len(columns) for part in sample)
    scaled = find_scaling((sparse.vstack if by_rows else sparse.hstack)(sample, format="csr"))
    checksums = np.concatenate([np.empty(0, np.uint32), *(checksums for _, checksums in joined)])
    np.savez(folder / _ARRAYS, indptr=indptr, first_gene=first_gene, checksums=checksums)
    index: dict = {
        "cells": n_cells,
        "types": [kind for kind, _ in joined],
        "digest": digest.hexdigest(),
        "rounding": _words(_total(rounding)),
        "scaled": _words(scaled),
    }
    (folder / _INDEX).write_text(json.dumps(index))
    return digest.hexdigest()


def _blocks(n_cells: int, n_genes: int, limit: int) -> np.ndarray:
    """First gene of each block: a block fits into its share of the limit even if every cell has counts of its genes."""
    size = int(np.clip(limit * _BLOCK / max(n_cells * 8, 1), 1, _MOST_GENES))
    return np.append(np.arange(0, n_genes, size), n_genes)


def _write(counts: CountsInMemory, first_row: int, genes: np.ndarray, n_genes: int, file: Path) -> _Written:
    """Write a piece that has these genes."""
    sizes = np.zeros(n_genes, dtype=np.int64)
    sizes[genes] = np.diff(counts.indptr)
    data = counts.data.astype(smallest_type(counts.data.max(initial=0)), copy=False)
    with file.open("wb") as out:
        (counts.indices + ROW_TYPE.type(first_row)).astype(ROW_TYPE, copy=False).tofile(out)
        data.tofile(out)
    return _Written(file, np.concatenate([[0], np.cumsum(sizes)]), data.dtype)


def _join(written: Sequence[_Written], lo: int, hi: int, file: Path, digest: "hashlib._Hash") -> tuple[str, np.ndarray]:
    """Write the genes lo … hi − 1 of all pieces to one file, add them to a digest.

    Returns the type of their counts and a checksum of each gene.
    """
    sizes = np.array([np.diff(piece.indptr[lo : hi + 1]) for piece in written]).reshape(len(written), hi - lo)
    # Where the counts of each gene of each piece go: genes one after the other, in each the pieces in their order.
    of_gene = np.concatenate([[0], np.cumsum(sizes.sum(axis=0))])
    start = of_gene[:-1] + np.cumsum(sizes, axis=0) - sizes
    kind = max((piece.kind for piece in written), key=lambda kind: kind.itemsize, default=np.dtype(np.uint8))
    rows, values = np.empty(of_gene[-1], ROW_TYPE), np.empty(of_gene[-1], kind)
    for piece, size, to in zip(written, sizes, start, strict=True):
        first, n = int(piece.indptr[lo]), int(size.sum())
        at = np.arange(n) + np.repeat(to - np.cumsum(size) + size, size)
        rows[at] = np.fromfile(piece.file, ROW_TYPE, n, offset=ROW_TYPE.itemsize * first)
        after = ROW_TYPE.itemsize * int(piece.indptr[-1]) + piece.kind.itemsize * first
        values[at] = np.fromfile(piece.file, piece.kind, n, offset=after)
    kind = smallest_type(values.max(initial=0))
    values, checksums = values.astype(kind, copy=False), np.empty(hi - lo, np.uint32)
    for gene, (first, last) in enumerate(pairwise(of_gene.tolist())):
        add_column(digest, rows[first:last], values[first:last])
        checksums[gene] = checksum(rows[first:last], values[first:last])
    with file.open("wb") as out:
        rows.tofile(out)
        values.tofile(out)
    return kind.str, checksums


def _rename(unfinished: Path, folder: Path) -> None:
    """Give a folder that is whole its name, unless a process or a thread that was first did; what is broken goes."""
    with _naming:
        if _open(folder) is not None:
            return
        if folder.exists():
            broken = unfinished.with_name(f"{unfinished.name}-broken")
            own(folder)
            folder.rename(broken)
            if _open(broken) is not None:  # another process has put it there meanwhile
                broken.rename(folder)
                (folder / OWNER).unlink()
                return
            shutil.rmtree(broken, ignore_errors=True)
        try:
            unfinished.rename(folder)
        except OSError:
            if _open(folder) is None:
                raise
        else:
            (folder / OWNER).unlink()


def _open(folder: Path) -> ObjectCounts | None:
    """What a folder holds; None if it is not whole."""
    try:
        index = json.loads((folder / _INDEX).read_text())
        with (folder / _ARRAYS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            indptr, first_gene, checksums = (arrays[name] for name in ("indptr", "first_gene", "checksums"))
        sizes = [block_file(folder, lo, hi).stat().st_size for lo, hi in pairwise(first_gene.tolist())]
    except (FileNotFoundError, NotADirectoryError, ValueError, EOFError, KeyError, BadZipFile):
        return None
    except OSError as error:  # of the disk: says nothing of what is there
        msg = f"{folder}, where the counts were laid out, cannot be read: {_why(error)}. Run again when it can."
        raise InputError(msg) from error
    n_counts = np.diff(indptr[first_gene])
    widths = [ROW_TYPE.itemsize + np.dtype(kind).itemsize for kind in index["types"]]
    if sizes != (n_counts * np.array(widths, dtype=np.int64)).tolist():
        return None
    types, digest = tuple(index["types"]), index["digest"]
    store = CountsOnDisk(folder, index["cells"], indptr, first_gene, types, digest, checksums)
    rounding, scaled = index["rounding"], index["scaled"]
    return ObjectCounts(store, rounding and Rounding(**rounding), scaled and Scaled(**scaled))


def _words(found: Rounding | Scaled | None) -> dict[str, float] | None:
    return None if found is None else asdict(found)


def _total(found: Sequence[Rounding | None]) -> Rounding | None:
    """Rounding of all pieces."""
    there = [rounding for rounding in found if rounding is not None]
    return Rounding(sum(r.n for r in there), max(r.largest for r in there)) if there else None
