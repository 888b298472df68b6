"""How every kernel is compiled: once, on its own, and called by address.

numba puts the machine code of every function that a kernel calls into that kernel too, and so on up the tree of calls:
most of the time of the first call went into code that had been compiled before. A :class:`Kernel` is an external
function for the kernels that call it. Where a call would cost as much as the work, :func:`inlined` does as numba does.
"""

import functools
import hashlib
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from numba import njit
from numba.core import cgutils, imputils, types
from numba.core.typing import Signature
from numba.extending import lower_builtin, type_callable

from argen._core._kernel_cache import KernelCache, stamp

__all__ = ["Kernel", "inlined", "kernel", "kernels", "lean_inlined", "lean_kernel", "reassociated"]

# The kernel and the argument types behind each symbol of this process.
_symbols: dict[str, tuple["Kernel", tuple]] = {}
_kernels: list["Kernel"] = []
_lock = threading.RLock()


def inlined(py_func: Callable) -> Any:
    """Compile a function into every kernel that calls it: for a few lines without much of a loop."""
    return _dispatcher(py_func)


def lean_inlined(py_func: Callable) -> Any:
    """As :func:`inlined`, for what makes no array, see :func:`lean_kernel`."""
    return _dispatcher(py_func, _nrt=False)


def reassociated(py_func: Callable) -> Any:
    """As :func:`lean_inlined`, for sums in any order of their terms: several run at once in vector registers."""
    return _dispatcher(py_func, fastmath={"reassoc", "nsz", "contract"}, _nrt=False)


def _dispatcher(py_func: Callable, **options: Any) -> Any:
    # Without the GIL, for threads over genes; division by zero as in numpy, without a branch for it.
    dispatcher = njit(nogil=True, error_model="numpy", **options)(py_func)
    dispatcher._cache = KernelCache.of(py_func, _symbols, "-inner" if "no_cpython_wrapper" in options else "")
    return dispatcher


class Kernel:
    """A compiled function that Python and other kernels call; positional arguments only.

    `options` are numba's, beside those that all kernels have.
    """

    def __init__(self, py_func: Callable, **options: Any) -> None:
        functools.update_wrapper(self, py_func)
        self.py_func = py_func
        self.dispatcher = _dispatcher(py_func, **options)
        # For calls from kernels: without the code that unpacks Python's objects, a good part of a small kernel's.
        self.inner = _dispatcher(py_func, **options, no_cpython_wrapper=True, no_cfunc_wrapper=True)

        def typer(*args: types.Type) -> Signature:
            return self._signature(*args)

        typer.pysig = inspect.signature(py_func)
        type_callable(self)(lambda _context: typer)
        lower_builtin(self, types.VarArg(types.Any))(self._call)
        _kernels.append(self)

    def __call__(self, *args: Any) -> Any:
        return self.dispatcher(*args)

    @property
    def cache_path(self) -> Path | None:
        """Folder of the compiled code; None if it is not kept."""
        folder = self.dispatcher._cache.cache_path
        return None if folder is None else Path(folder)

    def is_compiled(self) -> bool:
        """Whether a version of this kernel is in memory or on disk."""
        return bool(self.dispatcher.signatures) or self.dispatcher._cache.holds_any()

    def symbol(self, args: tuple) -> str:
        """Compile for these argument types, or load what was, and return the name under which LLVM finds the code."""
        args = tuple(types.unliteral(a) for a in args)
        name = f"argen.{self.__name__}.{_digest(self.__module__, self.__qualname__, args)}"
        with _lock:
            if name not in _symbols:
                self.inner.compile(args)
                compiled = self.inner.overloads[args]
                address = compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)
                llvm.add_symbol(name, address)
                _symbols[name] = self, args
        return name

    def _signature(self, *args: types.Type) -> Signature:
        args = tuple(types.unliteral(a) for a in args)
        self.symbol(args)
        return self.inner.overloads[args].signature

    def _call(self, context: Any, builder: Any, sig: Signature, args: list) -> Any:
        """A call as numba makes it, but of an external function."""
        function_type = context.call_conv.get_function_type(sig.return_type, sig.args)
        function = cgutils.get_or_insert_function(builder.module, function_type, self.symbol(sig.args))
        status, value = context.call_conv.call_function(builder, function, sig.return_type, sig.args, args)
        with cgutils.if_unlikely(builder, status.is_error):
            context.call_conv.return_status_propagate(builder, status)
        return imputils.fix_returning_optional(context, builder, sig, status, value)


kernel = Kernel


def lean_kernel(py_func: Callable) -> Kernel:
    """A kernel that makes no array (numba refuses to compile one that does), for what is called per pair or more often.

    numba counts the references to every array that a kernel is handed, those in a named tuple one by one, with atomic
    operations on counters that all threads share. Whoever calls holds the arrays anyway; without new ones there is
    nothing to be counted.
    """
    return Kernel(py_func, _nrt=False)


def kernels() -> tuple[Kernel, ...]:
    """All kernels of the modules that were imported."""
    return tuple(_kernels)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(repr((stamp(), *map(str, parts))).encode()).hexdigest()[:24]
