"""The interactive page in a browser: what is drawn, found, shown, hidden and saved, against tables and networkx."""

import io
import math
import re
import struct
import xml.etree.ElementTree as ET
from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from browser import Opened, browser, opened
from interactive_pages import (
    SVG,
    check_number,
    drawn_edges,
    eventually,
    facts,
    gene,
    pair,
    set_field,
    spot,
    text_of,
    unfaded_genes,
)
from matplotlib.image import imread
from network_tables import finish, random_dag, tables
from toy import KWARGS, toy

import argen as ag
from argen.pl._interactive import draw_interactive
from argen.pl._interactive.content import page_content

__all__ = ["browser", "opened"]
pytestmark = pytest.mark.browser

EVIL = [
    "<img src=x onerror=alert(1)>", "</script><script>alert(2)</script>", "a\"b'c`${1}", "&amp;&lt;", "$&$1{{title}}",
    "two\nlines", "β-catenin→\u2028x", "node[name]#e0, *", "<!--<script>", "__proto__", "\\u003c",
]  # fmt: skip


@pytest.fixture(scope="module")
def network():
    graph = random_dag(30, 45, 3, 3)
    return graph, *tables(graph)


@pytest.fixture
def page(opened, network):
    return opened.show(draw_interactive(*network))


class TestLoading:
    def test_everything_is_drawn_and_nothing_asked_for(self, page, network):
        graph = network[0]
        eventually(lambda: drawn_edges(page), set(graph.edges))
        assert page.evaluate("cy.nodes('.gene').length") == len(graph)
        assert page.locator("#count").text_content() == "30 genes, 45 edges"

    def test_policy_stops_requests_and_foreign_scripts(self, opened, network):
        page = opened.show(draw_interactive(*network))
        assert page.evaluate("fetch('https://example.org').then(() => 'loaded', () => 'refused')") == "refused"
        page.evaluate(
            "() => { const s = document.createElement('script'); s.text = 'window.bad = 1'; document.body.append(s) }"
        )
        assert page.evaluate("typeof bad") == "undefined"
        assert len(opened.complaints) >= 2
        assert all("Content Security Policy" in text for text in opened.complaints)
        opened.complaints.clear()

    def test_places_and_looks(self, page, network):
        graph, *_ = network
        content = page_content(*network, 1000)
        drawn = page.evaluate("cy.nodes('.gene').map(n => [nameOf(n).name, n.position().x, n.position().y])")
        places = {name: (x, y) for name, x, y in drawn}
        columns = content["genes"]["columns"]
        assert places == {
            row[columns.index("name")]: (row[columns.index("x")], row[columns.index("y")])
            for row in content["genes"]["rows"]
        }
        assert all(places[u][1] < places[v][1] for u, v in graph.edges)
        looks = page.evaluate(
            """cy.edges().map(e => [nameOf(e).coef, e.style('line-color'), e.style('target-arrow-shape'),
            e.pstyle('width').value])"""
        )
        assert {(c > 0, color, head) for c, color, head, _ in looks} == {
            (True, "rgb(0,114,178)", "triangle"),
            (False, "rgb(213,94,0)", "tee"),
        }
        sizes, widths = (np.array([look[i] for look in looks]) for i in (0, 3))
        assert (np.diff(widths[np.argsort(np.abs(sizes))]) >= 0).all()
        dashed = page.evaluate("cy.edges().filter(e => e.style('line-style') === 'dashed').length")
        assert dashed == network[1]["weak"].sum()

    def test_curves_of_the_drawing_are_those_of_the_file(self, page):
        """Cytoscape gets control points relative to a line; they have to come back as they were."""
        worst = page.evaluate("""Math.max(...cy.edges('.bent').map((e) => {
          const c = e.controlPoints(), p = pointsOf(nameOf(e)).slice(1, -1);
          return Math.max(...p.map((q, i) => Math.hypot(q.x - c[i].x, q.y - c[i].y))) }))""")
        assert 0 <= worst < 0.05

    def test_no_curve_touches_a_gene_that_it_passes(self, page):
        touched = page.evaluate("""EDGES.flatMap((e) => {
          const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
          path.setAttribute('d', pathOf(e));
          const n = 200, length = path.getTotalLength();
          const points = Array.from({length: n + 1}, (_, i) => path.getPointAtLength(length * i / n));
          return GENES.filter(g => g !== e.parent && g !== e.child && points.some(
            p => Math.abs(p.x - g.x) < g.width / 2 && Math.abs(p.y - g.y) < LOOK.height / 2
          )).map(g => [edgeTitle(e), g.name]) })""")
        assert touched == []

    @pytest.mark.parametrize("size", [(1280, 800), (900, 600)])
    def test_controls_are_reachable(self, browser, tmp_path, network, size):
        opened = Opened(browser, tmp_path, {"width": size[0], "height": size[1]})
        page = opened.show(draw_interactive(*network))
        unnamed = page.eval_on_selector_all(
            "input, select, button, [tabindex]",
            """all => all.filter(
              e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.id)""",
        )
        assert unnamed == []
        for name in ("#search", "#max-p", "#min-effect-slider", "#hide-alone", "#save-svg", "#fit"):
            page.locator(name).scroll_into_view_if_needed()
            box = page.locator(name).bounding_box()
            assert box["width"] > 0
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= size[0]
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= size[1]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shown = page.evaluate(
            "(() => { const b = cy.elements().renderedBoundingBox(); return [b.x1, b.y1, b.x2, b.y2] })()"
        )
        room = page.locator("#view").bounding_box()
        assert min(shown[:2]) >= 0
        assert shown[2] <= room["width"]
        assert shown[3] <= room["height"]
        opened.context.close()
        opened.check_silent()


