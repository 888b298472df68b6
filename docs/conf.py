"""Sphinx configuration. The build needs no network."""

import importlib
import os
import re
import subprocess
import sys
from importlib.metadata import version as installed_version
from pathlib import Path

project = "argen"
author = "The argen developers"
copyright = author
version = release = installed_version("argen")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinxcontrib.bibtex",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints", "benchmarks/*"]
default_role = "literal"

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = False
napoleon_numpy_docstring = True
napoleon_use_rtype = False
napoleon_use_param = True

bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are committed with their outputs

html_theme = "sphinx_book_theme"
html_title = "argen"
html_static_path = ["_static"]
html_theme_options = {"show_navbar_depth": 2}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def write_help(app: object) -> None:
    """The help of the command line, as it is, for the page that includes it."""
    folder = Path(app.srcdir) / "generated"
    folder.mkdir(exist_ok=True)
    for command in ("demo", "run", "compile"):
        arguments = [sys.executable, "-m", "argen", command, "--help"]
        text = subprocess.check_output(arguments, text=True, env={**os.environ, "COLUMNS": "100"})
        (folder / f"help_{command}.txt").write_text(text, encoding="utf-8")


def plain_slot_names(app: object, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Slots in *Returns*, such as ```adata.varp[key]` : type``: the theme sets names in bold, so quotes would show."""
    lines[:] = [re.sub(r"^(`[^:]+`)( : :class:)", lambda m: m[1].replace("`", "") + m[2], line) for line in lines]


def check_api(app: object, error: Exception | None) -> None:
    """Stop if a public function did not make it into the reference: autodoc can fail without a warning."""
    documented = {entry[0] for entry in app.env.get_domain("py").get_objects()}
    modules = (
        importlib.import_module(f"argen.{name}")
        for name in ("pp", "tl", "get", "pl", "io", "datasets", "metrics", "errors")
    )
    missing = {f"{module.__name__}.{name}" for module in modules for name in module.__all__} - documented
    if error is None and missing:
        message = f"Not in the API reference: {sorted(missing)}"
        raise RuntimeError(message)


def setup(app: object) -> None:
    app.connect("builder-inited", write_help)
    app.connect("autodoc-process-docstring", plain_slot_names, priority=400)  # before napoleon
    app.connect("build-finished", check_api)
