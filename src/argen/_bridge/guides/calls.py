"""Guides from AnnData or MuData: where counts, labels, targets, batches and depths are read from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge import log
from argen._bridge.columns import stored_as
from argen._bridge.count_values import Cure, as_counts, find_rounding, numbers_of_table
from argen._bridge.counts import warn_scaled
from argen._bridge.counts_elsewhere import counts_elsewhere, matrix_name
from argen._bridge.features import features_of_type, guide_type, other_types
from argen._bridge.guides.mapping import GuideTargetMap, check_unique, mapped_guides, read_mapping
from argen._bridge.guides.names import GuideLabel, clean_text
from argen._bridge.modality import check_present, find_guides, modality
from argen._bridge.storage import check_in_memory, check_is_read
from argen._bridge.validate import check_complete, check_layer, counted, name_quoted, read_column, read_numbers
from argen._core.checks.scaled import find_scaling
from argen._core.guides import CellGroups
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["GuideCounts", "read_cell_groups", "read_guide_counts", "read_labels"]

_NEEDED = "the raw UMI counts of the guides"
# Part of the median guide depth that is added to every depth: a cell with three UMIs may have lost its guide.
_DEPTH_SHRINKAGE = 0.5


@dataclass(frozen=True, slots=True)
class GuideCounts:
    """UMI counts of guides, for the cells of the RNA modality that have them.

    Attributes
    ----------
    source
        Name of the modality, of the obsm entry or of the type of features.
    counts
        CSR without duplicates and stored zeros, int64, shape (n_measured, n_guides).
    position
        Row of each RNA cell in `counts`, −1 where it has none, shape (n_cells,).
    guides, labels
        Name of each guide, and what is said about it.
    obs
        Tables with columns of the measured cells, by what they are called; the first that has a column is used.
    mismatches
        What does not fit together although calling is possible: RNA cells without guide counts, guides without a
        UMI, targets of the mapping without a guide.
    """

    source: str
    counts: sparse.csr_array
    position: np.ndarray
    guides: list[str]
    labels: list[GuideLabel]
    obs: dict[str, pd.DataFrame]
    mismatches: list[str] = field(default_factory=list)

    @property
    def are_calls(self) -> bool:
        """Whether they are no counts but calls already: 1 for each guide of a cell."""
        return self.counts.nnz > 0 and bool((self.counts.data == 1).all())


def read_guide_counts(
    data: "AnnData | MuData",
    rna: str | None,
    guides: str | None,
    guide_target: GuideTargetMap,
    layer: str | None = None,
) -> GuideCounts:
    """Read guide counts and targets from a modality of a MuData, or an obsm entry or a type of features of an AnnData.

    `layer` holds the counts of a modality or of features, None for X.
    """
    if rna is not None:
        return _from_modality(data, rna, guides, guide_target, layer)
    of_type = guide_type(data) if guides is None else guides if guides not in data.obsm else None
    if of_type in other_types(data):
        return _from_features(data, of_type, guide_target, layer)
    return _from_obsm(data, guides, guide_target, layer)


def _from_modality(
    data: "MuData", rna: str, guides: str | None, guide_target: GuideTargetMap, layer: str | None
) -> GuideCounts:
    source = find_guides(data, guides)
    guide, cells = data.mod[source], data.mod[rna].obs_names
    for name in (rna, source):
        check_unique(data.mod[name].obs_names, f"cell names in modality {name!r}")
    position = guide.obs_names.get_indexer(cells)
    measured = position >= 0
    if not measured.any():
        msg = (
            f"No cell of modality {rna!r} (such as {name_quoted(cells, 2)}) is in modality {source!r} "
            f"(such as {name_quoted(guide.obs_names, 2)}). Give the cells the same obs_names in both."
        )
        raise InputError(msg)
    counts = _counts_of(guide, layer, f"mdata.mod[{source!r}]")[position[measured]]
    names = _guide_names(guide.var_names, f"modality {source!r}")
    rows = np.where(measured, np.cumsum(measured) - 1, -1)
    labels, lost = read_mapping(guide_target, names, guide.var, f"mdata.mod[{source!r}].var")
    obs = {
        f"mdata.mod[{rna!r}].obs": data.mod[rna].obs[measured],
        f"mdata.mod[{source!r}].obs": guide.obs.iloc[position[measured]],
        "mdata.obs": data.obs.reindex(cells[measured]),
    }
    mismatches = _mismatches(counts, names, lost)
    if not measured.all():
        mismatches.insert(
            0,
            f"{counted(int((~measured).sum()), 'cell')} of modality {rna!r} "
            f"(such as {name_quoted(cells[~measured], 2)}) are not in modality {source!r}, "
            f"whose cells are such as {name_quoted(guide.obs_names, 2)}",
        )
    return GuideCounts(source, counts, rows, names, labels, obs, mismatches)


def _mismatches(counts: sparse.csr_array, guides: list[str], lost: list[str]) -> list[str]:
    """Guides without a UMI, and targets of the mapping without a guide."""
    found = []
    if empty := [guides[g] for g in np.flatnonzero(np.bincount(counts.indices, minlength=len(guides)) == 0)]:
        found.append(f"{counted(len(empty), 'guide')} without a UMI in any cell: {name_quoted(empty)}")
    if lost:
        found.append(
            f"{counted(len(lost), 'target')} of guide_target without a guide in the counts: {name_quoted(lost)}"
        )
    return found


def _from_features(adata: "AnnData", guides: str, guide_target: GuideTargetMap, layer: str | None) -> GuideCounts:
    """Guides that are features of the object that has the genes, as Cell Ranger writes them."""
    columns = features_of_type(adata, guides)
    counts = _counts_of(adata, layer, "adata", columns)
    names = _guide_names(adata.var_names[columns], f"adata.var of type {guides!r}")
    labels, lost = read_mapping(guide_target, names, adata.var.iloc[columns], "adata.var")
    rows = np.arange(adata.n_obs)
    return GuideCounts(guides, counts, rows, names, labels, {"adata.obs": adata.obs}, _mismatches(counts, names, lost))


def _from_obsm(adata: "AnnData", guides: str | None, guide_target: GuideTargetMap, layer: str | None) -> GuideCounts:
    types = other_types(adata)
    if guides is None:
        of_type = f", or for a type of features (there are: {name_quoted(types)})" if types else ""
        msg = (
            "Say where the guides are: labels=... for an obs column with one target per cell "
            f"(there are: {name_quoted(adata.obs.columns)}), or guides=... for an obsm entry with guide counts "
            f"(there are: {name_quoted(adata.obsm)}){of_type}."
        )
        raise InputError(msg)
    kinds = ("obsm entry or type of features", "obsm entries and types") if types else ("obsm entry", "obsm entries")
    check_present(guides, [*adata.obsm, *types], *kinds)
    if layer is not None:
        msg = f"guide_layer={layer!r}: adata.obsm[{guides!r}] has no layers. Leave it out, or name another entry."
        raise InputError(msg)
    matrix, where = adata.obsm[guides], f"adata.obsm[{guides!r}]"
    counts = _as_counts(matrix, where, f"Guide calling needs {_NEEDED}.")
    if isinstance(matrix, pd.DataFrame):
        names = _guide_names(matrix.columns, where)
    else:
        names = mapped_guides(guide_target)
        if len(names) != counts.shape[1]:
            msg = (
                f"{where} has {counts.shape[1]} columns without names, but guide_target has {len(names)} guides: give "
                "a mapping with one per column, in the order of the columns, or make the entry a DataFrame with guide "
                "names as columns."
            )
            raise InputError(msg)
    labels, lost = read_mapping(guide_target, names, None, where)
    rows = np.arange(adata.n_obs)
    return GuideCounts(guides, counts, rows, names, labels, {"adata.obs": adata.obs}, _mismatches(counts, names, lost))


def read_labels(data: "AnnData | MuData", rna: str | None, labels: str) -> tuple[np.ndarray, list[str]]:
    """Codes into the sorted labels of an obs column (−1: none), for the cells of the RNA modality."""
    adata = modality(data, rna)
    if labels in adata.obs:
        return clean_text(adata.obs[labels])
    if rna is None or labels not in data.obs:
        there = list(adata.obs.columns)
        if rna is not None:
            there += [f"{name} (of mdata.obs)" for name in data.obs if name not in adata.obs]
        check_present(labels, there, "obs column", "obs columns")
    check_unique(adata.obs_names, f"cell names in modality {rna!r}")
    check_unique(data.obs_names, "cell names in mdata.obs")
    return clean_text(data.obs[labels].reindex(adata.obs_names))


def read_cell_groups(found: GuideCounts, batch: str | Sequence[str] | None, depth: str | None) -> CellGroups:
    """Offset and batches of the measured cells.

    The offset is U + median(U) / 2, U the guide UMIs of a cell (or what the column `depth` holds): shrunk towards
    the typical cell, since a cell with three guide UMIs in all says little about how many its own guide would have.
    """
    if depth is None:
        umis = np.asarray(found.counts.sum(axis=1), dtype=np.float64).ravel()
    else:
        what = f"guide_depth={depth!r}"
        column = read_column(found.obs, depth, what)
        umis = read_numbers(column, what, 0.0)
        if stored := stored_as(column):
            log.warning(f"{what} is stored as {stored}, and read as numbers")
    typical = np.median(umis[umis > 0]) if (umis > 0).any() else 1.0
    columns = [] if batch is None else [batch] if isinstance(batch, str) else list(batch)
    codes = [_levels(found.obs, name) for name in columns]
    table = np.column_stack([np.zeros(len(umis), dtype=np.int64), *codes])
    combinations, of_cell = np.unique(table, axis=0, return_inverse=True)
    rows = [combinations[:, [c]] == np.unique(combinations[:, c])[1:] for c in range(1, table.shape[1])]
    design = np.hstack([np.zeros((len(combinations), 0)), *rows]).astype(np.float64)
    return CellGroups(umis + _DEPTH_SHRINKAGE * typical, of_cell.ravel(), design)


def _levels(obs: dict[str, pd.DataFrame], name: str) -> np.ndarray:
    what = f"batch={name!r}"
    codes, names = clean_text(read_column(obs, name, what))
    check_complete(pd.Series(codes).where(codes >= 0), what)
    if len(names) < 2:
        msg = f"{what} has one level only. Leave it out."
        raise InputError(msg)
    if len(names) > len(codes) // 2:
        msg = f"{what} has {len(names)} levels in {counted(len(codes), 'cell')}. Name a column of batches."
        raise InputError(msg)
    return codes


def _counts_of(adata: "AnnData", layer: str | None, name: str, columns: np.ndarray | None = None) -> sparse.csr_array:
    """Counts of a modality of guides, or of some columns of an object."""
    check_is_read(adata, name)
    check_layer(adata, layer, name, "guide_layer")
    matrix, where = adata.X if layer is None else adata.layers[layer], matrix_name(name, layer)

    def cure() -> str:
        return counts_elsewhere(adata, layer, columns, name=name, argument="guide_layer", what=_NEEDED)

    if matrix is None:
        msg = f"{where} is empty. {cure()}"
        raise InputError(msg)
    return _as_counts(matrix if columns is None else matrix[:, columns], where, cure)


def _as_counts(matrix: object, where: str, cure: Cure) -> sparse.csr_array:
    """Counts of guides in whatever holds them, a file that is open included; what is odd about them is said."""
    if hasattr(matrix, "to_memory"):  # sparse, in an open file
        matrix = matrix.to_memory()
    elif type(matrix).__module__.startswith(("h5py", "zarr")):
        matrix = matrix[...]
    elif hasattr(matrix, "compute"):  # a dask array
        matrix = matrix.compute()
    if isinstance(matrix, pd.DataFrame):
        matrix = numbers_of_table(matrix, where)
    check_in_memory(matrix, where)
    matrix = matrix.tocsr() if sparse.issparse(matrix) else np.asarray(matrix)
    counts = sparse.csr_array(as_counts(matrix, where, cure)).astype(np.int64, copy=True)
    if rounding := find_rounding(matrix):
        log.warning(f"{where}: {rounding}")
    counts.sum_duplicates()
    counts.eliminate_zeros()
    warn_scaled(find_scaling(counts, thinned=False), where)
    return counts


def _guide_names(names: pd.Index, where: str) -> list[str]:
    check_unique(names, f"guides in {where}")
    return list(map(str, names))
