"""external_dag: other packages' methods really run, on data they can solve."""

import sys

import anndata as ad
import gies
import numpy as np
import pandas as pd
import pytest
from causallearn.search.ConstraintBased.PC import pc
from fake_torch import torch_or_stand_in
from toy import KWARGS, assert_equal, assert_same, toy

import argen as ag
from argen.baselines._external.methods import coefficients, discover
from argen.errors import InputError

KEY = "external_dag"


@pytest.fixture(scope="module")
def prepared():
    """The chain A → B → C → D, well expressed: log-expression is nearly Gaussian."""
    rng = np.random.default_rng(0)
    adata = toy(n_control=600, n_per_target=100)
    adata.obs["depth"] = 1.0
    labels = adata.obs["gene"].to_numpy()
    eta = 5.0 + 0.3 * rng.normal(size=adata.shape)
    for parent, child in zip("ABCD", "ABCD"[1:] + " ", strict=True):
        at = adata.var_names.get_loc(parent)
        eta[:, at] -= 0.7 * (labels == parent)
        if child != " ":
            eta[:, adata.var_names.get_loc(child)] += 0.8 * (eta[:, at] - 5.0)
    adata.X = rng.poisson(np.exp(eta))
    ag.tl.argen_descendants(adata, **KWARGS, depth="depth")
    return adata


def run(prepared, method, **kwargs):
    adata = prepared.copy()
    with torch_or_stand_in():
        ag.tl.external_dag(adata, method=method, **kwargs)
    return adata


def z_scores(adata, cells):
    """By hand, against the controls of the same batch."""
    counts = adata.to_df()[["A", "B", "C", "D"]].to_numpy()
    z = np.log1p(counts)
    control = (adata.obs["gene"] == "ctrl").to_numpy()
    for batch in adata.obs["batch"].unique():
        own = (adata.obs["batch"] == batch).to_numpy()
        reference = z[own & control]
        z[own] = (z[own] - reference.mean(axis=0)) / reference.std(axis=0, ddof=1)
    return z[control] if cells == "control" else z


def skeleton(edges):
    return {frozenset(pair) for pair in zip(edges["source"], edges["target"], strict=True)}


@pytest.mark.parametrize("method", ["pc", "ges", "gies", "notears"])
def test_methods_find_the_chain(prepared, method):
    adata = run(prepared, method, cells="all")
    edges = ag.get.edges(adata, key=KEY)
    assert {frozenset("AB"), frozenset("BC"), frozenset("CD")} <= skeleton(edges)
    assert edges["coef"].max() > 0.5
    assert ag.get.graph(adata, key=KEY).number_of_edges() == len(edges) == adata.varp[KEY].nnz
    assert adata.uns[KEY]["settings"]["method"] == method
    assert adata.uns[KEY]["kind"] == "network"
    assert set(adata.uns[KEY]["tables"]) == {"edges", "nodes", "order"}


def test_interventions_direct_the_edges(prepared):
    """Observational search leaves the chain undirected; with the interventions it runs from A to D."""
    observed = ag.get.edges(run(prepared, "ges"), key=KEY)
    assert (observed["flags"] == "undirected").any()
    directed = ag.get.edges(run(prepared, "gies"), key=KEY)
    pairs = set(zip(directed["source"], directed["target"], strict=True))
    assert {("A", "B"), ("B", "C"), ("C", "D")} <= pairs
    assert not {("B", "A"), ("C", "B"), ("D", "C")} & pairs
    assert (directed["flags"] == "").all()


def test_score_of_the_package_is_there(prepared):
    """Its environments are centred one by one."""
    z, labels = z_scores(prepared, "all"), prepared.obs["gene"].to_numpy()
    data = [z[labels == name] for name in ("ctrl", *"ABCD")]
    expected, _ = gies.fit_bic(data, [[], [0], [1], [2], [3]])
    target = np.array(["ABCD".find(name) if name != "ctrl" else -1 for name in labels])
    found = discover("gies", z, target, {"center": "environment"})
    np.testing.assert_array_equal(found, expected != 0)
    assert not np.array_equal(found, discover("gies", z, target, {}))


