"""GraphML, read by networkx and by igraph."""

import math
import xml.etree.ElementTree as ET

import igraph
import networkx as nx
import numpy as np
import pytest
from toy import toy

import argen as ag
from argen.errors import InputError, MissingResultError
from argen.io._graphml import _graphml

NETWORKS = ("done", "hostile", "empty", "cyclic", "with_gaps")


def same(value, expected):
    return type(value) is type(expected) and value == expected


@pytest.mark.parametrize("selected", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_networkx_reads_what_was_written(name, selected, request, tmp_path):
    adata = request.getfixturevalue(name)
    path = ag.io.write_graphml(adata, tmp_path / "x.graphml", selected=selected)
    assert path == tmp_path / "x.graphml"
    read, graph = nx.read_graphml(path), ag.get.graph(adata, selected=selected)
    assert type(read) is nx.DiGraph
    assert list(read) == list(graph)
    assert list(read.edges) == list(graph.edges)
    for gene, attributes in read.nodes(data=True):
        assert attributes.pop("name") == gene
        assert_same(attributes, graph.nodes[gene])
    for source, target, attributes in read.edges(data=True):
        assert_same(attributes, graph.edges[source, target])
    about = {name: value for name, value in read.graph.items() if name not in ("node_default", "edge_default")}
    assert_same(about, graph.graph)


def assert_same(attributes, expected):
    assert list(attributes) == list(expected)
    assert all(same(attributes[name], value) for name, value in expected.items())


@pytest.mark.parametrize("selected", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_igraph_reads_what_was_written(name, selected, request, tmp_path):
    adata = request.getfixturevalue(name)
    graph = ag.get.graph(adata, selected=selected)
    read = igraph.Graph.Read_GraphML(str(ag.io.write_graphml(adata, tmp_path / "x.graphml", selected=selected)))
    assert read.is_directed()
    assert read.vs["name"] == list(graph)  # not `id`: igraph writes "&#38;" for an ampersand there
    ends = [(read.vs[edge.source]["name"], read.vs[edge.target]["name"]) for edge in read.es]
    assert ends == list(graph.edges)
    for vertex in read.vs:
        check_igraph(vertex.attributes(), graph.nodes[vertex["name"]], {"name", "id"})
    for edge, pair in zip(read.es, ends, strict=True):
        check_igraph(edge.attributes(), graph.edges[pair], {"id"})
    check_igraph({name: read[name] for name in read.attributes()}, graph.graph, set())


def check_igraph(attributes, expected, added):
    """Numbers are floats in igraph; what is not there is NaN or an empty text, and never a wrong truth value."""
    assert set(expected) <= set(attributes)
    for name in set(attributes) - added:
        value = attributes[name]
        if name in expected:
            assert value == expected[name]
            assert isinstance(value, bool) == isinstance(expected[name], bool)
        else:
            assert value == "" or math.isnan(value)


def test_missing_and_infinite_values_are_in_no_file(with_gaps, tmp_path):
    path = ag.io.write_graphml(with_gaps, tmp_path / "x.graphml", selected=False)
    texts = {element.text.lower() for element in ET.parse(path).iter() if element.text}
    assert not texts & {"nan", "inf", "-inf", "infinity", "-infinity", "none", ""}
    edges = [data for *_, data in nx.read_graphml(path).edges(data=True)]
    table = ag.get.edges(with_gaps, selected=False)
    for name in ("ci_low_robust", "p_robust", "condition"):
        assert sum(name in data for data in edges) == np.isfinite(table[name]).sum() < len(edges)


def test_truth_values_are_those_of_xml(done, tmp_path):
    root = ET.parse(ag.io.write_graphml(done, tmp_path / "x.graphml", selected=False)).getroot()
    space = "{http://graphml.graphdrawing.org/xmlns}"
    booleans = {key.get("id") for key in root.iter(f"{space}key") if key.get("attr.type") == "boolean"}
    assert {data.text for data in root.iter(f"{space}data") if data.get("key") in booleans} == {"true", "false"}


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\r", "\ufffe"])
def test_names_that_xml_cannot_hold(done, tmp_path, character):
    adata = done.copy()
    name = f"B{character}"
    rename(adata, "B", name)
    (tmp_path / "x.graphml").write_text("what was there")
    with pytest.raises(InputError, match="control characters") as error:
        ag.io.write_graphml(adata, tmp_path / "x.graphml")
    assert repr(name) in str(error.value)
    assert (tmp_path / "x.graphml").read_text() == "what was there"
    assert len(list(tmp_path.iterdir())) == 1
    # The advice of the message works.
    assert ag.io.write_cyjs(adata, tmp_path / "x.cyjs").is_file()


def test_half_a_character():
    """As a name of a gene it cannot exist since pandas 3; a graph may still hold one."""
    with pytest.raises(InputError, match="control characters"):
        _graphml(nx.DiGraph([("A", "B\ud800")]))


def rename(adata, old, new):
    adata.var_names = [new if name == old else name for name in adata.var_names]
    tables = adata.uns["argen_dag"]["tables"]
    tables["nodes"] = tables["nodes"].assign(gene=tables["nodes"]["gene"].replace(old, new))
    ends = {end: tables["edges"][end].cat.rename_categories({old: new}) for end in ("source", "target")}
    tables["edges"] = tables["edges"].assign(**ends)
    del adata.uns["argen_descendants"]


def test_a_key_that_xml_cannot_hold(done, tmp_path):
    adata = done.copy()
    adata.uns["a\x01"] = adata.uns["argen_dag"]
    with pytest.raises(InputError, match=r"in key='a\\x01'"):
        ag.io.write_graphml(adata, tmp_path / "x.graphml", key="a\x01")


def test_the_same_file_again(done, tmp_path):
    first = ag.io.write_graphml(done, tmp_path / "a.graphml").read_bytes()
    assert ag.io.write_graphml(done, tmp_path / "b.xml").read_bytes() == first
    assert first.endswith(b"</graphml>\n")


def test_errors(done, tmp_path):
    with pytest.raises(MissingResultError, match=r"'nope'\] is missing\. Run ag\.tl\.argen_dag first"):
        ag.io.write_graphml(done, tmp_path / "x.graphml", key="nope")
    with pytest.raises(InputError, match=r"does not end in \.graphml or \.xml"):
        ag.io.write_graphml(done, tmp_path / "x.gml")
    with pytest.raises(MissingResultError, match=r"'argen_dag'\] is missing"):
        ag.io.write_graphml(toy(), tmp_path / "x.graphml")
    assert not list(tmp_path.iterdir())
