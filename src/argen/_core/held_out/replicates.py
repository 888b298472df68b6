"""Whether the effects along the edges of a network come back in every replicate."""

from itertools import combinations

import numpy as np

__all__ = ["rank_agreement", "sign_consistency"]

_FEWEST = 3  # edges of which a correlation says something


def sign_consistency(effects: np.ndarray) -> tuple[float, int]:
    """Share of the edges whose effect has the same sign in all replicates that have it, and their number.

    `effects` [replicate, edge], NaN where a replicate has no cells for it; edges that fewer than two have do not count.
    """
    known = np.isfinite(effects)
    enough = known.sum(axis=0) >= 2
    if not enough.any():
        return np.nan, 0
    signs = np.where(known, np.sign(effects), 0.0)[:, enough]
    same = np.abs(signs.sum(axis=0)) == known[:, enough].sum(axis=0)
    return float(same.mean()), int(enough.sum())


def rank_agreement(effects: np.ndarray) -> tuple[float, int]:
    """Mean over the pairs of replicates of Spearman's correlation of their effects, and the number of pairs."""
    from scipy.stats import rankdata

    found = []
    for left, right in combinations(effects, 2):
        known = np.isfinite(left) & np.isfinite(right)
        if known.sum() >= _FEWEST:
            x, y = rankdata(left[known]), rankdata(right[known])
            if np.ptp(x) > 0 and np.ptp(y) > 0:
                found.append(np.corrcoef(x, y)[0, 1])
    return (float(np.mean(found)), len(found)) if found else (np.nan, 0)
