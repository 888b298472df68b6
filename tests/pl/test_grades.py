"""Grades as line styles, in the figure and on the page."""

import json
import re

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.patches import FancyArrowPatch
from network_tables import finish, random_dag, tables
from responder_screens import analysed
from toy import KWARGS, toy

import argen as ag
from argen.errors import InputError
from argen.pl._interactive.interactive import draw_interactive
from argen.pl._network import draw_network
from argen.pl._network.grades import LINES, with_grades

GRADES = list(LINES)


def graded_graph(weights):
    """A → B, A → C … with weight and grade each."""
    graph = nx.DiGraph()
    for i, (grade, weight) in enumerate(weights):
        graph.add_edge("A", f"B{i}", weight=weight, grade=grade)
    return finish(graph)


def lines(ax):
    """Line of each edge by its target."""
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    return {patch.get_gid().split(":")[2]: patch for patch in arrows if patch.get_gid().startswith("edge:")}


def test_every_grade_has_its_line_and_its_place_in_the_key():
    ax = draw_network(graded_graph([(grade, -0.5 if i % 2 else 0.5) for i, grade in enumerate(GRADES)]))
    found = lines(ax)
    assert [found[f"B{i}"].get_linestyle() for i in range(4)] == [LINES[grade].style for grade in GRADES]
    key = ax.get_legend()
    texts = [text.get_text() for text in key.get_texts()]
    assert [text for text in texts if text in GRADES] == GRADES
    handles = dict(zip(texts, key.legend_handles, strict=True))
    assert [handles[grade].get_linestyle() for grade in GRADES] == [LINES[grade].style for grade in GRADES]
    assert not np.diff([handles[grade].get_linewidth() for grade in GRADES]).max() > 0


def test_heads_are_not_dashed():
    ax = draw_network(graded_graph([("doubtful", 0.5), ("strong", -0.5)]))
    heads = [patch for patch in ax.patches if str(patch.get_gid()).startswith("head:")]
    assert [patch.get_gid() for patch in heads] == ["head:A:B0"]
    assert heads[0].get_linestyle() == "solid"


@pytest.mark.parametrize(
    "weights",
    [
        [("doubtful", -1.52), ("strong", 0.2), ("moderate", 0.9), ("weak", 1.1)],  # the doubtful one is the largest
        [("weak", 3.0), ("moderate", 0.1), ("doubtful", 9.0)],
        [("doubtful", 2.0), ("weak", 0.01)],
        [("strong", 0.1), ("strong", 0.3), ("doubtful", 0.2)],
    ],
)
def test_the_widest_line_is_of_the_best_grade(weights):
    found = lines(draw_network(graded_graph(weights)))
    best = min((GRADES.index(grade) for grade, _ in weights))
    width = {i: found[f"B{i}"].get_linewidth() for i in range(len(weights))}
    widest = max(width, key=width.get)
    assert GRADES.index(weights[widest][0]) == best
    assert weights[widest][1] == max(w for grade, w in weights if GRADES.index(grade) == best)
    plain = lines(draw_network(nx.DiGraph(finish(_ungraded(weights)))))
    assert max(plain, key=lambda target: plain[target].get_linewidth()) == f"B{int(np.abs(_sizes(weights)).argmax())}"


def _ungraded(weights):
    graph = graded_graph(weights)
    for edge in graph.edges:
        del graph.edges[edge]["grade"]
    return graph


def _sizes(weights):
    return [weight for _, weight in weights]


def test_many_fine_edges_have_their_dashes_too():
    graph = random_dag(90, 200, 3)
    for i, edge in enumerate(graph.edges):
        graph.edges[edge]["grade"] = GRADES[i % 4]
    ax = draw_network(graph)
    drawn = next(c for c in ax.collections if isinstance(c, LineCollection) and c.get_gid() == "edges")
    assert len({str(style) for style in drawn.get_linestyle()}) >= 4
    strong = [abs(data["weight"]) for *_, data in graph.edges(data=True) if data["grade"] == "strong"]
    weights = np.abs([weight for *_, weight in graph.edges(data="weight")])
    assert max(strong) < weights.max()
    assert (drawn.get_linewidths() == max(drawn.get_linewidths())).sum() == 1


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


def test_the_grades_are_those_of_the_table(done):
    ax = ag.pl.argen_network(done, grade=True, show=False)
    table = ag.get.evidence(done)
    table = table[table["selected"]].assign(grade=table["grade"].astype(str))
    found = lines(ax)
    assert len(found) == len(table)
    for row in table.itertuples():
        assert found[row.target].get_linestyle() == LINES[row.grade].style
    plain = lines(ag.pl.argen_network(done, show=False))
    assert {line.get_linestyle() for line in plain.values()} == {"solid"}
    with pytest.raises(InputError, match="grade='yes'"):
        ag.pl.argen_network(done, grade="yes")


def content(page):
    return json.loads(re.search(r'id="network-data">(.*?)</script>', page, flags=re.DOTALL)[1])


def test_the_page_tells_grade_and_reasons(done):
    data = content(ag.pl.argen_interactive(done, grade=True).html)
    columns = data["edges"]["columns"]
    rows = [dict(zip(columns, row, strict=True)) for row in data["edges"]["rows"]]
    names = [row[data["genes"]["columns"].index("name")] for row in data["genes"]["rows"]]
    table = ag.get.evidence(done).set_index(["source", "target"])
    for row in rows:
        stored = table.loc[(names[row["source"]], names[row["target"]])]
        assert (row["grade"], row["reasons"]) == (stored["grade"], stored["reasons"])
    there = set(table.loc[table["selected"], "grade"].astype(str))
    assert [entry["grade"] for entry in data["look"]["grades"]] == [grade for grade in GRADES if grade in there]
    assert content(ag.pl.argen_interactive(done).html)["look"]["grades"] == []


def test_edges_to_responders_have_their_grades():
    adata = analysed()
    table = ag.get.evidence(adata, responders=True).query("selected").set_index(["source", "target"])
    grade = str(table.loc[("C", "D"), "grade"])
    drawn = lines(ag.pl.argen_network(adata, grade=True, responders=3, show=False))
    assert drawn["D"].get_linestyle() == LINES[grade].style
    data = content(ag.pl.argen_interactive(adata, grade=True, responders=True).html)
    rows = [dict(zip(data["edges"]["columns"], row, strict=True)) for row in data["edges"]["rows"]]
    names = [row[data["genes"]["columns"].index("name")] for row in data["genes"]["rows"]]
    of_leaf = next(row for row in rows if names[row["target"]] == "D")
    assert (of_leaf["grade"], of_leaf["reasons"]) == (grade, table.loc[("C", "D"), "reasons"])


def test_the_page_caps_widths():
    graph = graded_graph([("doubtful", 5.0), ("strong", 0.5)])
    edges, _ = tables(graph)
    evidence = edges[["source", "target"]].assign(grade=["doubtful", "strong"], reasons="")
    data = content(draw_interactive(with_grades(graph, evidence), edges))
    columns = data["edges"]["columns"]
    line = {row[columns.index("target")]: row[columns.index("line")] for row in data["edges"]["rows"]}
    assert len(line) == 2
    widest = data["look"]["thickest"]
    assert sorted(line.values())[1] == widest
    assert sorted(line.values())[0] == pytest.approx(0.7 + 0.2 * (widest - 0.7), abs=0.01)


@pytest.fixture(autouse=True)
def closed():
    plt.switch_backend("agg")
    yield
    plt.close("all")
