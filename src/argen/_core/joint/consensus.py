"""One graph from the inclusion probabilities, and its coefficients by Fisher scoring."""

from dataclasses import dataclass

import numpy as np

from argen._core.graphs.reach import transitive_closure
from argen._core.joint.chains import SHIFT_SD, used_cells
from argen._core.joint.noise import Factors, RowPrecision, working_response
from argen._core.joint.table import EffectTable

__all__ = ["FittedTable", "acyclic", "fit_table", "sources_first"]

SWEEPS = 3
SMALL_STEP = 1e-3
LEAST_STRENGTH = 0.02


@dataclass(frozen=True, slots=True)
class FittedTable:
    """The table under one graph; matrices [perturbation, gene] or [source, target], shape (p, p).

    Attributes
    ----------
    support
        Edges.
    reach
        [k, t]: t is k, or below it, in the graph with the orders that are known.
    theta, tau
        Coefficients and knock-downs.
    B, T
        (I − Θ)⁻¹ and diag(τ) B.
    row, column
        Offsets.
    Y, W
        Working response and weights at the fit.
    precision
        Inverse covariance of the rows.
    offset_variance
        Prior variance of the columns' offsets, shape (p,).
    tau_mean, tau_precision
        Prior of τ, shape (p,).
    """

    support: np.ndarray
    reach: np.ndarray
    theta: np.ndarray
    tau: np.ndarray
    B: np.ndarray
    T: np.ndarray
    row: np.ndarray
    column: np.ndarray
    Y: np.ndarray
    W: np.ndarray
    precision: RowPrecision
    offset_variance: np.ndarray
    tau_mean: np.ndarray
    tau_precision: np.ndarray

    @property
    def residual(self) -> np.ndarray:
        """Y − T − columns' offsets; rows' offsets are noise to `precision`."""
        return self.Y - self.T - self.column


