"""What the matrix of effects shows: cells, colours, order, names, and what is beyond the scale."""

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from boxes import outside, overlaps, texts_of
from matplotlib.colors import to_rgba
from toy import KWARGS, assert_same

import argen as ag
from argen.errors import InputError, MissingResultError, StaleResultError
from argen.pl import _style as style
from argen.pl._heatmap import draw_heatmap, effects_table
from argen.pl._limits import whisker


def order_of(graph):
    return sorted(graph, key=lambda gene: graph.nodes[gene]["order"])


def cells(ax):
    return np.asarray(ax.images[0].get_array())


def texts_at(ax):
    return {tuple(reversed(t.get_position())): t.get_text() for t in ax.texts if t.get_transform() == ax.transData}


@pytest.mark.parametrize(("n", "n_edges"), [(8, 12), (45, 90), (60, 100), (400, 900)])
def test_cells_stand_where_the_edges_are(make_dag, n, n_edges):
    graph = make_dag(n, n_edges, 1, hubs=2)
    ax = draw_heatmap(graph, effects_table(graph))
    genes, image = order_of(graph), cells(ax)
    weights = nx.to_pandas_adjacency(graph, nodelist=genes, nonedge=np.nan).to_numpy()
    assert not np.tril(np.isfinite(weights)).any()
    empty = np.isnan(weights)
    np.testing.assert_array_equal(image[empty & ~np.eye(n, dtype=bool)], np.ones((n * (n - 1) - n_edges, 4)))
    assert (image[np.diag_indices(n)] == image[0, 0]).all()
    assert (image[0, 0] != 1).any()
    red, blue = image[..., 0], image[..., 2]
    assert (blue[weights > 0] > red[weights > 0]).all()
    assert (red[weights < 0] > blue[weights < 0]).all()
    assert (image[~empty].min(axis=-1) < 0.95).all()  # the weakest effect is not white
    limit = whisker(np.abs(weights[~empty]))
    for sign, color in ((1, style.POSITIVE_COLOR), (-1, style.NEGATIVE_COLOR)):
        beyond = sign * weights >= limit
        np.testing.assert_allclose(image[beyond], np.tile(to_rgba(color), (beyond.sum(), 1)), atol=1e-6)
    assert ax.get_title(loc="left") == f"{n_edges} selected edges"


@pytest.mark.parametrize(("n", "n_edges"), [(8, 12), (45, 90), (60, 100), (400, 900)])
def test_names(make_dag, n, n_edges):
    graph = make_dag(n, n_edges, 2, hubs=3)
    ax = draw_heatmap(graph, effects_table(graph))
    genes = order_of(graph)
    names = texts_of(ax)
    assert not overlaps(names)
    assert not outside(names)
    if n <= 60:
        for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
            assert [text.get_text() for text in labels] == genes
        return
    beside = [t.get_text().strip() for t in ax.texts if t.get_rotation() == 0 and t.get_position()[0] < 0]
    above = [t.get_text().strip() for t in ax.texts if t.get_rotation() == 90]
    assert len(beside) == len(above) == 30
    short = {gene: gene if len(gene) <= 14 else f"{gene[:8]}…{gene[-5:]}" for gene in genes}
    for shown, degree in ((beside, graph.out_degree), (above, graph.in_degree)):
        fewest = min(degree(gene) for gene in genes if short[gene] in shown)
        assert all(short[gene] in shown for gene in genes if degree(gene) > fewest)


def test_values_and_signs_are_written(make_dag):
    small, middle = make_dag(8, 12, 3), make_dag(45, 90, 3)
    weights = nx.to_pandas_adjacency(small, nodelist=order_of(small), nonedge=np.nan).to_numpy()
    expected = {(i, j): f"{weights[i, j]:.2f}".replace("-", "−") for i, j in np.argwhere(np.isfinite(weights)).tolist()}
    assert texts_at(draw_heatmap(small, effects_table(small))) == expected
    weights = nx.to_pandas_adjacency(middle, nodelist=order_of(middle), nonedge=np.nan).to_numpy()
    negative = dict.fromkeys(map(tuple, np.argwhere(weights < 0).tolist()), "−")
    ax = draw_heatmap(middle, effects_table(middle))
    assert texts_at(ax) == negative
    assert any("−: negative" in text.get_text() for text in ax.texts)


