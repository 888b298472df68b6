"""Genes of a result as people read them: which of them the object still holds, and what they are called."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge.gene_names import GeneNames, gene_names, text_of
from argen._bridge.guides.names import clean_text
from argen._bridge.results.entries import Entry, find_entry, function_of
from argen._bridge.runtime import new_names, warn_user
from argen._bridge.validate import name_some
from argen.errors import StaleResultError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["ShownNames", "remembered_symbols", "renamed", "shown_names"]

_ENDS = ("source", "target")
# Columns of tables that hold a gene, and those that hold texts which name genes.
_GENES = ("source", "target", "gene", "perturbation", "earlier", "later", "group")
_TEXTS = (
    "loop", "singular_because_of", "blocked_by", "perturbations", "genes", "what", "advice", "reason", "name",
    "without", "lost_in", "found_in", "variation", "path",
)  # fmt: skip
# Tables that name all genes of a result, and those that name them where there is none of these.
_ALL = {"nodes": ("gene",), "genes": ("gene",)}
_SOME = {"edges": _ENDS, "equations": ("target",), "positive_controls": ("perturbation",)}
_NAMED = 3


class ShownNames:
    """What the genes of a result are called, and which of them `adata` still holds.

    Every table, graph, plot and file goes through here: what is stored has the names that ``var_names`` had, what is
    shown has those of the column `gene_symbols` of ``var``. Raises and warns where genes of the result are gone.

    Parameters
    ----------
    adata, entry
        The object, and the result.
    gene_symbols
        Column of ``var`` with the names to show. None: the one that the descendant step of the result was given.
    leaves_out
        Whether rows of genes that are gone are left out of what is shown, so that a warning has to say so.
    """

    def __init__(
        self, adata: "AnnData", entry: Entry, gene_symbols: str | None = None, *, leaves_out: bool = True
    ) -> None:
        self.gene_symbols = gene_symbols
        self.names = _names(adata, entry, gene_symbols)
        self._held = pd.Index(adata.var_names.astype(str))
        genes = _genes_of(entry)
        if len(genes) and not genes.isin(self._held).any():
            self._take_column(adata, entry, genes)
        gone = genes[~genes.isin(self._held)]
        if leaves_out and (new := new_names(gone)):
            called = name_some(map(self.names.show, new))
            warn_user(
                f"{len(gone)} of the {len(genes)} genes of adata.uns[{entry.key!r}] are not in adata.var_names, and "
                f"what concerns them is left out: {called}."
            )

    def _take_column(self, adata: "AnnData", entry: Entry, genes: pd.Index) -> None:
        """Genes that were renamed, by the column that still has their names; an error unless that is given."""
        if self.gene_symbols is not None:
            former = pd.Index(_texts(adata.var[self.gene_symbols]))
            if genes.isin(former).any():
                self._held, self.names = former, GeneNames(self.gene_symbols, frozenset(former))
                return
        raise StaleResultError(_renamed(adata, entry, genes))

    def held(self, names: Iterable[str]) -> np.ndarray:
        """Which of these stored names `adata` still holds."""
        column = pd.Series(names, dtype=None if hasattr(names, "dtype") else object).reset_index(drop=True)
        codes, found = pd.factorize(column)
        known = [str(name) in self._held for name in found]  # texts of numpy would lose a null at their end
        return np.array([*known, False], dtype=bool)[codes]

    def n_left_out(self, table: pd.DataFrame, ends: tuple[str, ...] = _ENDS) -> int:
        """Rows of a stored table one of whose genes `adata` no longer holds."""
        return int((~self._rows(table, ends)).sum())

    def table(self, table: pd.DataFrame, ends: tuple[str, ...] = _ENDS) -> pd.DataFrame:
        """Rows of a stored table whose genes `adata` holds, by the names to show, which are texts."""
        kept = table[self._rows(table, ends)]
        return self.rename(kept.assign(**{end: kept[end].astype(object).astype(str) for end in ends})).reset_index(
            drop=True
        )

    def _rows(self, table: pd.DataFrame, ends: tuple[str, ...]) -> np.ndarray:
        rows = np.ones(len(table), dtype=bool)
        for end in ends:
            rows &= self.held(table[end])
        return rows

    def rename(self, table: pd.DataFrame) -> pd.DataFrame:
        """All rows of a stored table, by the names to show, in whatever columns name genes."""
        return renamed(table, self.names)

    def entry(self, entry: Entry) -> Entry:
        """A stored result with the names to show in all of its tables; rows stay."""
        if not self.names.shown:
            return entry
        return replace(entry, tables={name: self._part(part) for name, part in entry.tables.items()})

    def _part(self, part: Any) -> Any:
        if isinstance(part, pd.DataFrame):
            return self.rename(part)
        if isinstance(part, np.ndarray) and part.dtype.kind not in "biuf":
            return np.array([self.names.show(str(name)) for name in part], dtype=object)
        return part

    def given(self, names: Any) -> Any:
        """Names that a user gives, of either kind, as they are shown; one, several, or the keys of a mapping."""
        if isinstance(names, str):
            return self.names.show(self.names.gene(names))
        if isinstance(names, Mapping):
            return {self.given(name): value for name, value in names.items()}
        if isinstance(names, Iterable) and not isinstance(names, bytes):
            return (
                type(names)(map(self.given, names)) if type(names) in (list, tuple, set) else [*map(self.given, names)]
            )
        return names

    def stored(self, names: Any) -> Any:
        """Names that a user gives, one or several, as they are stored."""
        if isinstance(names, str):
            return self.names.gene(names)
        several = isinstance(names, Iterable) and not isinstance(names, bytes)
        return [self.names.gene(name) if isinstance(name, str) else name for name in names] if several else names


def renamed(table: pd.DataFrame, names: GeneNames) -> pd.DataFrame:
    """A table by the names to show, in whatever columns name genes."""
    if not names.shown:
        return table
    new = {name: _mapped(table[name], names.show) for name in _GENES if name in table}
    new |= {name: _mapped(table[name], names.in_text) for name in _TEXTS if name in table}
    return table.assign(**new)


def shown_names(adata: "AnnData", gene_symbols: str | None, key: str | None = None) -> GeneNames:
    """Names of genes where there is no result with genes of its own: those of the column, else of the step `key`.

    Without a `key` the usual descendant step, then quality control, tell the column.
    """
    if gene_symbols is not None:
        return gene_names(adata, gene_symbols)
    for name in [key] if key is not None else ["argen_descendants", "argen_qc"]:
        entry = _entry_of(adata, name)
        if entry is not None and (found := remembered_symbols(adata, entry)) is not None:
            return _by_column(adata, entry, found)
    return gene_names(adata, None)


def remembered_symbols(adata: "AnnData", entry: Entry) -> str | None:
    """The column of symbols that the descendant step of a result was given, None if there is none."""
    seen = set()
    while entry is not None and entry.key not in seen:
        if (column := entry.settings.get("gene_symbols")) is not None:
            return str(column)
        seen.add(entry.key)
        entry = _entry_of(adata, str(entry.settings.get("descendants", entry.settings.get("key", entry.key))))
    return None


def _entry_of(adata: "AnnData", key: str) -> Entry | None:
    try:
        return find_entry(adata, key)
    except StaleResultError:  # of an older layout: whatever needs it says so
        return None


def _names(adata: "AnnData", entry: Entry, gene_symbols: str | None) -> GeneNames:
    if gene_symbols is not None:
        return gene_names(adata, gene_symbols)
    column = remembered_symbols(adata, entry)
    return gene_names(adata, None) if column is None else _by_column(adata, entry, column)


def _by_column(adata: "AnnData", entry: Entry, column: str) -> GeneNames:
    """Names by a column that an earlier step was given, which may be gone by now."""
    if column in adata.var:
        return gene_names(adata, column)
    if new_names([f"column {column}"]):
        warn_user(
            f"adata.var[{column!r}], the gene_symbols of adata.uns[{entry.key!r}], is gone: names are those of "
            "adata.var_names."
        )
    return gene_names(adata, None)


def _genes_of(entry: Entry) -> pd.Index:
    """All genes that a result has rows of, sorted."""
    tables = {name: table for name, table in entry.tables.items() if isinstance(table, pd.DataFrame)}
    of = _ALL if not _ALL.keys().isdisjoint(tables) else _SOME
    found: set[str] = set()
    for name in tables.keys() & of.keys():
        found.update(*(tables[name][column].astype(str).unique() for column in of[name] if column in tables[name]))
    return pd.Index(sorted(found), dtype=object)


def _renamed(adata: "AnnData", entry: Entry, genes: pd.Index) -> str:
    """That no gene of a result is there any more, and how they are found again."""
    texts = (name for name in adata.var.columns if text_of(adata.var[name]) is not None)
    column = next((name for name in texts if genes.isin(_texts(adata.var[name])).any()), None)
    msg = (
        f"None of the {len(genes)} genes of adata.uns[{entry.key!r}], such as {name_some(map(repr, genes[:_NAMED]))}, "
        f"is in adata.var_names, which has {name_some(map(repr, adata.var_names[:_NAMED]))}. "
    )
    again = f"run {function_of(entry)} again"
    if column is None:
        return f"{msg}Give the genes their former names back (adata.var_names = ...), or {again}."
    return (
        f"{msg}They are in adata.var[{column!r}]: set adata.var_names = adata.var[{column!r}] and show other names by "
        f"gene_symbols=..., or give gene_symbols={column!r} to see the results by these names, or {again}."
    )


def _texts(column: pd.Series) -> np.ndarray:
    codes, names = clean_text(column)
    return np.array([*names, ""], dtype=object)[codes]


def _mapped(column: pd.Series, new_name: Any) -> pd.Series | pd.Categorical:
    """A column of texts with other ones; categories stay categories, what is missing stays so."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        names = [new_name(str(name)) for name in column.cat.categories]
        if len(set(names)) == len(names):
            return column.cat.rename_categories(names)
        return column.astype(object).map(new_name, na_action="ignore").astype("category")
    if column.dtype.kind in "biufc":
        return column
    unique = {name: new_name(str(name)) for name in column.dropna().unique()}
    return column.map(unique, na_action="ignore")
