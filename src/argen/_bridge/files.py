"""Files that users name: what can be written where, and writing without ever leaving half a file."""

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
    elif not path.parent.is_dir() and (made is None or path.parent.resolve() != made.resolve()):
        msg = f"path={str(path)!r}: the folder {str(path.parent)!r} is not there. Make it first."
    else:
        return path
    raise InputError(msg)


def check_folder(folder: str | Path) -> Path:
    """The path of a folder that is there, or can be made in one that is."""
    folder = _as_path(folder, "the name of a folder, such as 'result'", name="folder")
    if folder.exists() and not folder.is_dir():
        msg = f"folder={str(folder)!r} is a file. Give the name of a folder."
    elif not folder.is_dir() and not folder.parent.is_dir():
        msg = f"folder={str(folder)!r}: the folder {str(folder.parent)!r} is not there. Make it first."
    else:
        return folder
    raise InputError(msg)


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
