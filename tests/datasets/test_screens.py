"""Public data: what is in the files, the type of counts, and what is said where a file is missing."""

import re

import numpy as np
import pandas as pd
import pytest
from mudata import MuData
from scipy import sparse

import argen as ag
from argen.cli import main
from argen.cli._arguments import DATA_SETS
from argen.datasets import _files

SUMS = {  # UMIs of all counts, by which a file that was packed anew is known to be the same
    "dixit_2016": {"": 358_418},
    "gasperini_2019": {"rna": 26_209_175, "guide": 198_104},
    "hill_2018": {"rna": 47_956, "guide": 37_926},
    "norman_2019_doubles": {"": 510_299},
    "papalexi_2021": {"rna": 8_626_744, "guide": 4_619_963},
    "schraivogel_2020": {"rna": 21_410_434, "guide": 1_654_693},
}


def parts(data):
    return dict(data.mod) if isinstance(data, MuData) else {"": data}


@pytest.mark.parametrize("name", SUMS)
def test_counts(name):
    for modality, adata in parts(getattr(ag.datasets, name)()).items():
        counts = adata.X
        assert isinstance(counts, sparse.csr_matrix)
        assert counts.dtype == np.int32
        assert counts.indices.dtype == np.int32
        assert counts.has_canonical_format
        assert counts.data.min() > 0
        assert counts.sum() == SUMS[name][modality]
        assert adata.obs_names.is_unique
        assert adata.var_names.is_unique


@pytest.mark.parametrize("name", ["papalexi_2021", "schraivogel_2020", "gasperini_2019", "hill_2018"])
def test_modalities_share_their_cells(name):
    mdata = getattr(ag.datasets, name)()
    assert list(mdata.mod) == ["rna", "guide"]
    assert mdata["rna"].obs_names.equals(mdata["guide"].obs_names)
    assert mdata["guide"].obs_names.equals(mdata.obs_names)
    assert {"target"} <= set(mdata["guide"].var)
    assert mdata.obs.empty  # the columns stay in the modalities


def test_a_data_set_is_made_anew_by_every_call():
    changed = ag.datasets.dixit_2016()
    changed.obs["target"] = "changed"
    assert "changed" not in set(ag.datasets.dixit_2016().obs["target"])


def test_collectri():
    table = ag.datasets.collectri()
    assert table.shape == (43_178, 3)
    assert list(table) == ["source", "target", "weight"]
    assert set(table["weight"]) == {-1, 1}
    assert not table.duplicated(["source", "target"]).any()
    assert table.loc[table["source"] == "STAT1", "target"].isin(["IRF1"]).any()


def test_every_screen_of_the_package_can_be_named_on_the_command_line():
    others = {"collectri", "simulate", "true_total_effects"}
    assert set(DATA_SETS) == set(SUMS) == set(ag.datasets.__all__) - others


def test_missing_file_is_an_error_with_the_source(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(_files, "REPOSITORY", tmp_path)
    with pytest.raises(ag.errors.MissingDataError, match=r"clone of argen's repository.*GEO GSE120861"):
        ag.datasets.gasperini_2019()
    assert main(["run", "gasperini_2019", "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert re.match(r"argen: error: gasperini_2019.h5mu .* GEO GSE120861", capsys.readouterr().err)


def test_packed_file_holds_what_was_packed(tmp_path):
    """The script that packed the files, on a screen with texts beyond ASCII and a missing label."""
    import runpy

    from anndata import AnnData

    pack = runpy.run_path(_files.REPOSITORY.parent / "pack.py")["pack"]
    rng = np.random.default_rng(0)
    obs = pd.DataFrame({"x": rng.normal(size=40), "label": pd.Categorical(["a", None] * 20)})
    obs.index = [f"cell-µ{i}" for i in range(40)]
    adata = AnnData(sparse.csr_matrix(rng.poisson(0.3, (40, 7)) * 300), obs=obs)
    adata.uns["text"] = "β"
    adata.write_h5ad(tmp_path / "a.h5ad")
    pack(tmp_path / "a.h5ad", tmp_path / "packed.h5ad")
    back = _files._read(tmp_path / "packed.h5ad")
    np.testing.assert_array_equal(back.X.toarray(), adata.X.toarray())
    pd.testing.assert_frame_equal(back.obs, adata.obs)
    assert back.uns["text"] == "β"
