"""The packages of the extra ``genomics``, which are imported where they are needed; files, compressed or not."""

import gzip
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TextIO

__all__ = ["genomics_package", "opened"]


def genomics_package(name: str) -> ModuleType:
    """Return ``bioframe`` or ``cooler``; its absence says how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        error.add_note(f"{name} reads this kind of evidence. Please install it: pip install 'argen[genomics]'.")
        raise


def opened(path: Path) -> TextIO:
    """A file of text to read, compressed or not."""
    return gzip.open(path, "rt") if path.suffix in (".gz", ".bgz") else path.open("rt")
