"""Folders that a process works in for a while: whose they are, and the removal of those whose process was killed.

A folder says in a file which process made it. It is removed by the next process that makes one beside it, and only if
it is certain that the first is gone: it ran on this boot of this machine, among the processes that are seen from here,
and none of these has its number and its start. Where that cannot be told (no ``/proc``, another host, a file that is
not there yet) a folder stays.
"""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from argen._bridge import log

__all__ = ["OWNER", "own", "remove_leftovers"]

OWNER = "owner.json"
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_SPACES = [Path("/proc/self/ns/pid"), Path("/proc/self/ns/time")]  # in which processes have numbers, and starts
_ENDED = ("Z", "X")  # states of a process that was killed, and for which nobody has waited yet


def own(folder: Path) -> None:
    """Write into a folder that this process works in it."""
    owner = {"pid": os.getpid(), "started": _started(os.getpid()), "where": _where()}
    (folder / OWNER).write_text(json.dumps(owner))


def remove_leftovers(folders: Iterable[Path]) -> None:
    """Remove those of the folders whose process is gone."""
    for folder in folders:
        if _is_mine(folder) and _is_abandoned(folder / OWNER):
            log.info(f"    removing {folder}, which a process that was killed left behind")
            shutil.rmtree(folder, ignore_errors=True)


def _is_mine(folder: Path) -> bool:
    """Whether it is a folder of this user, and no link to another."""
    try:
        return hasattr(os, "getuid") and folder.lstat().st_uid == os.getuid() and not folder.is_symlink()
    except OSError:  # gone meanwhile
        return False


def _is_abandoned(owner: Path) -> bool:
    try:
        found = json.loads(owner.read_text())
        pid, started, where = int(found["pid"]), found["started"], found["where"]
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return False
    if started is None or where is None or where != _where():
        return False
    try:
        return _started(pid) != started
    except OSError:  # it is there, and may not be looked at
        return False


def _where() -> list[str] | None:
    """Host, boot and set of processes that a number of a process belongs to; None where that cannot be told."""
    try:
        spaces = [str(space.readlink()) for space in _SPACES if space.is_symlink()]
        return [os.uname().nodename, _BOOT.read_text().strip(), *spaces] if spaces else None
    except (OSError, AttributeError):
        return None


def _started(pid: int) -> str | None:
    """When a process was started, in ticks since the boot; None if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, *rest = text.rpartition(")")[2].split()  # the name, which may hold anything, is in brackets
    return None if state in _ENDED and _n_threads(pid) <= 1 else rest[18]


def _n_threads(pid: int) -> int:
    """Threads of a process: its first may end before the others, and then it is called ended, too."""
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return 0
