"""Threads, warnings that point at the user, names in messages."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

from argen._bridge.runtime import resolve_n_jobs, warn_user
from argen._bridge.validate import check_key, counted, name_some
from argen.errors import ArgenWarning, InputError

LIMITS = ("SLURM_CPUS_PER_TASK", "PYTHON_CPU_COUNT")


@pytest.fixture
def eight_processors(monkeypatch):
    """What joblib makes of affinity and of the container's quota."""
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    for name in LIMITS:
        monkeypatch.delenv(name, raising=False)


def test_n_jobs(eight_processors):
    assert resolve_n_jobs(None) == resolve_n_jobs(-1) == 8
    assert resolve_n_jobs(3) == 3
    assert type(resolve_n_jobs(np.int64(3))) is int
    for wrong in (0, -2, 1.0, "2", True):
        with pytest.raises(InputError, match=r"n_jobs.*all 8"):
            resolve_n_jobs(wrong)


@pytest.mark.parametrize("name", LIMITS)
def test_the_least_that_is_granted(eight_processors, monkeypatch, name):
    for value, expected in {"3": 3, "12": 8, "0": 8, "": 8, "default": 8, "-1": 8}.items():
        monkeypatch.setenv(name, value)
        assert resolve_n_jobs(None) == expected
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    monkeypatch.setenv("PYTHON_CPU_COUNT", "2")
    assert resolve_n_jobs(None) == 2
    assert resolve_n_jobs(6) == 6  # what the user says, counts


def test_affinity():
    code = "import os; from argen._bridge.runtime import resolve_n_jobs; "
    code += "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); print(resolve_n_jobs(None))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "1\n"


SLOW_LOOP = """
import time
from scanpy import settings
from argen._bridge.runtime import progress_bars
settings.verbosity = {verbosity}
with progress_bars() as bar:
    for i in bar("counting", 20)(range(20)):
        time.sleep(0.15)
        if i == 12:
            raise RuntimeError("broke off")
"""


def run_slow_loop(verbosity, stderr):
    command = [sys.executable, "-c", SLOW_LOOP.format(verbosity=verbosity)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, check=False)


def test_no_bar_in_a_log_file(tmp_path):
    with (tmp_path / "log").open("wb") as log:
        run_slow_loop(3, log)
    text = (tmp_path / "log").read_text()
    assert "counting" not in text
    assert "\r" not in text
    assert "broke off" in text


@pytest.mark.parametrize("verbosity", [1, 3])
def test_a_bar_on_a_terminal_is_wiped_before_the_next_line(verbosity):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    run_slow_loop(verbosity, theirs)
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65536):
            text += chunk
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(ours)
    bars, _, rest = text.decode().partition("Traceback")
    assert "broke off" in rest
    if verbosity == 1:
        assert bars == ""
    else:
        assert "counting" in bars
        assert bars.endswith("\r")
        assert bars.split("\r")[-2].strip() == ""


def test_warning_names_this_file():
    with pytest.warns(ArgenWarning, match="something") as record:
        warn_user("something")
    assert record[0].filename == __file__


def test_warning_without_a_caller():
    """At the top of a script there is no frame outside argen beside the script's own."""
    code = "from argen._bridge.runtime import warn_user; warn_user('something')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr.startswith("<string>:1: ArgenWarning: something")


def test_warnings_are_filtered_as_usual():
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("ignore", ArgenWarning)
        warn_user("something")
    assert record == []


def test_names_in_messages():
    assert name_some("abc") == "a, b, c"
    assert name_some(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert name_some([], 3) == ""
    assert (counted(0, "cell"), counted(1, "cell"), counted(2, "cell")) == ("0 cells", "1 cell", "2 cells")


@pytest.mark.parametrize("key", ["", "a/b", None, 3])
def test_keys(key):
    with pytest.raises(InputError, match="key_added"):
        check_key("key_added", key)
