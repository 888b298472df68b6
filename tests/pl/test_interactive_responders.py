"""The interactive page with responders: the file, and in a browser what is folded, unfolded, found and filtered."""

import json
import re
import xml.etree.ElementTree as ET

import networkx as nx
import numpy as np
import pytest
from browser import browser, opened
from interactive_pages import EVIL, SVG, Page, drawn, drawn_edges, eventually, facts, gene, set_field, spot, text_of
from network_tables import random_dag, tables
from responder_screens import analysed
from toy import assert_same

import argen as ag
from argen.errors import InputError, MissingResultError, StaleResultError
from argen.get._opened import OpenedNetwork
from argen.get._responders import edges_to_responders
from argen.pl._interactive import draw_interactive
from argen.pl._interactive.content import page_content

__all__ = ["browser", "opened"]


def with_leaves(n=25, n_edges=40, n_leaves=60, seed=3, names=None):
    """Graph and tables of a network with responders, some of which have several regulators."""
    graph, rng = random_dag(n, n_edges, seed, 3), np.random.default_rng(seed)
    edges, perturbations = tables(graph)
    nx.set_node_attributes(graph, "network", "kind")
    nodes = list(graph)
    for i, name in enumerate(names or [f"{'HLA-' * (i % 2)}R{i}" for i in range(n_leaves)]):
        graph.add_node(name, kind="responder", order=n + i, layer=9)
        for k in rng.choice(min(n, 12), 1 + i % 3, replace=False):
            weight = float(rng.choice([-1, 1]) * rng.gamma(1.5, 0.2) + 1e-6)
            graph.add_edge(nodes[k], name, weight=weight, kind="responder")
    further = tables(graph.edge_subgraph(leaf_edges(graph)), seed)[0].assign(padj=0.01)
    return graph, edges.assign(padj=0.02), perturbations, further


def leaves_of(graph):
    return {gene for gene, kind in graph.nodes(data="kind") if kind == "responder"}


def leaf_edges(graph):
    leaves = leaves_of(graph)
    return {edge for edge in graph.edges if edge[1] in leaves}


def inner_edges(graph):
    return set(graph.edges) - leaf_edges(graph)


def n_responders(graph):
    return {gene: sum(child in leaves_of(graph) for child in graph.succ[gene]) for gene in graph}


@pytest.fixture(scope="module")
def network():
    return with_leaves()


@pytest.fixture
def page(opened, network):
    return opened.show(draw_interactive(*network))


def content_of(html):
    return json.loads(Page(html).data)


def rows_of(table):
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


