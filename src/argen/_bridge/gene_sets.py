"""Gene sets in whatever form users have them: a dict, a file in GMT, a table with source and target."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from argen._bridge.validate import name_some
from argen.errors import InputError

__all__ = ["read_gene_sets"]

_FORMS = (
    "a dict from the name of a set to its genes, the path of a GMT file, or a table with the columns source (the set) "
    "and target (its genes), as decoupler has them"
)
_NAMED = 3


def read_gene_sets(gene_sets: object, name: str = "gene_sets") -> dict[str, tuple[str, ...]]:
    """Genes by set, each once, in the order in which they were given; sets without a gene stay."""
    if isinstance(gene_sets, Mapping):
        found = {str(term): _genes(name, term, genes) for term, genes in gene_sets.items()}
    elif isinstance(gene_sets, pd.DataFrame):
        found = _of_table(gene_sets, name)
    elif isinstance(gene_sets, str | Path):
        found = _of_gmt(Path(gene_sets), name)
    else:
        msg = f"{name} is a {type(gene_sets).__name__}: give {_FORMS}."
        raise InputError(msg)
    if not any(found.values()):
        msg = f"{name} holds no set with a gene in it."
        raise InputError(msg)
    return found


def _genes(name: str, term: object, genes: object) -> tuple[str, ...]:
    if isinstance(genes, str | bytes) or not isinstance(genes, Iterable):
        msg = f"{name}[{term!r}] is {genes!r}: give a list of genes."
        raise InputError(msg)
    return tuple(dict.fromkeys(str(gene).strip() for gene in genes if not pd.isna(gene)))


def _of_table(table: pd.DataFrame, name: str) -> dict[str, tuple[str, ...]]:
    for column in ("source", "target"):
        if column not in table:
            msg = f"{name} has no column {column!r}; its columns: {name_some(table.columns)}. Give {_FORMS}."
            raise InputError(msg)
    rows = table[["source", "target"]].dropna().astype(str)
    return {term: _genes(name, term, genes) for term, genes in rows.groupby("source", sort=False)["target"]}


def _of_gmt(path: Path, name: str) -> dict[str, tuple[str, ...]]:
    """One set a line: name, description, genes, separated by tabulators."""
    if not path.is_file():
        msg = f"{name}={str(path)!r} is not a file. Give {_FORMS}."
        raise InputError(msg)
    found: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        term, *more = line.split("\t")
        if not more:
            msg = (
                f"{name}: line {number} of {str(path)!r} has no tabulator. A GMT file has a set on each line: its "
                "name, a description and its genes, separated by tabulators."
            )
            raise InputError(msg)
        if term in found:
            msg = f"{name}: {str(path)!r} holds the set {term!r} twice (line {number}). Rename one of them."
            raise InputError(msg)
        found[term] = _genes(name, term, [gene for gene in more[1:] if gene.strip()])
    return found
