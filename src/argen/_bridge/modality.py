"""Modalities of a MuData: which holds the RNA, which the guides, which the results of argen."""

import re
import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from argen._bridge.lazy import is_lazy, tables_in_memory
from argen._bridge.mudatas import copied, is_mudata, naming_columns
from argen._bridge.results.entries import is_entry
from argen._bridge.runtime import one_call
from argen._bridge.storage import check_is_read, check_takes_results
from argen._bridge.validate import name_quoted
from argen.errors import InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["check_present", "find_analysed", "find_guides", "find_rna", "likely_rna", "modality", "takes_mudata"]

# Names in lower case, letters and digits only: those of Cell Ranger's feature types and the usual short ones.
_RNA = "rna gex gene genes geneexpression expression transcriptome transcripts mrna rnaseq scrna scrnaseq snrna"
_GUIDES = (
    "guide guides gdo grna grnas sgrna sgrnas guiderna crispr crisprguidecapture guidecapture guidecounts "
    "perturb perturbation perturbations"
)
# What is neither; Custom may be anything but RNA.
_OTHERS = (
    "adt adts hto htos cmo prot protein proteins antibody antibodies antibodycapture multiplexingcapture hashtag "
    "hashtags cellhashing antigencapture surface custom atac peaks chromatinaccessibility airr vdj tcr bcr"
)
_KINDS = {"rna": _RNA, "guide": _GUIDES, "other": _OTHERS}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_RNA_NAMES = "rna, gex, gene or 'Gene Expression'"
_GUIDE_NAMES = "guide, guides, gdo, grna, sgrna, crispr or 'CRISPR Guide Capture'"

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
        if is_lazy(adata):
            with tables_in_memory(adata) as light:
                return function(light, *args, **kwargs)
        if not is_mudata(adata):
            if kwargs.get("copy", False) and hasattr(adata, "isbacked"):
                check_takes_results(adata, copy=True)
            return function(adata, *args, **kwargs)
        name = _with_results(adata) or _told_rna(adata, None, "pass it itself, such as mdata[{name!r}]")
        with naming_columns(adata, name):
            if not kwargs.get("copy", False):
                return called(adata.mod[name], *args, **kwargs)
            result = copied(adata)
            function(result.mod[name], *args, **kwargs | {"copy": False})
            return result

    return on_either


def _with_results(mdata: "MuData", cure: str = "choose one, such as mdata[{name!r}]") -> str | None:
    """Name of the modality that holds something argen wrote; `None` if none does."""
    found = [name for name, adata in mdata.mod.items() if any(map(is_entry, adata.uns.values()))]
    if len(found) > 1:
        words = f"{name_quoted(found)} of the MuData hold something that argen wrote"
        msg = f"{words}; {cure.format(name=found[0])}."
        raise InputError(msg)
    return found[0] if found else None


def find_analysed(data: "AnnData | MuData", rna: str | None) -> str | None:
    """Name of the modality to go on with: as :func:`find_rna`, after the one that holds results of argen."""
    if rna is None and is_mudata(data) and (found := _with_results(data, "choose one, such as rna={name!r}")):
        return found
    return find_rna(data, None, rna)


def find_rna(data: "AnnData | MuData", guides: str | None, rna: str | None = None) -> str | None:
    """Name of the modality to write to: `None` for an AnnData, else the one named `rna`, or the one with the RNA.

    That is the one that is called so, or the only one that is neither `guides` nor called like something else.
    """
    if not is_mudata(data):
        _check_anndata(data)
        if rna is not None:
            msg = f"rna={rna!r} names a modality of a MuData, but this is an AnnData: leave it out."
            raise InputError(msg)
        return None
    if rna is None:
        return _told_rna(data, guides, "name it, such as rna={name!r}")
    check_present(rna, list(data.mod), "modality", "modalities")
    if rna == guides:
        msg = f"rna={rna!r} and guides={guides!r} name the same modality: the guide counts have one of their own."
        raise InputError(msg)
    return rna


def _told_rna(mdata: "MuData", guides: str | None, cure: str) -> str:
    """The RNA modality by its name; `cure` says in the message what to do where it cannot be told."""
    names = list(mdata.mod)
    others = [name for name in names if name != guides and _kind(name) not in ("guide", "other")]
    found = [name for name in others if _kind(name) == "rna"] or others
    if len(found) == 1:
        return found[0]
    name = likely_rna([*found, *names])
    rename = f"mudata.MuData({{'rna': mdata[{name!r}], ...}})"
    msg = (
        f"The RNA modality cannot be told among {name_quoted(names)}: {cure.format(name=name)}, or call one of them "
        f"{_RNA_NAMES}, as {rename} does."
    )
    raise InputError(msg)


def likely_rna(names: list[str]) -> str:
    """The name to show in a message that asks for the RNA modality: one called so, else one that is not called else."""
    ranks = {"rna": 0, None: 1, "guide": 2, "other": 2}
    return min(names, key=lambda name: ranks[_kind(name)], default="rna")


def _kind(name: str) -> str | None:
    """What a modality of that name holds: rna, guide or other; `None` if its name does not tell."""
    return _KIND_OF.get(re.sub(r"[\W_]+", "", name.lower()))


def modality(data: "AnnData | MuData", name: str | None) -> "AnnData":
    """Return the AnnData itself, or the modality `name` of a MuData."""
    return data if name is None else data.mod[name]


def find_guides(data: "MuData", guides: str | None) -> str:
    names = list(data.mod)
    if guides is not None:
        check_present(guides, names, "modality", "modalities")
        return guides
    found = [name for name in names if _kind(name) == "guide"]
    if len(found) != 1:
        msg = (
            f"The guide modality cannot be told: the modalities are {name_quoted(names)}, and {len(found)} of them are "
            f"called {_GUIDE_NAMES}. Name it with guides=..., or name an obs column with labels=...."
        )
        raise InputError(msg)
    return found[0]


def _check_anndata(data: object) -> None:
    anndata = sys.modules.get("anndata")
    if anndata is None or not isinstance(data, anndata.AnnData):
        msg = f"data must be an AnnData or a MuData, not {type(data).__name__}."
        raise InputError(msg)
    check_is_read(data, "data")


def check_present(name: str, there: list[str], kind: str, kinds: str) -> None:
    if name not in there:
        msg = f"There is no {kind} {name!r}; the {kinds} are: {name_quoted(there) or 'none'}."
        raise InputError(msg)
