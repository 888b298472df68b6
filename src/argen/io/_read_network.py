"""A network that was made elsewhere."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from argen._bridge import log
from argen._bridge.edge_files import read_edge_file
from argen._bridge.modality import takes_mudata
from argen._bridge.results.entries import check_free, find_entry, function_of
from argen._bridge.results.imported import ImportedEdges, check_weights, on_genes_of, standard_edges
from argen._bridge.results.names import shown_names
from argen._bridge.results.other_networks import other_network_entry, write_other_network
from argen._bridge.runtime import warn_user
from argen._bridge.validate import check_anndata, check_key, counted, name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["read_network"]


@takes_mudata
def read_network(
    adata: "AnnData | MuData",
    network: "pd.DataFrame | str | Path",
    *,
    source: str | None = None,
    target: str | None = None,
    weight: str | None = None,
    genes: Iterable[str] | None = None,
    gene_symbols: str | None = None,
    key_added: str = "imported",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Read a network of another program, a database or another analysis, so that argen's functions work on it.

    What it is taken for is a network as :func:`argen.tl.argen_dag` writes it, without what only a search gives: it may
    have cycles, and standard errors, test statistics and p-values are missing unless the table has them. All functions
    that show, export or compare a network take its name (``key="imported"``, ``network="imported"``); those that search
    or test again (:func:`argen.tl.argen_sensitivity` and the like) need a network of argen's own and say so.

    Parameters
    ----------
    adata
        Cells × genes.
    network
        Table with one row per edge, or the path of one: text (``.csv``, ``.tsv``, ``.txt``, any usual separator, also
        with ``.gz``), ``.parquet``, ``.graphml`` or ``.xml`` (GraphML), ``.cyjs`` or ``.json`` (Cytoscape).
    source, target, weight
        Columns of the table with the regulator, the regulated gene and the direct effect. Default: the first of
        ``source``, ``parent``, ``from``, ``regulator``, ``tf``; of ``target``, ``child``, ``to``, ``gene``; and of
        ``coef``, ``weight``, ``mor``, large or small letters. A table without weights gives edges without an effect.
        Its columns ``se``, ``z``, ``p`` and ``selected`` are read where they are there; without the last, all rows are
        edges but those with a weight of 0.
    genes
        Genes of the network, those without an edge included; edges with another gene are left out. Default: all that a
        GraphML or Cytoscape file lists, else those that have an edge.
    gene_symbols
        Column of ``var`` by which the network may call its genes, ``var_names`` first. Default: that of the descendant
        step, if there is one.
    key_added
        Name of the network.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets the following fields:

    `adata.varp[key_added]` : :class:`scipy.sparse.csr_matrix` (dtype `float`, without weights `bool`)
        [source, target]: weights of the edges.
    `adata.uns[key_added]` : :class:`dict`
        In ``tables``: ``edges`` (``source``, ``target``, ``coef``, ``se``, ``z``, ``p``, ``selected``, ``flags``),
        ``nodes`` and ``order`` (genes by layer), ``left_out`` (edges with a gene that `adata` does not have, that is
        not in `genes`, or whose name several genes share, and edges from a gene to itself, each with the ``reason``);
        beside them ``settings`` (``method="imported"``, ``descendants=""``) and what every entry has.

    Raises
    ------
    argen.errors.InputError
        No such file, or one that is no network; a column that is not there, or holds no numbers; an edge without a
        source or target, or twice; a graph without directions; no gene in common with `adata`.
    ImportError
        Parquet without pyarrow; a note says how to get it.

    Warns
    -----
    argen.errors.ArgenWarning
        Edges are left out, since `adata` does not have their genes, or since they lead from a gene to itself.

    See Also
    --------
    argen.metrics.compare : two networks side by side.
    argen.io.write_table, argen.io.write_graphml : networks as files, which this function reads.

    Examples
    --------
    >>> import argen as ag
    >>> import pandas as pd
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> known = pd.DataFrame({"source": ["X1", "X2"], "target": ["X2", "X3"], "weight": [0.8, -0.5]})
    >>> ag.io.read_network(adata, known)
    >>> ag.get.edges(adata, key="imported")[["source", "target", "coef"]].to_dict("list")
    {'source': ['X1', 'X2'], 'target': ['X2', 'X3'], 'coef': [0.8, -0.5]}
    """
    check_anndata(adata)
    check_key("key_added", key_added)
    check_free(adata, key_added, "network")
    _check_not_searched(adata, key_added)
    names = shown_names(adata, gene_symbols)
    table, listed, origin = _table_of(network)
    edges = standard_edges(table, {"source": source, "target": target, "coef": weight})
    check_weights(edges)
    found = on_genes_of(adata, edges, names, genes, listed)
    settings = {"descendants": "", "method": "imported", "origin": origin, "gene_symbols": names.column}
    entry = other_network_entry(key_added, settings, found.genes, {}, found.edges, left_out=found.left_out)
    adata = adata.copy() if copy else adata
    write_other_network(adata, entry, found.genes)
    _tell(found, key_added)
    return adata if copy else None


def _check_not_searched(adata: "AnnData", key: str) -> None:
    """Raise unless what would be replaced is a network that was read, too."""
    there = find_entry(adata, key)
    if there is not None and there.settings.get("method") != "imported":
        msg = (
            f"key_added={key!r} would overwrite the network of {function_of(there)}, which is there. Choose another "
            f"name, or delete it first: del adata.uns[{key!r}]."
        )
        raise InputError(msg)


def _table_of(network: object) -> tuple[pd.DataFrame, list[str] | None, str]:
    """Table of edges, genes that are listed, and where it is from."""
    if isinstance(network, pd.DataFrame):
        return network, None, "table"
    if isinstance(network, str | Path):
        path = Path(network)
        return *read_edge_file(path), path.name
    msg = (
        f"network is a {type(network).__name__}: give a table with the columns source, target and, if the edges have "
        "one, weight, or the path of a file with it."
    )
    raise InputError(msg)


def _tell(found: ImportedEdges, key: str) -> None:
    n_selected = int(found.edges["selected"].sum())
    log.info(f"read {counted(n_selected, 'edge')} among {counted(len(found.genes), 'gene')} into adata.uns[{key!r}]")
    absent = found.left_out[found.left_out["reason"] != "not in genes="]
    if len(absent) or found.unknown:
        of = len(found.left_out) + len(found.edges)
        named = f": adata does not have {name_some(found.unknown)}" if found.unknown else ""
        warn_user(
            f"{len(absent)} of {counted(of, 'edge')} left out of adata.uns[{key!r}]{named}. They are listed in its "
            "table 'left_out', each with the reason."
        )
