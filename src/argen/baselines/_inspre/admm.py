"""Sparse approximate inverse of a matrix of total effects by ADMM (METHOD 8).

    min  ½‖W∘(R − U)‖² + λ Σ_{i≠j} |V_ij|    subject to  UV = I

with the augmented Lagrangian ρ/2 ‖UV − I + Θ‖² (scaled multiplier Θ) and in turn

    U ← row by row the solution of  u (diag(w²) + ρ VV') = w²∘r + ρ (e − θ) V'
    V ← column by column a lasso,  λ/ρ Σ_{i≠j} |v_i| + ½‖Uv − (e − θ)‖²
    Θ ← Θ + UV − I

The problem is not convex. What is returned is the iterate whose *feasible* objective, with U = V⁻¹, is smallest, and
whether the residuals became small.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from argen.baselines._inspre._lasso_kernels import lasso_columns

__all__ = [
    "InverseFit",
    "compile_lasso",
    "direct_effects",
    "lambda_path",
    "predicted_ratios",
    "solve_path",
    "sparse_inverse",
]

_FIRST_RHO = 100.0  # times the mean of W²; from a smaller one the iteration can drift to a poor solution
_IMBALANCE = 10.0  # ratio of the residuals beyond which ρ is changed
_RHO_FACTOR = 2.0
_RHO_EVERY = 10  # iterations between changes of ρ: a multiplier needs time to follow
_FLOOR_DECAY = 0.85
_PATIENCE = 4  # changes of ρ without progress after which the iteration counts as swinging
_CHECK_EVERY = 5  # iterations between looks at the residuals and the feasible objective, which inverts V
_CG_TOLERANCE = 1e-2  # relative to the tolerance of the whole: each step starts where the last one ended
_CG_ITERATIONS = 200
_SWEEPS = 20


@dataclass(frozen=True, slots=True)
class InverseFit:
    """Solution for one λ.

    Attributes
    ----------
    lam
        Weight of the penalty.
    V
        Sparse approximate inverse of R, shape (p, p).
    U, dual, rho
        Last state of the iteration, the start for the next λ.
    objective
        ½‖W∘(R − V⁻¹)‖² + λ Σ_{i≠j} |V_ij| of the V returned.
    primal, dual_residual
        Relative residuals at the end.
    iterations, converged
        Steps taken, and whether both residuals fell below the tolerance.
    """

    lam: float
    V: np.ndarray
    U: np.ndarray
    dual: np.ndarray
    rho: float
    objective: float
    primal: float
    dual_residual: float
    iterations: int
    converged: bool

    @property
    def G(self) -> np.ndarray:
        """Direct effects."""
        return direct_effects(self.V)


def direct_effects(V: np.ndarray) -> np.ndarray:
    """G = I − V / diag(V), column j divided by V_jj.

    With T = (I − G)⁻¹ the ratios are R = diag(T)⁻¹ T, hence R⁻¹ = (I − G) diag(T): the diagonal of the inverse scales
    the columns. (The rows, as some texts have it, come to the same in a network without cycles, where the diagonal
    is 1.)
    """
    G = -V / np.diag(V)
    np.fill_diagonal(G, 0.0)
    return G


def predicted_ratios(V: np.ndarray) -> np.ndarray:
    """Total effects per unit of the perturbed gene's own change that V implies: V⁻¹, row i divided by its diagonal."""
    inverse = np.linalg.inv(V)
    return inverse / np.diag(inverse)[:, None]


def lambda_path(R: np.ndarray, n: int = 20, ratio: float = 0.01) -> np.ndarray:
    """`n` values from the largest off-diagonal |R_ij|, at most 1, down to `ratio` times it, evenly in the logarithm."""
    off_diagonal = np.abs(R[~np.eye(len(R), dtype=bool)])
    top = min(float(np.nanmax(off_diagonal, initial=0.0)), 1.0) or 1.0
    return np.geomspace(top, ratio * top, n)


def solve_path(
    R: np.ndarray,
    W: np.ndarray,
    lambdas: np.ndarray,
    allowed: np.ndarray | None = None,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 1000,
    track: Callable[[Iterable], Iterable] = iter,
) -> list[InverseFit]:
    """Solve for each λ in turn, each starting where the last one ended; see :func:`sparse_inverse`."""
    fits: list[InverseFit] = []
    for lam in track(lambdas):
        start = fits[-1] if fits else None
        fit = sparse_inverse(R, W, lam, allowed, start, tolerance=tolerance, max_iterations=max_iterations)
        fits.append(fit)
    return fits


def sparse_inverse(
    R: np.ndarray,
    W: np.ndarray,
    lam: float,
    allowed: np.ndarray | None = None,
    start: InverseFit | None = None,
    *,
    tolerance: float = 1e-4,
    max_iterations: int = 1000,
) -> InverseFit:
    """Sparse approximate inverse for one λ.

    Parameters
    ----------
    R, W
        Ratios of total effects and their weights, 0 where R is missing; shape (p, p).
    lam
        Weight of the penalty on the off-diagonal entries of V.
    allowed
        Entries of V that may change from those of the identity, shape (p, p). Default: all.
    start
        Solution for another λ to start from.
    tolerance
        Bound of the relative primal and dual residuals.
    max_iterations
        When to stop without convergence.
    """
    p = len(R)
    eye = np.eye(p)
    squared = W**2
    data = squared * np.nan_to_num(R)
    allowed_columns = np.ones((p, p), dtype=bool) if allowed is None else np.ascontiguousarray(allowed.T)
    U, V, dual, rho = _start(eye, _FIRST_RHO * squared.mean(), start)
    best, best_objective = V, _feasible_objective(R, squared, lam, V)
    primal = residual = np.inf
    penalty, iteration = _Penalty(), 0
    while iteration < max_iterations and not max(primal, residual) < tolerance:
        iteration += 1
        U = _solve_rows(squared, rho, V @ V.T, data + rho * (eye - dual) @ V.T, U, _CG_TOLERANCE * tolerance)
        old, V = V, _solve_columns(U, eye - dual, V, lam / rho, allowed_columns, tolerance)
        product = U @ V
        dual = dual + product - eye
        if iteration % _CHECK_EVERY and iteration < max_iterations:
            continue
        primal, residual = _residuals(product, U, V - old, V, dual, rho, tolerance)
        if (value := _feasible_objective(R, squared, lam, V)) < best_objective:
            best, best_objective = V, value
        if iteration % _RHO_EVERY == 0:
            factor = penalty.factor(rho, primal, residual)
            rho, dual = rho * factor, dual / factor
    if (value := _feasible_objective(R, squared, lam, V)) <= best_objective or primal < tolerance:
        best, best_objective = V, value
    done = bool(max(primal, residual) < tolerance)
    return InverseFit(lam, best, U, dual, rho, best_objective, primal, residual, iteration, done)


