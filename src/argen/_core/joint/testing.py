"""Tests of all pairs at the consensus graph, standard errors with all other coefficients unknown, residuals.

With Σ_l the covariance of row l, b = B[t, :], R the residuals of the fitted table:

    u_l = b'Σ_l⁻¹R_l,   w_l = b'Σ_l⁻¹b,   g_k = T[:, k]'u,   I_k = (T[:, k]²)'w

The efficient score of the pair k → t takes out what the other parents of t and the offsets of the columns that t moves
explain. A parent is tested by its coefficient, which is the score at θ = 0 of the same linear model.

A standard error for intervals knows no other coefficient: the information of all edges, knock-downs and offsets is
inverted as a whole. Tests by it would be weak (.63 of the power against .78); intervals without it cover .58–.82.
"""

from dataclasses import dataclass

import numpy as np

from argen._core.joint.consensus import FittedTable

__all__ = [
    "FullInformation",
    "PairTests",
    "full_information",
    "misfit",
    "share_without_outliers",
    "standardised_residuals",
    "test_pairs",
]

# Offsets that are taken out of the score of a pair: the columns that the target moves most.
MOST_OFFSETS = 12
NEGLIGIBLE = 0.01
LEAST_INFORMATION = 1e-8
# An entry of T below this share of its row's largest says nothing about an edge.
LEAST_SHARE = 1e-4


@dataclass(frozen=True, slots=True)
class PairTests:
    """Efficient scores of all pairs [source, target] that close no cycle, NaN elsewhere; shape (p, p) each.

    Attributes
    ----------
    coef, se
        θ of the pair given the rest of the graph, and its standard error; `z` is their ratio.
    z
        Efficient score at θ = 0, standard normal if there is no edge.
    """

    coef: np.ndarray
    se: np.ndarray
    z: np.ndarray


def test_pairs(fitted: FittedTable, allowed: np.ndarray) -> PairTests:
    """Test every allowed pair whose target does not reach its source."""
    p = len(fitted.tau)
    coef, se = np.full((p, p), np.nan), np.full((p, p), np.nan)
    score_of_cells = fitted.precision.times(fitted.residual)
    score_of_offsets = score_of_cells.sum(axis=0) - fitted.column / fitted.offset_variance
    information_of_offsets = fitted.precision.total()
    for t in range(p):
        g, I, theta = _pairs_of(fitted, t, score_of_cells, score_of_offsets, information_of_offsets)
        known = I > LEAST_INFORMATION
        safe = np.where(known, I, 1.0)
        coef[:, t] = np.where(known, theta + g / safe, np.nan)
        se[:, t] = np.where(known, 1.0 / np.sqrt(safe), np.nan)
    testable = allowed & ~fitted.reach.T
    coef, se = np.where(testable, coef, np.nan), np.where(testable, se, np.nan)
    return PairTests(coef, se, coef / se)


# Its name is that of an operation; pytest takes it for a test where it is imported.
test_pairs.__test__ = False


