"""Groups of genes of a network against gene sets, each with the genes among which the group was found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from argen._bridge.centrality import HUBS, centrality_table, hubs_of
from argen._bridge.results.edges import NetworkEdges
from argen._bridge.validate import name_quoted, name_some
from argen._core.fdr import adjusted
from argen._core.graphs.enrichment import over_representation
from argen.errors import InputError

__all__ = ["OF", "Groups", "enrichment_tables", "groups_of"]

OF = ("modules", "hubs", "regulated", "children", "parents")


@dataclass(frozen=True, slots=True)
class Groups:
    """Groups of genes; genes are rows of `genes`.

    Attributes
    ----------
    genes
        Names of all genes that any group or background holds.
    names
        Name of each group.
    members, background
        Boolean, shape (groups, genes).
    stratum
        0 for nodes of the network, 1 for responders.
    outside
        Genes of each group that are not in its background, and so are not counted.
    """

    genes: np.ndarray
    names: tuple[str, ...]
    members: np.ndarray
    background: np.ndarray
    stratum: np.ndarray
    outside: tuple[tuple[str, ...], ...]


def groups_of(
    of: "str | Mapping[str, Sequence[str]]",
    network: NetworkEdges,
    *,
    modules: Mapping[str, Sequence[str]],
    n_hubs: int,
    background: Sequence[str] | None,
) -> Groups:
    """The groups that are asked for.

    Background: every gene of the network that could be in the group. Responders are nobody's parents, and no gene is
    its own child or parent.
    """
    genes = network.genes if background is None else np.array(list(dict.fromkeys(background)), dtype=object)
    named = dict(of) if isinstance(of, Mapping) else _NAMED[of](network, modules, n_hubs)
    if not named:
        nothing = "no module" if of == "modules" else "no edge"
        msg = f"of={of!r}: the network in adata.uns[{network.entry.key!r}] has {nothing}, so that there is no group."
        raise InputError(msg)
    at = pd.Index(genes)
    members = np.zeros((len(named), len(genes)), dtype=bool)
    outside = []
    for row, part in enumerate(named.values()):
        place = at.get_indexer(part)
        members[row, place[place >= 0]] = True
        outside.append(tuple(np.asarray(part, dtype=object)[place < 0]))
    allowed = np.ones(members.shape, dtype=bool)
    stratum = np.zeros(len(genes), dtype=np.int64)
    if network.responders is not None:
        stratum[~np.isin(genes, network.genes[: network.n_nodes])] = 1
        only_nodes = [name == "out-hubs" or of == "parents" for name in named]
        allowed[np.ix_(only_nodes, stratum == 1)] = False
    if of in ("children", "parents"):  # a gene is neither its own child nor its own parent
        own = at.get_indexer(list(named))
        allowed[np.flatnonzero(own >= 0), own[own >= 0]] = False
    return Groups(genes, tuple(named), members, allowed, stratum, tuple(outside))


def _modules(network: NetworkEdges, modules: Mapping[str, Sequence[str]], n_hubs: int) -> dict[str, Sequence[str]]:
    return {f"module {name}": genes for name, genes in modules.items()}


def _hubs(network: NetworkEdges, modules: Mapping, n_hubs: int) -> dict[str, Sequence[str]]:
    n = len(network.genes)
    table = centrality_table(network.genes, np.arange(n), network.layer, network.matrix, 0.1)
    found = {f"{kind}-hubs": network.genes[hubs_of(table, kind, n_hubs)] for kind in HUBS}
    return {name: genes for name, genes in found.items() if len(genes)}


def _regulated(network: NetworkEdges, modules: Mapping, n_hubs: int) -> dict[str, Sequence[str]]:
    return {"regulated": network.genes[np.unique(network.target)]} if len(network.target) else {}


def _children(network: NetworkEdges, modules: Mapping, n_hubs: int) -> dict[str, Sequence[str]]:
    return _neighbours(network, network.source, network.target)


def _parents(network: NetworkEdges, modules: Mapping, n_hubs: int) -> dict[str, Sequence[str]]:
    return _neighbours(network, network.target, network.source)


def _neighbours(network: NetworkEdges, of: np.ndarray, to: np.ndarray) -> dict[str, Sequence[str]]:
    return {network.genes[gene]: network.genes[np.sort(to[of == gene])] for gene in np.unique(of)}


_NAMED: dict[str, Callable[..., dict[str, Sequence[str]]]] = {
    "modules": _modules,
    "hubs": _hubs,
    "regulated": _regulated,
    "children": _children,
    "parents": _parents,
}


def enrichment_tables(
    groups: Groups, terms: Mapping[str, Sequence[str]], least: int, most: int | None, alpha: float
) -> dict[str, pd.DataFrame]:
    """``enrichment``, ``groups`` and ``left_out``, as :func:`argen.tl.argen_enrichment` describes them."""
    at = pd.Index(groups.genes)
    inside = np.zeros((len(terms), len(groups.genes)), dtype=bool)
    for row, genes in enumerate(terms.values()):
        place = at.get_indexer(list(genes))
        inside[row, place[place >= 0]] = True
    size, names = groups.background.astype(np.int64) @ inside.T.astype(np.int64), np.array(list(terms), dtype=object)
    if not size.any():
        raise InputError(_no_overlap(groups.genes, terms))
    tested = (size >= least) & (size <= (len(groups.genes) if most is None else most))
    largest, out = size.max(axis=0), ~tested.any(axis=0)
    if out.all():
        msg = (
            f"No gene set has {least} to {'any number of' if most is None else most} genes among the "
            f"{len(groups.genes)} of the background; the largest has {largest.max()} ({names[largest.argmax()]}). "
            "Change min_size or max_size."
        )
        raise InputError(msg)
    left_out = pd.DataFrame(
        {
            "term": names[out],
            "n_genes": [len(terms[name]) for name in names[out]],
            "n_background": largest[out],
            "reason": np.where(largest[out] < least, "few genes in the background", "many genes in the background"),
        }
    ).astype({"term": object, "n_genes": np.int64, "reason": object})
    of_groups = pd.DataFrame(
        {
            "group": pd.Series(groups.names, dtype=object),
            "n_group": (groups.members & groups.background).sum(axis=1),
            "n_background": groups.background.sum(axis=1),
            "n_outside": [len(genes) for genes in groups.outside],
            "n_terms": tested.sum(axis=1),
        }
    )
    return {"enrichment": _tests(groups, names, inside, tested, alpha), "groups": of_groups, "left_out": left_out}


def _tests(groups: Groups, names: np.ndarray, terms: np.ndarray, tested: np.ndarray, alpha: float) -> pd.DataFrame:
    """The pairs that are `tested`, [group, term]: one family."""
    found = over_representation(groups.members, terms, groups.background, groups.stratum)
    group, term = np.nonzero(tested)
    p, odds = found.p[tested], np.nan_to_num(found.odds_ratio[tested])
    padj = adjusted(p)
    order = np.lexsort((term, group, -odds, p))
    group, term = group[order], term[order]
    both = groups.members[group] & terms[term] & groups.background[group]
    counts = {
        name: getattr(found, name)[tested][order]
        for name in ("n_overlap", "n_group", "n_term", "n_background", "expected", "odds_ratio")
    }
    return pd.DataFrame(
        {
            "group": pd.Categorical.from_codes(group, list(groups.names)),
            "term": pd.Categorical.from_codes(term, list(names)),
            **counts,
            "p": p[order],
            "padj": padj[order],
            "significant": padj[order] < alpha,
            "genes": pd.Series([", ".join(groups.genes[row]) for row in both], dtype=object),
        }
    )


def _no_overlap(genes: np.ndarray, terms: Mapping[str, Sequence[str]]) -> str:
    first = [gene for part in terms.values() for gene in part][:3]
    msg = (
        f"None of the gene sets holds a gene of the background: the sets have {name_quoted(first)}, the background "
        f"has {name_quoted(genes[:3])}."
    )
    lower = {str(gene).lower() for gene in genes}
    if any(str(gene).lower() in lower for part in terms.values() for gene in part):
        return f"{msg} They differ by upper and lower case: sets of another species? Translate them first."
    return f"{msg} If var_names are identifiers, name the column of adata.var with the symbols by gene_symbols=."


def named_genes(names: Sequence[object], argument: str, known: Callable[[str], str], there: pd.Index) -> list[str]:
    """Genes that a user lists, by the names of ``var_names``; all have to be in the object."""
    stored = [known(str(name)) for name in names]
    if absent := [str(name) for name, gene in zip(names, stored, strict=True) if gene not in there]:
        msg = f"{argument} names genes that are not in adata.var_names: {name_some(absent)}."
        raise InputError(msg)
    return stored
