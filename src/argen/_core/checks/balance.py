"""Whether perturbations are spread evenly over the levels of a column."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

__all__ = ["Imbalance", "imbalance"]


@dataclass(frozen=True, slots=True)
class Imbalance:
    """Pearson's χ² of perturbation against level, its degrees of freedom and p, and Cramér's V (0 even, 1 nested)."""

    chi2: float
    df: int
    p: float
    V: float


def imbalance(group: np.ndarray, level: np.ndarray) -> Imbalance:
    """χ² = Σ (O − E)² / E over groups × levels,  V = √(χ² / (n (min(groups, levels) − 1))).

    Parameters
    ----------
    group, level
        Group and level of each cell, from 0; shape (n,). Groups and levels without cells do not count.
    """
    table = np.zeros((group.max() + 1, level.max() + 1))
    np.add.at(table, (group, level), 1.0)
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    smaller = min(table.shape) - 1
    if smaller < 1:
        return Imbalance(0.0, 0, 1.0, 0.0)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi2 = float(((table - expected) ** 2 / expected).sum())
    df = (table.shape[0] - 1) * (table.shape[1] - 1)
    return Imbalance(chi2, df, float(chdtrc(df, chi2)), float(np.sqrt(chi2 / (table.sum() * smaller))))
