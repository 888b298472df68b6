from typing import Literal, TypeVar, Unpack, overload

from anndata import AnnData
from mudata import MuData

from argen._bridge.settings import DescendantOptions

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_naive(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_naive",
    copy: Literal[False] = False,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> None: ...
@overload
def argen_naive(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_naive",
    copy: Literal[True],
    **descendants_kwargs: Unpack[DescendantOptions],
) -> _Data: ...
@overload
def argen_naive(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    alpha: float = 0.05,
    fdr: Literal["batch-bh", "bh"] = "batch-bh",
    descendants_alpha: float | None = None,
    n_jobs: int | None = None,
    key_added: str = "argen_naive",
    copy: bool,
    **descendants_kwargs: Unpack[DescendantOptions],
) -> _Data | None: ...
