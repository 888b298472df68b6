"""Where the data of an AnnData are: counts may be on disk, the tables of obs and var are to be in memory."""

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from argen._bridge.row_sources import is_on_disk
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["check_in_memory", "check_is_read", "check_matrix", "check_readable", "check_takes_results"]

_KINDS = {"dask": "a dask array", "h5py": "a matrix on disk", "zarr": "a matrix on disk", "anndata": "a matrix on disk"}


def check_is_read(adata: "AnnData", name: str = "adata") -> None:
    """Raise :class:`~argen.errors.InputError` for an AnnData of ``anndata.experimental.read_lazy``."""
    from pandas import DataFrame  # anndata has imported it

    if not isinstance(adata.obs, DataFrame):
        raise InputError(_message(name, "is read lazily", name))


def check_takes_results(adata: "AnnData", *, copy: bool = False, name: str = "adata") -> None:
    """Raise :class:`~argen.errors.InputError` if results cannot be written to it, or to a copy of it.

    A view of a file, and a copy of what is on disk, need a file of their own.
    """
    check_is_read(adata, name)
    if adata.isbacked and (adata.is_view or copy):
        what = "is a view of a file" if adata.is_view else "is on disk, which copy=True cannot copy"
        raise InputError(_message(name, what, name))


def check_readable(adata: "AnnData", layer: str | None) -> None:
    """Raise :class:`~argen.errors.InputError` if counts are where they cannot be read; none at all do not matter."""
    matrix = adata.layers.get(layer) if layer is not None else adata.X
    if matrix is not None:
        check_matrix(matrix, "adata.X" if layer is None else f"adata.layers[{layer!r}]")


def check_matrix(matrix: object, where: str, whole: str = "adata") -> None:
    """Raise :class:`~argen.errors.InputError` unless a matrix is in memory, in an open file, or a dask array."""
    if not is_on_disk(matrix):
        check_in_memory(matrix, where, whole)


def check_in_memory(matrix: object, where: str, whole: str = "adata") -> None:
    """Raise :class:`~argen.errors.InputError` unless a matrix is in memory; `whole` is the object that has it."""
    if isinstance(matrix, np.ndarray) or sparse.issparse(matrix):
        return
    kinds = (_KINDS.get(kind.__module__.partition(".")[0]) for kind in type(matrix).__mro__)
    name = type(matrix).__name__
    kind = next(filter(None, kinds), None)
    raise InputError(_message(where, f"is {kind} ({name})" if kind else f"is a {name}", whole))


def _message(where: str, what: str, whole: str) -> str:
    return f"{where} {what}; argen needs it in memory: call {whole}.to_memory() first."
