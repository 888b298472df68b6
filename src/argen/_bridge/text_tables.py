"""Tables in text files, as spreadsheets and programs write them."""

import csv
import gzip
import io
from pathlib import Path

import pandas as pd

__all__ = ["bare_suffix", "read_text_table"]

_SEPARATORS = ",\t;|"


def bare_suffix(path: Path) -> str:
    """The ending in lower case, that before ``.gz`` for a compressed file."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def read_text_table(path: Path) -> pd.DataFrame:
    """Columns as texts, empty where a cell is; any usual separator."""
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
