"""Which pairs are compared: candidates of a network, edges of other networks, random pairs of its genes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.responders.stored import read_responders
from argen._bridge.results.entries import Entry, find_entry, maker_of_name, read_entry
from argen._bridge.results.tables import EDGE_KINDS
from argen._bridge.validate import counted
from argen.errors import InputError, MissingResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["RANDOM", "TESTED", "Candidates", "known_symbols", "other_networks", "random_pairs", "read_candidates"]

TESTED, RANDOM = "tested, not selected", "random pairs"
MOST_RANDOM = 1_000_000  # pairs: more are a sample


@dataclass(frozen=True, slots=True)
class Candidates:
    """The pairs that a search tested.

    Attributes
    ----------
    entry
        The network.
    genes
        All genes of it, nodes first, then responders.
    n_nodes
        How many of them are nodes.
    table
        ``source``, ``target``, ``kind``, ``coef``, ``selected``, a row per pair.
    source, target
        Places of both ends among the genes.
    responders
        The result for responders, if it is read.
    decided
        Places of the ends of the pairs that prior knowledge decided, shape (2, d).
    """

    entry: Entry
    genes: list[str]
    n_nodes: int
    table: pd.DataFrame
    source: np.ndarray
    target: np.ndarray
    responders: Entry | None
    decided: np.ndarray

    @property
    def made_from(self) -> dict[str, str]:
        """Ids of what these are read from."""
        made = {**self.entry.made_from, "network": self.entry.id}
        return made if self.responders is None else made | {"responders": self.responders.id}

    def within(self, group: np.ndarray) -> "Candidates":
        """The pairs within groups of genes, given by numbers; genes with −1 are in none."""
        keep = (group[self.source] == group[self.target]) & (group[self.source] >= 0)
        table = self.table[keep].reset_index(drop=True)
        if not table["selected"].any():
            msg = f"groups: adata.uns[{self.entry.key!r}] has no edge within a group."
            raise InputError(msg)
        log.info(f"    {counted(int(keep.sum()), 'pair')} of {len(keep):,} are within a group")
        return replace(self, table=table, source=self.source[keep], target=self.target[keep])


def known_symbols(adata: "AnnData", network: Entry) -> str | None:
    """The column of symbols that the descendant step of a network was given, if it is still there."""
    step = find_entry(adata, str(network.settings.get("descendants", "")))
    column = None if step is None else step.settings.get("gene_symbols")
    return column if column in adata.var else None


def read_candidates(adata: "AnnData", network: str, responders: object) -> Candidates:
    """All candidate edges of a network, but for those that prior knowledge has forbidden or required."""
    entry = read_entry(adata, network, "network")
    by_prior = _by_prior(entry.tables["edges"])
    parts, found = [_candidates(entry.tables["edges"], EDGE_KINDS[0], f"adata.uns[{network!r}]")], None
    nodes = entry.tables["nodes"]["gene"].astype(str).tolist()
    genes = list(nodes)
    if responders is not False:
        found = read_responders(adata, entry, responders)
        edges = found.tables["edges"]
        if "tested" in edges:
            edges = edges[edges["tested"].to_numpy(bool)]
        parts.append(_candidates(edges, EDGE_KINDS[1], f"adata.uns[{found.key!r}]"))
        known = set(genes)
        genes += [gene for gene in found.tables["genes"]["gene"].astype(str) if gene not in known]
    table = pd.concat(parts, ignore_index=True)
    if not table["selected"].any():
        msg = f"adata.uns[{network!r}] has no edge that was tested and selected: there is nothing to find evidence for."
        raise InputError(msg)
    index = pd.Index(genes)
    ends = [index.get_indexer(table[end]) for end in ("source", "target")]
    edges = entry.tables["edges"][by_prior]
    decided = np.stack([index.get_indexer(edges[end].astype(str)) for end in ("source", "target")])
    return Candidates(entry, genes, len(nodes), table, *ends, found, decided)


def _by_prior(edges: pd.DataFrame) -> np.ndarray:
    """Which pairs prior knowledge decided."""
    known = np.zeros(len(edges), dtype=bool)
    if "flags" in edges:  # responders of a joint network have none, since no prior decides about them
        known = edges["flags"].astype(str).str.contains("forbidden", regex=False).to_numpy(bool)
    return known | (edges["required"].to_numpy(bool) if "required" in edges else False)


def _candidates(edges: pd.DataFrame, kind: str, what: str) -> pd.DataFrame:
    known = _by_prior(edges)
    if known.any():
        log.info(f"    {what}: {counted(int(known.sum()), 'pair')} left out that prior knowledge decided")
    edges = edges[~known]
    return pd.DataFrame(
        {
            "source": edges["source"].astype(str).to_numpy(dtype=object),
            "target": edges["target"].astype(str).to_numpy(dtype=object),
            "kind": kind,
            "coef": edges["coef"].to_numpy(dtype=float),
            "selected": edges["selected"].to_numpy(dtype=bool),
        }
    )


def other_networks(
    adata: "AnnData", others: object, candidates: Candidates, group: np.ndarray | None = None
) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Ends and effects of the selected edges of other networks, by name; edges with further genes are left out.

    `group`: number of the group of each gene; edges are within one then.
    """
    named = _named(others)
    index, edges = pd.Index(candidates.genes), {}
    for label, key in named.items():
        if label in (TESTED, RANDOM):
            msg = f"others: {label!r} is what another comparison is called. Choose another name."
            raise InputError(msg)
        if key == candidates.entry.key:
            msg = f"others names {key!r}, which is the network itself."
            raise InputError(msg)
        if key not in adata.uns:
            msg = f"others: adata.uns[{key!r}] is missing. Run {maker_of_name(key)} first, or name the key it wrote to."
            raise MissingResultError(msg)
        table = read_entry(adata, key, "network").tables["edges"]
        table = table[table["selected"].to_numpy(bool)]
        source, target = (index.get_indexer(table[end].astype(str)) for end in ("source", "target"))
        inside = (source >= 0) & (target >= 0)
        if group is not None:
            inside &= (group[source] == group[target]) & (group[source] >= 0)
        if not inside.any():
            msg = f"others: adata.uns[{key!r}] has no edge between genes of adata.uns[{candidates.entry.key!r}]."
            raise InputError(msg)
        if not inside.all():
            left = counted(int((~inside).sum()), "edge")
            log.info(f"    {label}: {left} left out, with genes that are not in both, or of two groups")
        edges[label] = (source[inside], target[inside], table["coef"].to_numpy(dtype=float)[inside])
    return edges


