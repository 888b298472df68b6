"""The command line, in a process of its own and in this one, against the public functions and the known truth."""

import argparse
import inspect
import subprocess
import sys

import anndata
import matplotlib as mpl
import matplotlib.image
import mudata
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from csv_files import read_exact
from matplotlib import pyplot as plt
from mixed import with_features
from named_screens import with_ids

import argen as ag
from argen._bridge.compilation import cache_folder
from argen._bridge.mudatas import columns_stay
from argen._bridge.settings import CLOSURES
from argen._core.dag.covariance import COVARIANCES
from argen._core.dag.instruments import FIRST_STAGES
from argen._core.descendants.tests import TESTS
from argen._core.fdr import FDR
from argen._core.glm.families import FAMILIES
from argen._core.glm.sandwich import HC
from argen._core.guides import CALLERS
from argen.cli import main
from argen.cli._arguments import given, make_parser
from argen.cli._signatures import DAG, GUIDES, SENSITIVITY, STEP, arguments_of

DEMO_TRUTH = {  # the figure of the paper without X7 and X8
    ("X1", "X2"): 0.5,
    ("X1", "X3"): -0.5,
    ("X2", "X3"): 0.5,
    ("X3", "X6"): -0.5,
    ("X4", "X5"): 0.5,
    ("X5", "X6"): -0.5,
}
RUN_FILES = ["candidates.csv", "edges.csv", "network.png", "nodes.csv", "pairs.csv", "perturbations.csv", "result.h5ad"]
RESPONDER_FILES = ["responder_candidates.csv", "responder_pairs.csv", "responders.csv"]


@pytest.fixture(autouse=True)
def quiet_mudata():
    """Without this setting every read and write of a MuData warns of a coming default."""
    with columns_stay():
        yield


