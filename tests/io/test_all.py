"""The page about exports against the graph that they hold, and what all writers have in common."""

import re
from pathlib import Path

import pytest
from toy import assert_same

import argen as ag
from argen.errors import InputError

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "plots" / "export.md").read_text(encoding="utf-8")


def test_every_attribute_is_explained(done):
    graph = ag.get.graph(done, selected=False)
    known = set(re.findall(r"`(\w+)`", PAGE + (DOCS / "results.md").read_text(encoding="utf-8")))
    for _, attributes in graph.nodes(data=True):
        assert all(f"`{name}`" in PAGE for name in attributes)
    for *_, attributes in graph.edges(data=True):
        assert set(attributes) <= known


def test_every_function_is_named():
    assert all(f"{{func}}`argen.io.{name}`" in PAGE for name in ag.io.__all__)
    assert "{func}`argen.get.decoupler_net`" in PAGE


@pytest.mark.parametrize("name", ["done", "cyclic", "with_gaps"])
def test_nothing_is_written_into_the_data(name, request, tmp_path):
    adata = request.getfixturevalue(name)
    before = adata.copy()
    ag.io.write_graphml(adata, tmp_path / "x.graphml", selected=False)
    ag.io.write_cyjs(adata, tmp_path / "x.cyjs", selected=False)
    ag.io.write_tables(adata, tmp_path, format="parquet")
    ag.get.decoupler_net(adata)
    assert_same(before, adata)


WRITERS = {
    "graphml": lambda adata, folder: ag.io.write_graphml(adata, folder / "x.graphml"),
    "cyjs": lambda adata, folder: ag.io.write_cyjs(adata, folder / "x.cyjs"),
    "table": lambda adata, folder: ag.io.write_table(ag.get.edges(adata), folder / "x.csv"),
    "tables": lambda adata, folder: ag.io.write_tables(adata, folder / "x"),
    "report": lambda adata, folder: ag.report(adata, folder / "x.html"),
    "interactive": lambda adata, folder: ag.pl.argen_interactive(adata, path=folder / "x.html"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_written_is_said_before_the_work(name, done, tmp_path, monkeypatch):
    """In the same words by all, the network unread, with nothing left behind."""
    (tmp_path / "file").write_text("mine")
    unread = done.copy()
    unread.uns.clear()  # whoever looked into the object first would say that there is no result
    if name == "table":
        unread = done
    for folder, words in {
        tmp_path / "file": r"file' is a file, in which nothing can be written\. Name a folder",
        tmp_path / "no": r"the folder '.*no' is not there\. Make it first",
    }.items():
        with pytest.raises(InputError, match=words):
            WRITERS[name](unread, folder)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"nothing may be written into the folder"):
        WRITERS[name](unread, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_folder_in_the_place_of_a_table(done, tmp_path):
    (tmp_path / "pairs.csv").mkdir()
    with pytest.raises(InputError, match=r"pairs\.csv would be written, and is a folder"):
        ag.io.write_tables(done, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.csv"]
