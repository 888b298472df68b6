"""`ag.tl.argen_overidentification`: tables, degradations, errors, files."""

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from toy import assert_equal, assert_same

import argen as ag
from argen._core.diagnostics.overidentified_equations import UNTESTED
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

KEY = "argen_overidentification"
BY = ("perturbation", "guide", "pair", "edge", "equation")
DAG = {"covariates": ["L"], "depth": "depth", "n_jobs": 1}


def screen(seed=0, *, guides=3, **options):
    """Eight genes; guides called without error from their labels."""
    adata = ag.datasets.simulate(
        "paper_fig2", rng=seed, intercept=2.0, knockdown=-1.0, guides_per_target=guides, **options
    )
    carried = pd.get_dummies(adata.obs["guide"].astype(str))
    adata.obsm["umi"] = carried.astype(int) * 9
    table = adata.uns["simulation"]["tables"]["guides"].set_index("guide")["target"]
    ag.pp.argen_guides(adata, guides="umi", guide_target={g: str(table[g]) for g in carried}, control="control")
    ag.tl.argen_dag(adata, **DAG)
    return adata


@pytest.fixture(scope="module")
def done():
    adata = screen(off_targets=1, off_target_effect=1.0, n_cells=4000)
    ag.tl.argen_overidentification(adata, n_jobs=1)
    return adata


def test_the_off_target_guide_is_named(done):
    guides = done.uns["simulation"]["tables"]["guides"].set_index("guide")
    stray = guides[guides["off_target"].astype(str) != ""]
    (name,) = stray.index
    target, gene = str(stray["target"].iloc[0]), str(stray["off_target"].iloc[0])
    pairs = ag.get.overidentification(done, by="pair").set_index(["source", "target"])
    row = pairs.loc[(target, gene)]
    assert row["disagrees"] == name
    assert row["padj"] == pairs["padj"].min() < 1e-3
    perturbations = ag.get.overidentification(done).set_index("perturbation")
    assert perturbations.loc[target, "disagrees"] == name
    assert perturbations.loc[target, "padj"] == row["padj"]
    assert (pairs.loc[pairs["padj"] >= 0.05, "disagrees"] == "").all()


def test_tables_are_complete_and_consistent(done):
    tables = {by: ag.get.overidentification(done, by=by) for by in BY}
    perturbations, pairs, edges = tables["perturbation"], tables["pair"], tables["edge"]
    assert len(perturbations) == 8
    assert len(tables["guide"]) == 24
    assert len(pairs) == 8 * 7
    assert len(edges) == len(ag.get.edges(done, selected=False))
    assert edges["selected"].sum() == len(ag.get.edges(done))
    np.testing.assert_array_equal(perturbations["n_guides_used"], 3)
    worst = pairs.groupby("source")["padj"].min()
    np.testing.assert_array_equal(perturbations["padj"], worst[perturbations["perturbation"]])
    assert perturbations["n_disagreeing"].sum() == (pairs["padj"] < 0.05).sum()
    tested = pairs[pairs["flags"] == ""]
    np.testing.assert_array_equal(tested["df"], tested["n_guides"] - 1)
    candidates = ag.get.edges(done, selected=False).groupby("target").size()
    equations = tables["equation"].set_index("target")
    np.testing.assert_array_equal(equations["n_candidates"], candidates[equations.index])
    np.testing.assert_array_equal(equations["df"], edges.groupby("target")["df"].sum()[equations.index])


def test_every_table_column_and_flag_is_documented(done):
    page = Path(__file__).parents[2].joinpath("docs", "results.md").read_text(encoding="utf-8")
    tables = {name: table for name, table in done.uns[KEY].items() if isinstance(table, pd.DataFrame)}
    names = {column for table in tables.values() for column in table} | {*UNTESTED, "not converged"} - {""}
    names |= {f'uns["{KEY}"]["{name}"]' for name in tables}
    assert not {name for name in names if f"`{name}`" not in page}


def test_threads_and_copies(done):
    before = done.copy()
    other = ag.tl.argen_overidentification(done, n_jobs=2, key_added="again", copy=True)
    assert_same(before, done)
    for name in ("perturbations", "guides", "pairs", "edges", "equations"):
        assert_equal(done.uns[KEY]["tables"][name], other.uns["again"]["tables"][name], name)


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_files_keep_everything(done, fmt, tmp_path):
    getattr(done, f"write_{fmt}")(tmp_path / "x")
    again = getattr(ad, f"read_{fmt}")(tmp_path / "x")
    for by in BY:
        pd.testing.assert_frame_equal(ag.get.overidentification(done, by=by), ag.get.overidentification(again, by=by))
    ag.tl.argen_overidentification(again, n_jobs=1)
    assert_equal(done.uns[KEY]["tables"]["pairs"], again.uns[KEY]["tables"]["pairs"], "pairs")


