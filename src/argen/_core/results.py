"""What the core returns: frozen dataclasses of plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np

from argen._core.glm import _pair_kernels

__all__ = [
    "ConfidenceSet",
    "Dag",
    "DescendantTests",
    "Direction",
    "EdgeStatus",
    "Equation",
    "Instruments",
    "PairStatus",
    "Relation",
]


class PairStatus(IntEnum):
    """How the fit of a (source, target) pair ended."""

    OK = _pair_kernels.OK
    SEPARATED = _pair_kernels.SEPARATED
    NO_CONTROL_COUNTS = _pair_kernels.NO_CONTROL_COUNTS
    NOT_CONVERGED = _pair_kernels.NOT_CONVERGED
    NOT_ESTIMABLE = _pair_kernels.NOT_ESTIMABLE
    SINGLE_CELL = _pair_kernels.SINGLE_CELL
    FEW_COUNTS = SINGLE_CELL + 1


class EdgeStatus(IntEnum):
    """How far an edge can be believed."""

    OK = 0
    SEPARATED = 1
    NOT_CONVERGED = 2
    SINGULAR = 3
    UNTESTABLE = 4
    FORBIDDEN = 5


class Direction(IntEnum):
    """What decided the direction of a candidate edge."""

    ONE_WAY = 0  # the significant pairs lead this way only
    EVIDENCE = 1  # they lead both ways; the acyclic closure kept the stronger one
    ORDER = 2  # both ways; the order placed the gene with fewer descendants lower
    TIE = 3  # both ways, with equally many descendants: decided by the rule for ties
    PRIOR = 4  # both ways; prior knowledge of the order decided


@dataclass(frozen=True, slots=True)
class DescendantTests:
    """Total effects of every perturbation on every gene; all arrays [source, target], shape (p, p), 50 bytes a pair.

    Attributes
    ----------
    effect, se
        Log fold change and its standard error.
    z
        Normal score of the p-value with the sign of the effect: effect / se under a normal reference.
    log_p
        Natural log of the two-sided p-value; NaN where there is none.
    scored
        Whether the p-value is that of the score test; else it is of the Wald test.
    status
        :class:`PairStatus`, one byte each.
    count, expected
        Counts of the target in the cells of the source, and their expectation under the controls-only fit.
    """

    effect: np.ndarray
    se: np.ndarray
    z: np.ndarray
    log_p: np.ndarray
    scored: np.ndarray
    status: np.ndarray
    count: np.ndarray
    expected: np.ndarray

    @property
    def p(self) -> np.ndarray:
        """Two-sided p-values."""
        return np.exp(self.log_p)

    @property
    def neg_log10_p(self) -> np.ndarray:
        """−log₁₀ p, 0 where there is no p-value."""
        return np.nan_to_num(-self.log_p / np.log(10.0), nan=0.0)


@dataclass(frozen=True, slots=True)
class Relation:
    """Who descends from whom.

    Attributes
    ----------
    padj
        Benjamini–Hochberg adjusted p-values over all tested ordered pairs, shape (p, p), NaN outside the family.
    significant
        padj < alpha, shape (p, p).
    descendant
        [source, target] target ∈ des(source), shape (p, p).
    dropped
        Pairs that ``closure="acyclic"`` skipped, shape (n_dropped, 2).
    blocking_paths
        For each of them the path of kept pairs from target to source that it would have closed into a cycle.
    """

    padj: np.ndarray
    significant: np.ndarray
    descendant: np.ndarray
    dropped: np.ndarray
    blocking_paths: tuple[tuple[int, ...], ...]

    @property
    def mutual(self) -> np.ndarray:
        """Pairs that descend from each other, [i, j] and [j, i], shape (p, p)."""
        return self.descendant & self.descendant.T

    def within(self, inside: np.ndarray) -> "Relation":
        """The relation among some genes, a mask of shape (p,)."""
        both = inside[:, None] & inside[None, :]
        return replace(self, significant=self.significant & both, descendant=self.descendant & both)


class ConfidenceSet(IntEnum):
    """Shape of the set of values of an edge that the weak-instrument-robust test does not reject."""

    NONE = 0  # no estimate, no set
    INTERVAL = 1
    RAY = 2  # unbounded on one side
    TWO_RAYS = 3  # all but an interval
    LINE = 4  # every value: the data say nothing
    PIECES = 5  # several pieces; their hull is given


@dataclass(frozen=True, slots=True)
class Instruments:
    """What the instruments of candidate edges are worth, and what can be said whatever they are; shape (m,) each.

    Attributes
    ----------
    strength
        F statistic of the edge.
    p
        p-value of the weak-instrument-robust test of no effect.
    low, high
        Ends of the hull of its 95 % confidence set, −∞ or ∞ where that is unbounded.
    shape
        :class:`ConfidenceSet`.
    """

    strength: np.ndarray
    p: np.ndarray
    low: np.ndarray
    high: np.ndarray
    shape: np.ndarray

    @classmethod
    def nothing(cls, m: int) -> "Instruments":
        """For candidates without an estimate."""
        return cls(*(np.full(m, np.nan) for _ in range(4)), np.full(m, int(ConfidenceSet.NONE)))

    @classmethod
    def joined(cls, parts: "Sequence[Instruments]") -> "Instruments":
        """One after the other."""
        every = [cls.nothing(0), *parts]
        return cls(*(np.concatenate([getattr(part, name) for part in every]) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Equation:
    """Effects of the candidates on one target.

    Attributes
    ----------
    target
        The gene whose parents are sought.
    candidates
        Its ancestors that were not placed yet, shape (m,).
    coef, se
        Direct effects θ̂ and their standard errors, shape (m,).
    status
        :class:`EdgeStatus` of each candidate, shape (m,).
    condition
        Condition number (1-norm) of M; NaN without a candidate or on the general path.
    culprits
        Candidates that make M singular: those whose knock-down is weakest against its standard error.
    general
        Whether the over-identified general path was taken.
    instruments
        :class:`Instruments` of the candidates; `None` where they were not asked for.
    """

    target: int
    candidates: np.ndarray
    coef: np.ndarray
    se: np.ndarray
    status: np.ndarray
    condition: float
    culprits: tuple[int, ...] = ()
    general: bool = False
    instruments: Instruments | None = None

    @property
    def n_candidates(self) -> int:
        """Candidates; what prior knowledge forbids is none, although it is listed."""
        return int((self.status != EdgeStatus.FORBIDDEN).sum())


@dataclass(frozen=True, slots=True)
class Dag:
    """The search's result; edge arrays have one entry per candidate edge, in the order of testing.

    Attributes
    ----------
    order
        Causal order, roots to sinks, shape (p,).
    source, target, coef, se, z, p, status
        Candidate edges, shape (n_edges,).
    batch, alpha, threshold
        Number of the BatchBH batch (−1: not in one), its level α_t and the threshold applied to the p-values.
    selected
        Rejected null hypotheses: the edges of the network.
    equations
        One per gene with candidates, sinks to roots.
    instruments
        :class:`Instruments` of the candidate edges, NaN where they were not asked for.
    layer
        Longest path of selected edges from a root to each gene, shape (p,).
    direction
        :class:`Direction` of the candidate edges; None where only the selection was made again.
    tied
        [k, t] gene k had as few descendants left as t when t was placed, shape (p, p); None for a stored network too.
    """

    order: np.ndarray
    source: np.ndarray
    target: np.ndarray
    coef: np.ndarray
    se: np.ndarray
    z: np.ndarray
    p: np.ndarray
    status: np.ndarray
    batch: np.ndarray
    alpha: np.ndarray
    threshold: np.ndarray
    selected: np.ndarray
    equations: tuple[Equation, ...]
    instruments: Instruments
    layer: np.ndarray
    direction: np.ndarray | None = None
    tied: np.ndarray | None = None
