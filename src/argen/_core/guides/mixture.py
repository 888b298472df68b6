"""Two-component count regression mixture of every guide.

The UMIs of guide g in cell i are Poisson with log mean

    log μ_ig = log ℓ_i + β₀ + β_z Z_ig + γ'w_i,   Z_ig ~ Bernoulli(π),

ℓ the guide depth and w the batches of the cell, or negative binomial with variance μ + α_z μ² where that is better
(:mod:`.dispersed`). The Poisson mixture is fitted by EM: the E-step takes P(Z = 1) from the two means, the
M-step is a weighted Poisson regression, both on the same log scale. Most cells have no UMI of a guide; they enter by
their number at each depth and batch, so that a fit costs as much as there are non-zero counts and distinct depths.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse
from scipy.special import betainc, pdtr

from ._mixture_kernels import COLLAPSED, CONVERGED, fit_mixture
from .by_guide import guide_entries, join_fits
from .calls import CallOptions, CellGroups, Fallback, GuideCalls, GuideFits
from .dispersed import best_dispersion, cell_entries

__all__ = ["MIN_CELLS", "call_mixture"]

# Cells with a UMI that a guide needs for a fit of its own.
MIN_CELLS = 10
# A signal has to be this many times the background: less is over-dispersion of the background.
MIN_RATIO = 5.0
# Brightest part of the non-zero cells that is taken for signal at the start.
STARTS = (0.8, 0.4, 0.1)
MAX_ITERATIONS = 1000
# In units of the log likelihood.
TOLERANCE = 1e-7
# Above this number of different depths they are rounded, by less than 0.1 % in screens as they are.
_MAX_DEPTHS = 8192
_CURVE_DEPTHS = 64  # depths that the expected histogram is summed over


@dataclass(frozen=True, slots=True)
class _Bins:
    """Cells of the same depth and batch."""

    of_cell: np.ndarray
    depth: np.ndarray
    batch: np.ndarray
    n_cells: np.ndarray
    rows: np.ndarray


def call_mixture(counts: sparse.csr_array, options: CallOptions) -> GuideCalls:
    """Call guides whose posterior probability reaches `options.probability`.

    Guides with fewer than 10 cells with a UMI, without a signal apart from the background or without convergence
    are called from `options.min_umi` on, and say so.

    Parameters
    ----------
    counts
        Guide UMIs without duplicate entries or stored zeros, shape (n_cells, n_guides).
    options
        Uses `cells`, `probability`, `min_umi` and `dispersion`.
    """
    bins = _bin_cells(options.cells)
    fit = partial(_fit_guide, bins=bins, may_disperse=options.dispersion == "auto")
    fits = list(options.track(options.map_(fit, guide_entries(counts))))
    share, beta = np.array([f.share for f in fits]), np.array([f.beta for f in fits]).reshape(len(fits), -1)
    dispersion = np.array([f.dispersion for f in fits]).reshape(len(fits), 2)
    fallback = np.array([f.fallback for f in fits], dtype=np.int8)
    plain = fallback == Fallback.NONE
    details = GuideFits(
        threshold=np.where(plain, np.nan, float(options.min_umi)),
        effect=np.where(plain, beta[:, 1], np.nan),
        share=np.where(plain, share, np.nan),
        converged=np.array([f.converged for f in fits], dtype=bool),
        fallback=fallback,
        expected=partial(_expected, bins=bins, share=share, beta=beta, dispersion=dispersion, plain=plain),
        dispersion=np.where(plain[:, None], dispersion, np.nan),
    )
    return join_fits(counts, [f.chance for f in fits], details, options)


@dataclass(frozen=True, slots=True)
class _Fit:
    share: float
    beta: np.ndarray
    chance: np.ndarray
    converged: bool
    fallback: Fallback
    dispersion: tuple[float, float] = (0.0, 0.0)


def _bin_cells(cells: CellGroups) -> _Bins:
    depth = cells.depth
    if len(np.unique(depth)) > _MAX_DEPTHS:
        step = np.log(depth.max() / depth.min()) / _MAX_DEPTHS
        depth = np.exp(np.rint(np.log(depth) / step) * step)
    # Sorted by batch, then depth: the sums do not depend on the order of the cells.
    keys, of_cell, n_cells = np.unique(
        np.column_stack([cells.batch, depth]), axis=0, return_inverse=True, return_counts=True
    )
    return _Bins(of_cell.ravel(), keys[:, 1].copy(), keys[:, 0].astype(np.int64), n_cells, cells.rows)


def _fit_guide(entries: tuple[np.ndarray, np.ndarray], bins: _Bins, *, may_disperse: bool) -> _Fit:
    """Best fit of all starts for the counts and the cells of one guide."""
    cells, x = entries
    beta = np.full(2 + bins.rows.shape[1], np.nan)
    if len(x) < MIN_CELLS:
        reason = Fallback.FEW_CELLS if len(x) else Fallback.NO_UMI
        return _Fit(np.nan, beta, np.full(len(x), np.nan), converged=False, fallback=reason)
    bin_of = bins.of_cell[cells]
    # By bin, then count: rounding does not depend on the order of the cells either.
    order = np.lexsort((x, bin_of))
    x, bin_of = x[order].astype(np.float64), bin_of[order]
    n_zero = (bins.n_cells - np.bincount(bin_of, minlength=len(bins.depth))).astype(np.float64)
    fits = [_from_start(part, x, bin_of, n_zero, bins) for part in STARTS]
    (status, _, share, _, chance), beta = max(fits, key=lambda fit: (fit[0][0] != COLLAPSED, fit[0][1]))
    reason = Fallback.NONE
    dispersion = (0.0, 0.0)
    if status == COLLAPSED or beta[1] < np.log(MIN_RATIO):
        reason = Fallback.NO_SIGNAL
    elif status != CONVERGED:
        reason = Fallback.NOT_CONVERGED
    elif may_disperse:
        cells_of = cell_entries(x, bins.depth[bin_of], bins.batch[bin_of], n_zero, bins.depth, bins.batch)
        if (better := best_dispersion(cells_of, bins.rows, share, beta, MIN_RATIO)) is not None:
            share, beta, chance = better.share, better.beta, better.chance[: len(x)]
            dispersion = tuple(better.dispersion)
    unsorted = np.empty_like(chance)
    unsorted[order] = chance
    return _Fit(share, beta, unsorted, status == CONVERGED, reason, dispersion)


def _from_start(part: float, x: np.ndarray, bin_of: np.ndarray, n_zero: np.ndarray, bins: _Bins) -> tuple:
    """EM from the cells with the largest share of the guide as signal."""
    length = bins.depth[bin_of]
    bright = np.argsort(-x / length, kind="stable")[: max(int(part * len(x)), 1)]
    total_depth = length.sum() + n_zero @ bins.depth
    n_umi, n_depth = x[bright].sum(), length[bright].sum()
    beta = np.zeros(2 + bins.rows.shape[1])
    beta[0] = np.log((x.sum() - n_umi + 0.5) / (total_depth - n_depth))
    beta[1] = max(np.log(n_umi / n_depth) - beta[0], 0.1)
    share = len(bright) / bins.n_cells.sum()
    fit = fit_mixture(x, bin_of, bins.depth, bins.batch, n_zero, bins.rows, share, beta, TOLERANCE, MAX_ITERATIONS)
    return fit, beta


def _expected(
    edges: np.ndarray, bins: _Bins, share: np.ndarray, beta: np.ndarray, dispersion: np.ndarray, plain: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cells by count under both components, summed over a few typical depths of each batch."""
    depth, n_cells = _typical_depths(bins)
    result = np.full((2, len(share), len(edges) - 1), np.nan)
    for g in np.flatnonzero(plain):
        for z, weight in enumerate((1.0 - share[g], share[g])):
            mean = depth * np.exp(beta[g, 0] + z * beta[g, 1] + (bins.rows @ beta[g, 2:])[:, None])
            below = _below(edges, mean[..., None], dispersion[g, z])
            result[z, g] = weight * np.einsum("bd,bde->e", n_cells, np.diff(below, axis=-1))
    return result[0], result[1]


