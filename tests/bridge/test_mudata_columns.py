"""Columns of mdata.obs: named where a modality lacks them, taken by the command line, never written over."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from guide_screens import assert_same, snapshot
from mudata import MuData
from toy import KWARGS, toy

import argen as ag
from argen._bridge.mudatas import columns_stay
from argen.cli import main
from argen.errors import InputError


@pytest.fixture(autouse=True)
def quiet_mudata():
    """Without this setting every read and write of a MuData warns of a coming default."""
    with columns_stay():
        yield


def inside(*, prefix=""):
    """The toy screen as a modality whose batches, depth and labels are columns of the MuData."""
    rna = toy()
    moved = rna.obs[["gene", "batch", "mito", "depth"]]
    rna.obs = rna.obs[["lane"]].copy()
    counts = pd.get_dummies(moved["gene"]).astype(int) * 9
    guide = ad.AnnData(counts.to_numpy(np.float32), obs=pd.DataFrame(index=rna.obs_names))
    guide.var_names = [f"{name}_g1" for name in counts]
    guide.var["target"] = list(counts)
    mdata = MuData({"rna": rna, "guide": guide})
    for name in moved:
        mdata.obs[f"{prefix}{name}"] = moved[name].reindex(mdata.obs_names)
    return mdata


CALLS = {
    "descendants": lambda m, **options: ag.tl.argen_descendants(m, **{**KWARGS, "covariates": None, **options}),
    "dag": lambda m, **options: ag.tl.argen_dag(m, **{**KWARGS, "covariates": None, **options}),
    "joint": lambda m, **options: ag.tl.argen_joint(m, **{**KWARGS, "covariates": None, **options}),
    "copy": lambda m, **options: ag.tl.argen_dag(m, **{**KWARGS, "covariates": None, **options}, copy=True),
    "naive": lambda m, **options: ag.tl.argen_naive(m, **{**KWARGS, "covariates": None, **options}),
}


@pytest.mark.parametrize("prefix", ["", "rna:"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"covariates": ["batch"]}, "batch"),
        ({"covariates": "~ lane + batch"}, "batch"),
        ({"depth": "depth"}, "depth"),
        ({}, "gene"),
    ],
)
def test_functions_name_what_brings_it_in(call, options, name, prefix):
    mdata = inside(prefix=prefix)
    if name != "gene":
        mdata["rna"].obs["gene"] = mdata.obs[f"{prefix}gene"]
    before = snapshot(mdata), list(mdata.obs)
    push = rf"It is a column of mdata\.obs: mdata\.push_obs\(\['{prefix}{name}'\], mods=\['rna'\]\) copies it into"
    with pytest.raises(InputError, match=push) as caught:
        CALLS[call](mdata, **options)
    assert "If it is one of mdata.obs" not in str(caught.value)
    assert_same(before[0], snapshot(mdata))
    assert list(mdata.obs) == before[1]


def test_what_the_message_says_works():
    mdata, plain = inside(), toy()
    for name in ("gene", "batch", "mito"):
        with pytest.raises(InputError, match=name) as caught:
            ag.tl.argen_dag(mdata, **KWARGS)
        eval(str(caught.value).partition("It is a column of mdata.obs: ")[2].partition(" copies")[0])
    ag.tl.argen_dag(mdata, **KWARGS)
    ag.tl.argen_dag(plain, **KWARGS)
    pd.testing.assert_frame_equal(ag.get.edges(mdata), ag.get.edges(plain), check_exact=True)


def test_a_name_with_the_prefix_of_the_modality():
    mdata = inside(prefix="rna:")
    mdata["rna"].obs["gene"] = mdata.obs["rna:gene"]
    mdata["rna"].obs["batch"] = mdata.obs["rna:batch"]
    with pytest.raises(InputError, match=r"In mdata\['rna'\]\.obs it is called 'batch'\."):
        ag.tl.argen_dag(mdata, **{**KWARGS, "covariates": ["rna:batch"]})


def test_a_column_that_is_nowhere_lists_both_tables():
    mdata = inside()
    with pytest.raises(InputError, match=r"Columns in adata\.obs: lane\. Columns in mdata\.obs: gene, batch, mito, d"):
        ag.tl.argen_dag(mdata, perturbation_key="x")


def test_steps_after_it_and_quality_control():
    mdata = inside()
    ag.pp.argen_guides(mdata, control="ctrl")
    mdata["rna"].obs["mito"] = mdata.obs["mito"]
    ag.tl.argen_dag(mdata, covariates=["mito"])
    words = r"mdata\.push_obs\(\['batch'\], mods=\['rna'\]\)"
    with pytest.raises(InputError, match=words):
        ag.tl.argen_sensitivity(mdata, vary="replicates", replicate="batch")
    for use in (
        lambda: ag.pp.argen_qc(mdata, depth="depth", min_depth=1),
        lambda: ag.pp.argen_qc(mdata, percent_mito="depth", max_percent_mito=1),
        lambda: ag.get.guides(mdata, depth="depth"),
        lambda: ag.pl.argen_guides(mdata, depth="depth", show=False),
    ):
        with pytest.raises(InputError, match=r"mdata\.push_obs\(\['depth'\], mods=\['rna'\]\)"):
            use()
    del mdata["rna"].obs["mito"]
    with pytest.raises(ag.errors.StaleResultError, match=r"mdata\.push_obs\(\['mito'\], mods=\['rna'\]\)"):
        ag.tl.argen_dag(mdata)


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The same run on an object whose RNA has all columns."""
    folder = tmp_path_factory.mktemp("plain")
    toy().write_h5ad(folder / "x.h5ad")
    assert main(["run", str(folder / "x.h5ad"), *OPTIONS, "--out", str(folder / "out"), "--quiet"]) == 0
    return (folder / "out" / "edges.csv").read_bytes()


