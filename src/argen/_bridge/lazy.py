"""AnnData whose tables are read lazily: argen works on one with the same counts whose tables are in memory."""

from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
from scipy import sparse

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["is_lazy", "tables_in_memory"]

_ARRAYS = ("varm", "varp", "obsm")


def is_lazy(adata: object) -> bool:
    """Whether this is an AnnData of ``anndata.experimental.read_lazy``."""
    from anndata import AnnData

    return isinstance(adata, AnnData) and not isinstance(adata.obs, pd.DataFrame)


@contextmanager
def tables_in_memory(adata: "AnnData") -> Iterator["AnnData"]:
    """The same object with obs, var and results in memory; what is written to it is written to `adata` at the end.

    X and layers stay where they are, and so do dense arrays of obsm: embeddings may be large.
    """
    from anndata import AnnData

    light = AnnData(
        X=adata.X,
        obs=adata.obs.to_memory(),
        var=adata.var.to_memory(),
        layers={name: matrix for name, matrix in adata.layers.items() if name is not None},
        uns={name: _in_memory(value) for name, value in adata.uns.items()},
        obsm={name: value if _is_dense_dask(value) else _in_memory(value) for name, value in adata.obsm.items()},
        varm={name: _in_memory(value) for name, value in adata.varm.items()},
        varp={name: _in_memory(value) for name, value in adata.varp.items()},
    )
    tables = {name: getattr(light, name).copy() for name in ("obs", "var")}
    arrays = {name: dict(getattr(light, name)) for name in ("uns", *_ARRAYS)}
    yield light
    for name, before in tables.items():
        _write_columns(before, getattr(light, name), getattr(adata, name))
    for name, before in arrays.items():
        _write_changed(before, getattr(light, name), getattr(adata, name))


def _is_dense_dask(value: object) -> bool:
    return hasattr(value, "dask") and not sparse.issparse(value._meta)


def _in_memory(value: Any) -> Any:
    """A value without anything that is read when it is asked for."""
    if hasattr(value, "to_memory"):
        return value.to_memory()
    if isinstance(value, Mapping):
        return {name: _in_memory(inner) for name, inner in value.items()}
    return value.compute() if hasattr(value, "dask") else value


def _write_columns(before: pd.DataFrame, now: pd.DataFrame, table: Any) -> None:
    for name in before.columns.difference(now.columns):
        del table[name]
    for name in now.columns:
        if name not in before or not now[name].equals(before[name]):
            table[name] = now[name]


def _write_changed(before: Mapping[str, Any], now: Mapping[str, Any], slot: MutableMapping[str, Any]) -> None:
    for name in before.keys() - now.keys():
        del slot[name]
    for name, value in now.items():
        if name not in before or value is not before[name]:
            slot[name] = value
