"""Compilation of the kernels in two processes at once, where there are two processors and a folder to share."""

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import argen
from argen._bridge.runtime import resolve_n_jobs
from argen._core.compilation import compile_parts
from argen._core.glm._fit_kernels import fit_means
from argen._core.glm.families import FAMILIES

__all__ = ["EVERYTHING", "JOINT", "cache_folder", "compile_kernels", "halves_of"]

# What one process does, and what the other does meanwhile.
Halves = tuple[tuple[str, ...], tuple[str, ...]]


def halves_of(families: Iterable[str], rest: Halves = ((), ())) -> Halves:
    """What a search with these families needs, and the `rest`."""
    parts = [(("reduced forms",), ("pairs",)), *(FAMILIES[name].parts for name in families), rest]
    return tuple(sum(halves, ()) for halves in zip(*parts, strict=True))


JOINT: Halves = (("joint",), ())
EVERYTHING = halves_of(FAMILIES, (("diagnostics",), ("guides", "joint")))


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
