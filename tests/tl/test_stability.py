"""Stability of a network's edges, as a user sees it."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError

GENES = ("A", "B", "C", "D", "E")


@pytest.fixture(scope="module")
def done():
    adata = toy(genes=GENES, n_per_target=40, n_control=200)
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_stability(adata, n_draws=60)
    return adata


def test_columns_and_order(done):
    table = ag.get.stability(done, selected=False)
    assert list(table) == [
        "source", "target", "selected", "stability", "bootstrap_frequency", "candidate_frequency", "order_frequency",
        "ci_low", "ci_high",
    ]  # fmt: skip
    assert table["selected"].is_monotonic_decreasing
    shares = table[["stability", "bootstrap_frequency", "candidate_frequency", "order_frequency"]]
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    assert (table["stability"] <= table["candidate_frequency"]).all()
    np.testing.assert_allclose(shares * 60, np.round(shares * 60), atol=1e-9)


def test_every_candidate_is_there_with_its_interval(done):
    table = ag.get.stability(done, selected=False).set_index(["source", "target"])
    edges = ag.get.edges(done, selected=False).set_index(["source", "target"])
    assert set(edges.index) <= set(table.index)
    both = table.loc[edges.index]
    pd.testing.assert_series_equal(both["selected"], edges["selected"])
    assert ((both["ci_low"] < edges["coef"]) & (edges["coef"] < both["ci_high"])).all()
    others = table.drop(edges.index)
    assert others[["ci_low", "ci_high"]].isna().all(axis=None)
    assert not others["selected"].any()


def test_strong_edges_are_stable(done):
    """With z-scores far beyond the level, more than the noise of a draw."""
    edges = ag.get.edges(done)[["source", "target", "z"]]
    strong = edges[edges["z"].abs() > 6].merge(ag.get.stability(done), on=["source", "target"])
    assert len(strong) >= 2
    assert strong["stability"].min() > 0.8
    assert strong["order_frequency"].min() > 0.9


def test_seeds(done):
    def again(rng):
        adata = done.copy()
        ag.tl.argen_stability(adata, n_draws=60, rng=rng)
        return adata.uns["argen_stability"]

    first = done.uns["argen_stability"]
    pd.testing.assert_frame_equal(first["tables"]["edges"], again(0)["tables"]["edges"])
    assert not first["tables"]["edges"].equals(again(1)["tables"]["edges"])
    one, two = again(np.random.default_rng(4)), again(np.random.default_rng(4))
    assert one["settings"]["seed"] == two["settings"]["seed"]
    pd.testing.assert_frame_equal(one["tables"]["edges"], again(int(one["settings"]["seed"]))["tables"]["edges"])


def test_no_number_depends_on_threads_or_the_order_of_genes(done):
    shuffled = done[:, np.random.default_rng(0).permutation(done.n_vars)].copy()
    ag.tl.argen_stability(shuffled, n_draws=60, n_jobs=2)
    pd.testing.assert_frame_equal(ag.get.stability(shuffled), ag.get.stability(done))


@pytest.mark.parametrize(
    "options",
    [
        {"closure": True, "covariance": "stacked", "edges_hc": "HC3"},
        {"closure": False, "first_stage": "shared", "fdr": "bh"},
        {"first_stage": "shrunk", "covariance": "stacked"},
        {"family": "negative_binomial", "covariance": "naive"},
        {"prior": pd.DataFrame([("A", "C", "forbidden")], columns=["source", "target", "rule"])},
    ],
)
def test_whatever_the_options(options):
    adata = toy(genes=GENES, n_per_target=40, n_control=200)
    ag.tl.argen_dag(adata, **KWARGS, **options)
    ag.tl.argen_stability(adata, n_draws=10)
    table = ag.get.stability(adata)
    assert len(table) == ag.get.edges(adata).shape[0]
    assert table["stability"].max() > 0.8


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_survives_files_and_works_on_what_was_read(done, fmt, tmp_path):
    path = tmp_path / f"stability.{fmt}"
    getattr(done, f"write_{fmt}")(path)
    again = getattr(ad, f"read_{fmt}")(path)
    pd.testing.assert_frame_equal(ag.get.stability(again), ag.get.stability(done))
    ag.tl.argen_stability(again, n_draws=60)
    pd.testing.assert_frame_equal(ag.get.stability(again), ag.get.stability(done))


def test_copy_leaves_the_object(done):
    before = done.copy()
    other = ag.tl.argen_stability(done, n_draws=5, key_added="other", copy=True)
    assert_same(done, before)
    assert "other" in other.uns


def test_bad_input(done):
    before = done.copy()
    with pytest.raises(MissingResultError, match=r"ag\.tl\.argen_dag"):
        ag.tl.argen_stability(toy())
    for arguments, words in [
        ({"n_draws": 1}, "n_draws=1: give an integer of at least 2"),
        ({"rng": -1}, "rng=-1"),
        ({"rng": None}, "rng=None"),
        ({"key_added": "argen_dag"}, "would overwrite"),
    ]:
        with pytest.raises(InputError, match=words):
            ag.tl.argen_stability(done, **arguments)
    assert_same(done, before)


def test_results_of_an_older_step_are_told(done):
    changed = done.copy()
    ag.tl.argen_descendants(changed, **KWARGS, alpha=1e-6)
    with pytest.raises(StaleResultError, match=r"another descendant step.*Run ag\.tl\.argen_dag again"):
        ag.tl.argen_stability(changed)
    fewer = done[5:].copy()
    with pytest.raises(StaleResultError, match="other cells"):
        ag.tl.argen_stability(fewer)


def test_a_new_network_names_the_diagnostics_of_the_old_one(done):
    import io

    from scanpy import settings

    adata, stream = done.copy(), io.StringIO()
    before = settings.logfile
    settings.logfile = stream
    try:
        ag.tl.argen_dag(adata, key_added="other")
        assert "replaced" not in stream.getvalue()
        ag.tl.argen_dag(adata, alpha=0.01)
    finally:
        settings.logfile = before
    assert "made from the network that is replaced now, run them again: argen_stability" in stream.getvalue()


def test_other_results_are_not_overwritten(done):
    before = done.copy()
    done.uns["mine"] = before.uns["mine"] = {"a": 1}
    for run, key, what in [
        (ag.tl.argen_stability, "argen_descendants", "would overwrite|holds descendants"),
        (ag.tl.argen_sensitivity, "argen_stability", "holds a stability analysis"),
        (ag.tl.argen_dag, "argen_stability", "holds a stability analysis"),
        (ag.tl.argen_dag, "mine", "holds something that argen did not write"),
        (ag.tl.argen_naive, "mine", "Choose another name"),
        (
            lambda adata, key_added: ag.tl.argen_descendants(adata, **KWARGS, key_added=key_added),
            "argen_dag",
            "network",
        ),
    ]:
        with pytest.raises(InputError, match=what):
            run(done, key_added=key)
    assert_same(done, before)


def test_reading_what_belongs_to_an_older_network_warns(done):
    adata = done.copy()
    ag.tl.argen_dag(adata, alpha=1e-9)
    with pytest.warns(ArgenWarning, match="from an older network than the one in"):
        ag.get.stability(adata)
    ag.tl.argen_stability(adata, n_draws=5)
    ag.get.stability(adata)
