"""The results of pp.argen_guides outlive files, and what it logs."""

import anndata
import mudata
import numpy as np
import pandas as pd
import pytest

import argen as ag

WRITERS = {
    "h5ad": (lambda adata, path: adata.write_h5ad(path), anndata.read_h5ad),
    "zarr": (lambda adata, path: adata.write_zarr(path), anndata.read_zarr),
}


def assert_same_results(first, second, key="argen_guides"):
    pd.testing.assert_series_equal(first.obs["argen_perturbation"], second.obs["argen_perturbation"])
    assert second.obsm[key].dtype == np.int8
    np.testing.assert_array_equal(first.obsm[key].toarray(), second.obsm[key].toarray())
    before, after = first.uns[key], second.uns[key]
    for table in ("guides", "cells"):
        pd.testing.assert_frame_equal(
            before["tables"][table], after["tables"][table], check_index_type=False, check_column_type=False
        )
    assert before["settings"].keys() == after["settings"].keys()
    for name, value in before["settings"].items():
        np.testing.assert_array_equal(after["settings"][name], value)
    for name in ("kind", "id", "made_from", "versions", "schema_version"):
        assert before[name] == after[name]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("source", ["counts", "labels"])
def test_anndata_files(adata, guide_target, tmp_path, kind, source):
    adata.obs["gene"] = ["HLA-A/B", "non-targeting", "é", None, *["HLA-A/B"] * 6]
    options = {"guides": "guide_counts", "guide_target": guide_target, "method": "max"}
    ag.pp.argen_guides(adata, **({"labels": "gene"} if source == "labels" else options))
    write, read = WRITERS[kind]
    write(adata, tmp_path / "screen")
    assert_same_results(adata, read(tmp_path / "screen"))


def test_mudata_file(mdata, tmp_path):
    ag.pp.argen_guides(mdata, method="max")
    mdata.write(tmp_path / "screen.h5mu")
    assert_same_results(mdata["rna"], mudata.read(tmp_path / "screen.h5mu")["rna"])


def test_mudata_zarr(mdata, tmp_path):
    ag.pp.argen_guides(mdata, method="max")
    mdata.write_zarr(tmp_path / "screen.zarr")
    assert_same_results(mdata["rna"], mudata.read_zarr(tmp_path / "screen.zarr")["rna"])


def test_backed_guide_counts(mdata, expected, tmp_path):
    mdata["guide"].write_h5ad(tmp_path / "guide.h5ad")
    backed = anndata.read_h5ad(tmp_path / "guide.h5ad", backed="r")
    ag.pp.argen_guides(both := mudata.MuData({"rna": mdata["rna"], "guide": backed}), method="max")
    assert both["rna"].obs["argen_perturbation"].tolist() == expected
    backed.file.close()


def test_log_tells_controls_counts_and_slots(mdata, log):
    ag.pp.argen_guides(mdata, method="max")
    text = log.getvalue()
    assert "controls, detected by their spelling: 'non-targeting'" in text
    assert "2 cells with one of 2 perturbations, 1 control, 2 multiple, 5 unassigned" in text
    assert "'argen_perturbation', perturbation of the cells (.obs)" in text
    assert "perturbations without a cell" not in text


def test_log_names_targets_without_a_cell(mdata, log):
    ag.pp.argen_guides(mdata, method="max", min_umi=7, min_fraction=0.85, control="non-targeting")
    assert "controls, as given: 'non-targeting'" in log.getvalue()
    assert "perturbations without a cell: 'MYC'" in log.getvalue()


def test_log_warns_of_what_looks_like_an_oversight(adata, mdata, log):
    ag.pp.argen_guides(mdata, method="max", control="NTg1")
    assert "spelled like controls, but taken as perturbations: 'non-targeting'" in log.getvalue()
    adata.obs["gene"] = ["A+B", "NT"] * 5
    ag.pp.argen_guides(adata, labels="gene")
    assert "label 'A+B' is taken as one perturbation; separator='+' splits it" in log.getvalue()
