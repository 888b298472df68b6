"""Force-directed and module layouts, and pictures of many genes: dots, hubs, legends."""

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path as File

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from argen.errors import InputError
from argen.pl import _style as style
from argen.pl._network import draw_network
from argen.pl._network.compose import LAYOUTS
from argen.pl._network.groups import group_scene
from argen.pl._network.module_colors import shade
from argen.pl._network.modules import modules_of
from argen.pl._network.most_connected import by_edges
from argen.pl._network.scene import connected_part
from argen.pl._network.spring import spring_scene
from argen.pl._network.wires import points_on

pytestmark = pytest.mark.slow

FREE = ["spring", "module"]
FEW = [(8, 5, 0), (8, 16, 0), (20, 8, 0), (20, 30, 2), (45, 80, 4), (45, 140, 0)]
MANY = [(100, 90, 0), (400, 500, 5), (400, 2000, 5)]
PAGE = (575.0, 620.0)


def edges(ax):
    return {tuple(p.get_gid().split(":")[1:]): p for p in ax.patches if isinstance(p, FancyArrowPatch)}


def patches(ax, kind):
    found = [p for p in ax.patches if isinstance(p, FancyBboxPatch) and p.get_gid().startswith(kind)]
    return {p.get_gid().removeprefix(f"{kind}:"): p for p in found}


def words(ax):
    return [text.get_text() for text in ax.texts]


def key(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def collection(ax, gid):
    return next(c for c in ax.collections if c.get_gid() == gid)


def named(ax):
    return [t.get_gid().removeprefix("name:") for t in ax.texts if (t.get_gid() or "").startswith("name:")]


def overlap(a, b):
    return min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0)


def assert_readable(ax, frame):
    """No text on another one, and all of them inside."""
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in [*ax.texts, *ax.get_legend().get_texts()] if text.get_text()]
    assert not [1 for a, b in combinations(boxes, 2) if overlap(a, b)]
    for box in boxes:
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1
        assert frame.y0 <= box.y0
        assert box.y1 <= frame.y1


