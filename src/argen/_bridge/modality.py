"""Functions on an AnnData that take a MuData too: they work on the one modality that holds argen's results."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from argen._bridge.guides.calls import find_rna
from argen._bridge.mudatas import copied, is_mudata
from argen._bridge.results.entries import is_entry
from argen._bridge.validate import name_some
from argen.errors import InputError

if TYPE_CHECKING:
    from mudata import MuData

__all__ = ["takes_mudata"]

Function = TypeVar("Function", bound=Callable[..., Any])


def takes_mudata(function: Function) -> Function:
    """Let `function` take a MuData in place of its AnnData.

    It gets the modality with results of argen; where none has any, the one with the RNA. With ``copy=True`` the whole
    MuData is copied, and returned.
    """

    @wraps(function)
    def on_either(adata: Any, *args: Any, **kwargs: Any) -> Any:
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
