"""Tables of what a network predicts."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import KINDS, read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import warn_if_stale
from argen._bridge.validate import check_option

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["prediction"]


@takes_mudata
def prediction(
    adata: "AnnData | MuData",
    *,
    table: Literal["genes", "paths", "perturbations"] = "genes",
    key: str = "argen_predict",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """What a network predicts for perturbations.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_predict`.
    table
        ``"genes"``: every gene of the network and every responder with its effect; ``"paths"``: what carries it;
        ``"perturbations"``: what was asked for. The columns are listed at :func:`argen.tl.argen_predict`.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The table; genes that `adata` no longer holds are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        There is no such table.

    Warns
    -----
    argen.errors.ArgenWarning
        The network was searched again since.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_predict(adata, ["X1"])
    >>> ag.get.prediction(adata, table="paths")["path"].head(2).tolist()
    ['X1', 'X1 → X2']
    """
    check_option("table", table, KINDS["prediction"].tables)
    entry = read_entry(adata, key, "prediction")
    warn_if_stale(adata, entry)
    return ShownNames(adata, entry, gene_symbols).table(entry.tables[table], ("gene",))
