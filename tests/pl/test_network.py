"""What the drawing of a network shows."""

import os
import subprocess
import sys
from copy import deepcopy
from itertools import combinations, pairwise
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
from anndata import AnnData
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

import argen as ag
from argen.errors import InputError, MissingResultError
from argen.pl import _style as style
from argen.pl._network import draw_network

DENSITIES = [(8, 5, 0), (8, 16, 0), (20, 8, 0), (20, 30, 2), (45, 9, 0), (45, 80, 4), (45, 140, 0)]


def edges(ax):
    """Drawn edges by (source, target)."""
    return {tuple(patch.get_gid().split(":")[1:]): patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)}


def boxes(ax):
    """Drawn boxes by gene."""
    found = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch) and patch.get_gid().startswith("gene:")]
    return {patch.get_gid().removeprefix("gene:"): patch for patch in found}


def words(ax):
    return [text.get_text() for text in ax.texts]


def key(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def extents(artists, ax):
    renderer = ax.figure.canvas.get_renderer()
    return [artist.get_window_extent(renderer) for artist in artists]


def overlap(a, b):
    return min(a.x1, b.x1) > max(a.x0, b.x0) and min(a.y1, b.y1) > max(a.y0, b.y0)


def assert_readable(ax, frame):
    """No text on another text, everything inside the frame, every label inside its own box."""
    ax.figure.canvas.draw()
    texts = [*ax.texts, *ax.get_legend().get_texts()]
    for a, b in combinations(extents(texts, ax), 2):
        assert not overlap(a, b)
    for box in extents([*texts, *ax.patches], ax):
        assert frame.x0 <= box.x0
        assert box.x1 <= frame.x1
        assert frame.y0 <= box.y0
        assert box.y1 <= frame.y1
    labels = {text.get_text(): text for text in ax.texts}
    for gene, box in boxes(ax).items():
        inner, outer = extents([labels[gene], box], ax)
        assert outer.x0 < inner.x0
        assert inner.x1 < outer.x1
        assert outer.y0 - 1 < inner.y0
        assert inner.y1 < outer.y1 + 1


class TestReadability:
    @pytest.mark.parametrize(("n", "n_edges", "hubs"), DENSITIES)
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_own_figure(self, make_dag, n, n_edges, hubs, seed):
        ax = draw_network(make_dag(n, n_edges, seed, hubs), min_abs_coef=0.05)
        assert_readable(ax, ax.figure.bbox)
        assert ax.texts[0].get_fontsize() == pytest.approx(style.FONT_SIZE)

    @pytest.mark.parametrize("size", [(3, 3), (8, 2), (2, 8), (14, 14)])
    def test_given_axes_of_any_shape(self, make_dag, size):
        _, ax = plt.subplots(figsize=size)
        assert_readable(draw_network(make_dag(20, 30, 1), ax=ax, color="order"), ax.get_window_extent().padded(1))
        assert ax.texts[0].get_fontsize() <= style.FONT_SIZE

    @pytest.mark.parametrize(("n", "n_edges", "hubs"), DENSITIES)
    def test_no_edge_as_drawn_touches_a_gene(self, make_dag, n, n_edges, hubs):
        ax = draw_network(make_dag(n, n_edges, 1, hubs))
        ax.figure.canvas.draw()
        for arrow in edges(ax).values():
            pieces = np.concatenate(arrow.get_path().to_polygons(closed_only=False))  # with its head
            for box in boxes(ax).values():
                (x0, y0), (x1, y1) = box.get_bbox().padded(-0.1).get_points()
                assert not ((pieces > (x0, y0)) & (pieces < (x1, y1))).all(axis=1).any()


class TestEdges:
    def test_all_edges_are_drawn_downwards(self, make_dag):
        graph = make_dag(20, 40, 1)
        ax = draw_network(graph)
        assert edges(ax).keys() == set(graph.edges)
        place = {text.get_text(): text.get_position()[1] for text in ax.texts}
        assert all(place[parent] > place[child] for parent, child in graph.edges)

    def test_width_grows_with_the_effect(self, make_dag):
        graph = make_dag(20, 40, 1)
        drawn = edges(draw_network(graph))
        by_effect = sorted(graph.edges, key=lambda edge: abs(graph.edges[edge]["weight"]))
        widths = [drawn[edge].get_linewidth() for edge in by_effect]
        assert (np.diff(widths) > 0).all()
        assert widths[0] >= style.MIN_LINE_WIDTH
        assert widths[-1] == pytest.approx(style.MAX_LINE_WIDTH)

    def test_sign_is_shown_by_colour_and_by_head(self, ifn):
        drawn = edges(draw_network(ifn))
        positive, negative = drawn["JAK2", "STAT1"], drawn["JAK2", "STAT3"]
        assert to_hex(positive.get_edgecolor()).upper() == style.POSITIVE_COLOR
        assert to_hex(negative.get_edgecolor()).upper() == style.NEGATIVE_COLOR
        assert type(positive.get_arrowstyle()).__name__ == "CurveFilledB"
        assert type(negative.get_arrowstyle()).__name__ == "BracketB"

    def test_key_names_signs_and_widths(self, ifn):
        assert key(draw_network(ifn)) == ["positive effect", "negative effect", "|effect| 0.15", "|effect| 0.9"]

    def test_key_has_one_width_when_all_are_equal(self):
        graph = nx.DiGraph([("A", "B", {"weight": 0.5}), ("A", "C", {"weight": -0.5})])
        assert key(draw_network(graph))[2:] == ["|effect| 0.5"]

    def test_zero_effects_are_drawn_thin(self):
        drawn = edges(draw_network(nx.DiGraph([("A", "B", {"weight": 0.0})])))
        assert drawn["A", "B"].get_linewidth() == style.MIN_LINE_WIDTH


class TestSelection:
    def test_everything_by_default(self, ifn):
        assert boxes(draw_network(ifn)).keys() == set(ifn)

    def test_nodes_bring_the_edges_among_them(self, ifn):
        ax = draw_network(ifn, genes=["STAT2", "STAT1", "JAK2"])
        assert boxes(ax).keys() == {"JAK2", "STAT1", "STAT2"}
        assert edges(ax).keys() == {("JAK2", "STAT1"), ("STAT1", "STAT2")}

    @pytest.mark.parametrize("wrap", [str, lambda gene: [gene], lambda gene: (g for g in [gene])])
    def test_parents_and_children(self, ifn, wrap):
        assert boxes(draw_network(ifn, parents_of=wrap("STAT1"))).keys() == {"JAK2", "STAT1"}
        assert boxes(draw_network(ifn, children_of=wrap("STAT1"))).keys() == {"STAT1", "STAT2", "UBE2L6"}

    def test_selections_are_united(self, ifn):
        ax = draw_network(ifn, genes="SOCS1", parents_of="JAK2", children_of=["STAT1"])
        assert boxes(ax).keys() == {"SOCS1", "IFNGR2", "JAK2", "STAT1", "STAT2", "UBE2L6"}

    @pytest.mark.parametrize("argument", ["genes", "parents_of", "children_of"])
    def test_unknown_genes_are_named(self, ifn, argument):
        with pytest.raises(InputError, match=rf"^{argument} names genes .*: NOPE, NADA\. It has IFNGR2"):
            draw_network(ifn, **{argument: ["NOPE", "JAK2", "NADA"]})

    def test_empty_selection_is_an_error(self, ifn):
        with pytest.raises(InputError, match="No gene is named by genes; leave it None"):
            draw_network(ifn, genes=[])

    def test_weak_edges_are_left_out_and_counted(self, ifn):
        ax = draw_network(ifn, min_abs_coef=0.3)
        assert edges(ax).keys() == {("IFNGR2", "JAK2"), ("JAK2", "STAT1"), ("STAT1", "UBE2L6")}
        assert "2 edges with |effect| < 0.3 not shown" in words(ax)
        assert "no edge shown" in words(ax)

    def test_threshold_itself_is_shown_and_one_edge_is_singular(self, ifn):
        ax = draw_network(ifn, min_abs_coef=0.2)
        assert ("STAT1", "STAT2") in edges(ax)
        assert "1 edge with |effect| < 0.2 not shown" in words(ax)

    def test_hidden_edges_are_counted_among_the_genes_drawn(self, ifn):
        ax = draw_network(ifn, genes=["JAK2", "STAT1", "STAT3"], min_abs_coef=0.3)
        assert "1 edge with |effect| < 0.3 not shown" in words(ax)

    @pytest.mark.parametrize("value", [-0.1, float("nan"), "0.1", None, True])
    def test_bad_threshold(self, ifn, value):
        with pytest.raises(InputError, match="min_abs_coef="):
            draw_network(ifn, min_abs_coef=value)


class TestIsolatedGenes:
    def test_block_is_labelled(self, ifn):
        assert "no selected edge" in words(draw_network(ifn))

    def test_no_heading_without_isolated_genes(self, ifn):
        ax = draw_network(ifn, genes=["JAK2", "STAT1"], edge_labels=False)
        assert sorted(words(ax)) == ["JAK2", "STAT1"]

    @pytest.mark.parametrize("n", [1, 2, 26])
    def test_empty_network_says_so(self, make_dag, n):
        graph = make_dag(n, 0, 1)
        ax = draw_network(graph)
        assert boxes(ax).keys() == set(graph)
        assert words(ax)[-1] == "no edge was selected"
        assert ax.get_legend() is None

    def test_network_without_genes(self):
        assert words(draw_network(nx.DiGraph())) == ["the network has no genes"]
        assert words(draw_network(nx.DiGraph(), color="order")) == ["the network has no genes"]

    def test_all_edges_hidden(self, ifn):
        ax = draw_network(ifn, min_abs_coef=9)
        assert words(ax)[-2:] == ["no edge shown", "5 edges with |effect| < 9 not shown"]


class TestColors:
    def test_dict_colours_its_genes_only(self, ifn):
        drawn = boxes(draw_network(ifn, color={"JAK2": "red", "not here": "blue"}))
        assert to_hex(drawn["JAK2"].get_facecolor()) == "#ff0000"
        assert to_hex(drawn["STAT1"].get_facecolor()).upper() == style.NODE_FACE

    def test_attribute_runs_over_the_colour_map(self, ifn):
        ax = draw_network(ifn, color="layer")
        faces = {gene: to_hex(box.get_facecolor()) for gene, box in boxes(ax).items()}
        assert faces["STAT1"] == faces["STAT3"]
        assert len(set(faces.values())) == 4
        assert key(ax)[-2:] == ["layer 0", "layer 3"]

    def test_constant_attribute(self, make_dag):
        assert key(draw_network(make_dag(3, 0, 1), color="layer")) == ["layer 0"]

    def test_label_contrasts_with_its_box(self, ifn):
        ax = draw_network(ifn, color={"JAK2": "black", "STAT1": "yellow"})
        ink = {text.get_text(): text.get_color() for text in ax.texts}
        assert (ink["JAK2"], ink["STAT1"]) == ("#FFFFFF", style.INK)

    def test_unknown_attribute_lists_the_known(self, ifn):
        with pytest.raises(InputError, match=r"color='red' is not a numeric attribute .* have layer, order"):
            draw_network(ifn, color="red")

    def test_wrong_colours_are_named(self, ifn):
        with pytest.raises(InputError, match="STAT1: 'reddish'"):
            draw_network(ifn, color={"JAK2": "red", "STAT1": "reddish"})

    def test_other_types(self, ifn):
        with pytest.raises(InputError, match="color must be"):
            draw_network(ifn, color=["red"])


def test_names_are_drawn_as_they_are():
    names = ["$a_1$", "x^2", "<b>&", r"gene_\frac{1}", "$"]
    graph = nx.DiGraph([(a, b, {"weight": 1.0}) for a, b in pairwise(names)])
    ax = draw_network(graph)
    assert sorted(words(ax)) == sorted(names)
    assert not any(text.get_parse_math() or text.get_usetex() for text in ax.texts)
    assert_readable(ax, ax.figure.bbox)


def shape_of(ax):
    lines = {edge: arrow.get_path().vertices.tolist() for edge, arrow in edges(ax).items()}
    return ax.figure.get_size_inches().tolist(), [(t.get_text(), t.get_position()) for t in ax.texts], lines


def test_drawing_does_not_depend_on_the_order_of_the_graph(make_dag):
    graph, other = make_dag(30, 50, 1), nx.DiGraph()
    other.add_nodes_from(reversed(list(graph.nodes(data=True))))
    other.add_edges_from(reversed(list(graph.edges(data=True))))
    assert shape_of(draw_network(graph)) == shape_of(draw_network(other))


def test_drawing_does_not_depend_on_the_hash_seed():
    code = (
        "from conftest import random_dag; from test_network import draw_network, shape_of;"
        "print(shape_of(draw_network(random_dag(30, 50, 1, 2))))"
    )
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    drawn = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": seed, "MPLBACKEND": "agg", "PYTHONPATH": paths},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(drawn) == 1


def test_graph_is_left_alone(ifn):
    before = deepcopy(ifn)
    draw_network(ifn, min_abs_coef=0.3, color="order")
    assert nx.utils.graphs_equal(ifn, before)


class TestPublicFunction:
    @pytest.fixture
    def asked(self, monkeypatch, ifn):
        """Stand-in for what is read of an object; collects what it is asked for."""
        calls = []

        class Opened:
            names = SimpleNamespace(given=lambda names: names)

            def __init__(self, adata, key, *, gene_symbols):
                calls.append((adata, key, gene_symbols))

            def graph(self, **options):
                return ifn

        monkeypatch.setattr("argen.pl._network.network.OpenedNetwork", Opened)
        return calls

    @pytest.fixture
    def shown(self, monkeypatch):
        calls = []
        monkeypatch.setattr(plt, "show", lambda: calls.append(True))
        return calls

    def test_fetches_by_key_and_returns_axes(self, asked, shown):
        ax = ag.pl.argen_network("the data", key="mine", gene_symbols="symbol", show=False)
        assert isinstance(ax, plt.Axes)
        assert asked == [("the data", "mine", "symbol")]
        assert not shown

    def test_passes_arguments_on(self, asked):
        ax = ag.pl.argen_network(
            None, genes="SOCS1", parents_of="STAT1", children_of="STAT1", min_abs_coef=0.3, color="layer", show=False
        )
        assert boxes(ax).keys() == {"SOCS1", "JAK2", "STAT1", "STAT2", "UBE2L6"}
        assert "1 edge with |effect| < 0.3 not shown" in words(ax)
        assert "layer 0" in key(ax)

    def test_draws_into_given_axes(self, asked):
        figure, axes = plt.subplots(1, 2)
        assert ag.pl.argen_network(None, ax=axes[1], show=False) is axes[1]
        assert not axes[0].patches
        assert plt.get_fignums() == [figure.number]

    def test_show_shows_and_returns_none(self, asked, shown):
        assert ag.pl.argen_network(None, show=True) is None
        assert shown == [True]

    @pytest.mark.parametrize("autoshow", [True, False])
    def test_show_follows_scanpy(self, asked, shown, autoshow):
        import scanpy as sc

        before = sc.settings.autoshow
        sc.settings.autoshow = autoshow  # a property of a metaclass, which monkeypatch cannot restore
        try:
            assert (ag.pl.argen_network(None) is None) == autoshow
        finally:
            sc.settings.autoshow = before
        assert shown == [True] * autoshow

    def test_unknown_layout(self, asked):
        with pytest.raises(InputError, match="layout='circle' is not one of 'layered', 'spring', 'module'"):
            ag.pl.argen_network(None, layout="circle")

    def test_missing_result_is_reported(self):
        with pytest.raises(MissingResultError, match=r"uns\['argen_dag'\] is missing"):
            ag.pl.argen_network(AnnData(np.ones((2, 2), dtype=np.float32)))
        assert not plt.get_fignums()


def test_edges_of_genes_that_left_are_not_denied(ifn):
    """`get.graph` counts them; a graph without an edge was not one without a selected edge."""
    ifn.graph["n_edges_left_out"] = 9
    assert "9 selected edges of genes that left the object not drawn" in words(draw_network(ifn))
    ifn.remove_edges_from(list(ifn.edges))
    assert words(draw_network(ifn))[-1] == "9 edges selected, none with both genes still in the object"
