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


def test_n_jobs():
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert resolve_n_jobs(None) == resolve_n_jobs(-1) == available
    assert resolve_n_jobs(3) == 3
    assert type(resolve_n_jobs(np.int64(3))) is int
    for wrong in (0, -2, 1.0, "2", True):
        with pytest.raises(InputError, match="n_jobs"):
            resolve_n_jobs(wrong)


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
