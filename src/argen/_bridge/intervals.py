"""95 % intervals, for every table and plot that shows one."""

from typing import TypeVar

import numpy as np
import pandas as pd

from argen._core.normal import Z_95

__all__ = ["interval_95", "wilson_95"]

_T = TypeVar("_T", float, np.ndarray, pd.Series)


def interval_95(estimate: _T, se: _T) -> tuple[_T, _T]:
    """Ends of the interval of the normal distribution: estimate ∓ 1.96 standard errors."""
    return estimate - Z_95 * se, estimate + Z_95 * se


def wilson_95(k: int, n: int) -> tuple[float, float]:
    """Score interval of a proportion k / n (Wilson 1927); NaN of none."""
    if n == 0:
        return np.nan, np.nan
    share, z2 = k / n, Z_95**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)
