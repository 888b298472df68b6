"""Causal gene networks from Perturb-seq counts.

argen turns the counts of a Perturb-seq screen into a directed acyclic gene network with a tested effect on
every edge, using perturbations as instruments and predicted expression as proxies (ARGEN, Park & Li 2026).

``ag.pp`` prepares (guide calling), ``ag.tl`` computes, ``ag.get`` turns results into tables and graphs,
``ag.pl`` draws, ``ag.io`` writes files for other programs, ``ag.datasets`` simulates screens with known truth,
``ag.metrics`` says how good a network is, and ``ag.report`` writes a page about a network with everything that it rests
on.
"""

import importlib
from typing import TYPE_CHECKING

from . import errors

if TYPE_CHECKING:
    from . import datasets, get, io, metrics, pl, pp, tl
    from ._report import report

__version__ = "0.1.0"
__all__ = ["__version__", "datasets", "errors", "get", "io", "metrics", "pl", "pp", "report", "tl"]

_LAZY_MODULES = frozenset({"datasets", "get", "io", "metrics", "pl", "pp", "tl"})
_LAZY_FUNCTIONS = {"report": "_report"}  # the module has another name: importing it would hide the function


def __getattr__(name: str) -> object:
    """Import a public module or function when it is first used, so that ``import argen`` stays quick."""
    if name in _LAZY_MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _LAZY_FUNCTIONS:
        return getattr(importlib.import_module(f"{__name__}.{_LAZY_FUNCTIONS[name]}"), name)
    msg = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(msg)


def __dir__() -> list[str]:
    return sorted(__all__)
