"""Whether a depth is on the scale of counts."""

import numpy as np

__all__ = ["depth_slope", "unfollowed_spread"]

BINS = 20
FEWEST_CELLS = 200
# log depth has to vary to tell a slope.
LEAST_SPREAD = 0.05
# Totals of cells that were sequenced alike vary by less, beyond Poisson (standard deviation of their logarithm).
LEAST_UNFOLLOWED = 0.15


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
    if _hardly_varies(x) or (y <= 0).any():
        return np.nan
    return float(np.polyfit(x, np.log(y), 1)[0])


def unfollowed_spread(depth: np.ndarray, total: np.ndarray) -> float:
    """Spread of the log totals beyond Poisson where the depth is the same in all cells; 0 where nothing is amiss."""
    usable = (depth > 0) & np.isfinite(depth) & (total > 0)
    if usable.sum() < FEWEST_CELLS or not _hardly_varies(np.log(depth[usable])):
        return 0.0
    spread = np.sqrt(max(np.var(np.log(total[usable])) - np.mean(1.0 / total[usable]), 0.0))
    return float(spread) if spread > LEAST_UNFOLLOWED else 0.0


def _hardly_varies(log_depth: np.ndarray) -> bool:
    return bool(log_depth.std() < LEAST_SPREAD * 0.1)