class TestSearch:
    @pytest.mark.parametrize("name", ["JAK2", "TNFRSF14"])
    def test_finds_selects_and_centres(self, page, name):
        page.fill("#search", name.lower())
        page.press("#search", "Enter")
        eventually(text_of(page, "#selected-title"), name)
        frame = page.locator("#view").bounding_box()
        x, y = spot(page, name)
        assert abs(x - frame["x"] - frame["width"] / 2) <= 1
        assert abs(y - frame["y"] - frame["height"] / 2) <= 1
        assert page.evaluate("cy.zoom()") >= 1.25

    def test_list_by_keyboard(self, page, network):
        page.keyboard.press("/")
        page.keyboard.type("geneg")
        eventually(lambda: page.input_value("#search"), "geneg")
        options = page.locator("#matches [role=option]").all_text_contents()
        assert sorted(options) == sorted(name for name in network[0] if "geneg" in name.lower())
        starting = [name.lower().startswith("geneg") for name in options]
        assert starting == sorted(starting, reverse=True)
        eventually(text_of(page, "#found"), f"{len(options)} matches")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        eventually(lambda: page.get_attribute("#search", "aria-activedescendant"), "match-2")
        active = page.get_attribute("#search", "aria-activedescendant")
        assert page.locator(f"#{active}").text_content() == options[2]
        page.keyboard.press("Enter")
        eventually(text_of(page, "#selected-title"), options[2])
        eventually(lambda: page.get_attribute("#search", "aria-expanded"), "false")

    def test_says_when_there_is_none(self, page):
        page.fill("#search", "NOPE<b>")
        eventually(text_of(page, "#found"), "No gene of the network has “NOPE<b>” in its name.")
        assert page.locator("#matches").is_hidden()

    def test_click_on_a_match(self, page):
        page.fill("#search", "STAT")
        page.locator("#matches li", has_text="STAT1").click()
        eventually(text_of(page, "#selected-title"), "STAT1")

    def test_gene_hidden_by_the_filters_comes_back(self, page, network):
        alone = next(name for name in network[0] if network[0].degree[name] == 0)
        page.check("#hide-alone")
        eventually(lambda: alone in unfaded_genes(page), expected=False)
        page.fill("#search", alone)
        page.press("#search", "Enter")
        eventually(lambda: unfaded_genes(page), {alone})
        assert not page.is_checked("#hide-alone")


