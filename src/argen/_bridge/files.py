"""Files that users name: what can be written where, and writing without ever leaving half a file."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from argen.errors import InputError

__all__ = ["check_folder", "check_path", "replaced"]


def check_path(path: str | Path, suffixes: Sequence[str], example: str, *, made: Path | None = None) -> Path:
    """The path, checked to be one that a file with one of `suffixes` (``".html"``) can be written to.

    `example` is the name of a file, for the messages; `made` is a folder that will be there by then.
    """
    path = _as_path(path, f"the name of a file, such as {example!r}")
    endings = " or ".join(suffixes)
    if path.is_dir():
        msg = f"path={str(path)!r} is a folder. Give the name of a file in it, such as {str(path / example)!r}."
    elif path.suffix.lower() not in suffixes:
        msg = f"path={str(path)!r} does not end in {endings}, by which programs know the format. Add the ending."
    elif made is not None and path.parent.resolve() == made.resolve():
        return path
    elif why := _no_folder(path.parent):
        msg = f"path={str(path)!r}: {why}"
    else:
        return path
    raise InputError(msg)


def check_folder(folder: str | Path, name: str = "folder", *, parents: bool = False) -> Path:
    """The path of a folder that is there, or can be made in one that is; with `parents` these may be made, too.

    Nothing is made yet, so that nothing is left behind by what fails before there is anything to write. `name` is the
    argument's, for the messages.
    """
    folder = _as_path(folder, "the name of a folder, such as 'result'", name=name)
    if folder.exists() and not folder.is_dir():
        msg = f"{name}={str(folder)!r} is a file. Give the name of a folder."
        raise InputError(msg)
    there = folder if folder.exists() else folder.parent
    while parents and not there.exists() and there != there.parent:
        there = there.parent
    if why := _no_folder(there):
        msg = f"{name}={str(folder)!r}: {why}"
        raise InputError(msg)
    return folder


def _no_folder(folder: Path) -> str:
    """Why nothing can be written into a folder, and what helps; empty if something can."""
    if not folder.exists():
        return f"the folder {str(folder)!r} is not there. Make it first."
    if not folder.is_dir():
        return f"{str(folder)!r} is a file, in which nothing can be written. Name a folder."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"nothing may be written into the folder {str(folder)!r}. Name another, or change its permissions."
    return ""


def _as_path(path: str | Path, what: str, name: str = "path") -> Path:
    if path == "":  # which pathlib takes for the folder one is in
        msg = f"{name} is empty. Give {what}."
        raise InputError(msg)
    try:
        return Path(path)
    except TypeError as error:
        msg = f"{name}={path!r} is not a path. Give {what}."
        raise InputError(msg) from error


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A new file beside `path` that takes its place if nothing goes wrong; otherwise `path` stays what it was."""
    path = path.resolve()  # a link stays one, and the file that it leads to is replaced
    temporary = path.with_name(f".{uuid4().hex}{path.suffix}")
    try:
        yield temporary
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
