"""Reduced form of one gene on a set of instruments: fit, HC0 covariance, degenerate entries.

For gene k and instruments S the quasi-Poisson fit of  Y_k ~ offset(log ℓ) + 1 + D_S + X  maximises
Σ_i y_i log μ_i − μ_i. D is one-hot, so given the nuisance coefficients β the effect of instrument j is
e^{ξ_j} = Y_j / E_j(β), with Y_j the counts of its cells and E_j their expectation without the effect. What is left is
Newton's method in β with H = Σ μ z z' − Σ_j Y_j W_j W_j', W_j the μ-weighted mean of z in group j.

The influence of cell i of group g on ξ is  r_i (1{g ∈ S} e_g / Y_g − W H⁻¹(z_i − W_g)), r = y − μ, W_g = 0 for a
baseline group. Hence the HC0 covariance has low rank beside its diagonal:

    V = diag(v) + G W' + W G',   v_j = Σ_{i∈j} r² / Y_j²,
    G = ½ W H⁻¹BH⁻¹ − Q,         Q_j = H⁻¹ Σ_{i∈j} r² (z − W_j) / Y_j,   B = Σ_i r² (z − W_g)(z − W_g)'

(METHOD 5.3; agrees with the dense sandwich A⁻¹BA⁻¹, Poisson A = Σ μ x x', B = Σ (y − μ)² x x').
"""

from dataclasses import dataclass

import numpy as np

from argen._core.glm._fit_kernels import fit
from argen._core.glm._segment_kernels import n_components
from argen._core.screen import Design, Screen

__all__ = ["FitState", "ReducedForm", "fit_reduced_form", "rows_of"]

TOLERANCE = 1e-8
MAX_ITERATIONS = 60


@dataclass(slots=True)
class FitState:
    """Where a fit ended, to start the next one of the same gene from there."""

    theta: np.ndarray
    weights: np.ndarray
    sums: np.ndarray
    warm: bool = False

    @classmethod
    def cold(cls, design: Design) -> "FitState":
        """A state that knows nothing yet."""
        n_seg = len(design.seg_stratum)
        return cls(
            theta=np.zeros(design.n_nuisance),
            weights=design.depth.copy(),
            sums=np.empty((n_seg, n_components(design.numeric.shape[1]))),
        )


@dataclass(frozen=True, slots=True)
class ReducedForm:
    """Coefficients of the instruments in one gene's reduced form, with their covariance in factored form.

    Attributes
    ----------
    instruments
        Genes whose perturbation indicators are in the design, shape (m,).
    effect
        Log fold changes ξ, shape (m,); where a group has no counts of the gene log(½ / E_j) stands for −∞,
        NaN where the data say nothing.
    separated
        Groups without counts, shape (m,).
    v, W, G
        V = diag(v) + G W' + W G'; shapes (m,), (m, q), (m, q). A separated entry has v = 2 = 1 / (0 + ½).
    theta
        Nuisance coefficients (levels, dummies, numeric), shape (q,).
    converged
        Whether the last Newton step was short enough.
    """

    instruments: np.ndarray
    effect: np.ndarray
    separated: np.ndarray
    v: np.ndarray
    W: np.ndarray
    G: np.ndarray
    theta: np.ndarray
    converged: bool

    def covariance(self) -> np.ndarray:
        """Dense V, shape (m, m)."""
        cross = self.G @ self.W.T
        return np.diag(self.v) + cross + cross.T


def rows_of(instruments: np.ndarray, n_genes: int) -> np.ndarray:
    """Row of each group among the instruments, −1 for baseline; the last group is the controls."""
    row = np.full(n_genes + 1, -1, dtype=np.int64)
    row[instruments] = np.arange(len(instruments))
    return row


def fit_reduced_form(screen: Screen, gene: int, instruments: np.ndarray, state: FitState | None = None) -> ReducedForm:
    """Fit gene `gene` on the perturbation indicators of `instruments`; all other cells are the baseline.

    `state` is overwritten with where the fit ended; a warm one makes a refit with a similar set short.
    """
    design = screen.design
    state = FitState.cold(design) if state is None else state
    used = np.ones(len(design.seg_stratum), dtype=np.bool_)
    row = rows_of(instruments, screen.n_genes)
    _, last, y_row, expected, factor, v, W, G, _, _ = fit(
        screen.counts_of(gene),
        design,
        used,
        row,
        len(instruments),
        state.theta,
        state.weights,
        state.sums,
        state.warm,
        TOLERANCE,
        MAX_ITERATIONS,
    )
    state.warm = True
    separated = (y_row == 0) & (expected > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.log(np.where(separated, 0.5 / expected, factor))
    effect[expected == 0] = np.nan
    v[separated] = 2.0
    return ReducedForm(instruments, effect, separated, v, W, G, state.theta.copy(), bool(last <= TOLERANCE))
