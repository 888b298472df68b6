from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeVar, Unpack, overload

import pandas as pd
from anndata import AnnData
from distributed import Client
from mudata import MuData

from argen._bridge.settings import DescendantOptions

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_dag(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    covariance: Literal["murphy-topel", "stacked", "naive"] = "murphy-topel",
    edges_hc: Literal["HC0", "HC3"] = "HC0",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    robust: bool | None = None,
    prior: pd.DataFrame | None = None,
    groups: str | Mapping[str, object] | pd.Series | None = None,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_dag",
    copy: Literal[False] = False,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> None: ...
@overload
def argen_dag(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    covariance: Literal["murphy-topel", "stacked", "naive"] = "murphy-topel",
    edges_hc: Literal["HC0", "HC3"] = "HC0",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    robust: bool | None = None,
    prior: pd.DataFrame | None = None,
    groups: str | Mapping[str, object] | pd.Series | None = None,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_dag",
    copy: Literal[True],
    **descendants_kwargs: Unpack[DescendantOptions],
) -> _Data: ...
@overload
def argen_dag(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    covariance: Literal["murphy-topel", "stacked", "naive"] = "murphy-topel",
    edges_hc: Literal["HC0", "HC3"] = "HC0",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    robust: bool | None = None,
    prior: pd.DataFrame | None = None,
    groups: str | Mapping[str, object] | pd.Series | None = None,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_dag",
    copy: bool,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> _Data | None: ...
