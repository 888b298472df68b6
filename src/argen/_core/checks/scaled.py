"""Whether integers are counts, or counts that were scaled to a common total and rounded again."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

__all__ = ["Scaled", "find_scaling"]

MOST_CELLS = 2000  # cells that are looked at
FEWEST_CELLS = 20
# Molecules that are counted one by one make totals that vary at least as Poisson numbers do; scaled ones hardly vary.
LEAST_TOTAL, LARGEST_VARIANCE = 1000.0, 0.5
# Cells that were thinned to one total have exactly that: counts still.
SAME_TOTAL = 0.5
# A unit below this many is too near to 1 to be told from it; a cell needs some values of few units.
LEAST_UNIT, FEW_UNITS, FEWEST_VALUES = 8, 6, 5
MOST = 0.8  # of the cells have to show it


@dataclass(frozen=True, slots=True)
class Scaled:
    """What speaks against counts.

    Attributes
    ----------
    total, spread
        Mean and standard deviation of the totals of cells; NaN where these do not speak.
    unit
        Median of what one count has become, NaN where that does not show.
    """

    total: float = np.nan
    spread: float = np.nan
    unit: float = np.nan


def find_scaling(counts, *, thinned: bool = True) -> Scaled | None:
    """What shows that the rows of `counts`, CSR, CSC or dense, were scaled, from some of them; None if nothing does.

    Totals speak if their variance is below half of their mean, unless half of the cells have the same one and `thinned`
    says that cells may have been thinned to a total. Units speak if, in most cells, the smallest value is large and
    the next ones are multiples of it, up to rounding.
    """
    n = counts.shape[0]
    rows = np.unique(np.linspace(0, n - 1, min(n, MOST_CELLS)).astype(np.int64))
    sample = sparse.csr_array(counts[rows])
    totals = np.asarray(sample.sum(axis=1), dtype=np.float64).ravel()
    if (totals > 0).sum() < FEWEST_CELLS:
        return None
    totals = totals[totals > 0]
    same = np.unique(totals, return_counts=True)[1].max() >= SAME_TOTAL * len(totals)
    if totals.mean() >= LEAST_TOTAL and totals.var() < LARGEST_VARIANCE * totals.mean() and not (same and thinned):
        return Scaled(float(totals.mean()), float(totals.std()))
    units = np.array(
        [_unit(sample.data[start:end]) for start, end in zip(sample.indptr, sample.indptr[1:], strict=False)]
    )
    seen = units[~np.isnan(units)]
    if len(seen) < FEWEST_CELLS or (seen > 0).mean() < MOST:
        return None
    return Scaled(unit=float(np.median(seen[seen > 0])))


def _unit(values: np.ndarray) -> float:
    """The smallest value if the next ones are multiples of it, up to rounding; 0 if not, NaN for too few values."""
    values = values[values > 0].astype(np.float64)
    if not len(values):
        return np.nan
    smallest = values.min()
    near = values[values <= FEW_UNITS * smallest]
    if smallest < LEAST_UNIT:
        return 0.0
    if len(near) < FEWEST_VALUES or near.max() <= 1.5 * smallest:
        return np.nan
    times = np.rint(near / smallest)
    return smallest if (np.abs(near - times * smallest) <= (times + 1) / 2).all() else 0.0
