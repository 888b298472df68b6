from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar, overload

import numpy as np
import pandas as pd
from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_evidence(
    adata: _Data,
    *,
    network: str = "argen_dag",
    responders: bool | str = False,
    positions: str | Path | pd.DataFrame | None = None,
    assembly: str | None = None,
    pairs: Mapping[str, pd.DataFrame | str | Path] | None = None,
    domains: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    compartments: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    boundaries: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    contacts: Mapping[str, str | Path] | str | Path | None = None,
    peaks: Mapping[str, pd.DataFrame | str | Path] | None = None,
    promoter: tuple[int, int] = ...,
    others: Mapping[str, str] | Sequence[str] | str | None = None,
    groups: Literal["chromosome"] | None = None,
    n_permutations: int = 1000,
    rng: int | np.random.Generator = 0,
    gene_symbols: str | None = None,
    key_added: str = "argen_evidence",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_evidence(
    adata: _Data,
    *,
    network: str = "argen_dag",
    responders: bool | str = False,
    positions: str | Path | pd.DataFrame | None = None,
    assembly: str | None = None,
    pairs: Mapping[str, pd.DataFrame | str | Path] | None = None,
    domains: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    compartments: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    boundaries: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    contacts: Mapping[str, str | Path] | str | Path | None = None,
    peaks: Mapping[str, pd.DataFrame | str | Path] | None = None,
    promoter: tuple[int, int] = ...,
    others: Mapping[str, str] | Sequence[str] | str | None = None,
    groups: Literal["chromosome"] | None = None,
    n_permutations: int = 1000,
    rng: int | np.random.Generator = 0,
    gene_symbols: str | None = None,
    key_added: str = "argen_evidence",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_evidence(
    adata: _Data,
    *,
    network: str = "argen_dag",
    responders: bool | str = False,
    positions: str | Path | pd.DataFrame | None = None,
    assembly: str | None = None,
    pairs: Mapping[str, pd.DataFrame | str | Path] | None = None,
    domains: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    compartments: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    boundaries: Mapping[str, pd.DataFrame | str | Path] | pd.DataFrame | str | Path | None = None,
    contacts: Mapping[str, str | Path] | str | Path | None = None,
    peaks: Mapping[str, pd.DataFrame | str | Path] | None = None,
    promoter: tuple[int, int] = ...,
    others: Mapping[str, str] | Sequence[str] | str | None = None,
    groups: Literal["chromosome"] | None = None,
    n_permutations: int = 1000,
    rng: int | np.random.Generator = 0,
    gene_symbols: str | None = None,
    key_added: str = "argen_evidence",
    copy: bool,
) -> _Data | None: ...