class TestFile:
    def test_without_responders_nothing_is_added(self, network):
        adata = analysed()
        html = ag.pl.argen_interactive(adata).html
        assert html == ag.pl.argen_interactive(adata, responders=False).html
        assert not re.search(r"responder|unfold", html, re.IGNORECASE)
        assert list(content_of(html)) == ["genes", "edges", "left_out", "heading", "notes", "look"]

    def test_numbers_are_those_of_the_tables(self):
        adata = analysed()
        content = content_of(ag.pl.argen_interactive(adata, responders=True).html)
        names = [row["name"] for row in rows_of(content["genes"])]
        graph = ag.get.graph(adata, responders=True)
        assert set(names) == set(graph)
        assert {row["name"] for row in rows_of(content["genes"]) if row["responder"]} == leaves_of(graph) == {"D"}
        assert {row["name"]: row["n_responders"] for row in rows_of(content["genes"])[:-1]} == {"A": 0, "B": 0, "C": 1}
        table = ag.get.edges(adata, responders=True).set_index(["source", "target"])
        shown = {(names[row["source"]], names[row["target"]]): row for row in rows_of(content["edges"])}
        assert shown.keys() == set(table.index)
        for edge, row in shown.items():
            for name in ("coef", "se", "ci_low", "ci_high", "p", "padj", "p_robust", "F"):
                assert row[name] == table.loc[edge, name]

    def test_network_stands_behind_as_it_is(self, network):
        """Responders widen boxes for their counts, and change nothing else of the genes and edges of the network."""
        graph, edges, perturbations, further = network
        bare = graph.subgraph([gene for gene in graph if gene not in leaves_of(graph)])
        with_them = page_content(graph, edges, perturbations, 1000, further)
        without = page_content(bare, edges, perturbations, 1000)
        same = ("name", "layer", "order", "n_parents", "n_children", "effect")
        for row, before in zip(rows_of(with_them["genes"]), rows_of(without["genes"]), strict=False):
            assert {name: row[name] for name in same} == {name: before[name] for name in same}
            assert row["width"] == before["width"] or row["room"] > 0
            assert (row["room"] > 0) == (row["n_responders"] > 0)
        assert with_them["heading"]["text"] == without["heading"]["text"]
        inner = [row for row in rows_of(with_them["edges"]) if row["target"] < len(bare)]
        assert [(row["source"], row["target"], row["coef"]) for row in inner] == [
            (row["source"], row["target"], row["coef"]) for row in rows_of(without["edges"])
        ]

    def test_same_for_every_order(self, network):
        graph, edges, perturbations, further = network
        other = nx.DiGraph()
        other.add_nodes_from(reversed(list(graph.nodes(data=True))))
        other.add_edges_from(reversed(list(graph.edges(data=True))))
        again = draw_interactive(other, edges[::-1], perturbations[::-1], further[::-1])
        assert draw_interactive(*network) == again

    def test_responders_of_hidden_genes_are_left_out(self, network):
        graph, edges, perturbations, further = network
        content = page_content(graph, edges, perturbations, 6, further)
        names = [row["name"] for row in rows_of(content["genes"])]
        there = [row["name"] for row in rows_of(content["genes"]) if not row["responder"]]
        left = {leaf for leaf in leaves_of(graph) if any(gene in there for gene in graph.pred[leaf])}
        assert len(there) == 6
        assert set(names) == left | set(there)
        assert set(content["left_out"]) == set(graph) - set(names)
        n_hidden = len(leaves_of(graph)) - len(left)
        assert content["notes"][-1] == f"{n_hidden} responders left out, whose regulators are not shown."
        widths = {row["name"]: row["n_parents"] for row in rows_of(content["genes"])}
        assert all(widths[leaf] == graph.in_degree[leaf] for leaf in left)

    def test_no_responder_at_all(self, network):
        graph, edges, perturbations, further = network
        bare = graph.subgraph([gene for gene in graph if gene not in leaves_of(graph)])
        html = draw_interactive(bare, edges, perturbations, further[:0])
        assert content_of(html)["notes"][-1] == "No edge to a measured gene outside the network was selected."
        assert "unfold" not in html

    def test_every_edge_has_a_grade(self):
        adata = analysed()
        rows = rows_of(content_of(ag.pl.argen_interactive(adata, grade=True, responders=True).html)["edges"])
        assert all(row["grade"] for row in rows)
        assert len(rows) == 1 + len(ag.get.edges(adata))

    def test_data_stay_as_they_are(self):
        adata = analysed()
        before = adata.copy()
        ag.pl.argen_interactive(adata, responders="argen_responders")
        assert_same(adata, before)

    def test_errors(self):
        adata = analysed().copy()
        with pytest.raises(InputError, match="responders=3: give True, False, or the name"):
            ag.pl.argen_interactive(adata, responders=3)
        with pytest.raises(MissingResultError, match="nope"):
            ag.pl.argen_interactive(adata, responders="nope")
        adata.uns["argen_responders"]["made_from"]["network"] = "another"
        with pytest.raises(StaleResultError, match="was not made from the network"):
            ag.pl.argen_interactive(adata, responders="argen_responders")

    def test_table_is_that_of_get(self):
        adata = analysed()
        opened = OpenedNetwork(adata, "argen_dag")
        graph = opened.graph(responders=True)
        page = draw_interactive(
            graph, opened.edges, opened.perturbations, edges_to_responders(adata, opened.names, opened.entry, True)
        )
        assert page == ag.pl.argen_interactive(adata, responders=True).html


