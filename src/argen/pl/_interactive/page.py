"""One HTML file from its pieces: template, styles, scripts, Cytoscape.js and the content."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

__all__ = ["CYTOSCAPE_VERSION", "make_page"]

CYTOSCAPE_VERSION = "3.34.4"
# In this order: each may use what stands before it.
_SCRIPTS = (
    "data.js", "numbers.js", "geometry.js", "drawing.js", "names.js", "details.js", "selection.js", "filters.js",
    "search.js", "export.js", "key.js", "main.js",
)  # fmt: skip
# Of pages with responders only: what they add takes the place of functions of the others, before "main.js" starts.
_RESPONDER_SCRIPTS = ("leaves.js", "folding.js", "responders.js")


def make_page(title: str, content: Mapping[str, Any]) -> str:
    """The whole page. Whatever comes from the data is escaped here: as text in HTML, or in JSON."""
    folded = "responder" in content["genes"]["columns"]
    names = (*_SCRIPTS[:-1], *_RESPONDER_SCRIPTS, _SCRIPTS[-1]) if folded else _SCRIPTS
    scripts = [_resource("cytoscape.min.js"), *(_resource(f"scripts/{name}") for name in names)]
    parts = {
        "policy": _policy(scripts),
        "title": escape(title),
        "style": _resource("page.css") + (_resource("responders.css") if folded else ""),
        "version": CYTOSCAPE_VERSION,
        "licence": escape(_resource("cytoscape.LICENSE.txt")),
        "data": _json(content),
        "scripts": "\n".join(f"<script>{script}</script>" for script in scripts),
    }
    # All at once: what was put in is never read as a place to put something.
    return re.sub(r"\{\{(\w+)\}\}", lambda found: parts[found[1]], _resource("page.html"))


def _resource(name: str) -> str:
    return files("argen.pl._interactive").joinpath(name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    """No network at all, and no script but these: text from the data that got loose could not run."""
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    allowed = " ".join(f"'sha256-{code}'" for code in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _json(content: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element; what is not ASCII, U+2028 too, is escaped."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
