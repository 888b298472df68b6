"""Checks of what a user hands over; every failure names the thing and the cure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from argen._bridge.columns import numbers_in, parsed, stored_as
from argen._bridge.mudatas import push_hint
from argen._bridge.storage import check_is_read
from argen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = [
    "check_anndata",
    "check_complete",
    "check_count",
    "check_key",
    "check_layer",
    "check_level",
    "check_number",
    "check_option",
    "check_positive",
    "counted",
    "name_quoted",
    "name_some",
    "read_array",
    "read_column",
    "read_numbers",
    "read_seed",
]

_MAX_NAMED = 10


def name_some(names: Iterable[object], limit: int = _MAX_NAMED) -> str:
    """Join names for a message: the first `limit`, then how many more there are."""
    names = [str(name) for name in names]
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")


def name_quoted(names: Iterable[object], limit: int = _MAX_NAMED) -> str:
    """Join names that a user gave for a message, as Python writes them: blanks show, and they can be copied."""
    return name_some((repr(str(name)) for name in names), limit)


def counted(n: int, noun: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{n} {noun}" + ("" if n == 1 else "s")


def check_anndata(adata: object) -> None:
    """Raise :class:`~argen.errors.InputError` unless `adata` is an AnnData whose tables are in memory."""
    from anndata import AnnData

    if isinstance(adata, AnnData):
        check_is_read(adata)
        return
    if type(adata).__name__ == "MuData":
        from argen._bridge.modality import likely_rna  # which needs this module

        name = likely_rna(list(adata.mod))
        msg = f"This takes an AnnData, not a MuData: pass the modality with the counts, such as mdata[{name!r}]."
    else:
        msg = f"This takes an AnnData, not a {type(adata).__name__}."
    raise InputError(msg)


def check_key(name: str, value: object) -> None:
    """Raise :class:`~argen.errors.InputError` unless `value` can name a slot in memory and in files."""
    if not isinstance(value, str) or not value or "/" in value:
        msg = f"{name}={value!r} has to be a text, not empty and without '/', which files take for a path."
        raise InputError(msg)


def check_layer(adata: "AnnData", layer: str | None, name: str = "adata", argument: str = "layer") -> None:
    """Raise an :class:`~argen.errors.InputError` unless the layer is there; ``None`` stands for X."""
    if layer is not None and layer not in adata.layers:
        names = [name for name in adata.layers if name is not None]  # since anndata 0.13 X is the layer None
        msg = f"{argument}={layer!r} is not in {name}.layers. Layers: {name_some(names) or 'none'}."
        raise InputError(msg)


def check_option(name: str, value: object, allowed: Sequence[object]) -> None:
    """Raise :class:`~argen.errors.InputError` unless `value` is one of `allowed`."""
    if not any(value is option or (type(value) is type(option) and value == option) for option in allowed):
        msg = f"{name}={value!r} is not one of {', '.join(repr(option) for option in allowed)}."
        raise InputError(msg)


def check_count(name: str, value: object, least: int) -> int:
    """Return `value`, checked to be an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        msg = f"{name}={value!r}: give an integer of at least {least}."
        raise InputError(msg)
    return int(value)


