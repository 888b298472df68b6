"""Whether a depth column is on the scale of the counts, in words."""

from collections.abc import Sequence

import numpy as np

from argen._bridge.checks.findings import Finding
from argen._bridge.object_counts import ObjectCounts
from argen._core.checks.depth import depth_slope, unfollowed_spread

__all__ = ["LARGEST_SHARE", "depth_finding", "totals_of"]

# Share of the counts that one gene may carry: depths are given without those that carry more.
LARGEST_SHARE = 0.1
# A right depth has slope 1; size factors and depths of the whole transcriptome above a panel stay within these.
SLOPES = (0.5, 1.6)


def totals_of(counts: ObjectCounts, usual: np.ndarray | None = None) -> list[np.ndarray]:
    """Counts of each cell, and those of the `usual` genes (a mask): a depth may leave out those with a tenth of all."""
    if usual is None:
        of_gene = counts.gene_sums(np.ones((1, counts.shape[0])))[0]
        usual = of_gene <= LARGEST_SHARE * of_gene.sum()
    totals = [counts.cell_totals(), counts.cell_totals(usual)]
    return totals if np.median(totals[1]) > 0 else totals[:1]  # few genes have none that are usual


def depth_finding(name: str, depth: np.ndarray, totals: Sequence[np.ndarray]) -> Finding | None:
    """What a depth column looks like that follows none of the `totals` of counts of the same cells."""
    if spread := min(unfollowed_spread(depth, total) for total in totals):
        return Finding(
            "depth scale",
            f"depth={name!r} is the same in all cells, while their counts vary by a factor of {np.exp(spread):.2f} "
            "(standard deviation)",
            spread,
            "standard deviation of log counts",
            "Give the total count of each cell or size factors; without depth= the sums of the matrix are taken.",
        )
    slopes = [depth_slope(depth, total) for total in totals]
    slope = min(slopes, key=lambda s: abs(s - 1.0) if np.isfinite(s) else 0.0)
    if not np.isfinite(slope) or SLOPES[0] <= slope <= SLOPES[1]:
        return None
    kind = "a logarithm or a root" if slope > SLOPES[1] else "something that is not proportional to the counts"
    middle, of_counts = np.median(depth), np.median(totals[0])
    return Finding(
        "depth scale",
        f"depth={name!r} looks like {kind}: the counts of a cell change with its power {slope:.1f}, not 1 (medians "
        f"{middle:.4g} and {of_counts:.4g})",
        slope,
        "slope of log counts on log depth",
        "Give the total count of each cell, or size factors, not their logarithm and not those of other cells.",
    )