def _below(edges: np.ndarray, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """P(x < e) of a Poisson, or of a negative binomial distribution."""
    largest = np.maximum(edges - 1.0, 0.0)
    if dispersion == 0.0:
        return np.where(edges > 0, pdtr(largest, mean), 0.0)
    return np.where(edges > 0, betainc(1.0 / dispersion, largest + 1.0, 1.0 / (1.0 + dispersion * mean)), 0.0)


def _typical_depths(bins: _Bins) -> tuple[np.ndarray, np.ndarray]:
    """Mean depths on a logarithmic grid, by batch, and the cells that each stands for, (n_batches, n_depths)."""
    n_batches = len(bins.rows)
    n = max(_CURVE_DEPTHS // n_batches, _CURVE_DEPTHS // 8)
    log_depth = np.log(bins.depth)
    width = np.ptp(log_depth) / n or 1.0
    cell = bins.batch * n + np.minimum((log_depth - log_depth.min()) // width, n - 1).astype(np.int64)
    n_cells = np.bincount(cell, weights=bins.n_cells, minlength=n_batches * n)
    total = np.bincount(cell, weights=bins.n_cells * bins.depth, minlength=n_batches * n)
    depth = np.divide(total, n_cells, out=np.ones(n_batches * n), where=n_cells > 0)
    return depth.reshape(n_batches, n), n_cells.reshape(n_batches, n)
