"""Layer, depth and covariates that an earlier step was given: those after it take them too."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from argen._bridge import log
from argen._bridge.results.entries import Entry, entries

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["REMEMBERED", "with_remembered"]

REMEMBERED = ("layer", "depth", "covariates")


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


def _usual_first(adata: "AnnData", kind: str) -> list[Entry]:
    return sorted(entries(adata, kind), key=lambda entry: (entry.key != f"argen_{kind}", entry.key))
