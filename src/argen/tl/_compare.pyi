from collections.abc import Sequence
from typing import Literal, TypeVar, overload

from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_compare(
    adata: _Data,
    *,
    by: str | None = None,
    network: str = "argen_dag",
    levels: Sequence[str] | None = None,
    reference: str | None = None,
    replicate: str | None = None,
    min_cells: int | None = None,
    responders: bool | str = False,
    alpha: float = 0.05,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_compare",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_compare(
    adata: _Data,
    *,
    by: str | None = None,
    network: str = "argen_dag",
    levels: Sequence[str] | None = None,
    reference: str | None = None,
    replicate: str | None = None,
    min_cells: int | None = None,
    responders: bool | str = False,
    alpha: float = 0.05,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_compare",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_compare(
    adata: _Data,
    *,
    by: str | None = None,
    network: str = "argen_dag",
    levels: Sequence[str] | None = None,
    reference: str | None = None,
    replicate: str | None = None,
    min_cells: int | None = None,
    responders: bool | str = False,
    alpha: float = 0.05,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "argen_compare",
    copy: bool,
) -> _Data | None: ...
