"""The log: scanpy's where it is loaded, the same lines without it, a command's own verbosity above both."""

import subprocess
import sys

import pytest

LINES = """
import sys
from argen._bridge import log
start = log.info("    computing")
log.info("    finished", time=start, deep="72 pairs")
log.warning("odd")
"""


def stderr_of(before, lines=LINES):
    code = f"{before}\n{lines}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr


def test_without_scanpy_warnings_alone():
    assert stderr_of("") == "WARNING: odd\n"


@pytest.mark.parametrize("verbosity", [0, 1, 2, 3])
def test_with_scanpy_what_its_verbosity_asks_for(verbosity):
    scanpy = f"import sys, scanpy; scanpy.settings.verbosity = {verbosity}; scanpy.settings.logfile = sys.stderr"
    expected = {
        0: "",
        1: "WARNING: odd\n",
        2: "    computing\n    finished (0:00:00)\nWARNING: odd\n",
        3: "    computing\n    finished: 72 pairs (0:00:00)\nWARNING: odd\n",
    }
    assert stderr_of(scanpy) == expected[verbosity]
    forced = f"from argen._bridge.log import shown\nwith shown({verbosity}):" + LINES.replace("\n", "\n    ")
    for before in ("", "import scanpy"):  # a command says the same, with and without scanpy
        assert stderr_of(before, forced) == expected[verbosity]


def test_the_demo_loads_neither_scanpy_nor_scipy_stats(tmp_path):
    code = (
        "import sys; from argen.cli import main; main(['demo', '--quiet']); "
        "print(sorted({'scanpy', 'scipy.stats', 'statsmodels', 'sklearn'} & set(sys.modules)), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stderr == "[]\n"