def test_what_is_beyond_the_scale_is_counted(make_dag):
    graph = make_dag(8, 12, 4)
    for i, (*_, edge) in enumerate(graph.edges(data=True)):
        edge["weight"] = {0: 40.0, 1: 50.0, 2: -30.0}.get(i, 0.1 * i)
    (bar,) = draw_heatmap(graph, effects_table(graph)).child_axes
    assert bar.get_ylim() == (-1.1, 1.1)
    assert [text.get_text() for text in bar.texts] == ["2 beyond,\nto 50", "1 beyond,\nto −30"]
    assert bar.get_ylabel() == "direct effect"


def pairs_of(graph, below=()):
    """Pairs of all genes: those of edges significant, and more as given."""
    genes = order_of(graph)
    table = pd.DataFrame([(a, b) for a in genes for b in genes if a != b], columns=["source", "target"])
    table["effect"] = np.random.default_rng(0).normal(0, 0.01, len(table))
    known = {(a, b): -weight for a, b, weight in graph.edges(data="weight")} | dict(below)
    at = list(zip(table["source"], table["target"], strict=True))
    table["effect"] = [known.get(pair, effect) for pair, effect in zip(at, table["effect"], strict=True)]
    table["significant"] = [pair in known for pair in at]
    table["descendant"] = [pair in known and pair not in dict(below) for pair in at]
    return table


def test_total_effects_and_the_order(ifn):
    pairs = pairs_of(ifn, {("STAT1", "JAK2"): -0.7})
    ax = draw_heatmap(ifn, effects_table(ifn, pairs))
    genes = order_of(ifn)
    assert ax.get_title(loc="left") == "6 of 72 pairs significant or descendants, 1 against the order"
    assert texts_at(ax)[genes.index("STAT1"), genes.index("JAK2")] == "−0.70"
    assert genes.index("STAT1") > genes.index("JAK2")
    every = draw_heatmap(ifn, effects_table(ifn, pairs, selected=False))
    assert len(texts_at(every)) == 72
    assert every.get_title(loc="left") == "72 of 72 pairs with an estimate"
    # The scale is that of the pairs that mean something, not of the noise.
    assert every.child_axes[0].get_ylim() == ax.child_axes[0].get_ylim()
    pairs.loc[pairs.index[0], "effect"] = np.nan
    assert "71 of 72" in draw_heatmap(ifn, effects_table(ifn, pairs, selected=False)).get_title(loc="left")


@pytest.mark.parametrize(("n", "n_edges", "mark"), [(9, 12, "−∞"), (45, 90, "∞"), (400, 900, None)])
def test_groups_without_counts_are_no_estimates(make_dag, n, n_edges, mark):
    """They are marked and counted, and the scale is that of the others."""
    graph = make_dag(n, n_edges, 1)
    pairs = pairs_of(graph)
    scale = draw_heatmap(graph, effects_table(graph, pairs)).child_axes[0].get_ylim()
    absent = pairs.index[~pairs["significant"]][:2]
    pairs.loc[absent, ["effect", "significant", "descendant"]] = [-7.6, True, True]
    pairs["flags"] = pd.Categorical(np.where(pairs.index.isin(absent), "separated", ""))
    ax = draw_heatmap(graph, effects_table(graph, pairs))
    assert ax.child_axes[0].get_ylim() == scale
    assert not [text.get_text() for text in ax.child_axes[0].texts if "7.6" in text.get_text()]
    assert any("−∞ (full vermillion): no count of the target there (2 pairs)" in text.get_text() for text in ax.texts)
    genes = order_of(graph)
    for source, target in pairs.loc[absent, ["source", "target"]].itertuples(index=False):
        at = genes.index(source), genes.index(target)
        np.testing.assert_allclose(cells(ax)[at], to_rgba(style.NEGATIVE_COLOR), atol=1e-6)
        assert texts_at(ax).get(at) == mark
    assert not outside(texts_of(ax))
    assert "−∞" not in "".join(t.get_text() for t in draw_heatmap(graph, effects_table(graph, pairs_of(graph))).texts)


