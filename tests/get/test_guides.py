"""get.guides: knock-downs against statsmodels, the descendant step and simulations."""

import anndata
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from guide_screens import read
from scipy import sparse, stats

import argen as ag
from argen._bridge.mudatas import columns_stay
from argen.errors import ArgenWarning, CountsError, DesignError, InputError, MissingResultError


@pytest.fixture(autouse=True)
def quiet_mudata():
    with columns_stay():
        yield


@pytest.fixture(scope="module")
def papalexi():
    with columns_stay():
        mdata = read("papalexi")
        ag.pp.argen_guides(mdata)
    return mdata["rna"]


DESIGN = {"depth": "total_umi", "covariates": ["bio_rep", "percent_mito"]}


def regression(adata, gene, perturbed, reference):
    """Poisson regression of a gene on cells of two groups by statsmodels: effect and HC0 standard error."""
    cells = np.concatenate([perturbed, reference])
    obs = adata.obs.iloc[cells]
    y = np.asarray(adata[:, gene].X.todense()).ravel()[cells]
    x = pd.get_dummies(obs["bio_rep"].astype(str), drop_first=True).astype(float)
    x["mito"] = obs["percent_mito"] - obs["percent_mito"].mean()
    x = x.loc[:, x.nunique() > 1]
    x["D"] = (np.arange(len(cells)) < len(perturbed)).astype(float)
    model = sm.GLM(y, sm.add_constant(x), family=sm.families.Poisson(), offset=np.log(obs["total_umi"]))
    fit = model.fit(cov_type="HC0", tol=1e-12)
    return fit.params["D"], fit.bse["D"]


@pytest.mark.parametrize("guide", ["STAT1g3", "JAK2g1", "UBE2L6g3", "NFKBIAg4"])
def test_guide_against_statsmodels(papalexi, guide):
    table = ag.get.guides(papalexi, **DESIGN).set_index("guide")
    row = table.loc[guide]
    called = papalexi.obsm["argen_guides"].toarray() > 0
    own = (table["target"] == row["target"]).to_numpy()
    status = papalexi.obs["argen_perturbation"].to_numpy()
    column = table.index.get_loc(guide)
    alone = (status == row["target"]) & called[:, column] & (called[:, own].sum(axis=1) == 1)
    perturbed = np.flatnonzero(alone)
    effect, se = regression(papalexi, row["target"], perturbed, np.flatnonzero(status == "control"))
    assert row["n_cells_alone"] == len(perturbed)
    np.testing.assert_allclose(row["effect"], effect, rtol=1e-6)
    np.testing.assert_allclose(row["se"], se, rtol=0.06)  # HC3 against HC0: more with few cells
    assert row["se"] > se
    others = np.flatnonzero((status == row["target"]) & ~called[:, column] & (called[:, own].sum(axis=1) == 1))
    difference, se = regression(papalexi, row["target"], perturbed, others)
    np.testing.assert_allclose(row["difference"], difference, rtol=1e-6)
    np.testing.assert_allclose(row["difference_se"], se, rtol=0.06)


def test_targets_are_those_of_the_descendant_step(papalexi):
    with pytest.warns(ArgenWarning, match="17 perturbations dropped, not measured"):
        ag.tl.argen_descendants(papalexi, **DESIGN, hc="HC3", adjust=None)
    step = ag.get.perturbations(papalexi).query("status == 'kept'").set_index("perturbation")
    table = ag.get.guides(papalexi, by="target", **DESIGN).set_index("target").loc[step.index]
    for name in ("effect", "se", "z", "p"):
        # The covariates are standardised over other cells (all targets): rounding differs, nothing else.
        np.testing.assert_allclose(table[name], step[name], rtol=2e-5)
    assert table["test"].tolist() == step["test"].tolist()
    assert table["n_cells"].tolist() == step["n_cells"].tolist()


def test_columns_of_the_target_beside_each_guide(papalexi):
    guides = ag.get.guides(papalexi, **DESIGN)
    targets = ag.get.guides(papalexi, by="target", **DESIGN).set_index("target")
    for name in ("effect", "se", "p"):
        expected = guides["target"].map(targets[name]).astype(float)
        np.testing.assert_array_equal(guides[f"target_{name}"], expected)
    np.testing.assert_allclose(guides["ci_high"] - guides["ci_low"], 2 * stats.norm.isf(0.025) * guides["se"])
    counted = guides.groupby("target")["discordant"].sum()
    assert targets["n_discordant"].tolist() == counted[targets.index].tolist()
    assert (guides.loc[guides["gene"] == "", "effect"].isna()).all()
    assert set(guides.loc[(guides["gene"] == "") & ~guides["is_control"], "flags"]) == {"not measured"}
    assert set(guides.loc[guides["is_control"], "flags"]) == {""}


def test_threads_and_storage_change_nothing(papalexi):
    first = ag.get.guides(papalexi, n_jobs=1, **DESIGN)
    other = papalexi.copy()
    other.X = sparse.csc_array(other.X)
    pd.testing.assert_frame_equal(ag.get.guides(other, n_jobs=2, **DESIGN), first)