def _named(others: object) -> dict[str, str]:
    """Names of networks by what they are called in the tables."""
    if others is None:
        return {}
    if isinstance(others, str):
        others = [others]
    if isinstance(others, Mapping):
        return {str(label): key for label, key in others.items()}
    if isinstance(others, Sequence) and all(isinstance(key, str) for key in others):
        return {key: key for key in others}
    msg = f"others={others!r}: give names of networks in adata.uns, or a mapping from what to call them to these."
    raise InputError(msg)


def random_pairs(
    candidates: Candidates, allowed: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of a node and another gene that are not selected, nor decided by prior knowledge.

    A sample of them if they are very many.

    `allowed`: group of each gene, −1 where it has none; pairs are of one group then.
    """
    n, p = candidates.n_nodes, len(candidates.genes)
    n_pairs = n * p
    if n_pairs > MOST_RANDOM:
        log.info(f"    of {n_pairs:,} pairs of genes {MOST_RANDOM:,} are drawn for the random pairs")
        at = np.unique(rng.integers(0, n_pairs, MOST_RANDOM, dtype=np.int64))
    else:
        at = np.arange(n_pairs, dtype=np.int64)
    chosen = candidates.table["selected"].to_numpy(bool)
    edges = candidates.source[chosen].astype(np.int64) * p + candidates.target[chosen]
    at = at[~np.isin(at, np.concatenate([edges, candidates.decided[0].astype(np.int64) * p + candidates.decided[1]]))]
    source, target = at // p, at % p
    keep = source != target
    if allowed is not None:
        keep &= (allowed[source] == allowed[target]) & (allowed[source] >= 0)
    return source[keep], target[keep]
