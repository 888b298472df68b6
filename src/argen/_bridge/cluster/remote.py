"""What a worker of a cluster does: one block of items, with one thread of BLAS."""

import pickle
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from threadpoolctl import threadpool_limits

from argen._bridge.cluster.versions import difference, versions
from argen._core.parallel import BlockTask
from argen.errors import InputError

__all__ = ["Parcel", "Rest", "check_versions", "own_versions", "run_block"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """A value on its way between processes.

    It travels as one string of bytes. Dask would send arrays beside each other without copying, so that they arrive at
    any address; numpy adds up what is not aligned in another order, and the last digits would differ. (Dask also looks
    into lists and tuples for what it would compute.)
    """

    value: Any

    def __reduce__(self) -> tuple:
        return _unpacked, (pickle.dumps(self.value, protocol=4),)  # 5 would not copy


def _unpacked(content: bytes) -> Parcel:
    return Parcel(pickle.loads(content))


@dataclass(frozen=True, slots=True)
class Rest:
    """All of a task but its data and options, which several tasks share; and the versions of the client."""

    function: Callable
    versions: Mapping[str, str]


def run_block(data: Parcel, options: Parcel, rest: Rest, items: Parcel) -> Parcel:
    """Results of the items, in their order."""
    # A worker may have joined after the others were asked.
    check_versions(rest.versions, versions(), "a worker")
    task = BlockTask(rest.function, data.value, options.value)
    with _one_thread():
        return Parcel([task(item) for item in items.value])


def own_versions() -> Mapping[str, str]:
    """What this worker has."""
    return versions()


def check_versions(here: Mapping[str, str], there: Mapping[str, str], who: str) -> None:
    """A worker computes with what the client has, or its numbers would not be the same.

    Raises
    ------
    InputError
        Naming what differs.
    """
    if found := difference(here, there):
        name, mine, other = found
        what = "another source of argen" if name == "code" else f"{name} {other}"
        msg = (
            f"{who} of the cluster has {what}, this process {name} {mine}: numbers could differ. Give both the same "
            "environment, or run on threads with client=False."
        )
        raise InputError(msg)


_lock = threading.Lock()
_running = 0
_limit: threadpool_limits | None = None


@contextmanager
def _one_thread() -> Iterator[None]:
    """:func:`single_threaded` for the threads of a worker, of which the last one to end gives back what there was.

    The limit of BLAS is that of the process: the first thread to leave would lift it for the others.
    """
    global _running, _limit
    with _lock:
        if _running == 0:
            _limit = threadpool_limits(limits=1, user_api="blas")
        _running += 1
    try:
        with threadpool_limits(limits=1, user_api="openmp"):  # that of the calling thread
            yield
    finally:
        with _lock:
            _running -= 1
            if _running == 0:
                _limit.restore_original_limits()
