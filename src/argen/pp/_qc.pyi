from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar, overload

from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_qc(
    data: _Data,
    *,
    rna: str | None = None,
    min_depth: float | None = None,
    max_depth: float | None = None,
    min_genes: float | None = None,
    max_genes: float | None = None,
    max_percent_mito: float | None = None,
    one_perturbation: bool = True,
    min_cells: int | None = None,
    min_knockdown_z: float | None = None,
    depth: str | None = None,
    n_genes: str | None = None,
    percent_mito: str | None = None,
    covariates: str | Sequence[str] | None = None,
    layer: str | None = None,
    measured_as: Mapping[str, str] | None = None,
    gene_symbols: str | None = None,
    guides: str = "argen_guides",
    subset: bool = True,
    key_added: str = "argen_qc",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_qc(
    data: _Data,
    *,
    rna: str | None = None,
    min_depth: float | None = None,
    max_depth: float | None = None,
    min_genes: float | None = None,
    max_genes: float | None = None,
    max_percent_mito: float | None = None,
    one_perturbation: bool = True,
    min_cells: int | None = None,
    min_knockdown_z: float | None = None,
    depth: str | None = None,
    n_genes: str | None = None,
    percent_mito: str | None = None,
    covariates: str | Sequence[str] | None = None,
    layer: str | None = None,
    measured_as: Mapping[str, str] | None = None,
    gene_symbols: str | None = None,
    guides: str = "argen_guides",
    subset: bool = True,
    key_added: str = "argen_qc",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_qc(
    data: _Data,
    *,
    rna: str | None = None,
    min_depth: float | None = None,
    max_depth: float | None = None,
    min_genes: float | None = None,
    max_genes: float | None = None,
    max_percent_mito: float | None = None,
    one_perturbation: bool = True,
    min_cells: int | None = None,
    min_knockdown_z: float | None = None,
    depth: str | None = None,
    n_genes: str | None = None,
    percent_mito: str | None = None,
    covariates: str | Sequence[str] | None = None,
    layer: str | None = None,
    measured_as: Mapping[str, str] | None = None,
    gene_symbols: str | None = None,
    guides: str = "argen_guides",
    subset: bool = True,
    key_added: str = "argen_qc",
    copy: bool,
) -> _Data | None: ...
