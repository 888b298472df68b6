"""inspre: what it writes, what does not change it, what it says when it cannot."""

import anndata as ad
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from toy import GENES, KWARGS, assert_equal, assert_same, set_count, toy

import argen as ag
from argen.errors import ArgenWarning, InputError


@pytest.fixture(scope="module")
def done():
    adata = toy(n_per_target=150, n_control=500)
    ag.tl.inspre(adata, **KWARGS, test="wald")
    return adata


def test_chain_is_found(done):
    """A → B → C → D with effects .8, in log-expression."""
    edges = ag.get.edges(done, key="inspre")
    pairs = list(zip(edges["source"], edges["target"], strict=True))
    assert set(pairs[:3]) == {("A", "B"), ("B", "C"), ("C", "D")}
    np.testing.assert_allclose(edges["coef"][:3], 0.8, atol=0.3)
    assert (edges["coef"][3:].abs() < 0.2).all()


def test_slots(done):
    result = done.uns["inspre"]
    assert result["kind"] == "network"
    tables = result["tables"]
    assert set(tables) == {"edges", "path", "nodes", "order"}
    edges = tables["edges"]
    assert list(edges) == [
        "source", "target", "coef", "se", "z", "p", "ratio", "ratio_se", "frequency", "selected", "flags",
    ]  # fmt: skip
    assert len(edges) == len(GENES) * (len(GENES) - 1)
    assert edges[["se", "z", "p"]].isna().all(axis=None)
    assert np.isfinite(edges[["coef", "ratio", "ratio_se", "frequency"]]).all(axis=None)
    np.testing.assert_array_equal(edges["selected"], edges["coef"].abs() >= 0.1)
    assert (edges["flags"] == "").all()
    direct = pd.DataFrame(done.varp["inspre"].toarray(), done.var_names, done.var_names)
    for edge in edges.itertuples():
        assert direct.loc[edge.source, edge.target] == (edge.coef if edge.selected else 0.0)
    assert result["settings"]["effects"] == "argen"
    assert result["settings"]["rng"] == 0
    assert tables["order"].tolist() == tables["nodes"]["gene"].tolist()
    assert sorted(tables["order"]) == list(GENES)


def test_path(done):
    path = done.uns["inspre"]["tables"]["path"]
    assert 4 <= len(path) <= 20
    assert (np.diff(path["lambda"]) < 0).all()
    assert path["converged"].all()
    assert path["chosen"].sum() == 1
    assert np.isfinite(path[["objective", "error", "error_se", "instability"]]).all(axis=None)
    assert (np.diff(path["objective"]) < 1e-6).all()
    chosen = path[path["chosen"]].iloc[0]
    assert chosen["n_edges"] == (done.uns["inspre"]["tables"]["edges"]["coef"] != 0).sum()


def test_ratios_are_those_of_the_descendant_step(done):
    pairs = ag.get.pairs(done).set_index(["source", "target"])["effect"]
    own = ag.get.perturbations(done).set_index("perturbation")["effect"]
    for edge in done.uns["inspre"]["tables"]["edges"].itertuples():
        assert edge.ratio == pytest.approx(pairs[edge.source, edge.target] / own[edge.source])


def test_tables_and_graph(done):
    edges = ag.get.edges(done, key="inspre", selected=False)
    assert (np.diff(edges["coef"].abs()) <= 0).all()
    graph = ag.get.graph(done, key="inspre")
    assert set(graph) == set(GENES)
    assert graph.edges["A", "B"]["weight"] == edges.set_index(["source", "target"])["coef"]["A", "B"]


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_files_keep_everything(done, fmt, tmp_path):
    path = tmp_path / f"done.{fmt}"
    getattr(done, f"write_{fmt}")(path)
    again = getattr(ad, f"read_{fmt}")(path)
    for slot in ("uns", "varp"):
        assert_equal(getattr(done, slot), getattr(again, slot), slot)
    expected = ag.get.edges(done, key="inspre")
    pd.testing.assert_frame_equal(ag.get.edges(again, key="inspre"), expected, check_exact=True)


