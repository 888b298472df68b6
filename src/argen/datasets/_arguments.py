"""Single arguments of a simulation: read into plain numbers and tuples, or refused with the cure."""

from collections.abc import Collection, Mapping, Sequence
from numbers import Integral

import numpy as np
import pandas as pd

from argen._bridge.validate import check_count, check_number, name_some, read_array
from argen.errors import InputError

__all__ = [
    "read_count_pair",
    "read_name",
    "read_names",
    "read_sizes",
    "read_values",
    "refuse_unknown",
]


def read_count_pair(name: str, value: object) -> tuple[int, int]:
    """Read a pair of integers (fewest, most), both included."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        msg = f"{name}={value!r} is not a pair (fewest, most), such as (1, 3)."
        raise InputError(msg)
    low, high = (check_count(name, number, 0) for number in value)
    if low > high:
        msg = f"{name}=({low}, {high}) has its larger number first: give (fewest, most)."
        raise InputError(msg)
    return low, high


def read_name(name: str, value: object) -> str:
    """Read a label: a string that is not empty."""
    if not isinstance(value, str) or not value:
        msg = f"{name}={value!r} is not a name: give a string that is not empty."
        raise InputError(msg)
    return value


def read_names(name: str, values: object) -> tuple[str, ...]:
    """Read distinct names; a single string stands for itself."""
    values = [values] if isinstance(values, str) else values
    if isinstance(values, Mapping) or not hasattr(values, "__iter__"):
        msg = f"{name}={values!r} is not a list of names."
        raise InputError(msg)
    names = tuple(str(read_name(name, value)) for value in values)
    if repeated := {label for label in names if names.count(label) > 1} if len(set(names)) < len(names) else ():
        msg = f"{name} holds names more than once: {name_some(sorted(repeated))}. Give each name once."
        raise InputError(msg)
    return names


def refuse_unknown(name: str, names: Collection[str], known: Sequence[str], what: str) -> None:
    """Raise unless all of `names` are known."""
    if unknown := sorted(set(names) - set(known), key=str):
        listing = f"known: {name_some(known)}" if known else "there is none"
        msg = f"{name} names {name_some(unknown)}, which {'is' if len(unknown) == 1 else 'are'} no {what} ({listing})."
        raise InputError(msg)


def read_values(
    name: str, values: object, labels: Sequence[str], *, shape: tuple[int, ...] | None = None, minimum: float = -np.inf
) -> float | tuple[float, float] | np.ndarray:
    """Read a number, a tuple (low, high) to draw from, or one value per label (array, mapping or Series)."""
    if isinstance(values, tuple):
        return _read_range(name, values, minimum)
    if isinstance(values, Mapping | pd.Series):
        values = _by_label(name, dict(values), labels)
    array = read_array(name, values)
    if array.ndim == 0:
        return check_number(name, array.item(), minimum)
    shape = (len(labels),) if shape is None else shape
    if array.shape == shape[:1] and shape[1:] == (1,):
        array = array[:, None]  # one confounder: its loadings may come as a vector
    if array.shape != shape:
        msg = f"{name} has shape {array.shape}, expected {shape}. A range to draw from is a tuple (low, high)."
        raise InputError(msg)
    if not np.isfinite(array).all() or array.min() < minimum:
        msg = f"{name} holds values that are not finite or below {minimum:g}."
        raise InputError(msg)
    return array


def _read_range(name: str, values: tuple, minimum: float) -> tuple[float, float]:
    if len(values) != 2:
        msg = f"{name} is a tuple of {len(values)}: a tuple is a range (low, high); give single values as an array."
        raise InputError(msg)
    low, high = (check_number(name, value, minimum) for value in values)
    if low > high:
        msg = f"{name}=({low:g}, {high:g}) has its larger number first: give (low, high)."
        raise InputError(msg)
    return low, high


def _by_label(name: str, values: dict, labels: Sequence[str]) -> list[object]:
    refuse_unknown(name, values, labels, "gene here")
    if missing := [label for label in labels if label not in values]:
        msg = f"{name} has no value for {name_some(missing)}: give one for each, or a single number for all."
        raise InputError(msg)
    return [values[label] for label in labels]


def read_sizes(name: str, values: object, labels: Sequence[str]) -> int | np.ndarray:
    """Read a positive size for all, or one per label."""
    if isinstance(values, Integral):
        return check_count(name, values, 1)
    if isinstance(values, Mapping | pd.Series):
        values = _by_label(name, dict(values), labels)
    array = read_array(name, values)
    if array.shape != (len(labels),) or (array < 1).any() or (array != np.floor(array)).any():
        msg = f"{name} is not a whole number of 1 or more, nor {len(labels)} of them (one per perturbation)."
        raise InputError(msg)
    return array.astype(np.int64)
