"""Raw counts out of log-normalised expression."""

import numpy as np

from argen.errors import CountsError

__all__ = ["recover_counts"]

_MAX_SMALLEST = 200  # a cell's smallest count is looked for up to here
_TOLERANCE = 2e-3
_RELATIVE = 5e-6  # what single precision leaves of a count


def recover_counts(expression: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Counts, and the depth of each cell up to a common factor.

    Integers are taken for counts; their depth is unknown (None). Otherwise the values must be log(1 + c/s) with a count
    c and a size factor s of the cell: all entries e^x − 1 of a cell are then multiples of 1/s, which is the smallest
    of them or a small fraction of it. The counts of a cell come out right unless all of them have a common divisor; a
    cell without counts gets depth 0.

    Raises
    ------
    argen.errors.CountsError
        The values are neither counts nor log-normalised counts.
    """
    x = np.asarray(expression, dtype=np.float64)
    if not np.isfinite(x).all() or (x.size and x.min() < 0.0):
        msg = "The expression matrix holds negative, NaN or infinite values; give counts or log-normalised counts."
        raise CountsError(msg)
    if (x == np.rint(x)).all():
        return x, None
    rates = np.expm1(x)
    smallest = np.where(rates > 0.0, rates, np.inf).min(axis=1)
    counts, depth = np.zeros_like(rates), np.zeros(len(rates))
    left = np.isfinite(smallest)
    for divisor in range(1, _MAX_SMALLEST + 1):
        rows = np.flatnonzero(left)
        unit = smallest[rows] / divisor
        multiples = rates[rows] / unit[:, None]
        fits = (np.abs(multiples - np.rint(multiples)) < np.maximum(_TOLERANCE, _RELATIVE * multiples)).all(axis=1)
        counts[rows[fits]] = np.rint(multiples[fits])
        depth[rows[fits]] = 1.0 / unit[fits]
        left[rows[fits]] = False
    if left.any():
        msg = (
            f"{left.sum()} cells hold values that are no logarithms of 1 + normalised counts, such as "
            f"{x[np.flatnonzero(left)[0]].max():g}; give raw counts."
        )
        raise CountsError(msg)
    return counts, depth
