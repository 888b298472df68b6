"""Files with a table of guides, as spreadsheets and programs write them: text with any usual separator, or Excel."""

import csv
import gzip
import io
from pathlib import Path

import pandas as pd

from argen.errors import InputError

__all__ = ["is_table_file", "read_table_file"]

_TEXT = (".csv", ".tsv", ".tab", ".txt")
# What pandas needs for each.
_EXCEL = {".xlsx": "openpyxl", ".xlsm": "openpyxl", ".xls": "xlrd"}
_SEPARATORS = ",\t;|"


def is_table_file(name: str | Path) -> bool:
    """Whether a user who writes this means a file: by its ending, or because there is one."""
    return isinstance(name, Path) or _suffix(Path(name)) in (*_TEXT, *_EXCEL) or _is_there(Path(name))


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a regular expression may be too long for a name, or hold what no name may
        return False


def read_table_file(path: Path) -> pd.DataFrame:
    """Its columns as texts, empty where a cell is; of an Excel file the first sheet."""
    if not path.is_file():
        msg = f"{path}: there is no such file (guide_target)."
        raise InputError(msg)
    try:
        return _read_excel(path) if _suffix(path) in _EXCEL else _read_text(path)
    except InputError:
        raise
    except Exception as error:  # a damaged file makes its reader raise errors of any type
        msg = f"{path} cannot be read as a table of guides: {error}"
        raise InputError(msg) from error


def _read_excel(path: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(path, dtype=str, keep_default_na=False)
    except ImportError as error:
        package = _EXCEL[_suffix(path)]
        msg = (
            f"{path} needs the package {package}, which is not installed (pip install {package}); or save the table "
            "as CSV (guide_target)."
        )
        raise InputError(msg) from error


def _read_text(path: Path) -> pd.DataFrame:
    text = _decoded(path)
    header = next(iter(text.splitlines()), "")
    n_columns = {mark: len(next(csv.reader([header], delimiter=mark), [])) for mark in _SEPARATORS}
    separator = max(_SEPARATORS, key=n_columns.__getitem__)  # the ending of a name tells little about it
    return pd.read_csv(io.StringIO(text), sep=separator, dtype=str, keep_default_na=False)


def _decoded(path: Path) -> str:
    """The text: UTF-8 with or without a mark at its beginning, or what Excel calls Unicode text."""
    raw = path.read_bytes()
    if path.suffix.lower() == ".gz":
        raw = gzip.decompress(raw)
    return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
