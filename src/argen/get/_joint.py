"""What the joint search says beside its edges: inclusion probabilities, and how the network fits."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import Entry, read_entry
from argen._bridge.results.names import ShownNames
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["fit", "inclusion"]


@takes_mudata
def inclusion(adata: "AnnData | MuData", *, key: str = "argen_joint", gene_symbols: str | None = None) -> pd.DataFrame:
    """Posterior probability of every edge.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_joint`.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    Parents in rows and children in columns, both in causal order; 0 where the probability is below .01 and p above .05,
    NaN out of perturbations that do not move their own gene, of which nothing can be known.
    Genes that `adata` no longer holds are left out.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`.
    argen.errors.InputError
        A network of another method, which has no probabilities.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_joint(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.get.inclusion(adata).shape
    (8, 8)
    """
    entry = _joint(adata, key)
    names = ShownNames(adata, entry, gene_symbols)
    genes = pd.Index([str(gene) for gene in entry.tables["order"]])
    edges = entry.tables["edges"]
    table = pd.DataFrame(np.zeros((len(genes), len(genes))), index=genes, columns=genes)
    at = genes.get_indexer(edges["source"].astype(str)), genes.get_indexer(edges["target"].astype(str))
    values = table.to_numpy(copy=True)
    values[at] = edges["inclusion"]
    strengths = entry.tables["strengths"]
    silent = strengths.loc[~strengths["instrument"].astype(bool), "perturbation"].astype(str)
    values[genes.get_indexer(silent)] = np.nan
    there, shown = names.held(genes), genes.map(names.names.show)
    table = pd.DataFrame(values, index=shown, columns=shown).loc[there, there]
    return table.rename_axis(index="source", columns="target")


@takes_mudata
def fit(adata: "AnnData | MuData", *, key: str = "argen_joint", gene_symbols: str | None = None) -> pd.DataFrame:
    """Total effects as they were observed, and as the joint network has them.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_joint`.
    key
        Name of the result.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per perturbation and gene, own genes included, the worst explained first: ``source``, ``target``,
    ``observed`` and ``predicted`` (natural log fold changes), ``residual`` (in standard deviations). Perturbations that
    do not move their own gene are not explained and have no rows, nor have genes that `adata` no longer holds.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`.
    argen.errors.InputError
        A network of another method, which explains no table.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_joint(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> bool(ag.get.fit(adata)["residual"].abs().is_monotonic_decreasing)
    True
    """
    entry = _joint(adata, key)
    table = ShownNames(adata, entry, gene_symbols).table(entry.tables["fit"])
    worst = table["residual"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[worst].reset_index(drop=True)


def _joint(adata: "AnnData", key: str) -> Entry:
    entry = read_entry(adata, key, "network", function="ag.tl.argen_joint")
    if entry.settings["method"] != "joint":
        method = entry.settings["method"]
        msg = f"adata.uns[{key!r}] is a network of the method {method!r}; ag.tl.argen_joint makes such networks."
        raise InputError(msg)
    return entry