@pytest.mark.parametrize("layout", FREE)
@pytest.mark.parametrize(("n", "n_edges", "hubs"), FEW)
class TestBoxes:
    def test_everything_can_be_read(self, make_dag, layout, n, n_edges, hubs):
        graph = make_dag(n, n_edges, 1, hubs)
        ax = draw_network(graph, layout=layout)
        assert_readable(ax, ax.figure.bbox)
        assert patches(ax, "gene").keys() == set(graph)
        assert edges(ax).keys() == set(graph.edges)
        assert (ax.figure.get_size_inches() < 15).all()

    def test_boxes_are_apart(self, make_dag, layout, n, n_edges, hubs):
        ax = draw_network(make_dag(n, n_edges, 1, hubs), layout=layout)
        boxes = [patch.get_bbox() for patch in patches(ax, "gene").values()]
        for a, b in combinations(boxes, 2):
            assert max(a.x0, b.x0) - min(a.x1, b.x1) > 4 or max(a.y0, b.y0) - min(a.y1, b.y1) > 4

    def test_lines_join_the_borders_of_their_boxes(self, make_dag, layout, n, n_edges, hubs):
        part, _ = connected_part(make_dag(n, n_edges, 1, hubs))
        scene = LAYOUTS[layout](part, PAGE, dots=False)
        for (source, target), line in scene.lines.items():
            for gene, point, room in ((source, line.vertices[0], 0.1), (target, line.vertices[-1], 8.0)):
                box = scene.genes[gene]
                outside = max(abs(point[0] - box.x) - box.width / 2, abs(point[1] - box.y) - box.height / 2)
                assert -1e-6 <= outside < room

    def test_few_lines_pass_behind_a_gene(self, make_dag, layout, n, n_edges, hubs):
        part, _ = connected_part(make_dag(n, n_edges, 1, hubs))
        scene = LAYOUTS[layout](part, PAGE, dots=False)
        behind = 0
        for edge, line in scene.lines.items():
            points = points_on(line, 200)
            for gene, box in scene.genes.items():
                inside = np.abs(points - (box.x, box.y)) < (box.width / 2, box.height / 2)
                behind += gene not in edge and inside.all(axis=1).any()
        assert behind <= (0 if n_edges <= 30 else 0.4 * n_edges)


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize(("n", "n_edges", "hubs"), MANY)
class TestDots:
    def test_everything_can_be_read(self, make_dag, layout, n, n_edges, hubs):
        graph = make_dag(n, n_edges, 1, hubs)
        ax = draw_network(graph, layout=layout)
        assert_readable(ax, ax.figure.bbox)
        assert (ax.figure.get_size_inches() <= (8.6, 13.0)).all()
        n_alone = sum(graph.degree[gene] == 0 for gene in graph)
        assert len(patches(ax, "gene")) == n_alone
        assert len(collection(ax, "genes").get_offsets()) == n - n_alone
        assert len(collection(ax, "edges").get_segments()) == n_edges
        note = f"{len(named(ax))} of {n - n_alone} genes named: those with the most edges, where there is room"
        assert note in words(ax)

    def test_dots_are_apart_and_names_off_them(self, make_dag, layout, n, n_edges, hubs):
        ax = draw_network(make_dag(n, n_edges, 1, hubs), layout=layout)
        ax.figure.canvas.draw()
        dots = collection(ax, "genes")
        places, radii = np.array(dots.get_offsets()), np.sqrt(dots.get_sizes()) / 2
        distance = np.linalg.norm(places[:, None] - places, axis=-1) - radii[:, None] - radii
        np.fill_diagonal(distance, np.inf)
        assert distance.min() > 0
        names = [t.get_window_extent() for t in ax.texts if (t.get_gid() or "").startswith("name:")]
        pixels = ax.transData.transform(places)
        assert not [1 for frame in names for point in pixels if frame.contains(*point)]

    def test_hubs_are_named(self, make_dag, layout, n, n_edges, hubs):
        graph = make_dag(n, n_edges, 1, hubs)
        written = named(draw_network(graph, layout=layout))
        first = by_edges(graph)
        assert set(written) <= set(first[:40])
        assert set(first[:3]) <= set(written)

    def test_area_grows_with_the_number_of_edges(self, make_dag, layout, n, n_edges, hubs):
        part, _ = connected_part(make_dag(n, n_edges, 1, hubs))
        scene = LAYOUTS[layout](part, PAGE, dots=True)
        degree = np.array([part.degree[gene] for gene in scene.genes])
        area = np.array([dot.radius**2 for dot in scene.genes.values()])
        slope, intercept = np.polyfit(degree, area, 1)
        np.testing.assert_allclose(area, slope * degree + intercept, atol=1e-9)
        assert slope > 0

    def test_key_explains_sizes(self, make_dag, layout, n, n_edges, hubs):
        graph = make_dag(n, n_edges, 1, hubs)
        degrees = [degree for _, degree in graph.degree if degree]
        sizes = [label for label in key(draw_network(graph, layout=layout)) if "at the gene" in label]
        few, most = min(degrees), max(degrees)
        assert sizes == [f"{few} edge{'s' * (few != 1)} at the gene", f"{most} edges at the gene"]


def test_signs_of_dots_edges_by_colour_and_by_head(make_dag):
    graph = make_dag(100, 150, 1)
    ax = draw_network(graph, layout="spring")
    n_negative = sum(weight < 0 for *_, weight in graph.edges(data="weight"))
    assert len(collection(ax, "arrows").get_paths()) == 150 - n_negative
    assert len(collection(ax, "bars").get_segments()) == n_negative
    colors = [to_hex(color).upper() for color in collection(ax, "edges").get_colors()]
    assert colors.count(style.NEGATIVE_COLOR) == n_negative
    assert colors.count(style.POSITIVE_COLOR) == 150 - n_negative


