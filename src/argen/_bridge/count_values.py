"""Values of a matrix, checked to be counts: what is off by rounding is rounded, what is off by more is refused."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from argen._bridge.validate import name_some
from argen.errors import CountsError

__all__ = ["Cure", "Rounding", "as_counts", "find_rounding", "holds_counts", "numbers_of_table"]

# Single precision, back and forth through a logarithm and a division by the depth, is off by up to 1e-6 of a count
# (measured for counts up to 2e6 and depths up to 50,000): ten times that is taken for rounding, never more than .1.
RELATIVE, ABSOLUTE = 1e-5, 0.1
# Half precision holds every integer up to here; beyond, counts were rounded already.
LARGEST_HALF = 2048

Matrix = np.ndarray | sparse.spmatrix | sparse.sparray
Cure = str | Callable[[], str]


@dataclass(frozen=True, slots=True)
class Rounding:
    """How far values are from the integers that they are taken for: how many, and by how much at most."""

    n: int
    largest: float

    def __str__(self) -> str:
        """The same for a message."""
        return f"{self.n} values are off their integers by up to {self.largest:.2g}, which is rounding: taken as counts"


def as_counts(matrix: Matrix, where: str, cure: Cure) -> Matrix:
    """Return the matrix of counts, rounded where values are integers but for rounding noise.

    Raises :class:`~argen.errors.CountsError` unless all values are finite, non-negative and at most ``1e-5`` of an
    integer away from it (of 1 if it is 0, and never more than .1).

    Parameters
    ----------
    matrix
        Dense array, or any CSR or CSC matrix or array.
    where
        What the matrix is called in messages, such as ``"adata.X"``.
    cure
        What a message advises, or what finds it out.
    """
    if fault := _fault(_values(matrix)):
        msg = f"{where} {fault}. {cure if isinstance(cure, str) else cure()}"
        raise CountsError(msg)
    if _values(matrix).dtype == np.float16:
        matrix = matrix.astype(np.float32)
    if find_rounding(matrix) is None:
        return matrix
    if not sparse.issparse(matrix):
        return np.rint(matrix)
    matrix = matrix.copy()
    matrix.data = np.rint(matrix.data)
    matrix.eliminate_zeros()
    return matrix


def find_rounding(matrix: Matrix) -> Rounding | None:
    """Rounding noise of a matrix whose values :func:`as_counts` takes; None without any."""
    values = _values(matrix)
    if values.dtype.kind != "f":
        return None
    off = values[values != np.rint(values)].astype(np.float64)
    return Rounding(len(off), float(np.abs(off - np.rint(off)).max())) if len(off) else None


def holds_counts(matrix: object, columns: np.ndarray | None = None) -> bool:
    """Whether columns of a matrix in memory hold counts, from some of its rows; nothing but 0 and 1 is none."""
    if not (sparse.issparse(matrix) or isinstance(matrix, np.ndarray)) or 0 in matrix.shape:
        return False
    rows = np.unique(np.linspace(0, matrix.shape[0] - 1, min(matrix.shape[0], 200)).astype(np.int64))
    some = matrix[rows]
    values = _values(some if columns is None else some[:, columns])
    return values.size > 0 and not _fault(values) and values.max() > 1


def numbers_of_table(table: pd.DataFrame, where: str) -> np.ndarray | sparse.csr_matrix:
    """Numbers of a data frame of any numeric types, nullable and sparse ones included."""
    for name, dtype in zip(table.columns, table.dtypes, strict=True):
        if not pd.api.types.is_numeric_dtype(dtype):
            raise CountsError(_no_numbers(table[name], where))
    if missing := list(table.columns[table.isna().any()]):
        msg = f"{where} has missing values in {name_some(map(repr, missing))}. Fill them in, or leave the cells out."
        raise CountsError(msg)
    if all(isinstance(dtype, pd.SparseDtype) and dtype.fill_value == 0 for dtype in table.dtypes):
        return table.sparse.to_coo().tocsr()
    plain = {dtype: getattr(dtype, "numpy_dtype", None) or getattr(dtype, "subtype", dtype) for dtype in table.dtypes}
    return table.to_numpy(dtype=np.result_type(*plain.values()))


def _no_numbers(column: pd.Series, where: str) -> str:
    """Message for a column of texts or categories: numbers in disguise, or no numbers at all."""
    what = f"{where} holds values of type {column.dtype}, not numbers, in column {column.name!r}"
    wrong = column[pd.to_numeric(column.astype(object), errors="coerce").isna() & column.notna()]
    if len(wrong):
        return f"{what} (such as {wrong.iloc[0]!r}). Leave columns out that are no counts."
    return f"{what}. Make them numbers: {where} = {where}.astype(float)."


def _values(matrix: Matrix) -> np.ndarray:
    return matrix.data if sparse.issparse(matrix) else np.asarray(matrix)


def _fault(values: np.ndarray) -> str:
    """What keeps values from being counts, empty if nothing does."""
    if values.dtype.kind in "bu" or values.size == 0:
        return ""
    if values.dtype.kind not in "if":
        return f"holds values of type {values.dtype}, not numbers (if they are, .astype(float) makes them so)"
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        half = " (float16 has none above 65504)" if values.dtype == np.float16 else ""
        return f"holds NaN or infinite values{half}"
    smallest = values.min()
    if smallest < 0 and (values.dtype.kind == "i" or smallest < -RELATIVE):
        return f"holds negative values (smallest: {smallest:g}), as scaled data do"
    return "" if values.dtype.kind == "i" else _fault_of_floats(values)


def _fault_of_floats(values: np.ndarray) -> str:
    whole = np.rint(values)
    off = values != whole
    if values.dtype == np.float16:
        wrong = values[off]
    else:
        some, near = values[off].astype(np.float64), whole[off].astype(np.float64)
        wrong = values[off][np.abs(some - near) > np.minimum(RELATIVE * np.maximum(near, 1.0), ABSOLUTE)]
        if not len(wrong) and off.any() and not whole.any():  # probabilities close to 0 are no zeros
            wrong = values[off]
    if len(wrong):
        return f"holds values that are not integers (such as {wrong[0]!s}), as normalised or log data do"
    if values.dtype == np.float16 and values.max() >= LARGEST_HALF:
        return (
            f"is of type float16 and holds {values.max():g}: from {LARGEST_HALF} on that type rounds integers, so that "
            "the counts are lost; store them as float32 or int32"
        )
    return ""
