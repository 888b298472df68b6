from collections.abc import Sequence
from typing import Literal, overload

from anndata import AnnData

@overload
def argen_sensitivity(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    alphas: Sequence[float] = ...,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_sensitivity(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    alphas: Sequence[float] = ...,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: Literal[True],
) -> AnnData: ...
@overload
def argen_sensitivity(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    alphas: Sequence[float] = ...,
    n_jobs: int | None = None,
    key_added: str = "argen_sensitivity",
    copy: bool,
) -> AnnData | None: ...