def _start(eye: np.ndarray, rho: float, start: InverseFit | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """U, V, Θ and ρ to begin with: those of the last λ unless that went astray, which would drag all others along."""
    if start is None:
        return eye, eye, np.zeros_like(eye), rho
    if start.converged:
        return start.U, start.V, start.dual, start.rho
    return np.linalg.inv(start.V), start.V, np.zeros_like(eye), rho


def _residuals(
    product: np.ndarray,
    U: np.ndarray,
    step: np.ndarray,
    V: np.ndarray,
    dual: np.ndarray,
    rho: float,
    tolerance: float,
) -> tuple[float, float]:
    """How far UV is from I, and how far U is from a minimum given the new V; both relative."""
    root = np.sqrt(len(U))
    primal = np.linalg.norm(product - np.eye(len(U))) / max(np.linalg.norm(product), root)
    force = rho * np.linalg.norm(dual @ V.T)
    residual = rho * np.linalg.norm(U @ step @ V.T) / max(force, tolerance * root)
    return float(primal), float(residual)


class _Penalty:
    """When to change ρ.

    Residuals out of balance move it up or down. The problem is not convex, so a ρ that is too small lets the iteration
    swing for ever: where the residuals no longer shrink, ρ grows, and may not fall below that value again unless it
    stays out of balance for long.
    """

    def __init__(self) -> None:
        self._floor, self._best, self._stalled = 0.0, np.inf, 0

    def factor(self, rho: float, primal: float, residual: float) -> float:
        """What to multiply ρ with."""
        worst = max(primal, residual)
        self._stalled = 0 if worst < 0.7 * self._best else self._stalled + 1
        self._best = min(self._best, worst)
        if self._stalled >= _PATIENCE and residual < _IMBALANCE * primal:
            self._stalled, self._best, self._floor = 0, worst, _RHO_FACTOR * rho
            return _RHO_FACTOR
        if primal > _IMBALANCE * residual:
            return _RHO_FACTOR
        if residual <= _IMBALANCE * primal:
            return 1.0
        if rho / _RHO_FACTOR < self._floor:
            self._floor *= _FLOOR_DECAY
            return 1.0
        return 1.0 / _RHO_FACTOR


def _solve_rows(
    squared: np.ndarray, rho: float, gram: np.ndarray, right: np.ndarray, U: np.ndarray, tolerance: float
) -> np.ndarray:
    """Solve  U∘W² + ρ U VV' = right  for all rows at once by preconditioned conjugate gradients from U on."""
    scale = squared + rho * np.diag(gram)
    residual = right - squared * U - rho * U @ gram
    z = residual / scale
    direction = z
    power = np.einsum("ij,ij->i", residual, z)
    goal = tolerance**2 * np.einsum("ij,ij->i", right, right / scale) + 1e-300
    for _ in range(_CG_ITERATIONS):
        if (power <= goal).all():
            break
        image = squared * direction + rho * direction @ gram
        step = power / np.maximum(np.einsum("ij,ij->i", direction, image), 1e-300)
        U = U + step[:, None] * direction
        residual = residual - step[:, None] * image
        z = residual / scale
        new = np.einsum("ij,ij->i", residual, z)
        direction = z + (new / np.maximum(power, 1e-300))[:, None] * direction
        power = new
    return U


def _solve_columns(
    U: np.ndarray, right: np.ndarray, V: np.ndarray, penalty: float, allowed: np.ndarray, tolerance: float
) -> np.ndarray:
    """The lasso step."""
    gram = U.T @ U
    coef = np.ascontiguousarray(V.T)
    gradient = np.ascontiguousarray((U.T @ right - gram @ V).T)
    coef = coef.copy() if coef is V or coef.base is V else coef
    lasso_columns(coef, gradient, gram, penalty, allowed, 0.01 * tolerance, _SWEEPS)
    return np.ascontiguousarray(coef.T)


def _feasible_objective(R: np.ndarray, squared: np.ndarray, lam: float, V: np.ndarray) -> float:
    try:
        residual = np.nan_to_num(R) - np.linalg.inv(V)
    except np.linalg.LinAlgError:
        return np.inf
    penalty = np.abs(V).sum() - np.abs(np.diag(V)).sum()
    value = 0.5 * float((squared * residual**2).sum()) + lam * float(penalty)
    return value if np.isfinite(value) else np.inf


def compile_lasso() -> None:
    """Compile the kernel, or load what is on disk."""
    square = np.eye(2)
    lasso_columns(square.copy(), square.copy(), square, 0.1, square > 0, 1e-3, 2)
