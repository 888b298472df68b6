"""Guides between AnnData or MuData and the core: where they are read from and where the calls are written."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from argen import __version__
from argen._bridge.guide_names import STATUS_WORDS, GuideTargets, clean_text
from argen._bridge.validate import check_counts, name_some
from argen._core.guides import CellTargets, GuideCalls, Reason
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = [
    "GuideCounts",
    "GuideTargetMap",
    "find_rna",
    "mapped_guides",
    "modality",
    "read_guide_counts",
    "read_labels",
    "target_key",
    "target_labels",
    "write_guides",
]

SCHEMA_VERSION = 1
_GUIDE_NAMES = ("guide", "guides", "gdo", "grna", "crispr")
_RNA_NAMES = ("rna", "gex", "gene")
_TARGET_COLUMNS = ("target", "gene_target", "target_gene")
_COUNTS_CURE = "Guide calling needs the raw UMI counts of the guides."

# How a user may give the targets of guides: the name of a column, or a table.
GuideTargetMap = str | Mapping | pd.Series | pd.DataFrame | None


def target_key(key_added: str) -> str:
    """Name of the obs column with the targets: "argen_target" for "argen_guides", else "<key_added>_target"."""
    return "argen_target" if key_added == "argen_guides" else f"{key_added}_target"


def find_rna(data: "AnnData | MuData", guides: str | None) -> str | None:
    """Name of the modality to write to: `None` for an AnnData, else the RNA one or the only one without guides."""
    if not _is_mudata(data):
        _check_anndata(data)
        return None
    names = list(data.mod)
    others = [name for name in names if name != guides and name.lower() not in _GUIDE_NAMES]
    found = [name for name in others if name.lower() in _RNA_NAMES] or others
    if len(found) != 1:
        msg = (
            f"The RNA modality cannot be told among {name_some(names)}: "
            f"call one of them {', '.join(_RNA_NAMES[:-1])} or {_RNA_NAMES[-1]}."
        )
        raise InputError(msg)
    return found[0]


def modality(data: "AnnData | MuData", name: str | None) -> "AnnData":
    """Return the AnnData itself, or the modality `name` of a MuData."""
    return data if name is None else data.mod[name]


@dataclass(frozen=True, slots=True)
class GuideCounts:
    """UMI counts of guides, for the cells of the RNA modality that have them.

    Attributes
    ----------
    source
        Name of the modality or of the obsm entry.
    counts
        CSR without duplicates and stored zeros, int64, shape (n_measured, n_guides).
    position
        Row of each RNA cell in `counts`, −1 where it has none, shape (n_cells,).
    guides, labels
        Name and target of each guide; the target is empty where none is given.
    """

    source: str
    counts: sparse.csr_array
    position: np.ndarray
    guides: list[str]
    labels: list[str]


def read_guide_counts(
    data: "AnnData | MuData", rna: str | None, guides: str | None, guide_target: GuideTargetMap
) -> GuideCounts:
    """Read guide counts and targets from a modality of a MuData or an obsm entry of an AnnData."""
    if rna is None:
        return _from_obsm(data, guides, guide_target)
    return _from_modality(data, rna, guides, guide_target)


def _from_modality(data: "MuData", rna: str, guides: str | None, guide_target: GuideTargetMap) -> GuideCounts:
    source = _find_guide_modality(data, guides)
    guide, cells = data.mod[source], data.mod[rna].obs_names
    for name in (rna, source):
        _check_unique(data.mod[name].obs_names, f"cell names in modality {name!r}")
    position = guide.obs_names.get_indexer(cells)
    measured = position >= 0
    if not measured.any():
        msg = (
            f"No cell of modality {rna!r} (such as {name_some(cells, 2)}) is in modality {source!r} "
            f"(such as {name_some(guide.obs_names, 2)}). Give the cells the same obs_names in both."
        )
        raise InputError(msg)
    counts = _as_counts(guide.X, f"mdata.mod[{source!r}].X")[position[measured]]
    names = _guide_names(guide.var_names, f"modality {source!r}")
    rows = np.where(measured, np.cumsum(measured) - 1, -1)
    return GuideCounts(source, counts, rows, names, _modality_targets(guide, source, guide_target))


def _find_guide_modality(data: "MuData", guides: str | None) -> str:
    names = list(data.mod)
    if guides is not None:
        _check_present(guides, names, "modality", "modalities")
        return guides
    found = [name for name in names if name.lower() in _GUIDE_NAMES]
    if len(found) != 1:
        msg = (
            f"The guide modality cannot be told: the modalities are {name_some(names)}, and {len(found)} of them are "
            f"called {', '.join(_GUIDE_NAMES[:-1])} or {_GUIDE_NAMES[-1]}. Name it with guides=..., "
            "or name an obs column with labels=...."
        )
        raise InputError(msg)
    return found[0]


def _modality_targets(guide: "AnnData", source: str, guide_target: GuideTargetMap) -> list[str]:
    if not (guide_target is None or isinstance(guide_target, str)):
        return target_labels(list(map(str, guide.var_names)), guide_target)
    columns = _TARGET_COLUMNS if guide_target is None else (guide_target,)
    found = [name for name in columns if name in guide.var]
    if not found:
        msg = (
            f"mdata.mod[{source!r}].var has no column {' or '.join(columns)}; it has: {name_some(guide.var.columns)}. "
            "Name the column with the target of each guide in guide_target=..., or give a mapping from guide to target."
        )
        raise InputError(msg)
    return _texts(guide.var[found[0]])


def _from_obsm(adata: "AnnData", guides: str | None, guide_target: GuideTargetMap) -> GuideCounts:
    if guides is None:
        msg = (
            "Say where the guides are: labels=... for an obs column with one target per cell "
            f"(there are: {name_some(adata.obs.columns)}), or guides=... for an obsm entry with guide counts "
            f"(there are: {name_some(adata.obsm)})."
        )
        raise InputError(msg)
    _check_present(guides, list(adata.obsm), "obsm entry", "obsm entries")
    if guide_target is None or isinstance(guide_target, str):
        msg = (
            f"adata.obsm[{guides!r}] has no table of guides: give guide_target=... as a dict, Series or DataFrame "
            "from guide to target."
        )
        raise InputError(msg)
    matrix, where = adata.obsm[guides], f"adata.obsm[{guides!r}]"
    named = matrix.columns if isinstance(matrix, pd.DataFrame) else _target_series(guide_target).index
    counts, names = _as_counts(matrix, where), _guide_names(named, where)
    if len(names) != counts.shape[1]:
        msg = (
            f"{where} has {counts.shape[1]} columns without names, but guide_target has {len(names)} guides: give "
            "one per column, in the order of the columns, or make the entry a DataFrame with guide names as columns."
        )
        raise InputError(msg)
    return GuideCounts(guides, counts, np.arange(adata.n_obs), names, target_labels(names, guide_target))


def target_labels(guides: list[str], guide_target: Mapping | pd.Series | pd.DataFrame) -> list[str]:
    """Target of each guide, empty where `guide_target` gives none."""
    series = _target_series(guide_target)
    if not series.index.isin(guides).any():
        msg = (
            f"guide_target names none of the guides: it holds {name_some(series.index, 3)}, "
            f"the guides are {name_some(guides, 3)}."
        )
        raise InputError(msg)
    return _texts(series.reindex(guides))


def mapped_guides(guide_target: GuideTargetMap) -> list[str]:
    """Names of the guides that a mapping holds; none without a mapping."""
    return [] if guide_target is None else list(_target_series(guide_target).index)


def _target_series(guide_target: Mapping | pd.Series | pd.DataFrame) -> pd.Series:
    if isinstance(guide_target, pd.DataFrame):
        found = [name for name in _TARGET_COLUMNS if name in guide_target]
        if not found:
            msg = (
                f"guide_target has no column {' or '.join(_TARGET_COLUMNS)}; it has: {name_some(guide_target.columns)}."
            )
            raise InputError(msg)
        series = guide_target[found[0]]
    elif isinstance(guide_target, pd.Series):
        series = guide_target
    elif isinstance(guide_target, Mapping):
        series = pd.Series(dict(guide_target), dtype=object)
    else:
        msg = f"guide_target must be a dict, Series or DataFrame from guide to target, not {guide_target!r}."
        raise InputError(msg)
    series = series.set_axis(series.index.map(str))
    _check_unique(series.index, "guides in guide_target")
    return series


def read_labels(data: "AnnData | MuData", rna: str | None, labels: str) -> tuple[np.ndarray, list[str]]:
    """Codes into the sorted labels of an obs column (−1: none), for the cells of the RNA modality."""
    adata = modality(data, rna)
    if labels in adata.obs:
        return clean_text(adata.obs[labels])
    if rna is None or labels not in data.obs:
        there = list(adata.obs.columns)
        if rna is not None:
            there += [f"{name} (of mdata.obs)" for name in data.obs if name not in adata.obs]
        _check_present(labels, there, "obs column", "obs columns")
    _check_unique(adata.obs_names, f"cell names in modality {rna!r}")
    _check_unique(data.obs_names, "cell names in mdata.obs")
    return clean_text(data.obs[labels].reindex(adata.obs_names))


def write_guides(
    adata: "AnnData", key_added: str, calls: GuideCalls, cells: CellTargets, targets: GuideTargets, *, details: dict
) -> None:
    """Write assignment, targets, report and `details` (guides, params) of one run."""
    # Codes from the end: −1 control, −2 multiple, −3 unassigned.
    names = np.array([*targets.targets, *reversed(STATUS_WORDS)], dtype=object)
    target = pd.Categorical(names[cells.target], categories=[*targets.targets, *STATUS_WORDS])
    assignment = sparse.csr_matrix(calls.assignment)
    record = {
        "schema_version": SCHEMA_VERSION,
        "cells": count_cells(cells),
        "provenance": {"argen": __version__}
        | {name: version(name) for name in ("anndata", "numpy", "pandas", "scipy")},
        **details,
    }
    adata.obsm[key_added] = assignment
    adata.obs[target_key(key_added)] = target
    adata.uns[key_added] = record


def count_cells(cells: CellTargets) -> pd.DataFrame:
    """Count the cells of every status and reason that occur."""
    statuses = ["target", *STATUS_WORDS]
    codes = np.where(cells.target >= 0, 0, -cells.target) * len(Reason) + cells.reason
    found, n_cells = np.unique(codes, return_counts=True)
    reasons = [Reason(code).text for code in found % len(Reason)]
    return pd.DataFrame(
        {
            "status": pd.Categorical.from_codes(found // len(Reason), categories=statuses),
            "reason": pd.Categorical(reasons),
            "n_cells": n_cells,
        }
    )


def _is_mudata(data: object) -> bool:
    # Whoever holds a MuData has imported mudata: no need to import it for everybody else.
    mudata = sys.modules.get("mudata")
    return mudata is not None and isinstance(data, mudata.MuData)


def _check_anndata(data: object) -> None:
    anndata = sys.modules.get("anndata")
    if anndata is None or not isinstance(data, anndata.AnnData):
        msg = f"data must be an AnnData or a MuData, not {type(data).__name__}."
        raise InputError(msg)


def _as_counts(matrix: object, where: str) -> sparse.csr_array:
    if hasattr(matrix, "to_memory"):  # backed on disk
        matrix = matrix.to_memory()
    if isinstance(matrix, pd.DataFrame):
        is_sparse = all(isinstance(dtype, pd.SparseDtype) for dtype in matrix.dtypes)
        matrix = matrix.sparse.to_coo() if is_sparse else matrix.to_numpy()
    matrix = matrix.tocsr() if sparse.issparse(matrix) else np.asarray(matrix)
    check_counts(matrix, where, _COUNTS_CURE)
    counts = sparse.csr_array(matrix).astype(np.int64, copy=True)
    counts.sum_duplicates()
    counts.eliminate_zeros()
    return counts


def _guide_names(names: pd.Index, where: str) -> list[str]:
    _check_unique(names, f"guides in {where}")
    return list(map(str, names))


def _texts(values: pd.Series) -> list[str]:
    codes, names = clean_text(values)
    return list(np.array([*names, ""], dtype=object)[codes])


def _check_unique(names: pd.Index, what: str) -> None:
    if not names.is_unique:
        repeated = names[names.duplicated()].unique()
        msg = f"There are repeated {what}: {name_some(repeated)}. Give each its own name."
        raise InputError(msg)


def _check_present(name: str, there: list[str], kind: str, kinds: str) -> None:
    if name not in there:
        msg = f"There is no {kind} {name!r}; the {kinds} are: {name_some(there) or 'none'}."
        raise InputError(msg)
