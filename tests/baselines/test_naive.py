"""argen_naive: the contract of argen_dag, its numbers, its messages."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from oracles import poisson
from toy import KWARGS, assert_equal, assert_same, set_count, toy

import argen as ag
from argen.errors import ArgenWarning, InputError, StaleResultError

NAIVE = "argen_naive"


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_naive(adata, n_jobs=1)
    return adata


def test_same_candidates_and_order_as_argen_dag(done):
    full, naive = (done.uns[key]["tables"] for key in ("argen_dag", NAIVE))
    for name in ("source", "target"):
        assert naive["edges"][name].tolist() == full["edges"][name].tolist()
    assert naive["order"].tolist() == full["order"].tolist()
    assert set(naive) == set(full)
    assert list(naive["edges"]) == list(full["edges"])
    assert {"argen_naive_order", "argen_naive_layer"} <= set(done.var)


def test_numbers_are_those_of_statsmodels(done):
    obs, counts = done.obs, done.to_df()
    depth = counts.sum(axis=1).to_numpy()
    depth = depth / depth.mean()
    table = ag.get.edges(done, key=NAIVE, selected=False)
    nuisance = np.column_stack(
        [pd.get_dummies(obs["batch"]).to_numpy(float), (obs["mito"] - obs["mito"].mean()) / obs["mito"].std(ddof=0)]
    )
    for child, rows in table.groupby("target"):
        parents = rows["source"].tolist()
        observed = np.log1p(counts[parents].to_numpy() / depth[:, None])
        x = np.column_stack([observed, (obs["gene"] == child).to_numpy(float), nuisance])
        reference = poisson(counts[child].to_numpy(float), x, depth)
        np.testing.assert_allclose(rows["coef"], reference.params[: len(parents)], rtol=1e-6)
        np.testing.assert_allclose(rows["se"], reference.bse[: len(parents)], rtol=1e-6)


def test_selection_is_batch_bh(done):
    table = done.uns[NAIVE]["tables"]["edges"]
    np.testing.assert_array_equal(table["selected"], table["p"] <= table["threshold"])
    direct = done[:, :].varp[NAIVE]
    assert direct.nnz == table["selected"].sum() > 0
    graph = ag.get.graph(done, key=NAIVE)
    assert graph.number_of_edges() == direct.nnz
    assert done.uns[NAIVE]["settings"] == {
        "descendants": "argen_descendants",
        "method": "naive",
        "alpha": 0.05,
        "fdr": "batch-bh",
    }


def test_missing_descendants_are_computed(done):
    alone = toy()
    ag.tl.argen_naive(alone, **KWARGS)
    assert_equal(alone.uns[NAIVE], done.uns[NAIVE], "uns")
    assert set(alone.uns) == {NAIVE, "argen_descendants", "argen_responder_effects"}
    strict = toy()
    ag.tl.argen_naive(strict, **KWARGS, descendants_alpha=0.001)
    assert strict.uns["argen_descendants"]["settings"]["alpha"] == 0.001


def test_invariances(done):
    expected = ag.get.edges(done, key=NAIVE, selected=False)
    rng = np.random.default_rng(0)
    adata = toy()
    shuffled = adata[rng.permutation(adata.n_obs), rng.permutation(adata.n_vars)].copy()
    shuffled.X = shuffled.X.toarray()
    ag.tl.argen_naive(shuffled, **{**KWARGS, "n_jobs": 2})
    found = ag.get.edges(shuffled, key=NAIVE, selected=False)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-9)


def test_copy_names_and_files(done, tmp_path):
    adata = toy()
    before = adata.copy()
    copied = ag.tl.argen_naive(adata, **KWARGS, copy=True, key_added="other")
    assert_same(before, adata)
    assert_equal(copied.uns["other"]["tables"]["edges"], done.uns[NAIVE]["tables"]["edges"], "edges")
    done.write_h5ad(tmp_path / "x.h5ad")
    again = ad.read_h5ad(tmp_path / "x.h5ad")
    for slot in ("uns", "varp", "var"):
        assert_equal(getattr(done, slot), getattr(again, slot), slot)


def test_equation_without_estimates_is_said():
    adata = toy()
    for cell in adata.obs_names:
        set_count_of(adata, cell)
    with pytest.warns(ArgenWarning, match="collinear"):
        ag.tl.argen_naive(adata, **KWARGS)
    table = ag.get.edges(adata, key=NAIVE, selected=False)
    lost = table[table["flags"] == "singular"]
    assert len(lost)
    assert lost[["coef", "se", "p"]].isna().all(axis=None)
    assert not lost["selected"].any()


def set_count_of(adata, cell):
    """Gene B's counts are gene A's."""
    set_count(adata, adata.obs_names == cell, "B", int(adata[cell, "A"].X.toarray()[0, 0]))


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"alpha": 1.5}, ["alpha=1.5"]),
        ({"n_jobs": 0}, ["n_jobs=0"]),
        ({"key_added": "argen_descendants"}, ["overwrite"]),
        ({"covariance": "naive"}, ["argen_naive has no argument 'covariance'", "descendants", "closure"]),
        ({"closure": "no"}, ["closure='no'", "'acyclic'"]),
    ],
)
def test_bad_arguments(kwargs, words):
    adata = toy()
    before = adata.copy()
    with pytest.raises(InputError) as caught:
        ag.tl.argen_naive(adata, **{**KWARGS, **kwargs})
    for word in words:
        assert word in str(caught.value)
    assert_same(before, adata)


def test_stale_step_is_refused(done):
    adata = done.copy()
    set_count(adata, adata.obs_names == "cell3", "A", 99)
    with pytest.raises(StaleResultError, match="argen_descendants"):
        ag.tl.argen_naive(adata)
    with pytest.raises(InputError, match="min_cells"):
        ag.tl.argen_naive(done.copy(), min_cells=20)
    with pytest.raises(InputError, match="takes an AnnData"):
        ag.tl.argen_naive(done.X)