@pytest.fixture(scope="module")
def analysed():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


class TestDetails:
    def test_pointing_at_an_edge_shows_its_row(self, opened, analysed):
        page = opened.show(ag.pl.argen_interactive(analysed).html)
        frame = page.locator("#view").bounding_box()
        for row in ag.get.edges(analysed).to_dict("records"):
            middle = page.evaluate(f"elementOf({pair((row['source'], row['target']))}).renderedMidpoint()")
            page.mouse.move(5, 5)
            eventually(lambda: page.locator("#tooltip").is_hidden(), expected=True)
            page.mouse.move(frame["x"] + middle["x"], frame["y"] + middle["y"])
            eventually(text_of(page, "#tooltip h2"), f"{row['source']} → {row['target']}")
            shown = facts(page, "#tooltip")
            assert {"coef", "se", "ci_low", "ci_high", "p", "p_robust", "F"} <= set(shown)
            for name, found in shown.items():
                check_number(found, row[name])
            assert row["direction"] in page.locator("#tooltip").text_content()
        page.mouse.move(5, 5)
        eventually(lambda: page.locator("#tooltip").is_hidden(), expected=True)

    def test_pointing_at_a_gene_shows_its_row(self, opened, analysed):
        page = opened.show(ag.pl.argen_interactive(analysed).html)
        graph = ag.get.graph(analysed)
        for row in ag.get.perturbations(analysed).to_dict("records"):
            name = row["perturbation"]
            page.mouse.move(*spot(page, name))
            eventually(text_of(page, "#tooltip h2"), name)
            shown = facts(page, "#tooltip")
            assert {"effect", "ci_low", "n_cells", "layer", "order", "n_parents", "n_children"} <= set(shown)
            row |= graph.nodes[name] | {"n_parents": graph.in_degree[name], "n_children": graph.out_degree[name]}
            for field, found in shown.items():
                check_number(found, row[field])
            assert ("weak" if row["weak"] else "strong") in page.locator("#tooltip").text_content()

    def test_missing_and_unbounded_values(self, opened, network):
        graph, edges, perturbations = network
        edges = edges.assign(
            se=np.nan, flags="separated", required=True, p=np.where(edges.index > 0, edges["p"], np.nan)
        )
        perturbations = perturbations.assign(effect=np.nan)
        page = opened.show(draw_interactive(graph, edges, perturbations))
        weak = edges[edges["weak"]].iloc[0]
        page.evaluate(f"select({pair((weak['source'], weak['target']))})")
        shown = facts(page, "#selected")
        assert shown["ci_low_robust"] == ("-inf", "−∞")
        assert "se" not in shown
        text = page.locator("#selected").text_content()
        assert "one side unbounded" in text
        assert "separated" in text
        assert "required, not tested" in text
        page.evaluate(f"select({gene('JAK2')})")
        assert facts(page, "#selected")["effect"] == ("", "–")

    @pytest.mark.parametrize(
        "value", [0.0, 1.0, -2.0, 0.5, 123456.0, 1e-300, 3.14159e-5, 0.00012345, 0.99999, 1234.5, 12.345, 1e17, -0.0101]
    )
    def test_three_digits(self, page, value):
        assert float(page.evaluate(f"written({value!r})").replace("−", "-")) == pytest.approx(value, rel=5e-3)
        assert len(page.evaluate(f"written({value!r})")) <= 9


