"""`ag.datasets.simulate`: screens from the paper's model, with the truth attached."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.validate import check_option
from argen._core.simulate import SimulationParams, simulate_screen
from argen.errors import InputError

from ._presets import PRESETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from anndata import AnnData
    from mudata import MuData
    from numpy.typing import ArrayLike
    from scipy import sparse

__all__ = ["simulate"]


def simulate(  # noqa: PLR0913
    preset: str | None = None,
    *,
    rng: int | np.random.Generator | None = 0,
    genes: int | Sequence[str] | None = None,
    targets: int | Sequence[str] | None = None,
    dag: str | pd.DataFrame | ArrayLike | sparse.spmatrix | None = None,
    n_parents: tuple[int, int] | None = None,
    n_edges: int | None = None,
    edge_effect: float | tuple[float, float] | None = None,
    positive_fraction: float | None = None,
    intercept: float | tuple[float, float] | ArrayLike | None = None,
    knockdown: float | tuple[float, float] | ArrayLike | None = None,
    noise_sd: float | tuple[float, float] | ArrayLike | None = None,
    dispersion: float | tuple[float, float] | ArrayLike | None = None,
    assignment: str | None = None,
    n_controls: int | None = None,
    cells_per_target: int | ArrayLike | None = None,
    n_cells: int | None = None,
    control_fraction: float | None = None,
    control_slope: Mapping[str, float] | None = None,
    target_slope: Mapping[str, float | ArrayLike] | None = None,
    numeric_covariates: Mapping[str, float | tuple[float, float] | ArrayLike] | None = None,
    covariate_scale: Mapping[str, tuple[float, float]] | None = None,
    batch_covariates: Mapping[str, int] | None = None,
    batch_effect_sd: float | None = None,
    n_confounders: int | None = None,
    confounder_effect: float | tuple[float, float] | ArrayLike | None = None,
    confounder_slope: Mapping[str, float] | None = None,
    depth_distribution: str | None = None,
    depth_mean: float | None = None,
    depth_log_sd: float | None = None,
    guides_per_target: int | None = None,
    control_guides: int | None = None,
    guide_efficacy: float | tuple[float, float] | ArrayLike | None = None,
    off_targets: int | None = None,
    off_target_effect: float | tuple[float, float] | ArrayLike | None = None,
    guide_counts: bool | None = None,
    guide_umi: float | None = None,
    ambient_umi: float | None = None,
    omit: Sequence[str] | None = None,
    control: str | None = None,
    keep_log_mean: bool | None = None,
) -> AnnData | MuData:
    """Simulate a Perturb-seq screen from a causal gene network."""
    given = {name: value for name, value in locals().items() if name not in {"preset", "rng"} and value is not None}
    if preset is not None:
        check_option("preset", preset, list(PRESETS))
    params = replace(SimulationParams() if preset is None else PRESETS[preset], **given)
    from ._anndata import to_anndata

    return to_anndata(simulate_screen(params, np.random.default_rng(rng)), params, preset=preset, rng=rng)
