"""A network compared between levels: each level is its own analysis, differences, replicates, all kinds of networks."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

EDGE = ["source", "target"]


def two_conditions(seed=0, sizes=(60, 40), **how):
    """The chain A → B → C → D twice, the second time with fewer cells and other batches."""
    parts = [
        toy(seed=seed + i, n_per_target=n, n_control=5 * n, **how)[:, [*"ABCD", "other0", "other1", "other2"]]
        for i, n in enumerate(sizes)
    ]
    adata = ad.concat(dict(zip(("wt", "drug", "more"), parts, strict=False)), label="condition", index_unique="-")
    adata.obs["condition"] = pd.Categorical(adata.obs["condition"], ["wt", "drug", "more"][: len(sizes)])
    adata.obs["batch"] = adata.obs["batch"].astype("category")
    return adata


def searched(adata, **how):
    options = KWARGS | {"covariates": ["condition", "batch", "mito"]} | how
    ag.tl.argen_dag(adata, **options, robust=False)
    return adata


@pytest.fixture(scope="module")
def done():
    adata = searched(two_conditions())
    ag.tl.argen_compare(adata, by="condition", n_jobs=1)
    return adata


def tables(adata, key="argen_compare"):
    return adata.uns[key]["tables"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"first_stage": "ancestors", "covariance": "stacked", "edges_hc": "HC3"},
        {"test": "wald", "hc": "HC3"},
        {"closure": True, "family": "negative_binomial", "adjust": None, "test": "wald"},
    ],
)
def test_a_level_is_what_its_cells_alone_give(options):
    """The same order and candidates, so the search of a level's own cells gives its numbers wherever it has an edge."""
    adata = searched(two_conditions(seed=3, sizes=(150, 120)), **options)
    ag.tl.argen_compare(adata, by="condition", n_jobs=1)
    levels, compared = ag.get.comparison(adata, table="levels"), 0
    for level in ("wt", "drug"):
        alone = adata[adata.obs["condition"] == level].copy()
        alone = ad.AnnData(alone.X, obs=alone.obs, var=alone.var)
        searched(alone, **options | {"covariates": ["batch", "mito"]})
        if list(alone.uns["argen_dag"]["tables"]["order"]) != list(adata.uns["argen_dag"]["tables"]["order"]):
            continue
        own = ag.get.edges(alone, selected=False).set_index(EDGE)
        here = levels[levels["level"] == level].set_index(EDGE)
        if set(own.index) != set(here.index):
            continue
        compared += 1
        for column in ("coef", "se", "p", "F"):
            np.testing.assert_allclose(here[column], own[column].loc[here.index], rtol=1e-7)
        pairs = ag.get.pairs(alone).set_index(EDGE)
        effects = ag.get.comparison(adata, table="total_effect_levels").query("level == @level").set_index(EDGE)
        for column, theirs in (("coef", "effect"), ("se", "se")):
            np.testing.assert_allclose(effects[column], pairs[theirs].loc[effects.index], rtol=1e-7)
        if options.get("test") == "wald":  # the law of the descendant step: normal with HC0, else t
            np.testing.assert_allclose(effects["p"], pairs["p"].loc[effects.index], rtol=1e-6)
            t_df = np.inf if options.get("hc", "HC0") == "HC0" else {"wt": 149, "drug": 119}[level]
            assert (effects["t_df"] == t_df).all()
    assert compared


def test_pooled_is_the_network_itself(done):
    edges, network = ag.get.comparison(done).set_index(EDGE), ag.get.edges(done, selected=False).set_index(EDGE)
    assert set(edges.index) == set(network.index)
    np.testing.assert_allclose(edges["pooled"], network["coef"].loc[edges.index], rtol=1e-12)
    np.testing.assert_allclose(edges["pooled_se"], network["se"].loc[edges.index], rtol=1e-12)
    assert (edges["selected"] == network["selected"].loc[edges.index]).all()


