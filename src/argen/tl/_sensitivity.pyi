from collections.abc import Sequence
from typing import Literal, TypeVar, overload

from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_sensitivity(
    adata: _Data,
    *,
    key: str = "argen_dag",
    vary: Sequence[str] | None = None,
    alphas: Sequence[float] = ...,
    guides: str = "argen_guides",
    replicate: str | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_sensitivity(
    adata: _Data,
    *,
    key: str = "argen_dag",
    vary: Sequence[str] | None = None,
    alphas: Sequence[float] = ...,
    guides: str = "argen_guides",
    replicate: str | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_sensitivity(
    adata: _Data,
    *,
    key: str = "argen_dag",
    vary: Sequence[str] | None = None,
    alphas: Sequence[float] = ...,
    guides: str = "argen_guides",
    replicate: str | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: bool,
) -> _Data | None: ...
