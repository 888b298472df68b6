"""Compiled kernels on disk: when they are used, when they are not, and when there is no place for them."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import argen
from argen._core._jit import Kernel

PACKAGE = Path(argen.__file__).parent
KERNEL_FILES = sorted(PACKAGE.rglob("*_kernels.py"))

# The square of one cell's components; how many kernels were compiled, and the warnings.
EXPAND = """
import json, sys, warnings
import numpy as np
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from argen._core.glm._segment_kernels import expand_square
    from argen._core.screen import Design
    whole, numbers = np.zeros(1, dtype=np.int64), np.ones(1)
    design = Design(numbers, np.ones((1, 1)), whole, whole, whole, whole, np.empty((1, 0)), whole == 0, numbers, 1)
    square = np.empty((2, 2))
    expand_square(design, np.array([[1.0, 2.0, 4.0]]), square)
misses = sum(sum(d.stats.cache_misses.values()) for d in (expand_square.dispatcher, expand_square.inner))
print(json.dumps([square.tolist(), misses, [str(w.message) for w in caught if w.category.__name__ == "ArgenWarning"]]))
"""


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "argen", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "argen"


READ_ONLY = """
import tempfile
def refuse(*_, **__):
    raise PermissionError
tempfile.TemporaryFile = refuse  # what numba tries; root may write anywhere
"""


def expand(package, before="", **environment):
    unset = {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"}
    inherited = {name: value for name, value in os.environ.items() if name not in unset}
    path = {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", before + EXPAND],
        capture_output=True,
        text=True,
        env=inherited | path | environment,
        check=True,
    )
    return json.loads(found.stdout)


def test_a_change_in_a_kernel_reaches_those_that_call_it(copied, tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    assert expand(copied, **cache) == [[[1, 2], [2, 4]], 1, []]
    called = copied / "_core" / "glm" / "_linear_kernels.py"
    text = called.read_text()
    assert "square[b, a] = square[a, b]" in text
    called.write_text(text.replace("square[b, a] = square[a, b]", "square[b, a] = 4 * square[a, b]"))
    assert expand(copied, **cache) == [[[1, 8], [2, 4]], 1, []]


def test_nothing_is_compiled_again_when_nothing_changed(copied, tmp_path):
    cache = tmp_path / "cache"
    first = expand(copied, NUMBA_CACHE_DIR=str(cache))
    before = {file: file.stat().st_mtime_ns for file in cache.rglob("*")}
    for file in copied.rglob("*.py"):  # as an installation of the same version does
        file.touch()
    assert expand(copied, NUMBA_CACHE_DIR=str(cache)) == [first[0], 0, []]
    assert {file: file.stat().st_mtime_ns for file in cache.rglob("*")} == before


def test_another_version_does_not_use_what_is_there(copied, tmp_path):
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    expand(copied, **cache)
    start = copied / "__init__.py"
    start.write_text(start.read_text().replace(f'__version__ = "{argen.__version__}"', '__version__ = "9.9.9"'))
    assert expand(copied, **cache)[1] == 1


def test_without_a_folder_it_compiles_and_says_so_once(copied):
    # A file where the folder has to be: this also stops root, who may write anywhere.
    for folder in {file.parent for file in copied.rglob("*_kernels.py")}:
        (folder / "__pycache__").write_text("")
    square, _, warned = expand(copied, HOME=os.devnull)
    assert square == [[1, 2], [2, 4]]
    assert len(warned) == 1
    assert "NUMBA_CACHE_DIR" in warned[0]


def test_kernels_of_a_folder_that_can_only_be_read_are_used(copied, tmp_path):
    cache = tmp_path / "cache"
    first = expand(copied, NUMBA_CACHE_DIR=str(cache))
    before = sorted(cache.rglob("*"))
    assert expand(copied, READ_ONLY, NUMBA_CACHE_DIR=str(cache)) == [first[0], 0, []]
    called = copied / "_core" / "glm" / "_linear_kernels.py"
    called.write_text(called.read_text() + "# newer\n")
    square, _, warned = expand(copied, READ_ONLY, NUMBA_CACHE_DIR=str(cache))
    assert (square, len(warned)) == (first[0], 1)
    assert sorted(cache.rglob("*")) == before


def imported(file):
    nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    return {node.module for node in nodes if node.module and node.module.startswith("argen")}


@pytest.mark.parametrize("file", KERNEL_FILES, ids=lambda file: file.stem)
def test_kernels_depend_on_files_of_kernels_alone(file):
    """The stamp of the compiled code is over these files."""
    assert all(module.endswith(("_kernels", "._jit")) for module in imported(file))


def test_kernels_are_in_files_of_kernels_alone():
    users = {file for file in PACKAGE.rglob("*.py") if "argen._core._jit" in imported(file)}
    assert users == set(KERNEL_FILES)
    assert not [file for file in PACKAGE.rglob("*.py") if "njit(" in file.read_text() and file.name != "_jit.py"]


def test_arguments_of_a_kernel_are_as_in_python():
    @Kernel
    def twice(x):
        """Twice x."""
        return 2 * x

    assert twice.__name__ == "twice"
    assert twice.__doc__ == "Twice x."
    assert twice(2) == twice.py_func(2) == 4