def test_subsets_of_genes(done):
    some = done[:, done.var_names[:-1]].copy()
    gone = done.var_names[-1]
    for by, columns in {
        "perturbation": ["perturbation"],
        "pair": ["source", "target"],
        "edge": ["source", "target"],
    }.items():
        with pytest.warns(ArgenWarning, match="1 of the 5 genes"):
            table = ag.get.overidentification(some, by=by)
        assert len(table) > 0
        assert not table[columns].isin([gone]).any(axis=None)


def test_two_guides_disagree_without_a_name():
    adata = screen(guides=2, off_targets=1, off_target_effect=1.5, n_cells=4000)
    ag.tl.argen_overidentification(adata, n_jobs=1)
    pairs = ag.get.overidentification(adata, by="pair")
    assert set(pairs.loc[pairs["padj"] < 0.05, "disagrees"]) == {"disagree"}
    assert set(pairs.loc[~(pairs["padj"] < 0.05), "disagrees"]) == {""}


def test_targets_without_two_guides_are_listed_with_the_reason():
    """One target loses its guides but one, one has a single guide with enough cells, one cell carries two guides."""
    adata = screen(n_cells=4000)
    table = adata.uns["argen_guides"]["tables"]["guides"]
    names = table["guide"].astype(str).tolist()
    calls = adata.obsm["argen_guides"].tolil()
    for guide in ("X2_g2", "X2_g3"):
        calls[:, names.index(guide)] = 0
    carriers = np.flatnonzero(calls[:, names.index("X3_g1")].toarray().ravel())
    calls[carriers[0], names.index("X3_g2")] = 1
    adata.obsm["argen_guides"] = calls.tocsr()
    against = table["target"].astype(str).mask(table["guide"].astype(str).isin(["X1_g1", "X1_g2"]), "X8")
    adata.uns["argen_guides"]["tables"]["guides"] = table.assign(target=against)
    ag.tl.argen_overidentification(adata, n_jobs=1)
    perturbations = ag.get.overidentification(adata).set_index("perturbation")
    assert perturbations.loc["X1", ["n_guides", "n_guides_used", "status", "reason"]].tolist() == [
        1, 0, "not tested", "one guide",
    ]  # fmt: skip
    assert perturbations.loc["X2", ["n_guides", "reason"]].tolist() == [3, "fewer than two guides with 30 cells"]
    assert perturbations.loc["X8", ["n_guides", "n_guides_used", "status"]].tolist() == [5, 3, "tested"]
    guides = ag.get.overidentification(adata, by="guide").set_index("guide")
    assert guides.loc["X3_g1", "n_cells"] == len(carriers) - 1
    assert not guides.loc[["X1_g3", "X2_g1", "X2_g2"], "used"].any()
    edges = ag.get.overidentification(adata, by="edge")
    assert (edges.loc[edges["source"].isin(["X1", "X2"]), "flags"] == "not split").all()
    assert not set(ag.get.overidentification(adata, by="pair")["source"]) & {"X1", "X2"}


def test_whatever_the_options_of_the_network():
    adata = screen(1, n_cells=2500)
    options = {"family": "negative_binomial", "closure": False, "descendants_alpha": 0.2}
    for first_stage in ("ancestors", "shared", "shrunk"):
        other = adata.copy()
        del other.uns["argen_descendants"]
        ag.tl.argen_dag(other, **DAG, first_stage=first_stage, **options)
        ag.tl.argen_overidentification(other, min_cells=10)
        edges = ag.get.overidentification(other, by="edge")
        assert (edges["p"].notna() == (edges["flags"] == "")).all()
        assert edges["p"].notna().any()


@pytest.mark.parametrize(
    ("kwargs", "error", "word"),
    [
        ({"min_cells": 1}, InputError, "min_cells=1"),
        ({"min_cells": 5000}, InputError, "largest second guide"),
        ({"alpha": 2}, InputError, "alpha=2"),
        ({"key": "nope"}, MissingResultError, "'nope'"),
        ({"guides": "nope"}, MissingResultError, "Run ag.pp.argen_guides first"),
        ({"guides": "argen_dag"}, MissingResultError, "not a result of ag.pp.argen_guides"),
        ({"key_added": "argen_guides"}, InputError, "overwrite"),
        ({"key_added": "argen_dag"}, InputError, "overwrite"),
        ({"n_jobs": 0}, InputError, "n_jobs=0"),
    ],
)
def test_bad_input(done, kwargs, error, word):
    before = done.copy()
    with pytest.raises(error, match=word):
        ag.tl.argen_overidentification(done, **kwargs)
    assert_same(before, done)


def test_guides_that_are_no_help(done):
    adata = done.copy()
    table = adata.uns["argen_guides"]["tables"]["guides"]
    adata.uns["argen_guides"]["tables"]["guides"] = table.assign(target="elsewhere")
    with pytest.raises(InputError, match=r"No guide in .* is against a gene of the network"):
        ag.tl.argen_overidentification(adata)
    adata = done.copy()
    del adata.obsm["argen_guides"]
    with pytest.raises(InputError, match="missing or changed"):
        ag.tl.argen_overidentification(adata)
    labels = done.copy()
    ag.pp.argen_guides(labels, labels="perturbation", key_added="labels")
    with pytest.raises(InputError, match="cells of one guide only"):
        ag.tl.argen_overidentification(labels, guides="labels")


