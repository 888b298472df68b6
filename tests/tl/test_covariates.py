"""Formulas, lists and types of covariates against statsmodels on the same cells."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from toy import KWARGS, toy

import argen as ag


@pytest.fixture(scope="module")
def screen():
    """`donor` and `batch` are crossed without an empty cell of the table; numbers are standardised beforehand."""
    adata = toy(n_control=240, n_per_target=70)
    rng = np.random.default_rng(3)
    for name, spread in (("mito", 0.0), ("cycle", 1.0)):
        values = adata.obs["mito"] + spread * rng.normal(size=adata.n_obs)
        adata.obs[name] = (values - values.mean()) / values.std(ddof=0)
    adata.obs["donor"] = rng.choice(["d1", "d2", "d3", "d4"], adata.n_obs)
    adata.obs["percent x"] = adata.obs["cycle"]
    return adata


def statsmodels_fit(adata, target, gene, formula):
    cells = adata[adata.obs["gene"].isin([target, "ctrl"]).to_numpy()]
    data = cells.obs.assign(
        y=cells[:, gene].X.toarray().ravel(), perturbed=(cells.obs["gene"] == target).astype(float)
    ).rename(columns={"percent x": "percent_x"})
    model = smf.glm(
        f"y ~ perturbed + {formula}", data, family=sm.families.Poisson(), offset=np.log(data["depth"].to_numpy())
    )
    fit = model.fit(cov_type="HC0", tol=1e-12, tol_criterion="params")
    return fit.params["perturbed"], fit.bse["perturbed"]


@pytest.mark.parametrize(
    "formula",
    [
        "1",
        "batch",
        "mito",
        "batch + mito",
        "1 + mito + batch",
        "donor + batch + mito + cycle",
        "C(lane)",
        "C(lane) + batch",
        "lane",
        "donor:batch",
        "donor*batch",
        "donor*batch + mito",
        "batch:mito",
        "batch + batch:mito",
        "batch*mito",
        "C(lane):mito",
        "C(lane)*mito + donor",
        "mito:cycle",
        "mito*cycle + batch",
        "batch*donor*mito",
        "(batch + mito)**2",
    ],
)
def test_formulas_mean_what_they_mean_elsewhere(screen, formula):
    adata = screen.copy()
    adata.obs["lane"] = adata.obs["lane"].astype(float if formula == "lane" else "int64")
    ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": f"~ {formula}"}, depth="depth", test="wald")
    table = ag.get.pairs(adata).set_index(["source", "target"])
    for target, gene in (("A", "B"), ("D", "A")):
        effect, se = statsmodels_fit(adata, target, gene, formula)
        found = table.loc[(target, gene)]
        assert found["effect"] == pytest.approx(effect, abs=1e-6)
        assert found["se"] == pytest.approx(se, rel=1e-6)


def test_numbers_may_have_any_scale(screen):
    adata = screen.copy()
    adata.obs["mito"] = 1e4 + 1e-3 * adata.obs["mito"]
    ag.tl.argen_descendants(adata, **KWARGS, depth="depth", test="wald")
    effect, se = statsmodels_fit(screen, "A", "B", "batch + mito")
    found = ag.get.pairs(adata).iloc[0]
    assert (found["source"], found["target"]) == ("A", "B")
    assert found["effect"] == pytest.approx(effect, abs=1e-6)
    assert found["se"] == pytest.approx(se, rel=1e-6)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (["batch", "mito"], "~ batch + mito"),
        (["mito", "batch", "donor"], "~ mito + batch + donor"),
        ("batch", "~ batch"),
        (["percent x"], "~ `percent x`"),
        (["batch", "batch"], ["batch"]),
        ("~ C(lane)", "~ C(`lane`)"),
        ("~ C( lane )", "~ C(lane) + 1"),
        ("~ batch * mito", "~ batch + mito + batch:mito"),
        (None, []),
        (None, "~ 1"),
        (None, ""),
        (("mito",), pd.Index(["mito"])),
    ],
)
def test_spellings_of_the_same_covariates(screen, left, right):
    tables = []
    for covariates in (left, right):
        adata = screen.copy()
        ag.tl.argen_dag(adata, **{**KWARGS, "covariates": covariates})
        tables.append((ag.get.pairs(adata), ag.get.edges(adata, selected=False)))
    for one, other in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.mark.parametrize("order", [["batch", "donor", "mito"], ["donor", "mito", "batch"], ["mito", "batch", "donor"]])
def test_order_of_covariates_does_not_matter(screen, order):
    adata, expected = screen.copy(), screen.copy()
    ag.tl.argen_dag(adata, **{**KWARGS, "covariates": order})
    ag.tl.argen_dag(expected, **{**KWARGS, "covariates": "~ donor + batch + mito"})
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(expected), rtol=1e-9)


@pytest.mark.parametrize(
    "convert",
    [
        lambda batch: batch.astype(object),
        lambda batch: batch.astype("string"),
        lambda batch: batch.cat.add_categories(["never"]),
        lambda batch: batch.cat.rename_categories({"b1": "a1"}),
        lambda batch: batch.map({"b1": 1, "b2": 2, "b3": 3}).astype("category"),
    ],
    ids=["object", "string", "unused", "renamed", "integers"],
)
def test_types_of_a_categorical_column(screen, convert):
    adata, expected = screen.copy(), screen.copy()
    adata.obs["batch"] = convert(adata.obs["batch"])
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_dag(expected, **KWARGS)
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(expected), check_exact=True)


@pytest.mark.parametrize("dtype", ["bool", "boolean", "category", "float32", "Float64"])
def test_two_levels_are_two_levels(screen, dtype):
    adata, expected = screen.copy(), screen.copy()
    male = adata.obs["donor"].isin(["d1", "d2"])
    expected.obs["male"] = np.where(male, "yes", "no")
    adata.obs["male"] = male.astype(float).astype(dtype) if "loat" in dtype else male.astype(dtype)
    for data in (adata, expected):
        ag.tl.argen_dag(data, **{**KWARGS, "covariates": ["male", "batch"]})
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(expected), rtol=1e-6)


@pytest.mark.parametrize("formula", ["~ donor:batch + mito", "~ donor*batch + mito", "~ mito + batch*donor"])
def test_combinations_that_no_cell_has_do_no_harm(screen, formula):
    """Crossed factors with an empty cell of the table are the same as one factor of the combinations."""
    adata = screen[~((screen.obs["donor"] == "d2") & (screen.obs["batch"] == "b3")).to_numpy()].copy()
    adata.obs["both"] = adata.obs["donor"] + adata.obs["batch"].astype(str)
    tables = []
    for covariates in (formula, ["both", "mito"]):
        ag.tl.argen_dag(adata, **{**KWARGS, "covariates": covariates}, key_added="x", descendants=str(covariates))
        tables.append(ag.get.edges(adata, key="x"))
    pd.testing.assert_frame_equal(*tables, rtol=1e-9)


def test_names_of_the_nuisance_columns_are_kept(screen):
    adata = screen.copy()
    ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": "~ mito + batch + donor"})
    names = adata.uns["argen_descendants"]["tables"]["covariates"].tolist()
    assert names == ["donor[d2]", "donor[d3]", "donor[d4]", "batch[b2]", "batch[b3]", "mito"]
