"""Counts and depths of cells, checked to be what the arithmetic takes them for."""

import zlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge import log
from argen._bridge.count_values import as_counts, find_rounding
from argen._bridge.counts_elsewhere import counts_elsewhere, matrix_name
from argen._bridge.features import gene_columns, genes_of, log_other_features
from argen._bridge.kept import keep
from argen._bridge.layout import is_laid_out, layout_name, read_laid_out
from argen._bridge.memory_limit import reading
from argen._bridge.object_counts import ObjectCounts, by_gene
from argen._bridge.row_sources import is_on_disk
from argen._bridge.runtime import warn_user
from argen._bridge.storage import check_matrix
from argen._bridge.validate import check_layer, name_some, read_column, read_numbers
from argen._core.checks.scaled import Scaled, find_scaling
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["UNAFFECTED", "depth_of", "matrix_of", "read_counts", "read_depth", "tell_of_counts", "warn_scaled"]

# A depth that is computed from genes that no perturbation moves, unless obs has a column of this name.
UNAFFECTED = "unaffected"


def read_counts(adata: "AnnData", layer: str | None, hint: str = "") -> ObjectCounts:
    """Checked counts of the genes, as :func:`~argen._bridge.features.genes_of` has them.

    What is no gene (guides, antibodies, hashtags of the same object) is not among them. They are read once in a call,
    and once for the calls after it while the object is unchanged. `hint` ends the message about what is no count.
    """
    matrix, genes, where = matrix_of(adata, layer), gene_columns(adata), matrix_name("adata", layer)

    def cure() -> str:
        return counts_elsewhere(adata, layer, genes) + hint

    if is_on_disk(matrix):
        how = reading()

        def lay_out() -> ObjectCounts:
            return read_laid_out(matrix, genes, where, cure, how)

        named = layout_name(matrix, genes) is not None
        # What has no name is the same as long as it is the same object.
        owner, key = (adata, layer) if named else (matrix, None if genes is None else genes.tobytes())
        name = partial(layout_name, matrix, genes)
        return keep(owner, ("counts", key), name, lay_out, lambda counts: is_laid_out(counts, how))

    def read() -> ObjectCounts:
        # What is not used need not be counts.
        own = matrix if genes is None else matrix[:, np.flatnonzero(genes)]
        counts = as_counts(own, where, cure)
        if sparse.issparse(counts):
            counts = sparse.csc_array(counts) if counts.format == "csc" else sparse.csr_array(counts)
        return ObjectCounts(by_gene(counts), find_rounding(own), find_scaling(counts))

    return keep(adata, ("counts", layer), lambda: _checksum(matrix, genes), read)


def _checksum(matrix: np.ndarray | sparse.spmatrix | sparse.sparray, genes: np.ndarray | None) -> tuple:
    """What tells that a matrix in memory, or which of its columns are genes, has changed."""
    arrays = (matrix.data, matrix.indices, matrix.indptr) if sparse.issparse(matrix) else (matrix,)
    arrays = arrays if genes is None else (*arrays, genes)
    return (matrix.shape, *((array.dtype.str, _crc(array)) for array in arrays))


def _crc(array: np.ndarray) -> int:
    value = 0
    for part in np.array_split(array, max(1, array.nbytes >> 24)):  # those that are not contiguous are copied
        value = zlib.crc32(np.ascontiguousarray(part), value)
    return value


def tell_of_counts(adata: "AnnData", layer: str | None) -> None:
    """Say what is odd about counts that can be used: features that are no genes, rounding, scaled values.

    Once in each step; :func:`read_counts` itself is silent.
    """
    log_other_features(adata)
    counts = read_counts(adata, layer)
    if counts.rounding:
        log.warning(f"{matrix_name('adata', layer)}: {counts.rounding}")
    warn_scaled(counts.scaled, matrix_name("adata", layer))


def warn_scaled(scaled: Scaled | None, where: str) -> None:
    """Warn of integers that were scaled to a common total and rounded, as counts per million; see `find_scaling`."""
    if scaled is None:
        return
    why = (
        f"cells have nearly the same total ({scaled.total:,.0f} ± {scaled.spread:,.0f}; so have counts that were "
        "thinned to one)"
        if np.isnan(scaled.unit)
        else f"in most cells the smallest value is large (about {scaled.unit:.0f}) and the next are multiples of it"
    )
    warn_user(
        f"{where} holds integers, but {why}: these look like counts that were scaled to a common total (such as counts "
        "per million) and rounded. Standard errors come out wrong with them: give the raw counts."
    )


def matrix_of(adata: "AnnData", layer: str | None):
    """X or a layer as it is, in memory, of an open file, or a dask array."""
    check_layer(adata, layer)
    matrix = adata.X if layer is None else adata.layers[layer]
    where = matrix_name("adata", layer)
    if matrix is None:
        msg = f"{where} is empty. {counts_elsewhere(adata, layer)}"
        raise InputError(msg)
    check_matrix(matrix, where)
    return matrix


def read_depth(obs: pd.DataFrame, depth: str | None, counts: ObjectCounts | None) -> np.ndarray:
    """Depth of each cell: a checked column, or the sums of the counts."""
    if depth is None:
        return counts.cell_totals()
    what = f"depth={depth!r}"
    return read_numbers(read_column(obs, depth, what), what, 0.0)


def depth_of(
    adata: "AnnData", depth: str | None, counts: ObjectCounts, depth_genes: np.ndarray | None = None
) -> np.ndarray:
    """Depth of each cell: of `depth_genes` where they are given, else as in :func:`read_depth`."""
    if depth_genes is None:
        return read_depth(adata.obs, depth, counts)
    at = genes_of(adata).get_indexer(list(depth_genes))
    if (at < 0).any():
        gone = [name for name, i in zip(depth_genes, at, strict=True) if i < 0]
        msg = f"depth='unaffected' was made of genes that are not in this object any more: {name_some(gone)}."
        raise InputError(msg)
    return counts.cell_totals(at)