def test_changed_data_and_missing_results(done):
    with pytest.raises(StaleResultError):
        ag.tl.argen_overidentification(done[:-5].copy())
    with pytest.raises(MissingResultError, match=KEY):
        ag.get.overidentification(done, key="nope" + KEY)
    with pytest.raises(InputError, match="by='cell'"):
        ag.get.overidentification(done, by="cell")


def test_papalexi():
    """Four guides per target, of which three to four are usable."""
    mdata = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(mdata, control="non-targeting")
    adata = mdata["rna"]
    with pytest.warns(ag.errors.ArgenWarning, match="17 perturbations dropped"):
        ag.tl.argen_dag(adata, covariates=["bio_rep", "percent_mito"], depth="total_umi")
    ag.tl.argen_overidentification(adata)
    perturbations = ag.get.overidentification(adata)
    assert perturbations["n_guides_used"].tolist() == [3, 4, 4, 4, 3, 4, 4, 4, 4]
    assert perturbations.loc[perturbations["padj"] < 0.001, "perturbation"].tolist() == ["IFNGR2"]
    # This guide lowers all that is below IFNGR2 but hardly its mRNA.
    edges = ag.get.overidentification(adata, by="edge")
    assert edges.loc[edges["padj"] < 0.05, ["source", "target", "disagrees"]].to_numpy().tolist() == [
        ["IFNGR2", "JAK2", "IFNGR2g2"]
    ]
    pairs = ag.get.overidentification(adata, by="pair")
    assert np.isfinite(pairs.loc[pairs["flags"] == "", "p"]).all()


def test_tests_stand_beside_the_edges_of_this_network_only(done):
    adata = done.copy()
    edges = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    own = ag.get.overidentification(adata, by="edge").set_index(["source", "target"]).loc[edges.index]
    whole = ag.get.overidentification(adata, by="equation").set_index("target")
    whole = whole.loc[edges.index.get_level_values("target")]
    for name, values in {"p": own["p"], "padj": own["padj"]}.items():
        np.testing.assert_array_equal(edges[f"J_{name}"], values)
        np.testing.assert_array_equal(edges[f"J_{name}_equation"], whole[name])
    assert edges["disagrees"].tolist() == own["disagrees"].tolist()
    for edge, a, b in zip(edges["J_flag"], own["padj"] < 0.05, whole["padj"] < 0.05, strict=True):
        assert edge == ", ".join(name for name, found in (("edge", a), ("equation", b)) if found)
    assert (edges["J_flag"] != "").any()
    ag.tl.argen_overidentification(adata, alpha=1e-9, key_added="argen_a")  # the usual name goes first
    assert ag.get.edges(adata, selected=False)["J_flag"].tolist() == edges["J_flag"].tolist()
    ag.tl.argen_dag(adata, alpha=0.2)
    assert not {name for name in ag.get.edges(adata) if name.startswith("J_")}


def test_a_column_with_the_guide_of_each_cell_is_as_good_as_calls(done):
    """The calls of this screen are right, so that both are the same guides."""
    adata = done.copy()
    del adata.uns["argen_guides"], adata.obsm["argen_guides"]
    ag.tl.argen_overidentification(adata, guides="guide", n_jobs=1)
    for by in BY:
        left, right = (ag.get.overidentification(some, by=by) for some in (adata, done))
        order = list(left.columns[: 2 if by in ("pair", "edge") else 1])
        tables = [table.sort_values(order, ignore_index=True) for table in (left, right)]
        pd.testing.assert_frame_equal(*tables, rtol=1e-9)
    assert adata.uns[KEY]["settings"]["guides"] == "guide"


def test_columns_of_guides_with_gaps_shared_names_and_none(done):
    adata = done.copy()
    del adata.uns["argen_guides"], adata.obsm["argen_guides"]
    target = adata.obs["perturbation"].astype(str)
    number = pd.Series(np.where(np.arange(adata.n_obs) % 2, "g1", "g2"), index=adata.obs_names)
    adata.obs["number"] = number.where(np.arange(adata.n_obs) % 10 > 0, "none").where(np.arange(adata.n_obs) > 20)
    ag.tl.argen_overidentification(adata, guides="number", n_jobs=1)
    guides = ag.get.overidentification(adata, by="guide").set_index("guide")
    assert sorted(guides.index) == sorted(f"{g} of {gene}" for g in ("g1", "g2") for gene in set(target) - {"control"})
    known = adata.obs["number"].isin(["g1", "g2"]) & (target != "control")
    assert guides["n_cells"].sum() == known.sum()
    before = adata.copy()
    with pytest.raises(InputError, match="Every perturbation has cells of one guide only"):
        ag.tl.argen_overidentification(adata, guides="perturbation")
    assert_same(before, adata)
