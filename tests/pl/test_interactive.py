"""The interactive page as a file: self-contained, safe, the same every time; where genes stand; bad input."""

import hashlib
import json
import math
import os
import re
import subprocess
import sys
from base64 import b64encode
from importlib.resources import files
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
from interactive_pages import EVIL, Page
from network_tables import finish, random_dag, tables
from toy import KWARGS, assert_same

import argen as ag
from argen.errors import InputError, MissingResultError
from argen.pl._interactive import draw_interactive
from argen.pl._interactive.page import CYTOSCAPE_VERSION
from argen.pl._interactive.places import NODE_HEIGHT, place_network


@pytest.fixture(scope="module")
def network():
    graph = random_dag(30, 45, 3, 3)
    return graph, *tables(graph)


def test_nothing_is_loaded_from_elsewhere(network):
    page = Page(draw_interactive(*network))
    for tag, name, value in page.attributes:
        assert name not in ("src", "srcset", "action", "style"), (tag, name)
        assert not name.startswith("on")
        assert name != "href" or value == "data:,"
    policy = next(value for _, name, value in page.attributes if name == "content" and "default-src" in value)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    for text in (text for kind, text in page.scripts if not kind):
        assert b64encode(hashlib.sha256(text.encode()).digest()).decode() in policy
    assert "unsafe-inline" not in policy.split("style-src")[0]


def test_cytoscape_is_there_with_its_version_and_licence(network):
    library = files("argen.pl._interactive").joinpath("cytoscape.min.js").read_text(encoding="utf-8")
    licence = files("argen.pl._interactive").joinpath("cytoscape.LICENSE.txt").read_text(encoding="utf-8")
    text = draw_interactive(*network)
    assert library in text
    assert re.findall(r'\.version="([\d.]+)"', library) == [CYTOSCAPE_VERSION]
    assert f"Cytoscape.js {CYTOSCAPE_VERSION} (MIT licence)" in text
    assert "Permission is hereby granted" in licence
    assert licence in text


def test_scripts_never_read_text_as_html():
    for script in files("argen.pl._interactive").joinpath("scripts").iterdir():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(", script.read_text()
        )


def test_json_holds_every_name_and_no_markup():
    graph = finish(nx.DiGraph([(EVIL, "B", {"weight": 0.5}), ("B", "C", {"weight": math.nan})]))
    edges, perturbations = tables(graph)
    page = Page(draw_interactive(graph, edges.assign(ci_high_robust=np.inf), perturbations))
    assert not set(page.data) & set("<>&\u2028\u2029")
    assert page.data.isascii()

    def refuse(name):
        raise AssertionError(name)

    content = json.loads(page.data, parse_constant=refuse)
    assert content["genes"]["rows"][0][0] == EVIL
    assert "inf" in content["edges"]["rows"][0]
    assert "cyjs" not in page.data


def test_numbers_keep_all_their_digits(network):
    graph, edges, perturbations = network
    content = json.loads(Page(draw_interactive(graph, edges, perturbations)).data)
    columns, rows = content["edges"]["columns"], content["edges"]["rows"]
    names = [row[0] for row in content["genes"]["rows"]]
    by_ends = edges.set_index(["source", "target"])
    for row in rows:
        record = dict(zip(columns, row, strict=True))
        stored = by_ends.loc[(names[record["source"]], names[record["target"]])]
        for name in ("coef", "se", "p", "F", "p_robust"):
            assert record[name] == stored[name]


class TestSame:
    def test_whatever_the_order_of_the_input(self, network):
        graph, edges, perturbations = network
        other = nx.DiGraph()
        other.add_nodes_from(reversed(list(graph.nodes(data=True))))
        other.add_edges_from(reversed(list(graph.edges(data=True))))
        assert draw_interactive(*network) == draw_interactive(other, edges[::-1], perturbations[::-1])

    @pytest.mark.parametrize("size", ["30, 45", "90, 400"])
    def test_whatever_the_hash_seed(self, size):
        code = (
            "from network_tables import random_dag, tables; from argen.pl._interactive import draw_interactive;"
            f"import hashlib; g = random_dag({size}, 3, 3);"
            "print(hashlib.sha256(draw_interactive(g, *tables(g), max_genes=25).encode()).hexdigest())"
        )
        tests = str(Path(__file__).parents[1])
        printed = {
            subprocess.run(
                [sys.executable, "-c", code],
                env=os.environ
                | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([tests, os.environ.get("PYTHONPATH", "")])},
                capture_output=True,
                check=True,
                text=True,
            ).stdout
            for seed in ("1", "2")
        }
        assert len(printed) == 1

    def test_data_stay_as_they_are(self, done):
        before = done.copy()
        ag.pl.argen_interactive(done)
        assert_same(done, before)


