from typing import Literal, TypeVar, overload

from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_overidentification(
    adata: _Data,
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    min_cells: int = 30,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_overidentification",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_overidentification(
    adata: _Data,
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    min_cells: int = 30,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_overidentification",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_overidentification(
    adata: _Data,
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    min_cells: int = 30,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_overidentification",
    copy: bool,
) -> _Data | None: ...
