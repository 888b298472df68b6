"""What is written where: every slot, aligned with var_names, complete, and the same after files."""

from importlib.metadata import version
from itertools import pairwise

import anndata as ad
import mudata
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests
from toy import GENES, KWARGS, assert_equal, assert_same, toy

import argen as ag
from argen._bridge.mudatas import columns_stay
from argen.errors import ArgenWarning

STEP, DAG, RESPONDERS = "argen_descendants", "argen_dag", "argen_responder_effects"


@pytest.fixture(scope="module")
def done():
    """A screen with a dropped target, mutual pairs and both steps done."""
    adata = toy()
    at = np.flatnonzero(adata.obs["gene"] == "D")[:15]
    adata.obs.iloc[at, adata.obs.columns.get_loc("gene")] = "MYC"
    with pytest.warns(ArgenWarning, match="not measured: MYC"):
        ag.tl.argen_dag(adata, **KWARGS, closure=True, descendants_alpha=0.05)
    return adata


def dense(adata, key):
    return pd.DataFrame(adata.varp[key].toarray(), adata.var_names, adata.var_names)


def test_slots_and_nothing_else(done):
    assert set(done.uns) == {STEP, DAG, RESPONDERS}
    assert set(done.varp) == {STEP, "argen_total_effects", DAG}
    assert set(done.var) == {"argen_order", "argen_layer"}
    assert not done.obsm
    assert not done.layers
    assert set(done.obs) == set(toy().obs)
    for key in (STEP, DAG, RESPONDERS):
        assert set(done.uns[key]) == {
            "kind", "id", "made_from", "schema_version", "settings", "tables", "versions",
        }  # fmt: skip
    assert set(done.uns[STEP]["tables"]) == {
        "perturbations", "pairs", "genes", "dropped_pairs", "components", "cells", "covariates", "shifts",
        "findings",
    }  # fmt: skip
    assert set(done.uns[DAG]["tables"]) == {"edges", "equations", "nodes", "order", "cycles", "prior"}
    for key in done.varp:
        assert done.varp[key].format == "csr"
        assert done.varp[key].has_canonical_format
    assert done.varp[STEP].dtype == bool
    assert done.varp[DAG].dtype == done.varp["argen_total_effects"].dtype == np.float64


def test_settings_versions_and_ids(done):
    settings = done.uns[STEP]["settings"]
    assert {name: np.asarray(value).tolist() for name, value in settings.items()} == {
        "perturbation_key": "gene",
        "control": ["ctrl"],
        "covariates": ["batch", "mito"],
        "min_cells": 10,
        "family": "poisson",
        "closure": True,
        "test": "auto",
        "hc": "HC3",
        "pooled": False,
        "adjust": "auto",
        "alpha": 0.05,
        "responders": "auto",
        "min_counts": 20,
    }
    assert done.uns[DAG]["settings"] == {
        "descendants": STEP, "method": "argen", "first_stage": "shrunk", "covariance": "murphy-topel",
        "alpha": 0.05, "fdr": "batch-bh", "edges_hc": "HC0", "robust": True,
    }  # fmt: skip
    for key in (STEP, DAG):
        assert done.uns[key]["schema_version"] == 2
        assert done.uns[key]["versions"]["argen"] == ag.__version__
        assert done.uns[key]["versions"]["anndata"] == version("anndata")
    assert done.uns[STEP]["kind"] == "descendants"
    assert done.uns[DAG]["kind"] == "network"
    assert set(done.uns[STEP]["made_from"]) == {"data"}
    assert done.uns[DAG]["made_from"] == {**done.uns[STEP]["made_from"], "descendants": done.uns[STEP]["id"]}


def test_tables_agree_with_matrices(done):
    pairs = ag.get.pairs(done)
    own = ag.get.perturbations(done).set_index("perturbation")["effect"].dropna()
    effects, descendants = dense(done, "argen_total_effects"), dense(done, STEP)
    assert effects.to_numpy().astype(bool).sum() == len(GENES) ** 2
    for row in pairs.itertuples():
        assert effects.loc[row.source, row.target] == row.effect
        assert descendants.loc[row.source, row.target] == row.descendant
    for gene, effect in own.items():
        assert effects.loc[gene, gene] == effect
        assert not descendants.loc[gene, gene]
    assert descendants.to_numpy().sum() == pairs["descendant"].sum()
    edges = ag.get.edges(done)
    direct = dense(done, DAG)
    assert direct.to_numpy().astype(bool).sum() == len(edges) > 0
    for edge in edges.itertuples():
        assert direct.loc[edge.source, edge.target] == edge.coef


