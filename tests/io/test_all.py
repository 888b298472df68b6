"""The page about exports against the graph that they hold, and what all writers have in common."""

import re
from pathlib import Path

import pytest
from toy import assert_same

import argen as ag

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
