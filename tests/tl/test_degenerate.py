"""Groups without counts, genes without controls, singular systems: flagged, never guessed."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import fisher_exact
from toy import KWARGS, set_count, toy

import argen as ag
from argen.errors import ArgenWarning, DesignError


def pair(adata, target, gene):
    table = ag.get.pairs(adata)
    return table[(table["source"] == target) & (table["target"] == gene)].iloc[0]


def edges(adata, **kwargs):
    table = ag.get.edges(adata, selected=False, **kwargs)
    return table.set_index(table["source"] + " " + table["target"])


@pytest.fixture
def sparse_gene():
    """D has one count in 10 of 416 controls and none in the 63 cells of A."""
    adata = toy(n_control=416, n_per_target=63)
    adata.obs["depth"] = 1.0
    set_count(adata, adata.obs["gene"] != "B", "D", 0)
    set_count(adata, adata.obs_names.isin([f"cell{i}" for i in range(0, 200, 20)]), "D", 1)
    return adata


@pytest.mark.parametrize("covariates", [None, ["mito"], ["batch", "mito"]])
def test_group_without_counts_is_not_significant_by_accident(sparse_gene, covariates):
    ag.tl.argen_descendants(sparse_gene, **{**KWARGS, "covariates": covariates}, depth="depth")
    found = pair(sparse_gene, "A", "D")
    fisher = fisher_exact([[0, 63], [10, 406]]).pvalue
    assert found["flags"] == "separated"
    assert found["count"] == 0
    assert found["expected_count"] == pytest.approx(10 / 416 * 63, rel=0.5)
    assert fisher / 2 < found["p"] < 2 * fisher
    assert not found["significant"]
    assert found["effect"] == pytest.approx(np.log(0.5 / (found["expected_count"] + 0.5)))
    assert found["se"] == pytest.approx(np.sqrt(2))
    assert np.sign(found["z"]) == -1


def test_group_without_counts_is_significant_when_many_were_expected():
    adata = toy()
    set_count(adata, adata.obs["gene"] == "A", "D", 0)
    ag.tl.argen_dag(adata, **KWARGS)
    found = pair(adata, "A", "D")
    assert (found["flags"], bool(found["significant"])) == ("separated", True)
    assert found["p"] < 1e-10
    assert edges(adata).loc["A D", "flags"] == "separated"


def test_separated_knock_down_is_flagged_in_the_targets():
    adata = toy()
    set_count(adata, adata.obs["gene"] == "A", "A", 0)
    ag.tl.argen_dag(adata, **KWARGS)
    assert ag.get.perturbations(adata).set_index("perturbation").loc["A", "flags"] == "separated"
    assert edges(adata).loc["A B", "flags"] == "separated"


@pytest.fixture
def silent_controls():
    adata = toy()
    set_count(adata, adata.obs["gene"] == "ctrl", "A", 0)
    return adata


def test_gene_without_control_counts(silent_controls):
    with pytest.warns(ArgenWarning, match=r"^No p-value: 4 pairs of genes without counts .* control cells \(genes A\)"):
        ag.tl.argen_descendants(silent_controls, **KWARGS)
    table = ag.get.pairs(silent_controls)
    without = table["target"] == "A"
    assert without.sum() == 3
    assert (table["flags"] == "no control counts").equals(without)
    assert table.loc[without, ["effect", "se", "z", "p", "padj"]].isna().all(axis=None)
    assert table.loc[~without, ["effect", "se", "z", "p", "padj"]].notna().all(axis=None)
    assert not table.loc[without, "significant"].any()
    assert (table.loc[without, "count"] > 0).all()
    row = ag.get.perturbations(silent_controls).set_index("perturbation").loc["A"]
    assert (row["status"], row["flags"]) == ("kept", "no control counts")
    assert np.isnan(row["effect"])


def test_edges_of_a_gene_without_control_counts_are_untestable(silent_controls):
    with pytest.warns(ArgenWarning, match="No p-value"):
        ag.tl.argen_dag(silent_controls, **KWARGS)
    found = edges(silent_controls)
    touched = (found["source"] == "A") | (found["target"] == "A")
    assert touched["A B"]
    assert (found["flags"] == "untestable").equals(touched)
    assert found.loc[touched, ["coef", "se", "z", "p"]].isna().all(axis=None)
    assert not found.loc[touched, "selected"].any()
    assert (found.loc[touched, "batch"] == -1).all()
    assert found.loc[["B C", "C D"], "selected"].all()


def test_missing_p_values_stay_outside_the_family(silent_controls):
    from statsmodels.stats.multitest import multipletests

    with pytest.warns(ArgenWarning, match="No p-value"):
        ag.tl.argen_descendants(silent_controls, **KWARGS)
    table = ag.get.pairs(silent_controls)
    tested = table["p"].notna()
    expected = multipletests(table.loc[tested, "p"], method="fdr_bh")[1]
    np.testing.assert_allclose(table.loc[tested, "padj"], expected, rtol=1e-12)


@pytest.fixture
def twins():
    """A and B have the same counts: nothing can tell which of them acts on C."""
    adata = toy()
    counts = adata.X.toarray()
    counts[:, adata.var_names.get_loc("B")] = counts[:, adata.var_names.get_loc("A")]
    adata.X = counts
    return adata


@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
@pytest.mark.parametrize("closure", [True, False])
def test_singular_systems_have_no_estimate(twins, first_stage, closure):
    ag.tl.argen_descendants(twins, **KWARGS, closure=closure)
    descendants = ag.get.pairs(twins, selected=True)
    assert {"A C", "B C", "A B", "B A"} <= set(descendants["source"] + " " + descendants["target"])
    with pytest.warns(ArgenWarning, match=r"^No edge estimates for \d gene.*singular: .*knock-down: [AB]") as record:
        ag.tl.argen_dag(twins, first_stage=first_stage)
    assert len(record) == 1
    found = edges(twins)
    singular = found["flags"] == "singular"
    assert singular.any()
    assert found.loc[singular, ["coef", "se", "z", "p", "alpha", "threshold"]].isna().all(axis=None)
    assert not found.loc[singular, "selected"].any()
    assert (found.loc[singular, "batch"] == -1).all()
    by_target = found.groupby("target")["flags"].agg(lambda flags: set(flags.astype(str)))
    assert all(flags == {"singular"} or "singular" not in flags for flags in by_target)
    equations = twins.uns["argen_dag"]["tables"]["equations"].set_index("target")
    without = equations["singular_because_of"] != ""
    assert set(equations.index[without]) == set(found.loc[singular, "target"])
    if first_stage != "ancestors" or closure:
        assert not (equations.loc[without, "condition"] < 1e10).any()
        assert (equations.loc[~without, "condition"] < 1e10).all()


def test_one_unfinished_fit_is_data_and_a_warning(monkeypatch):
    from argen._bridge.results import steps
    from argen._core.results import PairStatus

    fit = steps.fit_with_dispersions

    def with_failure(*args, **kwargs):
        dispersions, tests = fit(*args, **kwargs)
        for array in (tests.effect, tests.se, tests.z, tests.log_p):
            array[0, 1] = np.nan
        tests.status[0, 1] = PairStatus.NOT_CONVERGED
        return dispersions, tests

    monkeypatch.setattr(steps, "fit_with_dispersions", with_failure)
    adata = toy()
    with pytest.warns(ArgenWarning, match=r"^No p-value: 1 pair whose fit did not converge \(genes B\)"):
        ag.tl.argen_descendants(adata, **KWARGS)
    assert pair(adata, "A", "B")["flags"] == "not converged"
    ag.tl.argen_dag(adata)
    assert adata.varp["argen_total_effects"][adata.var_names.get_loc("A"), adata.var_names.get_loc("B")] == 0


def test_factor_that_equals_the_perturbation():
    adata = toy()
    adata.obs["is_d"] = np.where(adata.obs["gene"] == "D", "yes", "no")
    with pytest.raises(DesignError, match=r"'is_d' is constant .*no control cells in its covariate levels: D"):
        ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": ["batch", "is_d"]})


def test_numeric_covariate_that_equals_the_perturbation():
    adata = toy()
    adata.obs["is_d"] = (adata.obs["gene"] == "D").astype(float)
    with pytest.warns(ArgenWarning, match=r"^No p-value: 4 pairs whose effect or variance the data do not determine"):
        ag.tl.argen_dag(adata, **{**KWARGS, "covariates": ["batch", "is_d"]})
    table = ag.get.pairs(adata)
    assert (table["flags"] == "not estimable").equals(table["source"] == "D")
    assert table.loc[table["source"] == "D", ["effect", "p"]].isna().all(axis=None)
    pd.testing.assert_series_equal(table["p"].isna(), table["padj"].isna(), check_names=False)