def acyclic(
    strength: np.ndarray, wanted: np.ndarray, given: np.ndarray, before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Wanted pairs [source, target], strongest first, those that would close a cycle skipped; and who reaches whom.

    `given` edges come first; `before` holds orders (closed under transitivity) that no edge may contradict.
    """
    p = len(strength)
    reach = transitive_closure(before | given) | np.eye(p, dtype=bool)
    support = given.copy()
    source, target = np.nonzero(wanted & ~given)
    for i in np.argsort(-strength[source, target], kind="stable"):
        k, t = source[i], target[i]
        if not reach[t, k]:
            support[k, t] = True
            if not reach[k, t]:
                reach |= np.outer(reach[:, k], reach[t])
    return support, reach


def sources_first(support: np.ndarray) -> np.ndarray:
    """Genes from roots to sinks; among those that are free the first one comes first."""
    waiting = support.sum(axis=0).astype(np.int64)
    order: list[int] = []
    free = list(np.flatnonzero(waiting == 0))
    while free:
        k = free.pop(0)
        order.append(int(k))
        for t in np.flatnonzero(support[k]):
            waiting[t] -= 1
            if waiting[t] == 0:
                free.append(t)
        free.sort()
    return np.array(order, dtype=np.int64)


def fit_table(
    table: EffectTable,
    factors: Factors,
    support: np.ndarray,
    reach: np.ndarray,
    *,
    theta: np.ndarray,
    tau: np.ndarray,
    row_shifted: np.ndarray,
    column_shifted: np.ndarray,
    ridge: float,
    sweeps: int = SWEEPS,
) -> FittedTable:
    """Block Fisher scoring of a graph's coefficients from `theta` and `tau` on.

    For each gene t in causal order the coefficients of its parents, by generalised least squares on all columns that t
    moves; then τ, then the columns' offsets with their prior.

    Parameters
    ----------
    row_shifted, column_shifted
        Offsets that are more than the controls' error.
    ridge
        Prior precision of the coefficients.
    """
    p, theta, tau = table.n_genes, theta * support, tau.copy()
    used, order = used_cells(table), sources_first(support)
    offset_variance = table.offset_variance + np.where(column_shifted, SHIFT_SD**2, 0.0)
    row, column = np.zeros(p), np.zeros(p)
    for sweep in range(sweeps + 1):
        B = np.linalg.inv(np.eye(p) - theta)
        T = tau[:, None] * B
        Y, W = working_response(table, used, T + row[:, None] + column)
        precision = RowPrecision(W, factors, row_shifted, SHIFT_SD**2)
        priors = offset_variance, table.tau_mean, table.tau_precision
        fitted = FittedTable(support, reach, theta, tau, B, T, row, column, Y, W, precision, *priors)
        if sweep == sweeps:
            break
        before = theta.copy()
        theta, T, B = _update_parents(fitted, order, ridge)
        tau, T = _update_strengths(fitted, table.instrument, T, B)
        column = _update_columns(fitted, T)
        row = _update_rows(fitted, T + column, row_shifted)
        if sweep and np.abs(theta - before).max(initial=0.0) < SMALL_STEP:
            sweeps = min(sweeps, sweep + 1)
    return fitted


def _update_parents(fitted: FittedTable, order: np.ndarray, ridge: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    theta, T, B = fitted.theta.copy(), fitted.T.copy(), fitted.B.copy()
    R = fitted.Y - T - fitted.column
    for t in order:
        parents = np.flatnonzero(fitted.support[:, t])
        if not len(parents):
            continue
        X = T[:, parents]
        scaled = fitted.precision.times(B[[t]])
        u, w = (scaled * R).sum(axis=1), scaled @ B[t]
        information = (X * w[:, None]).T @ X + ridge * np.eye(len(parents))
        score = X.T @ u - ridge * theta[parents, t]
        information += 1e-9 * max(np.trace(information), 1e-9) * np.eye(len(parents))
        step = np.linalg.solve(information, score)
        theta[parents, t] += step
        moved, below = X @ step, np.flatnonzero(B[t])
        change = np.outer(moved, B[t, below])
        T[:, below] += change
        R[:, below] -= change
        B[:, below] += np.outer(moved / fitted.tau, B[t, below])
    return theta, T, B


def _update_strengths(
    fitted: FittedTable, free: np.ndarray, T: np.ndarray, B: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    scaled = fitted.precision.times(B)
    information = (scaled * B).sum(axis=1) + fitted.tau_precision
    score = (scaled * (fitted.Y - T - fitted.column)).sum(axis=1)
    score += fitted.tau_precision * (fitted.tau_mean - fitted.tau)
    tau = fitted.tau + np.where(free & (information > 0), score / np.maximum(information, 1e-12), 0.0)
    tau = np.where(np.abs(tau) < LEAST_STRENGTH, np.copysign(LEAST_STRENGTH, tau), tau)
    return tau, tau[:, None] * B


def _update_columns(fitted: FittedTable, T: np.ndarray) -> np.ndarray:
    """Offsets of all columns at once: (Σ_l Σ_l⁻¹ + diag(1/v)) c = Σ_l Σ_l⁻¹ (Y_l − T_l)."""
    score = fitted.precision.times(fitted.Y - T).sum(axis=0)
    return np.linalg.solve(fitted.precision.total() + np.diag(1.0 / fitted.offset_variance), score)


def _update_rows(fitted: FittedTable, mean: np.ndarray, shifted: np.ndarray) -> np.ndarray:
    """Posterior means of the shifts of whole rows; the precision has them integrated out."""
    # With a = Σ⁻¹1 (not integrated) and r ~ N(0, ω²) the mean is a'R / (1'a + ω⁻²) = ω² 1' (precision R).
    score = fitted.precision.times(fitted.Y - mean).sum(axis=1)
    return np.where(shifted, SHIFT_SD**2 * score, 0.0)
