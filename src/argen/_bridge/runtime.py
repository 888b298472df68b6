"""Warnings, progress, number of threads and the message about the first compilation."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from numbers import Integral

from argen._bridge import log
from argen._bridge.kept import one_reading
from argen.errors import ArgenWarning, InputError

__all__ = ["Bar", "announce_compilation", "new_names", "one_call", "progress_bars", "resolve_n_jobs", "warn_user"]


def warn_user(message: str) -> None:
    """Raise an :class:`~argen.errors.ArgenWarning` that points at the line outside argen that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "argen":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, ArgenWarning, stacklevel=level)


# Names that the call of a user has warned about so far; None outside of one.
_warned: ContextVar[set[str] | None] = ContextVar("argen_warned", default=None)


@contextmanager
def one_call() -> Iterator[None]:
    """What a user calls, with all that it calls: :func:`new_names` are told once."""
    if _warned.get() is not None:
        yield
        return
    token = _warned.set(set())
    try:
        with one_reading():
            yield
    finally:
        _warned.reset(token)


def new_names(names: Iterable[str]) -> list[str]:
    """Those names that the call of the user has not been warned about, in their order; from now on it has."""
    known = _warned.get()
    if known is None:
        return list(names)
    new = [name for name in names if name not in known]
    known.update(new)
    return new


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Threads to use: all that were granted to this process unless a number is given."""
    available = _granted_threads()
    if n_jobs is None or n_jobs == -1:
        return available
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs < 1:
        msg = f"n_jobs={n_jobs!r}: give a positive number of threads, or None for all {available}."
        raise InputError(msg)
    return int(n_jobs)


# What a scheduler, and whoever starts Python, grant in words; a limit that is no positive number is none.
_THREADS_IN_ENVIRONMENT = ("SLURM_CPUS_PER_TASK", "PYTHON_CPU_COUNT")


def _granted_threads() -> int:
    """The least of the processors this process may run on, the quota of its container and the environment's word."""
    import joblib

    limits = [os.environ.get(name, "") for name in _THREADS_IN_ENVIRONMENT]
    return min([joblib.cpu_count(), *(int(limit) for limit in limits if limit.isdecimal() and int(limit) > 0)])


Bar = Callable[[str, int], Callable[[Iterable], Iterable]]


@contextmanager
def progress_bars() -> Iterator[Bar]:
    """Yield a maker of progress bars for what takes over a second: ``bar(description, total)`` wraps an iterable.

    They are on standard error, on a terminal or in a notebook only (a log file would hold each of their states), off
    below scanpy's info verbosity, and gone when the context ends, by an error too: no line is printed behind a bar.
    """
    from tqdm.auto import tqdm

    in_notebook = any(base.__module__ == "tqdm.notebook" for base in tqdm.__mro__)
    shown = log.is_shown() and (in_notebook or sys.stderr.isatty())
    with ExitStack() as open_bars:

        def bar(description: str, total: int) -> Callable[[Iterable], Iterable]:
            return lambda iterable: open_bars.enter_context(
                tqdm(iterable, desc=description, total=total, disable=not shown, delay=1, leave=False)
            )

        yield bar


def announce_compilation(family: str = "poisson", *, joint: bool = False) -> None:
    """Compile the kernels if need be, and say why the first call on a machine is slow."""
    from argen._core.compilation import is_compiled

    if is_compiled(family, joint=joint):
        return
    from argen._bridge.compilation import JOINT, cache_folder, compile_kernels, halves_of

    how_often = "once per machine (the result is cached)" if cache_folder() else "in every process (nothing is cached)"
    log.warning(f"compiling argen's kernels: about 30 seconds of processor time, shared by two processes; {how_often}")
    compile_kernels(halves_of([family], JOINT) if joint else halves_of([family]))