def count_of(page, name):
    return page.evaluate(f"{gene(name)}.count?.hidden === false ? {gene(name)}.count.textContent : ''")


def visible_genes(page):
    return set(drawn(page, "cy.nodes('.gene:visible').map(n => nameOf(n).name)"))


def click_count(page, name):
    page.locator("#counts").get_by_role("button", name=re.compile(f"responders? of {re.escape(name)}$")).click()


def hub(graph):
    """A gene with few edges but several responders, some of them with other regulators."""
    return max(graph, key=lambda name: (n_responders(graph)[name], name))


def overlaps(page):
    """Pairs of boxes that lie on each other."""
    boxes = page.evaluate(
        "GENES.filter(g => g.visible).map(g => [g.name, g.x, g.y, g.width, g.responder ? LEAF_HEIGHT : LOOK.height])"
    )
    return [
        (a[0], b[0])
        for i, a in enumerate(boxes)
        for b in boxes[:i]
        if abs(a[1] - b[1]) < (a[3] + b[3]) / 2 and abs(a[2] - b[2]) < (a[4] + b[4]) / 2
    ]


@pytest.mark.browser
class TestFolding:
    def test_at_first_only_the_network_with_counts(self, page, network):
        graph = network[0]
        eventually(lambda: visible_genes(page), set(graph) - leaves_of(graph))
        assert drawn_edges(page) == inner_edges(graph)
        for name, n in n_responders(graph).items():
            assert count_of(page, name) == (f"+{n}" if n else "")
        n = len(leaf_edges(graph))
        assert page.locator("#count").text_content() == f"25 genes, 40 edges; 60 responders, {n} edges"

    def test_count_unfolds_and_folds(self, page, network):
        graph, name = network[0], hub(network[0])
        eventually(lambda: drawn_edges(page), inner_edges(graph))
        click_count(page, name)
        own = {edge for edge in leaf_edges(graph) if edge[0] == name}
        eventually(lambda: drawn_edges(page), inner_edges(graph) | own)
        around = [gene(child) for _, child in own]
        inside = page.evaluate(
            f"(() => {{ const v = cy.extent(); return [{', '.join(around)}].every("
            "g => g.x > v.x1 && g.x < v.x2 && g.y > v.y1 && g.y < v.y2) })()"
        )
        assert inside
        assert visible_genes(page) == set(graph) - leaves_of(graph) | {child for _, child in own}
        assert count_of(page, name) == f"−{len(own)}"
        assert page.evaluate("selected") is None
        assert overlaps(page) == []
        click_count(page, name)
        eventually(lambda: drawn_edges(page), inner_edges(graph))
        assert count_of(page, name) == f"+{len(own)}"

    def test_shared_responder_is_there_once(self, page, network):
        """With the edges of its unfolded regulators; the others are counted behind its name."""
        graph = network[0]
        leaf = next(name for name in sorted(leaves_of(graph)) if graph.in_degree[name] == 3)
        regulators = sorted(graph.pred[leaf])
        for i, name in enumerate(regulators, start=1):
            page.evaluate(f"toggleResponders({gene(name)})")
            found = {edge for edge in drawn_edges(page) if edge[1] == leaf}
            assert found == {(regulator, leaf) for regulator in regulators[:i]}
            label = page.evaluate(f"elementOf({gene(leaf)}).data('name')")
            assert label == (f"{leaf} ←{3 - i}" if i < 3 else leaf)
            assert drawn(page, f"cy.nodes('.leaf:visible').filter(n => nameOf(n) === {gene(leaf)}).length") == 1
        page.evaluate(f"toggleResponders({gene(regulators[0])})")
        assert {edge for edge in drawn_edges(page) if edge[1] == leaf} == {(name, leaf) for name in regulators[1:]}

    def test_unfold_all_and_fold_all_by_keyboard(self, page, network):
        graph = network[0]
        page.focus("#unfold-all")
        page.keyboard.press("Enter")
        eventually(lambda: drawn_edges(page), set(graph.edges))
        assert overlaps(page) == []
        assert page.evaluate("document.activeElement.id") == "fold-all"
        shown = page.evaluate(
            "(() => { const b = cy.elements().renderedBoundingBox(); return [b.x1, b.y1, b.x2, b.y2] })()"
        )
        room = page.locator("#view").bounding_box()
        assert min(shown[:2]) >= 0
        assert shown[2] <= room["width"]
        assert shown[3] <= room["height"]
        page.keyboard.press("Enter")
        eventually(lambda: drawn_edges(page), inner_edges(graph))
        assert page.evaluate("NODES.every((g, i) => g.x === HOME.genes[i].x && g.y === HOME.genes[i].y)")

    def test_double_click(self, page, network):
        graph, name = network[0], hub(network[0])
        eventually(lambda: drawn_edges(page), inner_edges(graph))
        x, y = spot(page, name)
        page.mouse.dblclick(x - 8, y)
        eventually(lambda: count_of(page, name).startswith("−"), expected=True)
        eventually(text_of(page, "#selected-title"), name)

    def test_looks(self, page, network):
        page.click("#unfold-all")
        looks = page.evaluate(
            """EDGES.filter(isLeafEdge).map(e => [e.coef > 0, elementOf(e).style('line-color'),
            elementOf(e).style('target-arrow-shape')])"""
        )
        assert {tuple(look) for look in looks} == {
            (True, "rgb(0,114,178)", "triangle"),
            (False, "rgb(213,94,0)", "tee"),
        }
        assert "responder: measured, not in the network" in page.locator("#key").text_content()

    def test_edges_end_at_the_borders(self, page):
        """Cytoscape and the saved picture draw edges where they are said to run, also after the network was spread."""
        page.evaluate("toggleAll(true)")
        worst = page.evaluate("""Math.max(...cy.edges().map((e) => {
          const ends = [e.sourceEndpoint(), e.targetEndpoint()], p = pointsOf(nameOf(e)), last = p.length - 1;
          return Math.max(...[p[0], p[last]].map((q, i) => Math.hypot(q.x - ends[i].x, q.y - ends[i].y))) }))""")
        assert worst < 1.5  # Cytoscape ends a line inside its head
        worst = page.evaluate("""Math.max(...cy.edges('.bent').map((e) => {
          const c = e.controlPoints(), p = pointsOf(nameOf(e)).slice(1, -1);
          return Math.max(...p.map((q, i) => Math.hypot(q.x - c[i].x, q.y - c[i].y))) }))""")
        assert worst < 0.05
        assert page.evaluate("""EDGES.every((e) => {
          const end = pointsOf(e).at(-1), half = e.child.responder ? LEAF_HEIGHT / 2 : LOOK.height / 2;
          const out = Math.max(Math.abs(end.x - e.child.x) - e.child.width / 2, Math.abs(end.y - e.child.y) - half);
          return out > -0.1 && out < 4 })""")

    def test_places_do_not_depend_on_the_way(self, page, network):
        graph = network[0]
        names = sorted(name for name, n in n_responders(graph).items() if n)[:3]
        places = "JSON.stringify(LEAVES.filter(g => g.visible).map(g => [g.name, g.x, g.y]))"
        found = []
        for order in (names, names[::-1]):
            page.evaluate("toggleAll(false)")
            for name in order:
                page.evaluate(f"toggleResponders({gene(name)})")
            found.append(page.evaluate(places))
        assert found[0] == found[1]


