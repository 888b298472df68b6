"""A folder of finished blocks, which a run that was stopped takes up again.

``checkpoint.json`` says what the folder was made from: data and options of every step that used it, versions. Every
other file holds the results of one block. Its name is a digest of all that they depend on, its first line the digest of
name and content; it appears at once and whole, or not at all.
"""

import errno
import hashlib
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from argen._bridge.cluster.encoding import decoded, digest_of, encoded
from argen._bridge.cluster.versions import difference, versions
from argen._core.parallel import BlockTask
from argen.errors import CheckpointError, InputError

__all__ = ["COUNTS", "Checkpoint", "Run"]

FORMAT = 1
RECORD = "checkpoint.json"
COUNTS = "counts"  # folder in it for counts that are laid out by genes
_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", None))  # Windows has no quota of this name


@dataclass(frozen=True, slots=True)
class Run:
    """What a step computes.

    Attributes
    ----------
    step
        Name of the function.
    data
        Id of cells, genes, counts and design.
    options
        Settings, and ids of the results that the step starts from.
    """

    step: str
    data: str
    options: Mapping[str, Any] = field(default_factory=dict)


class Checkpoint:
    """Finished blocks in a folder, opened for one step.

    Parameters
    ----------
    folder
        Made if it is not there.
    run
        The step, held against what the folder was made from.

    Attributes
    ----------
    n_read, n_computed
        Blocks that were found, and those that were added.

    Raises
    ------
    argen.errors.InputError
        The folder belongs to another run, or is none of argen's.
    argen.errors.CheckpointError
        It cannot be written.
    """

    def __init__(self, folder: Path, run: Run) -> None:
        self._folder, self._data, self._options = folder, _Digests(), _Digests()
        self.n_read = self.n_computed = 0
        _enter(folder, run)

    @property
    def folder(self) -> Path:
        """Where the blocks are."""
        return self._folder

    def name_of(self, task: BlockTask, items: Sequence[Any]) -> str:
        """File of a block: the same for the same function, data, options, items and versions."""
        function = task.function
        shared = [self._data.of(task.data), self._options.of(task.options)]
        digest = digest_of([FORMAT, versions(), function.__module__, function.__qualname__, shared, list(items)])
        return f"{function.__name__.strip('_')}-{digest[:32]}.block"

    def read(self, name: str) -> list | None:
        """Results of a block; None if it is not there."""
        path = self._folder / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        checksum, _, body = content.partition(b"\n")
        if checksum != _checksum(name, body):
            msg = (
                f"{path} is damaged: its checksum is not that of its content. Delete this file; its block is made anew."
            )
            raise InputError(msg)
        self.n_read += 1
        return decoded(body)

    def write(self, name: str, results: list) -> None:
        """Keep the results of a block."""
        body = encoded(results)
        _write(self._folder / name, _checksum(name, body) + b"\n" + body)
        self.n_computed += 1


class _Digests:
    """Digests of the two objects that were asked for last: that of a screen takes a look at all of its counts."""

    def __init__(self) -> None:
        self._known: list[tuple[Any, str]] = []

    def of(self, value: Any) -> str:
        """Digest of a value that nobody changes while it is known here."""
        known = next((pair for pair in self._known if pair[0] is value), None) or (value, digest_of(value))
        self._known = [known, *(pair for pair in self._known if pair[0] is not value)][:2]
        return known[1]


def _enter(folder: Path, run: Run) -> None:
    """Hold the step against the record of the folder, and add it."""
    made = {"format": FORMAT, "versions": versions(), "steps": {}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = any(path.name != COUNTS for path in folder.iterdir())
    except OSError as error:
        raise _unusable(folder, error) from error
    record = _read_record(folder) if there else made
    if found := difference({"format": FORMAT} | made["versions"], {"format": record["format"]} | record["versions"]):
        _refuse(folder, *found)
    mine = json.loads(json.dumps({"data": run.data, **run.options}, default=str))
    known = record["steps"].get(run.step, mine)
    for name in sorted({*mine, *known}):
        if mine.get(name) != known.get(name):
            _refuse(folder, name, mine.get(name), known.get(name), run.step)
    record["steps"][run.step] = mine
    _write(folder / RECORD, json.dumps(record, indent=2).encode())


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        _ = record["format"], record["versions"]["argen"], record["steps"].items()
    except FileNotFoundError as error:
        msg = f"checkpoint={str(folder)!r} holds files, but no {RECORD}: it is no checkpoint. Name another folder."
        raise InputError(msg) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        msg = f"{path} is damaged. Delete this file and the blocks beside it, or name another folder."
        raise InputError(msg) from error
    return record


def _refuse(folder: Path, name: str, mine: object, other: object, step: str | None = None) -> None:
    what = f"{step} with {name}" if step else name
    if name == "data":
        what = f"{step} with data (cells, genes, counts, perturbations, depth, covariates) of the digest"
    if name == "code":
        what = "a source of argen with the digest"
    msg = (
        f"checkpoint={str(folder)!r} was made by another run: {what} {other!r}, now it is {mine!r}. Name another "
        "folder, delete this one, or run as it was."
    )
    raise InputError(msg)


def _checksum(name: str, body: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + body).hexdigest().encode()


def _write(path: Path, content: bytes) -> None:
    """Write a file so that nobody ever sees a part of it, whatever ends this process or the machine."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _unusable(path.parent, error) from error


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":  # Windows opens no folders
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _unusable(folder: Path, error: OSError) -> CheckpointError:
    why = "the disk is full" if error.errno in _FULL else f"{error.strerror or error}"
    cure = "Make room" if error.errno in _FULL else "Name a folder that can be written"
    return CheckpointError(
        f"checkpoint={str(folder)!r} cannot be written: {why}. Finished blocks are kept. {cure}, and run again."
    )
