"""Whether a depth is on the scale of counts."""

import numpy as np

__all__ = ["depth_slope"]

BINS = 20
FEWEST_CELLS = 200
# log depth has to vary to tell a slope.
LEAST_SPREAD = 0.05


def depth_slope(depth: np.ndarray, total: np.ndarray) -> float:
    """Slope of the log mean total of counts on the log mean depth, over twenty bins of cells by depth; about 1.

    NaN where fewer than 200 cells, or a depth that hardly varies, cannot tell. A size factor passes, a logarithm of
    the total does not: it varies far less than the counts.
    """
    usable = np.flatnonzero((depth > 0) & np.isfinite(depth))
    if len(usable) < FEWEST_CELLS:
        return np.nan
    order = usable[np.argsort(depth[usable], kind="stable")]
    bins = np.array_split(order, BINS)
    x = np.log([depth[cells].mean() for cells in bins])
    y = np.array([total[cells].mean() for cells in bins])
    if x.std() < LEAST_SPREAD * 0.1 or (y <= 0).any():
        return np.nan
    return float(np.polyfit(x, np.log(y), 1)[0])
