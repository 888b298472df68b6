"""What every method of guide calling takes and returns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy import sparse

from argen._core.parallel import Map

__all__ = [
    "CallOptions",
    "CellGroups",
    "Fallback",
    "GuideCalls",
    "GuideFits",
    "Reason",
    "empty_rows",
    "entry_rows",
    "row_range",
    "spread_calls",
]


class Reason(IntEnum):
    """Why a cell has its perturbation, or has none."""

    ONE_GUIDE = 0
    ONE_TARGET = 1
    BESIDE_CONTROL = 2
    SEVERAL_TARGETS = 3
    TIED_TARGETS = 4
    TIED_GUIDES = 5
    SPLIT = 6
    DILUTED = 7
    FEW_UMI = 8
    NO_UMI = 9
    NO_LABEL = 10
    NOT_MEASURED = 11
    BELOW_CUT = 12
    TARGET_AND_CONTROL = 13

    @property
    def text(self) -> str:
        """The reason in words."""
        return _TEXTS[self]


_TEXTS = {
    Reason.ONE_GUIDE: "one guide",
    Reason.ONE_TARGET: "several guides of one target",
    Reason.BESIDE_CONTROL: "guides of one target beside control guides",
    Reason.SEVERAL_TARGETS: "guides of several targets",
    Reason.TIED_TARGETS: "tied top guides, guides of several targets",
    Reason.TIED_GUIDES: "tied top guides of one target",
    Reason.SPLIT: "top guide below min_fraction beside guides of its own target",
    Reason.DILUTED: "top guide below min_fraction, no second guide with min_umi",
    Reason.FEW_UMI: "no guide with min_umi",
    Reason.NO_UMI: "no guide UMI",
    Reason.NO_LABEL: "no label",
    Reason.NOT_MEASURED: "not among the cells of the guide modality",
    Reason.BELOW_CUT: "no guide above its cut",
    Reason.TARGET_AND_CONTROL: "guides of one target and control guides",
}


class Fallback(IntEnum):
    """Why a guide was called by the UMI threshold instead of the method's own fit."""

    NONE = 0
    NO_UMI = 1
    FEW_CELLS = 2
    NO_SIGNAL = 3
    NOT_CONVERGED = 4

    @property
    def text(self) -> str:
        """The reason in words, empty for none."""
        return _FALLBACK_TEXTS[self]


_FALLBACK_TEXTS = {
    Fallback.NONE: "",
    Fallback.NO_UMI: "no UMI",
    Fallback.FEW_CELLS: "too few cells with a UMI",
    Fallback.NO_SIGNAL: "no signal apart from the background",
    Fallback.NOT_CONVERGED: "not converged",
}


@dataclass(frozen=True, slots=True)
class CellGroups:
    """Depth and batches of the cells, for regressions on them.

    Attributes
    ----------
    depth
        Offset ℓ of each cell, positive, shape (n_cells,).
    batch
        Combination of batches that each cell is in, shape (n_cells,).
    rows
        Design of each combination: 0/1 columns without the reference levels, shape (n_combinations, q).
    """

    depth: np.ndarray
    batch: np.ndarray
    rows: np.ndarray


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What a method may need beside the counts.

    Attributes
    ----------
    guide_target
        Code of the target of each guide, −1 for control guides, shape (n_guides,).
    min_umi
        UMIs that a guide needs to count as present.
    min_fraction
        Share of the cell's guide UMIs that its top guide needs.
    probability
        Posterior probability from which a guide is called.
    cells
        Depth and batches, for the methods that use them.
    dispersion
        "auto" if components of the mixture may be negative binomial, "none" if both are Poisson.
    map_, track
        Ordered map over guides, and what wraps the finished ones for a progress bar.
    """

    guide_target: np.ndarray
    min_umi: int = 5
    min_fraction: float = 0.8
    probability: float = 0.8
    cells: CellGroups | None = None
    dispersion: str = "none"
    map_: Map = map
    track: Callable[[Iterable], Iterable] = iter


@dataclass(frozen=True, slots=True)
class GuideFits:
    """What a method found out about each guide; arrays have shape (n_guides,) unless said otherwise.

    Attributes
    ----------
    threshold
        UMIs from which the guide is called, NaN where depth and batch matter too.
    effect
        Log ratio of the mean UMIs with and without the guide under the fit, β_z; NaN without a fit.
    share
        Share of cells with the guide.
    converged
        Whether the fit ended by its tolerance; False without a fit.
    fallback
        :class:`Fallback` of each guide.
    expected
        Expected number of cells of background and of signal by UMI count: a function of the edges e₀ < e₁ < …
        that gives two arrays of shape (n_guides, n_edges − 1) for e_b ≤ x < e_{b+1}, NaN where there is no fit.
    dispersion
        α of background and signal, 0 for a Poisson component, NaN without a fit, shape (n_guides, 2); `None` where the
        method has no such thing.
    """

    threshold: np.ndarray
    effect: np.ndarray
    share: np.ndarray
    converged: np.ndarray
    fallback: np.ndarray
    expected: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    dispersion: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class GuideCalls:
    """Which guides each cell carries.

    Attributes
    ----------
    assignment
        1 where a guide is called, int8, shape (n_cells, n_guides).
    reason
        :class:`Reason` of each cell, int8, shape (n_cells,); it decides only where no guide is called.
    posterior
        Probability that the cell carries the guide wherever it has a UMI of it, float32; `None` where the method
        has none.
    fits
        Fit of each guide; `None` where nothing is fitted.
    """

    assignment: sparse.csr_array
    reason: np.ndarray
    posterior: sparse.csr_array | None = None
    fits: GuideFits | None = None


def spread_calls(calls: GuideCalls, position: np.ndarray) -> GuideCalls:
    """Give row `position[i]` of `calls` to cell i, and :attr:`Reason.NOT_MEASURED` where it is −1."""
    reason = np.append(calls.reason, np.int8(Reason.NOT_MEASURED))
    posterior = None if calls.posterior is None else empty_rows(calls.posterior, position)
    return GuideCalls(empty_rows(calls.assignment, position), reason[position], posterior, calls.fits)


def empty_rows(matrix: sparse.csr_array, position: np.ndarray) -> sparse.csr_array:
    """Rows `position` of `matrix`; −1 gives a row without entries."""
    nothing = sparse.csr_array((1, matrix.shape[1]), dtype=matrix.dtype)
    return sparse.csr_array(sparse.vstack([matrix, nothing], format="csr")[position])


def entry_rows(matrix: sparse.csr_array) -> np.ndarray:
    """Row of every stored entry, in storage order."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def row_range(rows: np.ndarray, codes: np.ndarray, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest code of each row; smallest > largest where a row has none."""
    limits = np.iinfo(np.int64)
    lowest = np.full(n_rows, limits.max)
    highest = np.full(n_rows, limits.min)
    np.minimum.at(lowest, rows, codes)
    np.maximum.at(highest, rows, codes)
    return lowest, highest
