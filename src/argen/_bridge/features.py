"""Which columns of an AnnData are genes: one object may hold guides, antibodies and hashtags beside them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge import log
from argen._bridge.validate import counted, name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "check_gene_names",
    "features_of_type",
    "gene_columns",
    "gene_positions",
    "genes_of",
    "guide_type",
    "log_other_features",
    "other_types",
]

GENE_TYPE = "Gene Expression"  # Cell Ranger's word
# Columns of var with the type of each feature, as scanpy and as Cell Ranger's tables call it.
_COLUMNS = ("feature_types", "feature_type")
# Parts of the names of types that are no genes, and of those that are guides.
_NO_GENES = ("capture", "crispr", "guide", "grna", "antibody", "hashtag", "multiplexing", "custom", "peaks")
_GUIDES = ("crispr", "guide", "grna")
_KIND_OF_GENE = "protein_coding"  # CELLxGENE and annotations keep kinds of genes in a column of the same name
_UNTYPED = "without a type"


def gene_columns(adata: "AnnData") -> np.ndarray | None:
    """Mask of the columns that are genes; None where no column of var says that some are something else."""
    types = _types(adata)
    if types is None or (types == GENE_TYPE).all():
        return None
    return types == GENE_TYPE


def genes_of(adata: "AnnData") -> pd.Index:
    """Names of the genes, in the order of the columns."""
    genes = gene_columns(adata)
    return adata.var_names if genes is None else adata.var_names[genes]


def gene_positions(adata: "AnnData", names: Iterable[str]) -> np.ndarray:
    """Column of each gene by name, −1 where there is none; a guide that is called like the gene is none."""
    genes = gene_columns(adata)
    if genes is None:
        return adata.var_names.get_indexer(list(names))
    at = adata.var_names[genes].get_indexer(list(names))
    return np.append(np.flatnonzero(genes), -1)[at]


def check_gene_names(adata: "AnnData") -> None:
    """Raise :class:`~argen.errors.InputError` if names of genes repeat; other features may be called like a gene."""
    names = genes_of(adata)
    if not names.is_unique:
        repeated = names[names.duplicated()].unique()
        msg = f"adata.var_names holds duplicates: {name_some(repeated)}. Call adata.var_names_make_unique() first."
        raise InputError(msg)


def log_other_features(adata: "AnnData") -> None:
    """Log how many features are no genes, by type; warn of those without a type beside others that have one."""
    types, column = _types(adata), _column(adata)
    if column is None:
        return
    if types is None:
        found = name_some(map(repr, pd.unique(_words(adata.var[column]))), 3)
        log.info(f"    var[{column!r}] has no {GENE_TYPE!r} (but {found}): every feature is taken for a gene")
        return
    names, sizes = np.unique(types[types != GENE_TYPE].astype(str), return_counts=True)
    if not len(names):
        return
    by_type = ", ".join(f"{n} {name}" for name, n in zip(names, sizes, strict=True))
    text = f"{sizes.sum()} of {counted(len(types), 'feature')} are no genes and stay out of the depth, too: {by_type}"
    if _UNTYPED in names:
        log.warning(f"{text} (empty in var[{column!r}])")
    else:
        log.info(f"    {text}")


def other_types(adata: "AnnData") -> list[str]:
    """Types of the features that are no genes, sorted."""
    types = _types(adata)
    return [] if types is None else sorted({*types} - {GENE_TYPE, _UNTYPED})


def features_of_type(adata: "AnnData", name: str) -> np.ndarray:
    """Columns of the features of a type."""
    return np.flatnonzero(_types(adata) == name)


def guide_type(adata: "AnnData") -> str | None:
    """The type of features that are guides, None where there is none; several are an error."""
    found = [name for name in other_types(adata) if any(word in name.casefold() for word in _GUIDES)]
    if len(found) > 1:
        msg = (
            f"adata.var[{_column(adata)!r}] has {len(found)} types of features that may be guides: "
            f"{name_some(map(repr, found))}. Name one, such as guides={found[0]!r}."
        )
        raise InputError(msg)
    return found[0] if found else None


def _types(adata: "AnnData") -> np.ndarray | None:
    """Type of each feature; None where they do not tell genes from others."""
    column = _column(adata)
    if column is None:
        return None
    words = _words(adata.var[column])
    if (words == GENE_TYPE).any():
        return words
    found = [str(name) for name in pd.unique(words)]
    others = [name for name in found if any(part in name.casefold() for part in _NO_GENES)]
    if others and _KIND_OF_GENE not in found:
        msg = (
            f"adata.var[{column!r}] has no {GENE_TYPE!r}, but {name_some(map(repr, sorted(found)))}: pass the AnnData "
            f"with the genes, or write {GENE_TYPE!r} there for the features that are genes."
        )
        raise InputError(msg)
    return None


def _column(adata: "AnnData") -> str | None:
    """Column with types: the first that names genes, else the first that is there."""
    there = [name for name in _COLUMNS if name in adata.var]
    with_genes = (name for name in there if (_words(adata.var[name]) == GENE_TYPE).any())
    return next(with_genes, next(iter(there), None))


def _words(column: pd.Series) -> np.ndarray:
    """Types as texts, those of genes in one spelling."""
    codes, found = pd.factorize(column)
    words = [str(value).strip() or _UNTYPED for value in found]
    plain = [word.casefold().replace("_", " ") for word in words]
    words = [GENE_TYPE if text == GENE_TYPE.casefold() else word for word, text in zip(words, plain, strict=True)]
    return np.array([*words, _UNTYPED], dtype=object)[codes]
