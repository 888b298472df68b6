"""Counts and depths of cells, checked to be what the arithmetic takes them for."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge import log
from argen._bridge.count_values import as_counts, find_rounding
from argen._bridge.counts_elsewhere import counts_elsewhere, matrix_name
from argen._bridge.features import gene_columns, genes_of, log_other_features
from argen._bridge.runtime import warn_user
from argen._bridge.storage import check_matrix
from argen._bridge.validate import check_layer, name_some, read_column, read_numbers
from argen._core.checks.scaled import find_scaling
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["UNAFFECTED", "depth_of", "matrix_of", "read_counts", "read_depth", "tell_of_counts", "warn_scaled"]

# A depth that is computed from genes that no perturbation moves, unless obs has a column of this name.
UNAFFECTED = "unaffected"


def read_counts(adata: "AnnData", layer: str | None, hint: str = ""):
    """Checked counts of the genes, CSR, CSC or dense; columns as :func:`~argen._bridge.features.genes_of` has them.

    What is no gene (guides, antibodies, hashtags of the same object) is not among them. `hint` ends the message about
    what is no count.
    """

    def cure() -> str:
        return counts_elsewhere(adata, layer, gene_columns(adata)) + hint

    counts = as_counts(_of_genes(adata, layer), matrix_name("adata", layer), cure)
    if sparse.issparse(counts):
        return sparse.csc_array(counts) if counts.format == "csc" else sparse.csr_array(counts)
    return counts


def _of_genes(adata: "AnnData", layer: str | None):
    """Columns of the genes as they are: what is not used need not be counts."""
    matrix, genes = matrix_of(adata, layer), gene_columns(adata)
    return matrix if genes is None else matrix[:, np.flatnonzero(genes)]


def tell_of_counts(adata: "AnnData", layer: str | None) -> None:
    """Say what is odd about counts that can be used: features that are no genes, rounding, scaled values.

    Once in each step; :func:`read_counts` itself is silent.
    """
    log_other_features(adata)
    if rounding := find_rounding(_of_genes(adata, layer)):
        log.warning(f"{matrix_name('adata', layer)}: {rounding}")
    warn_scaled(read_counts(adata, layer), matrix_name("adata", layer))


def warn_scaled(counts, where: str, *, thinned: bool = True) -> None:
    """Warn of integers that were scaled to a common total and rounded, as counts per million; see `find_scaling`."""
    scaled = find_scaling(counts, thinned=thinned)
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
    """X or a layer as it is, in memory."""
    check_layer(adata, layer)
    matrix = adata.X if layer is None else adata.layers[layer]
    where = matrix_name("adata", layer)
    if matrix is None:
        msg = f"{where} is empty. {counts_elsewhere(adata, layer)}"
        raise InputError(msg)
    check_matrix(matrix, where)
    return matrix


def read_depth(obs: pd.DataFrame, depth: str | None, counts) -> np.ndarray:
    """Depth of each cell: a checked column, or the sums of the counts."""
    if depth is None:
        return np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
    what = f"depth={depth!r}"
    return read_numbers(read_column(obs, depth, what), what, 0.0)


def depth_of(adata: "AnnData", depth: str | None, counts, depth_genes: np.ndarray | None = None) -> np.ndarray:
    """Depth of each cell: of `depth_genes` where they are given, else as in :func:`read_depth`.

    `counts` are those of :func:`read_counts`.
    """
    if depth_genes is None:
        return read_depth(adata.obs, depth, counts)
    at = genes_of(adata).get_indexer(list(depth_genes))
    if (at < 0).any():
        gone = [name for name, i in zip(depth_genes, at, strict=True) if i < 0]
        msg = f"depth='unaffected' was made of genes that are not in this object any more: {name_some(gone)}."
        raise InputError(msg)
    return np.asarray(counts[:, at].sum(axis=1), dtype=np.float64).ravel()
