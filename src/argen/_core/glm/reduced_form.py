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

from argen._core.glm._baseline_kernels import change_baseline, instrument_sums, tabulate_baseline
from argen._core.glm._fit_kernels import first_step
from argen._core.glm._leverage_kernels import inflate
from argen._core.glm._moment_kernels import Tables, empty_tables, monomials
from argen._core.glm._nb_kernels import EXPECTED, nb_cells
from argen._core.glm._segment_kernels import count_totals, n_components
from argen._core.glm.families import family_of, rows_of
from argen._core.glm.fit import TOLERANCE, fit
from argen._core.screen import Design, Screen

__all__ = ["ReducedForm", "ReducedFormFit", "fit_reduced_form"]

_MAX_NUMERIC = 2
_MAX_TABLES = 5  # times that the tables follow γ before all cells are summed at every step
# Σ |Δ| max|m| up to which the series of the tables is exact to 1e-14: the squares of residuals are a small difference
# of what it gives where means are large.
_CLOSE = 0.1


@dataclass(frozen=True, slots=True)
class ReducedForm:
    """Coefficients of the instruments in one gene's reduced form, with their covariance in factored form.

    Attributes
    ----------
    instruments
        Genes whose perturbation indicators are in the design, shape (m,).
    effect
        Log fold changes ξ, shape (m,). Where a group has no counts of the gene log(½ / (E_j + ½)) stands for −∞: it
        tends to 0, no effect, where no counts were expected anyway. NaN where the data say nothing.
    separated
        Groups without counts, shape (m,).
    v, W, G
        V = diag(v) + G W' + W G'; shapes (m,), (m, q), (m, q). A separated entry has v = 2 = 1 / (0 + ½).
    theta
        Nuisance coefficients (levels, dummies, numeric), shape (q,).
    S, H_inv
        Weights of each instrument group (Poisson: its counts Y_j), shape (m,), and H⁻¹, shape (q, q): what a cell's
        influence needs.
    phi
        Dispersion, which decides the family (:func:`.families.family_of`).
    converged
        Whether the last Newton step was short enough.
    shrinkage
        What the coefficients count for in a first stage, 1 or less, see :func:`~argen._core.dag.instruments.shrunk`;
        shape (m,), or 1 for all. `effect`, V and influences are those of the fit.
    """

    instruments: np.ndarray
    effect: np.ndarray
    separated: np.ndarray
    v: np.ndarray
    W: np.ndarray
    G: np.ndarray
    theta: np.ndarray
    S: np.ndarray
    H_inv: np.ndarray
    phi: float
    converged: bool
    shrinkage: np.ndarray | float = 1.0

    @property
    def variance(self) -> np.ndarray:
        """Diagonal of V, shape (m,)."""
        return self.v + 2.0 * np.einsum("ij,ij->i", self.G, self.W)

    def covariance(self) -> np.ndarray:
        """Dense V, shape (m, m)."""
        cross = self.G @ self.W.T
        return np.diag(self.v) + cross + cross.T

    def residuals(self, y: np.ndarray, design: Design, *, hc3: bool) -> np.ndarray:
        """Score (y − μ) / (1 + φμ) of every cell, divided by 1 − leverage with `hc3`; shape (n,)."""
        row, everything = (
            rows_of(self.instruments, len(design.group_seg) - 2),
            np.ones(len(design.seg_stratum), np.bool_),
        )
        factor = np.where(self.separated, 0.0, np.exp(self.effect))
        score, weight = np.zeros(len(y)), np.zeros(len(y))
        nb_cells(y, design, everything, self.theta, row, factor, self.phi, EXPECTED, score, weight)
        if hc3:
            inflate(design, everything, row, score, weight, self.S, self.W, self.H_inv)
        return score


def fit_reduced_form(
    screen: Screen, gene: int, instruments: np.ndarray, *, hc3: bool = False, phi: float = 0.0
) -> ReducedForm:
    """Fit gene `gene` on the perturbation indicators of `instruments`; all other cells are the baseline."""
    return ReducedFormFit(screen, gene, hc3=hc3, phi=phi).refit(screen.counts_of(gene), instruments, keep=False)


