"""MuData of every supported version, without importing mudata for those who hold none."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from argen._bridge.storage import check_is_read
from argen.errors import ArgenError, InputError

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["columns_stay", "copied", "find_column", "is_mudata", "naming_columns", "push_hint"]


def is_mudata(data: object) -> bool:
    """Whether it is a MuData; whoever holds one has imported mudata."""
    mudata = sys.modules.get("mudata")
    return mudata is not None and isinstance(data, mudata.MuData)


def columns_stay() -> AbstractContextManager:
    """Context in which columns stay in the modalities when a MuData is made, read, copied or updated.

    The default since mudata 0.4; 0.3 pulls them into the MuData, and warns that this will change.
    """
    import mudata

    if hasattr(mudata, "settings"):
        return mudata.settings.override(pull_on_update=False)
    return mudata.set_options(pull_on_update=False)


def copied(data: "AnnData | MuData") -> "AnnData | MuData":
    """Copy of either, with the columns where they are."""
    if not is_mudata(data):
        return data.copy()
    for name, adata in data.mod.items():
        check_is_read(adata, f"mdata[{name!r}]")  # MuData cannot copy it
    with columns_stay():
        return data.copy()


def find_column(mdata: "MuData", name: str, modality: str) -> str | None:
    """What a column of a modality is called in ``mdata.obs``: as here, or with the prefix that pulled columns have."""
    return next((there for there in (name, f"{modality}:{name}") if there in mdata.obs), None)


def push_hint(name: str) -> str:
    """What to do if the AnnData is a modality, which does not know its MuData; empty for who never had one."""
    return f" If it is one of mdata.obs, mdata.push_obs([{name!r}]) copies it." if "mudata" in sys.modules else ""


@contextmanager
def naming_columns(data: "AnnData | MuData", modality: str | None) -> Iterator[None]:
    """Let errors about a column that ``mdata.obs`` has say so, with what brings it into the modality.

    It is not put there unasked: results are read again together with the columns that they rest on, for which the
    modality has to keep them, and a column of the user's own may have that name.
    """
    try:
        yield
    except ArgenError as error:
        name = _missing_column(error)
        there = find_column(data, name, modality) if name is not None and modality is not None else None
        if there is None:
            if name is None or modality is None:
                raise
            columns = ", ".join(map(str, data.obs.columns[:30])) or "none"
            told = type(error)(f"{str(error).replace(push_hint(name), '')} Columns in mdata.obs: {columns}.")
            raise told from error
        pushed = there.removeprefix(f"{modality}:")
        if pushed in data.mod[modality].obs:
            where = f"In mdata[{modality!r}].obs it is called {pushed!r}."
        else:
            called = "" if pushed == name else f" as {pushed!r}"
            where = (
                f"It is a column of mdata.obs: mdata.push_obs([{there!r}], mods=[{modality!r}]) copies it into "
                f"mdata[{modality!r}].obs{called}."
            )
        told = type(error)(f"{str(error).replace(push_hint(name), '')} {where}")
        raise told from error


def _missing_column(error: BaseException | None) -> str | None:
    """The obs column whose absence led to an error."""
    while error is not None and not isinstance(error, InputError):
        error = error.__cause__
    return None if error is None else error.column
