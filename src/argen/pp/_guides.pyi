import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar, overload

import pandas as pd
from anndata import AnnData
from mudata import MuData

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def argen_guides(
    data: _Data,
    *,
    rna: str | None = None,
    guides: str | None = None,
    guide_target: str | Path | re.Pattern | Mapping[str, str] | pd.Series | pd.DataFrame | None = None,
    guide_layer: str | None = None,
    labels: str | None = None,
    control: str | Iterable[str] | None = None,
    method: Literal["mixture", "gaussian", "poisson_gauss", "threshold", "max", "labels"] | None = None,
    probability: float = 0.8,
    min_umi: int = 5,
    min_fraction: float = 0.8,
    dispersion: Literal["none", "auto"] = "none",
    batch: str | Sequence[str] | None = None,
    guide_depth: str | None = None,
    ignore_control_partner: bool = True,
    separator: str | None = None,
    on_mismatch: Literal["raise", "warn"] = "raise",
    n_jobs: int | None = None,
    key_added: str = "argen_guides",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_guides(
    data: _Data,
    *,
    rna: str | None = None,
    guides: str | None = None,
    guide_target: str | Path | re.Pattern | Mapping[str, str] | pd.Series | pd.DataFrame | None = None,
    guide_layer: str | None = None,
    labels: str | None = None,
    control: str | Iterable[str] | None = None,
    method: Literal["mixture", "gaussian", "poisson_gauss", "threshold", "max", "labels"] | None = None,
    probability: float = 0.8,
    min_umi: int = 5,
    min_fraction: float = 0.8,
    dispersion: Literal["none", "auto"] = "none",
    batch: str | Sequence[str] | None = None,
    guide_depth: str | None = None,
    ignore_control_partner: bool = True,
    separator: str | None = None,
    on_mismatch: Literal["raise", "warn"] = "raise",
    n_jobs: int | None = None,
    key_added: str = "argen_guides",
    copy: Literal[True],
) -> _Data: ...
@overload
def argen_guides(
    data: _Data,
    *,
    rna: str | None = None,
    guides: str | None = None,
    guide_target: str | Path | re.Pattern | Mapping[str, str] | pd.Series | pd.DataFrame | None = None,
    guide_layer: str | None = None,
    labels: str | None = None,
    control: str | Iterable[str] | None = None,
    method: Literal["mixture", "gaussian", "poisson_gauss", "threshold", "max", "labels"] | None = None,
    probability: float = 0.8,
    min_umi: int = 5,
    min_fraction: float = 0.8,
    dispersion: Literal["none", "auto"] = "none",
    batch: str | Sequence[str] | None = None,
    guide_depth: str | None = None,
    ignore_control_partner: bool = True,
    separator: str | None = None,
    on_mismatch: Literal["raise", "warn"] = "raise",
    n_jobs: int | None = None,
    key_added: str = "argen_guides",
    copy: bool,
) -> _Data | None: ...
