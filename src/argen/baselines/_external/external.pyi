from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Unpack, overload

from anndata import AnnData
from mudata import MuData

from argen._bridge.settings import LevelledDescendantOptions

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def external_dag(
    adata: _Data,
    *,
    method: Literal["pc", "ges", "gies", "notears"],
    cells: Literal["control", "all"] = "control",
    options: Mapping[str, Any] | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "external_dag",
    copy: Literal[False] = False,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> None: ...
@overload
def external_dag(
    adata: _Data,
    *,
    method: Literal["pc", "ges", "gies", "notears"],
    cells: Literal["control", "all"] = "control",
    options: Mapping[str, Any] | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "external_dag",
    copy: Literal[True],
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> _Data: ...
@overload
def external_dag(
    adata: _Data,
    *,
    method: Literal["pc", "ges", "gies", "notears"],
    cells: Literal["control", "all"] = "control",
    options: Mapping[str, Any] | None = None,
    descendants: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "external_dag",
    copy: bool,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> _Data | None: ...