def test_heads_of_dots_edges_point_at_their_targets():
    graph = nx.DiGraph([("A", f"G{i}", {"weight": 1.0}) for i in range(70)])
    ax = draw_network(graph, layout="spring")
    places = np.array(collection(ax, "genes").get_offsets())
    for path in collection(ax, "arrows").get_paths():
        tip, *back = path.vertices[:3]
        nearest = places[np.linalg.norm(places - tip, axis=1).argmin()]
        assert np.linalg.norm(tip - nearest) < np.linalg.norm(back - nearest, axis=1).min()


def test_strong_edges_are_short():
    rng = np.random.default_rng(0)
    graph = nx.DiGraph()
    for i in range(1, 40):
        graph.add_edge(f"G{int(rng.integers(i))}", f"G{i}", weight=float(rng.choice([0.05, 2.0])))
    scene = spring_scene(graph, PAGE, dots=True)
    length = {edge: np.hypot(*(line.vertices[-1] - line.vertices[0])) for edge, line in scene.lines.items()}
    strong = [length[edge] for edge in graph.edges if graph.edges[edge]["weight"] > 1]
    weak = [length[edge] for edge in graph.edges if graph.edges[edge]["weight"] < 1]
    assert np.mean(strong) < np.mean(weak)


class TestModules:
    @pytest.fixture
    def cliques(self):
        """Four dense groups, joined by single edges."""
        graph = nx.DiGraph()
        for k, n in enumerate((8, 7, 6, 5)):
            graph.add_weighted_edges_from((f"M{k}G{i}", f"M{k}G{j}", 0.5) for i, j in combinations(range(n), 2))
        graph.add_weighted_edges_from([(f"M{k}G0", f"M{k + 1}G0", 0.3) for k in range(3)])
        graph.add_nodes_from(["ALONE"])
        return graph

    def test_planted_modules_are_found(self, cliques):
        part, _ = connected_part(cliques)
        found = modules_of(part)
        assert [{gene[:2] for gene in module} for module in found] == [{"M0"}, {"M1"}, {"M2"}, {"M3"}]
        assert [len(module) for module in found] == [8, 7, 6, 5]

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_modularity_is_as_high_as_that_of_another_method(self, make_dag, seed):
        part, _ = connected_part(make_dag(60, 90, seed, 3))
        joined = nx.Graph()
        joined.add_weighted_edges_from((u, v, abs(weight)) for u, v, weight in part.edges(data="weight"))
        greedy = nx.community.greedy_modularity_communities(joined, weight="weight")
        ours = nx.community.modularity(joined, [set(module) for module in modules_of(part)])
        assert ours >= nx.community.modularity(joined, greedy) - 0.01

    def test_modules_are_connected_and_complete(self, make_dag):
        part, _ = connected_part(make_dag(200, 260, 1, 4))
        found = modules_of(part)
        assert sorted(gene for module in found for gene in module) == sorted(part)
        assert all(nx.is_weakly_connected(part.subgraph(module)) for module in found)

    @pytest.mark.parametrize("weight", [0.0, 0.5])
    def test_effects_of_zero(self, weight):
        graph = nx.DiGraph([("A", "B", {"weight": weight}), ("C", "D", {"weight": 0.0})])
        assert sorted(map(sorted, modules_of(graph)))[0][0] == "A"
        draw_network(graph, layout="module").figure.canvas.draw()

    def test_regions_hold_their_genes_and_are_apart(self, cliques):
        ax = draw_network(cliques, layout="module")
        regions = {number: patch.get_bbox() for number, patch in patches(ax, "module").items()}
        assert list(regions) == ["1", "2", "3", "4"]
        assert not [1 for a, b in combinations(regions.values(), 2) if overlap(a, b)]
        for gene, box in patches(ax, "gene").items():
            inside = [number for number, region in regions.items() if overlap(region, box.get_bbox())]
            assert inside == ([] if gene == "ALONE" else [str(int(gene[1]) + 1)])

    def test_headings_have_numbers_and_hubs(self, cliques):
        ax = draw_network(cliques, layout="module")
        assert any(text.startswith("module 2: M1G0, ") for text in words(ax))
        assert "no selected edge" in words(ax)
        assert_readable(ax, ax.figure.bbox)

    def test_edges_between_modules_are_dashed(self, cliques):
        drawn = edges(draw_network(cliques, layout="module"))
        for (source, target), line in drawn.items():
            assert (line.get_linestyle() in ("-", "solid")) == (source[:2] == target[:2])

    def test_key_has_tints_and_dashes(self, cliques):
        ax = draw_network(cliques, layout="module")
        assert key(ax)[-5:] == ["between modules", "module 1", "module 2", "module 3", "module 4"]

    def test_key_gathers_many_modules(self, make_dag):
        ax = draw_network(make_dag(400, 500, 1, 5), layout="module")
        assert any(label.startswith("modules 1, 6, 11") for label in key(ax))

    def test_dots_have_the_colour_of_their_module(self, make_dag):
        graph = make_dag(100, 110, 1)
        part, _ = connected_part(graph)
        ax = draw_network(graph, layout="module")
        faces = [to_hex(face).upper() for face in collection(ax, "genes").get_facecolors()]
        module = {gene: number for number, genes in enumerate(modules_of(part), 1) for gene in genes}
        assert sorted(faces) == sorted(shade(number).upper() for number in module.values())


