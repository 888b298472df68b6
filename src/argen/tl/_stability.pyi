from typing import Literal, overload

import numpy as np
from anndata import AnnData

@overload
def argen_stability(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    n_draws: int = 200,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_stability",
    copy: Literal[False] = False,
) -> None: ...
@overload
def argen_stability(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    n_draws: int = 200,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_stability",
    copy: Literal[True],
) -> AnnData: ...
@overload
def argen_stability(
    adata: AnnData,
    *,
    key: str = "argen_dag",
    n_draws: int = 200,
    rng: int | np.random.Generator = 0,
    n_jobs: int | None = None,
    key_added: str = "argen_stability",
    copy: bool,
) -> AnnData | None: ...
