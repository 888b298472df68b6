"""Files that a user names."""

from pathlib import Path

from argen.errors import InputError

__all__ = ["check_page_path"]


def check_page_path(path: str | Path, example: str = "report.html") -> Path:
    """The path, checked to be one that a page can be written to; messages advise a name like `example`."""
    try:
        path = Path(path)
    except TypeError as error:
        msg = f"path={path!r} is not a path. Give the name of a file, such as {example!r}."
        raise InputError(msg) from error
    if path.is_dir():
        msg = f"path={str(path)!r} is a folder. Give the name of a file in it, such as {str(path / example)!r}."
    elif path.suffix.lower() != ".html":
        msg = f"path={str(path)!r} does not end in .html, and a browser would not know it for a page. Add the ending."
    elif not path.parent.is_dir():
        msg = f"path={str(path)!r}: the folder {str(path.parent)!r} is not there. Make it first."
    else:
        return path
    raise InputError(msg)