def test_genes_outside_the_network_have_nothing(done):
    outside = [gene for gene in done.var_names if gene not in GENES]
    assert len(outside) == 3
    for key in done.varp:
        assert not dense(done, key).loc[outside].any(axis=None)
        assert not dense(done, key)[outside].any(axis=None)
    assert (done.var.loc[outside, ["argen_order", "argen_layer"]] == -1).all(axis=None)


def test_every_pair_is_kept(done):
    pairs = done.uns[STEP]["tables"]["pairs"]
    expected = [(j, k) for j in GENES for k in GENES if j != k]
    assert list(zip(pairs["source"].astype(str), pairs["target"].astype(str), strict=True)) == expected
    numbers = pairs[["effect", "se", "z", "p", "padj", "count", "expected_count"]]
    assert np.isfinite(numbers).all(axis=None)
    assert (pairs["n_control"] == 200).all()
    assert pairs.groupby("source", observed=True)["n_perturbed"].unique().str[0].to_dict() == {
        "A": 60, "B": 60, "C": 60, "D": 45,
    }  # fmt: skip
    t = (pairs["effect"] / pairs["se"]).abs()
    p = 2 * stats.t.sf(t, pairs["n_perturbed"] - 1)  # 50 counts and more are expected in every group: Wald tests
    assert (pairs["test"] == "wald").all()
    np.testing.assert_allclose(pairs["p"], p, rtol=1e-9)
    np.testing.assert_allclose(pairs["z"].abs(), stats.norm.isf(p / 2), rtol=1e-9)
    np.testing.assert_array_equal(np.sign(pairs["z"]), np.sign(pairs["effect"]))


def test_adjusted_p_values(done):
    pairs = done.uns[STEP]["tables"]["pairs"]
    reject, padj, *_ = multipletests(pairs["p"], 0.05, "fdr_bh")
    np.testing.assert_allclose(pairs["padj"], padj, rtol=1e-12)
    np.testing.assert_array_equal(pairs["significant"], reject)
    assert 0 < reject.sum() < len(reject)


def test_relation_is_the_closure_of_the_significant_pairs(done):
    pairs = done.uns[STEP]["tables"]["pairs"]
    graph = nx.from_pandas_edgelist(pairs[pairs["significant"]], "source", "target", create_using=nx.DiGraph)
    closure = {(j, k) for j in graph for k in nx.descendants(graph, j)}
    found = pairs[pairs["descendant"]]
    assert set(zip(found["source"], found["target"], strict=True)) == closure


def test_every_candidate_is_kept(done):
    """Candidates of a gene: its ancestors that come before it in the order."""
    order = done.uns[DAG]["tables"]["order"].tolist()
    descendants = dense(done, STEP)
    expected = {(s, t) for s in GENES for t in GENES if descendants.loc[s, t] and order.index(s) < order.index(t)}
    edges = done.uns[DAG]["tables"]["edges"]
    assert set(zip(edges["source"], edges["target"], strict=True)) == expected
    assert len(edges) == len(expected)
    assert np.isfinite(edges[["coef", "se", "z", "p", "alpha", "threshold"]]).all(axis=None)
    np.testing.assert_allclose(edges["z"], edges["coef"] / edges["se"], rtol=1e-12)
    np.testing.assert_array_equal(edges["selected"], edges["p"] <= edges["threshold"])
    equations = done.uns[DAG]["tables"]["equations"].set_index("target")
    assert equations["n_candidates"].to_dict() == edges["target"].astype(str).value_counts().to_dict()