class TestFilters:
    @pytest.mark.parametrize(("p", "effect"), [(1e-6, 0), (1, 0.2), (1e-4, 0.15), (0, 0), (1, 99)])
    def test_hides_what_the_table_says(self, page, network, p, effect):
        edges = network[1]
        set_field(page, "#max-p", p)
        set_field(page, "#min-effect", effect)
        left = edges[(edges["p"] <= p) & (edges["coef"].abs() >= effect)]
        eventually(lambda: drawn_edges(page), set(zip(left["source"], left["target"], strict=True)))
        said = page.locator("#filter-count").text_content()
        linked = {*left["source"], *left["target"]}
        n = "45 edges" if len(left) == 45 else f"{len(left)} of 45 edges"
        assert said.startswith(f"{n} shown, {30 - len(linked)} genes without a shown edge")
        eventually(lambda: page.evaluate("cy.nodes('.gene.alone').length"), 30 - len(linked))

    def test_limits_include_their_own_edge(self, page, network):
        for row in network[1].head(5).itertuples():
            set_field(page, "#max-p", row.p)
            set_field(page, "#min-effect", abs(row.coef))
            eventually(lambda edge=(row.source, row.target): edge in drawn_edges(page), expected=True)

    def test_every_step_of_the_sliders_changes_one_edge(self, page, network):
        edges = network[1]
        for slider, field, count in (
            ("#max-p-slider", "#max-p", lambda limit: (edges["p"] <= limit).sum()),
            ("#min-effect-slider", "#min-effect", lambda limit: (edges["coef"].abs() >= limit).sum()),
        ):
            page.click("#reset-filters")
            page.focus(slider)
            for step in range(1, 8):
                page.keyboard.press("ArrowLeft" if slider == "#max-p-slider" else "ArrowRight")
                eventually(lambda n=45 - step: len(drawn_edges(page)) == n, expected=True)
                assert count(float(page.input_value(field))) == 45 - step
                assert len(page.input_value(field)) < 12

    def test_field_moves_the_slider_and_bad_input_changes_nothing(self, page, network):
        set_field(page, "#max-p", 1e-5)
        assert int(page.input_value("#max-p-slider")) == (network[1]["p"] <= 1e-5).sum()
        before = drawn_edges(page)
        page.fill("#max-p", "-1")
        eventually(lambda: page.get_attribute("#max-p", "aria-invalid"), "true")
        eventually(lambda: drawn_edges(page), before)
        page.fill("#max-p", "")
        eventually(lambda: len(drawn_edges(page)), 45)
        assert page.get_attribute("#max-p", "aria-invalid") is None

    def test_genes_without_a_shown_edge_can_be_hidden(self, page, network):
        graph = network[0]
        page.check("#hide-alone")
        eventually(lambda: unfaded_genes(page), {name for name in graph if graph.degree[name]})
        page.click("#reset-filters")
        eventually(lambda: unfaded_genes(page), set(graph))

    def test_without_p_values(self, opened, network):
        graph, edges, _ = network
        bare = edges[["source", "target", "coef"]].assign(se=np.nan, z=np.nan, p=np.nan, flags="")
        page = opened.show(draw_interactive(graph, bare))
        assert page.locator("#filter-p").is_hidden()
        assert page.locator("#no-p").text_content() == "This network has no p-values to filter by."
        assert any("Knock-downs are not shown" in note for note in page.locator("#notes li").all_text_contents())
        eventually(lambda: drawn_edges(page), set(graph.edges))

    def test_edges_that_were_not_tested_stay(self, opened, network):
        graph, edges, perturbations = network
        edges = edges.assign(p=edges["p"].where(edges.index != 7))
        page = opened.show(draw_interactive(graph, edges, perturbations))
        set_field(page, "#max-p", 0)
        eventually(lambda: drawn_edges(page), {tuple(edges.loc[7, ["source", "target"]])})
        assert "1 edge without a p-value" in page.locator("#no-p").text_content()


