from typing import Literal, TypeVar, overload

from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_modules(
    adata: _Data,
    *,
    network: str = "argen_dag",
    method: Literal["louvain", "leiden"] = "louvain",
    resolution: float = 1.0,
    responders: bool | str = False,
    seed: int = 0,
    key_added: str = "argen_modules",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_modules(
    adata: _Data,
    *,
    network: str = "argen_dag",
    method: Literal["louvain", "leiden"] = "louvain",
    resolution: float = 1.0,
    responders: bool | str = False,
    seed: int = 0,
    key_added: str = "argen_modules",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_modules(
    adata: _Data,
    *,
    network: str = "argen_dag",
    method: Literal["louvain", "leiden"] = "louvain",
    resolution: float = 1.0,
    responders: bool | str = False,
    seed: int = 0,
    key_added: str = "argen_modules",
    copy: bool,
) -> _Data | None: ...
