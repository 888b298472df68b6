from pathlib import Path
from typing import Literal, TypeVar, Unpack, overload

import numpy as np
import pandas as pd
from anndata import AnnData
from distributed import Client
from mudata import MuData

from argen._bridge.settings import DescendantOptions

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_joint(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    chains: int | None = None,
    shifts: bool = True,
    descendants_alpha: float | None = None,
    prior: pd.DataFrame | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_joint",
    copy: Literal[False] = False,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> None: ...
@overload
def argen_joint(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    chains: int | None = None,
    shifts: bool = True,
    descendants_alpha: float | None = None,
    prior: pd.DataFrame | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_joint",
    copy: Literal[True],
    **descendants_kwargs: Unpack[DescendantOptions],
) -> _Data: ...
@overload
def argen_joint(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    chains: int | None = None,
    shifts: bool = True,
    descendants_alpha: float | None = None,
    prior: pd.DataFrame | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_joint",
    copy: bool,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> _Data | None: ...
