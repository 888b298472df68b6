"""Modules of a network, and gene sets in groups of its genes."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import read_entry
from argen._bridge.results.names import ShownNames
from argen._bridge.results.network import warn_if_stale
from argen._bridge.validate import check_option

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["enrichment", "modules"]


@takes_mudata
def modules(
    adata: "AnnData | MuData",
    *,
    table: Literal["modules", "genes"] = "modules",
    key: str = "argen_modules",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Modules of a network, the largest first, or the genes in them.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_modules`.
    table
        Which of its tables.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The table of that name, described in :func:`argen.tl.argen_modules`. Of ``"genes"``, those that `adata` no longer
    holds are left out.

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
    >>> ag.tl.argen_modules(adata)
    >>> int(ag.get.modules(adata, table="genes")["module"].min())
    1
    """
    check_option("table", table, ("modules", "genes"))
    entry = read_entry(adata, key, "modules")
    warn_if_stale(adata, entry, responders=True)
    names = ShownNames(adata, entry, gene_symbols)
    found = entry.tables[table]
    return names.rename(found).reset_index(drop=True) if table == "modules" else names.table(found, ("gene",))


@takes_mudata
def enrichment(
    adata: "AnnData | MuData",
    *,
    table: Literal["enrichment", "groups", "left_out"] = "enrichment",
    key: str = "argen_enrichment",
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Over-representation of gene sets in groups of genes, the smallest p first.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_enrichment`.
    table
        Which of its tables.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    The table of that name, described in :func:`argen.tl.argen_enrichment`. It stays as it was tested, whatever genes
    `adata` holds now.

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
    >>> ag.tl.argen_enrichment(adata, gene_sets={"first": ["X1", "X2", "X3"]}, of="regulated")
    >>> ag.get.enrichment(adata)["n_term"].tolist()
    [3]
    """
    check_option("table", table, ("enrichment", "groups", "left_out"))
    entry = read_entry(adata, key, "enrichment")
    warn_if_stale(adata, entry, responders=True)
    names = ShownNames(adata, entry, gene_symbols, leaves_out=False)
    return names.rename(entry.tables[table]).reset_index(drop=True)
