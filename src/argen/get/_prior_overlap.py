"""The edges of a network beside those of a network from the literature."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.modality import takes_mudata
from argen._bridge.prior_edges import read_prior_edges
from argen.errors import InputError
from argen.get._opened import OpenedNetwork
from argen.get._tables import edges

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["prior_overlap"]

_STATUS = ("known", "not in prior", "prior only", "outside")
_NUMBERS = ("coef", "se", "p")


@takes_mudata
def prior_overlap(
    adata: "AnnData | MuData",
    *,
    prior: "pd.DataFrame | str | Path",
    key: str = "argen_dag",
    responders: bool | str = False,
    gene_symbols: str | None = None,
) -> pd.DataFrame:
    """Edges of the network beside those of a network from the literature: the network's own first.

    A prior network is no truth: that it lacks an edge says little, and most of its own were found in other cells.
    :func:`argen.metrics.prior_overlap` tells in figures whether they share more than chance would give.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    prior
        Table with the columns ``source``, ``target`` and, if it is signed, ``weight`` (> 0 activation, < 0 repression),
        or the path of one, as in :func:`argen.io.read_network`; such as :func:`argen.datasets.collectri`. Loops are
        left out.
    key
        Name of the network.
    responders
        Also the edges to genes that are no nodes: ``True``, or the name of the result of
        :func:`argen.tl.argen_responders`. The genes with such an edge, or a candidate, then are in the network.
    gene_symbols
        Column of ``var`` with the names of genes to show, which `prior` may use beside ``var_names``. Default: that of
        the descendant step, else ``var_names``.

    Returns
    -------
    One row per edge of either: ``source``, ``target``, ``status``, ``coef``, ``se``, ``p`` (of the network; NaN where
    it did not test the pair), ``weight`` (of the prior), ``agrees`` (whether both have the same sign, missing where
    either has none) and ``tested`` (whether the network has a p-value of the pair). In this order of ``status``:

    * ``"known"``: edges of the network that the prior has, strongest evidence first;
    * ``"not in prior"``: its other edges, strongest evidence first;
    * ``"prior only"``: edges of the prior between genes of the network that were not selected, the tested ones first,
      smallest p first;
    * ``"outside"``: edges of the prior with a gene that is not in the network.

    Raises
    ------
    argen.errors.MissingResultError
        No network under `key`.
    argen.errors.InputError
        A file or column that is missing, an edge twice, no gene in common.

    See Also
    --------
    argen.metrics.prior_overlap : the overlap in figures, with a test.
    argen.metrics.compared_edges : two networks side by side.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> prior = pd.DataFrame({"source": ["X1", "X8", "X1"], "target": ["X2", "X1", "MYC"], "weight": [1, 1, -1]})
    >>> table = ag.get.prior_overlap(adata, prior=prior)
    >>> table["status"].value_counts().to_dict()
    {'not in prior': 11, 'known': 1, 'prior only': 1, 'outside': 1}
    """
    network = OpenedNetwork(adata, key, gene_symbols=gene_symbols)
    how = {"key": key, "responders": responders, "gene_symbols": gene_symbols}
    candidates = edges(adata, selected=False, **how)
    known = read_prior_edges(prior, network.names.names)
    genes = {*network.genes["gene"], *candidates["source"], *candidates["target"]}
    if not {*known["source"], *known["target"]} & genes:
        msg = "The prior knows no gene of the network: is it about the same species and kind of gene names?"
        raise InputError(msg)
    return _side_by_side(candidates, known, genes)


def _side_by_side(candidates: pd.DataFrame, known: pd.DataFrame, genes: set[str]) -> pd.DataFrame:
    ours = candidates[["source", "target", *_NUMBERS, "selected"]].assign(rank=np.arange(len(candidates)))
    table = ours.merge(known.assign(in_prior=True), how="outer", on=["source", "target"])
    selected, in_prior = (table[name].eq(other=True) for name in ("selected", "in_prior"))
    table = table[selected | in_prior]
    inside = table["source"].isin(genes) & table["target"].isin(genes)
    conditions = [selected & in_prior, selected, inside]
    status = np.select([condition[table.index] for condition in conditions], _STATUS[:3], _STATUS[3])
    table = table.assign(status=pd.Categorical(status, _STATUS), tested=table["p"].notna())
    product = np.sign(table["coef"]) * np.sign(table["weight"])
    table["agrees"] = (product > 0).astype("boolean").where(product.notna() & (product != 0))
    order = table.assign(code=table["status"].cat.codes).sort_values(["code", "rank", "source", "target"]).index
    columns = ["source", "target", "status", *_NUMBERS, "weight", "agrees", "tested"]
    return table.loc[order, columns].reset_index(drop=True)
