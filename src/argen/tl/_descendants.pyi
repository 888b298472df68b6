from collections.abc import Sequence
from typing import Literal, overload

from anndata import AnnData

@overload
def argen_descendants(
    adata: AnnData,
    *,
    target_key: str = "argen_target",
    control: str | Sequence[str] = "control",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    targets: Sequence[str] | None = None,
    family: Literal["poisson", "negative_binomial"] = "poisson",
    closure: Literal["acyclic", True, False] = "acyclic",
    test: Literal["auto", "wald", "score"] = "auto",
    hc: Literal["HC0", "HC1", "HC3"] | None = None,
    pooled: bool = False,
    alpha: float = 0.01,
    min_cells: int = 10,
    n_jobs: int | None = None,
    key_added: str = "argen_descendants",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_descendants(
    adata: AnnData,
    *,
    target_key: str = "argen_target",
    control: str | Sequence[str] = "control",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    targets: Sequence[str] | None = None,
    family: Literal["poisson", "negative_binomial"] = "poisson",
    closure: Literal["acyclic", True, False] = "acyclic",
    test: Literal["auto", "wald", "score"] = "auto",
    hc: Literal["HC0", "HC1", "HC3"] | None = None,
    pooled: bool = False,
    alpha: float = 0.01,
    min_cells: int = 10,
    n_jobs: int | None = None,
    key_added: str = "argen_descendants",
    copy: Literal[True],
) -> AnnData: ...
@overload
def argen_descendants(
    adata: AnnData,
    *,
    target_key: str = "argen_target",
    control: str | Sequence[str] = "control",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    targets: Sequence[str] | None = None,
    family: Literal["poisson", "negative_binomial"] = "poisson",
    closure: Literal["acyclic", True, False] = "acyclic",
    test: Literal["auto", "wald", "score"] = "auto",
    hc: Literal["HC0", "HC1", "HC3"] | None = None,
    pooled: bool = False,
    alpha: float = 0.01,
    min_cells: int = 10,
    n_jobs: int | None = None,
    key_added: str = "argen_descendants",
    copy: bool,
) -> AnnData | None: ...
