"""The documentation against the package: every public name, every stored column, every number that it prints."""

import importlib
import os
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pandas as pd
import pytest

import argen as ag
from argen.cli import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FUNCTIONS = ("report",)
MODULES = ("pp", "tl", "get", "pl", "io", "datasets", "metrics", "errors")


def test_api_page_lists_every_public_name_and_no_other():
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^    (\w+\.\w+)$", page, flags=re.MULTILINE)
    public = [f"{name}.{entry}" for name in MODULES for entry in importlib.import_module(f"argen.{name}").__all__]
    assert sorted(listed) == sorted(public)
    assert [name for name in FUNCTIONS if f"\n    {name}\n" in page] == list(FUNCTIONS)
    assert {name for name in ag.__all__ if not name.startswith("__")} == {*MODULES, *FUNCTIONS}


@pytest.fixture(scope="module")
def analysed():
    adata = ag.datasets.simulate("paper_fig2", rng=3, n_cells=3000, guides_per_target=2, guide_counts=True)["rna"]
    adata.obsm["umi"] = pd.get_dummies(adata.obs["guide"]).astype(int) * 9
    guide_target = {guide: guide.rsplit("_", 1)[0] for guide in adata.obsm["umi"]}
    ag.pp.argen_guides(adata, guides="umi", guide_target=guide_target)
    ag.tl.argen_descendants(adata, covariates=["L"], depth="depth", closure="acyclic")
    ag.tl.argen_dag(adata)
    adata.obs["condition"] = [("control", "drug")[i % 2] for i in range(adata.n_obs)]
    ag.tl.argen_compare(adata, by="condition")
    return adata


def written(adata):
    """What has to be explained: slots, entries of uns, columns of its tables, text in flags."""
    for slot in ("obs", "var", "obsm", "varp"):
        yield from (f'{slot}["{key}"]' for key in getattr(adata, slot) if key.startswith("argen"))
    for key in ("argen_guides", "argen_descendants", "argen_dag", "argen_compare"):
        yield from adata.uns[key]
        for name, value in adata.uns[key]["tables"].items():
            yield f'uns["{key}"]["tables"]["{name}"]'
            if isinstance(value, pd.DataFrame):
                yield from value.columns
                yield from (flag for flag in value.get("flags", pd.Series(dtype="category")).cat.categories if flag)


def test_results_page_explains_whatever_is_written(analysed):
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    missing = {what for what in written(analysed) if f"`{what}`" not in page}
    assert not missing


def test_edge_columns_are_explained_in_the_readme(analysed):
    quick_start = README.split("<!-- quickstart -->")[1]
    assert not {name for name in ag.get.edges(analysed) if f"`{name}`" not in quick_start}


def test_columns_of_tables_are_on_the_results_page(analysed):
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    for table in (ag.get.edges(analysed), ag.get.pairs(analysed), ag.get.perturbations(analysed)):
        assert not {name for name in table if f"`{name}`" not in page}


def text_block(before):
    return README.split(before)[1].split("```text\n")[1].split("```")[0]


def test_papalexi_table_of_the_readme_is_what_its_command_prints(tmp_path, monkeypatch, capsys):
    command = re.search(r"^argen (run papalexi.*)$", README, flags=re.MULTILINE)[1].split()
    monkeypatch.chdir(tmp_path)
    assert main([*command, "--quiet"]) == 0
    assert capsys.readouterr().out == text_block("<!-- papalexi edges -->")


def test_quick_start_of_the_readme_runs_as_printed(tmp_path):
    """In an empty folder: the log that is shown, the table of the command line, and no warning but argen's own."""
    code = README.split("<!-- quickstart -->")[1].split("```python\n")[1].split("```")[0]
    code += "from argen.cli import _print_network\n_print_network(adata)\n"
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout == text_block("<!-- papalexi edges -->")
    log = iter(run.stderr.splitlines())
    assert all(line in log for line in text_block("<!-- papalexi log -->").splitlines() if line != "…")
    warnings = re.findall(r"\w+Warning: .*", run.stderr)
    assert [text.split(":")[:2] for text in warnings] == [["ArgenWarning", " 17 perturbations dropped, not measured"]]
    assert not list(tmp_path.iterdir())


def test_demo_table_of_the_readme_is_what_it_prints(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path), "--quiet"]) == 0
    assert capsys.readouterr().out.split("\n", 1)[1] == text_block("-m argen demo")


def test_links_of_the_readme_and_of_the_pages_lead_somewhere():
    docs = ROOT / "docs"
    for page in (ROOT / "README.md", *docs.glob("*.md"), *docs.glob("diagnostics/*.md"), *docs.glob("plots/*.md")):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_the_table_of_tests_names_every_core_file_and_tests_that_are_there():
    table = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("| core | guarded by")[1]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    patterns, tests = (re.findall(r"`([^`]+)`", " ".join(column)) for column in zip(*rows, strict=True))
    assert not [test for test in tests if not (ROOT / test).exists()]
    core = ROOT / "src" / "argen" / "_core"
    files = [
        path.relative_to(core).with_suffix("").as_posix() for path in core.rglob("*.py") if path.stem != "__init__"
    ]
    assert not [name for name in files if not any(fnmatch(name, pattern) for pattern in patterns)]
    assert not [pattern for pattern in patterns if not any(fnmatch(name, pattern) for name in files)]


def test_paths_of_the_page_about_the_source_are_there():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    source = ROOT / "src" / "argen"
    for path in re.findall(r"`((?:_core|_bridge|cli|glm|tests)/[\w/]+\.py)`", page):
        assert any((root / path).exists() for root in (ROOT, source, source / "_core")), path
