"""Numbers on edges: what they say, and that each can be read."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from scipy.stats import norm

from argen.errors import InputError
from argen.pl._network import draw_network
from argen.pl._network.edge_labels import edge_texts

LAYOUTS = ["layered", "spring", "module"]


def numbers(ax):
    return {tuple(t.get_gid().split(":")[1:]): t for t in ax.texts if (t.get_gid() or "").startswith("number:")}


def overlap(a, b):
    return min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0)


def one_edge(**attributes):
    return edge_texts(nx.DiGraph([("A", "B", attributes)]))["A", "B"]


def test_interval_is_that_of_the_normal_distribution():
    low, high = norm.interval(0.95, 0.532, 0.033)
    assert one_edge(weight=0.532, se=0.033) == f"0.53 [{low:.2f}, {high:.2f}]" == "0.53 [0.47, 0.60]"


def test_given_interval_is_taken():
    assert one_edge(weight=0.5, se=0.1, ci_low=0.1, ci_high=0.7) == "0.50 [0.10, 0.70]"
    assert one_edge(weight=0.5, se=0.1, ci_low=float("nan"), ci_high=0.7) == "0.50 [0.30, 0.70]"


def test_negative_numbers_have_a_minus_sign():
    assert one_edge(weight=-0.5, se=0.1) == "−0.50 [−0.70, −0.30]"


def test_narrow_intervals_have_more_decimals():
    assert one_edge(weight=0.0123, se=0.0021) == "0.012 [0.008, 0.016]"
    assert one_edge(weight=0.0123, se=1e-9) == "0.0123 [0.0123, 0.0123]"
    assert one_edge(weight=0.0, se=0.0) == "0.00 [0.00, 0.00]"


@pytest.mark.parametrize("attributes", [{}, {"se": float("nan")}, {"se": float("inf")}, {"se": None}])
def test_without_a_standard_error_the_effect_stands_alone(attributes):
    assert one_edge(weight=0.532, **attributes) == "0.53"
    ax = draw_network(nx.DiGraph([("A", "B", {"weight": 0.5, **attributes})]), edge_labels=True)
    assert "numbers: effect" in [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n", "n_edges"), [(5, 4), (8, 8), (8, 14), (9, 15), (12, 15)])
@pytest.mark.parametrize("seed", [1, 2])
def test_numbers_overlap_nothing(make_dag, layout, n, n_edges, seed):
    graph = make_dag(n, n_edges, seed)
    ax = draw_network(graph, genes=list(graph), layout=layout)
    ax.figure.canvas.draw()
    drawn = numbers(ax)
    assert drawn.keys() == set(graph.edges)
    assert "numbers: effect [95 % interval]" in [text.get_text() for text in ax.texts]
    frames = {edge: text.get_window_extent() for edge, text in drawn.items()}
    others = [text.get_window_extent() for text in [*ax.texts, *ax.get_legend().get_texts()] if text.get_text()]
    for a, b in combinations(others, 2):
        assert not overlap(a, b)
    genes = [p for p in ax.patches if isinstance(p, FancyBboxPatch) and p.get_gid().startswith("gene:")]
    for frame in frames.values():
        assert not [gene for gene in genes if overlap(frame, gene.get_window_extent())]
        assert ax.figure.bbox.x0 <= frame.x0
        assert frame.x1 <= ax.figure.bbox.x1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_number_lies_on_its_line(make_dag, layout):
    graph = make_dag(8, 12, 1)
    ax = draw_network(graph, edge_labels=True, layout=layout)
    lines = {tuple(p.get_gid().split(":")[1:]): p for p in ax.patches if isinstance(p, FancyArrowPatch)}
    for edge, text in numbers(ax).items():
        flat = np.concatenate(lines[edge].get_path().to_polygons(closed_only=False))
        steps = np.linspace(0, 1, 500)[:, None, None]
        points = (flat[:-1] + steps * (flat[1:] - flat[:-1])).reshape(-1, 2)
        assert np.linalg.norm(points - text.get_position(), axis=1).min() < 2.0


def test_heads_stay_visible(make_dag):
    ax = draw_network(make_dag(8, 12, 1), edge_labels=True)
    ax.figure.canvas.draw()
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert len(arrows) == len(numbers(ax)) == 12
    frames = [text.get_window_extent() for text in numbers(ax).values()]
    for arrow in arrows:
        tip = ax.transData.transform(arrow._path_original.vertices[-1])
        assert not [frame for frame in frames if frame.contains(*tip)]


class TestDefault:
    def test_off_for_the_whole_network(self, ifn):
        assert not numbers(draw_network(ifn))

    @pytest.mark.parametrize(
        "asked",
        [
            {"genes": ["JAK2", "STAT1"]},
            {"parents_of": "STAT1"},
            {"children_of": "IFNGR2"},
            {"ego": "JAK2"},
            {"between": ("JAK2", "STAT2")},
        ],
    )
    def test_on_in_views(self, ifn, asked):
        assert numbers(draw_network(ifn, **asked))

    def test_off_in_views_with_many_edges(self, make_dag):
        graph = make_dag(10, 16, 1)
        assert not numbers(draw_network(graph, genes=list(graph)))
        assert len(numbers(draw_network(graph, genes=list(graph), edge_labels=True))) == 16

    def test_off_where_they_could_not_be_read(self, ifn):
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(2.2, 2.2))
        assert not numbers(draw_network(ifn, ego="STAT1", ax=ax))

    def test_switch(self, ifn):
        assert len(numbers(draw_network(ifn, edge_labels=True))) == 5
        assert not numbers(draw_network(ifn, ego="JAK2", edge_labels=False))
        with pytest.raises(InputError, match="edge_labels='yes' is not one of None, True, False"):
            draw_network(ifn, edge_labels="yes")


def test_numbers_without_room_are_counted(make_dag):
    graph = make_dag(100, 300, 1)
    ax = draw_network(graph, edge_labels=True)
    note = next(text.get_text() for text in ax.texts if "not written" in text.get_text())
    assert note == f"{300 - len(numbers(ax))} of 300 numbers not written: no room"


def test_empty_network_has_no_numbers(make_dag):
    ax = draw_network(make_dag(4, 0, 1), edge_labels=True)
    assert [text.get_text() for text in ax.texts][-1] == "no edge was selected"


def test_numbers_above_and_below_stay_on_the_page():
    """Both edges between two genes that stand side by side bend, and their numbers lie beyond all boxes."""
    graph = nx.DiGraph([("A", "B", {"weight": 1.9}), ("B", "A", {"weight": -0.2})])
    for order, gene in enumerate(graph):
        graph.nodes[gene].update(order=order, layer=order)
    ax = draw_network(graph, layout="spring", edge_labels=True)
    page, boxes = ax.figure.bbox, [text.get_window_extent() for text in ax.texts]
    assert {"1.90", "−0.20"} <= {text.get_text() for text in ax.texts}
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)
    assert not [1 for a, b in combinations(boxes, 2) if a.overlaps(b)]
