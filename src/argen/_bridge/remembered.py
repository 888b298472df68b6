"""Layer, depth, covariates and gene symbols that an earlier step was given: those after it take them too."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from argen._bridge import log
from argen._bridge.counts import UNAFFECTED, depth_of, read_depth
from argen._bridge.results.entries import Entry, entries
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["REMEMBERED", "remembered_depth", "with_remembered"]

REMEMBERED = ("layer", "depth", "covariates", "gene_symbols")


def with_remembered(adata: "AnnData", given: Mapping[str, Any], kinds: Sequence[str] = ("descendants", "qc")) -> dict:
    """`given`, with each of :data:`REMEMBERED` that is None as the first entry of `kinds` that has it was given it.

    Among entries of a kind the one with the usual name goes first. ``covariates=[]`` is not None: without covariates.
    """
    result = dict(given)
    found = [entry for kind in kinds for entry in _usual_first(adata, kind)]
    for name in REMEMBERED:
        if result.get(name) is not None:
            continue
        if entry := next((entry for entry in found if entry.settings.get(name) is not None), None):
            result[name] = entry.settings[name]
            log.info(f"    {name}={entry.settings[name]!r}, as uns[{entry.key!r}] had it")
    return result


def remembered_depth(adata: "AnnData", depth: str | None, counts: Callable[[], Any]) -> np.ndarray:
    """Depth of each cell; that of unaffected genes as the descendant step chose them. `counts` are read if needed."""
    if depth is not None and (depth != UNAFFECTED or UNAFFECTED in adata.obs):
        return read_depth(adata.obs, depth, None)
    if depth is None:
        return read_depth(adata.obs, None, counts())
    steps = [entry for entry in _usual_first(adata, "descendants") if "depth_genes" in entry.tables]
    if not steps:
        msg = "depth='unaffected' is chosen by ag.tl.argen_descendants(depth='unaffected'): run that first."
        raise InputError(msg)
    return depth_of(adata, depth, counts(), steps[0].tables["depth_genes"])


def _usual_first(adata: "AnnData", kind: str) -> list[Entry]:
    return sorted(entries(adata, kind), key=lambda entry: (entry.key != f"argen_{kind}", entry.key))
