"""The arithmetic of the layout: graph in, coordinates out."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from argen.pl._network.layout import NODE_HEIGHT, layered_layout
from argen.pl._network.sugiyama import _n_crossings, make_rows

CASES = [(8, 10, 0), (8, 20, 0), (20, 30, 0), (20, 60, 2), (45, 9, 0), (45, 80, 4), (45, 160, 0), (100, 150, 3)]


def lay_out(graph):
    return layered_layout(graph, {gene: 5.0 * len(gene) for gene in graph})


def boxes(layout):
    half = NODE_HEIGHT / 2
    return {
        gene: (x - layout.widths[gene] / 2, y - half, x + layout.widths[gene] / 2, y + half)
        for gene, (x, y) in layout.centers.items()
    }


@pytest.mark.parametrize(("n", "n_edges", "hubs"), CASES)
@pytest.mark.parametrize("seed", [1, 2, 3])
class TestEveryGraph:
    def test_boxes_are_apart_and_inside(self, make_dag, n, n_edges, hubs, seed):
        layout = lay_out(make_dag(n, n_edges, seed, hubs))
        placed = list(boxes(layout).values())
        assert len(placed) == n
        for a, b in combinations(placed, 2):
            assert max(a[0], b[0]) - min(a[2], b[2]) > 2 or max(a[1], b[1]) - min(a[3], b[3]) > 2
        placed = np.array(placed)
        assert placed[:, 0].min() > -1e-6
        assert placed[:, 2].max() < layout.size[0] + 1e-6
        assert placed[:, 3].max() < 1e-6
        assert placed[:, 1].min() > -layout.size[1] - 1e-6

    def test_parents_stand_above_children(self, make_dag, n, n_edges, hubs, seed):
        graph = make_dag(n, n_edges, seed, hubs)
        layout = lay_out(graph)
        for parent, child in graph.edges:
            assert layout.centers[parent][1] > layout.centers[child][1] + NODE_HEIGHT

    def test_a_route_leads_down_from_gene_to_gene(self, make_dag, n, n_edges, hubs, seed):
        graph = make_dag(n, n_edges, seed, hubs)
        layout = lay_out(graph)
        assert layout.routes.keys() == set(graph.edges)
        for (parent, child), route in layout.routes.items():
            assert len(route) % 2 == 0
            assert (np.diff(route[:, 1]) < 0).all()
            for gene, point, side in ((parent, route[0], -1), (child, route[-1], 1)):
                x, y = layout.centers[gene]
                assert point[1] == pytest.approx(y + side * NODE_HEIGHT / 2)
                assert abs(point[0] - x) < layout.widths[gene] / 2

    def test_no_edge_runs_through_a_gene(self, make_dag, n, n_edges, hubs, seed):
        layout = lay_out(make_dag(n, n_edges, seed, hubs))
        for route in layout.routes.values():
            # An edge is upright where it passes a row, and bends only in the free space between two rows.
            for upper, lower in zip(route[1:-1:2], route[2:-1:2], strict=True):
                assert upper[0] == pytest.approx(lower[0])
                for x0, y0, x1, y1 in boxes(layout).values():
                    assert upper[1] <= y0 or lower[1] >= y1 or not x0 - 1 < upper[0] < x1 + 1
            for start, end in zip(route[::2], route[1::2], strict=True):
                for _, y0, _, y1 in boxes(layout).values():
                    assert start[1] <= y0 + 1e-6 or end[1] >= y1 - 1e-6

    def test_ports_of_a_gene_are_apart(self, make_dag, n, n_edges, hubs, seed):
        graph = make_dag(n, n_edges, seed, hubs)
        layout = lay_out(graph)
        for gene in graph:
            arrivals = sorted(layout.routes[parent, gene][-1, 0] for parent in graph.pred[gene])
            assert (np.diff(arrivals) > 7).all()


def test_layers_share_a_height_when_they_are_narrow(ifn):
    layout = lay_out(ifn)
    heights = {gene: y for gene, (_, y) in layout.centers.items()}
    assert heights["STAT1"] == heights["STAT3"]
    assert heights["STAT2"] == heights["UBE2L6"]


def test_isolated_genes_stand_below_in_equal_columns(ifn):
    layout = lay_out(ifn)
    assert layout.isolated == ["IRF1", "IRF9", "SOCS1"]
    lowest = min(layout.centers[gene][1] for gene in ifn if gene not in layout.isolated)
    x, y = zip(*(layout.centers[gene] for gene in layout.isolated), strict=True)
    assert max(y) < layout.block_top < lowest
    assert np.diff(x) == pytest.approx(x[1] - x[0])


def test_wide_layer_is_wrapped():
    star = nx.DiGraph([("HUB", f"GENE{i}") for i in range(40)])
    layout = lay_out(star)
    assert layout.size[0] < 800
    assert len({y for _, y in layout.centers.values()}) > 3


def test_small_components_stand_side_by_side_and_then_in_shelves():
    few = lay_out(nx.DiGraph([(f"A{i}", f"B{i}") for i in range(5)]))
    many = lay_out(nx.DiGraph([(f"A{i}", f"B{i}") for i in range(60)]))
    assert len({y for _, y in few.centers.values()}) == 2
    assert len({y for _, y in many.centers.values()}) > 2
    assert many.size[0] < 800


def test_components_do_not_mix(make_dag):
    parts = [nx.relabel_nodes(make_dag(7, 9, seed), lambda gene, seed=seed: f"{gene}.{seed}") for seed in (1, 2)]
    proper, rows, _ = make_rows(nx.compose(*parts), 20)
    for row in rows:
        components = [proper.nodes[vertex]["component"] for vertex in row]
        assert components == sorted(components)


def test_a_tree_is_drawn_without_crossings():
    rng = np.random.default_rng(0)
    edges = [(int(rng.integers(i)), i) for i in rng.permutation(np.arange(1, 40)).tolist()]
    proper, rows, _ = make_rows(nx.DiGraph([(f"G{u}", f"G{v}") for u, v in edges]), 40)
    assert _n_crossings(proper, rows) == 0


def test_crossings_are_counted():
    proper = nx.DiGraph([("a", "y"), ("b", "x"), ("c", "x"), ("c", "y")])
    assert _n_crossings(proper, [["a", "b", "c"], ["x", "y"]]) == 2


@pytest.mark.parametrize("genes", [[], ["MYC"], ["MYC", "JUN"]])
def test_tiny_graphs(genes):
    graph = nx.DiGraph()
    graph.add_nodes_from(genes)
    layout = lay_out(graph)
    assert list(layout.centers) == genes
    assert layout.isolated == genes
