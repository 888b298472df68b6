"""A stand-in for PyTorch, which gCastle imports and its NOTEARS does not use: the test runs gCastle's own code."""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from contextlib import contextmanager


class _Meta(type):
    def __getattr__(cls, name):
        return Anything


class Anything(metaclass=_Meta):
    def __init__(self, *args, **kwargs): ...

    def __call__(self, *args, **kwargs):
        return Anything()

    def __getattr__(self, name):
        return Anything()


class _Module(types.ModuleType):
    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name.partition(".")[0] == "torch" else None

    def create_module(self, spec):
        return _Module(spec.name)

    def exec_module(self, module): ...


@contextmanager
def torch_or_stand_in():
    """The real package where it is installed."""
    if importlib.util.find_spec("torch") is not None:
        yield
        return
    finder = _Finder()
    sys.meta_path.append(finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.partition(".")[0] in ("torch", "castle")]:
            del sys.modules[name]
