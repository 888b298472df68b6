"""What every number depends on beside data and options: the code and the libraries that it is made with."""

import functools
import hashlib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from argen import __version__
from argen._core._kernel_cache import stamp

__all__ = ["difference", "versions"]

_LIBRARIES = ("numba", "numpy", "scipy")


@functools.cache
def versions() -> Mapping[str, str]:
    """Versions of argen, of its kernels and other arithmetic (a digest of the source), and of the libraries."""
    return {"argen": __version__, "code": _code()} | {name: version(name) for name in _LIBRARIES}


def difference(here: Mapping[str, str], there: Mapping[str, str]) -> tuple[str, str, str] | None:
    """The first thing that differs, with both versions; None if nothing does."""
    return next(
        ((name, value, there.get(name, "none")) for name, value in here.items() if there.get(name) != value), None
    )


def _code() -> str:
    # Between two releases the version stays; a kernel is what compiles, its callers sum up what it returns.
    digest, core = hashlib.sha256(stamp().encode()), Path(__file__).parents[2] / "_core"
    for file in sorted(core.rglob("*.py")):
        digest.update(file.relative_to(core).as_posix().encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:16]
