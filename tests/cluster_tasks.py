"""Tasks that workers of a cluster can import, some of which end them: every file named in the folder does so once."""

import os
import signal
from pathlib import Path

from threadpoolctl import threadpool_info

from argen._bridge.cluster.dask_map import find_client
from argen._core.descendants.tests import _dispersion_and_fits

FOLDER = "ARGEN_TEST_ENDS"  # in the environment of workers
MIDWAY = 9


def ends_a_worker(screen, gene, **options):
    """The fit of a gene, in a worker that kills itself first if nobody did so yet."""
    if gene >= MIDWAY and taken("one"):
        os.kill(os.getpid(), signal.SIGKILL)
    return _dispersion_and_fits(screen, gene, **options)


def ends_all_workers(screen, gene, **options):
    """The same, where all workers go, and with them every copy of the data."""
    if gene >= MIDWAY and (pids := taken("all")):
        for pid in sorted(map(int, pids.split()), key=lambda pid: pid == os.getpid()):
            os.kill(pid, signal.SIGKILL)
    return _dispersion_and_fits(screen, gene, **options)


def taken(name):
    """Text of a file that only the first one who asks gets."""
    path = Path(os.environ[FOLDER], name)
    mine = path.with_name(f"{name}-{os.getpid()}")
    try:
        path.rename(mine)
    except FileNotFoundError:
        return None
    return mine.read_text()


def always_ends(data, item):
    os.kill(os.getpid(), signal.SIGKILL)


def where(data, item):
    """Process, and the most threads that a library of it may use."""
    return os.getpid(), max((library["num_threads"] for library in threadpool_info()), default=1)


def aligned(data, item, *, options):
    """Whether arrays have arrived where numpy would have put them, and some that go back."""
    return all(array.flags.aligned for arrays in (data, item, options) for array in arrays), data


def squared(data, item, *, but=None):
    if item == but:
        msg = f"no {item}"
        raise LookupError(msg)
    return data * item**2


def finds_a_client():
    import distributed

    return distributed.get_client() is not None and find_client(None) is not None
