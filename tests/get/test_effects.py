"""Expression by cell against statsmodels; signs of edges against merges and sums done here."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import sparse
from statsmodels.stats.proportion import proportion_confint
from toy import GENES, KWARGS, set_count, toy

import argen as ag
from argen._bridge.diagnostics.sign_check import agreement, sign_table
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError


def run(adata, **kwargs):
    ag.tl.argen_descendants(adata, **KWARGS, **kwargs)
    return adata


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


def design_of(adata, cells):
    """Intercept and covariates by pandas, offset from the sums of the counts."""
    obs = adata.obs.loc[cells]
    x = pd.get_dummies(obs["batch"], drop_first=True, dtype=float).assign(mito=obs["mito"], one=1.0)
    return x, pd.Series(np.log(np.asarray(adata[cells].X.sum(axis=1)).ravel()), index=cells)


def counts_of(adata, gene):
    return pd.Series(np.asarray(adata[:, gene].X.todense()).ravel(), index=adata.obs_names)


def reference(adata, gene, target, phi=0.0):
    """Means of the cells as if they were not perturbed: target None for the controls."""
    labels = adata.obs["gene"]
    cells = adata.obs_names[labels.isin(["ctrl"] if target is None else ["ctrl", target])]
    x, offset = design_of(adata, cells)
    full = x if target is None else x.assign(D=(labels[cells] == target).astype(float))
    family = sm.families.NegativeBinomial(alpha=phi) if phi else sm.families.Poisson()
    model = sm.GLM(counts_of(adata, gene)[cells], full, family=family, offset=offset)
    params = model.fit(tol=1e-13, tol_criterion="params", maxiter=300).params
    own = cells[labels[cells] == ("ctrl" if target is None else target)]
    return np.exp(offset[own] + x.loc[own] @ params[x.columns])


def expected_of(table, gene, group):
    part = table[(table["gene"] == gene) & (table["group"] == group)]
    return part.set_index("cell")["expected"]


@pytest.mark.parametrize("target", [None, "A", "C"])
def test_expected_counts_against_statsmodels(done, target):
    table = ag.get.expression(done, genes="B", perturbations=["C", "A"])
    mean = reference(done, "B", target)
    pd.testing.assert_series_equal(
        expected_of(table, "B", target or "control"), mean, check_names=False, check_index_type=False, rtol=1e-6
    )


def test_expected_counts_of_a_negative_binomial():
    adata = run(toy(), family="negative_binomial")
    phi = ag.get.genes(adata).set_index("gene")["dispersion"]
    assert phi["B"] > 0
    table = ag.get.expression(adata, genes="B", perturbations="A")
    for target in (None, "A"):
        mean = reference(adata, "B", target, phi["B"])
        np.testing.assert_allclose(expected_of(table, "B", target or "control"), mean, rtol=1e-6)
        assert not np.allclose(mean, reference(adata, "B", target), rtol=1e-4)


@pytest.mark.parametrize("pooled", [False, True])
def test_ratio_of_sums_is_the_total_effect(pooled):
    adata = run(toy(), pooled=pooled)
    table = ag.get.expression(adata, genes=GENES)
    sums = table.groupby(["group", "gene"])[["count", "expected"]].sum()
    ratio = np.log(sums["count"] / sums["expected"])
    pairs = ag.get.pairs(adata).set_index(["source", "target"])["effect"]
    np.testing.assert_allclose(ratio[pairs.index], pairs, atol=1e-7)
    np.testing.assert_allclose(ratio["control"], 0.0, atol=1e-9)
    knockdown = ag.get.perturbations(adata).set_index("perturbation")["effect"]
    np.testing.assert_allclose([ratio[g, g] for g in GENES], knockdown[list(GENES)], atol=1e-7)


def test_rows_and_columns(done):
    table = ag.get.expression(done, genes=["D", "A"], perturbations=["C", "B", "C"])
    assert list(table) == ["cell", "gene", "group", "count", "expected", "relative", "adjusted"]
    assert table["gene"].unique().tolist() == ["D", "A"]
    assert table["group"].unique().tolist() == ["control", "C", "B"]
    for (gene, group), part in table.groupby(["gene", "group"], sort=False):
        cells = done.obs_names[done.obs["gene"] == group.replace("control", "ctrl")]
        assert part["cell"].tolist() == cells.tolist()
        np.testing.assert_array_equal(part["count"], counts_of(done, gene)[cells])
    np.testing.assert_allclose(table["relative"], table["count"] / table["expected"])
    mean = table[table["group"] == "control"].groupby("gene")["count"].mean()
    np.testing.assert_allclose(table["adjusted"], table["relative"] * table["gene"].map(mean), rtol=1e-9)
    assert all(type(name) is str for column in ("cell", "gene", "group") for name in table[column])


def test_order_of_cells_and_format_change_nothing(done):
    adata = toy()[::-1].copy()
    adata.X = sparse.csc_matrix(adata.X)
    run(adata)
    left, right = (ag.get.expression(x, genes="C", perturbations="B") for x in (done, adata))
    merged = left.merge(right, on=["cell", "gene", "group", "count"])
    assert len(merged) == len(left) == len(right)
    np.testing.assert_allclose(merged["expected_x"], merged["expected_y"], rtol=1e-9)
    assert right["cell"].tolist()[:2] == left[left["group"] == "control"]["cell"].tolist()[:-3:-1]


def test_groups_without_counts_expect_what_the_controls_say():
    adata = toy()
    set_count(adata, adata.obs["gene"] == "A", "B", 0)
    adata.obs["depth"] = 1000.0
    ag.tl.argen_descendants(adata, **KWARGS, depth="depth")
    pair = ag.get.pairs(adata).set_index(["source", "target"]).loc[("A", "B")]
    assert pair["flags"] == "separated"
    part = ag.get.expression(adata, genes="B", perturbations="A").query("group == 'A'")
    assert part["count"].sum() == 0
    np.testing.assert_allclose(part["expected"].sum(), pair["expected_count"], rtol=1e-8)


def test_cells_that_the_controls_say_nothing_about():
    adata = toy()
    alone = (adata.obs["gene"] == "A") & (np.arange(adata.n_obs) % 4 == 0)
    adata.obs["batch"] = pd.Categorical(np.where(alone, "b9", adata.obs["batch"].astype(str)))
    with pytest.warns(ArgenWarning, match=r"15 of 240 perturbed cells .* without control cells \('b9'\)"):
        run(adata)
    table = ag.get.expression(adata, genes="B", perturbations=["A", "C"]).set_index("cell")
    assert set(table.index[table["expected"].isna()]) == set(adata.obs_names[alone])
    used = table[table["group"].eq("A") & table["expected"].notna()]
    effect = ag.get.pairs(adata).set_index(["source", "target"]).loc[("A", "B"), "effect"]
    assert np.log(used["count"].sum() / used["expected"].sum()) == pytest.approx(effect, abs=1e-7)


def test_levels_without_a_count_and_genes_without_control_counts():
    adata = toy()
    set_count(adata, adata.obs["batch"] == "b1", "B", 0)
    set_count(adata, adata.obs["gene"] == "ctrl", "D", 0)
    adata.obs["depth"] = 1000.0
    with pytest.warns(ArgenWarning, match="without counts in the matching control cells"):
        ag.tl.argen_descendants(adata, **KWARGS, depth="depth")
    table = ag.get.expression(adata, genes=["B", "D"], perturbations="A")
    of_b = table[table["gene"] == "B"].set_index("cell")
    silent = adata.obs["batch"][of_b.index] == "b1"
    assert (of_b["expected"][silent] == 0).all()
    assert of_b["relative"].isna().equals(silent)
    assert table[table["gene"] == "D"][["expected", "relative", "adjusted"]].isna().all(axis=None)


def test_stale_data_and_unknown_names(done):
    changed = done.copy()
    set_count(changed, np.arange(changed.n_obs) == 3, "B", 77)
    with pytest.raises(
        StaleResultError, match=r"was made from other cells, genes, counts.* Run ag.tl.argen_descendants again"
    ):
        ag.get.expression(changed, genes="B")
    with pytest.raises(StaleResultError, match="argen_descendants again"):
        ag.get.expression(done[:50], genes="B")
    with pytest.raises(InputError, match=r"genes names 'nope', not among adata\.var_names"):
        ag.get.expression(done, genes=["B", "nope"])
    with pytest.raises(InputError, match="perturbations names 'other1', without enough cells"):
        ag.get.expression(done, genes="B", perturbations="other1")
    with pytest.raises(InputError, match="genes names no gene"):
        ag.get.expression(done, genes=[])
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_descendants first"):
        ag.get.expression(done, genes="B", key="nope")


def test_what_is_no_anndata():
    for function, arguments in ((ag.get.expression, {"genes": "B"}), (ag.get.sign_check, {})):
        with pytest.raises(InputError, match="takes an AnnData, not a NoneType"):
            function(None, **arguments)


def test_counts_in_a_file_are_those_in_memory(done, tmp_path):
    done.write_h5ad(tmp_path / "x.h5ad")
    backed = ad.read_h5ad(tmp_path / "x.h5ad", backed="r")
    expected = ag.get.expression(ad.read_h5ad(tmp_path / "x.h5ad"), genes="B")
    pd.testing.assert_frame_equal(ag.get.expression(backed, genes="B"), expected, check_exact=True)
    ag.pl.argen_effects(backed, gene="B", show=False)
    backed.file.close()


def test_a_perturbed_gene_called_control():
    adata = toy(genes=["A", "B", "control"])
    run(adata)
    for perturbations in (None, "control", ["A", "control"]):
        with pytest.raises(InputError, match=r"perturbed gene 'control' .* the group of control cells.* another name"):
            ag.get.expression(adata, genes="B", perturbations=perturbations)
    with pytest.raises(InputError, match="perturbed gene 'control'"):
        ag.pl.argen_effects(adata, gene="B", perturbations="control", show=False)
    table = ag.get.expression(adata, genes="control", perturbations="A")
    assert table["group"].value_counts().to_dict() == {"control": 200, "A": 60}


def test_the_object_is_not_changed(done):
    before = done.copy()
    ag.get.expression(done, genes="B")
    ag.get.sign_check(done)
    assert sorted(done.uns) == sorted(before.uns)
    np.testing.assert_array_equal(done.X.toarray(), before.X.toarray())


def test_signs_against_a_merge(done):
    table = ag.get.sign_check(done)
    edges, pairs = ag.get.edges(done), ag.get.pairs(done).set_index(["source", "target"])
    assert table[["source", "target"]].equals(edges[["source", "target"]])
    for row in table.itertuples():
        forward, back = pairs.loc[(row.source, row.target)], pairs.loc[(row.target, row.source)]
        assert (row.effect, row.effect_se, row.effect_p) == (forward["effect"], forward["se"], forward["p"])
        assert (row.reverse_effect, row.reverse_effect_p) == (back["effect"], back["p"])
        assert (row.significant, row.reverse_significant) == (forward["significant"], back["significant"])
        assert row.agrees == (row.coef * -row.effect > 0)
        assert row.reverse_agrees == (row.coef * -row.reverse_effect > 0)


def hand_made():
    """Edges a→b … with known signs; the pair a→e has no effect, b→a none either, c→d is missing."""
    edges = [("a", "b", 1.0), ("a", "c", -1.0), ("b", "c", 0.5), ("a", "e", 1.0), ("c", "d", 1.0), ("d", "e", 0.0)]
    edges = pd.DataFrame(edges, columns=["source", "target", "coef"]).assign(se=0.1)
    pairs = [
        ("a", "b", -0.5, True), ("b", "a", np.nan, False), ("a", "c", 0.5, True), ("c", "a", 0.1, False),
        ("b", "c", 0.2, True), ("c", "b", -0.2, True), ("a", "e", np.nan, False), ("e", "a", 0.3, False),
        ("d", "e", 0.4, False), ("e", "d", -0.4, False),
    ]  # fmt: skip
    pairs = pd.DataFrame(pairs, columns=["source", "target", "effect", "significant"]).assign(se=0.1, p=0.5, flags="")
    return sign_table(edges, pairs)


def test_signs_by_hand():
    table = hand_made()
    assert table["agrees"].tolist() == [True, True, False, pd.NA, pd.NA, pd.NA]
    assert table["reverse_agrees"].tolist() == [pd.NA, True, True, False, pd.NA, pd.NA]
    assert table["flags"].tolist() == ["", "", "", "", "not in the descendant step", ""]
    forward, back = agreement(table, reverse=False), agreement(table, reverse=True)
    assert (forward.n_edges, forward.n_tested, forward.n_agree) == (6, 3, 2)
    assert (forward.n_significant, forward.n_significant_agree) == (3, 2)
    assert (back.n_tested, back.n_agree, back.n_significant, back.n_significant_agree) == (3, 2, 1, 1)
    for found in (forward, back):
        assert (found.ci_low, found.ci_high) == pytest.approx(proportion_confint(2, 3, method="wilson"))


@pytest.mark.parametrize(("k", "n"), [(0, 1), (0, 9), (9, 9), (17, 40)])
def test_interval_against_statsmodels(k, n):
    table = pd.DataFrame({"agrees": pd.array([True] * k + [False] * (n - k), dtype="boolean"), "significant": False})
    found = agreement(table, reverse=False)
    assert found.share == k / n
    assert (found.ci_low, found.ci_high) == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)


def test_summary(done):
    table, summary = ag.get.sign_check(done), ag.get.sign_check(done, table="summary").set_index("direction")
    assert summary.index.tolist() == ["forward", "reverse"]
    assert summary.loc["forward", "share"] == table["agrees"].mean()
    assert summary.loc["reverse", "n_agree"] == table["reverse_agrees"].sum()
    assert (summary["n_edges"] == len(table)).all()


def test_no_edges(done):
    adata = done.copy()
    adata.uns["argen_dag"]["tables"]["edges"]["selected"] = False
    assert ag.get.sign_check(adata).empty
    summary = ag.get.sign_check(adata, table="summary")
    assert summary["n_edges"].tolist() == [0, 0]
    assert summary[["share", "ci_low", "ci_high"]].isna().all(axis=None)


def test_a_published_screen():
    adata = ag.datasets.dixit_2016()
    with pytest.warns(ArgenWarning, match="zero depth"):
        ag.tl.argen_dag(adata, perturbation_key="target", control="non-targeting", n_jobs=1)
    pairs, edges = ag.get.pairs(adata), ag.get.edges(adata)
    genes = sorted(set(pairs["target"]))
    sums = ag.get.expression(adata, genes=genes).groupby(["group", "gene"])[["count", "expected"]].sum()
    at = pd.MultiIndex.from_frame(pairs[["source", "target"]])
    np.testing.assert_allclose(np.log(sums["count"] / sums["expected"])[at], pairs["effect"], atol=1e-7)
    forward = edges.merge(pairs, on=["source", "target"])
    back = edges.merge(pairs.rename(columns={"source": "target", "target": "source"}), on=["source", "target"])
    n_agree = [int((np.sign(t["coef"]) == -np.sign(t["effect"])).sum()) for t in (forward, back)]
    summary = ag.get.sign_check(adata, table="summary")
    assert summary["n_agree"].tolist() == n_agree
    assert summary["n_tested"].tolist() == [len(edges)] * 2


def test_which_step_the_signs_come_from(done):
    adata = done.copy()
    run(adata, test="wald", key_added="other")
    other = ag.get.sign_check(adata, descendants="other")
    assert other["effect_se"].ne(ag.get.sign_check(adata)["effect_se"]).all()
    run(adata, closure=False, test="wald")
    with pytest.raises(StaleResultError, match=r"made from: it is gone or was replaced. Run ag\.tl\.argen_dag again"):
        ag.get.sign_check(adata)
    assert len(ag.get.sign_check(adata, descendants="argen_descendants")) == len(other)
    del adata.uns["argen_descendants"]
    with pytest.raises(
        StaleResultError, match=r"argen_descendants'\] is not the descendant step .* gone or was replaced"
    ):
        ag.get.sign_check(adata)
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.get.sign_check(adata, key="nope")
    with pytest.raises(InputError, match="table='nope'"):
        ag.get.sign_check(done, table="nope")
