"""Histogram of the UMI counts of every guide, by call, beside what its fit expects, and how far the two are apart."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.special import chdtrc

from .calls import GuideCalls

__all__ = [
    "CountHistogram",
    "Misfit",
    "count_edges",
    "count_histogram",
    "guide_histogram",
    "guide_misfit",
]

_GROWTH = 1.25
# Bins are joined until this many cells are expected: the distribution of Pearson's statistic is then close to χ².
_MIN_EXPECTED = 5.0
# A misfit is flagged if it is beyond chance at this level and at least this share of the cells with the guide.
_LEVEL, _MIN_SHARE = 0.05, 0.1


@dataclass(frozen=True, slots=True)
class CountHistogram:
    """Cells of every guide by count; bin b holds e_b ≤ x < e_{b+1}, arrays have shape (n_guides, n_edges − 1).

    Attributes
    ----------
    edges
        As :func:`count_edges` gives them.
    not_called, called
        Cells without and with the call.
    background, signal
        Cells that the fit expects, NaN without a fit.
    posterior
        Sum of the posterior probabilities of the cells; `None` where the method has none.
    """

    edges: np.ndarray
    not_called: np.ndarray
    called: np.ndarray
    background: np.ndarray
    signal: np.ndarray
    posterior: np.ndarray | None


@dataclass(frozen=True, slots=True)
class Misfit:
    """How far the counts of every guide are from its fit; arrays of shape (n_guides,), NaN without a fit.

    Attributes
    ----------
    share
        Share of the cells with the guide at counts where the fit does not expect them.
    p
        p-value of the fit.
    flag
        Whether the misfit is beyond chance and a tenth of the cells or more.
    """

    share: np.ndarray
    p: np.ndarray
    flag: np.ndarray


def count_edges(largest: int) -> np.ndarray:
    """Edges 0, 1, 2, … and then by steps of a quarter, beyond `largest` at last; bin b holds e_b ≤ x < e_{b+1}."""
    edges = [0, 1]
    while edges[-1] <= largest:
        edges.append(max(edges[-1] + 1, int(edges[-1] * _GROWTH)))
    return np.array(edges)


def guide_histogram(counts: sparse.csr_array, calls: GuideCalls) -> CountHistogram:
    """Cells of every guide by count, up to the largest count of all, beside what the fits of `calls` expect."""
    edges = count_edges(int(counts.data.max(initial=0)))
    not_called, called = count_histogram(counts, calls.assignment, edges)
    unknown = np.full(called.shape, np.nan)
    background, signal = (unknown, unknown) if calls.fits is None else calls.fits.expected(edges)
    posterior = None if calls.posterior is None else _sum_by_count(counts, calls.posterior, edges)
    return CountHistogram(edges, not_called, called, background, signal, posterior)


def count_histogram(
    counts: sparse.csr_array, assignment: sparse.csr_array, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of each guide by count, without and with the call; two arrays of shape (n_guides, n_edges − 1).

    Parameters
    ----------
    counts
        UMIs without stored zeros, shape (n_cells, n_guides).
    assignment
        1 where a guide is called, at most where it has a UMI, shape (n_cells, n_guides).
    edges
        As :func:`count_edges` gives them.
    """
    present = sparse.csr_array((np.ones_like(counts.data), counts.indices, counts.indptr), shape=counts.shape)
    called = _sum_by_count(counts, assignment, edges).astype(np.int64)
    everything = _sum_by_count(counts, present, edges).astype(np.int64)
    everything[:, 0] = counts.shape[0] - everything.sum(axis=1)
    return everything - called, called


def _sum_by_count(counts: sparse.csr_array, weights: sparse.csr_array, edges: np.ndarray) -> np.ndarray:
    """Sum of `weights`, which are zero where `counts` are, by guide and count."""
    shape = counts.shape[1], len(edges) - 1
    kept = sparse.csr_array(weights != 0)
    at = sparse.csr_array(counts.multiply(kept))
    at.sort_indices()
    weights = sparse.csr_array(weights, copy=True)
    weights.eliminate_zeros()
    weights.sort_indices()
    bin_ = np.searchsorted(edges, at.data, side="right") - 1 + at.indices.astype(np.int64) * shape[1]
    return np.bincount(bin_, weights=weights.data, minlength=shape[0] * shape[1]).reshape(shape)


def guide_misfit(histogram: CountHistogram) -> Misfit:
    """Compare the histogram of every guide with its fit, over the cells with a UMI of it.

    With O_b the cells in bin b, S_b the sum of their posterior probabilities, and E_b, E_b^signal what the fit expects,

        share = Σ_b max(S_b − E_b^signal, 0) / Σ_b S_b,   Σ_b (O_b − E_b)² / E_b ~ χ² with as many degrees of freedom
        as there are bins,

    adjacent bins joined until the expectation is 5. The reference is conservative: the parameters are estimated from
    the same cells, and the cells, each with its own depth, vary less than the cells of one multinomial distribution.
    """
    n_guides = len(histogram.called)
    share, p = np.full(n_guides, np.nan), np.full(n_guides, np.nan)
    observed = (histogram.not_called + histogram.called)[:, 1:]
    expected = (histogram.background + histogram.signal)[:, 1:]
    for g in np.flatnonzero(np.isfinite(expected).all(axis=1)):
        share[g] = _excess(histogram.posterior[g, 1:], histogram.signal[g, 1:])
        p[g] = _pearson(observed[g], expected[g])
    return Misfit(share, p, (p < _LEVEL) & (share >= _MIN_SHARE))


def _excess(found: np.ndarray, expected: np.ndarray) -> float:
    total = found.sum()
    found, expected = (np.add.reduceat(part, _joined(expected)) for part in (found, expected))
    return np.maximum(found - expected, 0.0).sum() / total if total > 0 else np.nan


def _pearson(observed: np.ndarray, expected: np.ndarray) -> float:
    starts = _joined(expected)
    observed, expected = np.add.reduceat(observed, starts), np.add.reduceat(expected, starts)
    return float(chdtrc(len(expected), (np.square(observed - expected) / expected).sum()))


def _joined(expected: np.ndarray) -> np.ndarray:
    """First bins of groups of adjacent bins with an expectation of 5 each; what is left over joins the last group."""
    starts, total = [0], 0.0
    for b, value in enumerate(expected[:-1]):
        total += value
        if total >= _MIN_EXPECTED:
            starts.append(b + 1)
            total = 0.0
    if len(starts) > 1 and total + expected[-1] < _MIN_EXPECTED:
        starts.pop()
    return np.array(starts)
