"""Which genes and edges a view of a network draws."""

from itertools import pairwise

import networkx as nx
import pytest

from argen.errors import InputError
from argen.pl._network.select import shown_part
from argen.pl._network.views import Views


def view(graph, **asked):
    return shown_part(graph, Views(**asked).chosen(graph), 0.0)[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_path_draws_exactly_what_lies_on_a_path(make_dag, seed):
    graph = make_dag(14, 30, seed)
    for source in graph:
        for target in nx.descendants(graph, source):
            paths = list(nx.all_simple_paths(graph, source, target))
            part = view(graph, between=(source, target))
            assert set(part) == {gene for path in paths for gene in path}
            assert set(part.edges) == {edge for path in paths for edge in pairwise(path)}


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_ego_reaches_so_many_edges_in_either_direction(make_dag, radius):
    graph = make_dag(30, 40, 1)
    for gene in graph:
        part = view(graph, ego=gene, radius=radius)
        truth = nx.ego_graph(graph, gene, radius=radius, undirected=True)
        assert set(part) == set(truth)
        assert set(part.edges) == set(truth.edges)


def test_ego_takes_several_genes(ifn):
    assert set(view(ifn, ego=["IFNGR2", "SOCS1"])) == {"IFNGR2", "JAK2", "SOCS1"}


def test_views_are_united_with_every_edge_among_their_genes(ifn):
    part = view(ifn, between=("IFNGR2", "STAT1"), genes=["STAT3", "IRF1"])
    assert set(part) == {"IFNGR2", "JAK2", "STAT1", "STAT3", "IRF1"}
    assert set(part.edges) == {("IFNGR2", "JAK2"), ("JAK2", "STAT1"), ("JAK2", "STAT3")}


def test_no_path_at_all(ifn):
    with pytest.raises(InputError, match="no directed path leads from STAT2 to UBE2L6; nor is there one the other way"):
        view(ifn, between=("STAT2", "UBE2L6"))


def test_path_the_other_way_is_named(ifn):
    with pytest.raises(InputError, match=r"from STAT1 to IFNGR2; .* between=\('IFNGR2', 'STAT1'\)"):
        view(ifn, between=("STAT1", "IFNGR2"))


@pytest.mark.parametrize("path", ["JAK2", ("JAK2",), ("JAK2", "JAK2"), ("JAK2", "STAT1", "STAT2"), 3])
def test_path_is_a_pair(ifn, path):
    with pytest.raises(InputError, match="is not a pair of two different genes"):
        view(ifn, between=path)


def test_unknown_genes_are_named(ifn):
    with pytest.raises(InputError, match=r"^between names genes that are not in the network: NOPE\. It has IFNGR2"):
        view(ifn, between=("JAK2", "NOPE"))
    with pytest.raises(InputError, match=r"^ego names genes .*: NOPE"):
        view(ifn, ego="NOPE")


@pytest.mark.parametrize("radius", [0, -1, 1.5, "1", True])
def test_bad_radius(ifn, radius):
    with pytest.raises(InputError, match="radius="):
        view(ifn, ego="JAK2", radius=radius)


def test_radius_needs_ego(ifn):
    with pytest.raises(InputError, match="radius=2 says how far ego= reaches"):
        view(ifn, genes="JAK2", radius=2)
