"""Counts and depths of cells, checked to be what the arithmetic takes them for."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.validate import check_layer, name_some, read_column, read_numbers
from argen.errors import CountsError, InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["UNAFFECTED", "check_counts", "check_in_memory", "depth_of", "read_counts", "read_depth"]

# A depth that is computed from genes that no perturbation moves, unless obs has a column of this name.
UNAFFECTED = "unaffected"


def read_counts(adata: "AnnData", layer: str | None):
    """Checked counts, CSR, CSC or dense."""
    check_layer(adata, layer)
    matrix = adata.X if layer is None else adata.layers[layer]
    where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    if matrix is None:
        msg = f"{where} is empty. Name the layer that holds the raw counts."
        raise InputError(msg)
    check_in_memory(adata, layer)
    check_counts(matrix, where)
    if sparse.issparse(matrix):
        return sparse.csc_array(matrix) if matrix.format == "csc" else sparse.csr_array(matrix)
    return matrix


def check_in_memory(adata: "AnnData", layer: str | None) -> None:
    """Raise :class:`~argen.errors.InputError` if the counts are those of a file; none at all are no matter here."""
    matrix = adata.layers.get(layer) if layer is not None else adata.X
    if matrix is None or sparse.issparse(matrix) or isinstance(matrix, np.ndarray):
        return
    where = "adata.X" if layer is None else f"adata.layers[{layer!r}]"
    msg = f"{where} is a {type(matrix).__name__}; argen needs it in memory: call adata.to_memory() first."
    raise InputError(msg)


def check_counts(
    matrix: np.ndarray | sparse.spmatrix | sparse.sparray,
    where: str,
    cure: str = "argen needs raw UMI counts; name the layer that holds them, e.g. layer='counts'.",
) -> None:
    """Raise :class:`~argen.errors.CountsError` unless all values are finite, non-negative integers.

    Parameters
    ----------
    matrix
        Dense array or any scipy sparse matrix or array.
    where
        What the matrix is called in the message, such as ``"adata.X"``.
    cure
        What the message advises.
    """
    values = matrix.data if sparse.issparse(matrix) else np.asarray(matrix)
    if values.dtype.kind in "bu" or values.size == 0:
        return
    if values.dtype.kind not in "if":
        msg = f"{where} holds values of type {values.dtype}, not numbers. {cure}"
        raise CountsError(msg)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        msg = f"{where} holds NaN or infinite values. {cure}"
        raise CountsError(msg)
    if values.min() < 0:
        msg = f"{where} holds negative values (smallest: {values.min():g}), as scaled data do. {cure}"
        raise CountsError(msg)
    if values.dtype.kind == "f" and (fractional := values != np.floor(values)).any():
        example = values[fractional].flat[0]
        msg = f"{where} holds values that are not integers (such as {example:g}), as normalised or log data do. {cure}"
        raise CountsError(msg)


def read_depth(obs: pd.DataFrame, depth: str | None, counts) -> np.ndarray:
    """Depth of each cell: a checked column, or the sums of the counts."""
    if depth is None:
        return np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    what = f"depth={depth!r}"
    return read_numbers(read_column(obs, depth, what), what, 0.0)


def depth_of(adata: "AnnData", depth: str | None, counts, depth_genes: np.ndarray | None = None) -> np.ndarray:
    """Depth of each cell: of `depth_genes` where they are given, else as in :func:`read_depth`."""
    if depth_genes is None:
        return read_depth(adata.obs, depth, counts)
    at = adata.var_names.get_indexer(list(depth_genes))
    if (at < 0).any():
        gone = [name for name, i in zip(depth_genes, at, strict=True) if i < 0]
        msg = f"depth='unaffected' was made of genes that are not in this object any more: {name_some(gone)}."
        raise InputError(msg)
    return np.asarray(counts[:, at].sum(axis=1), dtype=np.float64).ravel()