@pytest.mark.parametrize("effects", ["argen", "z"])
def test_invariances(effects):
    adata = toy()
    ag.tl.inspre(adata, **KWARGS, effects=effects, lambdas=[0.3, 0.1, 0.03])
    rng = np.random.default_rng(0)
    other = toy()[rng.permutation(adata.n_obs), rng.permutation(adata.n_vars)].copy()
    other.X = other.X.toarray()
    ag.tl.inspre(other, **{**KWARGS, "n_jobs": 2}, effects=effects, lambdas=(0.03, 0.1, 0.3))
    expected, found = (ag.get.edges(x, key="inspre", selected=False) for x in (adata, other))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-6)
    pd.testing.assert_frame_equal(
        other.uns["inspre"]["tables"]["path"], adata.uns["inspre"]["tables"]["path"], rtol=1e-6
    )


def test_seed_decides_the_folds_only():
    runs = []
    for rng in (1, 1, np.random.default_rng(2)):
        adata = toy()
        ag.tl.inspre(adata, **KWARGS, rng=rng, lambdas=[0.3, 0.1])
        runs.append(adata.uns["inspre"])
    assert_equal(runs[0], runs[1], "uns")
    assert runs[2]["settings"]["rng"] == "generator"
    assert (runs[0]["tables"]["path"]["error"] != runs[2]["tables"]["path"]["error"]).any()
    np.testing.assert_array_equal(runs[0]["tables"]["path"]["objective"], runs[2]["tables"]["path"]["objective"])


def test_one_lambda_needs_no_folds(tmp_path):
    adata = toy(n_per_target=12)
    ag.tl.inspre(adata, **KWARGS, lambdas=0.1, n_folds=50)
    path = adata.uns["inspre"]["tables"]["path"]
    assert path["lambda"].tolist() == [0.1]
    assert path["chosen"].tolist() == [True]
    assert path[["error", "instability"]].isna().all(axis=None)
    assert adata.uns["inspre"]["tables"]["edges"]["frequency"].isna().all()
    adata.write_h5ad(tmp_path / "x.h5ad")
    assert_equal(adata.uns, ad.read_h5ad(tmp_path / "x.h5ad").uns, "uns")


@pytest.mark.parametrize("weights", ["none", "se", "variance"])
@pytest.mark.parametrize("select", ["stability", "cv", "cv-min"])
def test_options(weights, select):
    adata = toy(n_per_target=150, n_control=500)
    ag.tl.inspre(adata, **KWARGS, weights=weights, select=select, max_weight=5.0, min_effect=0.2)
    edges = ag.get.edges(adata, key="inspre")
    assert (edges["coef"].abs() >= 0.2).all()
    path = adata.uns["inspre"]["tables"]["path"]
    best, chosen = path["error"].idxmin(), path["chosen"].idxmax()
    if select == "cv-min":
        assert chosen == best
    if select == "cv":
        assert chosen <= best
        assert path["error"][chosen] <= path["error"][best] + path["error_se"][best]
    found = set(zip(edges["source"], edges["target"], strict=True))
    assert select == "stability" or {("A", "B"), ("B", "C"), ("C", "D")} <= found


def test_acyclic_network():
    adata = toy(n_per_target=30)  # noise enough for cycles in the plain solution
    ag.tl.inspre(adata, **KWARGS, lambdas=0.01, min_effect=0.0)
    assert not nx.is_directed_acyclic_graph(ag.get.graph(adata, key="inspre"))
    ag.tl.inspre(adata, lambdas=0.01, min_effect=0.0, dag=True)
    graph = ag.get.graph(adata, key="inspre")
    assert nx.is_directed_acyclic_graph(graph)
    assert nx.has_path(graph, "A", "D")