def argen(*arguments, cwd):
    command = [sys.executable, "-m", "argen", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def same_table(path, table):
    """The file holds the table to the last digit."""
    stored = read_exact(path)
    text = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    stored[text] = stored[text].astype(object).fillna("").astype(str)
    expected = table.astype(dict.fromkeys(text, str))
    for name in expected.select_dtypes("boolean"):  # with missing values they come back as objects
        missing = expected[name].isna().any()
        expected[name] = (
            expected[name].astype(object).where(expected[name].notna(), np.nan)
            if missing
            else expected[name].astype(bool)
        )
    pd.testing.assert_frame_equal(stored, expected, check_exact=True, check_dtype=False)


def fails(capsys, *arguments):
    """Run in this process; the only line on standard error but for the log."""
    assert main([*map(str, arguments), "--quiet"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("argen: error: ")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.fixture(scope="module")
def screen():
    return ag.datasets.simulate("paper_fig2", rng=3, n_cells=3000)


@pytest.fixture
def h5ad(screen, tmp_path):
    path = tmp_path / "screen.h5ad"
    screen.write_h5ad(path)
    return path


@pytest.fixture
def design():
    return "--perturbation-key", "perturbation", "--covariates", "L", "--depth", "depth"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return argen("demo", cwd=folder), folder / "argen-demo"


def test_demo_finds_the_network_of_the_paper(demo):
    process, folder = demo
    assert process.returncode == 0, process.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["edges.csv", "network.png"]
    edges = pd.read_csv(folder / "edges.csv")
    assert dict(zip(zip(edges["source"], edges["target"], strict=True), edges["truth"], strict=True)) == DEMO_TRUTH
    assert edges["verdict"].eq("correct").all()
    np.testing.assert_allclose(edges["coef"], edges["truth"], atol=0.2)
    assert matplotlib.image.imread(folder / "network.png").std() > 0.05


def test_demo_prints_tables_to_stdout_and_progress_to_stderr(demo):
    process, _ = demo
    lines = process.stdout.splitlines()
    assert lines[1].split() == ["source", "target", "coef", "se", "p", "truth", "verdict"]
    assert [line.split()[:2] for line in lines[2:8]] == [list(edge) for edge in sorted(DEMO_TRUTH)]
    assert lines[8] == "6 correct; 0 wrong sign; 0 false positive; 0 missed"
    for text in ("computing descendants", "searching the causal network", "wrote argen-demo/edges.csv"):
        assert text in process.stderr
        assert text not in process.stdout
    assert "Warning" not in process.stderr


def test_demo_marks_false_and_missed_edges(tmp_path, monkeypatch, capsys):
    """A truth that is bent after the simulation: one edge more, one less, one of the other sign."""
    simulate = ag.datasets.simulate

    def bent(*arguments, **options):
        adata = simulate(*arguments, **options)
        truth = adata.varp["truth"].tolil()
        at = adata.var_names.get_loc
        truth[at("X1"), at("X4")], truth[at("X1"), at("X2")], truth[at("X2"), at("X3")] = 0.5, 0, -0.5
        adata.varp["truth"] = truth.tocsr()
        return adata

    monkeypatch.setattr(ag.datasets, "simulate", bent)
    assert main(["demo", "--out", str(tmp_path), "--quiet"]) == 0
    edges = pd.read_csv(tmp_path / "edges.csv").set_index(["source", "target"])
    assert edges.loc[("X1", "X4"), ["verdict", "selected"]].tolist() == ["missed", False]
    assert edges.loc[("X1", "X2"), "verdict"] == "false positive"
    assert edges.loc[("X2", "X3"), "verdict"] == "wrong sign"
    assert "4 correct; 1 wrong sign; 1 false positive; 1 missed" in capsys.readouterr().out


def test_demo_depends_on_the_seed_and_not_on_the_threads(tmp_path):
    for name, options in {
        "a": ["--seed", "5", "--n-jobs", "1"],
        "b": ["--seed", "5", "--n-jobs", "2"],
        "c": [],
    }.items():
        assert main(["demo", "--out", str(tmp_path / name), "--quiet", *options]) == 0
    edges = {name: (tmp_path / name / "edges.csv").read_bytes() for name in "abc"}
    assert edges["a"] == edges["b"] != edges["c"]


def test_papalexi_h5mu_gives_what_the_functions_give(tmp_path, capsys):
    path = tmp_path / "papalexi.h5mu"
    ag.datasets.papalexi_2021().write(path)
    out = tmp_path / "out"
    options = ["--control", "non-targeting", "--covariates", "bio_rep,percent_mito", "--depth", "total_umi"]
    assert main(["run", str(path), *options, "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "argen: warning: 17 perturbations dropped, not measured" in printed.err

    adata = run_papalexi()
    assert f"{len(ag.get.edges(adata))} edges selected of " in printed.out
    same_table(out / "edges.csv", ag.get.edges(adata))
    same_table(out / "candidates.csv", ag.get.edges(adata, selected=False))
    same_table(out / "perturbations.csv", ag.get.perturbations(adata))
    same_table(out / "pairs.csv", ag.get.pairs(adata))
    assert sorted(file.name for file in out.iterdir()) == sorted([*RUN_FILES, *RESPONDER_FILES])
    ag.tl.argen_responders(adata)
    same_table(out / "responders.csv", ag.get.responders(adata))
    same_table(out / "responder_candidates.csv", ag.get.responders(adata, selected=False))
    assert len(ag.get.responders(adata)) < len(ag.get.responders(adata, selected=False))
    assert f"{len(ag.get.responders(adata))} edges to " in printed.out
    pairs = (
        ag.get.pairs(adata, selected=True, responders=True)
        .query("kind == 'responder'")
        .drop(columns="kind")
        .reset_index(drop=True)
    )
    same_table(out / "responder_pairs.csv", pairs)
    pd.testing.assert_frame_equal(ag.get.edges(anndata.read_h5ad(out / "result.h5ad")), ag.get.edges(adata))


def run_papalexi():
    mdata = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(mdata, control="non-targeting")
    adata = mdata["rna"]
    with pytest.warns(ag.errors.ArgenWarning, match="not measured"):
        ag.tl.argen_descendants(adata, covariates=["bio_rep", "percent_mito"], depth="total_umi")
    ag.tl.argen_dag(adata)
    return adata


def test_h5ad_with_labels_gives_what_the_functions_give(screen, h5ad, design, tmp_path):
    out = tmp_path / "new" / "folder"
    options = ["--closure", "acyclic", "--first-stage", "shrunk", "--covariance", "naive", "--alpha", "0.01"]
    assert main(["run", str(h5ad), *design, *options, "--out", str(out), "--quiet"]) == 0
    adata = ag.tl.argen_descendants(
        screen,
        perturbation_key="perturbation",
        covariates=["L"],
        depth="depth",
        closure="acyclic",
        alpha=0.01,
        copy=True,
    )
    ag.tl.argen_dag(adata, first_stage="shrunk", covariance="naive", alpha=0.01)
    same_table(out / "edges.csv", ag.get.edges(adata))
    stored = anndata.read_h5ad(out / "result.h5ad")
    assert stored.uns["argen_descendants"]["settings"]["closure"] == "acyclic"
    assert stored.uns["argen_dag"]["settings"]["first_stage"] == "shrunk"


def test_symbols_in_a_column_of_var(screen, h5ad, design, tmp_path, capsys):
    by_id = with_ids(screen)
    by_id.write_h5ad(tmp_path / "ids.h5ad")
    message = fails(capsys, "run", tmp_path / "ids.h5ad", *design, "--out", tmp_path / "none")
    assert "labels such as 'X1' are names of adata.var['gene_name']".lower() in message.lower()
    assert "give gene_symbols='gene_name'" in message
    how = ["--export", "graphml", "--quiet"]
    assert main(["run", str(h5ad), *design, "--out", str(tmp_path / "left"), *how]) == 0
    options = ["--gene-symbols", "gene_name", "--out", str(tmp_path / "right")]
    assert main(["run", str(tmp_path / "ids.h5ad"), *design, *options, *how]) == 0
    for name in (*RUN_FILES, "network.graphml"):
        if name.endswith((".csv", ".graphml")):
            assert (tmp_path / "left" / name).read_bytes() == (tmp_path / "right" / name).read_bytes()


def test_formula_layer_targets_and_control_reach_the_analysis(screen, tmp_path):
    adata = screen.copy()
    adata.layers["counts"], adata.X = adata.X, np.log1p(adata.X.toarray())
    adata.obs["perturbation"] = adata.obs["perturbation"].cat.rename_categories({"control": "NT"})
    adata.write_h5ad(tmp_path / "screen.h5ad")
    options = [
        "--perturbation-key",
        "perturbation",
        "--control",
        "NT",
        "--layer",
        "counts",
        "--perturbations",
        "X1,X2, X3",
        "--min-cells",
        "7",
    ]
    arguments = ["run", str(tmp_path / "screen.h5ad"), *options, "--covariates", "~ L", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--closure", "no", "--quiet"]) == 0
    params = anndata.read_h5ad(tmp_path / "out" / "result.h5ad").uns["argen_descendants"]["settings"]
    found = {name: params[name] for name in ("covariates", "layer", "min_cells", "closure")}
    assert found == {"covariates": "~ L", "layer": "counts", "min_cells": 7, "closure": False}
    assert params["perturbations"].tolist() == ["X1", "X2", "X3"]
    assert params["control"].tolist() == ["NT"]


@pytest.fixture
def h5mu(tmp_path):
    mdata = ag.datasets.simulate("paper_fig2", rng=3, n_cells=3000, guides_per_target=2, guide_counts=True)
    mdata.obs["label"] = mdata["rna"].obs["perturbation"].to_numpy()
    mdata.write_h5mu(tmp_path / "screen.h5mu")
    return tmp_path / "screen.h5mu"


def test_labels_of_the_whole_mudata_are_found(h5mu, tmp_path, capsys):
    assert main(["run", str(h5mu), "--perturbation-key", "label", "--out", str(tmp_path / "a"), "--quiet"]) == 0
    assert main(["run", str(h5mu), "--perturbation-key", "perturbation", "--out", str(tmp_path / "b"), "--quiet"]) == 0
    assert (tmp_path / "a" / "edges.csv").read_bytes() == (tmp_path / "b" / "edges.csv").read_bytes()


def test_guide_options_reach_the_guide_step(h5mu, tmp_path):
    mdata = mudata.read_h5mu(h5mu)
    adata = mdata["rna"].copy()
    adata.obsm["umi"] = pd.DataFrame(
        mdata["guide"].X.toarray(), index=adata.obs_names, columns=mdata["guide"].var_names
    )
    adata.write_h5ad(tmp_path / "obsm.h5ad")
    table = mdata["guide"].var[["target"]].rename_axis("guide")
    table.to_csv(tmp_path / "guides.csv")
    thresholds = ["--method", "max", "--min-umi", "9", "--min-fraction", "0.6", "--quiet"]
    sources = {
        "a": [h5mu, "--guides", "guide", "--guide-target", "target"],
        "b": [tmp_path / "obsm.h5ad", "--guides", "umi", "--guide-target", tmp_path / "guides.csv"],
    }
    for name, source in sources.items():
        assert main(["run", *map(str, source), "--out", str(tmp_path / name), *thresholds]) == 0
    assert (tmp_path / "a" / "edges.csv").read_bytes() == (tmp_path / "b" / "edges.csv").read_bytes()
    params = anndata.read_h5ad(tmp_path / "a" / "result.h5ad").uns["argen_guides"]["settings"]
    assert (params["method"], params["min_umi"], params["min_fraction"]) == ("max", 9, 0.6)


def test_guides_among_the_features_of_an_h5ad_file(h5mu, tmp_path, capsys):
    mdata = mudata.read_h5mu(h5mu)
    adata = with_features(mdata["rna"], mdata["guide"])
    adata.write_h5ad(tmp_path / "one.h5ad")
    assert main(["run", str(h5mu), "--out", str(tmp_path / "a"), "--quiet"]) == 0
    assert main(["run", str(tmp_path / "one.h5ad"), "--out", str(tmp_path / "b")]) == 0
    assert "features are no genes and stay out of the depth, too" in capsys.readouterr().err
    adata.layers["umis"], adata.X = adata.X, np.log1p(adata.X)
    adata.write_h5ad(tmp_path / "layer.h5ad")
    options = ["--guides", "CRISPR Guide Capture", "--guide-layer", "umis", "--layer", "umis", "--quiet"]
    assert main(["run", str(tmp_path / "layer.h5ad"), *options, "--out", str(tmp_path / "c")]) == 0
    edges = [(tmp_path / name / "edges.csv").read_bytes() for name in "abc"]
    assert edges[0] == edges[1] == edges[2]
    adata.var["feature_types"] = adata.var["feature_types"].astype(str).replace("CRISPR Guide Capture", "Custom")
    adata.write_h5ad(tmp_path / "custom.h5ad")
    capsys.readouterr()
    message = fails(capsys, "run", tmp_path / "custom.h5ad", "--out", tmp_path / "d")
    assert "other features: 'Custom'" in message


def test_modalities_and_tables_of_cell_ranger(h5mu, tmp_path, capsys):
    """Its names of modalities are known, others are given with --rna; its feature reference is a table of guides."""
    mdata = mudata.read_h5mu(h5mu)
    guide = mdata["guide"].copy()
    targets = guide.var["target"].astype(object).to_numpy()
    table = pd.DataFrame({"id": guide.var_names, "feature_type": "CRISPR Guide Capture", "target_gene_name": targets})
    table.to_csv(tmp_path / "feature_reference.csv", index=False)
    guide.var = guide.var[[]]
    names = {"a": ("Gene Expression", "CRISPR Guide Capture"), "b": ("cells", "CRISPR Guide Capture")}
    options = ["--guide-target", str(tmp_path / "feature_reference.csv"), "--quiet"]
    for name, modalities in names.items():
        other = AnnData(np.ones((mdata.n_obs, 1)), obs=mdata["rna"].obs[[]].copy(), var=pd.DataFrame(index=["x"]))
        screen = dict(zip(modalities, [mdata["rna"].copy(), guide.copy()], strict=True)) | {"unknown": other}
        with columns_stay():
            mudata.MuData(screen).write_h5mu(tmp_path / f"{name}.h5mu")
    message = fails(capsys, "run", tmp_path / "b.h5mu", *options)
    assert "cannot be told among 'cells', 'CRISPR Guide Capture', 'unknown': name it, such as rna='cells'" in message
    assert "no modality 'gex'" in fails(capsys, "run", tmp_path / "b.h5mu", *options, "--rna", "gex")
    assert main(["run", str(h5mu), "--out", str(tmp_path / "plain"), "--quiet"]) == 0
    for name, more in (("a", []), ("b", ["--rna", "cells"])):
        assert main(["run", str(tmp_path / f"{name}.h5mu"), "--out", str(tmp_path / name), *options, *more]) == 0
        assert (tmp_path / name / "edges.csv").read_bytes() == (tmp_path / "plain" / "edges.csv").read_bytes()


def test_result_is_an_input_and_its_folder_is_written_again(h5mu, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", str(h5mu), "--out", str(out)]) == 0
    assert f"wrote {out / 'edges.csv'}" in capsys.readouterr().err
    first = (out / "edges.csv").read_bytes()
    (out / "mine.txt").write_text("kept")
    assert main(["run", str(out / "result.h5ad"), "--out", str(out)]) == 0
    assert f"replaced {out / 'edges.csv'}" in capsys.readouterr().err
    assert (out / "edges.csv").read_bytes() == first
    assert sorted(path.name for path in out.iterdir()) == sorted([*RUN_FILES, "mine.txt"])


def test_exports_hold_what_the_functions_write(h5ad, design, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", str(h5ad), *design, "--export", "graphml, cyjs,parquet", "--out", str(out)]) == 0
    printed = capsys.readouterr().err
    tables = ["candidates", "edges", "nodes", "pairs", "perturbations"]
    added = ["network.cyjs", "network.graphml", *(f"{name}.parquet" for name in tables)]
    assert sorted(path.name for path in out.iterdir()) == sorted([*RUN_FILES, *added])
    assert all(f"wrote {out / name}" in printed for name in added)
    adata = anndata.read_h5ad(out / "result.h5ad")
    assert ag.io.write_graphml(adata, tmp_path / "x.graphml").read_bytes() == (out / "network.graphml").read_bytes()
    assert ag.io.write_cyjs(adata, tmp_path / "x.cyjs").read_bytes() == (out / "network.cyjs").read_bytes()
    whole = {path.stem: path for path in ag.io.write_tables(adata, tmp_path / "tables", format="parquet")}
    assert sorted(whole) == tables
    for name in tables:
        same_table(out / f"{name}.csv", pd.read_parquet(out / f"{name}.parquet"))
        pd.testing.assert_frame_equal(pd.read_parquet(whole[name]), pd.read_parquet(out / f"{name}.parquet"))


def test_a_run_takes_up_at_its_checkpoint(h5ad, design, tmp_path, capsys):
    run = ["run", str(h5ad), *design, "--checkpoint", str(tmp_path / "kept"), "--out", str(tmp_path / "out")]
    assert main(run) == 0
    first = capsys.readouterr()
    assert "0 blocks read" in first.err
    assert main(run) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "read, 0 computed" in second.err
    assert "0 blocks read" not in second.err
    assert "alpha 0.01, now it is 0.02" in fails(capsys, *run, "--descendants-alpha", "0.02")


def test_exports_are_checked_before_the_work(h5ad, design, tmp_path, capsys, monkeypatch):
    arguments = "run", h5ad, *design, "--out", tmp_path / "out", "--export"
    assert "--export: gexf is not one of graphml, cyjs, parquet" in fails(capsys, *arguments, "graphml,gexf")
    for nothing in ("", " , "):
        message = fails(capsys, *arguments, nothing)
        assert "--export names no format: give one or more of graphml, cyjs, parquet" in message
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)  # pandas 3 holds text in pyarrow, and needs the rest
    assert 'pip install "argen[parquet]"' in fails(capsys, *arguments, "parquet")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def svg_backend():
    before = mpl.get_backend()
    plt.switch_backend("svg")
    yield "svg"
    plt.switch_backend(before)


def test_settings_of_the_session_are_left_as_they_were(h5ad, design, tmp_path, svg_backend):
    before = sc.settings.verbosity, sc.settings.logfile, plt.get_fignums()
    assert main(["run", str(h5ad), *design, "--out", str(tmp_path)]) == 0
    assert (sc.settings.verbosity, sc.settings.logfile, plt.get_fignums()) == before
    assert mpl.get_backend() == svg_backend


def test_a_network_without_edges(screen, tmp_path, capsys):
    adata = screen[:, ["X1", "X4"]].copy()
    adata.write_h5ad(tmp_path / "two.h5ad")
    options = [
        "--perturbation-key",
        "perturbation",
        "--depth",
        "depth",
        "--perturbations",
        "X1,X4",
        "--alpha",
        "1e-30",
        "--quiet",
    ]
    assert main(["run", str(tmp_path / "two.h5ad"), *options, "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("No edge was selected.\n0 edges selected of ")
    assert len(pd.read_csv(tmp_path / "edges.csv")) == 0


def test_error_in_a_process_is_one_line_without_a_traceback(tmp_path):
    process = argen("run", "absent.h5ad", "--perturbation-key", "gene", cwd=tmp_path)
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.splitlines()[-1] == "argen: error: absent.h5ad: there is no such file."
    assert "Traceback" not in process.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ["--perturbation-key", "--guides", "Columns: perturbation, guide, depth, L"]),
        (("--perturbation-key", "gene"), ["'gene'", "perturbation, guide, depth, L"]),
        (("--perturbation-key", "perturbation", "--control", "NT"), ["'NT'", "Labels found: 'X1', 'X2'"]),
        (("--perturbation-key", "perturbation", "--covariates", "batch"), ["'batch'"]),
        (("--perturbation-key", "perturbation", "--depth", "umi"), ["'umi'"]),
        (("--perturbation-key", "perturbation", "--layer", "counts"), ["'counts'"]),
        (("--perturbation-key", "perturbation", "--alpha", "2"), ["alpha"]),
        (("--perturbation-key", "perturbation", "--n-jobs", "0"), ["n_jobs=0"]),
        (("--perturbation-key", "perturbation", "--guides", "umi"), ["--guides", "--perturbation-key"]),
        (("--perturbation-key", "perturbation", "--replicate", "guide"), ["--replicate", "--report FILE.html"]),
        (
            ("--perturbation-key", "perturbation", "--replicate", "donor", "--report", "r.html"),
            ["--replicate donor", "perturbation, guide, depth, L"],
        ),
        (("--guides", "umi"), ["'umi'"]),
    ],
)
def test_errors_name_the_thing(h5ad, tmp_path, capsys, options, words):
    message = fails(capsys, "run", h5ad, *options, "--out", tmp_path / "out")
    for word in words:
        assert word in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["text.h5ad", "text.h5mu", "text.csv"])
def test_files_of_another_kind(tmp_path, capsys, name):
    (tmp_path / name).write_text("text")
    assert name in fails(capsys, "run", tmp_path / name, "--perturbation-key", "gene")


def test_mudata_file_that_is_called_h5ad(h5mu, tmp_path, capsys):
    path = h5mu.rename(tmp_path / "screen.h5ad")
    assert "cannot be read as .h5ad" in fails(capsys, "run", path, "--perturbation-key", "perturbation")


def test_guide_table_without_guides(h5mu, tmp_path, capsys):
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    assert "absent.csv: there is no such file" in fails(capsys, "run", h5mu, "--guide-target", "absent.csv")
    message = fails(capsys, "run", h5mu, "--guide-target", tmp_path / "table.csv")
    assert "guide_target has no column known to hold targets (target, " in message
    assert "it has: 'a', 'b'. Call two of them guide and target" in message


def test_what_cannot_be_written_fails_before_the_work(h5ad, design, tmp_path, capsys, monkeypatch):
    """And leaves nothing behind, not even the folders on the way."""
    monkeypatch.setattr(ag.tl, "argen_descendants", lambda *_, **__: pytest.fail("worked before looking"))
    monkeypatch.setattr(ag.datasets, "simulate", lambda *_, **__: pytest.fail("worked before looking"))
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full" / "edges.csv").mkdir(parents=True)
    (tmp_path / "full" / "network.cyjs").mkdir()
    (tmp_path / "r.html").mkdir()
    for name in RESPONDER_FILES:
        (tmp_path / name[:-4] / name).mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    for out, words in {
        "file": "is a file. Give the name of a folder",
        "file/out": "file' is a file, in which nothing can be written",
        "file/more/out": "file' is a file, in which nothing can be written",
        "full": "edges.csv would be written, and is a folder",
    }.items():
        for command in (["demo"], ["run", h5ad, *design]):
            assert words in fails(capsys, *command, "--out", tmp_path / out)
    for name in RESPONDER_FILES:
        message = fails(capsys, "run", h5ad, *design, "--out", tmp_path / name[:-4])
        assert f"{name} would be written, and is a folder" in message
    run = ["run", h5ad, *design, "--out", tmp_path / "new"]
    for report, words in {
        "file/r.html": "is a file, in which nothing can be written",
        "no/r.html": "is not there. Make it first",
        "r.html": "is a folder",
        "r.txt": "does not end in .html",
    }.items():
        assert words in fails(capsys, *run, "--report", tmp_path / report)
    assert "network.cyjs would be" in fails(
        capsys, *run[:-1], tmp_path / "full", "--export", "cyjs", "--report", tmp_path / "x.html"
    )
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert "nothing may be written into the folder" in fails(capsys, *run)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_that_fails_after_the_checks_leaves_no_folder(h5ad, tmp_path, capsys):
    options = ["--perturbation-key", "perturbation", "--control", "nobody", "--out", tmp_path / "a" / "b"]
    fails(capsys, "run", h5ad, *options, "--report", tmp_path / "a" / "b" / "r.html")
    assert not (tmp_path / "a").exists()


def test_a_negative_seed(tmp_path, capsys):
    assert "--seed -1" in fails(capsys, "demo", "--seed", "-1", "--out", tmp_path)


def test_dispersion_reaches_the_guide_step(h5mu, tmp_path):
    for dispersion in ("none", "auto"):
        out = tmp_path / dispersion
        assert main(["run", str(h5mu), "--dispersion", dispersion, "--out", str(out), "--quiet"]) == 0
        assert anndata.read_h5ad(out / "result.h5ad").uns["argen_guides"]["settings"]["dispersion"] == dispersion


def test_batches_without_controls_are_said_on_the_screen_and_in_the_report(screen, tmp_path, capsys):
    adata = screen.copy()
    perturbed = (adata.obs["perturbation"] != "control").to_numpy()
    adata.obs["batch"] = np.where(perturbed & (np.arange(adata.n_obs) % 2 == 0), "B1", "B0")
    adata.write_h5ad(tmp_path / "x.h5ad")
    options = ["--perturbation-key", "perturbation", "--covariates", "batch", "--out", str(tmp_path / "out")]
    assert main(["run", str(tmp_path / "x.h5ad"), *options]) == 0
    n = int((adata.obs["batch"] == "B1").sum())
    words = f"{n} of {perturbed.sum()} perturbed cells are in levels of 'batch' without control cells ('B1') and tell"
    assert f"argen: warning: {words}" in capsys.readouterr().err
    result = anndata.read_h5ad(tmp_path / "out" / "result.h5ad")
    page = ag.report(result, tmp_path / "r.html").read_text()
    assert words.replace("'", "&#x27;") in page
    table = ag.get.perturbations(result)
    assert (table["n_cells"] - table["n_supported"]).sum() == n


def test_interruption_has_its_exit_code(tmp_path, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(ag.datasets, "simulate", interrupted)
    assert main(["demo", "--out", str(tmp_path), "--quiet"]) == 130
    assert capsys.readouterr().err == "argen: interrupted\n"


def test_version_and_help_are_quick(tmp_path):
    """Neither loads what takes seconds to import."""
    code = (
        "import sys; from argen.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'numpy', 'pandas', 'scanpy', 'anndata', 'matplotlib', 'numba'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    for arguments, word in ((["--version"], f"argen {ag.__version__}"), (["run", "--help"], "--covariates")):
        process = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert word in process.stdout


MODULES = {
    GUIDES: ag.pp.argen_guides,
    STEP: ag.tl.argen_descendants,
    DAG: ag.tl.argen_dag,
    SENSITIVITY: ag.tl.argen_sensitivity,
}


@pytest.mark.parametrize("module", MODULES)
def test_arguments_are_those_of_the_signatures(module):
    """What is read from the source without an import."""
    parameters = inspect.signature(MODULES[module]).parameters.values()
    named = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    assert {name: argument.default for name, argument in arguments_of(module).items()} == named


@pytest.mark.parametrize(
    ("module", "name", "rows"),
    [
        (GUIDES, "method", CALLERS),
        (STEP, "family", FAMILIES),
        (STEP, "test", TESTS),
        (STEP, "closure", CLOSURES),
        (STEP, "hc", HC),
        (DAG, "covariance", COVARIANCES),
        (DAG, "edges_hc", [name for name, row in HC.items() if row.of_edges]),
        (DAG, "first_stage", FIRST_STAGES),
        (DAG, "fdr", FDR),
    ],
)
def test_choices_are_the_rows_of_the_lists(module, name, rows):
    """As the command line, the types and the documentation have them."""
    assert arguments_of(module)[name].choices == tuple(rows)


def test_options_have_names_and_defaults_of_the_arguments():
    options = vars(make_parser().parse_args(["run", "screen.h5ad"]))
    own = {"file", "command", "out", "quiet", "report", "export"}
    known = [arguments_of(module) for module in MODULES]
    assert set(options) - own <= {name for arguments in known for name in arguments}
    for name, value in options.items():
        assert value is None or name in own or value in {a[name].default for a in known if name in a} | {0.01}


def test_values_reach_the_functions():
    parser = make_parser()
    line = [
        "--closure",
        "yes",
        "--covariates",
        "a, b",
        "--control",
        "x",
        "--control",
        "y",
        "--layer",
        "no",
        "--hc",
        "HC1",
    ]
    found = given(parser.parse_args(["run", "f", *line]), STEP)
    assert found["closure"] is True
    assert (found["layer"], found["hc"]) == ("no", "HC1")
    assert (found["covariates"], found["control"]) == (["a", "b"], ["x", "y"])
    assert not {"depth", "perturbation_key", "n_jobs"} & set(found)


def test_a_command_is_needed(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2
    assert "{demo,run,compile}" in capsys.readouterr().err


def test_compile_says_where_the_kernels_are(capsys):
    assert main(["compile"]) == 0
    folder = cache_folder()
    assert str(folder.parents[1] if folder.name == "__pycache__" else folder.parent) in capsys.readouterr().out
    assert main(["compile", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_compile_without_a_folder_is_an_error(monkeypatch, capsys):
    monkeypatch.setattr("argen._bridge.compilation.compile_kernels", lambda _: None)
    assert main(["compile"]) == 2
    assert "NUMBA_CACHE_DIR" in capsys.readouterr().err


def test_none_is_a_choice_where_it_is_not_the_default():
    assert arguments_of(STEP)["adjust"].choices == ("auto", "perturbations", "genes", "both", None)
    assert None not in arguments_of(STEP)["hc"].choices
    assert given(argparse.Namespace(adjust="none", hc=None, closure="no"), STEP) == {"adjust": None, "closure": False}
