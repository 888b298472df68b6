"""Names of the genes of an object: those of ``var_names``, which is what is stored, and those of a column of var."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from argen._bridge.features import gene_columns, genes_of
from argen._bridge.guides.names import clean_text
from argen._bridge.validate import name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["GeneNames", "gene_names", "text_of", "var_column"]

# What stands between names in a text: lists, paths, loops, words.
_BETWEEN = re.compile(r"( → |⇄|; |\s+)")
_IN_LIST = ", "


@dataclass(frozen=True, slots=True)
class GeneNames:
    """What the genes of an object are called.

    Attributes
    ----------
    column
        Column of ``var`` with the names that people read, None for ``var_names`` alone.
    var_names
        The genes.
    shown
        Name in the column by gene, where it differs from the gene's own, and is no other gene's as well.
    stored
        The same the other way round, and genes with blanks round their names by the names without them.
    shared
        Genes by the names in the column that several of them have.
    """

    column: str | None
    var_names: frozenset[str]
    shown: Mapping[str, str] = field(default_factory=dict)
    stored: Mapping[str, str] = field(default_factory=dict)
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def gene(self, name: str) -> str:
        """The gene of this name: one of ``var_names``, else that which the column calls so; else the name itself."""
        return name if name in self.var_names else self.stored.get(name, name)

    def genes(self, names: Iterable[Any]) -> np.ndarray:
        """:meth:`gene` of each, as an array of texts."""
        return np.array([self.gene(str(name)) for name in names], dtype=object)

    def show(self, gene: str) -> str:
        """The name of a gene that people read."""
        return self.shown.get(gene, gene)

    def in_text(self, text: str) -> str:
        """A text that names genes, with the names that people read."""
        if not self.shown or not text:
            return text
        return _IN_LIST.join(self._in_part(part) for part in text.split(_IN_LIST))

    def _in_part(self, text: str) -> str:
        if text in self.shown:
            return self.shown[text]
        return "".join(self._of_word(word) for word in _BETWEEN.split(text))

    def _of_word(self, word: str) -> str:
        """A word of a text, which may have punctuation on it."""
        if word in self.shown or not word:
            return self.show(word)
        bare = word.lstrip("(").rstrip(").,:;")
        start = word.index(bare)
        return word[:start] + self.show(bare) + word[start + len(bare) :]


def gene_names(adata: "AnnData", column: str | None) -> GeneNames:
    """Names of the genes of an object, with those that a column of ``var`` has for them.

    A name that is missing, empty, of several genes, or the name in ``var_names`` of another gene, is not shown.
    """
    own = [str(name) for name in genes_of(adata)]
    known = frozenset(own)
    bare = _without_blanks(own, known)
    if column is None:
        return GeneNames(None, known, stored=bare)
    genes = gene_columns(adata)
    codes, names = clean_text(var_column(adata, column) if genes is None else var_column(adata, column)[genes])
    table = pd.DataFrame({"gene": np.array(own, dtype=object), "code": codes})
    table = table[table["code"] >= 0].drop_duplicates()
    several = table["code"].duplicated(keep=False)
    shared = {names[code]: tuple(part) for code, part in table[several].groupby("code")["gene"]}
    called = [(gene, names[code]) for gene, code in zip(table["gene"][~several], table["code"][~several], strict=True)]
    stored = {name: gene for gene, name in called if name not in known}
    return GeneNames(column, known, {gene: name for name, gene in stored.items()}, bare | stored, shared)


def _without_blanks(own: list[str], known: frozenset[str]) -> dict[str, str]:
    """Genes with blanks round their names by the name without them, as labels are read."""
    called: dict[str, list[str]] = {}
    for name in own:
        if (bare := name.strip()) != name and bare not in known:
            called.setdefault(bare, []).append(name)
    return {bare: names[0] for bare, names in called.items() if len(names) == 1}


def var_column(adata: "AnnData", column: object) -> pd.Series:
    """A column of ``adata.var`` that names genes."""
    if isinstance(column, str) and column in adata.var.columns:
        return adata.var[column]
    texts = [name for name in adata.var.columns if text_of(adata.var[name]) is not None]
    msg = (
        f"gene_symbols={column!r} is not a column of adata.var. Columns: {name_some(map(repr, adata.var.columns), 30)}"
        if len(adata.var.columns)
        else f"gene_symbols={column!r} is not a column of adata.var, which has none"
    )
    msg += f"; with texts: {name_some(map(repr, texts))}." if texts else "."
    raise InputError(msg)


def text_of(column: pd.Series) -> pd.Series | None:
    """A column of texts, None for one of numbers or truth values."""
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
    is_text = pd.api.types.infer_dtype(values, skipna=True) in ("string", "mixed")
    return column if is_text else None