@pytest.mark.browser
class TestPanel:
    def test_button_by_keyboard(self, page, network):
        graph, name = network[0], hub(network[0])
        n = n_responders(graph)[name]
        page.evaluate(f"select({gene(name)})")
        page.get_by_role("button", name=f"Show its {n} responders").focus()
        page.keyboard.press("Enter")
        eventually(lambda: count_of(page, name), f"−{n}")
        assert page.evaluate("document.activeElement.textContent") == f"Fold its {n} responders"
        listed = page.locator(".neighbours").nth(2).locator(".gene").all_text_contents()
        assert set(listed) == {child for child in graph.succ[name] if child in leaves_of(graph)}
        assert int(facts(page, "#selected")["n_responders"][0]) == n
        children = page.locator(".neighbours").nth(1).locator(".gene").all_text_contents()
        assert set(children) == set(graph.succ[name]) - leaves_of(graph)

    def test_folded_responder_of_the_list(self, page, network):
        graph, name = network[0], hub(network[0])
        leaf = next(child for child in graph.succ[name] if child in leaves_of(graph))
        page.evaluate(f"select({gene(name)})")
        page.get_by_role("button", name=f"Edge {name} → {leaf}").press("Enter")
        eventually(text_of(page, "#selected-title"), f"{name} → {leaf}")
        eventually(lambda: (name, leaf) in drawn_edges(page), expected=True)
        row = network[3].set_index(["source", "target"]).loc[(name, leaf)]
        shown = facts(page, "#selected")
        for field in ("coef", "ci_low", "ci_high", "p", "padj"):
            assert float(shown[field][0]) == row[field]

    def test_responder_shows_its_edges(self, page, network):
        graph, table = network[0], network[3].set_index(["source", "target"])
        leaf = next(name for name in sorted(leaves_of(graph)) if graph.in_degree[name] == 3)
        page.evaluate(f"toggleResponders({gene(min(graph.pred[leaf]))}); select({gene(leaf)})")
        eventually(text_of(page, "#selected-title"), leaf)
        found = page.eval_on_selector_all(
            "#selected .of-leaf [data-field]", "all => all.map(e => [e.dataset.field, Number(e.dataset.value)])"
        )
        regulators = page.locator("#selected .of-leaf .gene").all_text_contents()
        assert set(regulators) == set(graph.pred[leaf])
        fields = ("coef", "ci_low", "ci_high", "p", "padj")
        assert found == [[field, table.loc[(name, leaf), field]] for name in regulators for field in fields]
        page.get_by_role("button", name="Unfold 2 folded regulators").press("Enter")
        eventually(lambda: {u for u, v in drawn_edges(page) if v == leaf}, set(graph.pred[leaf]))
        eventually(text_of(page, "#selected-title"), leaf)

    def test_folding_ends_the_selection_of_what_is_gone(self, page, network):
        graph, name = network[0], hub(network[0])
        leaf = next(child for child in graph.succ[name] if child in leaves_of(graph) and graph.in_degree[child] == 1)
        page.evaluate(f"toggleResponders({gene(name)}); select({gene(leaf)})")
        page.click("#fold-all")
        eventually(lambda: page.locator("#selected").is_hidden(), expected=True)


