"""Modalities of a MuData: which holds the RNA, which the guides, which the results of argen."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from argen._bridge.mudatas import copied, is_mudata
from argen._bridge.results.entries import is_entry
from argen._bridge.runtime import one_call
from argen._bridge.validate import name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["check_present", "find_guides", "find_rna", "modality", "takes_mudata"]

_GUIDE_NAMES = ("guide", "guides", "gdo", "grna", "crispr")
_RNA_NAMES = ("rna", "gex", "gene")

Function = TypeVar("Function", bound=Callable[..., Any])


def takes_mudata(function: Function) -> Function:
    """Let `function` take a MuData in place of its AnnData, and tell what it has to tell once.

    It gets the modality with results of argen; where none has any, the one with the RNA. With ``copy=True`` the whole
    MuData is copied, and returned.
    """

    @wraps(function)
    def on_either(adata: Any, *args: Any, **kwargs: Any) -> Any:
        with one_call():
            return called(adata, *args, **kwargs)

    def called(adata: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_mudata(adata):
            return function(adata, *args, **kwargs)
        if not kwargs.get("copy", False):
            return function(adata.mod[_with_results(adata)], *args, **kwargs)
        name = _with_results(adata)
        result = copied(adata)
        function(result.mod[name], *args, **kwargs | {"copy": False})
        return result

    return on_either


def _with_results(mdata: "MuData") -> str:
    found = [name for name, adata in mdata.mod.items() if any(map(is_entry, adata.uns.values()))]
    if len(found) > 1:
        words = f"{name_some(found)} of the MuData hold something that argen wrote"
        msg = f"{words}; choose one, such as mdata[{found[0]!r}]."
        raise InputError(msg)
    return found[0] if found else find_rna(mdata, None)


def find_rna(data: "AnnData | MuData", guides: str | None) -> str | None:
    """Name of the modality to write to: `None` for an AnnData, else the RNA one or the only one without guides."""
    if not is_mudata(data):
        _check_anndata(data)
        return None
    names = list(data.mod)
    others = [name for name in names if name != guides and name.lower() not in _GUIDE_NAMES]
    found = [name for name in others if name.lower() in _RNA_NAMES] or others
    if len(found) != 1:
        msg = (
            f"The RNA modality cannot be told among {name_some(names)}: "
            f"call one of them {', '.join(_RNA_NAMES[:-1])} or {_RNA_NAMES[-1]}."
        )
        raise InputError(msg)
    return found[0]


def modality(data: "AnnData | MuData", name: str | None) -> "AnnData":
    """Return the AnnData itself, or the modality `name` of a MuData."""
    return data if name is None else data.mod[name]


def find_guides(data: "MuData", guides: str | None) -> str:
    names = list(data.mod)
    if guides is not None:
        check_present(guides, names, "modality", "modalities")
        return guides
    found = [name for name in names if name.lower() in _GUIDE_NAMES]
    if len(found) != 1:
        msg = (
            f"The guide modality cannot be told: the modalities are {name_some(names)}, and {len(found)} of them are "
            f"called {', '.join(_GUIDE_NAMES[:-1])} or {_GUIDE_NAMES[-1]}. Name it with guides=..., "
            "or name an obs column with labels=...."
        )
        raise InputError(msg)
    return found[0]


def _check_anndata(data: object) -> None:
    anndata = sys.modules.get("anndata")
    if anndata is None or not isinstance(data, anndata.AnnData):
        msg = f"data must be an AnnData or a MuData, not {type(data).__name__}."
        raise InputError(msg)


def check_present(name: str, there: list[str], kind: str, kinds: str) -> None:
    if name not in there:
        msg = f"There is no {kind} {name!r}; the {kinds} are: {name_some(there) or 'none'}."
        raise InputError(msg)
