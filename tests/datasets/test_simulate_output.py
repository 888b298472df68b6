"""What a simulated screen holds, and that it survives files and seeds."""

import hashlib
from collections.abc import Mapping

import anndata as ad
import mudata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import argen as ag
from argen._bridge.mudatas import columns_stay
from argen.errors import MissingResultError

RICH = {
    "genes": 10,
    "perturbations": ["G01", "G04", "G09", "G10"],
    "n_controls": 80,
    "cells_per_perturbation": [20, 30, 40, 50],
    "numeric_covariates": {"percent_mito": (-0.2, 0.2)},
    "batch_covariates": {"gem_group": 3, "plate": 2},
    "n_confounders": 2,
    "guides_per_target": 2,
    "guide_efficacy": [1.0, 0.4],
    "off_targets": 2,
    "control_guides": 3,
    "omit": ["G04", "G06"],
}


def assert_same(left, right):
    """Equal in everything that is stored, at any depth; the order of keys does not matter."""
    if isinstance(left, ad.AnnData):
        for slot in ("X", "obs", "var", "uns", "obsm", "varm", "varp", "layers"):
            assert_same(getattr(left, slot), getattr(right, slot))
    elif isinstance(left, Mapping):
        assert set(left) == set(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, pd.DataFrame):
        pd.testing.assert_frame_equal(left, right)
    elif sparse.issparse(left):
        assert left.dtype == right.dtype
        assert (left != right).nnz == 0
    else:
        np.testing.assert_array_equal(left, right)


@pytest.fixture
def rich():
    return ag.datasets.simulate(rng=4, **RICH)


def test_contract(rich):
    assert rich.shape == (80 + 20 + 40 + 50, 8)
    assert sparse.isspmatrix_csr(rich.X)
    assert rich.X.dtype == np.float32
    assert rich.X.has_canonical_format
    assert rich.obs["perturbation"].value_counts().to_dict() == {"control": 80, "G01": 20, "G09": 40, "G10": 50}
    assert rich.obs["perturbation"].cat.categories.tolist() == ["control", "G01", "G09", "G10"]
    assert rich.obs["gem_group"].cat.categories.tolist() == ["1", "2", "3"]
    assert rich.obs["percent_mito"].mean() == pytest.approx(0.0, abs=0.35)
    assert (rich.obs["depth"] > 0).all()
    assert rich.varm["effect_gem_group"].shape == (8, 3)
    assert rich.varm["confounder_effects"].shape == (8, 2)
    assert rich.obsm["confounders"].shape == (190, 2)
    assert sorted(rich.var["causal_position"]) == list(range(8))
    assert rich.var.index[rich.var["perturbed"]].tolist() == ["G01", "G09", "G10"]
    assert (rich.var["knockdown"] != 0).equals(rich.var["perturbed"])


def test_truth_follows_the_causal_positions(rich):
    truth = rich.varp["truth"]
    assert sparse.isspmatrix_csr(truth)
    position = rich.var["causal_position"].to_numpy()
    rows, columns = truth.nonzero()
    assert rows.size
    assert (position[rows] < position[columns]).all()


@pytest.mark.parametrize("options", [{}, RICH], ids=["plain", "rich"])
@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_files_give_it_back(tmp_path, options, fmt):
    adata = ag.datasets.simulate(rng=4, **options)
    path = tmp_path / f"screen.{fmt}"
    getattr(adata, f"write_{fmt}")(path)
    assert_same(getattr(ad, f"read_{fmt}")(path), adata)


def test_record_tells_every_parameter(rich):
    record = rich.uns["simulation"]
    assert record["settings"]["seed"] == 4
    assert record["settings"]["preset"] == ""
    assert record["versions"]["numpy"] == np.__version__
    params = record["settings"]
    assert params["omit"].tolist() == ["G04", "G06"]
    assert params["guide_efficacy"].tolist() == [1.0, 0.4]
    assert params["batch_covariates"] == {"gem_group": 3, "plate": 2}
    genes = record["tables"]["genes"].set_index("gene")
    assert genes.index[genes["omitted"]].tolist() == ["G04", "G06"]
    assert genes["causal_position"].tolist() != list(range(10))
    place, edges = genes["causal_position"], record["tables"]["edges"]
    assert (place[edges["parent"]].to_numpy() < place[edges["child"]].to_numpy()).all()


def test_total_effects_count_paths_through_omitted_genes():
    chain = pd.DataFrame({"parent": ["A", "B"], "child": ["B", "C"], "coef": [0.5, -0.4]})
    full = ag.datasets.simulate(dag=chain, knockdown=-2.0)
    part = ag.datasets.simulate(dag=chain, knockdown=-2.0, omit="B")
    assert part.varp["truth"][0, 1] == pytest.approx(-0.2)
    effects = ag.datasets.true_total_effects(full)
    expected = [[-2.0, -1.0, 0.4], [0.0, -2.0, 0.8], [0.0, 0.0, -2.0]]
    np.testing.assert_allclose(effects, expected, atol=1e-12)
    assert effects.index.tolist() == ["A", "B", "C"]
    pd.testing.assert_frame_equal(ag.datasets.true_total_effects(part), effects.loc[["A", "C"], ["A", "C"]])
    pd.testing.assert_frame_equal(
        ag.datasets.true_total_effects(full[:, ["A", "C"]]), effects.loc[["A", "C"], ["A", "C"]]
    )


