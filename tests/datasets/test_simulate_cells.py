"""Who is perturbed: assignment given covariates and depth, and confounders given covariates."""

import numpy as np
import pytest
import statsmodels.api as sm

import argen as ag

SMALL = {"genes": 3, "n_edges": 0, "noise_sd": 0.0}


def log_odds(adata, columns):
    """Coefficients and standard errors of a logistic regression of being a control cell."""
    design = sm.add_constant(np.column_stack(columns))
    fit = sm.Logit((adata.obs["target"] == "control").to_numpy(float), design).fit(disp=0)
    return fit.params[1:], fit.bse[1:]


def test_random_assignment_has_the_log_odds_asked_for():
    adata = ag.datasets.simulate(
        **SMALL,
        assignment="random",
        n_cells=20_000,
        control_fraction=0.4,
        numeric_covariates={"mito": 0.0, "age": 0.0},
        control_slope={"mito": 0.8, "log_depth": -0.5},
        target_slope={"mito": 0.3},
    )
    log_depth = np.log(adata.obs["depth"])
    found, error = log_odds(adata, [adata.obs["mito"], adata.obs["age"], log_depth])
    assert (np.abs(found - [0.5, 0.0, -0.5]) < 4.5 * error).all()


def test_targets_may_have_slopes_of_their_own():
    adata = ag.datasets.simulate(
        **SMALL,
        assignment="random",
        n_cells=20_000,
        numeric_covariates={"mito": 0.0},
        target_slope={"mito": [-1.0, 0.0, 1.0]},
    )
    design = sm.add_constant(adata.obs["mito"].to_numpy())
    fit = sm.MNLogit(adata.obs["target"].cat.codes.to_numpy(), design).fit(disp=0)
    params, errors = np.asarray(fit.params), np.asarray(fit.bse)
    assert (np.abs(params[1] - [-1.0, 0.0, 1.0]) < 4.5 * errors[1]).all()


def test_fixed_assignment_depends_on_covariates_and_depth_with_exact_sizes():
    adata = ag.datasets.simulate(
        **SMALL,
        n_controls=6000,
        cells_per_target=[1000, 2000, 3000],
        numeric_covariates={"mito": 0.0},
        batch_covariates={"gem": 5},
        control_slope={"mito": 0.7, "log_depth": 1.0, "gem": 0.5},
    )
    assert adata.obs["target"].value_counts()[["control", "G1", "G2", "G3"]].tolist() == [6000, 1000, 2000, 3000]
    control = adata.obs["target"] == "control"
    assert adata.obs.loc[control, "mito"].mean() > adata.obs.loc[~control, "mito"].mean() + 0.4
    assert adata.obs.loc[control, "depth"].mean() > adata.obs.loc[~control, "depth"].mean() + 0.05
    shares = control.groupby(adata.obs["gem"], observed=True).mean()
    assert shares.max() - shares.min() > 0.1
    assert not control.iloc[:6000].all()  # in random order


def test_fixed_assignment_ignores_the_cells_without_slopes():
    adata = ag.datasets.simulate(**SMALL, n_controls=5000, cells_per_target=1000, numeric_covariates={"mito": 0.0})
    found, error = log_odds(adata, [adata.obs["mito"], np.log(adata.obs["depth"])])
    assert (np.abs(found) < 4.5 * error).all()


def test_confounders_depend_on_covariates_and_act_with_any_loadings():
    loadings = np.array([[0.5, -1.0], [0.0, 0.3], [-0.7, 0.0]])
    adata = ag.datasets.simulate(
        **SMALL,
        n_controls=4000,
        numeric_covariates={"mito": 0.0},
        n_confounders=2,
        confounder_effect=loadings,
        confounder_slope={"mito": 0.6},
        knockdown=0.0,
        intercept=0.0,
        keep_log_mean=True,
    )
    hidden = adata.obsm["confounders"]
    np.testing.assert_allclose(adata.layers["log_mean"], hidden @ loadings.T, atol=1e-12)
    fit = sm.OLS(hidden[:, 0], sm.add_constant(adata.obs["mito"].to_numpy())).fit()
    assert fit.params[1] == pytest.approx(0.6, abs=4.5 * fit.bse[1])
    assert fit.resid.std() == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize(
    ("options", "mean", "sd"),
    [
        ({"depth_distribution": "lognormal", "depth_mean": 2.0, "depth_log_sd": 0.4}, 2.0, 2 * np.sqrt(np.expm1(0.16))),
        ({"depth_distribution": "poisson", "depth_mean": 30.0}, 30.0, np.sqrt(30)),
        ({"depth_distribution": "constant", "depth_mean": 3.0}, 3.0, 0.0),
    ],
)
def test_depth(options, mean, sd):
    depth = ag.datasets.simulate(**SMALL, n_controls=10_000, **options).obs["depth"]
    assert depth.mean() == pytest.approx(mean, abs=4.5 * sd / np.sqrt(10_000) + 1e-12)
    assert depth.std() == pytest.approx(sd, rel=0.05, abs=1e-12)
    assert depth.min() > 0


def test_poisson_depth_is_never_zero():
    assert ag.datasets.simulate(**SMALL, depth_distribution="poisson", depth_mean=1.0).obs["depth"].min() == 1


def test_given_loadings_as_a_vector_and_values_by_gene():
    adata = ag.datasets.simulate(
        genes=["A", "B"],
        n_edges=0,
        n_confounders=1,
        confounder_effect=[0.1, -0.2],
        knockdown={"B": -2.0, "A": -1.0},
        dispersion=np.array([0.0, 0.5]),
    )
    assert adata.varm["confounder_effects"].tolist() == [[0.1], [-0.2]]
    assert adata.var["knockdown"].tolist() == [-1.0, -2.0]
    assert adata.var["dispersion"].tolist() == [0.0, 0.5]
