from typing import Literal, overload

import numpy as np
from anndata import AnnData

@overload
def argen_calibration(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    guides_key: str = "argen_guides",
    n_splits: int = 20,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_calibration",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_calibration(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    guides_key: str = "argen_guides",
    n_splits: int = 20,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_calibration",
    copy: Literal[True],
) -> AnnData: ...
@overload
def argen_calibration(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    guides_key: str = "argen_guides",
    n_splits: int = 20,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_calibration",
    copy: bool,
) -> AnnData | None: ...
