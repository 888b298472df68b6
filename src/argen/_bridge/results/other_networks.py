"""Slots of networks that were found by another method than argen's search: edges, nodes, matrix of direct effects."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge.results import slots
from argen._bridge.results.provenance import provenance
from argen._core.graphs.layers import layers_with_cycles
from argen._core.screen import Screen

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["edge_table", "write_network"]


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


def write_network(
    adata: "AnnData",
    key: str,
    screen: Screen,
    edges: pd.DataFrame,
    params: Mapping[str, Any],
    **tables: pd.DataFrame | np.ndarray,
) -> None:
    """Write ``uns[key]`` and ``varp[key]``; the nodes are ordered by layer, then by name."""
    chosen = edges[edges["selected"]]
    source, target = chosen["source"].cat.codes.to_numpy(), chosen["target"].cat.codes.to_numpy()
    adjacency = np.zeros((screen.n_genes, screen.n_genes), dtype=bool)
    adjacency[source, target] = True
    layers = layers_with_cycles(adjacency)
    order = np.argsort(layers, kind="stable")
    adata.varp[key] = slots._on_genes(adata, screen.genes, source, target, chosen["coef"].to_numpy())
    adata.uns[key] = {
        "schema_version": slots.SCHEMA_VERSION,
        "params": slots._storable(params),
        "provenance": provenance(screen, adata.obs_names),
        "edges": edges,
        "nodes": pd.DataFrame({"gene": [screen.genes[i] for i in order], "layer": layers[order]}),
        "order": np.array([screen.genes[i] for i in order], dtype=object),
        **tables,
    }
