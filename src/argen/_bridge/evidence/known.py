"""What is known about pairs beforehand: the rules that a search respected, and a network from the literature."""

from pathlib import Path

import numpy as np
import pandas as pd

from argen._bridge.validate import name_some
from argen.errors import InputError

__all__ = ["read_known"]


def read_known(known: "pd.DataFrame | str | Path | None") -> pd.DataFrame | None:
    """Columns ``source``, ``target`` and ``weight`` (missing where there is no sign), each pair once."""
    if known is None:
        return None
    if isinstance(known, str | Path):
        if not Path(known).is_file():
            msg = f"known={str(known)!r} is not a file. Give the path of a csv file or a table."
            raise InputError(msg)
        known = pd.read_csv(known)
    if not isinstance(known, pd.DataFrame):
        msg = f"known is a {type(known).__name__}: give a table with the columns source, target, weight, or its path."
        raise InputError(msg)
    if missing := [name for name in ("source", "target") if name not in known]:
        msg = f"known has no column {name_some(map(repr, missing))}; its columns: {name_some(known.columns)}."
        raise InputError(msg)
    weight = pd.to_numeric(known["weight"], errors="coerce") if "weight" in known else np.nan
    table = known[["source", "target"]].astype(str).assign(weight=weight)
    return table.drop_duplicates(["source", "target"], ignore_index=True)
