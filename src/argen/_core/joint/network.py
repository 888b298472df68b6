"""The result of the joint search: plain arrays."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Agreement", "JointNetwork"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two halves of the chains say the same.

    Attributes
    ----------
    jaccard
        Of the edges with an inclusion above .5 in one half and in the other; 1 if neither has any.
    largest_difference
        Of the inclusion of any pair.
    unstable
        Pairs [source, target] that only one half would call an edge, shape (p, p).
    hinging
        Pairs that are selected if the graph that is tested holds the edges with an inclusion above .25, as it does, or
        above .5, but not with both, shape (p, p).
    """

    jaccard: float
    largest_difference: float
    unstable: np.ndarray
    hinging: np.ndarray


@dataclass(frozen=True, slots=True)
class JointNetwork:
    """What the joint search found; matrices [source, target] or [perturbation, gene], shape (p, p).

    Attributes
    ----------
    inclusion
        Posterior probability of each edge: mean over the chains of the Rao–Blackwell averages.
    coef, se
        Direct effects. In the consensus graph the mean of the coefficient over all graphs of the chains that hold the
        edge, and the larger one of its standard deviation over these graphs and of the full-information standard error
        at the consensus graph, times √max(1, χ²), residuals cut back to ±4 (these cells have flags of their own).
        Elsewhere what the edge would have if it were added, given the rest of the graph. NaN where there is no test.
    z, p, padj
        Efficient score at θ = 0, divided by √max(1, χ²) (not `coef` / `se`: in the error of an interval every other
        coefficient is unknown), two-sided p-value, and that of Benjamini and Hochberg over all pairs that could be
        edges, those without a test as p = 1. They rest on the graph that was searched for.
    selected
        Edges of the network: padj ≤ alpha and inclusion > .5, as far as the inclusions expect no more than 1.5 alpha of
        them to be false, strongest first, cycles skipped; and required edges.
    support
        The consensus graph: inclusion > .25, acyclic.
    order, layer
        Causal order, roots to sinks, of the selected edges and known orders; longest path from a root. Shape (p,).
    instrument
        Perturbations with an effect on their own gene; the others have no edges out of them, shape (p,).
    tau, tau_se
        Effect of each perturbation on its own gene, NaN where that is no instrument, shape (p,).
    predicted, residual
        Total effects under the consensus graph with offsets, and what is left of the table in standard deviations (NaN
        in cells that took no part), [perturbation, gene].
    loop
        Selected edges whose reverse cell has a residual beyond 4: "loop, direction undetermined".
    row_shift, column_shift
        Offsets of whole rows and columns that were taken out, 0 where none is called for, shape (p,).
    column_offset
        Offsets of the columns for the controls' error, shape (p,).
    agreement
        :class:`Agreement` between two halves of the chains.
    expected_false
        Σ (1 − inclusion) over the selected edges.
    misfit
        χ² of the fitted table per degree of freedom.
    tail
        See :class:`~argen._core.joint.table.EffectTable`.
    sigma
        Scale of the coefficients.
    """

    inclusion: np.ndarray
    coef: np.ndarray
    se: np.ndarray
    z: np.ndarray
    p: np.ndarray
    padj: np.ndarray
    selected: np.ndarray
    support: np.ndarray
    order: np.ndarray
    layer: np.ndarray
    instrument: np.ndarray
    tau: np.ndarray
    tau_se: np.ndarray
    predicted: np.ndarray
    residual: np.ndarray
    loop: np.ndarray
    row_shift: np.ndarray
    column_shift: np.ndarray
    column_offset: np.ndarray
    agreement: Agreement
    expected_false: float
    misfit: float
    tail: float
    sigma: float

    @property
    def is_heavy_tailed(self) -> bool:
        """Whether rare large cells make up the variance: this search then finds little, others much that is false."""
        return self.tail < HEAVY_TAIL


# Median of the groups' own variance over the model's.
HEAVY_TAIL = 0.7
