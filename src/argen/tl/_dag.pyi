from typing import Literal, Unpack, overload

import pandas as pd
from anndata import AnnData

from argen.tl._options import DescendantOptions

@overload
def argen_dag(
    adata: AnnData,
    *,
    descendants_key: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    covariance: Literal["murphy-topel", "stacked", "naive"] = "murphy-topel",
    edges_hc: Literal["HC0", "HC3"] = "HC0",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    robust: bool | None = None,
    prior: pd.DataFrame | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_dag",
    copy: Literal[False] = False,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> None: ...
@overload
def argen_dag(
    adata: AnnData,
    *,
    descendants_key: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    covariance: Literal["murphy-topel", "stacked", "naive"] = "murphy-topel",
    edges_hc: Literal["HC0", "HC3"] = "HC0",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    robust: bool | None = None,
    prior: pd.DataFrame | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_dag",
    copy: Literal[True],
    **descendants_kwargs: Unpack[DescendantOptions],
) -> AnnData: ...
@overload
def argen_dag(
    adata: AnnData,
    *,
    descendants_key: str = "argen_descendants",
    first_stage: Literal["ancestors", "shared", "shrunk"] = "shrunk",
    covariance: Literal["murphy-topel", "stacked", "naive"] = "murphy-topel",
    edges_hc: Literal["HC0", "HC3"] = "HC0",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    robust: bool | None = None,
    prior: pd.DataFrame | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_dag",
    copy: bool,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> AnnData | None: ...
