"""What a simulation is made of: one frozen record, of which every preset is an instance."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

__all__ = ["CONTROL_LABEL", "LOG_DEPTH", "Edge", "SimulationParams", "Values", "draw_values"]

CONTROL_LABEL = "control"

LOG_DEPTH = "log_depth"
"""Name under which the log of the relative depth enters the slopes of the assignment."""

Values = float | tuple[float, float] | np.ndarray
"""One number for all, a pair (low, high) to draw uniformly from, or an array with one value each."""

Edge = tuple[str, str, float]
"""Parent, child, direct effect."""


@dataclass(frozen=True, slots=True, eq=False)
class SimulationParams:
    """Parameters of a simulated screen; `argen.datasets.simulate` documents those that it takes.

    Attributes
    ----------
    assignment
        ``"fixed"``: exactly `n_controls` and `cells_per_perturbation` cells, in random order. ``"random"``: each of
        `n_cells` draws its group by softmax, control with the probability `control_fraction` where all covariates are
        0.
    control_slope, target_slope
        How the assignment depends on covariates: log-odds, of a control cell and of the perturbations, per unit of the
        standardised covariate, of the log of the relative depth or of the normal scores of a batch covariate's levels.
    covariate_scale
        Mean and standard deviation of a numeric covariate's column; 0 and 1 by default.
    batch_effect_sd
        Standard deviation of the normal effects of a batch covariate's levels on each gene.
    confounder_slope
        How hidden confounders, otherwise standard normal, depend on covariates.
    depth_distribution
        ``"lognormal"`` or ``"poisson"`` (at least 1).
    """

    genes: int | tuple[str, ...] = 20
    perturbations: int | tuple[str, ...] | None = None
    dag: tuple[Edge, ...] | None = None
    n_parents: tuple[int, int] = (1, 3)
    n_edges: int | None = None
    edge_effect: Values = (0.25, 0.5)
    intercept: Values = 0.5
    knockdown: Values = -1.5
    noise_sd: Values = 0.3
    dispersion: Values = 0.0
    assignment: str = "fixed"
    n_controls: int = 1000
    cells_per_perturbation: int | np.ndarray = 100
    n_cells: int = 3000
    control_fraction: float = 0.5
    control_slope: Mapping[str, float] = field(default_factory=dict)
    target_slope: Mapping[str, float] = field(default_factory=dict)
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
    omit: tuple[str, ...] = ()

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