def test_without_convergence_there_is_a_warning_and_a_flag():
    adata = toy()
    lambdas = [0.02, 0.01, 0.005]
    with pytest.warns(ArgenWarning, match=r"did not converge for 3 of 3 lambdas.*best iterate is kept"):
        ag.tl.inspre(adata, **KWARGS, lambdas=lambdas, max_iter=1)
    edges = adata.uns["inspre"]["tables"]["edges"]
    assert (edges["flags"] == "not converged").all()
    assert np.isfinite(edges["coef"]).all()
    assert not adata.uns["inspre"]["tables"]["path"]["converged"].any()
    with pytest.warns(ArgenWarning, match="for 1 of 2 lambdas. The choice is among the others"):
        ag.tl.inspre(adata, lambdas=[50.0, 0.03], max_iter=10)  # at 50 no edge is worth its price
    path = adata.uns["inspre"]["tables"]["path"]
    assert path["converged"][path["chosen"]].all()
    assert (adata.uns["inspre"]["tables"]["edges"]["flags"] == "").all()


def test_pairs_without_a_total_effect_are_flagged():
    adata = toy()
    set_count(adata, adata.obs["gene"] == "ctrl", "D", 0)
    with pytest.warns(ArgenWarning, match="No p-value"):
        ag.tl.inspre(adata, **KWARGS, lambdas=0.05)
    edges = adata.uns["inspre"]["tables"]["edges"]
    lost = edges[edges["flags"] == "no total effect"]
    assert set(zip(lost["source"], lost["target"], strict=True)) >= {("A", "D"), ("B", "D"), ("C", "D")}
    assert lost["ratio"].isna().all()


def test_step_is_used_again(done):
    adata = done.copy()
    step = adata.uns["argen_descendants"]["made_from"]["data"]
    assert ag.tl.inspre(adata, effects="z", key_added="z") is None
    assert adata.uns["argen_descendants"]["made_from"]["data"] == step
    copied = ag.tl.inspre(done, lambdas=0.1, copy=True)
    assert len(copied.uns["inspre"]["tables"]["path"]) == 1
    assert len(done.uns["inspre"]["tables"]["path"]) > 1
    with pytest.raises(InputError, match="min_cells"):
        ag.tl.inspre(adata, min_cells=20)


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"effects": "x"}, ["effects='x'", "'argen', 'z'"]),
        ({"weights": "x"}, ["weights='x'", "'none', 'se', 'variance'"]),
        ({"select": "bic"}, ["select='bic'", "'cv', 'cv-min', 'stability'"]),
        ({"dag": "yes"}, ["dag='yes'", "True, False"]),
        ({"lambdas": [0.1, -1]}, ["lambdas=[0.1, -1]", "positive"]),
        ({"lambdas": []}, ["lambdas=[]"]),
        ({"lambdas": "all"}, ["lambdas='all'"]),
        ({"n_folds": 1}, ["n_folds=1", "at least 2"]),
        ({"max_iter": 0}, ["max_iter=0"]),
        ({"max_weight": 0.5}, ["max_weight=0.5"]),
        ({"min_effect": -1}, ["min_effect=-1"]),
        ({"nope": 1}, ["inspre has no argument 'nope'", "lambdas", "perturbation_key"]),
        ({"key_added": "argen_descendants"}, ["overwrite"]),
    ],
)
def test_bad_arguments(kwargs, words):
    adata = toy()
    before = adata.copy()
    with pytest.raises(InputError) as caught:
        ag.tl.inspre(adata, **{**KWARGS, **kwargs})
    for word in words:
        assert word in str(caught.value)
    assert_same(before, adata)


def test_too_many_folds_name_the_target():
    adata = toy()
    with pytest.raises(InputError, match="n_folds=80, but A has 60 cells"):
        ag.tl.inspre(adata, **KWARGS, n_folds=80)
