from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar, overload

from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_predict(
    adata: _Data,
    perturbations: Mapping[str, float | Literal["observed"]] | Sequence[str],
    *,
    network: str = "argen_dag",
    hold: bool | Sequence[str] = False,
    responders: bool | str = True,
    intervals: bool = True,
    n_paths: int = 5,
    gene_symbols: str | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_predict",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_predict(
    adata: _Data,
    perturbations: Mapping[str, float | Literal["observed"]] | Sequence[str],
    *,
    network: str = "argen_dag",
    hold: bool | Sequence[str] = False,
    responders: bool | str = True,
    intervals: bool = True,
    n_paths: int = 5,
    gene_symbols: str | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_predict",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_predict(
    adata: _Data,
    perturbations: Mapping[str, float | Literal["observed"]] | Sequence[str],
    *,
    network: str = "argen_dag",
    hold: bool | Sequence[str] = False,
    responders: bool | str = True,
    intervals: bool = True,
    n_paths: int = 5,
    gene_symbols: str | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_predict",
    copy: bool,
) -> _Data | None: ...
