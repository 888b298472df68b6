"""Where an axis or a colour bar ends when a few values lie far outside of all others."""

import numpy as np
import pandas as pd

__all__ = ["upper_limit", "whisker", "without_counts"]


def whisker(sizes: np.ndarray) -> float:
    """The largest of some sizes that is no outlier: at most the upper quartile and 1.5 interquartile ranges; 1 if none.

    For colours, where one large value would leave all others pale.
    """
    sizes = sizes[np.isfinite(sizes)]
    if not len(sizes):
        return 1.0
    low, high = np.quantile(sizes, [0.25, 0.75])
    inside = sizes[sizes <= high + 1.5 * (high - low)]
    return float(inside.max()) or 1.0


def upper_limit(sizes: np.ndarray) -> float:
    """The largest of some sizes, but for few that are beyond twice the 99th percentile; 1 if there is none.

    For axes, which are cut only where outliers would squeeze everything else.
    """
    sizes = sizes[np.isfinite(sizes)]
    if not len(sizes):
        return 1.0
    inside = sizes[sizes <= 2.0 * np.quantile(sizes, 0.99)]
    return float(inside.max()) or 1.0


def without_counts(pairs: pd.DataFrame) -> np.ndarray:
    """Pairs whose effect is a number that stands for −∞: the gene has no count in the perturbed cells."""
    if "flags" not in pairs:
        return np.zeros(len(pairs), dtype=bool)
    return pairs["flags"].astype(str).eq("separated").to_numpy()
