"""Slots of networks that were found by another method than argen's search: edges, nodes, matrix of direct effects."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.results.entries import Entry, new_entry, write_entry
from argen._bridge.results.slots import on_genes
from argen._core.graphs.layers import layers_with_cycles
from argen._core.screen import Screen

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["edge_table", "other_network_entry", "write_other_network"]


def edge_table(
    screen: Screen,
    coef: np.ndarray,
    selected: np.ndarray,
    flags: np.ndarray,
    **columns: np.ndarray,
) -> pd.DataFrame:
    """Table of ordered pairs from [source, target] matrices, weakest first among pairs without a test statistic.

    All pairs of distinct genes; `flags` holds texts, `columns` further matrices. Standard errors and p-values are
    missing: the method has none.
    """
    at = np.nonzero(~np.eye(len(coef), dtype=bool))
    strength = np.abs(np.nan_to_num(coef[at]))
    order = np.argsort(strength, kind="stable")  # :func:`argen.get.edges` turns ties round: strongest first
    at = (at[0][order], at[1][order])
    nothing = np.full(len(order), np.nan)
    table = {
        "source": pd.Categorical.from_codes(at[0], list(screen.genes)),
        "target": pd.Categorical.from_codes(at[1], list(screen.genes)),
        "coef": coef[at],
        "se": nothing,
        "z": nothing.copy(),
        "p": nothing.copy(),
        **{name: values[at] for name, values in columns.items()},
        "selected": selected[at],
        "flags": pd.Categorical(flags[at]),
    }
    return pd.DataFrame(table)


def other_network_entry(
    key: str,
    settings: Mapping[str, Any],
    genes: Sequence[str],
    made_from: Mapping[str, str],
    edges: pd.DataFrame,
    **tables: pd.DataFrame | np.ndarray,
) -> Entry:
    """A network that another method found, as it will be stored; its nodes are ordered by layer, then as in `genes`.

    Parameters
    ----------
    genes
        All genes of the network, the categories of both ends in `edges`.
    made_from
        Ids of the data and of the descendant step; empty for what was made elsewhere.
    """
    source, target, _ = _selected(edges)
    shape = (len(genes), len(genes))
    layers = layers_with_cycles(sparse.csr_array((np.ones(len(source), dtype=bool), (source, target)), shape=shape))
    order = np.argsort(layers, kind="stable")
    nodes = pd.DataFrame({"gene": [genes[i] for i in order], "layer": layers[order]})
    tables = {"edges": edges, "nodes": nodes, "order": nodes["gene"].to_numpy(dtype=object), **tables}
    return new_entry(key, "network", settings, tables, made_from)


def write_other_network(adata: "AnnData", entry: Entry, genes: Sequence[str]) -> None:
    """Write ``uns[key]`` and ``varp[key]``, of a network without any coefficient as truth values."""
    source, target, coef = _selected(entry.tables["edges"])
    values = np.ones(len(coef), dtype=bool) if len(coef) and np.isnan(coef).all() else coef
    adata.varp[entry.key] = on_genes(adata, genes, source, target, values)
    write_entry(adata, entry)


def _selected(edges: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    chosen = edges[edges["selected"]]
    return *(chosen[end].cat.codes.to_numpy() for end in ("source", "target")), chosen["coef"].to_numpy()