OPTIONS = ["--perturbation-key", "gene", "--control", "ctrl", "--covariates", "batch,mito", "--depth", "depth"]
FORMULA = [*OPTIONS[:4], "--covariates", "~ mito + C(batch)", "--depth", "depth"]
PREFIXED = [*OPTIONS[:4], "--covariates", "rna:batch,rna:mito", "--depth", "rna:depth"]


@pytest.mark.parametrize(
    ("prefix", "options"), [("", OPTIONS), ("rna:", OPTIONS), ("", FORMULA), ("rna:", FORMULA), ("rna:", PREFIXED)]
)
def test_the_command_line_takes_them(prefix, options, expected, tmp_path, capsys):
    mdata = inside(prefix=prefix)
    mdata.write_h5mu(tmp_path / "x.h5mu")
    assert main(["run", str(tmp_path / "x.h5mu"), *options, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().err
    called = f"rna:{'batch'}" if options is PREFIXED else "batch"
    assert f"column {called!r} is mdata.obs['{prefix}batch']" in printed
    assert (tmp_path / "out" / "edges.csv").read_bytes() == expected
    result = ad.read_h5ad(tmp_path / "out" / "result.h5ad")
    ag.tl.argen_dag(result)  # the columns that the step rests on are there


def test_a_column_of_the_modality_is_never_written_over(tmp_path, capsys):
    mdata = inside()
    own = mdata["rna"].obs["batch"] = pd.Categorical(np.where(np.arange(mdata.n_obs) % 2, "p", "q"))
    mdata.write_h5mu(tmp_path / "x.h5mu")
    options = [*OPTIONS[:4], "--covariates", "batch"]
    assert main(["run", str(tmp_path / "x.h5mu"), *options, "--out", str(tmp_path / "out")]) == 0
    assert "column 'batch'" not in capsys.readouterr().err
    result = ad.read_h5ad(tmp_path / "out" / "result.h5ad")
    assert result.obs["batch"].tolist() == own.tolist()
    assert "mito" not in result.obs  # which no option named


def test_options_of_guide_calling_and_the_replicate(tmp_path, capsys):
    mdata = inside(prefix="rna:")
    mdata.obs["rna:total"] = 9
    mdata.write_h5mu(tmp_path / "x.h5mu")
    run = ["run", str(tmp_path / "x.h5mu"), "--control", "ctrl", "--out", str(tmp_path / "out")]
    assert main([*run, "--batch", "batch", "--guide-depth", "total"]) == 0
    printed = capsys.readouterr().err
    assert "column 'batch' is mdata.obs['rna:batch']" in printed
    assert "column 'total' is mdata.obs['rna:total']" in printed
    assert main([*run, "--replicate", "x", "--report", str(tmp_path / "r.html")]) == 2
    assert "--replicate x is not an obs column" in (printed := capsys.readouterr().err)
    assert "push_obs" not in printed
    assert "rna:batch" in printed
