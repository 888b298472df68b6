"""Networks that were made elsewhere: a table of edges, checked and brought onto the genes of an object."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.features import genes_of
from argen._bridge.gene_names import GeneNames
from argen._bridge.validate import counted, name_quoted, name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["ImportedEdges", "check_pairs", "check_weights", "on_genes_of", "standard_edges"]

_ALIASES = {
    "source": ("source", "parent", "from", "regulator", "tf"),
    "target": ("target", "child", "to", "gene"),
    "coef": ("coef", "weight", "mor"),
}
_ARGUMENTS = {"source": "source", "target": "target", "coef": "weight"}
_NUMBERS = ("coef", "se", "z", "p")
_MISSING = ("", "na", "nan", "none", "null")
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_ABSENT, _AMBIGUOUS, _UNWANTED = "not in adata", "name of several genes", "not in genes="
_LOOP = "from a gene to itself"


@dataclass(frozen=True, slots=True)
class ImportedEdges:
    """A network over genes of an object.

    Attributes
    ----------
    edges
        ``source`` and ``target`` (categories: `genes`), ``coef``, ``se``, ``z``, ``p``, ``selected``, ``flags``;
        the weakest first.
    genes
        All genes of the network, those without an edge included, sorted.
    left_out
        Edges with a gene that is not among them, or from a gene to itself: ``source``, ``target``, ``coef``,
        ``selected``, ``reason``.
    unknown
        Names of genes that are not in the object, sorted; empty if the genes were chosen.
    """

    edges: pd.DataFrame
    genes: tuple[str, ...]
    left_out: pd.DataFrame
    unknown: tuple[str, ...]


def standard_edges(
    table: pd.DataFrame, columns: Mapping[str, str | None] = MappingProxyType({}), name: str = "network"
) -> pd.DataFrame:
    """Source, target, coef, se, z, p (NaN where not there) and selected of a user's table, in its order.

    `columns` names those of ``"source"``, ``"target"`` and ``"coef"``, None for the usual ones; `name` is what messages
    call the table.
    """
    found = {role: _column(table, role, columns.get(role), name) for role in _ALIASES}
    ends = {role: _texts(table[found[role]], role, name) for role in ("source", "target")}
    numbers = {role: _numbers(table, found.get(role, role), name) for role in _NUMBERS}
    _check_ranges(numbers, name)
    edges = pd.DataFrame({**ends, **numbers}).reset_index(drop=True)
    return edges.assign(selected=_selected(table, numbers["coef"], name))


def check_weights(edges: pd.DataFrame) -> None:
    """Raise unless all edges have a coefficient, or none has one: half a network cannot be stored as a matrix."""
    lost = edges["selected"] & edges["coef"].isna()
    if lost.any() and not edges["coef"].isna().all():
        msg = (
            f"{counted(int(lost.sum()), 'edge')} of the network without a weight, where others have one: "
            f"{_arrows(edges[lost])}. Fill them in, or drop these rows."
        )
        raise InputError(msg)


def on_genes_of(
    adata: "AnnData",
    edges: pd.DataFrame,
    names: GeneNames,
    genes: Iterable[str] | None = None,
    listed: Sequence[str] | None = None,
) -> ImportedEdges:
    """Edges of :func:`standard_edges` by ``var_names``.

    Parameters
    ----------
    names
        What genes may be called.
    genes
        The genes of the network, those without an edge included. None: `listed`, else those with an edge.
    listed
        Genes that a file lists, as far as the object has them.
    """
    there = frozenset(map(str, genes_of(adata)))
    wanted = None if genes is None else _wanted(genes, names, there)
    given = edges[["source", "target"]]
    edges = edges.assign(**{end: names.genes(edges[end]) for end in given})
    own = (edges["source"] == edges["target"]).to_numpy()
    check_pairs(edges[~own])  # databases list autoregulation, which no network here can hold
    reason = np.where(own, _LOOP, "").astype(object)
    for end in given:
        reason = np.where(reason == "", _reasons(given[end], edges[end], names, there, wanted), reason)
    inside = reason == ""
    left_out = edges.loc[~inside, ["source", "target", "coef", "selected"]].assign(reason=reason[~inside])
    if own.all() and len(edges):
        check_pairs(edges.drop_duplicates(["source", "target"]))
    if len(edges) and not inside.any():
        raise InputError(_nothing_in_common(given, there, wanted))
    kept = edges[inside]
    nodes = {*kept["source"], *kept["target"]} | {gene for gene in names.genes(listed or ()) if gene in there}
    nodes = tuple(sorted(nodes if wanted is None else wanted))
    if not nodes:
        msg = "The network holds no edges. Give its genes as genes=, or another table."
        raise InputError(msg)
    named = {*given["source"], *given["target"], *(listed or ())} if wanted is None else ()
    unknown = tuple(sorted(name for name in named if names.gene(name) not in there))
    return ImportedEdges(_stored(kept, nodes), nodes, left_out.reset_index(drop=True), unknown)


def _column(table: pd.DataFrame, role: str, given: str | None, name: str) -> str:
    """The column of a role; '' for coefficients that are not there."""
    argument = _ARGUMENTS[role]
    if given is not None:
        if given in table.columns:
            return given
        msg = f"{argument}={given!r} is not a column of the {name}; its columns: {name_quoted(table.columns)}."
        raise InputError(msg)
    lower = {str(column).lower(): column for column in reversed(table.columns)}
    found = next((lower[alias] for alias in _ALIASES[role] if alias in lower), "")
    if found == "" and role != "coef":
        msg = (
            f"The {name} has no column {' or '.join(map(repr, _ALIASES[role]))}; its columns: "
            f"{name_quoted(table.columns)}. Rename the one with the {role}s"
            f"{f', or name it by {argument}=' if name == 'network' else ''}."
        )
        raise InputError(msg)
    return found


def _texts(column: pd.Series, role: str, name: str) -> np.ndarray:
    texts = np.array(
        ["" if missing else str(name).strip() for name, missing in zip(column, column.isna(), strict=True)]
    )
    if (empty := texts == "").any():
        msg = f"{counted(int(empty.sum()), 'edge')} of the {name} without a {role}: fill it in, or drop these rows."
        raise InputError(msg)
    return texts.astype(object)


def _numbers(table: pd.DataFrame, column: str, name: str) -> np.ndarray:
    if column not in table.columns:
        return np.full(len(table), np.nan)
    try:
        return np.array([_number(value) for value in table[column]], dtype=np.float64)
    except (TypeError, ValueError) as error:
        msg = f"The column {column!r} of the {name} holds what is not a number: {error}."
        raise InputError(msg) from error


def _number(value: object) -> float:
    if isinstance(value, str):  # Python reads back the very number that was written
        return np.nan if value.strip().lower() in _MISSING else float(value)
    return np.nan if pd.isna(value) else float(value)


def _check_ranges(numbers: Mapping[str, np.ndarray], name: str) -> None:
    wrong = {
        "coef": np.isinf(numbers["coef"]),
        "se": numbers["se"] < 0,
        "p": (numbers["p"] < 0) | (numbers["p"] > 1),
    }
    limits = {"coef": "finite", "se": "0 or more", "p": "from 0 to 1"}
    for column, rows in wrong.items():
        if rows.any():
            values = name_some(numbers[column][rows])
            what = "weights" if column == "coef" else column
            msg = f"The {what} of the {name} have to be {limits[column]}; not {values}."
            raise InputError(msg)


def _selected(table: pd.DataFrame, coef: np.ndarray, name: str) -> np.ndarray:
    """Which rows are edges: the column says so, else all whose weight is not 0."""
    if "selected" not in table.columns:
        return coef != 0
    texts = table["selected"].astype(object).astype(str).str.strip().str.lower()
    if (unknown := ~texts.isin(list(_TRUTH))).any():
        msg = (
            f"The column 'selected' of the {name} holds {name_quoted(texts[unknown].unique())}; it says of each row "
            "whether it is an edge: True or False."
        )
        raise InputError(msg)
    return texts.map(_TRUTH).to_numpy(dtype=bool)


def _arrows(edges: pd.DataFrame) -> str:
    return name_some(dict.fromkeys(edges["source"] + " → " + edges["target"]))


def check_pairs(edges: pd.DataFrame, name: str = "network") -> None:
    """Raise if an edge is there twice, or leads from a gene to itself."""
    if (repeated := edges.duplicated(["source", "target"])).any():
        msg = f"The {name} holds edges more than once: {_arrows(edges[repeated])}. Give each edge once."
        raise InputError(msg)
    if (own := edges["source"] == edges["target"]).any():
        msg = (
            f"The {name} holds edges from a gene to itself: {name_some(edges['source'][own])}. Take them out, such as "
            "by table[table['source'] != table['target']]."
        )
        raise InputError(msg)


def _wanted(genes: Iterable[str], names: GeneNames, there: frozenset[str]) -> frozenset[str]:
    if isinstance(genes, str):
        msg = f"genes={genes!r}: give several names of genes, as a list."
        raise InputError(msg)
    genes = list(map(str, genes))
    if missing := [gene for gene in genes if names.gene(gene) not in there]:
        msg = f"genes= names {name_quoted(missing)}, which adata does not have. Take them out."
        raise InputError(msg)
    return frozenset(map(names.gene, genes))


def _reasons(
    given: pd.Series, gene: pd.Series, names: GeneNames, there: frozenset[str], wanted: frozenset[str] | None
) -> np.ndarray:
    """Why an end cannot be a gene of the network, '' where it can."""
    shared = given.isin(list(names.shared)) & ~gene.isin(there)
    unwanted = np.zeros(len(gene), dtype=bool) if wanted is None else ~gene.isin(wanted)
    return np.select([unwanted, shared, ~gene.isin(there)], [_UNWANTED, _AMBIGUOUS, _ABSENT], "").astype(object)


def _nothing_in_common(given: pd.DataFrame, there: frozenset[str], wanted: frozenset[str] | None) -> str:
    some = name_quoted(sorted({*given["source"], *given["target"]}), 3)
    where, others = ("adata", there) if wanted is None else ("genes=", wanted)
    return (
        f"None of the {counted(len(given), 'edge')} has both of its genes in {where}: the network is about {some}, "
        f"{where} has {name_quoted(sorted(others), 3)}. Other names of the genes: gene_symbols=, a column of adata.var."
    )


def _stored(edges: pd.DataFrame, genes: Sequence[str]) -> pd.DataFrame:
    """As uns keeps it, weakest first: :func:`argen.get.edges` turns round what has no test statistic."""
    strength = edges["coef"].abs().fillna(0.0).to_numpy()
    edges = edges.iloc[np.argsort(strength, kind="stable")].reset_index(drop=True)
    ends = {end: pd.Categorical(edges[end], categories=list(genes)) for end in ("source", "target")}
    flags = pd.Categorical(np.full(len(edges), ""), categories=[""])
    return edges.assign(**ends, flags=flags)[["source", "target", *_NUMBERS, "selected", "flags"]]