class TestNeighbours:
    def test_click_keeps_the_neighbours_of_networkx(self, page, network):
        graph = network[0]
        for name in sorted(graph, key=graph.degree, reverse=True)[:4]:
            page.mouse.click(*spot(page, name))
            eventually(lambda n=name: unfaded_genes(page) == {n, *nx.all_neighbors(graph, n)}, expected=True)
            edges = page.evaluate("cy.edges().not('.faded').map(e => [nameOf(e).parent.name, nameOf(e).child.name])")
            assert {tuple(e) for e in edges} == {*graph.in_edges(name), *graph.out_edges(name)}
            parents, children = (
                page.locator(".neighbours").nth(i).locator(".gene").all_text_contents() for i in range(2)
            )
            assert set(parents) == set(graph.pred[name])
            assert set(children) == set(graph.succ[name])

    def test_sign_stands_beside_the_edges_of_the_selection(self, page, network):
        name = "JAK2"
        page.evaluate(f"select({gene(name)})")
        written = page.evaluate("cy.edges('.effect-at-child, .effect-at-parent').map(e => e.data('effect'))")
        coef = network[1].set_index(["source", "target"])["coef"]
        around = [coef[edge] for edge in [*network[0].in_edges(name), *network[0].out_edges(name)]]
        assert sorted(text[0] for text in written) == sorted("+" if value > 0 else "−" for value in around)

    def test_escape_and_background_reset(self, page, network):
        for reset in (
            lambda: page.keyboard.press("Escape"),
            lambda: page.mouse.click(8, 60),
            lambda: page.click("#clear"),
        ):
            page.mouse.click(*spot(page, "STAT1"))
            eventually(text_of(page, "#selected-title"), "STAT1")
            reset()
            eventually(lambda: unfaded_genes(page), set(network[0]))
            eventually(lambda: page.locator("#selected").is_hidden(), expected=True)

    def test_filters_narrow_the_neighbourhood(self, page, network):
        edges = network[1]
        name = max(network[0], key=network[0].degree)
        page.evaluate(f"select({gene(name)})")
        set_field(page, "#min-effect", 0.25)
        left = nx.from_pandas_edgelist(edges[edges["coef"].abs() >= 0.25])
        eventually(lambda: unfaded_genes(page), {name, *nx.to_dict_of_lists(left).get(name, ())})

    def test_neighbours_by_keyboard(self, page, network):
        edge = max(network[0].edges, key=lambda e: network[0].edges[e]["weight"])
        page.evaluate(f"select({gene(edge[0])})")
        page.get_by_role("button", name=f"Edge {edge[0]} → {edge[1]}").focus()
        page.keyboard.press("Enter")
        eventually(text_of(page, "#selected-title"), f"{edge[0]} → {edge[1]}")
        eventually(lambda: unfaded_genes(page), set(edge))
        page.locator(".neighbours .gene", has_text=re.compile(f"^{re.escape(edge[1])}$")).press("Enter")
        eventually(text_of(page, "#selected-title"), edge[1])


def test_keys_move_and_zoom(page):
    page.focus("#view")
    start = page.evaluate("({zoom: cy.zoom(), ...cy.pan()})")

    def moved(**change):
        wanted = pytest.approx({**start, **change})
        eventually(lambda: page.evaluate("({zoom: cy.zoom(), ...cy.pan()})") == wanted, expected=True)

    page.keyboard.press("ArrowDown")
    moved(y=start["y"] - 60)
    page.keyboard.press("ArrowLeft")
    moved(y=start["y"] - 60, x=start["x"] + 60)
    page.keyboard.press("0")
    moved()
    page.keyboard.press("+")
    eventually(lambda: page.evaluate("cy.zoom()") == pytest.approx(1.25 * start["zoom"]), expected=True)
    page.click("#zoom-out")
    eventually(lambda: page.evaluate("cy.zoom()") == pytest.approx(start["zoom"]), expected=True)
    page.focus("#search")
    page.keyboard.type("0+")
    eventually(lambda: page.input_value("#search"), "0+")


def test_names_stay_text(opened):
    graph = nx.DiGraph()
    for parent, child in pairwise(EVIL):
        graph.add_edge(parent, child, weight=0.5)
    graph = finish(graph)
    page = opened.show(draw_interactive(graph, *tables(graph), title=EVIL[1]))
    assert page.title() == EVIL[1]
    assert page.locator("h1").text_content() == EVIL[1]
    assert page.locator("#stage img, #stage script, aside img, aside script").count() == 0
    assert page.evaluate("GENES.map(g => g.name)") == EVIL
    for name in EVIL:
        page.evaluate(f"select({gene(name)}); showTooltip({gene(name)}, 20, 20)")
        assert page.evaluate("document.getElementById('selected-title').textContent") == name
        assert page.evaluate("document.querySelector('#tooltip h2').textContent") == name
        assert page.evaluate("cy.$('.chosen').length") == 1
        page.fill("#search", re.sub(r"[\n\u2028]", "", name)[:5])
        if "\n" not in name[:5]:
            eventually(lambda n=name: n in page.evaluate("matches.map(g => g.name)"), expected=True)
    root = ET.fromstring(page.evaluate("svgText('all')"))
    assert sorted(text.text for text in root.iter(f"{SVG}text") if text.get("class") == "gene") == sorted(EVIL)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg",
        "title",
        "g",
        "rect",
        "path",
        "polygon",
        "text",
    }


