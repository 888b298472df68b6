"""Columns that the options name and ``mdata.obs`` has, where those of the RNA modality do not have them."""

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING

from argen._bridge import log
from argen._bridge.mudatas import find_column
from argen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData
    from mudata import MuData

__all__ = ["take_columns"]


def take_columns(options: argparse.Namespace, data: "AnnData | MuData", adata: "AnnData", rna: str | None) -> None:
    """Copy them, for this run: a column that the modality has is never overwritten."""
    if rna is None:
        return
    for name in _named(options, data, adata, rna):
        if name not in adata.obs and (found := _elsewhere(data, adata, rna, name)):
            where, column = found
            adata.obs[name] = column.reindex(adata.obs_names)
            log.info(f"    column {name!r} is {where}")


def _elsewhere(data: "MuData", adata: "AnnData", rna: str, name: str) -> "tuple[str, pd.Series] | None":
    if there := find_column(data, name, rna):
        return f"mdata.obs[{there!r}]", data.obs[there]
    own = name.removeprefix(f"{rna}:")
    return (f"mdata[{rna!r}].obs[{own!r}]", adata.obs[own]) if own in adata.obs else None


def _named(options: argparse.Namespace, data: "MuData", adata: "AnnData", rna: str) -> list[str]:
    """Columns that are named, in the order of the options."""
    names = [getattr(options, name) for name in ("perturbation_key", "depth", "replicate")]
    names += _covariates(options.covariates, data, adata, rna)
    # Guide calling looks into mdata.obs itself, for columns without the prefix of a modality.
    of_guides = [*(options.batch or ()), options.guide_depth]
    names += [name for name in of_guides if not any(name in some.obs for some in (data, *data.mod.values()))]
    return [name for name in dict.fromkeys(names) if name is not None]


def _covariates(covariates: str | list[str] | None, data: "MuData", adata: "AnnData", rna: str) -> list[str]:
    """Columns in a list or formula; none of one that cannot be read, which is an error of the run itself."""
    if covariates is None or not isinstance(covariates, str):
        return list(covariates or ())
    from argen._bridge.design import parse_covariates

    there = data.obs.reindex(adata.obs_names)
    pulled = {name.removeprefix(f"{rna}:"): there[name] for name in there if str(name).startswith(f"{rna}:")}
    prefixed = {f"{rna}:{name}": adata.obs[name] for name in adata.obs}
    union = adata.obs.assign(**(prefixed | pulled | dict(there.items())))
    with suppress(InputError):
        return list(dict.fromkeys(parse_covariates(covariates, union).columns.values()))
    return []
