"""Files with a table of guides, as spreadsheets and programs write them: text with any usual separator, or Excel."""

from pathlib import Path

import pandas as pd

from argen._bridge.text_tables import bare_suffix, read_text_table
from argen.errors import InputError

__all__ = ["is_table_file", "read_table_file"]

_TEXT = (".csv", ".tsv", ".tab", ".txt")
# What pandas needs for each.
_EXCEL = {".xlsx": "openpyxl", ".xlsm": "openpyxl", ".xls": "xlrd"}


def is_table_file(name: str | Path) -> bool:
    """Whether a user who writes this means a file: by its ending, or because there is one."""
    return isinstance(name, Path) or bare_suffix(Path(name)) in (*_TEXT, *_EXCEL) or _is_there(Path(name))


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
        return _read_excel(path) if bare_suffix(path) in _EXCEL else read_text_table(path)
    except InputError:
        raise
    except Exception as error:  # a damaged file makes its reader raise errors of any type
        msg = f"{path} cannot be read as a table of guides: {error}"
        raise InputError(msg) from error


def _read_excel(path: Path) -> pd.DataFrame:
    try:
        return pd.read_excel(path, dtype=str, keep_default_na=False)
    except ImportError as error:
        package = _EXCEL[bare_suffix(path)]
        msg = (
            f"{path} needs the package {package}, which is not installed (pip install {package}); or save the table "
            "as CSV (guide_target)."
        )
        raise InputError(msg) from error