class TestExport:
    def saved(self, page, button):
        with page.expect_download() as download:
            page.click(button)
        return download.value.suggested_filename, download.value.path().read_bytes()

    def test_svg_holds_what_is_shown(self, page, network):
        edges = network[1]
        set_field(page, "#min-effect", 0.2)
        page.check("#hide-alone")
        name, data = self.saved(page, "#save-svg")
        assert name == "network.svg"
        root = ET.fromstring(data)
        left = edges[edges["coef"].abs() >= 0.2]
        paths = [path for path in root.iter(f"{SVG}path") if path.get("class") == "edge"]
        assert len(paths) == len(left)
        assert len(list(root.iter(f"{SVG}polygon"))) == len(left) + 2  # two in the key
        texts = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "gene"]
        assert sorted(texts) == sorted({*left["source"], *left["target"]})
        colors = [path.get("stroke") for path in paths]
        assert colors.count("#0072B2") == (left["coef"] > 0).sum()
        key = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "key"]
        assert {"positive effect", "negative effect"} <= set(key)
        x, y, w, h = map(float, root.get("viewBox").split())
        for text in root.iter(f"{SVG}text"):
            if text.get("class") == "gene":
                assert x < float(text.get("x")) < x + w
                assert y < float(text.get("y")) < y + h

    def test_svg_has_the_selection(self, page, network):
        name = max(network[0], key=network[0].degree)
        page.evaluate(f"select({gene(name)})")
        root = ET.fromstring(page.evaluate("svgText('all')"))
        groups = list(root.iter(f"{SVG}g"))
        faded = [g for g in groups if g.get("data-gene") and g.get("opacity")]
        assert len(faded) == len(network[0]) - 1 - len(set(nx.all_neighbors(network[0], name)))
        key = next(g for g in groups if g.get("id") == "key")
        assert not [part for part in key.iter() if part.get("opacity")]
        effects = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "effect"]
        assert len(effects) == network[0].degree[name]

    @pytest.mark.parametrize("part", ["all", "view"])
    def test_png_is_the_picture_of_the_svg(self, page, part):
        page.select_option("#export-part", part)
        name, data = self.saved(page, "#save-png")
        assert name == "network.png"
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        root = ET.fromstring(page.evaluate(f"svgText('{part}')"))
        size = [int(float(root.get(side))) for side in ("width", "height")]
        assert struct.unpack(">II", data[16:24]) == tuple(pytest.approx(2 * side, abs=2) for side in size)
        if part == "view":
            view = page.evaluate("cy.extent()")
            assert float(root.get("width")) == pytest.approx(view["w"], abs=0.01)
        image = imread(io.BytesIO(data))
        assert 0.002 < (image[..., :3].min(axis=2) < 0.9).mean() < 0.6
        blue = np.abs(image[..., :3] - np.array([0, 114, 178]) / 255).max(axis=2) < 0.05
        assert blue.sum() > 100


