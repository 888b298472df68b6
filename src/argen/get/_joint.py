"""What the joint search says beside its edges: inclusion probabilities, and how the network fits."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.prediction.network import fit_of_network
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
    r"""Total effects as the screen saw them, and as the network has them.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_joint`, :func:`argen.tl.argen_dag`, or another search.
    key
        Name of the network.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per perturbation and gene, own genes included, the worst explained first: ``source``, ``target``,
    ``observed`` and ``predicted`` (natural log fold changes), ``residual`` (in standard deviations). Genes that `adata`
    no longer holds have no rows.

    Of a joint network these are what its search fitted: the table with its offsets. Perturbations that do not move
    their own gene are not explained and have no rows. Of other networks ``observed`` is the effect of
    :func:`argen.get.pairs`, ``predicted`` the observed knock-down times :math:`(I - \Theta)^{-1}` with the selected
    edges, and ``residual`` their difference in standard errors of the observed effect alone: knock-downs are explained
    by themselves, and direct effects come from the same data. Pairs without a standard error have no residual and
    stand last.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`.
    argen.errors.StaleResultError
        The descendant step of a network that is not joint is gone.
    argen.errors.InputError
        The cycles of the network do not die down, so that it predicts nothing.

    See Also
    --------
    argen.tl.argen_predict : predictions for any perturbations, with intervals.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_joint(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> bool(ag.get.fit(adata)["residual"].abs().is_monotonic_decreasing)
    True
    """
    entry = read_entry(adata, key, "network", function="ag.tl.argen_joint")
    stored = entry.tables["fit"] if entry.settings["method"] == "joint" else fit_of_network(adata, key)
    table = ShownNames(adata, entry, gene_symbols).table(stored)
    worst = table["residual"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[worst].reset_index(drop=True)


def _joint(adata: "AnnData", key: str) -> Entry:
    entry = read_entry(adata, key, "network", function="ag.tl.argen_joint")
    if entry.settings["method"] != "joint":
        method = entry.settings["method"]
        msg = f"adata.uns[{key!r}] is a network of the method {method!r}; ag.tl.argen_joint makes such networks."
        raise InputError(msg)
    return entry
