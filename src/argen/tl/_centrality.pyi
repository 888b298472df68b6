from typing import Literal, TypeVar, overload

from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_centrality(
    adata: _Data,
    *,
    network: str = "argen_dag",
    attenuation: float = 0.1,
    n_hubs: int = 20,
    responders: bool | str = False,
    key_added: str = "argen_centrality",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_centrality(
    adata: _Data,
    *,
    network: str = "argen_dag",
    attenuation: float = 0.1,
    n_hubs: int = 20,
    responders: bool | str = False,
    key_added: str = "argen_centrality",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_centrality(
    adata: _Data,
    *,
    network: str = "argen_dag",
    attenuation: float = 0.1,
    n_hubs: int = 20,
    responders: bool | str = False,
    key_added: str = "argen_centrality",
    copy: bool,
) -> _Data | None: ...
