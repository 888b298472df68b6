"""Modules of a network: groups of genes that regulate each other."""

from typing import TYPE_CHECKING, Literal

import pandas as pd

from argen._bridge import log
from argen._bridge.modality import takes_mudata
from argen._bridge.modules import METHODS, find_modules, modularity, module_tables, weighted_graph
from argen._bridge.results.edges import network_edges
from argen._bridge.results.entries import check_free, new_entry, write_entry
from argen._bridge.validate import check_anndata, check_count, check_key, check_option, check_positive, counted

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_modules"]


@takes_mudata
def argen_modules(
    adata: "AnnData | MuData",
    *,
    network: str = "argen_dag",
    method: Literal["louvain", "leiden"] = "louvain",
    resolution: float = 1.0,
    responders: bool | str = False,
    seed: int = 0,
    key_added: str = "argen_modules",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Find modules: groups of genes with more, and stronger, edges among them than to others.

    The edges of the network lose their direction and weigh :math:`|z|`, their effect by its standard error, as in the
    analyses of :cite:t:`ParkLi2026`; edges of both directions add up. Where a network has no test statistics (of a
    baseline, or read from a file), an edge weighs its absolute effect. Modules maximise the modularity

    .. math:: Q = \frac{1}{2m} \sum_{ij} \Bigl(w_{ij} - γ \frac{w_i w_j}{2m}\Bigr) 1(\text{same module}), \quad
              w_i = \sum_j w_{ij}, \quad 2m = \sum_i w_i

    by Louvain's method :cite:p:`Blondel2008` of networkx, or by Leiden's of leidenalg, which is an extra
    (``pip install "argen[leiden]"``). Of eight runs the best is taken; a module is connected. Genes without an edge are
    in none.

    Parameters
    ----------
    adata
        With a network, whatever found it.
    network
        Name of the network.
    method
        ``"louvain"`` or ``"leiden"``.
    resolution
        :math:`γ`: the larger, the smaller the modules.
    responders
        Also the edges to genes that are no nodes: ``True``, or the name of the result of :func:`argen_responders`.
    seed
        Of the first run; the others have the next ones. The result is the same for a seed.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets

    ``adata.var["argen_module"]``
        Number of the module as a category, from ``"1"``, the largest; missing without one. With another `key_added` the
        column has its name without an ``s`` at its end.
    ``adata.uns[key_added]``
        With the ``settings`` (``weight``: what an edge weighs, ``modularity``: Q, :math:`γ` included) and the
        ``tables``
        ``modules`` (``module``, ``n_genes``, ``n_edges`` among them, ``n_edges_out`` and ``n_edges_in`` to and from
        other modules, ``genes``, those with the most edges within first) and ``genes`` (``gene``, ``module``,
        ``degree``, ``degree_within``, ``responder``: whether it is no node).

    Raises
    ------
    argen.errors.MissingResultError
        No network of this name.
    argen.errors.InputError
        An argument cannot be used.
    ImportError
        ``method="leiden"`` without leidenalg; a note says how to get it.

    See Also
    --------
    argen.get.modules : the tables.
    argen.pl.argen_modules : the network by modules, with their terms.
    argen_enrichment : in which gene sets the modules are.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=30, cells_per_perturbation=150, n_controls=1500, rng=3)
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    >>> ag.tl.argen_modules(adata)
    >>> int(ag.get.modules(adata)["n_genes"].sum()) == int(adata.var["argen_module"].notna().sum())
    True
    """
    check_option("method", method, METHODS)
    resolution, seed = check_positive("resolution", resolution), check_count("seed", seed, 0)
    check_key("key_added", key_added)
    check_anndata(adata)
    check_free(adata, key_added, "modules")
    edges = network_edges(adata, network, responders=responders)
    start = log.info("looking for modules")
    weight, weighs = edges.strength
    graph = weighted_graph(len(edges.genes), edges.source, edges.target, weight)
    modules = find_modules(graph, method, resolution, seed)
    linked = graph.subgraph([vertex for part in modules for vertex in part])
    settings = {
        **edges.settings(),
        "method": method,
        "resolution": resolution,
        "seed": seed,
        "weight": weighs,
        "modularity": modularity(linked, modules, resolution) if modules else 0.0,
    }
    tables = module_tables(edges, modules)
    adata = adata.copy() if copy else adata
    write_entry(adata, new_entry(key_added, "modules", settings, tables, edges.made_from()))
    column = key_added.removesuffix("s")
    adata.var[column] = _column(adata, tables["genes"], len(modules))
    log.info(
        "    finished",
        time=start,
        deep=f"{counted(len(modules), 'module')} of {counted(len(tables['genes']), 'gene')}\nadded\n"
        f"    {column!r}, module of each gene (adata.var)\n    {key_added!r}, modules and their genes (adata.uns)",
    )
    return adata if copy else None


def _column(adata: "AnnData", genes: pd.DataFrame, n: int) -> pd.Categorical:
    number = adata.var_names.astype(str).map(dict(zip(genes["gene"], genes["module"] - 1, strict=True)))
    codes = pd.Series(number).fillna(-1).astype(int)
    return pd.Categorical.from_codes(codes, [str(i + 1) for i in range(n)])
