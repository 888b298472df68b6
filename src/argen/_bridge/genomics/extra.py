"""The packages of the extra ``genomics``, which are imported where they are needed."""

from importlib import import_module
from types import ModuleType

__all__ = ["genomics_package"]


def genomics_package(name: str) -> ModuleType:
    """Return ``bioframe`` or ``cooler``; its absence says how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        error.add_note(f"{name} reads this kind of evidence. Please install it: pip install 'argen[genomics]'.")
        raise
