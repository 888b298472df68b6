"""MuData of every supported version, without importing mudata for those who hold none."""

import sys
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anndata import AnnData
    from mudata import MuData

__all__ = ["columns_stay", "copied", "is_mudata"]


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
    with columns_stay():
        return data.copy()
