"""The negative binomial family through the whole workflow."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from toy import GENES, KWARGS, assert_equal, toy

import argen as ag
from argen._bridge.inputs import read_screen
from argen._bridge.settings import DescendantSettings
from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.descendants.tests import fit_descendants
from argen.errors import InputError, MissingResultError

NB = {"family": "negative_binomial"}


@pytest.fixture(scope="module")
def done():
    adata = overdispersed()
    ag.tl.argen_dag(adata, **KWARGS, **NB, depth="depth", covariance="stacked")
    return adata


def overdispersed():
    """Gene B and the network's others are over-dispersed, gene A is not."""
    adata = toy(n_control=600)
    rng = np.random.default_rng(0)
    counts = adata.X.toarray()
    for gene in ("B", "C", "D"):
        at = adata.var_names.get_loc(gene)
        counts[:, at] = rng.poisson(counts[:, at] * rng.gamma(2.0, 0.5, len(counts)))
    at = adata.var_names.get_loc("A")
    knocked_down = adata.obs["gene"].to_numpy() == "A"
    counts[:, at] = rng.binomial(np.where(knocked_down, 4, 12), 0.4)
    adata.X = counts.astype(np.float32)
    adata.obs["depth"] = 1.0
    return adata


def test_the_result_is_that_of_the_core(done):
    adata = overdispersed()
    screen, _ = read_screen(
        adata, DescendantSettings.read({name: KWARGS[name] for name in KWARGS if name != "n_jobs"} | {"depth": "depth"})
    )
    dispersions = estimate_dispersions(screen)
    tests = fit_descendants(screen, test="auto", hc="HC3", phi=dispersions.phi)
    pairs = ag.get.pairs(done)
    at = tuple(pd.Index(GENES).get_indexer(pairs[name]) for name in ("source", "target"))
    np.testing.assert_array_equal(pairs["effect"], tests.effect[at])
    genes = ag.get.genes(done)
    np.testing.assert_array_equal(genes["dispersion"], dispersions.phi)


def test_genes_table(done):
    genes = ag.get.genes(done).set_index("gene")
    assert genes.loc["A", ["dispersion", "family", "recommended", "flags"]].tolist() == [
        0.0, "poisson", "poisson", "no over-dispersion",
    ]  # fmt: skip
    for gene in ("B", "C", "D"):
        assert genes.loc[gene, ["family", "recommended", "flags"]].tolist() == ["negative_binomial"] * 2 + [""]
        assert 0.2 < genes.loc[gene, "dispersion"] < 1.5
        assert genes.loc[gene, "overdispersion_padj"] < 1e-6


def test_poisson_is_recommended_where_it_is_enough():
    adata = toy()
    ag.tl.argen_descendants(adata, **KWARGS)
    genes = ag.get.genes(adata)
    assert (genes["family"] == "poisson").all()
    assert (genes["recommended"] == "poisson").all()
    assert (genes["dispersion"] >= 0).all()


def test_another_family_gives_other_numbers(done):
    adata = overdispersed()
    ag.tl.argen_dag(adata, **KWARGS, depth="depth", covariance="stacked")
    one, other = (ag.get.edges(x, selected=False).set_index(["source", "target"]) for x in (adata, done))
    shared = one.index.intersection(other.index)
    assert len(shared) >= 3
    assert (one.loc[shared, "coef"] - other.loc[shared, "coef"]).abs().min() > 1e-6
    np.testing.assert_allclose(one.loc[shared, "coef"], other.loc[shared, "coef"], atol=0.3)


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_networks_made_from_a_file_use_the_stored_dispersions(done, fmt, tmp_path):
    getattr(done, f"write_{fmt}")(tmp_path / "x")
    again = getattr(ad, f"read_{fmt}")(tmp_path / "x")
    pd.testing.assert_frame_equal(ag.get.genes(again), ag.get.genes(done))
    ag.tl.argen_dag(again, **NB, covariance="stacked", key_added="again")
    assert_equal(again.uns["again"]["tables"]["edges"], done.uns["argen_dag"]["tables"]["edges"], "edges")
    with pytest.raises(InputError, match="family='poisson'"):
        ag.tl.argen_dag(again, family="poisson")


def test_closure_false_and_sensitivity(done):
    adata = overdispersed()
    ag.tl.argen_dag(adata, **KWARGS, **NB, depth="depth", closure=False)
    ag.tl.argen_sensitivity(adata, alphas=[0.1])
    assert ag.get.sensitivity(adata)["selected"].sum() == len(ag.get.edges(adata)) >= 3


def test_no_result_yet():
    with pytest.raises(MissingResultError, match="argen_descendants"):
        ag.get.genes(toy())
