from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar, overload

import pandas as pd
from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_enrichment(
    adata: _Data,
    *,
    gene_sets: Mapping[str, Sequence[str]] | pd.DataFrame | str | Path,
    of: Literal["modules", "hubs", "regulated", "children", "parents"] | Mapping[str, Sequence[str]] = "modules",
    network: str = "argen_dag",
    modules: str = "argen_modules",
    n_hubs: int = 20,
    responders: bool | str = False,
    background: Sequence[str] | None = None,
    min_size: int = 3,
    max_size: int | None = None,
    alpha: float = 0.05,
    gene_symbols: str | None = None,
    key_added: str = "argen_enrichment",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_enrichment(
    adata: _Data,
    *,
    gene_sets: Mapping[str, Sequence[str]] | pd.DataFrame | str | Path,
    of: Literal["modules", "hubs", "regulated", "children", "parents"] | Mapping[str, Sequence[str]] = "modules",
    network: str = "argen_dag",
    modules: str = "argen_modules",
    n_hubs: int = 20,
    responders: bool | str = False,
    background: Sequence[str] | None = None,
    min_size: int = 3,
    max_size: int | None = None,
    alpha: float = 0.05,
    gene_symbols: str | None = None,
    key_added: str = "argen_enrichment",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_enrichment(
    adata: _Data,
    *,
    gene_sets: Mapping[str, Sequence[str]] | pd.DataFrame | str | Path,
    of: Literal["modules", "hubs", "regulated", "children", "parents"] | Mapping[str, Sequence[str]] = "modules",
    network: str = "argen_dag",
    modules: str = "argen_modules",
    n_hubs: int = 20,
    responders: bool | str = False,
    background: Sequence[str] | None = None,
    min_size: int = 3,
    max_size: int | None = None,
    alpha: float = 0.05,
    gene_symbols: str | None = None,
    key_added: str = "argen_enrichment",
    copy: bool,
) -> _Data | None: ...