@pytest.mark.filterwarnings("ignore:. of the 4 genes:argen.errors.ArgenWarning")
def test_genes_that_left(done):
    """What was found is not denied: the picture counts it."""
    edges, pairs = ag.get.edges(done), ag.get.pairs(done)
    alone, three = done[:, ["B"]].copy(), done[:, ["A", "B", "C"]].copy()
    heading = ag.pl.argen_heatmap(alone, show=False).get_title(loc="left").replace("\n", ", ")
    assert heading == f"{len(edges)} edges selected, none with both genes still in the object"
    gone = int((edges[["source", "target"]] == "D").any(axis=1).sum())
    ax = ag.pl.argen_heatmap(three, show=False)
    assert any(f"{gone} selected edge" in text.get_text() for text in ax.texts)
    related = pairs[pairs["significant"] | pairs["descendant"]]
    gone = int((related[["source", "target"]] == "D").any(axis=1).sum())
    ax = ag.pl.argen_heatmap(three, effects="total", show=False)
    assert any(f"{gone} significant or descendant pairs of genes that left" in text.get_text() for text in ax.texts)
    assert not outside(texts_of(ax))
    ax = ag.pl.argen_heatmap(done, genes=["D"], show=False)
    assert ax.get_title(loc="left").replace("\n", " ") == "no selected edge among these genes"
    ax = ag.pl.argen_degree(alone, kind="in_degree", show=False)
    assert "none with both genes still in the object" in ax.get_title(loc="left")


def test_thousands_of_genes(make_dag):
    graph = make_dag(1200, 3000, 1, hubs=10)
    ax = draw_heatmap(graph, effects_table(graph))
    assert cells(ax).shape[:2] == (500, 500)
    (drawn,) = ax.collections  # squares that can be seen
    n = len(drawn.get_offsets())
    assert ax.get_title(loc="left") == f"3000 selected edges, {n} among the genes shown"
    assert any("500 of 1200 genes shown, those with the most edges" in text.get_text() for text in ax.texts)


def test_nothing_to_draw(make_dag):
    for graph in (make_dag(5, 0, 1), make_dag(100, 0, 1), nx.DiGraph()):
        ax = draw_heatmap(graph, effects_table(graph))
        assert ax.get_title(loc="left") == "no edge was selected"
        ax.figure.canvas.draw()


def test_of_a_result(done, monkeypatch):
    before = done.copy()
    _, own = plt.subplots()
    ax = ag.pl.argen_heatmap(done, ax=own, show=False)
    assert ax is own
    order = [str(gene) for gene in done.uns["argen_dag"]["tables"]["order"]]
    assert [text.get_text() for text in ax.get_yticklabels()] == order
    edges = ag.get.edges(done)
    expected = {(order.index(e.source), order.index(e.target)): f"{e.coef:.2f}" for e in edges.itertuples()}
    assert texts_at(ax) == {at: text.replace("-", "−") for at, text in expected.items()}
    total = ag.pl.argen_heatmap(done, effects="total", show=False)
    pairs = ag.get.pairs(done).query("significant or descendant")
    expected = {(order.index(p.source), order.index(p.target)): f"{p.effect:.2f}" for p in pairs.itertuples()}
    assert texts_at(total) == {at: text.replace("-", "−") for at, text in expected.items()}
    part = ag.pl.argen_heatmap(done, genes=["C", "A"], show=False)
    assert [text.get_text() for text in part.get_xticklabels()] == [gene for gene in order if gene in "AC"]
    assert_same(before, done)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_heatmap(done, show=True) is None
    assert shown == [True]


def test_errors(done):
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.pl.argen_heatmap(done, key="nope")
    with pytest.raises(InputError, match=r"effects='both' is not one of 'direct', 'total'"):
        ag.pl.argen_heatmap(done, effects="both")
    with pytest.raises(InputError, match="selected=False is for effects='total'"):
        ag.pl.argen_heatmap(done, selected=False)
    with pytest.raises(InputError, match=r"genes names genes that are not in the network: other0\. It has "):
        ag.pl.argen_heatmap(done, genes=["A", "other0"])
    adata = done.copy()
    ag.tl.argen_descendants(adata, **KWARGS | {"covariates": ["mito"]})
    with pytest.raises(StaleResultError, match=r"uns\['argen_descendants'\] is not the descendant step that"):
        ag.pl.argen_heatmap(adata, effects="total", show=False)
    ag.pl.argen_heatmap(adata, show=False)
