"""argen_dag uses the descendant step that is there, and notices when it no longer fits the object."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import ImplicitModificationWarning
from toy import KWARGS, assert_equal, assert_same, set_count, toy

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError


@pytest.fixture
def step():
    """A screen with the descendant step alone, some cells outside the analysis and two genes nobody asks for."""
    adata = toy()
    adata.obs.iloc[:20, adata.obs.columns.get_loc("gene")] = "unassigned"
    ag.tl.argen_descendants(adata, **KWARGS, depth="depth", closure=True)
    return adata


KWARGS_OF_FILE = {"covariates": ["batch", "mito"], "control": "ctrl", "closure": True, "min_cells": 10, "layer": None}


def edges(adata):
    return ag.get.edges(adata, selected=False)


def test_stored_step_is_not_computed_again(step, monkeypatch):
    from argen._bridge.results import steps

    expected = step.copy()
    ag.tl.argen_dag(expected)
    stored = step.uns["argen_descendants"]

    def fail(*args, **kwargs):
        pytest.fail("the stored step was computed again")

    monkeypatch.setattr(steps, "fit_with_dispersions", fail)
    ag.tl.argen_dag(step)
    assert step.uns["argen_descendants"] is stored
    assert_same(expected, step)


def test_dag_alone_is_both_steps():
    alone, both = toy(), toy()
    options = {**KWARGS, "closure": "acyclic", "min_cells": 20}
    ag.tl.argen_dag(alone, **options, alpha=0.1, descendants_alpha=0.02)
    ag.tl.argen_descendants(both, **options, alpha=0.02)
    ag.tl.argen_dag(both, alpha=0.1)
    assert_same(both, alone)
    assert alone.uns["argen_descendants"]["settings"]["alpha"] == 0.02
    assert alone.uns["argen_dag"]["settings"]["alpha"] == 0.1


def test_defaults_of_the_guide_step():
    adata = toy()
    ag.pp.argen_guides(adata, labels="gene", control="ctrl")
    ag.tl.argen_dag(adata)
    assert adata.uns["argen_descendants"]["settings"]["perturbation_key"] == "argen_perturbation"
    assert len(ag.get.edges(adata)) > 0


@pytest.mark.parametrize(
    "given",
    [
        {"covariates": ["batch", "mito"]},
        {"covariates": ("batch", "mito"), "control": ["ctrl"], "perturbation_key": "gene"},
        {"closure": True, "family": "poisson", "test": "auto", "hc": "HC3", "min_cells": 10},
        {"layer": None, "perturbations": None, "depth": "depth"},
        {"descendants_alpha": 0.01},
    ],
)
def test_same_arguments_are_welcome(step, given):
    ag.tl.argen_dag(step, **given)
    assert len(ag.get.edges(step)) > 0


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_same_arguments_are_welcome_after_a_file(step, fmt, tmp_path):
    getattr(step, f"write_{fmt}")(tmp_path / "x")
    again = getattr(ad, f"read_{fmt}")(tmp_path / "x")
    ag.tl.argen_dag(again, **KWARGS_OF_FILE)
    assert len(ag.get.edges(again)) > 0
    with pytest.raises(InputError, match=r"made with covariates=\['batch', 'mito'\]"):
        ag.tl.argen_dag(again, covariates=["mito"])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"covariates": ["mito", "batch"]}, ["covariates=['mito', 'batch']", "with covariates=['batch', 'mito']"]),
        ({"covariates": None}, ["covariates=None"]),
        ({"covariates": "~ batch + mito"}, ["covariates='~ batch + mito'"]),
        ({"control": "NT"}, ["control='NT'", "'ctrl'"]),
        ({"closure": "acyclic"}, ["closure='acyclic'", "closure=True"]),
        ({"closure": False}, ["closure=False", "closure=True"]),
        ({"depth": None}, ["depth=None", "depth='depth'"]),
        ({"layer": "counts"}, ["layer='counts'", "layer=None"]),
        ({"perturbations": ["A", "B"]}, ["perturbations=['A', 'B']", "perturbations=None"]),
        ({"min_cells": 20}, ["min_cells=20", "min_cells=10"]),
        ({"descendants_alpha": 0.05}, ["alpha=0.05", "alpha=0.01"]),
    ],
)
def test_other_arguments_are_refused(step, given, words):
    before = step.copy()
    with pytest.raises(InputError) as caught:
        ag.tl.argen_dag(step, **given)
    for word in [*words, "adata.uns['argen_descendants']", "ag.tl.argen_descendants"]:
        assert word in str(caught.value)
    assert_same(before, step)


def spoil_count(adata):
    set_count(adata, adata.obs_names == "cell50", "B", 99)


def spoil_swap(adata):
    counts = adata.X.toarray()
    counts[[50, 51]] = counts[[51, 50]]
    adata.X = counts


def spoil_target(adata):
    adata.obs.loc["cell210", "gene"] = "B"


def spoil_depth(adata):
    adata.obs.loc["cell210", "depth"] *= 1.01


def spoil_covariate(adata):
    adata.obs.loc["cell210", "mito"] += 0.1


def spoil_batch(adata):
    adata.obs["batch"] = adata.obs["batch"].cat.rename_categories({"b1": "b2", "b2": "b1"})
    adata.obs.loc["cell210", "batch"] = "b3" if adata.obs.loc["cell210", "batch"] != "b3" else "b1"


def spoil_names(adata):
    adata.obs_names = [*adata.obs_names[:-2], *adata.obs_names[-2:][::-1]]


@pytest.mark.parametrize(
    "spoil", [spoil_count, spoil_swap, spoil_target, spoil_depth, spoil_covariate, spoil_batch, spoil_names]
)
def test_changed_data_make_the_step_stale(step, spoil):
    spoil(step)
    before = step.copy()
    with pytest.raises(StaleResultError, match=r"Run ag\.tl\.argen_descendants again"):
        ag.tl.argen_dag(step)
    assert_same(before, step)
    ag.tl.argen_descendants(step, **KWARGS, depth="depth")
    ag.tl.argen_dag(step)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda adata: adata[adata.obs_names != "cell50"].copy(), "other cells"),
        (lambda adata: adata[:, adata.var_names != "C"].copy(), "other cells, genes"),
        (lambda adata: adata[adata.obs["gene"] != "ctrl"].copy(), "control='ctrl'"),
        (lambda adata: adata[:, :0].copy(), "Perturbations left: none"),
    ],
    ids=["cell", "gene", "controls", "all genes"],
)
def test_removed_cells_or_genes_make_the_step_stale(step, change, word):
    changed = change(step)
    with pytest.raises(StaleResultError, match="Run ag.tl.argen_descendants again".replace(".", r"\.")) as caught:
        ag.tl.argen_dag(changed)
    assert word in str(caught.value)


def test_removed_column_makes_the_step_stale(step):
    del step.obs["mito"]
    with pytest.raises(StaleResultError, match=r"'mito'.*Run ag\.tl\.argen_descendants again"):
        ag.tl.argen_dag(step)


@pytest.mark.parametrize(
    "change",
    [
        lambda adata: adata[adata.obs["gene"] != "unassigned"].copy(),
        lambda adata: adata[:, [not name.startswith("other") for name in adata.var_names]].copy(),
        lambda adata: adata[::-1].copy(),
        lambda adata: adata[:, ::-1].copy(),
        lambda adata: ad.AnnData(adata.X.toarray(order="F"), adata.obs, adata.var, uns=adata.uns),
    ],
    ids=["cells outside", "genes outside", "order of cells", "order of genes", "storage"],
)
def test_what_the_step_did_not_use_may_change(step, change):
    changed = change(step)
    ag.tl.argen_dag(changed)
    ag.tl.argen_dag(step)
    pd.testing.assert_frame_equal(edges(changed), edges(step), rtol=1e-9)


def test_removed_genes_change_the_default_depth():
    adata = toy()
    ag.tl.argen_descendants(adata, **KWARGS)
    adata = adata[:, [not name.startswith("other") for name in adata.var_names]].copy()
    with pytest.raises(StaleResultError, match="depths"):
        ag.tl.argen_dag(adata)


@pytest.mark.parametrize(("closure", "fmt"), [(True, "h5ad"), (False, "h5ad"), ("acyclic", "zarr")])
def test_network_after_a_file_is_the_same(closure, fmt, tmp_path):
    adata = toy()
    set_count(adata, adata.obs["gene"] == "A", "D", 0)
    ag.tl.argen_descendants(adata, **KWARGS, closure=closure)
    getattr(adata, f"write_{fmt}")(tmp_path / "x")
    again = getattr(ad, f"read_{fmt}")(tmp_path / "x")
    for data in (adata, again):
        ag.tl.argen_dag(data)
    assert_equal(adata.uns["argen_dag"], again.uns["argen_dag"], "uns")
    assert "separated" in set(ag.get.pairs(again)["flags"])


def test_formula_and_layer_survive_a_file(tmp_path):
    adata = toy()
    adata.layers["counts"] = adata.X
    adata.X = None
    ag.tl.argen_descendants(
        adata, **{**KWARGS, "covariates": "~ batch*mito"}, layer="counts", perturbations=["A", "B", "C"]
    )
    adata.write_h5ad(tmp_path / "x.h5ad")
    again = ad.read_h5ad(tmp_path / "x.h5ad")
    ag.tl.argen_dag(again, covariates="~ batch*mito", layer="counts", perturbations=["A", "B", "C"])
    assert again.uns["argen_dag"]["tables"]["order"].tolist() == ["A", "B", "C"]


def test_descendants_of_something_else(step):
    step.uns["other"] = {"settings": {}}
    with pytest.raises(
        MissingResultError,
        match=r"'other'\] holds something that argen did not write, not a result of ag\.tl\.argen_descendants",
    ):
        ag.tl.argen_dag(step, descendants="other")


def test_results_of_a_newer_version_are_refused(step):
    step.uns["argen_descendants"]["schema_version"] = 99
    for call in (ag.tl.argen_dag, ag.get.pairs):
        with pytest.raises(StaleResultError, match=r"newer argen .*99.*Update argen"):
            call(step)


@pytest.mark.parametrize("function", [ag.tl.argen_descendants, ag.tl.argen_dag])
def test_view_becomes_an_object_of_its_own(function):
    parent = toy()
    before = parent.copy()
    view = parent[parent.obs["batch"] != "b3"]
    expected = view.copy()
    with pytest.warns(ImplicitModificationWarning, match="initializing view as actual"):
        function(view, **KWARGS)
    function(expected, **KWARGS)
    assert not view.is_view
    assert_same(before, parent)
    assert_same(expected, view)


def test_view_of_a_finished_object_does_not_leak(step):
    ag.tl.argen_dag(step)
    before = step.copy()
    view = step[step.obs["batch"] != "b3"]
    with pytest.raises(StaleResultError):
        ag.tl.argen_dag(view)
    assert view.is_view
    with pytest.warns(ImplicitModificationWarning, match="initializing view as actual"):
        ag.tl.argen_descendants(view, **KWARGS)
    ag.tl.argen_dag(view)
    assert_same(before, step)
    assert not edges(view).equals(edges(step))


def test_copy_of_a_view_is_quiet(step):
    view = step[step.obs["gene"] != "unassigned"]
    result = ag.tl.argen_dag(view, copy=True)
    assert view.is_view
    assert "argen_dag" not in step.uns
    assert len(ag.get.edges(result)) > 0


def test_warnings_as_errors_leave_the_object_alone():
    adata = toy()
    adata.obs["gene"] = adata.obs["gene"].replace("D", "MYC")
    for function in (ag.tl.argen_descendants, ag.tl.argen_dag):
        before = adata.copy()
        with pytest.raises(ArgenWarning, match="MYC"):
            function(adata, **KWARGS)
        assert_same(before, adata)


def test_singular_warning_as_error_leaves_no_network():
    adata = toy()
    counts = adata.X.toarray()
    counts[:, adata.var_names.get_loc("B")] = counts[:, adata.var_names.get_loc("A")]
    adata.X = counts
    ag.tl.argen_descendants(adata, **KWARGS, closure=True)
    before = adata.copy()
    with pytest.raises(ArgenWarning, match="singular"):
        ag.tl.argen_dag(adata)
    assert_same(before, adata)


def test_step_can_be_reused_with_other_options(step):
    ag.tl.argen_dag(step)
    ag.tl.argen_dag(step, covariance="naive", key_added="naive")
    ag.tl.argen_dag(step, alpha=1e-9, key_added="strict")
    one, naive = edges(step).set_index(["source", "target"]), ag.get.edges(step, key="naive", selected=False)
    naive = naive.set_index(["source", "target"]).loc[one.index]
    np.testing.assert_array_equal(one["coef"], naive["coef"])
    assert (naive["se"] < one["se"]).all()
    assert len(ag.get.edges(step, key="strict")) < len(ag.get.edges(step))


def test_a_network_whose_descendants_are_replaced_is_named(monkeypatch):
    adata = ag.datasets.simulate("paper_fig2", n_cells=1500)
    design = {"perturbation_key": "perturbation", "covariates": ["L"], "depth": "depth"}
    messages = []
    monkeypatch.setattr("scanpy.logging.warning", messages.append)
    ag.tl.argen_dag(adata, **design)
    ag.tl.argen_dag(adata, key_added="second")
    assert not [m for m in messages if "run them again" in m]
    ag.tl.argen_descendants(adata, **design)  # the same step again: nothing is outdated
    assert not [m for m in messages if "run them again" in m]
    ag.tl.argen_descendants(adata, **design, alpha=1e-6)
    assert [m for m in messages if "run them again: argen_dag, second" in m]


def test_fdr_procedures_share_their_p_values(step):
    ag.tl.argen_dag(step)
    ag.tl.argen_dag(step, fdr="bh", key_added="joint")
    online, joint = edges(step), ag.get.edges(step, key="joint", selected=False)
    pd.testing.assert_frame_equal(online[["source", "target", "p"]], joint[["source", "target", "p"]])
    assert joint["alpha"].eq(0.05).all()
    assert joint["threshold"].nunique() == 1
    np.testing.assert_array_equal(joint["selected"], joint["p"] <= joint["threshold"])
    assert step.uns["joint"]["settings"]["fdr"] == "bh"
