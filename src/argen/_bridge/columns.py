"""Columns of numbers that are stored as texts, categories or objects: whether they are such, and their numbers."""

from decimal import Decimal
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_float", "holds_measurements", "is_number", "numbers_in", "parsed", "stored_as"]

# Names of batches are few, or have many cells each; measurements are many, or many of them belong to one cell.
MOST_CODES, MOST_DECIMALS, LONELY = 50, 20, 0.05
_MISSING = frozenset({"", "nan", "na", "n/a", "<na>", "none", "null"})


def is_number(column: "pd.Series") -> bool:
    """Whether the type of a column says that it holds numbers, not yes and no."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype)


def numbers_in(column: "pd.Series") -> np.ndarray | None:
    """Numbers of a column of texts, categories or objects, NaN where missing; None if it holds anything else."""
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, levels = column.cat.codes.to_numpy(), column.cat.categories
    else:
        first = next(iter(column.dropna()), None)
        if first is None:
            return np.full(len(column), np.nan)
        if parsed(first) is None:  # most columns of texts are seen through by their first cell
            return None
        try:
            codes, levels = pd.factorize(column)
        except TypeError:  # lists and the like
            return None
    numbers = [parsed(level) for level in levels]
    if None in numbers:
        return None
    return np.array([*numbers, np.nan])[codes]


def parsed(value: object) -> float | None:
    """A number, or the text of one, as Python and tables write it; NaN for the words for a missing one."""
    if isinstance(value, str):
        word = value.strip()
        if word.lower() in _MISSING:
            return np.nan
        if "_" in word:  # which Python takes for a thousands separator, and people for part of a name
            return None
        try:
            return float(word)
        except ValueError:
            return None
    is_plain = isinstance(value, Real | Decimal) and not isinstance(value, bool | np.bool_)
    return float(value) if is_plain else None


def holds_measurements(column: "pd.Series") -> bool:
    """Whether the texts, categories or objects of a column are measurements, not names of levels.

    All of them have to be finite numbers. With decimals there are more than 20 different ones; whole numbers more than
    50, one in twenty of which belongs to a single cell: of a batch, however many there are, no level is that small.
    """
    if is_number(column) or (numbers := numbers_in(column)) is None:
        return False
    levels, sizes = np.unique(numbers[~np.isnan(numbers)], return_counts=True)
    if not np.isfinite(levels).all():
        return False
    if (levels != np.round(levels)).any():
        return len(levels) > MOST_DECIMALS
    return len(levels) > MOST_CODES and bool(np.mean(sizes == 1) >= LONELY)


def stored_as(column: "pd.Series") -> str | None:
    """What numbers are stored as, in words; None for a column of numbers."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype):
        return None
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "a category"
    return "text" if isinstance(next(iter(column.dropna()), ""), str) else "objects"


def as_float(name: str) -> str:
    """The line that makes a column of adata.obs one of numbers."""
    return f"adata.obs[{name!r}] = adata.obs[{name!r}].astype(float)"