def screen(efficacy, *, genes=20, cells=100, seed=0, **options):
    mdata = ag.datasets.simulate(
        genes=genes, rng=seed, guides_per_target=len(efficacy), guide_efficacy=efficacy, cells_per_perturbation=cells,
        guide_counts=True, knockdown=-1.5, **options,
    )  # fmt: skip
    ag.pp.argen_guides(mdata)
    return mdata["rna"]


def test_a_guide_that_does_not_work_is_discordant():
    adata = screen([1.0, 1.0, 1.0, 0.0], cells=400, intercept=1.0)
    table = ag.get.guides(adata, depth="depth")
    number = table["guide"].astype(str).str[-1]
    idle = table[(number == "4") & ~table["is_control"]]
    assert idle["discordant"].mean() > 0.9
    assert (idle["difference"] > 0).all()
    assert idle["effect"].abs().mean() < 0.3
    assert table[number == "1"]["effect"].mean() < -1


def test_equal_guides_are_rarely_discordant():
    """80 guides of equal efficacy: under the level of .05 of the false discoveries at most a few are flagged."""
    adata = screen([1.0, 1.0, 1.0, 1.0], cells=400, intercept=1.0)
    table = ag.get.guides(adata, depth="depth")
    tested = table["difference_p"].notna()
    assert tested.sum() == 80
    assert table["discordant"].sum() <= 2
    # The unadjusted p-values are uniform: at most the 99.9 % point of a binomial lies below .05.
    assert (table["difference_p"][tested] < 0.05).sum() <= stats.binom.isf(0.001, 80, 0.05)


def test_labels_have_knockdowns_too():
    adata = ag.datasets.simulate("paper_fig2")
    ag.pp.argen_guides(adata, labels="perturbation")
    table = ag.get.guides(adata, depth="depth", covariates=["L"])
    assert (table.loc[~table["is_control"], "effect"] < 0).all()
    assert table["difference"].isna().all()  # one guide per target: nothing to compare with
    assert not table["discordant"].any()


def test_target_by_another_gene(papalexi):
    with pytest.raises(InputError, match="measured_as names 'FOO', which are no targets; the targets are: 'ATF2'"):
        ag.get.guides(papalexi, measured_as={"FOO": "STAT1"})
    with pytest.raises(InputError, match=r"not in adata.var_names: 'BAR'"):
        ag.get.guides(papalexi, measured_as={"IFNGR1": "BAR"})
    table = ag.get.guides(papalexi, by="target", measured_as={"IFNGR1": "STAT1"}, **DESIGN).set_index("target")
    assert table.loc["IFNGR1", "gene"] == "STAT1"
    assert table.loc["IFNGR1", "effect"] < -0.5


def test_without_knockdowns(papalexi):
    normalised = papalexi.copy()
    normalised.X = normalised.X.astype(float).multiply(0.5).tocsr()
    with pytest.raises(CountsError, match="not integers"):
        ag.get.guides(normalised)
    table = ag.get.guides(normalised, knockdown=False)
    assert len(table) == 110
    assert "effect" not in table
    targets = ag.get.guides(normalised, by="target", knockdown=False)
    assert targets["target"].tolist() == sorted(set(table.loc[~table["is_control"], "target"]))
    assert targets["n_guides"].sum() == 101


def test_bad_input(papalexi):
    with pytest.raises(MissingResultError, match=r"Run ag.pp.argen_guides first"):
        ag.get.guides(anndata.AnnData(np.ones((2, 2))))
    with pytest.raises(InputError, match="by='gene' is not one of 'guide', 'target'"):
        ag.get.guides(papalexi, by="gene")
    with pytest.raises(InputError, match="depth='x' is not an obs column"):
        ag.get.guides(papalexi, depth="x")
    broken = papalexi.copy()
    del broken.obs["argen_perturbation"]
    with pytest.raises(InputError, match=r"adata.obs\['argen_perturbation'\] is missing or changed"):
        ag.get.guides(broken)
    perturbed = papalexi[papalexi.obs["argen_perturbation"] != "control"].copy()
    with pytest.raises(DesignError, match="No control cell with positive depth is left"):
        ag.get.guides(perturbed)


def test_a_subset_of_cells_is_enough(papalexi):
    part = papalexi[papalexi.obs["argen_perturbation"].isin(["STAT1", "control"])].copy()
    table = ag.get.guides(part, by="target", **DESIGN).set_index("target")
    whole = ag.get.guides(papalexi, by="target", **DESIGN).set_index("target")
    np.testing.assert_allclose(
        table.loc["STAT1", ["effect", "se"]].astype(float),
        whole.loc["STAT1", ["effect", "se"]].astype(float),
        rtol=2e-5,
    )
    assert table.loc["JAK2", "flags"] == "no cells"
    assert np.isnan(table.loc["JAK2", "effect"])
