"""The package as a whole: imports, layers, the contract of public functions, their documentation."""

import ast
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import argen as ag
import argen.baselines

SOURCE = Path(ag.__file__).parent
ROOT_FUNCTIONS = {"report"}
PUBLIC_MODULES = sorted(set(ag.__all__) - {"__version__", "errors"} - ROOT_FUNCTIONS)
FUNCTIONS = {
    f"{module}.{name}": getattr(getattr(ag, module), name)
    for module in PUBLIC_MODULES
    for name in getattr(ag, module).__all__
} | {name: getattr(ag, name) for name in ROOT_FUNCTIONS}
BASELINES = set(argen.baselines.__all__)
# What each layer may import of argen, itself included; "argen" is the root (version, errors).
LAYERS = {
    "errors": set(),
    "_core": {"argen", "errors"},
    "_bridge": {"argen", "errors", "_core"},
    "pp": {"errors", "_core", "_bridge"},
    "tl": {"errors", "_core", "_bridge", "baselines"},
    "get": {"errors", "_core", "_bridge"},
    "datasets": {"argen", "errors", "_core", "_bridge"},
    "pl": {"argen", "errors", "_bridge", "get"},
    "io": {"argen", "errors", "_bridge", "get", "pl"},
    "metrics": {"errors", "_core", "_bridge", "tl", "get"},
    "baselines": {"errors", "_core", "_bridge", "tl", "get"},
    "_report": {"argen", "errors", "_bridge", "get", "pl"},
    "cli": {"argen", "errors", "_bridge", "_report", "pp", "tl", "get", "pl", "io", "metrics", "datasets", "baselines"},
}
NOT_IN_CORE = {"anndata", "mudata", "scanpy", "pandas", "networkx", "matplotlib", "seaborn", "logging", "tqdm", "h5py"}
HEAVY = {
    "anndata", "mudata", "scanpy", "pandas", "numpy", "scipy", "numba", "matplotlib", "glum", "tabmat", "formulaic",
    "networkx", "sklearn", "statsmodels", "dask", "online_fdr", "textalloc", "tqdm", "pyarrow",
}  # fmt: skip


