from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TypeVar, overload

from anndata import AnnData
from distributed import Client
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_descendants(
    adata: _Data,
    *,
    perturbation_key: str = "argen_perturbation",
    control: str | Sequence[str] = "control",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    perturbations: Sequence[str] | None = None,
    family: Literal["poisson", "negative_binomial"] = "poisson",
    closure: Literal["acyclic", True, False] = "acyclic",
    test: Literal["auto", "wald", "score"] = "auto",
    hc: Literal["HC0", "HC1", "HC3"] | None = None,
    pooled: bool = False,
    adjust: Literal["auto", "perturbations", "genes", "both"] | None = "auto",
    alpha: float = 0.01,
    min_cells: int = 10,
    responders: Literal["auto", "all"] | str | Iterable[str] | None = "auto",
    min_counts: int = 20,
    gene_symbols: str | None = None,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_descendants",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_descendants(
    adata: _Data,
    *,
    perturbation_key: str = "argen_perturbation",
    control: str | Sequence[str] = "control",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    perturbations: Sequence[str] | None = None,
    family: Literal["poisson", "negative_binomial"] = "poisson",
    closure: Literal["acyclic", True, False] = "acyclic",
    test: Literal["auto", "wald", "score"] = "auto",
    hc: Literal["HC0", "HC1", "HC3"] | None = None,
    pooled: bool = False,
    adjust: Literal["auto", "perturbations", "genes", "both"] | None = "auto",
    alpha: float = 0.01,
    min_cells: int = 10,
    responders: Literal["auto", "all"] | str | Iterable[str] | None = "auto",
    min_counts: int = 20,
    gene_symbols: str | None = None,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_descendants",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_descendants(
    adata: _Data,
    *,
    perturbation_key: str = "argen_perturbation",
    control: str | Sequence[str] = "control",
    covariates: str | Sequence[str] | None = None,
    depth: str | None = None,
    layer: str | None = None,
    perturbations: Sequence[str] | None = None,
    family: Literal["poisson", "negative_binomial"] = "poisson",
    closure: Literal["acyclic", True, False] = "acyclic",
    test: Literal["auto", "wald", "score"] = "auto",
    hc: Literal["HC0", "HC1", "HC3"] | None = None,
    pooled: bool = False,
    adjust: Literal["auto", "perturbations", "genes", "both"] | None = "auto",
    alpha: float = 0.01,
    min_cells: int = 10,
    responders: Literal["auto", "all"] | str | Iterable[str] | None = "auto",
    min_counts: int = 20,
    gene_symbols: str | None = None,
    n_jobs: int | None = None,
    client: Client | bool | None = None,
    memory_limit: str | float | None = None,
    checkpoint: str | Path | None = None,
    key_added: str = "argen_descendants",
    copy: bool,
) -> _Data | None: ...