@pytest.mark.parametrize("cells", ["control", "all"])
def test_results_are_those_of_the_packages(prepared, cells):
    z = z_scores(prepared, cells)
    expected, _ = gies.fit_bic([z], [[]])
    found = run(prepared, "ges", cells=cells).uns[KEY]["tables"]["edges"]
    chosen = found[found["selected"]]
    at = "ABCD"
    assert {(at.index(s), at.index(t)) for s, t in zip(chosen["source"], chosen["target"], strict=True)} == {
        (i, j) for i, j in np.argwhere(expected).tolist()
    }


def test_marks_of_pc():
    """A collider's arrows, and an edge without direction both ways."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(3000, 5))
    z[:, 2] += z[:, 0] + z[:, 1]
    z[:, 4] += z[:, 3]
    found = discover("pc", z, np.full(3000, -1), {"alpha": 0.001})
    assert np.argwhere(found).tolist() == [[0, 2], [1, 2], [3, 4], [4, 3]]
    assert np.array_equal(pc(z, 0.001, show_progress=False).G.graph != 0, found | found.T)


def test_options_are_handed_on(prepared):
    few = run(prepared, "pc", options={"alpha": 1e-30})
    many = run(prepared, "pc", options={"alpha": 0.2})
    assert len(ag.get.edges(few, key=KEY)) < len(ag.get.edges(many, key=KEY))
    assert few.uns[KEY]["settings"]["options"].tolist() == ["alpha=1e-30"]


def test_coefficients_are_least_squares_without_the_perturbed_cells():
    rng = np.random.default_rng(1)
    z, target = rng.normal(size=(200, 3)), rng.integers(-1, 3, 200)
    z[:, 2] += 2.0 * z[:, 0] - z[:, 1]
    z[target == 2, 2] = 100.0
    edges = np.zeros((3, 3), dtype=bool)
    edges[[0, 1], 2] = True
    coef = coefficients(z, target, edges)
    np.testing.assert_allclose(coef[:, 2], [2.0, -1.0, 0.0], atol=0.3)
    assert not coef[:, :2].any()


def test_files_and_copy(prepared, tmp_path):
    before = prepared.copy()
    done = ag.tl.external_dag(prepared, method="gies", copy=True, key_added="gies")
    assert_same(before, prepared)
    done.write_h5ad(tmp_path / "x.h5ad")
    again = ad.read_h5ad(tmp_path / "x.h5ad")
    assert_equal(done.uns, again.uns, "uns")
    expected = ag.get.edges(done, key="gies")
    pd.testing.assert_frame_equal(ag.get.edges(again, key="gies"), expected, check_exact=True)


def test_missing_step_is_run():
    adata = toy()
    ag.tl.external_dag(adata, method="ges", **KWARGS)
    assert set(adata.uns) == {"argen_descendants", "argen_responder_effects", KEY}


@pytest.mark.parametrize(
    ("method", "module"), [("pc", "causallearn"), ("ges", "gies"), ("gies", "gies"), ("notears", "castle")]
)
def test_missing_package_names_the_extra(prepared, method, module, monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    adata = prepared.copy()
    with pytest.raises(ImportError) as caught:
        ag.tl.external_dag(adata, method=method)
    assert "pip install argen[baselines]" in "".join(caught.value.__notes__)
    assert KEY not in adata.uns


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"method": "lingam"}, ["method='lingam'", "'pc', 'ges', 'gies', 'notears'"]),
        ({"method": "pc", "cells": "some"}, ["cells='some'", "'control', 'all'"]),
        ({"method": "pc", "options": 3}, ["options=3"]),
        ({"method": "pc", "alpah": 3}, ["external_dag has no argument 'alpah'"]),
    ],
)
def test_bad_arguments(prepared, kwargs, words):
    adata = prepared.copy()
    with pytest.raises(InputError) as caught:
        ag.tl.external_dag(adata, **kwargs)
    for word in words:
        assert word in str(caught.value)
    assert_same(prepared, adata)
