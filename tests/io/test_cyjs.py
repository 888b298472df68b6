"""The JSON of Cytoscape, read by networkx and as plain JSON; positions as in the drawing."""

import json
from itertools import combinations

import networkx as nx
import pytest
from toy import KWARGS, toy

import argen as ag
from argen.errors import InputError, MissingResultError

NETWORKS = ("done", "hostile", "empty", "cyclic", "with_gaps")
NODE_WIDTH, NODE_HEIGHT = 75, 35  # as Cytoscape draws them


def strict(path):
    """JSON as the standard has it: no NaN, no Infinity, no name twice in an object."""

    def refuse(constant):
        raise AssertionError(constant)

    def once(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse, object_pairs_hook=once)


@pytest.mark.parametrize("selected", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_networkx_reads_what_was_written(name, selected, request, tmp_path):
    adata = request.getfixturevalue(name)
    content = strict(ag.io.write_cyjs(adata, tmp_path / "x.cyjs", selected=selected))
    read, graph = nx.cytoscape_graph(content), ag.get.graph(adata, selected=selected)
    assert type(read) is nx.DiGraph
    assert list(read) == list(graph)
    assert list(read.edges) == list(graph.edges)
    for gene, attributes in read.nodes(data=True):
        assert attributes == {"id": gene, "name": gene, "value": gene} | graph.nodes[gene]
    for source, target, attributes in read.edges(data=True):
        data = graph.edges[source, target]
        sign = data.get("sign", "unsigned")
        name = f"{source} ({sign}) {target}"
        ends = {"source": source, "target": target, "interaction": sign, "id": name, "name": name}
        assert attributes == ends | data
        assert all(type(attributes[name]) is type(value) for name, value in data.items())
    assert read.graph == {"name": "argen_dag"} | graph.graph


def positions(content):
    return {node["data"]["id"]: (node["position"]["x"], node["position"]["y"]) for node in content["elements"]["nodes"]}


def check_positions(content):
    place = positions(content)
    for (x, y), (other_x, other_y) in combinations(place.values(), 2):
        assert abs(x - other_x) > NODE_WIDTH or abs(y - other_y) > NODE_HEIGHT
    return place


@pytest.mark.parametrize("name", ["done", "hostile", "empty"])
def test_every_gene_stands_below_its_parents_and_no_two_in_one_place(name, request, tmp_path):
    content = strict(ag.io.write_cyjs(request.getfixturevalue(name), tmp_path / "x.cyjs"))
    place = check_positions(content)
    for edge in content["elements"]["edges"]:
        assert place[edge["data"]["target"]][1] > place[edge["data"]["source"]][1] + NODE_HEIGHT


def test_a_large_network_has_room(tmp_path):
    """No estimate needed: names of all lengths, a third of the genes without an edge."""
    from argen.io._cyjs import _positions

    graph = nx.gnp_random_graph(60, 0.04, seed=3, directed=True)
    graph = nx.relabel_nodes(graph, {i: f"{'GENE' * (i % 4)}{i}" for i in graph})
    nx.set_node_attributes(graph, {gene: i for i, gene in enumerate(graph)}, "order")
    nx.set_edge_attributes(graph, True, "in_network")
    graph.remove_edges_from([edge for i, edge in enumerate(graph.edges) if i % 3])
    place = _positions(graph)
    nodes = [{"data": {"id": gene}, "position": place[gene]} for gene in graph]
    check_positions({"elements": {"nodes": nodes}})


def test_edges_that_close_a_cycle_have_no_say_in_the_layout(cyclic, tmp_path):
    graph = ag.get.graph(cyclic)
    assert not nx.is_directed_acyclic_graph(graph)
    place = check_positions(strict(ag.io.write_cyjs(cyclic, tmp_path / "x.cyjs")))
    order = dict(graph.nodes(data="order"))
    for source, target in graph.edges:
        assert (place[source][1] < place[target][1]) == (order[source] < order[target])


def test_candidates_do_not_move_the_genes(done, tmp_path):
    network, every = (
        strict(ag.io.write_cyjs(done, tmp_path / f"{selected}.cyjs", selected=selected)) for selected in (True, False)
    )
    assert positions(network) == positions(every)
    assert len(network["elements"]["edges"]) < len(every["elements"]["edges"])


def test_without_a_layout(done, tmp_path):
    content = strict(ag.io.write_cyjs(done, tmp_path / "x.json", layout=None))
    assert content["elements"]["nodes"]
    assert not [node for node in content["elements"]["nodes"] if set(node) != {"data"}]


def test_no_two_elements_have_the_same_id(tmp_path):
    """Cytoscape.js keeps nodes and edges in one list; a gene may be called what an edge is called."""
    names = ("A", "A (positive) B", "B", "B (positive) A (positive) B")
    adata = toy(genes=names)
    ag.tl.argen_dag(adata, **KWARGS)
    elements = strict(ag.io.write_cyjs(adata, tmp_path / "x.cyjs", selected=False))["elements"]
    ids = [element["data"]["id"] for element in elements["nodes"] + elements["edges"]]
    assert len(ids) == len(set(ids))
    assert set(names) <= set(ids)


def test_the_same_file_again(done, tmp_path):
    first = ag.io.write_cyjs(done, tmp_path / "a.cyjs").read_bytes()
    assert ag.io.write_cyjs(done, tmp_path / "b.cyjs").read_bytes() == first
    assert first.isascii()


def test_errors(done, tmp_path):
    with pytest.raises(MissingResultError, match=r"'nope'\] is missing\. Run ag\.tl\.argen_dag first"):
        ag.io.write_cyjs(done, tmp_path / "x.cyjs", key="nope")
    with pytest.raises(InputError, match=r"does not end in \.cyjs or \.json"):
        ag.io.write_cyjs(done, tmp_path / "x.cys")
    with pytest.raises(InputError, match="layout='spring' is not one of 'layered', None"):
        ag.io.write_cyjs(done, tmp_path / "x.cyjs", layout="spring")
    assert not list(tmp_path.iterdir())