@pytest.mark.parametrize("layout", list(LAYOUTS))
class TestEveryLayout:
    @pytest.mark.parametrize("n", [1, 2, 26, 100])
    def test_empty_network_says_so(self, make_dag, layout, n):
        graph = make_dag(n, 0, 1)
        ax = draw_network(graph, layout=layout)
        assert patches(ax, "gene").keys() == set(graph)
        assert words(ax)[-1] == "no edge was selected"

    def test_network_without_genes(self, layout):
        assert words(draw_network(nx.DiGraph(), layout=layout)) == ["the network has no genes"]

    def test_hubs_of_thousands_of_genes(self, make_dag, layout):
        graph = make_dag(5000, 6000, 1, 40)
        ax = draw_network(graph, layout=layout, max_genes=300)
        chosen = set(by_edges(graph)[:300])
        n_edges = sum(u in chosen and v in chosen for u, v in graph.edges)
        note = f"300 of 5000 genes shown, those with the most edges; {6000 - n_edges} edges of the others left out"
        assert note in words(ax)
        assert len(collection(ax, "edges").get_segments()) == n_edges

    def test_max_genes_counts_views(self, ifn, layout):
        ax = draw_network(ifn, layout=layout, max_genes=2)
        assert patches(ax, "gene").keys() == {"JAK2", "STAT1"}
        assert "2 of 9 genes shown, those with the most edges; 4 edges of the others left out" in words(ax)
        assert not any(
            "genes shown" in text for text in words(draw_network(ifn, layout=layout, genes=["JAK2"], max_genes=1))
        )

    @pytest.mark.parametrize("value", [0, -1, 2.5, None, "all", True])
    def test_bad_max_genes(self, ifn, layout, value):
        with pytest.raises(InputError, match="max_genes="):
            draw_network(ifn, layout=layout, max_genes=value)

    def test_colours(self, make_dag, layout):
        for graph in (make_dag(8, 8, 1), make_dag(100, 120, 1)):
            assert {"order 0", f"order {len(graph) - 1}"} <= set(key(draw_network(graph, layout=layout, color="order")))
        gene = max(graph, key=graph.degree)
        faces = collection(draw_network(graph, layout=layout, color={gene: "red"}), "genes").get_facecolors()
        assert [to_hex(face) for face in faces].count("#ff0000") == 1

    @pytest.mark.parametrize("size", [(3, 3), (8, 2), (2, 8), (5, 4), (14, 14)])
    @pytest.mark.parametrize("case", [(20, 30, 0), (150, 160, 3), (200, 0, 0)])
    def test_given_axes_of_any_shape(self, make_dag, layout, size, case):
        _, ax = plt.subplots(figsize=size)
        draw_network(make_dag(*case[:2], 1, case[2]), ax=ax, layout=layout)
        frame = ax.get_window_extent().padded(1)
        for text in ax.texts:
            box = text.get_window_extent()
            assert frame.x0 <= box.x0
            assert box.x1 <= frame.x1
            assert frame.y0 <= box.y0
            assert box.y1 <= frame.y1

    def test_drawing_does_not_depend_on_the_order_of_the_graph(self, make_dag, layout):
        for case in ((30, 50), (120, 150)):
            graph, other = make_dag(*case, 1, 2), nx.DiGraph()
            other.add_nodes_from(reversed(list(graph.nodes(data=True))))
            other.add_edges_from(reversed(list(graph.edges(data=True))))
            assert fingerprint(draw_network(graph, layout=layout)) == fingerprint(draw_network(other, layout=layout))


