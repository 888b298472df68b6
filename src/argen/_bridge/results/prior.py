"""Prior knowledge: a table of pairs → arrays, with contradictions named."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from argen._bridge.gene_names import GeneNames
from argen._bridge.results.entries import Entry
from argen._bridge.validate import name_some
from argen._core.descendants.prior import Prior, build_prior, no_prior
from argen.errors import InputError

__all__ = ["PRIOR_COLUMNS", "prior_in_words", "read_prior", "stored_prior"]

PRIOR_COLUMNS = ("source", "target", "rule")
RULES = ("forbidden", "required", "before")


def read_prior(table: object, genes: Sequence[str], names: GeneNames | None = None) -> tuple[Prior, pd.DataFrame]:
    """Arrays over the genes of the network, and the table as it is stored; `names` are those it may have for genes."""
    if table is None:
        return no_prior(len(genes)), _tidy({name: [] for name in PRIOR_COLUMNS})
    if not isinstance(table, pd.DataFrame) or not set(PRIOR_COLUMNS) <= set(table.columns):
        found = f"columns {name_some(table.columns)}" if isinstance(table, pd.DataFrame) else type(table).__name__
        msg = f"prior has to be a DataFrame with the columns source, target and rule, not {found}."
        raise InputError(msg)
    tidy = _tidy(table, names)
    if unknown := sorted(set(tidy["rule"]) - set(RULES)):
        msg = f"prior has the rule {name_some(map(repr, unknown))}; the rules are {', '.join(map(repr, RULES))}."
        raise InputError(msg)
    if absent := sorted((set(tidy["source"]) | set(tidy["target"])) - set(genes)):
        msg = (
            f"prior names genes that are not in the network: {name_some(absent)}. It holds perturbations that are "
            "measured "
            "and kept, see ag.get.perturbations(adata); leave these rows out."
        )
        raise InputError(msg)
    if loops := sorted(set(tidy["source"][tidy["source"] == tidy["target"]])):
        msg = f"prior has rows from a gene to itself: {name_some(loops)}."
        raise InputError(msg)
    position = {gene: j for j, gene in enumerate(genes)}
    pairs = np.column_stack([tidy[end].map(position).to_numpy(dtype=np.int64) for end in ("source", "target")])
    prior = build_prior(len(genes), *(pairs[(tidy["rule"] == rule).to_numpy()] for rule in RULES))
    _check_consistent(prior, pairs[(tidy["rule"] != "forbidden").to_numpy()], genes)
    return prior, tidy


def stored_prior(entry: Entry, genes: Sequence[str]) -> Prior:
    """The prior knowledge that a stored network was searched with."""
    return read_prior(entry.tables.get("prior"), genes)[0]


def prior_in_words(table: pd.DataFrame) -> str:
    """A line for the rows of a table of :func:`read_prior`: the same in any order, another one for other rows."""
    rows = sorted(f"{row.source} → {row.target} {row.rule}" for row in table.itertuples())
    words = name_some(rows)
    # A long table is told by its first rows, and by what stands for all of them.
    return words if len(rows) <= 1 else f"{words} ({sha256(repr(rows).encode()).hexdigest()[:8]})"


def _tidy(table: Any, names: GeneNames | None = None) -> pd.DataFrame:
    columns = {name: pd.Series(np.asarray(table[name], dtype=object)).astype(str) for name in PRIOR_COLUMNS}
    if names is not None:
        columns |= {end: columns[end].map(names.gene) for end in ("source", "target")}
    return pd.DataFrame(columns).drop_duplicates(ignore_index=True)


def _check_consistent(prior: Prior, ordered: np.ndarray, genes: Sequence[str]) -> None:
    both = [f"{genes[s]} → {genes[t]}" for s, t in zip(*np.nonzero(prior.forbidden & prior.required), strict=True)]
    if both:
        msg = f"prior both forbids and requires {name_some(both)}. Keep one of the two rules."
        raise InputError(msg)
    if (prior.before & prior.before.T).any():
        cycle = " → ".join(genes[i] for i in _cycle(ordered, len(genes)))
        msg = f"prior contradicts itself: its required edges and orders form the cycle {cycle}. Leave one of them out."
        raise InputError(msg)


def _cycle(pairs: np.ndarray, n: int) -> list[int]:
    import networkx as nx

    graph = nx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(pairs.tolist())
    edges = nx.find_cycle(graph)
    return [edges[0][0], *(edge[1] for edge in edges)]
