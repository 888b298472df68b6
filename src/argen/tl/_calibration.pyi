from typing import Literal, TypeVar, overload

import numpy as np
from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_calibration(
    adata: _Data,
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    n_splits: int = 20,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_calibration",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_calibration(
    adata: _Data,
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    n_splits: int = 20,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_calibration",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_calibration(
    adata: _Data,
    *,
    key: str = "argen_dag",
    guides: str = "argen_guides",
    n_splits: int = 20,
    responders: bool | str = False,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_calibration",
    copy: bool,
) -> _Data | None: ...