def imports_of(path):
    """Absolute names of the modules that a file imports anywhere, type checking excepted."""
    tree = ast.parse(path.read_text())
    package = ["argen", *path.relative_to(SOURCE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            is_root = module == "argen"
            yield from (f"argen.{alias.name}" for alias in node.names) if is_root else [module]


def layer_of(path):
    return path.relative_to(SOURCE).with_suffix("").parts[0]


FILES = sorted(path for path in SOURCE.rglob("*.py"))


def test_bare_import_is_light():
    code = f"import sys, argen; print(sorted(set(sys.modules) & {HEAVY!r}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_import_has_no_side_effects():
    code = (
        "import logging, warnings; before = (list(warnings.filters), list(logging.root.handlers))\n"
        "import argen\n"
        "assert before == (list(warnings.filters), list(logging.root.handlers))"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def forbidden_imports(path):
    """What a file imports although its layer must not."""
    layer = layer_of(path)
    for name in imports_of(path) if layer not in {"__init__", "__main__"} else ():
        parts = name.split(".")
        if parts[0] == "argen":
            imported = parts[1] if len(parts) > 1 else "argen"
            imported = "argen" if imported == "__version__" else imported
            if imported not in LAYERS[layer] | {layer}:
                yield f"{path.relative_to(SOURCE)} imports {name}"
        elif layer == "_core" and parts[0] in NOT_IN_CORE:
            yield f"{path.relative_to(SOURCE)}: the core imports {name}"


def test_layers():
    assert len(FILES) > 100
    assert [wrong for path in FILES for wrong in forbidden_imports(path)] == []


def test_every_layer_is_known():
    assert {layer_of(path) for path in FILES} - {"__init__", "__main__"} <= set(LAYERS)


def test_root_imports_only_errors():
    assert set(imports_of(SOURCE / "__init__.py")) == {"importlib", "typing", "argen.errors"}


def test_no_assertion_stands_in_for_an_error():
    nodes = ((path.relative_to(SOURCE), node) for path in FILES for node in ast.walk(ast.parse(path.read_text())))
    assert [f"{path}:{node.lineno}" for path, node in nodes if isinstance(node, ast.Assert)] == []


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_all_is_complete(module):
    """Public names are those that were imported into the module, and functions that its files define."""
    namespace = getattr(ag, module)
    assert namespace.__all__ == sorted(namespace.__all__)
    imported = {name for name, value in vars(namespace).items() if inspect.isfunction(value)}
    assert imported == set(namespace.__all__)
    for name in namespace.__all__:
        home = "baselines" if name in BASELINES else module
        assert getattr(namespace, name).__module__.startswith(f"argen.{home}.")


def test_root_names():
    assert ag.__all__ == sorted(ag.__all__, key=lambda name: (not name.startswith("_"), name))
    assert {"__version__", "errors", "datasets", "get", "io", "pl", "pp", "tl"} <= set(ag.__all__)
    assert set(PUBLIC_MODULES) == ag._LAZY_MODULES
    assert set(ag._LAZY_FUNCTIONS) == ROOT_FUNCTIONS
    for name in ROOT_FUNCTIONS:  # its module was imported by now and must not have taken its place
        assert inspect.isfunction(getattr(ag, name))
    assert set(dir(ag)) == set(ag.__all__)
    for name in ag.__all__:
        assert getattr(ag, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = ag.nope


def test_errors():
    for name in ag.errors.__all__:
        error = getattr(ag.errors, name)
        base = ag.errors.ArgenWarning if name.endswith("Warning") else ag.errors.ArgenError
        assert issubclass(error, base)
        assert error.__doc__
    assert str(ag.errors.MissingResultError("a 'quoted' text")) == "a 'quoted' text"


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signature(name):
    """As scanpy has it: data first, at most three positional arguments, `copy` by name and off."""
    parameters = inspect.signature(FUNCTIONS[name]).parameters
    positional = [p.name for p in parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 3
    if name.startswith(("pp.", "tl.", "get.", "pl.")):
        more = ["perturbations"] if name == "tl.argen_predict" else []  # without them there is nothing to ask
        assert positional == ["data" if name.startswith("pp.") else "adata", *more]
    if name.startswith("io."):
        assert len(positional) == 2
        assert positional[0] in ("adata", "table")
    assert not [p for p in parameters.values() if p.kind in (p.VAR_POSITIONAL, p.POSITIONAL_ONLY)]
    for flag in ("copy", "key_added"):
        if flag in parameters:
            assert parameters[flag].kind is inspect.Parameter.KEYWORD_ONLY
    if name.startswith(("pp.", "tl.")):
        assert parameters["copy"].default is False
        assert parameters["key_added"].default == FUNCTIONS[name].__name__
    assert all(p.annotation is not p.empty for p in parameters.values())


def sections_of(function):
    """Text of each numpydoc section by heading."""
    parts = re.split(r"^(\w[\w ]*)\n-+$", inspect.getdoc(function), flags=re.M)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_documentation(name):
    function = FUNCTIONS[name]
    sections = sections_of(function)
    assert sections[""].strip()
    headings = re.findall(r"^(?! )(.+)$", sections.get("Parameters", ""), flags=re.M)
    documented = [part.strip().lstrip("*").removeprefix("\\*\\*") for line in headings for part in line.split(",")]
    assert sorted(documented) == sorted(inspect.signature(function).parameters)
    assert sections["Returns"].strip()
    assert ">>>" in sections["Examples"]
    if name.startswith(("pp.", "tl.", "get.", "io.")) or name in ROOT_FUNCTIONS:
        errors = re.findall(r"^argen\.errors\.(\w+)$", sections["Raises"], flags=re.M)
        assert errors
        assert set(errors) <= set(ag.errors.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_examples(name):
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    function = FUNCTIONS[name]
    tests = doctest.DocTestFinder(recurse=False).find(function, name, globs={})
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    output = []
    for test in tests:
        runner.run(test, out=output.append)
    plt.close("all")
    assert runner.tries > 0
    assert runner.failures == 0, "".join(output)


# What Python shows by default is an error: everything but deprecations that concern the code of somebody else.
STRICT = ["-W", "error", "-W", "ignore::DeprecationWarning", "-W", "ignore::PendingDeprecationWarning"]
ANALYSIS = """
import warnings
warnings.filterwarnings("error", category=DeprecationWarning, module=r"(argen|__main__)\\b")

import matplotlib
matplotlib.use("agg")
import argen as ag

mdata = ag.datasets.simulate("paper_fig2", n_cells=3000, guide_counts=True)
mdata = ag.pp.argen_guides(mdata, copy=True)
mdata = ag.pp.argen_qc(mdata, min_cells=30, subset=True, copy=True)
adata = mdata["rna"]
ag.tl.argen_descendants(adata, covariates=["L"], depth="depth")
ag.tl.argen_dag(adata)
ag.tl.argen_sensitivity(adata)
for table in (ag.get.edges, ag.get.pairs, ag.get.perturbations, ag.get.graph, ag.get.guides):
    table(adata)
for plot in (ag.pl.argen_network, ag.pl.argen_heatmap, ag.pl.argen_volcano, ag.pl.argen_guides, ag.pl.argen_degree):
    plot(adata, show=False)
ag.io.write_tables(adata, "tables")
ag.io.write_cyjs(adata, "network.cyjs")
ag.report(adata, "report.html")
adata.write_h5ad("result.h5ad")
"""


@pytest.mark.parametrize("arguments", [["-c", ANALYSIS], ["-m", "argen", "demo", "--quiet"]], ids=["analysis", "demo"])
def test_no_warning_that_a_user_would_see(arguments, tmp_path):
    run = subprocess.run(
        [sys.executable, *STRICT, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "Warning" not in run.stderr


def test_scipy_stats_is_not_imported_with_a_module():
    """It takes a second of every start."""
    for path in FILES:
        top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {f"{getattr(node, 'module', '')}.{alias.name}".lstrip(".") for node in top for alias in node.names}
        assert not [name for name in names if name.startswith("scipy.stats")], path
