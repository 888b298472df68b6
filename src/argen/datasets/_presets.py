"""The named simulations."""

from argen._core.simulate import SimulationParams

__all__ = ["PRESETS"]

_FIG2_EDGES = (
    ("X7", "X1", -0.5),
    ("X7", "X2", -0.5),
    ("X7", "X3", 0.5),
    ("X8", "X4", 0.5),
    ("X8", "X5", 0.5),
    ("X8", "X6", -0.5),
    ("X1", "X2", 0.5),
    ("X1", "X3", -0.5),
    ("X2", "X3", 0.5),
    ("X4", "X5", 0.5),
    ("X5", "X6", -0.5),
    ("X3", "X6", -0.5),
)

PAPER_FIG2 = SimulationParams(
    genes=tuple(f"X{number}" for number in range(1, 9)),
    dag=_FIG2_EDGES,
    intercept=-0.5,
    knockdown=-5.0,
    noise_sd=0.5,
    assignment="random",
    n_cells=8000,
    control_fraction=50 / 58,
    control_slope={"L": 5.0},
    target_slope={"L": 1.0},
    numeric_covariates={"L": 1.0},
    n_confounders=1,
    confounder_effect=-0.5,
    confounder_slope={"L": 0.5},
    depth_distribution="poisson",
    depth_mean=10.0,
)

PAPER_MEDIUM = SimulationParams(
    genes=50,
    n_parents=(1, 3),
    edge_effect=(0.3, 0.6),
    intercept=(-0.5, 2.0),
    knockdown=(-2.5, -1.5),
    noise_sd=0.3,
    dispersion=0.1,
    n_controls=5000,
    cells_per_perturbation=150,
    control_slope={"percent_mito": 0.3, "log_depth": 0.3, "gem_group": 0.3},
    numeric_covariates={"percent_mito": (-0.2, 0.2)},
    covariate_scale={"percent_mito": (8.0, 1.5)},
    batch_covariates={"gem_group": 8},
    batch_effect_sd=0.2,
    n_confounders=1,
    confounder_effect=(-0.5, 0.5),
    confounder_slope={"percent_mito": 0.3},
    depth_log_sd=0.35,
)

K562_LIKE = SimulationParams(
    genes=400,
    n_parents=(1, 3),
    edge_effect=(0.2, 0.5),
    intercept=(-2.5, 1.5),
    knockdown=(-2.0, -1.0),
    noise_sd=0.3,
    dispersion=0.1,
    n_controls=11_000,
    cells_per_perturbation=150,
    control_slope={"percent_mito": 0.2, "log_depth": 0.2, "gem_group": 0.2},
    numeric_covariates={"percent_mito": (-0.15, 0.15)},
    covariate_scale={"percent_mito": (8.0, 1.5)},
    batch_covariates={"gem_group": 48},
    batch_effect_sd=0.15,
    n_confounders=2,
    confounder_effect=(-0.4, 0.4),
    confounder_slope={"percent_mito": 0.2},
    depth_log_sd=0.4,
)

PRESETS = {"paper_fig2": PAPER_FIG2, "paper_medium": PAPER_MEDIUM, "k562_like": K562_LIKE}
