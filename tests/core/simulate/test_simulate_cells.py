"""Who is perturbed: assignment given covariates and depth, and confounders given covariates."""

import numpy as np
import pytest
import statsmodels.api as sm

from argen._core.simulate import SimulationParams, simulate_screen

SMALL = {"genes": 3, "n_edges": 0, "noise_sd": 0.0}


def simulate(*, keep_log_mean=False, **options):
    params = SimulationParams(**SMALL, **options)
    return simulate_screen(params, np.random.default_rng(0), keep_log_mean=keep_log_mean)


def log_odds(cells, columns):
    """Coefficients and standard errors of a logistic regression of being a control cell."""
    fit = sm.Logit((cells.perturbation < 0).astype(float), sm.add_constant(np.column_stack(columns))).fit(disp=0)
    return fit.params[1:], fit.bse[1:]


def test_random_assignment_has_the_log_odds_asked_for():
    cells = simulate(
        assignment="random",
        n_cells=20_000,
        control_fraction=0.4,
        numeric_covariates={"mito": 0.0, "age": 0.0},
        control_slope={"mito": 0.8, "log_depth": -0.5},
        target_slope={"mito": 0.3},
    ).cells
    found, error = log_odds(cells, [*cells.numeric, np.log(cells.depth)])
    assert (np.abs(found - [0.5, 0.0, -0.5]) < 4.5 * error).all()


def test_fixed_assignment_depends_on_covariates_and_depth_with_exact_sizes():
    cells = simulate(
        n_controls=6000,
        cells_per_perturbation=[1000, 2000, 3000],
        numeric_covariates={"mito": 0.0},
        batch_covariates={"gem": 5},
        control_slope={"mito": 0.7, "log_depth": 1.0, "gem": 0.5},
    ).cells
    assert np.bincount(cells.perturbation + 1).tolist() == [6000, 1000, 2000, 3000]
    control, mito, gem = cells.perturbation < 0, cells.numeric[0], cells.batch[0]
    assert mito[control].mean() > mito[~control].mean() + 0.4
    assert cells.depth[control].mean() > cells.depth[~control].mean() + 0.05
    assert np.ptp([control[gem == level].mean() for level in range(5)]) > 0.1
    assert not control[:6000].all()  # in random order


def test_fixed_assignment_ignores_the_cells_without_slopes():
    cells = simulate(n_controls=5000, cells_per_perturbation=1000, numeric_covariates={"mito": 0.0}).cells
    found, error = log_odds(cells, [*cells.numeric, np.log(cells.depth)])
    assert (np.abs(found) < 4.5 * error).all()


def test_confounders_depend_on_covariates_and_act_with_any_loadings():
    loadings = np.array([[0.5, -1.0], [0.0, 0.3], [-0.7, 0.0]])
    screen = simulate(
        n_controls=4000,
        numeric_covariates={"mito": 0.0},
        n_confounders=2,
        confounder_effect=loadings,
        confounder_slope={"mito": 0.6},
        knockdown=0.0,
        intercept=0.0,
        keep_log_mean=True,
    )
    hidden = screen.cells.confounders
    np.testing.assert_allclose(screen.log_mean, hidden.T @ loadings.T, atol=1e-12)
    fit = sm.OLS(hidden[0], sm.add_constant(screen.cells.numeric[0])).fit()
    assert fit.params[1] == pytest.approx(0.6, abs=4.5 * fit.bse[1])
    assert fit.resid.std() == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(
    ("options", "mean", "sd"),
    [
        ({"depth_mean": 2.0, "depth_log_sd": 0.4}, 2.0, 2 * np.sqrt(np.expm1(0.16))),
        ({"depth_distribution": "poisson", "depth_mean": 30.0}, 30.0, np.sqrt(30)),
        ({"depth_mean": 3.0, "depth_log_sd": 0.0}, 3.0, 0.0),
    ],
)
def test_depth(options, mean, sd):
    depth = simulate(n_controls=10_000, **options).cells.depth
    assert depth.mean() == pytest.approx(mean, abs=4.5 * sd / np.sqrt(10_000) + 1e-12)
    assert depth.std() == pytest.approx(sd, rel=0.05, abs=1e-12)
    assert depth.min() > 0


def test_poisson_depth_is_never_zero():
    assert simulate(depth_distribution="poisson", depth_mean=1.0).cells.depth.min() == 1
