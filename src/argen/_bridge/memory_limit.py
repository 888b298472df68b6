"""How much memory may be used, and where counts that do not fit into it are laid out."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from math import isfinite
from numbers import Real
from pathlib import Path
from threading import Lock

from argen._bridge.leftovers import own, remove_leftovers
from argen.errors import InputError

__all__ = ["FOLDER_VARIABLE", "Reading", "read_limit", "reading", "reading_with"]

FOLDER_VARIABLE = "ARGEN_COUNTS_DIR"
LEAST = 256 * 10**6
_SCRATCH = "argen-counts-"
_making = Lock()
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
# Files in which Linux tells what a container may use, of its second and its first version.
_OLD = Path("/sys/fs/cgroup/memory")
_GRANTS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True, slots=True)
class Reading:
    """How counts on disk are laid out.

    Attributes
    ----------
    limit
        Memory in bytes.
    folder
        Where files are kept, None for a folder that is removed when Python ends.
    """

    limit: int
    folder: Path | None = None


_reading: ContextVar[Reading | None] = ContextVar("argen_reading", default=None)


def read_limit(memory_limit: str | float | None) -> int:
    """Bytes of a limit such as ``"4GB"``; None is half of what this process was granted."""
    if memory_limit is None:
        return _granted() // 2
    size = _bytes(memory_limit)
    if size is None or size < LEAST:
        msg = f"memory_limit={memory_limit!r}: give a size such as '4GB' or a number of bytes, of 256 MB at least."
        raise InputError(msg)
    return size


def reading() -> Reading:
    """What the call of the user said, or the usual."""
    return _reading.get() or Reading(read_limit(None), _usual_folder())


@contextmanager
def reading_with(memory_limit: str | float | None, folder: str | os.PathLike | None = None) -> Iterator[None]:
    """Lay counts out within a limit of memory, in a folder."""
    place = _usual_folder() if folder is None else Path(folder)
    token = _reading.set(Reading(read_limit(memory_limit), place))
    try:
        yield
    finally:
        _reading.reset(token)


def _bytes(size: str | float) -> int | None:
    if isinstance(size, Real) and not isinstance(size, bool):
        return int(size) if isfinite(size) else None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", size) if isinstance(size, str) else None
    unit = _UNITS.get(found[2].upper()) if found else None
    return None if unit is None else int(float(found[1]) * unit)


def _granted() -> int:
    """Memory of the machine, or of its container."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")] if hasattr(os, "sysconf") else [8 * 2**30]
    for file in [*map(Path, _GRANTS), *_of_job()]:
        if file.is_file() and (text := file.read_text().strip()).isdecimal():
            limits.append(int(text))
    return min(limits)


def _of_job() -> Iterator[Path]:
    """Files with the limits of the group of processes that this one is in, and of those round it: jobs of a cluster."""
    groups = Path("/proc/self/cgroup")
    lines = groups.read_text().splitlines() if groups.is_file() else []
    for _, kinds, name in (line.split(":", 2) for line in lines):
        root, file = (Path("/sys/fs/cgroup"), "memory.max") if not kinds else (_OLD, "memory.limit_in_bytes")
        if not kinds or "memory" in kinds.split(","):
            inner = root / name.lstrip("/")
            yield from (place / file for place in (inner, *inner.parents) if place.is_relative_to(root))


def _usual_folder() -> Path | None:
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else None


def scratch_folder() -> tempfile.TemporaryDirectory:
    """The one of this process, whichever thread asks first: one that nobody kept would go while it is in use."""
    with _making:
        return _make_scratch_folder()


@cache
def _make_scratch_folder() -> tempfile.TemporaryDirectory:
    """A folder that goes when Python ends, or when the next one is made after this process was killed."""
    remove_leftovers(Path(tempfile.gettempdir()).glob(f"{_SCRATCH}*"))
    folder = tempfile.TemporaryDirectory(prefix=_SCRATCH, ignore_cleanup_errors=True)
    with suppress(OSError):  # a full disk is told of when counts are laid out; a folder that says no owner stays
        own(Path(folder.name))
    return folder