def _pairs_of(
    fitted: FittedTable,
    t: int,
    score_of_cells: np.ndarray,
    score_of_offsets: np.ndarray,
    information_of_offsets: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Efficient score, its variance, and current coefficient of every source k of target t, shape (p,) each."""
    T, b = fitted.T, fitted.B[t]
    scaled = fitted.precision.times(b[None])
    u, w = score_of_cells @ b, scaled @ b
    moved = np.flatnonzero(np.abs(b) > NEGLIGIBLE)
    moved = moved[np.argsort(-np.abs(b[moved]), kind="stable")[:MOST_OFFSETS]]
    parents = np.flatnonzero(fitted.support[:, t])
    # Nuisance: coefficients of the parents, then offsets.
    Z = T[:, parents]
    cross = np.vstack([(Z * w[:, None]).T @ T, scaled[:, moved].T @ T])
    own = np.empty((len(cross), len(cross)))
    n = len(parents)
    own[:n, :n] = cross[:n, parents]
    own[n:, :n] = cross[n:, parents]
    own[:n, n:] = own[n:, :n].T
    own[n:, n:] = information_of_offsets[np.ix_(moved, moved)] + np.diag(1.0 / fitted.offset_variance[moved])
    score = np.concatenate([Z.T @ u, score_of_offsets[moved]])
    g, I = T.T @ u, (T**2).T @ w
    inverse = np.linalg.pinv(own, hermitian=True)
    efficient_g = g - cross.T @ (inverse @ score)
    efficient_I = I - (cross * (inverse @ cross)).sum(axis=0)
    # For a parent the others are the nuisance: its row of the inverse is that of the same system.
    if n:
        step, variance = (inverse @ score)[:n], np.diag(inverse)[:n]
        efficient_I[parents] = 1.0 / np.maximum(variance, 1e-300)
        efficient_g[parents] = step * efficient_I[parents]
    return efficient_g, efficient_I, fitted.theta[:, t]


@dataclass(frozen=True, slots=True)
class FullInformation:
    """Coefficients and standard errors with all edges, knock-downs and offsets unknown.

    Attributes
    ----------
    coef, se
        [source, target], NaN outside the support, shape (p, p).
    tau, tau_se
        Knock-downs, shape (p,); NaN for perturbations that are no instrument.
    """

    coef: np.ndarray
    se: np.ndarray
    tau: np.ndarray
    tau_se: np.ndarray


def full_information(fitted: FittedTable, free: np.ndarray) -> FullInformation:
    """One Newton step from the fit, without a prior, and the inverse of the joint information.

    Row l of the table depends on the edges k → t with T[l, k] ≠ 0, by T[l, k] B[t, :], on τ_l, by B[l, :], and on the
    offsets of the columns. `free` perturbations have a τ.
    """
    source, target = np.nonzero(fitted.support)
    p, m = len(fitted.tau), len(source)
    rows = np.flatnonzero(free)
    n = m + len(rows)
    information, score = np.zeros((n + p, n + p)), np.zeros(n + p)
    for i, l in enumerate(rows):
        precision = fitted.precision.row(l)
        reached = fitted.T[l, source]
        edges = np.flatnonzero(np.abs(reached) > LEAST_SHARE * np.abs(fitted.tau[l]))
        X = np.vstack([reached[edges, None] * fitted.B[target[edges]], fitted.B[[l]]])
        at = np.append(edges, m + i)
        XP = X @ precision
        information[np.ix_(at, at)] += XP @ X.T
        information[np.ix_(at, range(n, n + p))] += XP
        information[n:, n:] += precision
        residual = fitted.residual[l]
        score[at] += XP @ residual
        score[n:] += precision @ residual
    taus = np.arange(m, n)
    information[taus, taus] += fitted.tau_precision[rows]
    score[taus] += (fitted.tau_precision * (fitted.tau_mean - fitted.tau))[rows]
    information[n:, :n] = information[:n, n:].T
    information[n:, n:] += np.diag(1.0 / fitted.offset_variance)
    score[n:] -= fitted.column / fitted.offset_variance
    inverse = np.linalg.pinv(information, hermitian=True) if n else np.linalg.inv(information)
    step, se = inverse @ score, np.sqrt(np.maximum(np.diag(inverse), 0.0))
    coef, coef_se = np.full((p, p), np.nan), np.full((p, p), np.nan)
    tau, tau_se = np.full(p, np.nan), np.full(p, np.nan)
    coef[source, target] = fitted.theta[source, target] + step[:m]
    coef_se[source, target] = se[:m]
    tau[rows], tau_se[rows] = fitted.tau[rows] + step[m:n], se[m:n]
    return FullInformation(coef, coef_se, tau, tau_se)


def standardised_residuals(fitted: FittedTable) -> np.ndarray:
    """(Y − T − offsets) √W, each cell by itself; NaN in cells that were not explained, [perturbation, gene]."""
    residual = (fitted.residual - fitted.row[:, None]) * np.sqrt(fitted.W)
    return np.where(fitted.W > 0, residual, np.nan)


def share_without_outliers(residual: np.ndarray, limit: float) -> float:
    """Σ min(r², limit²) / Σ r²: what is left of χ² without cells, such as the other half of a loop, that stand out."""
    squares = np.nan_to_num(residual) ** 2
    return float(np.minimum(squares, limit**2).sum() / max(squares.sum(), 1e-300))


def misfit(fitted: FittedTable, n_parameters: int) -> float:
    """χ² of the table per degree of freedom: 1 where the graph explains it."""
    cells = int((fitted.W > 0).sum())
    squares = float((fitted.residual * fitted.precision.times(fitted.residual)).sum())
    return squares / max(cells - n_parameters, 1)