def test_small_axes_show_dots_where_names_could_not_be_read(make_dag):
    _, small = plt.subplots(figsize=(3, 3))
    ax = draw_network(make_dag(20, 30, 1), ax=small)
    assert collection(ax, "genes")
    assert 1 <= len(named(ax)) < 20
    _, large = plt.subplots(figsize=(12, 12))
    assert not draw_network(make_dag(20, 30, 1), ax=large).collections


def test_dense_layers_are_dots(make_dag):
    graph = make_dag(60, 400, 1, 3)
    ax = draw_network(graph)
    assert len(collection(ax, "edges").get_segments()) == 400


def test_layers_of_dots_lead_down(make_dag):
    part, _ = connected_part(make_dag(400, 2000, 1, 5))
    scene = LAYOUTS["layered"](part, PAGE, dots=True)
    assert all(scene.genes[parent].y > scene.genes[child].y + 1 for parent, child in part.edges)


class TestCycles:
    @pytest.fixture
    def cycle(self):
        return nx.DiGraph([("A", "B", {"weight": 1.0}), ("B", "A", {"weight": -1.0}), ("B", "C", {"weight": 0.5})])

    def test_layers_have_no_cycles(self, cycle):
        with pytest.raises(InputError, match="cannot draw a network with a cycle, such as A → B: use layout='spring'"):
            draw_network(cycle)

    @pytest.mark.parametrize("layout", FREE)
    def test_other_layouts_draw_both_ways_apart(self, cycle, layout):
        lines = edges(draw_network(cycle, layout=layout))
        assert lines.keys() == set(cycle.edges)
        there, back = (points_on(lines[edge]._path_original) for edge in (("A", "B"), ("B", "A")))
        assert np.linalg.norm(there[20] - back[20]) > 8


def fingerprint(ax):
    places = [(t.get_text(), tuple(np.round(t.get_position(), 6))) for t in ax.texts]
    dots = [np.round(c.get_offsets(), 6).tolist() for c in ax.collections if c.get_gid() == "genes"]
    lines = {edge: np.round(arrow.get_path().vertices, 6).tolist() for edge, arrow in edges(ax).items()}
    return ax.figure.get_size_inches().round(6).tolist(), places, dots, lines


def test_drawing_does_not_depend_on_the_hash_seed():
    code = (
        "from conftest import random_dag; from test_network_layouts import draw_network, fingerprint;"
        "print([fingerprint(draw_network(random_dag(n, m, 1, 2), layout=layout))"
        " for layout in ('layered', 'spring', 'module') for n, m in ((30, 50), (120, 150))])"
    )
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "MPLBACKEND": "agg", "PYTHONPATH": pythonpath()},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1


def pythonpath():
    here = File(__file__).parent
    return os.pathsep.join([str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_groups_of_one_gene_have_a_place():
    graph = nx.DiGraph([("A", "B", {"weight": 1.0})])
    from argen.pl._network.groups import Groups

    for dots in (True, False):
        scene = group_scene(graph, Groups([["A"], ["B"]], [["module 1"], ["module 2"]]), PAGE, dots=dots)
        assert len(scene.genes) == 2
        assert scene.between == {("A", "B")}