@pytest.mark.browser
class TestSearch:
    def test_finds_a_folded_responder(self, page, network):
        graph = network[0]
        leaf = next(name for name in sorted(leaves_of(graph)) if graph.in_degree[name] == 2)
        page.fill("#search", leaf.lower())
        page.press("#search", "Enter")
        eventually(text_of(page, "#selected-title"), leaf)
        eventually(lambda: {edge for edge in drawn_edges(page) if edge[1] == leaf}, set(graph.in_edges(leaf)))
        frame = page.locator("#view").bounding_box()
        x, y = spot(page, leaf)
        assert abs(x - frame["x"] - frame["width"] / 2) <= 1
        assert abs(y - frame["y"] - frame["height"] / 2) <= 1

    def test_responder_without_a_shown_edge(self, page, network):
        graph = network[0]
        leaf = min(leaves_of(graph))
        set_field(page, "#min-effect", 99)
        page.fill("#search", leaf)
        page.press("#search", "Enter")
        eventually(text_of(page, "#selected-title"), leaf)
        assert "hidden by the filters" in page.locator("#found").text_content()
        assert leaf in visible_genes(page)
        page.click("#clear")
        eventually(lambda: leaf in visible_genes(page), expected=False)

    def test_says_when_there_is_none(self, page):
        page.fill("#search", "NOPE")
        eventually(text_of(page, "#found"), "No gene of the network and no responder of it has “NOPE” in its name.")


