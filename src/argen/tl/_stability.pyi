from typing import Literal, TypeVar, overload

import numpy as np
from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_stability(
    adata: _Data,
    *,
    key: str = "argen_dag",
    n_draws: int = 200,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_stability",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_stability(
    adata: _Data,
    *,
    key: str = "argen_dag",
    n_draws: int = 200,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_stability",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_stability(
    adata: _Data,
    *,
    key: str = "argen_dag",
    n_draws: int = 200,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_stability",
    copy: bool,
) -> _Data | None: ...
