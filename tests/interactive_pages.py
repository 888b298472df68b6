"""Interactive pages as files and in a browser: what tests read from them."""

import json
import time
from html.parser import HTMLParser

import pandas as pd
import pytest

EVIL = "</script><img src=x onerror=alert(1)>&\u2028\u2029'\""
SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.scripts, self.attributes, self._script = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag == "script":
            self._script = dict(attrs).get("type", "")
            self.scripts.append([self._script, ""])

    def handle_endtag(self, tag):
        self._script = None if tag == "script" else self._script

    def handle_data(self, data):
        if self._script is not None:
            self.scripts[-1][1] += data

    @property
    def data(self):
        return next(text for kind, text in self.scripts if kind)


def pair(edge):
    return f"[...EDGES].find(e => e.parent.name === {json.dumps(edge[0])} && e.child.name === {json.dumps(edge[1])})"


def gene(name):
    return f"GENES.find(g => g.name === {json.dumps(name)})"


def spot(page, name):
    """Where a gene is on the screen."""
    frame = page.locator("#view").bounding_box()
    at = page.evaluate(f"elementOf({gene(name)}).renderedPosition()")
    return frame["x"] + at["x"], frame["y"] + at["y"]


def drawn(page, expression):
    """What an expression with `:visible` says once Cytoscape has drawn: classes reach the style with its next frame."""
    frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    return page.evaluate(f"{frames}.then(() => {expression})")


def drawn_edges(page):
    """Edges that Cytoscape draws, by the names of their ends."""
    ids = drawn(page, "cy.edges(':visible').map(e => [nameOf(e).parent.name, nameOf(e).child.name])")
    return {tuple(edge) for edge in ids}


def unfaded_genes(page):
    return set(drawn(page, "cy.nodes('.gene:visible').not('.faded').map(n => nameOf(n).name)"))


def facts(page, where):
    """Field → (value with all digits, text)."""
    found = page.eval_on_selector_all(
        f"{where} [data-field]", "all => all.map(e => [e.dataset.field, e.dataset.value, e.textContent])"
    )
    return {name: (value, text) for name, value, text in found}


def check_number(found, value):
    exact, text = found
    if pd.isna(value):
        assert (exact, text) == ("", "–")
        return
    assert float(exact) == float(value)
    shown = float(text.replace("−", "-").replace("∞", "inf"))
    assert shown == pytest.approx(value, rel=6e-3)


def eventually(get, expected, seconds=10.0):
    """Mouse and keys reach the page when it has time for them."""
    end = time.monotonic() + seconds
    while get() != expected and time.monotonic() < end:
        time.sleep(0.02)
    assert get() == expected


def text_of(page, selector):
    return lambda: page.locator(selector).text_content()


def set_field(page, field, value):
    page.fill(field, repr(value))
    eventually(lambda: page.evaluate("[limits.p, limits.effect]")[field == "#min-effect"], value)
