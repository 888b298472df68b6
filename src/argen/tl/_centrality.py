"""Degrees, reach, walks and hubs, written beside the genes."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.centrality import HUBS, centrality_table, hubs_of
from argen._bridge.modality import takes_mudata
from argen._bridge.results.edges import network_edges
from argen._bridge.results.entries import check_free, new_entry, write_entry
from argen._bridge.validate import check_anndata, check_count, check_key, check_positive, counted

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_centrality"]

_COUNTS = ("in_degree", "out_degree", "n_upstream", "n_downstream", "layer")
_WALKS = ("katz_in", "katz_out")
_HUB_CATEGORIES = ("in", "out", "in and out")


@takes_mudata
def argen_centrality(
    adata: "AnnData | MuData",
    *,
    network: str = "argen_dag",
    attenuation: float = 0.1,
    n_hubs: int = 20,
    responders: bool | str = False,
    key_added: str = "argen_centrality",
    copy: bool = False,
) -> "AnnData | MuData | None":
    """Write degrees, layers, reach, Katz centrality and hubs of the genes into ``var``.

    The numbers are those of :func:`argen.get.centrality`, where their formulas are. *Out-hubs* are the `n_hubs` genes
    with the most children, *in-hubs* those with the most parents, 20 each in :cite:t:`ParkLi2026`; among genes with
    equally many the one that reaches more genes (is reached by more) comes first, then the one with more walks, then
    the earlier one. A gene without a child is no out-hub, one without a parent no in-hub.

    Parameters
    ----------
    adata
        With a network, whatever found it.
    network
        Name of the network.
    attenuation
        Of Katz centrality, larger than 0: what a further step costs.
    n_hubs
        Hubs of either kind.
    responders
        Also the edges to genes that are no nodes: ``True``, or the name of the result of :func:`argen_responders`. They
        count as children, and responders can be in-hubs.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets in ``adata.var``, each name with ``argen_`` before it (with
    another `key_added` that name and ``_``): ``in_degree``, ``out_degree``, ``n_upstream``, ``n_downstream``, ``layer``
    (−1: not in the network), ``katz_in``, ``katz_out`` (missing), and ``hub`` (``"in"``, ``"out"``, ``"in and out"``;
    missing: none); and ``adata.uns[key_added]`` with the table ``genes`` (the columns of :func:`argen.get.centrality`,
    and ``in_hub`` and ``out_hub``: rank among the hubs from 1, 0: none).

    Raises
    ------
    argen.errors.MissingResultError
        No network of this name.
    argen.errors.InputError
        An argument cannot be used; `attenuation` is too large for a network with cycles (of a baseline).

    See Also
    --------
    argen.get.centrality : the same as a table, without writing anything.
    argen.pl.argen_degree : the same as pictures.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate("paper_fig2")
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    >>> ag.tl.argen_centrality(adata, n_hubs=2)
    >>> int(adata.var["argen_hub"].isin(["out", "in and out"]).sum())
    2
    """
    attenuation, n_hubs = check_positive("attenuation", attenuation), check_count("n_hubs", n_hubs, 1)
    check_key("key_added", key_added)
    check_anndata(adata)
    check_free(adata, key_added, "centrality")
    edges = network_edges(adata, network, responders=responders)
    table = centrality_table(edges.genes, np.arange(len(edges.genes)), edges.layer, edges.matrix, attenuation)
    for kind in HUBS:
        rank = np.zeros(len(table), dtype=np.int64)
        hubs = hubs_of(table, kind, n_hubs)
        rank[hubs] = np.arange(1, len(hubs) + 1)
        table[f"{kind}_hub"] = rank
    settings = {**edges.settings(), "attenuation": attenuation, "n_hubs": n_hubs}
    columns = _columns(adata, table)
    adata = adata.copy() if copy else adata
    write_entry(adata, new_entry(key_added, "centrality", settings, {"genes": table}, edges.made_from()))
    prefix = "argen" if key_added == "argen_centrality" else key_added
    for name, values in columns.items():
        adata.var[f"{prefix}_{name}"] = values
    found = {kind: table.loc[table[f"{kind}_hub"] == 1, "gene"] for kind in HUBS}
    first = "; ".join(
        f"first {kind}-hub {edges.names.names.show(genes.iloc[0])}" for kind, genes in found.items() if len(genes)
    )
    log.info(f"centrality of {counted(len(table), 'gene')}: {first or 'no edge, no hub'}")
    return adata if copy else None


def _columns(adata: "AnnData", table: pd.DataFrame) -> dict[str, object]:
    """Values for all rows of ``var``."""
    at = pd.Index(table["gene"]).get_indexer(adata.var_names.astype(str))
    known = at >= 0

    def spread(values: np.ndarray, missing: object) -> np.ndarray:
        return np.where(known, np.asarray(values)[at], missing)

    if not len(table):
        at = np.zeros(len(at), dtype=np.int64)
    found: dict[str, object] = {name: spread(table[name], -1).astype(np.int64) for name in _COUNTS}
    found |= {name: spread(table[name], np.nan).astype(np.float64) for name in _WALKS}
    is_hub = {kind: (table[f"{kind}_hub"] > 0).to_numpy() for kind in HUBS}
    codes = is_hub["in"].astype(np.int64) + 2 * is_hub["out"] - 1
    return found | {"hub": pd.Categorical.from_codes(spread(codes, -1).astype(np.int64), list(_HUB_CATEGORIES))}