def test_cycles_are_the_mutual_pairs(done):
    order = done.uns[DAG]["tables"]["order"].tolist()
    descendants = dense(done, STEP)
    mutual = {(s, t) for s in GENES for t in GENES if descendants.loc[s, t] and descendants.loc[t, s]}
    assert mutual
    cycles = done.uns[DAG]["tables"]["cycles"]
    assert set(zip(cycles["earlier"], cycles["later"], strict=True)) == {
        (s, t) for s, t in mutual if order.index(s) < order.index(t)
    }
    pairs = done.uns[STEP]["tables"]["pairs"].set_index(["source", "target"])
    for row in cycles.itertuples():
        assert row.neg_log10_p == pytest.approx(-np.log10(pairs.loc[(row.earlier, row.later), "p"]))
        assert row.neg_log10_p_reverse == pytest.approx(-np.log10(pairs.loc[(row.later, row.earlier), "p"]))


def test_order_and_layers(done):
    order = done.uns[DAG]["tables"]["order"].tolist()
    assert sorted(order) == sorted(GENES)
    assert done.var.loc[order, "argen_order"].tolist() == [0, 1, 2, 3]
    graph = ag.get.graph(done)
    layers = {gene: layer for layer, genes in enumerate(nx.topological_generations(graph)) for gene in genes}
    assert done.var.loc[list(layers), "argen_layer"].to_dict() == layers
    assert done.uns[DAG]["tables"]["nodes"].set_index("gene")["layer"].to_dict() == layers


def test_targets(done):
    table = done.uns[STEP]["tables"]["perturbations"].set_index("perturbation")
    assert table["status"].astype(str).to_dict() == {**dict.fromkeys(GENES, "kept"), "MYC": "dropped"}
    assert table["n_cells"].to_dict() == {"A": 60, "B": 60, "C": 60, "D": 45, "MYC": 15}
    assert (table.loc[list(GENES), "effect"] < -0.5).all()
    assert table["n_descendants"].to_dict() == {**dense(done, STEP).sum(axis=1)[list(GENES)].to_dict(), "MYC": 0}


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_files_keep_everything(done, fmt, tmp_path):
    path = tmp_path / f"done.{fmt}"
    if fmt == "h5ad":
        done.write_h5ad(path)
        again = ad.read_h5ad(path)
    else:
        done.write_zarr(path)
        again = ad.read_zarr(path)
    for slot in ("uns", "varp", "var"):
        assert_equal(getattr(done, slot), getattr(again, slot), slot)
    pd.testing.assert_frame_equal(ag.get.edges(again), ag.get.edges(done), check_exact=True)
    pd.testing.assert_frame_equal(ag.get.pairs(again), ag.get.pairs(done), check_exact=True)
    pd.testing.assert_frame_equal(ag.get.perturbations(again), ag.get.perturbations(done), check_exact=True)


def test_mudata_files_keep_everything(done, tmp_path):
    with columns_stay():
        mudata.MuData({"rna": done, "guide": done[:, []].copy()}).write_h5mu(tmp_path / "x.h5mu")
        again = mudata.read_h5mu(tmp_path / "x.h5mu")["rna"]
    assert_equal(done.uns, again.uns, "uns")
    assert_equal(done.varp, again.varp, "varp")


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_results_without_a_single_edge_can_be_stored(fmt, tmp_path):
    adata = toy()
    rng = np.random.default_rng(0)
    adata.X = rng.poisson(3.0, adata.shape)
    ag.tl.argen_dag(adata, **KWARGS, closure="acyclic")
    assert len(adata.uns[DAG]["tables"]["edges"]) == 0
    path = tmp_path / f"empty.{fmt}"
    getattr(adata, f"write_{fmt}")(path)
    again = getattr(ad, f"read_{fmt}")(path)
    assert ag.get.edges(again).shape == ag.get.edges(adata).shape == (0, 29)
    assert ag.get.graph(again).number_of_nodes() == 4
    assert len(ag.get.pairs(again, selected=True)) == 0