def test_total_effects_are_the_log_fold_changes_of_the_means():
    adata = ag.datasets.simulate(
        genes=8, n_controls=20_000, cells_per_perturbation=20_000, perturbations=["G1", "G2"], intercept=2.0, rng=7
    )
    truth = ag.datasets.true_total_effects(adata)
    rates = adata.to_df().div(adata.obs["depth"], axis=0)
    groups = rates.groupby(adata.obs["perturbation"].to_numpy())
    means, errors = groups.mean(), groups.std() / groups.mean() / np.sqrt(20_000)
    for target in ("G1", "G2"):
        change = np.log(means.loc[target] / means.loc["control"])
        error = np.hypot(errors.loc[target], errors.loc["control"])
        assert (np.abs(change - truth.loc[target]) < 4.5 * error).all()


def test_total_effects_need_a_simulated_screen():
    with pytest.raises(MissingResultError, match="simulation"):
        ag.datasets.true_total_effects(ad.AnnData(np.ones((2, 2))))


def test_guide_counts_make_a_mudata(tmp_path, rich):
    mdata = ag.datasets.simulate(rng=4, guide_counts=True, **RICH)
    assert list(mdata.mod) == ["rna", "guide"]
    np.testing.assert_array_equal(mdata["rna"].X.toarray(), rich.X.toarray())  # asking for guides changes no count
    assert mdata["guide"].obs_names.equals(rich.obs_names)
    guides = mdata["guide"].var
    assert guides["target"].value_counts().to_dict() == {"control": 3, "G01": 2, "G04": 2, "G09": 2, "G10": 2}
    assert guides["efficacy"].tolist() == [1.0, 0.4] * 4 + [0.0] * 3
    assert (guides["off_target"] != "").sum() == 2
    called = guides.index[mdata["guide"].X.toarray().argmax(axis=1)]
    assert (called == mdata["rna"].obs["guide"]).mean() > 0.97
    assert (guides.loc[mdata["rna"].obs["guide"], "target"].to_numpy() == mdata["rna"].obs["perturbation"]).all()
    effects = ag.datasets.true_total_effects(mdata)
    pd.testing.assert_frame_equal(effects, ag.datasets.true_total_effects(rich))
    with columns_stay():
        mdata.write_h5mu(tmp_path / "screen.h5mu")
        back = mudata.read_h5mu(tmp_path / "screen.h5mu")
    np.testing.assert_array_equal(back["guide"].X.toarray(), mdata["guide"].X.toarray())


def test_seeds_decide(rich):
    again = ag.datasets.simulate(rng=np.random.default_rng(4), **RICH)
    del rich.uns["simulation"]["settings"]["seed"]  # a generator has none to tell
    assert_same(again, rich)
    other = ag.datasets.simulate(rng=5, **RICH)
    assert (other.X != rich.X).nnz > 0


def test_a_generator_moves_on():
    rng = np.random.default_rng(0)
    first, second = ag.datasets.simulate(rng=rng), ag.datasets.simulate(rng=rng)
    assert (first.X != second.X).nnz > 0


@pytest.fixture(scope="module")
def k562_like():
    return ag.datasets.simulate("k562_like")


def test_k562_like_has_the_size_and_sparsity_of_the_screen(k562_like):
    adata = k562_like
    assert adata.shape == (71_000, 400)
    assert (adata.obs["perturbation"] == "control").sum() == 11_000
    assert (adata.obs["perturbation"].value_counts().drop("control") == 150).all()
    assert adata.obs["gem_group"].nunique() == 48
    assert (adata.obs["percent_mito"] > 0).all()
    assert 0.42 < adata.X.nnz / (71_000 * 400) < 0.58
    parents = np.diff(adata.varp["truth"].tocsc().indptr)
    assert np.sort(parents)[1] >= 1
    assert parents.max() == 3
    assert adata.var["knockdown"].between(-2, -1).all()
    assert adata.varm["confounder_effects"].shape == (400, 2)


def test_paper_medium():
    adata = ag.datasets.simulate("paper_medium")
    assert adata.shape == (12_500, 50)
    assert adata.obs["gem_group"].nunique() == 8
    assert (adata.var["dispersion"] == 0.1).all()


def test_overrides_of_a_preset():
    adata = ag.datasets.simulate(
        "k562_like", genes=30, cells_per_perturbation=10, n_controls=200, batch_covariates={"lane": 4}
    )
    assert adata.shape == (500, 30)
    assert "lane" in adata.obs
    assert "gem_group" not in adata.obs


def test_counts_are_whole_and_not_negative():
    values = ag.datasets.simulate("paper_fig2", n_cells=300, dispersion=0.1).X.data
    assert (values == np.floor(values)).all()
    assert (values > 0).all()


def test_the_digest_of_the_counts_depends_on_the_seed_alone():
    def digest(seed):
        return hashlib.sha256(ag.datasets.simulate("paper_fig2", rng=seed).X.toarray().tobytes()).hexdigest()

    assert digest(3) == digest(3) != digest(4)


def test_given_loadings_as_a_vector_and_values_by_gene():
    adata = ag.datasets.simulate(
        genes=["A", "B"],
        n_edges=0,
        n_confounders=1,
        confounder_effect=[0.1, -0.2],
        knockdown={"B": -2.0, "A": -1.0},
        dispersion=np.array([0.0, 0.5]),
    )
    assert adata.varm["confounder_effects"].tolist() == [[0.1], [-0.2]]
    assert adata.var["knockdown"].tolist() == [-1.0, -2.0]
    assert adata.var["dispersion"].tolist() == [0.0, 0.5]
