"""Gene sets in the groups that a network makes: modules, hubs, regulated genes, children, parents."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from argen._bridge import log
from argen._bridge.enrichment import OF, enrichment_tables, groups_of, named_genes
from argen._bridge.gene_names import gene_names
from argen._bridge.gene_sets import read_gene_sets
from argen._bridge.modality import takes_mudata
from argen._bridge.results.edges import NetworkEdges, network_edges
from argen._bridge.results.entries import Entry, check_free, new_entry, read_entry, write_entry
from argen._bridge.validate import check_anndata, check_count, check_key, check_level, check_option, counted
from argen.errors import InputError, StaleResultError

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData
    from mudata import MuData

__all__ = ["argen_enrichment"]


@takes_mudata
def argen_enrichment(  # noqa: PLR0913
    adata: "AnnData | MuData",
    *,
    gene_sets: "Mapping[str, Sequence[str]] | pd.DataFrame | str | Path",
    of: "Literal['modules', 'hubs', 'regulated', 'children', 'parents'] | Mapping[str, Sequence[str]]" = "modules",
    network: str = "argen_dag",
    modules: str = "argen_modules",
    n_hubs: int = 20,
    responders: bool | str = False,
    background: Sequence[str] | None = None,
    min_size: int = 3,
    max_size: int | None = None,
    alpha: float = 0.05,
    gene_symbols: str | None = None,
    key_added: str = "argen_enrichment",
    copy: bool = False,
) -> "AnnData | MuData | None":
    r"""Test whether groups of genes of a network are over-represented in gene sets.

    Of N genes of the background, K are in the gene set and n in the group; k are in both. The p-value is that of
    Fisher's one-sided exact test,

    .. math:: p = \sum_{i \ge k} \binom{K}{i} \binom{N - K}{n - i} \Big/ \binom{N}{n},

    adjusted by Benjamini and Hochberg over all groups and sets. The background decides what it says. A screen holds the
    genes that somebody chose, often of one pathway: against the whole genome every group of them would be "enriched"
    for the reason for which they were chosen. So the background is *the genes that were tested*, each of which could
    have been in the group: all genes of the network, for children and parents all but the gene itself. With
    `responders` the tested responders are in it too, unless a group is of parents or out-hubs, which responders cannot
    be. Nodes were chosen, responders are what was measured beside them: then the two are strata, the group is a draw
    of as many nodes from the nodes and as many responders from the responders as it has, and k is the sum of two
    hypergeometric numbers.

    Parameters
    ----------
    adata
        With a network, whatever found it.
    gene_sets
        A dict from the name of a set to its genes; the path of a GMT file; or a table with the columns ``source`` (the
        set) and ``target`` (its genes), such as a net of decoupler.
    of
        ``"modules"``: each module of :func:`argen_modules`; ``"hubs"``: in-hubs and out-hubs; ``"regulated"``: genes
        with a parent; ``"children"``, ``"parents"``: those of each gene that has some; or groups of your own, a dict
        from name to genes.
    network
        Name of the network.
    modules
        Name of the modules, made from this network.
    n_hubs
        Hubs of either kind, as in :func:`argen_centrality`.
    responders
        Also the edges to genes that are no nodes, and these genes in the background: ``True``, or the name of the
        result of :func:`argen_responders`.
    background
        Genes to take for the background instead: those of the network stay what they are, nodes or responders. Genes of
        a group that are not among them are not counted, and ``n_outside`` says how many these are.
    min_size, max_size
        A set with fewer or more genes in the background of a group is not tested there; those that are tested nowhere
        are listed.
    alpha
        Level of ``significant``.
    gene_symbols
        Column of ``var`` with the names that the sets use. Default: that of the descendant step, else ``var_names``.
    key_added
        Name of the result.
    copy
        Return a changed copy instead of changing `adata`.

    Returns
    -------
    Returns `None` if `copy=False`, else an `AnnData`. Sets ``adata.uns[key_added]`` with the ``tables``

    ``enrichment``
        One row per group and set, the smallest p first: ``group``, ``term``, ``n_overlap`` (k), ``n_group`` (n),
        ``n_term`` (K), ``n_background`` (N), ``expected`` (n K / N, summed over strata), ``odds_ratio`` (over strata
        after Mantel and Haenszel; infinite where group or set is within the other), ``p``, ``padj``, ``significant``
        (`padj` below `alpha`), ``genes`` (those in both).
    ``groups``
        ``group``, ``n_group``, ``n_background``, ``n_outside``, ``n_terms`` (sets that were tested).
    ``left_out``
        Sets that were not tested: ``term``, ``n_genes``, ``n_background``, ``reason``.

    Raises
    ------
    argen.errors.MissingResultError
        No network, or no modules, of these names.
    argen.errors.StaleResultError
        The modules were made from another network.
    argen.errors.InputError
        The sets share no gene with the background (the message shows names of both), no set has the size that is
        asked for, the network has no edge, or another argument cannot be used.

    See Also
    --------
    argen.get.enrichment : the tables.
    argen.pl.argen_enrichment : the first terms of every group.

    Examples
    --------
    >>> import argen as ag
    >>> adata = ag.datasets.simulate(genes=30, cells_per_perturbation=150, n_controls=1500, rng=3)
    >>> ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    >>> ag.tl.argen_modules(adata)
    >>> first = ag.get.modules(adata, table="genes").query("module == 1")["gene"].tolist()
    >>> ag.tl.argen_enrichment(adata, gene_sets={"planted": first, "other": ["G01", "G02", "G03"]})
    >>> ag.get.enrichment(adata)[["group", "term"]].iloc[0].tolist()
    ['module 1', 'planted']
    """
    terms = read_gene_sets(gene_sets)
    if not isinstance(of, Mapping):
        check_option("of", of, OF)
    n_hubs, min_size = check_count("n_hubs", n_hubs, 1), check_count("min_size", min_size, 1)
    max_size = None if max_size is None else check_count("max_size", max_size, min_size)
    check_level("alpha", alpha)
    check_key("key_added", key_added)
    check_anndata(adata)
    check_free(adata, key_added, "enrichment")
    edges = network_edges(adata, network, responders=responders)
    names = edges.names.names if gene_symbols is None else gene_names(adata, gene_symbols)
    there = pd.Index(adata.var_names.astype(str))
    own = of if isinstance(of, str) else _own_groups(of, names.gene, there)
    chosen = None if background is None else named_genes(background, "background", names.gene, there)
    parts = _modules_of(adata, modules, edges) if of == "modules" else {}
    start = log.info("testing gene sets")
    groups = groups_of(own, edges, modules=parts, n_hubs=n_hubs, background=chosen)
    stored = {term: [names.gene(gene) for gene in genes] for term, genes in terms.items()}
    tables = enrichment_tables(groups, stored, min_size, max_size, alpha)
    settings: dict[str, Any] = {
        **edges.settings(),
        "of": of if isinstance(of, str) else "own groups",
        "modules": modules if of == "modules" else None,
        "n_hubs": n_hubs if of == "hubs" else None,
        "background": "network" if background is None else "given",
        "min_size": min_size,
        "max_size": max_size,
        "alpha": alpha,
        "gene_symbols": gene_symbols,
    }
    adata = adata.copy() if copy else adata
    write_entry(adata, new_entry(key_added, "enrichment", settings, tables, edges.made_from()))
    log.info("    finished", time=start, deep=_summary(key_added, tables))
    return adata if copy else None


def _own_groups(of: Mapping[str, Sequence[str]], known: Any, there: pd.Index) -> dict[str, list[str]]:
    groups = {name: list(genes) for name, genes in read_gene_sets(of, "of").items()}
    return {name: named_genes(genes, f"of[{name!r}]", known, there) for name, genes in groups.items()}


def _modules_of(adata: "AnnData", key: str, network: NetworkEdges) -> dict[str, list[str]]:
    """Genes by module, checked to be modules of this network."""
    entry: Entry = read_entry(adata, key, "modules")
    if entry.made_from["network"] != network.entry.id:
        msg = (
            f"adata.uns[{key!r}] holds modules of another network than the one in adata.uns[{network.entry.key!r}] "
            f"now. Run ag.tl.argen_modules(adata, network={network.entry.key!r}) again."
        )
        raise StaleResultError(msg)
    genes = entry.tables["genes"]
    if network.responders is None and genes["responder"].any():
        msg = (
            f"adata.uns[{key!r}] holds modules with responders: give responders=True here too, so that they are in the "
            "background."
        )
        raise InputError(msg)
    genes = genes[network.names.held(genes["gene"])]
    return {str(module): part["gene"].astype(str).tolist() for module, part in genes.groupby("module", sort=True)}


def _summary(key: str, tables: Mapping[str, pd.DataFrame]) -> str:
    found = tables["enrichment"]
    n_left = len(tables["left_out"])
    left = f", {counted(n_left, 'set')} left out for their size" if n_left else ""
    return (
        f"{int(found['significant'].sum())} of {counted(len(found), 'pair')} of group and set significant{left}\n"
        f"added\n    {key!r}, tests, groups and sets that were left out (adata.uns)"
    )
