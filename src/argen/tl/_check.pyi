from typing import Literal, TypeVar, overload

import pandas as pd
from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_check(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    guides: str | None = None,
    positions: pd.DataFrame | None = None,
    distance: int = 100000,
    n_jobs: int | None = None,
    key_added: str = "argen_check",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_check(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    guides: str | None = None,
    positions: pd.DataFrame | None = None,
    distance: int = 100000,
    n_jobs: int | None = None,
    key_added: str = "argen_check",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_check(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    guides: str | None = None,
    positions: pd.DataFrame | None = None,
    distance: int = 100000,
    n_jobs: int | None = None,
    key_added: str = "argen_check",
    copy: bool,
) -> _Data | None: ...
