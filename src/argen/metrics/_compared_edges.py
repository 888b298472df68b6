"""Two networks edge by edge."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._core.graphs.overlap import contrary

from ._pair import Pair, Side, read_pair

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import ArrayLike

__all__ = ["compared_edges"]

_STATUS = ("both", "reversed", "only a", "only b")
_NUMBERS = ("coef", "se", "p")


def compared_edges(
    a: "AnnData | pd.DataFrame | ArrayLike",
    b: "AnnData | pd.DataFrame | ArrayLike | None" = None,
    *,
    key: str = "argen_dag",
    other_key: str | None = None,
    genes: Iterable[str] | None = None,
) -> pd.DataFrame:
    """List the edges of two networks side by side.

    Parameters
    ----------
    a, b, key, other_key, genes
        As in :func:`compare`.

    Returns
    -------
    One row per edge of either, those of both first, within a status the largest effects first: ``source``, ``target``,
    ``status`` (``"both"``; ``"reversed"``: each network has the edge in one direction alone, and not in the same;
    ``"only a"``; ``"only b"``), ``coef_a``, ``se_a``, ``p_a``, ``coef_b``, ``se_b``, ``p_b`` (NaN where not known, or
    where the network has no such edge), ``agrees`` (whether both effects have the same sign, missing where either has
    none) and ``comparable`` (whether both networks know both genes; where not, that one has no such edge means
    nothing). Reversed edges are there once, as `a` has them; the numbers of `b` are those of its own direction.

    Raises
    ------
    argen.errors.InputError
        No gene in common, genes that a network does not have, no second network, an edge twice, a missing column.
    argen.errors.MissingResultError
        An AnnData without the network that is named.

    See Also
    --------
    compare : how alike the networks are, in figures.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> ours = pd.DataFrame({"source": ["A", "B", "C"], "target": ["B", "C", "D"], "coef": [0.5, -0.3, 0.2]})
    >>> theirs = pd.DataFrame({"source": ["A", "C", "D"], "target": ["B", "B", "B"], "coef": [0.4, -0.2, 0.3]})
    >>> ag.metrics.compared_edges(ours, theirs)["status"].tolist()
    ['both', 'reversed', 'only a', 'only b']
    """
    pair = read_pair(a, b, key, other_key, genes)
    reverse = contrary(pair.a.edges, pair.b.edges)
    ours, theirs = _edges(pair.a, "a"), _edges(pair.b, "b")
    turned = _is_at(pair, theirs, reverse.T)
    theirs.loc[turned, ["source", "target"]] = theirs.loc[turned, ["target", "source"]].to_numpy()
    table = ours.merge(theirs, how="outer", on=["source", "target"], indicator="found")
    found = table.pop("found").astype(str)
    status = found.map({"both": "both", "left_only": "only a", "right_only": "only b"})
    status = np.where(_is_at(pair, table, reverse), "reversed", status)
    table.insert(2, "status", pd.Categorical(status, _STATUS))
    table["agrees"] = _agrees(table)
    table["comparable"] = table["source"].isin(pair.genes) & table["target"].isin(pair.genes)
    size = table[["coef_a", "coef_b"]].abs().max(axis=1).fillna(0.0)
    by = pd.DataFrame({
        "outside": ~table["comparable"], "status": table["status"].cat.codes, "size": -size,
        "source": table["source"], "target": table["target"],
    })  # fmt: skip
    return table.loc[by.sort_values([*by.columns], kind="stable").index].reset_index(drop=True)


def _edges(side: Side, name: str) -> pd.DataFrame:
    table = side.network.selected[["source", "target", *_NUMBERS]].reset_index(drop=True)
    return table.rename(columns={number: f"{number}_{name}" for number in _NUMBERS})


def _is_at(pair: Pair, table: pd.DataFrame, where: np.ndarray) -> np.ndarray:
    """Rows of a table whose edge is marked in an array over the shared genes."""
    rows, columns = (pair.genes.get_indexer(table[end]) for end in ("source", "target"))
    return where[rows, columns] & (rows >= 0) & (columns >= 0)


def _agrees(table: pd.DataFrame) -> pd.Series:
    product = np.sign(table["coef_a"]) * np.sign(table["coef_b"])
    return (product > 0).astype("boolean").where(product.notna() & (product != 0))
