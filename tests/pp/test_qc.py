"""pp.argen_qc: rules against pandas, tables that add up, nothing changed by an error."""

import anndata
import numpy as np
import pandas as pd
import pytest
from guide_screens import assert_same, snapshot
from scipy import sparse

import argen as ag
from argen.errors import CountsError, DesignError, InputError, MissingResultError


@pytest.fixture
def screen():
    """20 genes (two mitochondrial), targets with strong, no and unmeasured knock-down."""
    rng = np.random.default_rng(0)
    labels = np.repeat(["A", "B", "C", "UNSEEN", "NT"], [80, 80, 12, 60, 300]).astype(object)
    labels[:5], labels[80:90] = None, "A+B"
    genes = ["A", "B", "C", "MT-1", "MT-2", *(f"G{i}" for i in range(15))]
    mean = np.full((len(labels), 20), 2.0) * rng.gamma(3.0, 1 / 3, (len(labels), 1))
    mean[labels == "A", 0] *= 0.2
    mean[labels == "C", 2] *= 0.2
    obs = pd.DataFrame(
        {"gene": labels, "mito": rng.uniform(0, 20, len(labels))}, index=[f"c{i}" for i in range(len(labels))]
    )
    adata = anndata.AnnData(sparse.csr_matrix(rng.poisson(mean).astype(np.float32)), obs=obs)
    adata.var_names = genes
    ag.pp.argen_guides(adata, labels="gene", separator="+")
    return adata


def rules(adata):
    return ag.get.qc(adata).set_index("rule")


def test_cell_rules_against_pandas(screen):
    x = screen.X.toarray()
    depth, genes = x.sum(axis=1), (x > 0).sum(axis=1)
    mito = 100 * x[:, 3:5].sum(axis=1) / np.maximum(depth, 1)
    limits = {"min_depth": 15, "max_depth": 90, "min_genes": 8, "max_genes": 19, "max_percent_mito": 25}
    names = screen.obs_names
    ag.pp.argen_qc(screen, **limits, one_perturbation=False, percent_mito=None)
    fails = {
        "min_depth": depth < 15,
        "max_depth": depth > 90,
        "min_genes": genes < 8,
        "max_genes": genes > 19,
        "max_percent_mito": mito > 25,
    }
    table = rules(screen)
    assert table.index.tolist() == [*fails, "kept"]
    assert all(table.loc[name, "n_cells"] == fail.sum() > 0 for name, fail in fails.items())
    keep = ~np.logical_or.reduce(list(fails.values()))
    assert screen.obs_names.tolist() == names[keep].tolist()
    assert table["n_cells_first"].sum() == (~keep).sum()
    assert table.loc["kept", "n_cells"] == keep.sum()


def test_marks_without_subset(screen):
    before = screen.obs_names.tolist()
    target = screen.obs["argen_perturbation"].astype(str)
    ag.pp.argen_qc(screen, subset=False, min_depth=20)
    assert screen.obs_names.tolist() == before
    assert screen.obs["argen_qc"].dtype == bool
    reason = screen.obs["argen_qc_reason"]
    assert (reason.isna() == screen.obs["argen_qc"]).all()
    depth = np.asarray(screen.X.sum(axis=1)).ravel()
    expected = np.select(
        [depth < 20, target == "unassigned", target == "multiple"],
        ["min_depth", "no perturbation", "multiple perturbations"],
        "",
    )
    assert reason.astype(object).fillna("").tolist() == expected.tolist()
    table = rules(screen)
    assert table.loc["no perturbation", "n_cells"] == 5
    assert table.loc["multiple perturbations", "n_cells"] == 10


def test_target_rules(screen):
    ag.pp.argen_qc(screen, min_cells=20, min_knockdown_z=3)
    table = rules(screen)
    assert table.loc["min_cells", "perturbations"] == "C"
    assert table.loc["min_cells", "n_cells"] == 12
    assert table.loc["min_knockdown_z", "perturbations"] == "B"
    assert table.loc["min_knockdown_z", "n_perturbations"] == 1
    assert "1 perturbations are not measured and stay" in table.loc["min_knockdown_z", "why"]
    assert set(screen.obs["argen_perturbation"]) == {"A", "UNSEEN", "control"}
    assert table.loc["kept", "n_perturbations"] == 2


def test_knockdown_of_the_cells_that_are_left(screen):
    """The z that decides is that of get.guides on the cells that pass the other rules."""
    kept = screen.copy()
    ag.pp.argen_qc(kept, min_depth=20)
    z = ag.get.guides(kept, by="target").set_index("target")["z"]
    for limit, expected in ((-z["A"] + 0.01, False), (-z["A"] - 0.01, True)):
        other = screen.copy()
        ag.pp.argen_qc(other, min_depth=20, min_knockdown_z=limit)
        assert ("A" in set(other.obs["argen_perturbation"])) == expected


