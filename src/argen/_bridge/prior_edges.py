"""Networks from the literature, to hold a result against."""

from pathlib import Path

import pandas as pd

from argen._bridge.edge_files import read_edge_file
from argen._bridge.gene_names import GeneNames
from argen._bridge.results.imported import check_pairs, standard_edges
from argen.errors import InputError

__all__ = ["read_prior_edges"]


def read_prior_edges(
    prior: "pd.DataFrame | str | Path", names: GeneNames | None = None, argument: str = "prior"
) -> pd.DataFrame:
    """Columns ``source``, ``target`` and ``weight`` (NaN where there is no sign), each edge once, loops left out.

    Parameters
    ----------
    prior
        Table or path, as in :func:`argen.io.read_network`.
    names
        Names that the prior may use for genes of an object; they are brought to those that are shown.
    argument
        What messages call it.
    """
    if isinstance(prior, str | Path):
        if not Path(prior).is_file():
            msg = f"{argument}={str(prior)!r} is not a file. Give the path of a file with a network, or a table."
            raise InputError(msg)
        prior, _ = read_edge_file(Path(prior))
    if not isinstance(prior, pd.DataFrame):
        what = type(prior).__name__
        msg = f"{argument} is a {what}: give a table with the columns source, target, weight, or its path."
        raise InputError(msg)
    edges = standard_edges(prior, name=argument).rename(columns={"coef": "weight"})
    edges = edges[edges["source"] != edges["target"]].reset_index(drop=True)
    if names is not None:
        edges = edges.assign(**{end: _shown(edges[end], names) for end in ("source", "target")})
    check_pairs(edges, argument)
    return edges[["source", "target", "weight"]]


def _shown(column: pd.Series, names: GeneNames) -> pd.Series:
    shown = {name: names.show(names.gene(name)) for name in column.unique()}
    return column.map(shown)
