"""Which genes of a network regulate, and which are regulated."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.centrality import centrality_table
from argen._bridge.modality import takes_mudata
from argen._bridge.validate import check_positive
from argen.get._graph import graph

if TYPE_CHECKING:
    import networkx as nx
    from anndata import AnnData
    from mudata import MuData

__all__ = ["centrality", "centrality_of"]


@takes_mudata
def centrality(
    adata: "AnnData | MuData", *, key: str = "argen_dag", attenuation: float = 0.1, gene_symbols: str | None = None
) -> pd.DataFrame:
    r"""Degree, layer and Katz centrality of every gene of the network, roots first.

    Katz centrality counts the directed walks of the network, one of :math:`k` steps as :math:`\alpha^k`
    :cite:p:`Katz1953`. With :math:`A_{ij} = 1` for an edge from i to j,

    .. math::

        \mathrm{katz\_out} = \sum_{k \ge 1} \alpha^k A^k 1 = (I - \alpha A)^{-1} 1 - 1, \qquad
        \mathrm{katz\_in} = \sum_{k \ge 1} \alpha^k (A')^k 1

    are the walks that start at a gene (its reach as a regulator, direct children first) and those that end at it (how
    much acts on it). A walk in a directed acyclic graph is a path and :math:`A` is nilpotent, so that the sums are
    finite for every :math:`\alpha`. The effects of the edges do not enter: effects multiplied along paths and added up
    are total effects, which :func:`argen.get.pairs` estimates.

    Katz's sum starts with walks of one step: a gene without children has 0. ``katz_centrality`` of networkx (not
    normalised, ``beta=1``) and ``alpha_centrality`` of R's igraph add 1 to every gene; theirs is the direction of
    ``katz_in``, and the graph has to be reversed for ``katz_out``.

    Parameters
    ----------
    adata
        After :func:`argen.tl.argen_dag`.
    key
        Name of the result.
    attenuation
        :math:`\alpha`, larger than 0: what a further step costs. With 0.1 a gene two steps away counts a tenth of a
        child.
    gene_symbols
        Column of ``var`` with the names of genes to show. Default: that of the descendant step, else ``var_names``.

    Returns
    -------
    One row per gene of the network in causal order: ``gene``, ``order`` (position in it, from 0), ``layer`` (longest
    path from a root), ``in_degree`` (parents), ``out_degree`` (children), ``n_upstream`` and ``n_downstream`` (genes
    from which and to which a path of edges leads), ``katz_in``, ``katz_out``. Genes that `adata` no longer holds are
    left out, and paths through them; ``order`` and ``layer`` are those of the network as it was found.

    Raises
    ------
    argen.errors.MissingResultError
        No result under `key`.
    argen.errors.InputError
        `attenuation` is not a positive number, or too large for a network with cycles (of a baseline).

    See Also
    --------
    argen.pl.argen_degree : the same as a picture.
    argen.tl.argen_centrality : the same in ``var``, with the hubs.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> table = ag.get.centrality(adata)
    >>> table.loc[table["katz_out"].idxmax(), "gene"]
    'X7'
    """
    check_positive("attenuation", attenuation)
    return centrality_of(graph(adata, key=key, gene_symbols=gene_symbols), attenuation)


def centrality_of(network: "nx.DiGraph", attenuation: float) -> pd.DataFrame:
    """The table of a graph, see :func:`centrality`."""
    genes = list(network)
    place = {gene: i for i, gene in enumerate(genes)}
    edges = np.zeros((len(genes), len(genes)), dtype=bool)
    for source, target in network.edges:
        edges[place[source], place[target]] = True
    order, layer = (np.array([value for _, value in network.nodes(data=name)]) for name in ("order", "layer"))
    return centrality_table(genes, order, layer, edges, attenuation)
