"""What every method of guide calling takes and returns."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy import sparse

__all__ = ["CallOptions", "GuideCalls", "Reason", "empty_rows", "entry_rows", "row_range", "spread_calls"]


class Reason(IntEnum):
    """Why a cell has its target, or has none."""

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
}


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
    """

    guide_target: np.ndarray
    min_umi: int = 5
    min_fraction: float = 0.8


@dataclass(frozen=True, slots=True)
class GuideCalls:
    """Which guides each cell carries.

    Attributes
    ----------
    assignment
        1 where a guide is called, int8, shape (n_cells, n_guides).
    reason
        :class:`Reason` of each cell, int8, shape (n_cells,); it decides only where no guide is called.
    """

    assignment: sparse.csr_array
    reason: np.ndarray


def spread_calls(calls: GuideCalls, position: np.ndarray) -> GuideCalls:
    """Give row `position[i]` of `calls` to cell i, and :attr:`Reason.NOT_MEASURED` where it is −1."""
    reason = np.append(calls.reason, np.int8(Reason.NOT_MEASURED))
    return GuideCalls(empty_rows(calls.assignment, position), reason[position])


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
