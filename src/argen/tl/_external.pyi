from collections.abc import Mapping
from typing import Any, Literal, Unpack, overload

from anndata import AnnData

from argen.tl._options import LevelledDescendantOptions

@overload
def external_dag(
    adata: AnnData,
    *,
    method: Literal["pc", "ges", "gies", "notears"],
    cells: Literal["control", "all"] = "control",
    options: Mapping[str, Any] | None = None,
    descendants_key: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "external_dag",
    copy: Literal[False] = False,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> None: ...
@overload
def external_dag(
    adata: AnnData,
    *,
    method: Literal["pc", "ges", "gies", "notears"],
    cells: Literal["control", "all"] = "control",
    options: Mapping[str, Any] | None = None,
    descendants_key: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "external_dag",
    copy: Literal[True],
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> AnnData: ...
@overload
def external_dag(
    adata: AnnData,
    *,
    method: Literal["pc", "ges", "gies", "notears"],
    cells: Literal["control", "all"] = "control",
    options: Mapping[str, Any] | None = None,
    descendants_key: str = "argen_descendants",
    n_jobs: int | None = None,
    key_added: str = "external_dag",
    copy: bool,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> AnnData | None: ...