class TestEdgeCases:
    @pytest.mark.parametrize("n", [0, 1, 26])
    def test_empty_network(self, opened, n):
        graph = random_dag(n, 0, 1) if n > 1 else finish(nx.DiGraph([("A", "B")][:0]))
        if n == 1:
            graph.add_node("MYC", layer=0, order=0)
        edges = pd.DataFrame({"source": [], "target": [], "coef": [], "p": []})
        page = opened.show(draw_interactive(graph, edges, tables(random_dag(26, 30, 1))[1]))
        said = page.locator("#notes li").all_text_contents()
        assert said[0] == ("No edge was selected." if n else "The network has no genes.")
        eventually(lambda: unfaded_genes(page), set(graph))
        assert page.locator("#filters").is_hidden()
        assert ET.fromstring(page.evaluate("svgText('all')")) is not None

    def test_only_hubs_of_a_large_network(self, opened):
        graph = random_dag(120, 200, 2, 5)
        page = opened.show(draw_interactive(graph, *tables(graph), max_genes=20))
        note = page.locator("#notes li").first.text_content()
        drawn = unfaded_genes(page)
        assert len(drawn) == 20
        among = graph.subgraph(drawn).number_of_edges()
        assert note == f"20 of 120 genes shown, those with the most edges, with {among} of 200 edges."
        eventually(lambda: drawn_edges(page), set(graph.subgraph(drawn).edges))
        out = next(name for name in graph if name not in drawn and name.startswith("GENEGENE"))
        page.fill("#search", out)
        eventually(lambda: "in the network, but not among the 20 genes" in text_of(page, "#found")(), expected=True)
        name = next(iter(drawn))
        page.evaluate(f"select({gene(name)})")
        assert float(facts(page, "#selected")["n_children"][0]) == graph.out_degree[name]

    def test_cycles_of_other_methods(self, opened):
        graph = nx.DiGraph()
        graph.add_nodes_from((name, {"layer": 0, "order": i}) for i, name in enumerate("ABC"))
        graph.add_weighted_edges_from([("A", "B", 0.5), ("B", "A", -0.5), ("B", "C", 1.0), ("C", "A", 0.1)])
        page = opened.show(draw_interactive(graph, *tables(graph)))
        assert "2 edges drawn upwards" in page.locator("#notes li").first.text_content()
        eventually(lambda: drawn_edges(page), set(graph.edges))
        apart = page.evaluate(f"Math.abs({pair(('A', 'B'))}.route[0] - {pair(('B', 'A'))}.route.at(-2))")
        assert apart > 3

    def test_effect_without_an_estimate(self, opened):
        graph = finish(nx.DiGraph([("A", "B", {"weight": math.nan}), ("B", "C", {"weight": 0.5})]))
        edges, perturbations = tables(graph)
        page = opened.show(draw_interactive(graph, edges, perturbations))
        set_field(page, "#min-effect", 0.4)
        eventually(lambda: drawn_edges(page), set(graph.edges))
        assert "effect not known" in page.locator("#key").text_content()

    def test_large_network(self, opened):
        graph = random_dag(400, 2000, 1, 10)
        page = opened.show(draw_interactive(graph, *tables(graph)))
        page.wait_for_selector("html[data-ready=true]", timeout=60_000)
        eventually(lambda: drawn_edges(page), set(graph.edges))
        # From afar names of hubs stand in the drawing, none on another.
        page.wait_for_function("document.querySelectorAll('#names span:not([hidden])').length > 0")
        boxes = page.eval_on_selector_all(
            "#names span:not([hidden])",
            "all => all.map(e => { const b = e.getBoundingClientRect(); return [b.x, b.y, b.right, b.bottom] })",
        )
        assert 10 < len(boxes) <= 60
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        named = set(page.locator("#names span:not([hidden])").all_text_contents())
        assert max(graph, key=graph.degree) in named


def test_in_a_frame_as_notebooks_show_it(opened, network):
    from argen.pl._interactive.interactive import InteractivePage

    page = opened.show(f"<!DOCTYPE html><body>{InteractivePage(draw_interactive(*network))._repr_html_()}</body>")
    frame = page.frame_locator("iframe")
    frame.locator("html[data-ready=true]").wait_for()
    assert frame.locator("#count").text_content() == "30 genes, 45 edges"
    with page.expect_download() as download:
        frame.locator("#save-png").click()
    assert download.value.path().read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as download:
        frame.locator("#save-svg").click()
    assert ET.fromstring(download.value.path().read_bytes()) is not None