def test_differences_and_their_adjustment(done):
    levels, contrasts = tables(done)["levels"], ag.get.comparison(done, table="contrasts").set_index(EDGE)
    wt, drug = (levels[levels["level"] == name].set_index(EDGE).loc[contrasts.index] for name in ("wt", "drug"))
    np.testing.assert_allclose(contrasts["difference"], drug["coef"] - wt["coef"])
    np.testing.assert_allclose(contrasts["se"], np.hypot(wt["se"], drug["se"]))
    p = 2 * stats.norm.sf(np.abs(contrasts["difference"] / contrasts["se"]))
    np.testing.assert_allclose(contrasts["p"], p)
    np.testing.assert_allclose(contrasts["padj"], stats.false_discovery_control(p))
    edges = ag.get.comparison(done).set_index(EDGE).loc[contrasts.index]
    np.testing.assert_allclose(edges["q_p"], p)  # of two levels Q is z²
    np.testing.assert_allclose(edges["difference"], contrasts["difference"])
    assert (contrasts["reference"] == "wt").all()
    assert set(ag.get.comparison(done, table="designs")["covariates_left_out"]) == {"condition"}
    effects = ag.get.comparison(done, table="total_effects")
    assert len(effects) == 4 * 3
    assert len(ag.get.comparison(done, table="knockdowns")) == 2 * 4


def test_an_edge_that_is_there_in_one_condition_only():
    """θ of B → C is .8 in one and 0 in the other; the others are the same."""

    def screen(effect, seed):
        dag = pd.DataFrame(
            [("A", "B", 0.8), ("B", "C", effect), ("A", "D", 0.6)], columns=["source", "target", "weight"]
        )
        return ag.datasets.simulate(
            genes=list("ABCD"), dag=dag[dag["weight"] != 0], n_controls=800, cells_per_perturbation=300,
            intercept=1.5, knockdown=-1.5, noise_sd=0.2, rng=seed,
        )  # fmt: skip

    adata = ad.concat({"b": screen(0.8, 1), "a": screen(0.0, 2)}, label="condition", index_unique="-")
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth", covariates=["condition"], robust=False)
    for reference, word in (("a", "gained"), ("b", "lost")):
        ag.tl.argen_compare(adata, by="condition", reference=reference)
        changes = ag.get.comparison(adata, table="contrasts").set_index(EDGE)["change"]
        assert changes.loc[("B", "C")] == word
        assert set(changes.drop(("B", "C"))) == {"no difference shown"}


def test_replicates_are_the_unit():
    adata = searched(two_conditions(sizes=(120, 120)))
    adata.obs["donor"] = [f"{c}{i % 3}" for i, c in enumerate(adata.obs["condition"])]
    ag.tl.argen_compare(adata, by="condition", replicate="donor", n_jobs=1)
    levels = ag.get.comparison(adata, table="levels").set_index([*EDGE, "level"])
    units = ag.get.comparison(adata, table="replicates")
    assert (levels["n_replicates"] == 3).all()
    assert (levels["t_df"] == 2).all()
    for (*edge, level), part in units.groupby([*EDGE, "level"]):
        row = levels.loc[(*edge, level)]
        weight = 1 / (part["se"] ** 2 + row["tau"] ** 2)
        assert row["coef"] == pytest.approx(np.average(part["coef"], weights=weight))
        assert row["se"] >= np.sqrt(1 / weight.sum()) * (1 - 1e-9)
        assert row["ci_high"] - row["coef"] == pytest.approx(stats.t.ppf(0.975, 2) * row["se"])
    contrasts = ag.get.comparison(adata, table="contrasts")
    assert contrasts["t_df"].between(2, 4).all()
    np.testing.assert_allclose(contrasts["p"], 2 * stats.t.sf(np.abs(contrasts["z"]), contrasts["t_df"]))
    # By the column of replicates alone: do they agree, and what is their mean?
    donors = [name for name in sorted(set(adata.obs["donor"])) if name.startswith("wt")]
    ag.tl.argen_compare(adata, replicate="donor", levels=donors, key_added="donors", n_jobs=1)
    edges = ag.get.comparison(adata, key="donors").set_index(EDGE)
    same = levels.xs("wt", level="level").loc[edges.index]
    np.testing.assert_allclose(edges["mean"], same["coef"])
    np.testing.assert_allclose(edges["mean_se"], same["se"])
    np.testing.assert_allclose(edges["tau"], same["tau"])
    assert (edges["df"] == 2).all()


def test_a_perturbation_with_few_cells_in_a_level_is_out_in_all():
    adata = two_conditions()
    gone = (adata.obs["gene"] == "B") & (adata.obs["condition"] == "drug") & (np.arange(adata.n_obs) % 7 > 0)
    adata = searched(adata[~gone].copy())
    ag.tl.argen_compare(adata, by="condition")
    skipped = ag.get.comparison(adata, table="skipped")
    assert skipped.loc[skipped["what"] == "perturbations", "reason"].tolist() == ["B: too few cells in drug"]
    assert set(ag.get.comparison(adata, table="knockdowns")["perturbation"]) == {"A", "C", "D"}
    n_with_b = (ag.get.edges(adata, selected=False)[EDGE] == "B").any(axis=1).sum()
    assert skipped.loc[skipped["reason"].str.contains("one of their genes"), "n"].tolist() == [n_with_b]
    ag.tl.argen_compare(adata, by="condition", min_cells=2)
    assert "B" in set(ag.get.comparison(adata, table="knockdowns")["perturbation"])


