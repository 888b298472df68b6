"""Where an AnnData holds counts if not in the matrix that was tried: what a message advises."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.count_values import holds_counts
from argen._bridge.validate import counted, name_some

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["counts_elsewhere", "matrix_name"]


def matrix_name(name: str, layer: str | None) -> str:
    """X or a layer, as it is written in code."""
    return f"{name}.X" if layer is None else f"{name}.layers[{layer!r}]"


def counts_elsewhere(
    adata: "AnnData",
    layer: str | None,
    columns: np.ndarray | None = None,
    *,
    name: str = "adata",
    argument: str = "layer",
    what: str = "raw UMI counts",
) -> str:
    """What to do about the matrix `layer` (None for X) that holds no counts: what else does, or that nothing does.

    Parameters
    ----------
    adata
        Some rows of its other matrices are looked at.
    layer
        What was tried.
    columns
        Columns of X and the layers that matter: a mask or positions, None for all.
    name
        What the object is called in code.
    argument
        Argument that names a layer.
    what
        What is needed.
    """
    found = list(_found(adata, layer, columns, name, argument))
    if found:
        return f"argen needs {what}: {'; or '.join(found)}."
    others = [matrix_name(name, other) for other in [None, *_layers(adata)] if other != layer]
    others += [f"{name}.raw"] if adata.raw is not None else []
    where = (
        f"{name_some(others)} {'hold' if len(others) > 1 else 'holds'} none either"
        if others
        else "the object holds none"
    )
    return f"argen needs {what}, and {where}: take them from where the data come from, before they were normalised."


def _layers(adata: "AnnData") -> list[str]:
    return [layer for layer in adata.layers if layer is not None]  # since anndata 0.13 X is the layer None


def _found(adata: "AnnData", tried: str | None, columns: np.ndarray | None, name: str, argument: str) -> Iterator[str]:
    """Matrices with counts, and how to have them used."""
    for layer in _layers(adata):
        if layer != tried and holds_counts(adata.layers[layer], columns):
            yield f"{matrix_name(name, layer)} holds counts, {argument}={layer!r} takes them"
    if tried is not None and holds_counts(adata.X, columns):
        yield f"{name}.X holds counts, which are taken without {argument}={tried!r}"
    if adata.raw is not None and holds_counts(adata.raw.X):
        yield _in_raw(adata, name, argument)


def _in_raw(adata: "AnnData", name: str, argument: str) -> str:
    names = adata.raw.var_names
    lost = adata.var_names[~adata.var_names.isin(names)]
    if len(lost) or not names.is_unique:
        why = f" but not of {counted(len(lost), 'feature')} (such as {lost[0]!r})" if len(lost) else ""
        return f"{name}.raw holds counts{why}, so take {name}.raw.to_adata()"
    layer = next(free for free in ("counts", "raw_counts", "umi_counts") if free not in adata.layers)
    return (
        f"{name}.raw holds counts, write {name}.layers[{layer!r}] = {name}.raw[:, {name}.var_names].X and give "
        f"{argument}={layer!r}"
    )
