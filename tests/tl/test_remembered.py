"""Layer, depth and covariates given once are taken by later steps; a MuData stands for its modality with results."""

import numpy as np
import pandas as pd
import pytest

import argen as ag
from argen._bridge.mudatas import copied
from argen.errors import InputError

DESIGN = {"covariates": ["L"], "depth": "depth", "layer": "raw"}


@pytest.fixture(scope="module")
def screen():
    mdata = ag.datasets.simulate("paper_fig2", n_cells=2500, guides_per_target=2, control_guides=4, guide_counts=True)
    rna = mdata["rna"]
    rna.layers["raw"] = rna.X.copy()
    rna.X = rna.X * 0.5  # no counts: whoever reads them fails
    ag.pp.argen_guides(mdata)
    return mdata


def test_quality_control_hands_its_design_on(screen):
    adata = screen["rna"].copy()
    ag.pp.argen_qc(adata, min_cells=20, **DESIGN)
    ag.tl.argen_descendants(adata)
    settings = adata.uns["argen_descendants"]["settings"]
    assert (list(settings["covariates"]), settings["depth"], settings["layer"]) == (["L"], "depth", "raw")


def test_the_descendant_step_hands_its_design_on(screen):
    adata = screen["rna"].copy()
    ag.tl.argen_descendants(adata, **DESIGN)
    table = ag.get.guides(adata, by="target")
    pd.testing.assert_frame_equal(table, ag.get.guides(screen["rna"], by="target", **DESIGN))
    assert len(ag.pl.argen_guides(adata, show=False)) == 4
    ag.pp.argen_qc(adata, min_knockdown_z=3)
    assert adata.uns["argen_qc"]["settings"]["depth"] == "depth"


def test_what_is_given_goes_before(screen):
    adata = screen["rna"].copy()
    ag.pp.argen_qc(adata, min_depth=1, **DESIGN)
    ag.tl.argen_descendants(adata, covariates=[])
    settings = adata.uns["argen_descendants"]["settings"]
    assert "covariates" not in settings
    assert settings["depth"] == "depth"


def test_a_mudata_stands_for_its_modality_with_results(screen):
    mdata = copied(screen)
    ag.tl.argen_dag(mdata, **DESIGN)
    assert "argen_dag" in mdata["rna"].uns
    for function in (ag.get.edges, ag.get.pairs, ag.get.perturbations):
        pd.testing.assert_frame_equal(function(mdata), function(mdata["rna"]))
    assert ag.pl.argen_network(mdata, show=False).get_figure() is not None
    other = ag.tl.argen_sensitivity(mdata, alphas=[0.01], copy=True)
    assert "argen_sensitivity" in other["rna"].uns
    assert "argen_sensitivity" not in mdata["rna"].uns
    mdata.mod["again"] = mdata["rna"].copy()
    with pytest.raises(InputError, match=r"of the MuData hold something that argen wrote"):
        ag.get.edges(mdata)


def test_a_perturbation_that_was_dropped_is_neither_weak_nor_strong(screen):
    adata = screen["rna"][:, screen["rna"].var_names != "X1"].copy()
    with pytest.warns(ag.errors.ArgenWarning, match="X1"):
        ag.tl.argen_descendants(adata, **DESIGN)
    table = ag.get.perturbations(adata).set_index("perturbation")
    assert table.loc["X1", "status"] == "dropped"
    assert table["weak"].isna().tolist() == (table["status"] == "dropped").tolist()
    kept = table[table["status"] == "kept"]
    np.testing.assert_array_equal(kept["weak"].astype(bool), ~(kept["z_squared"] >= 10))