def test_a_knock_down_that_a_level_does_not_know_puts_the_gene_out_in_all():
    adata = two_conditions()
    bare = (adata.obs["condition"] == "drug").to_numpy() & (adata.obs["gene"] == "ctrl").to_numpy()
    counts = adata.X.tolil()
    counts[np.flatnonzero(bare), list(adata.var_names).index("C")] = 0
    adata.X = counts.tocsr()
    searched(adata)
    ag.tl.argen_compare(adata, by="condition")
    skipped = ag.get.comparison(adata, table="skipped")
    assert skipped.loc[skipped["what"] == "perturbations", "reason"].tolist() == [
        "C: its effect on its own gene cannot be estimated in drug"
    ]
    assert "C" not in {*ag.get.comparison(adata)["source"], *ag.get.comparison(adata)["target"]}


def test_levels_that_cannot_be_estimated():
    adata = two_conditions(sizes=(60, 40, 30))
    bare = (adata.obs["condition"] == "more") & (adata.obs["gene"] == "ctrl")
    adata = searched(adata[~bare].copy(), covariates=["mito"])
    ag.tl.argen_compare(adata, by="condition")
    assert list(adata.uns["argen_compare"]["settings"]["levels"]) == ["wt", "drug"]
    skipped = ag.get.comparison(adata, table="skipped")
    assert skipped.loc[skipped["what"] == "levels", "reason"].str.contains("more: 0 control cells").all()
    with pytest.raises(
        InputError, match="'more' cannot be estimated: 0 control cells, fewer than 10: its effects would"
    ):
        ag.tl.argen_compare(adata, by="condition", levels=["wt", "more"])
    adata.obs["arm"] = adata.obs["condition"].astype(str).where(adata.obs["gene"] != "ctrl", None)
    with pytest.raises(
        InputError, match=r"none of 3 levels can be estimated, and two have to be.*control cells of other"
    ):
        ag.tl.argen_compare(adata, by="arm")
    assert "arm" not in adata.uns


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({}, "by="),
        ({"by": "nothing"}, "by='nothing' is not an obs column"),
        ({"by": ["condition"]}, "is not the name of a column"),
        ({"by": "condition", "levels": ["wt", "x"]}, "levels: 'x' not in 'condition', whose levels are 'wt', 'drug'"),
        ({"by": "condition", "levels": ["wt"]}, "name two at least"),
        ({"by": "condition", "levels": ["wt", "wt"]}, "name two at least"),
        ({"by": "condition", "reference": "x"}, "reference='x' is not among the levels"),
        ({"by": "mito"}, "2 to 50"),
        ({"by": "one"}, "1 level in the cells"),
        ({"by": "condition", "replicate": "nothing"}, "replicate='nothing' is not an obs column"),
        ({"by": "condition", "replicate": "condition"}, None),
        ({"by": "condition", "replicate": "one"}, "1 replicate with enough cells, two are needed"),
        ({"by": "condition", "alpha": 2}, "alpha"),
        ({"by": "condition", "min_cells": 0}, "min_cells"),
        ({"by": "condition", "min_cells": 1000}, "can be estimated"),
        ({"by": "condition", "key_added": "argen_dag"}, "would overwrite the network"),
        ({"by": "condition", "key_added": "argen_descendants"}, "would overwrite the descendant step"),
    ],
)
def test_bad_input(done, how, words):
    adata = done.copy()
    adata.obs["one"] = "x"
    before = adata.copy()
    if words is None:
        ag.tl.argen_compare(adata, **how)
        assert "replicate" not in adata.uns["argen_compare"]["settings"]
        return
    with pytest.raises(InputError, match=words):
        ag.tl.argen_compare(adata, **how)
    assert_same(adata, before)


def test_missing_and_stale(done):
    adata = done.copy()
    with pytest.raises(MissingResultError, match="other"):
        ag.tl.argen_compare(adata, by="condition", network="other")
    with pytest.raises(MissingResultError, match=r"ag\.tl\.argen_compare"):
        ag.get.comparison(adata, key="none")
    with pytest.raises(MissingResultError, match="replicate="):
        ag.get.comparison(adata, table="replicates")
    searched(adata, first_stage="shared")
    with pytest.warns(ArgenWarning, match="older network"):
        ag.get.comparison(adata)
    adata.X = adata.X * 2
    with pytest.raises(StaleResultError):
        ag.tl.argen_compare(adata, by="condition")


