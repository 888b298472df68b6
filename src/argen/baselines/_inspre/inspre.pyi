from collections.abc import Sequence
from typing import Literal, TypeVar, Unpack, overload

import numpy as np
from anndata import AnnData
from mudata import MuData

from argen._bridge.settings import LevelledDescendantOptions

_Data = TypeVar("_Data", AnnData, MuData)

@overload
def inspre(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    effects: Literal["argen", "z"] = "argen",
    weights: Literal["none", "se", "variance"] = "se",
    max_weight: float = 10.0,
    lambdas: float | Sequence[float] | None = None,
    select: Literal["cv", "cv-min", "stability"] = "cv",
    n_folds: int = 5,
    dag: bool = False,
    min_effect: float = 0.1,
    max_iter: int = 300,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "inspre",
    copy: Literal[False] = False,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> None: ...
@overload
def inspre(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    effects: Literal["argen", "z"] = "argen",
    weights: Literal["none", "se", "variance"] = "se",
    max_weight: float = 10.0,
    lambdas: float | Sequence[float] | None = None,
    select: Literal["cv", "cv-min", "stability"] = "cv",
    n_folds: int = 5,
    dag: bool = False,
    min_effect: float = 0.1,
    max_iter: int = 300,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "inspre",
    copy: Literal[True],
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> _Data: ...
@overload
def inspre(
    adata: _Data,
    *,
    descendants: str = "argen_descendants",
    effects: Literal["argen", "z"] = "argen",
    weights: Literal["none", "se", "variance"] = "se",
    max_weight: float = 10.0,
    lambdas: float | Sequence[float] | None = None,
    select: Literal["cv", "cv-min", "stability"] = "cv",
    n_folds: int = 5,
    dag: bool = False,
    min_effect: float = 0.1,
    max_iter: int = 300,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "inspre",
    copy: bool,
    **descendants_kwargs: Unpack[LevelledDescendantOptions],
) -> _Data | None: ...
