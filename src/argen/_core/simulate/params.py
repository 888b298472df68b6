"""What a simulation is made of: one frozen record, of which every preset is an instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["LOG_DEPTH", "Edge", "SimulationParams", "Values", "draw_values"]

LOG_DEPTH = "log_depth"
"""Name under which the log of the relative depth enters the slopes of the assignment."""

Values = float | tuple[float, float] | np.ndarray
"""One number for all, a pair (low, high) to draw uniformly from, or an array with one value each."""

Edge = tuple[str, str, float]
"""Parent, child, direct effect."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulationParams:
    """Parameters of a simulated screen; `argen.datasets.simulate` documents each of them."""

    genes: int | tuple[str, ...] = 20
    targets: int | tuple[str, ...] | None = None
    dag: tuple[Edge, ...] | None = None
    n_parents: tuple[int, int] = (1, 3)
    n_edges: int | None = None
    edge_effect: Values = (0.25, 0.5)
    positive_fraction: float = 0.5
    intercept: Values = 0.5
    knockdown: Values = -1.5
    noise_sd: Values = 0.3
    dispersion: Values = 0.0
    assignment: str = "fixed"
    n_controls: int = 1000
    cells_per_target: int | np.ndarray = 100
    n_cells: int = 3000
    control_fraction: float = 0.5
    control_slope: Mapping[str, float] = field(default_factory=dict)
    target_slope: Mapping[str, float | np.ndarray] = field(default_factory=dict)
    numeric_covariates: Mapping[str, Values] = field(default_factory=dict)
    covariate_scale: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    batch_covariates: Mapping[str, int] = field(default_factory=dict)
    batch_effect_sd: float = 0.2
    n_confounders: int = 0
    confounder_effect: Values = (-0.5, 0.5)
    confounder_slope: Mapping[str, float] = field(default_factory=dict)
    depth_distribution: str = "lognormal"
    depth_mean: float = 1.0
    depth_log_sd: float = 0.3
    guides_per_target: int = 1
    control_guides: int = 1
    guide_efficacy: Values = 1.0
    off_targets: int = 0
    off_target_effect: Values = -1.0
    guide_counts: bool = False
    guide_umi: float = 50.0
    ambient_umi: float = 2.0
    omit: tuple[str, ...] = ()
    control: str = "control"
    keep_log_mean: bool = False

    @property
    def gene_names(self) -> tuple[str, ...]:
        """Names of all genes, the omitted ones included."""
        if not isinstance(self.genes, int):
            return self.genes
        width = len(str(self.genes))
        return tuple(f"G{number:0{width}d}" for number in range(1, self.genes + 1))


def draw_values(values: Values, shape: int | tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """One value repeated, a uniform draw between two, or the array itself."""
    if isinstance(values, tuple):
        return rng.uniform(*values, size=shape)
    return np.broadcast_to(np.asarray(values, dtype=float), shape).copy()