def test_same_numbers_for_threads_and_order_of_cells(done):
    adata = done.copy()
    ag.tl.argen_compare(adata, by="condition", n_jobs=3, key_added="again")
    for name, table in tables(done).items():
        pd.testing.assert_frame_equal(table, tables(adata, "again")[name])
    turned = two_conditions()[::-1].copy()
    searched(turned)
    ag.tl.argen_compare(turned, by="condition")
    pd.testing.assert_frame_equal(ag.get.comparison(turned), ag.get.comparison(done), rtol=1e-6)
    copied = ag.tl.argen_compare(adata, by="condition", copy=True, key_added="third")
    assert "third" in copied.uns
    assert "third" not in adata.uns


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_files(done, tmp_path, kind):
    path = tmp_path / f"x.{kind}"
    getattr(done, f"write_{kind}")(path)
    back = getattr(ad, f"read_{kind}")(path)
    for name in tables(done):
        pd.testing.assert_frame_equal(ag.get.comparison(back, table=name), ag.get.comparison(done, table=name))


def test_other_networks():
    adata = searched(two_conditions(sizes=(120, 100)))
    ag.tl.argen_joint(adata)
    ag.tl.argen_compare(adata, by="condition", network="argen_joint")
    network = adata.uns["argen_joint"]["tables"]["edges"]
    edges = ag.get.comparison(adata)
    assert edges["selected"].sum() == network["selected"].sum() > 0
    skipped = ag.get.comparison(adata, table="skipped")
    against = skipped.loc[skipped["reason"].str.contains("against the causal order"), "n"].sum()
    assert len(edges) + against == len(network)
    # The chain by its parents alone: each gene on its predecessor, as the regression of log means has it.
    ag.tl.argen_naive(adata)
    naive = adata.uns["argen_naive"]["tables"]["edges"]
    chain = [("A", "B"), ("B", "C"), ("C", "D")]
    naive["selected"] = [
        (s, t) in chain for s, t in zip(naive["source"].astype(str), naive["target"].astype(str), strict=True)
    ]
    ag.tl.argen_compare(adata, by="condition", network="argen_naive", key_added="chain")
    found = ag.get.comparison(adata, key="chain").set_index(EDGE)
    assert sorted(found.index) == chain
    assert (np.abs(found["pooled"] - 0.8) < 4 * found["pooled_se"]).all()
    back = naive.rename(columns={"source": "target", "target": "source"})
    adata.uns["argen_naive"]["tables"]["edges"] = pd.concat([naive, back], ignore_index=True)
    with pytest.raises(InputError, match=r"has a cycle: .* → .*acyclic"):
        ag.tl.argen_compare(adata, by="condition", network="argen_naive", key_added="chain")


def test_a_network_that_was_imported(done):
    adata = done.copy()
    stored = adata.uns["argen_dag"]
    table = pd.DataFrame(
        {
            "source": pd.Categorical(["A", "B", "A"], categories=["A", "B", "absent"]),
            "target": pd.Categorical(["B", "C", "absent"], categories=["B", "C", "absent"]),
            **dict.fromkeys(("coef", "se", "z", "p"), np.nan),
            "selected": True,
        }
    ).replace({"target": {}})
    table.loc[2, "target"] = "absent"
    adata.uns["known"] = {
        **stored,
        "settings": {"method": "imported", "descendants": ""},
        "made_from": {},
        "tables": {"edges": table, "nodes": pd.DataFrame({"gene": ["A", "B", "C", "absent"], "layer": [0, 1, 2, 1]}),
                   "order": np.array(["A", "B", "C", "absent"], dtype=object)},
    }  # fmt: skip
    ag.tl.argen_compare(adata, by="condition", network="known", key_added="of_known")
    assert len(ag.get.comparison(adata, key="of_known")) == 2
    skipped = ag.get.comparison(adata, key="of_known", table="skipped")
    assert skipped["reason"].str.contains("A → absent").any()


def test_a_report_and_other_diagnostics_cope(done, tmp_path):
    adata = done.copy()
    ag.report(adata, path=tmp_path / "x.html")
    ag.get.evidence(adata)
    ag.io.write_tables(adata, folder=tmp_path / "tables")


