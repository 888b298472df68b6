"""Groups of genes, such as chromosomes, within which a network is searched."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from argen._bridge.features import gene_columns
from argen._bridge.gene_names import GeneNames
from argen._bridge.runtime import warn_user
from argen._bridge.validate import counted, name_some
from argen._core.dag.groups import pairs_within
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

    from argen._core.descendants.prior import Prior

__all__ = ["GIVEN", "check_prior_within", "groups_in_words", "read_groups"]

GIVEN = "a mapping"


def read_groups(
    adata: "AnnData", groups: object, genes: Sequence[str], names: GeneNames
) -> tuple[np.ndarray, pd.DataFrame]:
    """Number of the group of each gene, −1 for none; and the table of ``gene`` and ``group``, empty for none."""
    called = _named(adata, groups, names)
    group = called.reindex(list(genes))
    missing = group.isna().to_numpy()
    text = np.where(missing, "", group.astype(str)).astype(object)
    codes = np.where(missing, -1, pd.factorize(text)[0])
    sizes = np.bincount(codes[codes >= 0]) if (codes >= 0).any() else np.zeros(1)
    if sizes.max() < 2:
        msg = f"groups: no two genes of the network are in one group; {counted(len(genes), 'gene')} are in the network."
        raise InputError(msg)
    if missing.any():
        lost = [gene for gene, no in zip(genes, missing, strict=True) if no]
        warn_user(f"groups: {counted(len(lost), 'gene')} in no group, hence without edges: {name_some(lost)}.")
    alone = [gene for gene, code in zip(genes, codes, strict=True) if code >= 0 and sizes[code] == 1]
    if alone:
        warn_user(f"groups: {counted(len(alone), 'gene')} alone in a group, hence without edges: {name_some(alone)}.")
    return codes, pd.DataFrame({"gene": np.array(genes, dtype=object), "group": text})


def _named(adata: "AnnData", groups: object, names: GeneNames) -> pd.Series:
    """Group by gene."""
    if isinstance(groups, str):
        if groups not in adata.var:
            msg = f"groups={groups!r} is not a column of adata.var. Columns: {name_some(map(repr, adata.var.columns))}."
            raise InputError(msg)
        mask = gene_columns(adata)
        column = adata.var[groups] if mask is None else adata.var.loc[mask, groups]
        return column.astype(object)
    if isinstance(groups, Mapping | pd.Series) and len(groups):
        given = pd.Series(dict(groups), dtype=object)
        given.index = pd.Index(names.genes(given.index))
        if given.index.has_duplicates:
            msg = f"groups names genes twice: {name_some(given.index[given.index.duplicated()])}."
            raise InputError(msg)
        if unknown := [gene for gene in given.index if gene not in names.var_names]:
            msg = (
                f"groups names {counted(len(unknown), 'gene')} that adata.var_names has not: "
                f"{name_some(map(repr, unknown))}. Correct the names, or leave these genes out."
            )
            raise InputError(msg)
        return given
    msg = f"groups is a {type(groups).__name__}: give a column of adata.var, or a mapping from genes to their groups."
    raise InputError(msg)


def check_prior_within(prior: "Prior", group: np.ndarray, genes: Sequence[str]) -> None:
    """Raise where prior knowledge requires edges from one group to another."""
    across = prior.required & ~pairs_within(group)
    if across.any():
        pairs = [f"{genes[s]} → {genes[t]}" for s, t in zip(*np.nonzero(across), strict=True)]
        msg = f"prior requires {name_some(pairs)}, whose genes are not in one group. Leave these rows or groups= out."
        raise InputError(msg)


def groups_in_words(table: pd.DataFrame) -> str:
    """What stands for the groups in the name of a run."""
    return sha256(repr(sorted(zip(table["gene"], table["group"], strict=True))).encode()).hexdigest()[:16]