def test_skipped_pairs_are_stored_with_their_paths(tmp_path):
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS, closure="acyclic")
    adata.write_h5ad(tmp_path / "x.h5ad")
    again = ad.read_h5ad(tmp_path / "x.h5ad")
    assert_equal(adata.uns, again.uns, "uns")
    skipped = again.uns[STEP]["tables"]["dropped_pairs"]
    pairs = ag.get.pairs(adata).set_index(["source", "target"])
    assert len(skipped) > 0
    for row in skipped.itertuples():
        path = row.blocked_by.split(" → ")
        assert (path[0], path[-1]) == (row.target, row.source)
        assert pairs.loc[(row.source, row.target), "significant"]
        assert not pairs.loc[(row.source, row.target), "descendant"]
        assert all(pairs.loc[step, "significant"] for step in pairwise(path))
    assert len(adata.uns[DAG]["tables"]["cycles"]) == 0


@pytest.mark.parametrize("function", [ag.tl.argen_descendants, ag.tl.argen_dag])
def test_copy_leaves_the_original_alone(function):
    adata = toy()
    before = adata.copy()
    copied = function(adata, **KWARGS, copy=True)
    assert_same(before, adata)
    assert function(adata, **KWARGS) is None
    assert_same(adata, copied)


def test_layer():
    adata, expected = toy(), toy()
    adata.layers["counts"] = adata.X.copy()
    adata.X = np.log1p(adata.X)
    for data, layer in ((adata, "counts"), (expected, None)):
        ag.tl.argen_dag(data, **KWARGS, layer=layer)
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(expected), check_exact=True)
    assert adata.uns[STEP]["settings"]["layer"] == "counts"


def test_several_control_labels_are_one():
    adata, expected = toy(), toy()
    adata.obs["gene"] = adata.obs["gene"].where(np.arange(adata.n_obs) % 3 > 0, adata.obs["gene"].replace("ctrl", "NT"))
    ag.tl.argen_dag(adata, **{**KWARGS, "control": ["NT", "ctrl"]})
    ag.tl.argen_dag(expected, **KWARGS)
    pd.testing.assert_frame_equal(ag.get.edges(adata), ag.get.edges(expected), check_exact=True)


def test_labels_may_be_integers():
    adata = toy()
    numbers = {"ctrl": 0, "A": 1, "B": 2, "C": 3, "D": 4}
    adata.obs["gene"] = adata.obs["gene"].map(numbers)
    adata.var_names = [str(numbers.get(name, name)) for name in adata.var_names]
    ag.tl.argen_dag(adata, **{**KWARGS, "control": 0})
    expected = toy()
    ag.tl.argen_dag(expected, **KWARGS)
    np.testing.assert_array_equal(ag.get.edges(adata)["coef"], ag.get.edges(expected)["coef"])


def test_names_of_results():
    adata = toy()
    ag.tl.argen_descendants(adata, **KWARGS, closure=True, alpha=0.2, key_added="step")
    ag.tl.argen_dag(adata, descendants="step", key_added="net", first_stage="shared")
    ag.tl.argen_dag(adata, **KWARGS)
    assert set(adata.uns) == {"step", "net", STEP, DAG, "step_responder_effects", RESPONDERS}
    assert set(adata.varp) == {"step", "step_total_effects", "net", STEP, "argen_total_effects", DAG}
    assert set(adata.var) == {"net_order", "net_layer", "argen_order", "argen_layer"}
    assert adata.uns["net"]["settings"]["descendants"] == "step"
    assert not ag.get.pairs(adata, key="step").equals(ag.get.pairs(adata))
    assert len(adata.uns["net"]["tables"]["cycles"]) > 0 == len(adata.uns[DAG]["tables"]["cycles"])
    assert nx.is_directed_acyclic_graph(ag.get.graph(adata, key="net"))
    assert set(ag.get.perturbations(adata, key="step")["perturbation"]) == set(GENES)


def test_running_again_overwrites_cleanly():
    adata, expected = toy(), toy()
    ag.tl.argen_dag(
        adata, **{**KWARGS, "covariates": ["mito"]}, closure="acyclic", depth="depth", perturbations=["A", "B", "C"]
    )
    ag.tl.argen_descendants(adata, **KWARGS)
    ag.tl.argen_dag(adata)
    ag.tl.argen_dag(expected, **KWARGS)
    assert_same(expected, adata)
    ag.tl.argen_dag(adata)
    assert_same(expected, adata)