class TestPlaces:
    @pytest.mark.parametrize(("n", "n_edges"), [(8, 12), (45, 80), (60, 300), (400, 2000)])
    def test_boxes_do_not_overlap_and_edges_run_down(self, n, n_edges):
        graph = random_dag(n, n_edges, 1, 3)
        places = place_network(graph)
        boxes = [(*places.centers[gene], places.widths[gene]) for gene in graph]
        for i, (x, y, w) in enumerate(boxes):
            for x2, y2, w2 in boxes[:i]:
                assert abs(y - y2) >= NODE_HEIGHT or abs(x - x2) >= (w + w2) / 2
        half = NODE_HEIGHT / 2
        for (u, v), route in places.routes.items():
            assert (np.diff(route[:, 1]) >= -1e-9).all()
            for gene, point, border in ((u, route[0], half), (v, route[-1], -half)):
                x, y = places.centers[gene]
                assert abs(point[0] - x) <= places.widths[gene] / 2
                assert abs(point[1] - y - border) < 4
        assert places.routes.keys() == set(graph.edges)

    def test_isolated_genes_stand_below(self):
        for graph in (random_dag(45, 20, 1), random_dag(300, 900, 1, 40)):
            places = place_network(graph)
            linked = [places.centers[gene][1] for gene in graph if graph.degree[gene]]
            assert places.isolated
            assert min(places.centers[gene][1] for gene in places.isolated) > places.heading[1] > max(linked)


class TestPublicFunction:
    def test_writes_a_file(self, done, tmp_path):
        path = ag.pl.argen_interactive(done, path=str(tmp_path / "a.html"), title="<My> screen")
        assert path == tmp_path / "a.html"
        text = path.read_text(encoding="utf-8")
        assert "<title>&lt;My&gt; screen</title>" in text
        assert "\r" not in path.read_bytes().decode()
        assert text == ag.pl.argen_interactive(done, title="<My> screen").html

    def test_notebook_shows_a_sandboxed_frame(self, done):
        shown = ag.pl.argen_interactive(done)
        frame = Page(shown._repr_html_())
        attributes = {name: value for tag, name, value in frame.attributes if tag == "iframe"}
        assert attributes["srcdoc"] == shown.html
        assert attributes["sandbox"] == "allow-scripts allow-downloads"
        assert "MB" in repr(shown)

    def test_numbers_are_those_of_the_tables(self, done):
        content = json.loads(Page(ag.pl.argen_interactive(done).html).data)
        rows = [dict(zip(content["genes"]["columns"], row, strict=True)) for row in content["genes"]["rows"]]
        perturbations = ag.get.perturbations(done).set_index("perturbation")
        for row in rows:
            assert row["effect"] == perturbations.loc[row["name"], "effect"]
            assert row["n_cells"] == perturbations.loc[row["name"], "n_cells"]
        assert len(content["edges"]["rows"]) == len(ag.get.edges(done))

    def test_without_the_descendant_step(self, done):
        adata = done.copy()
        del adata.uns["argen_descendants"]
        content = json.loads(Page(ag.pl.argen_interactive(adata).html).data)
        assert "effect" not in content["genes"]["columns"]
        assert "Knock-downs are not shown" in content["notes"][0]

    def test_baselines(self, done):
        adata = done.copy()
        ag.tl.inspre(adata, **{name: value for name, value in KWARGS.items() if name != "covariates"})
        content = json.loads(Page(ag.pl.argen_interactive(adata, key="inspre").html).data)
        assert len(content["edges"]["rows"]) == len(ag.get.edges(adata, key="inspre"))

    def test_errors(self, done, tmp_path):
        with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
            ag.pl.argen_interactive(done, key="nope")
        with pytest.raises(InputError, match=r"does not end in \.html"):
            ag.pl.argen_interactive(done, path=tmp_path / "a.htm")
        with pytest.raises(InputError, match=r"is a folder.*network\.html"):
            ag.pl.argen_interactive(done, path=tmp_path)
        with pytest.raises(InputError, match=r"path is empty\. Give the name of a file"):
            ag.pl.argen_interactive(done, path="")
        with pytest.raises(InputError, match="title=3 is not a text"):
            ag.pl.argen_interactive(done, title=3)
        with pytest.raises(InputError, match="is not there"):
            ag.pl.argen_interactive(done, path=tmp_path / "no" / "a.html")
        for wrong in (0, 1.5, "9", True):
            with pytest.raises(InputError, match="max_genes="):
                ag.pl.argen_interactive(done, max_genes=wrong)