def read_seed(rng: object) -> int:
    """Return a seed: the one that is given, or one drawn from a generator."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**31))
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)) or rng < 0:
        msg = f"rng={rng!r} is neither a seed of 0 or more nor a numpy.random.Generator."
        raise InputError(msg)
    return int(rng)


def check_number(name: str, value: object, least: float = -np.inf, most: float = np.inf) -> float:
    """Return `value`, checked to be a finite number from `least` to `most`."""
    if not _is_finite(value) or not least <= value <= most:
        limit = "" if least == -np.inf else f" of at least {least:g}"
        limit += "" if most == np.inf else f" and at most {most:g}"
        msg = f"{name}={value!r}: give a finite number{limit}."
        raise InputError(msg)
    return float(value)


def check_level(name: str, value: float) -> None:
    """Raise :class:`~argen.errors.InputError` unless `value` is a number strictly between 0 and 1."""
    if not _is_finite(value) or not 0 < value < 1:
        msg = f"{name}={value!r} is not a level between 0 and 1."
        raise InputError(msg)


def check_positive(name: str, value: object) -> float:
    """Return `value`, checked to be a finite number above 0."""
    if not _is_finite(value) or value <= 0:
        msg = f"{name}={value!r} is not a finite number larger than 0."
        raise InputError(msg)
    return float(value)


# What the numbers of an array have to be, and the words where they are not.
_KINDS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str]] = {
    "finite": (np.isfinite, "has to be finite"),
    "positive": (lambda array: array > 0, "has to be positive"),
    "not negative": (lambda array: array >= 0, "is negative or missing"),
    "level": (lambda array: (array > 0) & (array < 1), "is not between 0 and 1"),
}


def read_array(name: str, value: object, kind: str | None = None) -> np.ndarray:
    """Return `value` as an array of floats, of any shape, checked to be of this kind if one is named."""
    try:
        array = np.asarray(value)
        array = array.astype(np.float64) if array.dtype.kind in "iufO" else None
    except (TypeError, ValueError):
        array = None
    if array is None:
        msg = f"{name}={value!r} is not a number or an array of numbers."
        raise InputError(msg)
    if kind is not None and not _KINDS[kind][0](array).all():
        msg = f"{name}={value!r} {_KINDS[kind][1]}."
        raise InputError(msg)
    return array


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and -np.inf < value < np.inf


def read_column(obs: "pd.DataFrame | Mapping[str, pd.DataFrame]", name: str, what: str, hint: str = "") -> "pd.Series":
    """Return a column of ``adata.obs``, or of the first table that has it.

    Parameters
    ----------
    obs
        The table, or several by what they are called in the message.
    name
        Name of the column.
    what
        What the message calls it, such as ``"depth='umis'"``.
    hint
        What the message advises.
    """
    tables = obs if isinstance(obs, Mapping) else {"adata.obs": obs}
    for table in tables.values():
        if name in table.columns:
            return table[name]
    there = "; ".join(f"in {where}: {name_some(table.columns, 30) or 'none'}" for where, table in tables.items())
    push = "" if isinstance(obs, Mapping) else push_hint(name)
    error = InputError(f"{what} is not an obs column.{hint} Columns {there}.{push}")
    error.column = name
    raise error


def check_complete(column: "pd.Series", what: str, error: type[InputError] = InputError) -> None:
    """Raise `error` if values of a column are missing; `what` it is called in the message."""
    if missing := int(column.isna().sum()):
        msg = f"{what} is missing (NaN) in {counted(missing, 'cell')}. Fill it in or drop the cells."
        raise error(msg)


def read_numbers(
    column: "pd.Series", what: str, least: float = -np.inf, error: type[InputError] = InputError
) -> np.ndarray:
    """Return the values of a column, checked to be finite numbers of at least `least`; else raise `error`.

    Texts, categories and objects that are all numbers are read as such.
    """
    if stored_as(column) is None:
        check_complete(column, what, error)
        values = column.to_numpy(dtype=np.float64)
    else:
        values = _converted(column, what, error)
    if wrong := int((~np.isfinite(values) | (values < least)).sum()):
        kind = "infinite" if least == -np.inf else f"infinite or below {least:g}"
        msg = f"{what} is {kind} in {counted(wrong, 'cell')}. Correct it or drop the cells."
        raise error(msg)
    return values


def _converted(column: "pd.Series", what: str, error: type[InputError]) -> np.ndarray:
    """Numbers of a column of texts, categories or objects."""
    import pandas as pd

    numbers = numbers_in(column)
    if numbers is None:
        other = next((value for value in column.dropna() if parsed(value) is None), None)
        msg = (
            f"{what} is not numeric (type {column.dtype}, with values such as {other!r}). Name a column of numbers, "
            "or convert it."
        )
        raise error(msg)
    check_complete(pd.Series(numbers), what, error)
    return numbers