@pytest.mark.browser
class TestFilters:
    def test_edges_to_responders_pass_them_too(self, page, network):
        graph, edges, _, further = network
        page.evaluate("toggleAll(true)")
        set_field(page, "#min-effect", 0.3)
        set_field(page, "#max-p", 1e-4)
        left = {
            (row.source, row.target)
            for table in (edges, further)
            for row in table.itertuples()
            if abs(row.coef) >= 0.3 and row.p <= 1e-4
        }
        eventually(lambda: drawn_edges(page), left)
        shown = {child for _, child in left} & leaves_of(graph)
        assert visible_genes(page) & leaves_of(graph) == shown
        page.click("#reset-filters")
        eventually(lambda: drawn_edges(page), set(graph.edges))

    def test_counts_follow(self, page, network):
        graph, _, _, further = network
        set_field(page, "#min-effect", 0.3)
        left = further[further["coef"].abs() >= 0.3]
        for name in n_responders(graph):
            n = int((left["source"] == name).sum())
            eventually(lambda one=name: count_of(page, one), f"+{n}" if n else "")
        said = page.locator("#filter-count").text_content()
        assert said.endswith(f"To responders: {len(left)} of {len(further)} edges, 0 unfolded.")

    def test_nothing_moves(self, page):
        page.evaluate("toggleAll(true)")
        places = "JSON.stringify(GENES.map(g => [g.x, g.y]))"
        before = page.evaluate(places)
        set_field(page, "#min-effect", 0.2)
        assert page.evaluate(places) == before

    def test_gene_with_responders_alone_is_none_without_an_edge(self, page, network):
        graph = network[0]
        page.check("#hide-alone")
        linked = {name for edge in graph.edges for name in edge}
        eventually(lambda: visible_genes(page), linked - leaves_of(graph))


@pytest.mark.browser
def test_saved_picture_has_what_is_shown(page, network):
    graph, name = network[0], hub(network[0])
    page.evaluate(f"toggleResponders({gene(name)})")
    root = ET.fromstring(page.evaluate("svgText('all')"))
    texts = {kind: [t.text for t in root.iter(f"{SVG}text") if t.get("class") == kind] for kind in ("gene", "count")}
    leaves = {child for child in graph.succ[name] if child in leaves_of(graph)}
    assert {text.split(" ←")[0] for text in texts["gene"]} == set(graph) - leaves_of(graph) | leaves
    assert sorted(texts["count"]) == sorted(
        f"{'−' if g == name else '+'}{n}" for g, n in n_responders(graph).items() if n
    )
    paths = [path for path in root.iter(f"{SVG}path") if path.get("class") == "edge"]
    assert len(paths) == len(inner_edges(graph)) + len(leaves)


@pytest.mark.browser
def test_names_stay_text(opened):
    page = opened.show(draw_interactive(*with_leaves(n_leaves=2, names=[EVIL, "<b>bold</b>"])))
    page.evaluate("toggleAll(true)")
    for name in (EVIL, "<b>bold</b>"):
        page.evaluate(f"select({gene(name)})")
        eventually(text_of(page, "#selected-title"), name)
    assert page.locator("#stage img, #stage b, aside img, aside b").count() == 0
    assert ET.fromstring(page.evaluate("svgText('all')")) is not None


@pytest.mark.browser
def test_three_hundred_responders(opened):
    """Quick, and no box on another."""
    page = opened.show(draw_interactive(*with_leaves(n_leaves=300)))
    seconds = (
        page.evaluate("(() => { const t = performance.now(); toggleAll(true); return performance.now() - t })()") / 1000
    )
    assert seconds < 5
    assert overlaps(page) == []
    eventually(lambda: len(visible_genes(page)), 325)


@pytest.mark.browser
def test_an_analysed_screen(opened):
    adata = analysed()
    page = opened.show(ag.pl.argen_interactive(adata, responders=True).html)
    page.fill("#search", "D")
    page.press("#search", "Enter")
    eventually(text_of(page, "#selected-title"), "D")
    row = ag.get.responders(adata).set_index("target").loc["D"]
    assert float(facts(page, "#selected .of-leaf")["coef"][0]) == row["coef"]
