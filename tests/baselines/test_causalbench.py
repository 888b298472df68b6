"""CausalBench's call contract, on data as it hands them over."""

import enum

import numpy as np
import pytest
from fake_torch import torch_or_stand_in
from toy import GENES, toy

import argen as ag
from argen.baselines.causalbench import METHODS, ArgenModel
from argen.baselines.causalbench.unlog import recover_counts
from argen.errors import ArgenWarning, CountsError, InputError


class Regime(enum.Enum):
    """As CausalBench has it."""

    Observational = "observational"
    Interventional = "interventional"


@pytest.fixture(scope="module")
def data():
    """Log-normalised over all genes, then the perturbed genes alone, in single precision."""
    adata = toy(n_control=500, n_per_target=120, n_others=20)
    counts = adata.to_df().to_numpy()
    total = counts.sum(axis=1)
    normalised = np.log1p(counts / total[:, None] * np.median(total)).astype(np.float32)
    columns = [adata.var_names.get_loc(gene) for gene in GENES]
    labels = adata.obs["gene"].astype(str).replace("ctrl", "non-targeting").tolist()
    adata.obs["depth"] = total / total.mean()
    return adata, normalised[:, columns], labels


def test_counts_and_depth_are_recovered(data):
    adata, expression, _ = data
    true = adata[:, list(GENES)].to_df().to_numpy()
    counts, depth = recover_counts(expression)
    same = (counts == true).all(axis=1)
    factor = np.gcd.reduce(true.astype(int), axis=1)
    np.testing.assert_array_equal(same, factor <= 1)
    assert same.mean() > 0.8
    ratio = depth[same] / adata.obs["depth"][same]
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-3)


def test_counts_are_left_as_they_are():
    x = np.array([[0, 3, 7], [0, 0, 0]])
    counts, depth = recover_counts(x)
    np.testing.assert_array_equal(counts, x)
    assert depth is None


def test_empty_cells_and_large_counts():
    true = np.array([[0.0, 0, 0], [50.0, 52, 5001]])
    counts, depth = recover_counts(np.log1p(true / np.array([[1.0], [7.3]])).astype(np.float32))
    np.testing.assert_array_equal(counts, true)
    assert depth[0] == 0.0
    assert depth[1] == pytest.approx(7.3, rel=1e-4)


@pytest.mark.parametrize(
    ("x", "words"),
    [([[0.3, 0.7717, np.pi, np.e, 0.1]], "raw counts"), ([[-1.0, 0.5]], "negative"), ([[np.nan, 1.0]], "NaN")],
)
def test_what_is_no_expression_is_refused(x, words):
    with pytest.raises(CountsError, match=words):
        recover_counts(np.array(x))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_returns_pairs_of_genes(data, method):
    _, expression, labels = data
    with torch_or_stand_in():
        edges = ArgenModel(method, n_jobs=1)(expression, labels, list(GENES), Regime.Interventional, seed=1)
    assert edges or method == "notears"  # its default threshold of .3 is above what log counts leave of the effects
    assert all(type(edge) is tuple and set(edge) <= set(GENES) for edge in edges)
    assert len(set(edges)) == len(edges)
    if method in ("argen_dag", "argen_naive", "inspre"):
        assert {("A", "B"), ("B", "C"), ("C", "D")} <= set(edges)


def test_edges_are_those_of_the_function(data):
    adata, _, labels = data
    genes = adata[:, list(GENES)].copy()
    edges = ArgenModel(closure="acyclic", n_jobs=1)(genes.X.toarray(), labels, list(GENES))
    ag.tl.argen_dag(genes, perturbation_key="gene", control="ctrl", closure="acyclic", n_jobs=1)
    table = ag.get.edges(genes)
    assert edges == list(zip(table["source"], table["target"], strict=True))


def test_excluded_cells_do_not_count(data):
    _, expression, labels = data
    labels = np.array(labels, dtype=object)
    labels[::7] = "excluded"
    kept = labels != "excluded"
    model = ArgenModel(n_jobs=1)
    assert model(expression, labels, list(GENES)) == model(expression[kept], labels[kept], list(GENES))


def test_unmeasured_targets_are_left_out_with_a_warning(data):
    _, expression, labels = data
    with pytest.warns(ArgenWarning, match="not measured: D"):
        edges = ArgenModel(n_jobs=1)(expression[:, :3], labels, list(GENES[:3]))
    assert ("A", "B") in edges


@pytest.mark.parametrize("method", ["argen_dag", "gies"])
def test_no_perturbations_no_edges(data, method):
    _, expression, labels = data
    with pytest.warns(ArgenWarning, match="no edges"):
        assert ArgenModel(method)(expression, labels, list(GENES), Regime.Observational) == []
    control = np.array(labels) == "non-targeting"
    with pytest.warns(ArgenWarning, match="no edges"):
        assert ArgenModel(method)(expression[control], ["non-targeting"] * control.sum(), list(GENES)) == []


def test_bad_input(data):
    _, expression, labels = data
    with pytest.raises(InputError, match="method='magic' is not one of 'argen_dag'"):
        ArgenModel("magic")
    with pytest.raises(InputError, match="interventions and 4 gene_names"):
        ArgenModel()(expression, labels[:-1], list(GENES))
    with pytest.raises(InputError, match="duplicates: A"):
        ArgenModel()(expression, labels, ["A", "A", "B", "C"])
