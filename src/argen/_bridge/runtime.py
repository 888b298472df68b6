"""Warnings, progress, number of threads and the message about the first compilation."""

import os
import sys
import warnings
from collections.abc import Callable, Iterable
from numbers import Integral
from pathlib import Path
from typing import Any

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
    """Say why the first call on a machine is slow; the negative binomial has kernels of its own."""
    from scanpy import logging as logg

    from argen._core.glm._nb_pair_kernels import nb_pairs
    from argen._core.glm._pair_kernels import fit_pairs

    needed = [fit_pairs, nb_pairs] if negative_binomial else [fit_pairs]
    if not all(kernel.is_compiled() for kernel in needed):
        logg.warning("compiling argen's kernels: about half a minute, once per machine (the result is cached)")


def _is_compiled(kernel: Any) -> bool:
    module = kernel.py_func.__module__.rpartition(".")[2]
    return bool(kernel.signatures) or any(Path(kernel.stats.cache_path).glob(f"{module}.{kernel.__name__}-*.nbi"))
