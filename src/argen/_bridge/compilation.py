"""Compilation of the kernels in two processes at once, where there are two processors and a folder to share."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import argen
from argen._bridge.runtime import resolve_n_jobs
from argen._core.compilation import compile_parts
from argen._core.glm._fit_kernels import fit_means

__all__ = ["EVERYTHING", "NEGATIVE_BINOMIAL", "SEARCH", "cache_folder", "compile_kernels"]

# What one process does, and what the other does meanwhile.
Halves = tuple[tuple[str, ...], tuple[str, ...]]
SEARCH: Halves = (("reduced forms",), ("pairs",))
NEGATIVE_BINOMIAL: Halves = (("reduced forms", "negative binomial"), ("pairs", "negative binomial pairs"))
EVERYTHING: Halves = (
    ("reduced forms", "negative binomial", "diagnostics"),
    ("pairs", "negative binomial pairs", "guides"),
)


def cache_folder() -> Path | None:
    """Where compiled kernels are kept (those of :mod:`argen._core.glm`); None if they are not."""
    return fit_means.cache_path


def compile_kernels(halves: Halves) -> Path | None:
    """Compile what is not on disk yet; returns the folder, None if none can be written."""
    mine, others = halves
    folder = cache_folder()
    helper = _start(others) if folder and resolve_n_jobs(None) > 1 else None
    try:
        compile_parts(mine)
    finally:
        if helper is not None:
            helper.wait()
    compile_parts(others)  # from disk, if all went well
    return folder


def _start(parts: Sequence[str]) -> subprocess.Popen | None:
    """Another Python that compiles `parts`; None where none can be started."""
    if not sys.executable:
        return None
    command = f"from argen._core.compilation import compile_parts; compile_parts({list(parts)!r})"
    path = os.pathsep.join([str(Path(argen.__file__).parents[1]), *filter(None, sys.path)])
    try:
        return subprocess.Popen(
            [sys.executable, "-c", command],
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
