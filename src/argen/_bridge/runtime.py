"""Warnings, progress, number of threads and the message about the first compilation."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable
from numbers import Integral

from argen.errors import ArgenWarning, InputError

__all__ = ["announce_compilation", "progress", "resolve_n_jobs", "warn_user"]


def warn_user(message: str) -> None:
    """Raise an :class:`~argen.errors.ArgenWarning` that points at the line outside argen that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "argen":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, ArgenWarning, stacklevel=level)


def resolve_n_jobs(n_jobs: int | None) -> int:
    """Threads to use: all that this process may run on (what a scheduler grants) unless a number is given."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if n_jobs is None or n_jobs == -1:
        return available
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs < 1:
        msg = f"n_jobs={n_jobs!r}: give a positive number of threads, or None for all {available}."
        raise InputError(msg)
    return int(n_jobs)


def progress(description: str, total: int) -> Callable[[Iterable], Iterable]:
    """A progress bar on standard error for what takes over a second; off below scanpy's info verbosity."""
    from scanpy import settings
    from tqdm.auto import tqdm

    quiet = int(settings.verbosity) < 2
    return lambda iterable: tqdm(iterable, desc=description, total=total, disable=quiet, delay=1, leave=False)


def announce_compilation(*, negative_binomial: bool = False) -> None:
    """Compile the kernels if need be, and say why the first call on a machine is slow."""
    from scanpy import logging as logg

    from argen._core.compilation import is_compiled

    if is_compiled(negative_binomial=negative_binomial):
        return
    from argen._bridge.compilation import NEGATIVE_BINOMIAL, SEARCH, cache_folder, compile_kernels

    how_often = "once per machine (the result is cached)" if cache_folder() else "in every process (nothing is cached)"
    logg.warning(f"compiling argen's kernels: about 25 seconds of processor time, shared by two processes; {how_often}")
    compile_kernels(NEGATIVE_BINOMIAL if negative_binomial else SEARCH)
