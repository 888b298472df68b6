"""The JSON of Cytoscape, read by Cytoscape.js itself."""

from importlib.resources import files

import pytest
from browser import Opened, browser, opened

import argen as ag

__all__ = ["browser", "opened"]
pytestmark = pytest.mark.browser

READ = """(content) => {
    const network = cytoscape({headless: true, layout: {name: 'preset'}, elements: content.elements});
    return {
        nodes: network.nodes().map((node) => ({data: node.data(), position: node.position()})),
        edges: network.edges().map((edge) => edge.data()),
    };
}"""


@pytest.mark.parametrize("name", ["done", "hostile", "empty", "cyclic"])
def test_cytoscape_js_reads_what_was_written(name, request, opened: Opened, tmp_path):
    adata = request.getfixturevalue(name)
    written = ag.io.write_cyjs(adata, tmp_path / "x.cyjs").read_text(encoding="utf-8")
    page = opened.show("<!DOCTYPE html><title>reader</title>")
    page.add_script_tag(content=(files("argen.pl._interactive") / "cytoscape.min.js").read_text(encoding="utf-8"))
    read = page.evaluate(f"(text) => ({READ})(JSON.parse(text))", written)
    graph = ag.get.graph(adata)
    assert {node["data"]["name"]: node["data"] for node in read["nodes"]} == {
        gene: {"id": gene, "name": gene, "value": gene} | graph.nodes[gene] for gene in graph
    }
    assert len({(node["position"]["x"], node["position"]["y"]) for node in read["nodes"]}) == len(graph)
    ends = {(edge["source"], edge["target"]): edge["weight"] for edge in read["edges"]}
    assert ends == {(u, v): weight for u, v, weight in graph.edges(data="weight")}
