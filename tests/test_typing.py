"""What a type checker sees: a misspelt argument is an error, and `copy` decides what comes back."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
import stubs

import argen as ag
from argen._bridge.settings import DescendantOptions, LevelledDescendantOptions

SOURCE = Path(ag.__file__).parent
# Of all that argen imports only what has a part in these types, so that the check takes seconds.
CONFIG = f"""
[mypy]
follow_imports = skip
mypy_path = {SOURCE.parent}:stubs
[mypy-argen,argen.pp.*,argen.tl.*,argen.baselines.*,argen._bridge.settings,anndata,mudata]
follow_imports = silent
"""
SNIPPET = """
from anndata import AnnData
from mudata import MuData
import argen as ag

def lines(adata: AnnData, mdata: MuData, flag: bool) -> None:
    reveal_type(ag.tl.argen_dag(adata, copy=True))
    reveal_type(ag.tl.argen_dag(adata, copy=flag))
    reveal_type(ag.pp.argen_guides(adata, copy=True))
    reveal_type(ag.pp.argen_qc(mdata, copy=True))
    reveal_type(ag.tl.argen_stability(adata, copy=True))
    reveal_type(ag.tl.argen_dag(adata))
    reveal_type(ag.tl.argen_descendants(adata, copy=False))
    ag.tl.argen_dag(adata, closre=True)  # E call-overload
    ag.tl.argen_naive(adata, covariates=3)  # E call-overload
    ag.tl.inspre(adata, n_jobs=1, alhpa=0.1)  # E call-overload
    ag.tl.external_dag(adata, method="pc", closure="no")  # E call-overload
    ag.tl.argen_dag(adata, covariates=["batch"], depth="depth", closure=False)
    ag.tl.external_dag(adata, method="pc", alpha=0.1)
"""
REVEALED = ["AnnData", "AnnData | None", "AnnData", "MuData", "AnnData", "None", "None"]


def test_typos_and_copy(tmp_path):
    (tmp_path / "stubs").mkdir()
    for name, classes in {"anndata": "AnnData", "mudata": "MuData"}.items():
        (tmp_path / "stubs" / f"{name}.pyi").write_text(f"class {classes}: ...\n")
    (tmp_path / "mypy.ini").write_text(CONFIG)
    (tmp_path / "snippet.py").write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--cache-dir", "cache", "--no-color-output", "snippet.py"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert re.findall(r'Revealed type is "(?:\w+\.)?(.+)"', run.stdout) == REVEALED, run.stdout + run.stderr
    errors = set(re.findall(r"^snippet\.py:(\d+): error: .*\[([\w-]+)\]$", run.stdout, flags=re.M))
    expected = {(str(i), line.split("# E ")[1]) for i, line in enumerate(SNIPPET.splitlines(), 1) if "# E " in line}
    assert errors == expected, run.stdout


@pytest.mark.parametrize("path", list(stubs.modules_with_copy()), ids=lambda path: path.stem)
def test_stub_is_that_of_its_module(path):
    """Compared as syntax: ``python tests/stubs.py`` writes them anew."""
    written = ast.parse(path.with_suffix(".pyi").read_text(encoding="utf-8"))
    assert definitions(written) == definitions(ast.parse(stubs.stub_of(path)))


def definitions(tree):
    return [ast.dump(node) for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]


def test_options_of_the_descendant_step_are_its_arguments():
    of_step = get_type_hints(DescendantOptions)
    assert of_step | {"alpha": float} == get_type_hints(LevelledDescendantOptions)
    parameters = inspect.signature(ag.tl.argen_descendants).parameters
    others = {"adata", "alpha", "n_jobs", "client", "memory_limit", "checkpoint", "key_added", "copy"}
    assert of_step == {name: p.annotation for name, p in parameters.items() if name not in others}
