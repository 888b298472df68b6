from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar, overload

import numpy as np
from anndata import AnnData
from distributed import Client
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_responders(
    adata: _Data,
    *,
    network: str = "argen_dag",
    responders: Literal["all"] | str | Iterable[str] | None = None,
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    alpha: float = 0.05,
    robust: bool | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_responders",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_responders(
    adata: _Data,
    *,
    network: str = "argen_dag",
    responders: Literal["all"] | str | Iterable[str] | None = None,
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    alpha: float = 0.05,
    robust: bool | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_responders",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_responders(
    adata: _Data,
    *,
    network: str = "argen_dag",
    responders: Literal["all"] | str | Iterable[str] | None = None,
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    alpha: float = 0.05,
    robust: bool | None = None,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_responders",
    copy: bool,
) -> _Data | None: ...