class ReducedFormFit:
    """Fits of one gene on changing instruments, each starting from where the last one ended.

    The cells of the baseline are kept as moment tables (:mod:`._moment_kernels`), so that a refit looks at the cells of
    the instruments only; an instrument that leaves the design is added to the tables, one that joins is taken out.
    Beside the tables nothing is kept that grows with the cells.
    """

    def __init__(self, screen: Screen, gene: int, *, hc3: bool = False, phi: float = 0.0) -> None:
        self._hc3, self._phi = hc3, phi
        self._design, self._series = screen.design_of(gene), monomials(screen.design.numeric.shape[0])
        self._theta = np.zeros(self._design.n_nuisance)
        self._baseline: Tables | None = None
        self._row = np.empty(0, dtype=np.int64)
        self._y_total, self._y_group = np.zeros(self._design.n_nuisance), np.empty(0)
        # Tables of many numeric covariates take longer than the sums over all cells of a few refits. Nor do they know
        # the leverages, which every refit changes.
        self._tabulates = len(self._gamma) <= _MAX_NUMERIC and not hc3

    def refit(self, y: np.ndarray, instruments: np.ndarray, *, keep: bool = True) -> ReducedForm:
        """Fit on `instruments`. ``keep=False``: the last fit, with tables only if they save time."""
        row = rows_of(instruments, len(self._design.group_seg) - 2)
        if len(self._y_group) == 0:
            self._y_group = np.zeros(len(row))
            everything = np.ones(len(self._design.seg_stratum), dtype=np.bool_)
            count_totals(y, self._design, everything, np.arange(len(row)), self._y_total, self._y_group)
        pieces = self._warm_fit(y, row) if self._baseline is not None else None
        if pieces is None and self._tabulates and (keep or len(self._gamma) <= 1):
            pieces = self._tabulated_fit(y, row)
        if pieces is None:
            self._baseline = None
            pieces = self._cold_fit(y, row)
        self._row = row
        return self._result(y, instruments, *pieces)

    def _warm_fit(self, y: np.ndarray, row: np.ndarray) -> tuple | None:
        """Sums over the instruments' cells; None when γ moves further than the tables reach."""
        change_baseline(y, self._design, self._series, row, self._row, self._baseline)
        if ((row >= 0) & (self._row < 0)).any():
            self._clear_strata(row)
        return self._on_tables(y, row)

    def _tabulated_fit(self, y: np.ndarray, row: np.ndarray) -> tuple | None:
        """One step from γ = 0, then steps on tables made where it led to; None where γ leaves their reach for ever."""
        self._theta[:] = 0.0
        first_step(self._design, self._series, row, self._y_total, self._y_group[row >= 0], self._theta)
        for _ in range(_MAX_TABLES):
            self._baseline = tabulate_baseline(y, self._design, self._series, row, self._gamma)
            pieces = self._on_tables(y, row)
            if pieces is not None and self._reach() <= _CLOSE:
                return pieces
        return None

    def _reach(self) -> float:
        """How far γ has left that of the tables, as the largest change of a cell's log mean."""
        return float(np.abs(self._gamma - self._baseline.gamma) @ self._design.numeric_bound)

    def _cold_fit(self, y: np.ndarray, row: np.ndarray) -> tuple:
        """Sums over all cells at every step, from γ = 0 on."""
        none = empty_tables(self._design, self._series, np.zeros(len(self._gamma)))
        self._theta[:] = 0.0
        everything = np.ones(len(self._design.seg_stratum), dtype=np.bool_)
        return self._fit(y, row, everything, none, self._design.depth.copy(), self._empty_sums(), warm=False)

    def _on_tables(self, y: np.ndarray, row: np.ndarray) -> tuple | None:
        """Steps from where θ is, the baseline in tables; None when γ moves further than they reach."""
        w, sums = np.empty(len(y)), self._empty_sums()
        instrument_sums(self._design, row, self._gamma, w, sums)
        used = np.repeat(row >= 0, np.diff(self._design.group_seg))
        pieces = self._fit(y, row, used, self._baseline, w, sums, warm=True)
        return pieces if np.isfinite(pieces[0]) else None

    def _empty_sums(self) -> np.ndarray:
        """Components of all segments."""
        return np.empty((len(self._design.seg_stratum), n_components(self._design.numeric.shape[0])))

    def _clear_strata(self, row: np.ndarray) -> None:
        """Make what is left of the tables 0 where no cell is: differences of sums are that but for rounding."""
        design = self._design
        of_baseline = np.repeat(row < 0, np.diff(design.group_seg))
        sizes = np.diff(design.seg_start)[of_baseline]
        cells = np.bincount(design.seg_stratum[of_baseline], sizes, len(design.stratum_level))
        for table in self._baseline[:-1]:
            table[:, cells == 0] = 0.0

    def _fit(
        self,
        y: np.ndarray,
        row: np.ndarray,
        used: np.ndarray,
        baseline: Tables,
        w: np.ndarray,
        sums: np.ndarray,
        *,
        warm: bool,
    ) -> tuple:
        y_total, y_row, theta = self._y_total, self._y_group[row >= 0], self._theta
        how = {"warm": warm, "hc3": self._hc3}
        return fit(y, self._design, self._series, used, row, y_total, y_row, baseline, theta, w, sums, **how)

    @property
    def _gamma(self) -> np.ndarray:
        return self._theta[len(self._theta) - self._design.numeric.shape[0] :].copy()

    def _result(
        self,
        y: np.ndarray,
        instruments: np.ndarray,
        last: float,
        expected: np.ndarray,
        factor: np.ndarray,
        v: np.ndarray,
        W: np.ndarray,
        G: np.ndarray,
        H_inv: np.ndarray,
        *_: np.ndarray,
    ) -> ReducedForm:
        y_row = self._y_group[instruments]
        separated = (y_row == 0) & (expected > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            effect = np.log(np.where(separated, 0.5 / (expected + 0.5), factor))
        effect[expected == 0] = np.nan
        theta, S = self._theta.copy(), y_row
        family = family_of(self._phi)
        if family.refit is not None:
            unknown, everything = np.isnan(effect), np.ones(len(self._design.seg_stratum), np.bool_)
            effect = np.where(unknown, 0.0, np.where(separated, -20.0, effect))
            theta, effect, S, last, v, W, G, H_inv = family.refit(
                y, self._design, everything, instruments, y_row, theta, effect, phi=self._phi, hc3=self._hc3
            )
            effect[unknown] = np.nan
        v[separated] = 2.0
        converged = bool(last <= TOLERANCE)
        return ReducedForm(instruments, effect, separated, v, W, G, theta, S, H_inv, self._phi, converged)
