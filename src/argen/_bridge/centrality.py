"""Degrees, layers, reach and walks of the genes of a network; its hubs."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from argen._core.graphs.centrality import attenuated_walks
from argen._core.graphs.reach import transitive_closure

__all__ = ["HUBS", "centrality_table", "hubs_of"]

HUBS = {"out": ("out_degree", "n_downstream", "katz_out"), "in": ("in_degree", "n_upstream", "katz_in")}
"""By what hubs are ranked: their degree, then among equals their reach, then their walks."""


def centrality_table(
    genes: Sequence[str], order: np.ndarray, layer: np.ndarray, edges: np.ndarray, attenuation: float
) -> pd.DataFrame:
    """One row per gene, see :func:`argen.get.centrality`; `edges` boolean, [source, target]."""
    reach = transitive_closure(edges)
    return pd.DataFrame(
        {
            "gene": pd.Series(list(genes), dtype=object),
            "order": np.asarray(order, dtype=np.int64),
            "layer": np.asarray(layer, dtype=np.int64),
            "in_degree": edges.sum(axis=0, dtype=np.int64),
            "out_degree": edges.sum(axis=1, dtype=np.int64),
            "n_upstream": reach.sum(axis=0, dtype=np.int64),
            "n_downstream": reach.sum(axis=1, dtype=np.int64),
            "katz_in": attenuated_walks(edges.T, attenuation),
            "katz_out": attenuated_walks(edges, attenuation),
        }
    )


def hubs_of(table: pd.DataFrame, kind: str, n: int) -> np.ndarray:
    """Rows of the `n` genes with the most children (``"out"``) or parents (``"in"``), the first one first.

    Genes without any are no hubs. Ties of the degree go to the gene that reaches more, then to the one with more walks,
    then to the earlier one.
    """
    by = [table[column].to_numpy() for column in HUBS[kind]]
    ranked = np.lexsort([np.arange(len(table)), *(-values for values in reversed(by))])
    return ranked[by[0][ranked] > 0][:n]
