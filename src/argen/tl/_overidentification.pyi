from typing import Literal, overload

from anndata import AnnData

@overload
def argen_overidentification(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    guides_key: str = "argen_guides",
    min_cells: int = 30,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_overidentification",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_overidentification(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    guides_key: str = "argen_guides",
    min_cells: int = 30,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_overidentification",
    copy: Literal[True],
) -> AnnData: ...
@overload
def argen_overidentification(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    guides_key: str = "argen_guides",
    min_cells: int = 30,
    alpha: float = 0.05,
    n_jobs: int | None = None,
    key_added: str = "argen_overidentification",
    copy: bool,
) -> AnnData | None: ...