def test_cells_are_never_chosen_by_the_expression_of_their_target(screen):
    """Among the cells of a target that stays, those removed have the same expression of it as those kept."""
    ag.pp.argen_qc(screen, subset=False, min_cells=20, min_knockdown_z=3)
    own = (screen.obs["argen_perturbation"] == "A").to_numpy()
    assert screen.obs["argen_qc"][own].all()


def test_columns_of_obs(screen):
    screen.obs["percent_mito"] = 50.0
    screen.obs["n"] = np.arange(screen.n_obs)
    with pytest.raises(DesignError, match=r"No cell would be left. Cells that fail by rule: max_percent_mito: 532"):
        ag.pp.argen_qc(screen, max_percent_mito=40)
    ag.pp.argen_qc(screen, n_genes="n", min_genes=10, max_percent_mito=10, percent_mito="mito", one_perturbation=False)
    assert (screen.obs["n"] >= 10).all()
    assert (screen.obs["mito"] <= 10).all()


def test_a_mudata_loses_cells_of_its_rna(mdata):
    ag.pp.argen_guides(mdata, method="max")
    other = mdata.copy()
    copied = ag.pp.argen_qc(mdata, copy=True)
    assert mdata["rna"].n_obs == 10
    assert copied["rna"].n_obs == 3
    assert copied["guide"].n_obs == 10
    assert ag.pp.argen_qc(other) is None
    assert other["rna"].obs_names.tolist() == ["c1", "c2", "c10"]
    assert other.n_obs == 10  # the guide modality has them all


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_files(screen, tmp_path, kind):
    ag.pp.argen_qc(screen, min_cells=20, subset=False)
    getattr(screen, f"write_{kind}")(tmp_path / "qc")
    back = (anndata.read_h5ad if kind == "h5ad" else anndata.read_zarr)(tmp_path / "qc")
    pd.testing.assert_frame_equal(ag.get.qc(back), ag.get.qc(screen), check_index_type=False, check_column_type=False)
    assert back.obs["argen_qc"].tolist() == screen.obs["argen_qc"].tolist()


def test_a_view_leaves_its_parent_alone(screen):
    view = screen[:300]
    ag.pp.argen_qc(view, min_depth=20)
    assert screen.n_obs == 532
    assert "argen_qc" not in screen.uns
    assert view.n_obs < 300


BAD = {
    "negative": ({"min_depth": -1}, InputError, "min_depth=-1"),
    "text": ({"min_cells": "10"}, InputError, "min_cells='10'"),
    "crossed": ({"min_genes": 10, "max_genes": 5}, InputError, "min_genes=10 is above max_genes=5"),
    "percent": ({"max_percent_mito": 101}, InputError, "from 0 to 100"),
    "column": ({"max_percent_mito": 5, "percent_mito": "mt"}, InputError, "percent_mito='mt' is not an obs column"),
    "text column": ({"min_genes": 5, "n_genes": "gene"}, InputError, "'gene' is not numeric"),
    "depth": ({"min_depth": 5, "depth": "umi"}, InputError, "depth='umi' is not an obs column"),
    "key": ({"key_added": "a/b"}, InputError, "key_added"),
    "guides": ({"guides": "other"}, MissingResultError, "Run ag.pp.argen_guides first"),
    "nothing left": ({"min_depth": 10_000}, DesignError, "No cell would be left"),
    "no control": (
        {"max_percent_mito": 0, "min_knockdown_z": 3, "percent_mito": "high"},
        DesignError,
        "No control cell",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(screen, case):
    screen.obs["high"] = np.where(screen.obs["argen_perturbation"] == "control", 50.0, 0.0)
    options, error, match = BAD[case]
    before = snapshot(screen)
    with pytest.raises(error, match=match):
        ag.pp.argen_qc(screen, **options)
    assert_same(before, snapshot(screen))


def test_counts_and_mitochondrial_genes_are_needed(screen):
    screen.X = screen.X.multiply(0.5).tocsr()
    with pytest.raises(CountsError):
        ag.pp.argen_qc(screen, min_genes=3)
    part = screen[:, [name for name in screen.var_names if "MT-" not in name]].copy()
    with pytest.raises(InputError, match=r"genes \(names that start with MT-, in adata.var_names or the column"):
        ag.pp.argen_qc(part, max_percent_mito=5)
