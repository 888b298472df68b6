"""The tutorials: they run on the real data, and print what is stored in them."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"
NOTEBOOKS = sorted(TUTORIALS.glob("*.ipynb"))
README = (TUTORIALS.parent / "README.md").read_text(encoding="utf-8")


def load_execute():
    spec = importlib.util.spec_from_file_location("execute", TUTORIALS / "execute.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed(notebook):
    """Tables and standard output of every cell; pictures are compared where they are drawn."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stdout":
                yield cell.source, output.text
            text = output.get("data", {}).get("text/plain")
            if text and not re.search(r"<[\w. ]+>|object at 0x", text):
                yield cell.source, re.sub(r"\n *layers:\tNone$", "", text, flags=re.MULTILINE)  # as mudata 0.4 calls X


def test_there_is_a_tutorial():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_tutorial_runs_and_prints_what_it_holds(path):
    stored, new = nbformat.read(path, as_version=4), load_execute().executed(path)
    assert list(printed(new)) == list(printed(stored))
    assert len(list(printed(stored))) > 5


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_tutorial_is_small_whole_and_names_no_machine(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    assert not re.search(r"/(work|home|root|tmp|Users)/", text)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [1 for cell in code for output in cell.outputs if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=[path.stem for path in NOTEBOOKS])
def test_readme_shows_the_main_figure(path):
    """The picture in the documentation is the one in the notebook, byte for byte."""
    notebook = nbformat.read(path, as_version=4)
    figure = TUTORIALS.parent / "docs" / "_static" / f"{path.stem}.png"
    assert figure.read_bytes() == load_execute().main_figure(notebook)
    assert f"](docs/_static/{path.stem}.png)" in README