@pytest.mark.parametrize("covariance", ["murphy-topel", "stacked"])
def test_responders(covariance):
    """Of one level's own cells, with the same candidates, the tool for responders gives the same numbers."""
    screen = ag.datasets.simulate(
        genes=5, responders=20, n_edges=45, n_controls=800, cells_per_perturbation=250, intercept=(1.0, 2.0),
        knockdown=-1.5, edge_effect=(0.4, 0.8), noise_sd=0.2, rng=11,
    )  # fmt: skip
    adata = ad.concat([screen, screen[::2]], label="condition", keys=["a", "b"], index_unique="-")
    how = {"perturbation_key": "perturbation", "depth": "depth", "adjust": None, "covariance": covariance}
    ag.tl.argen_dag(adata, covariates=["condition"], robust=False, **how)
    ag.tl.argen_responders(adata, robust=False)
    ag.tl.argen_compare(adata, by="condition", responders=True)
    stored = ag.get.responders(adata, selected=False)
    stored = stored[stored["tested"]].set_index(EDGE)
    found = ag.get.comparison(adata, table="responders").set_index(EDGE)
    assert set(found.index) == set(stored.index)
    assert len(found) > 5
    np.testing.assert_allclose(found["pooled"], stored["coef"].loc[found.index], rtol=1e-8)
    np.testing.assert_allclose(found["pooled_se"], stored["se"].loc[found.index], rtol=1e-8)
    levels = ag.get.comparison(adata, table="responder_levels").set_index([*EDGE, "level"])
    contrasts = ag.get.comparison(adata, table="responder_contrasts").set_index(EDGE)
    for edge, row in contrasts.iterrows():
        a, b = levels.loc[(*edge, "a")], levels.loc[(*edge, "b")]
        assert row["difference"] == pytest.approx(b["coef"] - a["coef"])
        assert row["se"] == pytest.approx(np.hypot(a["se"], b["se"]))
    # The second condition is half of the cells of the first.
    z = (levels.xs("a", level="level")["coef"] - levels.xs("b", level="level")["coef"]) / levels.xs("b", level="level")[
        "se"
    ]
    assert np.sqrt(np.mean(z**2)) < 1.5
    with pytest.raises(MissingResultError, match="responder"):
        ag.tl.argen_compare(adata, by="condition", responders="nothing")
    with pytest.raises(InputError, match="responders=3"):
        ag.tl.argen_compare(adata, by="condition", responders=3)
    ag.tl.argen_joint(adata)
    ag.tl.argen_responders(adata, network="argen_joint", key_added="of_joint")
    ag.tl.argen_compare(adata, by="condition", network="argen_joint", responders=True, key_added="joint")
    assert len(ag.get.comparison(adata, key="joint", table="responders"))


def test_cells_that_belong_to_no_replicate_or_level_are_told_of(monkeypatch):
    told = []
    monkeypatch.setattr("argen._bridge.log.warning", told.append)
    adata = two_conditions(sizes=(120, 120))
    adata.obs["donor"] = [f"{c}{i % 3}" for i, c in enumerate(adata.obs["condition"])]
    no_donor = np.arange(adata.n_obs) % 5 == 0
    adata.obs["donor"] = adata.obs["donor"].where(~no_donor, None)
    no_arm = np.arange(adata.n_obs) % 7 == 0
    adata.obs["arm"] = adata.obs["condition"].astype(str).where(~no_arm, None)
    few = ~no_arm & (np.arange(adata.n_obs) % 11 == 1)
    adata.obs["arm"] = adata.obs["arm"].where(~few | (adata.obs["gene"] == "ctrl"), "few")
    searched(adata)
    told.clear()
    ag.tl.argen_compare(adata, by="arm", replicate="donor", n_jobs=1)
    skipped = ag.get.comparison(adata, table="skipped")
    cells = skipped[skipped["what"] == "cells"].set_index("reason")["n"]
    assert cells.loc["no value of 'arm'"] == no_arm.sum()
    assert cells.loc["no value of 'donor': they belong to no replicate"] == (no_donor & ~no_arm).sum()
    assert any("no value of 'donor'" in line and f"{cells.sum()} cells left out" in line for line in told)
    assert any(line.startswith("1 level left out: few: 0 replicates") for line in told)
    used = ag.get.comparison(adata, table="designs")["n_cells"].sum()
    in_few = few & ~no_donor & (adata.obs["arm"] == "few")
    assert used + cells.sum() + in_few.sum() == adata.n_obs
