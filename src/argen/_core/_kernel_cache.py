"""Where compiled kernels are kept on disk, and when they are out of date."""

import functools
import hashlib
import importlib
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import Cache, CompileResultCacheImpl, IndexDataCacheFile, NullCache

from argen.errors import ArgenWarning

__all__ = ["KernelCache", "stamp"]

_SYMBOL = re.compile(r'@"?(argen\.\w+\.[0-9a-f]{24})"?')


@functools.cache
def stamp() -> str:
    """What every compiled kernel depends on: all files of kernels, and the versions of argen and numba.

    numba looks at the file of a function alone, and would use its old code after a change in one that it calls.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    package, own = Path(__file__).parents[1], Path(__file__)
    version = package / "__init__.py"
    for file in [version, own, own.with_name("_jit.py"), *sorted(package.rglob("*_kernels.py"))]:
        digest.update(file.relative_to(package).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


class _Index(IndexDataCacheFile):
    """numba's index of what is on disk."""

    def _load_index(self) -> dict:
        # numba reads the argument types before it compares stamps; those of a record that is gone cannot be read.
        try:
            return super()._load_index()
        except (AttributeError, ImportError, EOFError):
            return {}


class _ReadOnlyLocator:
    """Finds kernels that `argen compile` left where this user cannot write: numba asks for folders that can be."""

    @classmethod
    def from_function(cls, py_func: Callable, py_file: str) -> Any:
        """Numba's locator of such a folder, or None."""
        for kind in CompileResultCacheImpl._locator_classes[:2]:  # NUMBA_CACHE_DIR, beside the source
            if not numba.config.CACHE_DIR and "UserProvided" in kind.__name__:
                continue
            locator = kind(py_func, py_file)
            folder = Path(locator.get_cache_path())
            files = folder.glob(f"{Path(py_file).stem}.{py_func.__qualname__}-*.nbi")
            if not any(_Index(str(folder), file.stem, stamp())._load_index() for file in files):
                continue
            try:
                locator.ensure_cache_path()
            except OSError:
                return locator
        return None


class _Implementation(CompileResultCacheImpl):
    """Kernels on disk are kept with the stamp, their argument types and the kernels that they call by address."""

    symbols: Mapping[str, tuple[Any, tuple]]
    _locator_classes = (_ReadOnlyLocator, *CompileResultCacheImpl._locator_classes)

    def reduce(self, cres: Any) -> tuple:
        names = sorted(set(_SYMBOL.findall(cres.library.get_llvm_str())))
        called = [(k.__module__, k.__name__, args) for k, args in map(self.symbols.__getitem__, names)]
        return stamp(), cres.signature.args, called, super().reduce(cres)

    def rebuild(self, target_context: Any, payload: tuple) -> Any:
        """The kernel, or nothing where another process left what is older, or something else, under this name."""
        kept, _, called, code = payload
        if kept != stamp():
            return None
        for module, name, args in called:  # LLVM asks for their addresses as soon as the code is loaded
            getattr(importlib.import_module(module), name).symbol(args)
        return super().rebuild(target_context, code)


class KernelCache(Cache):
    """numba's cache of one function, with a stamp over all files of kernels."""

    _impl_class = _Implementation

    def __init__(self, py_func: Callable, symbols: Mapping[str, tuple[Any, tuple]], suffix: str) -> None:
        super().__init__(py_func)
        self._impl.symbols = symbols
        base = self._impl.filename_base + suffix
        self._cache_file = _Index(self.cache_path, base, stamp())

    @staticmethod
    def of(py_func: Callable, symbols: Mapping[str, tuple[Any, tuple]], suffix: str) -> "KernelCache | NoCache":
        """The cache of a function, or none where no folder can be written."""
        try:
            return KernelCache(py_func, symbols, suffix)
        except RuntimeError:  # numba's "no locator available"
            return NoCache()

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is on disk for these argument types."""
        found = super().load_overload(sig, target_context)
        # Two processes that save at the same time may give two versions of a kernel the same file.
        return found if found is not None and found.signature.args == tuple(getattr(sig, "args", sig)) else None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a kernel on disk; a folder that turns out not to be writable is no reason to stop."""
        try:
            super().save_overload(sig, data)
        except OSError:
            _warn_once()

    def holds_any(self) -> bool:
        """Whether something that is up to date is on disk."""
        return bool(self._cache_file._load_index())


class NoCache(NullCache):
    """Stands where nothing can be written; says so at the first compilation."""

    def load_overload(self, sig: Any, target_context: Any) -> None:
        """Nothing; warns once."""
        _warn_once()

    def holds_any(self) -> bool:
        """Never."""
        return False


@functools.cache
def _warn_once() -> None:
    message = (
        "no folder for compiled kernels can be written: they are compiled again in every process. "
        "Set the environment variable NUMBA_CACHE_DIR to a folder that can be written."
    )
    warnings.warn(message, ArgenWarning, stacklevel=2)
