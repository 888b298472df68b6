"""Choice of λ by cross-validation over cells.

The cells of every group are dealt out to K folds. Each fold is left out in turn: the path is solved on the others'
ratios, and the left-out cells' total effects are held against what each solution predicts,

    error(λ) = Σ_{i≠j} w_ij (τ_ij^out − τ_ii^in R̂_ij(λ))² / Σ w_ij,   w = 1/s², s the left-out effects' standard error.

``"cv-min"`` takes the λ of the smallest mean error, ``"cv"`` the largest λ whose error is within one standard error of
that: along a flat valley the sparser solution. ``"stability"`` (StARS) takes the smallest λ at which, and at all
larger ones, the mean of 2ξ(1 − ξ) over the entries of V stays within a bound, ξ_ij the share of folds with V_ij ≠ 0.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from argen._core.parallel import Map
from argen.baselines._inspre.admm import InverseFit, predicted_ratios, sparse_inverse
from argen.baselines._inspre.order import evidence, forward_entries, forward_order
from argen.baselines._inspre.ratios import Ratios, weights

__all__ = ["MAX_INSTABILITY", "SELECTIONS", "Path", "choose", "deal_folds", "fit_path"]

SELECTIONS = ("cv", "cv-min", "stability")
MAX_INSTABILITY = 0.05
_RISES = 3


@dataclass(frozen=True, slots=True)
class Path:
    """Solutions along λ with what they are chosen by.

    Attributes
    ----------
    fits
        One per λ, largest λ first.
    error, error_se
        Mean error of prediction over the folds and its standard error, shape (n_lambda,); NaN without folds.
    instability
        Mean of 2ξ(1 − ξ), shape (n_lambda,).
    frequency
        Share of folds in which each entry of V is not 0, shape (n_lambda, p, p).
    order
        The order that the acyclic variant keeps to, None otherwise.
    """

    fits: list[InverseFit]
    error: np.ndarray
    error_se: np.ndarray
    instability: np.ndarray
    frequency: np.ndarray
    order: np.ndarray | None


def deal_folds(group: np.ndarray, n_folds: int, rng: np.random.Generator) -> np.ndarray:
    """Fold of each cell, shape (n,): the cells of each group, shuffled, are dealt out in turn."""
    fold = np.empty(len(group), dtype=np.int64)
    for g in np.unique(group):
        cells = np.flatnonzero(group == g)
        fold[rng.permutation(cells)] = (np.arange(len(cells)) + rng.integers(n_folds)) % n_folds
    return fold


def fit_path(
    ratios: Ratios,
    folds: Iterable[tuple[Ratios, Ratios]],
    lambdas: np.ndarray,
    *,
    weighting: tuple[int, float],
    dag: bool,
    tolerance: float,
    max_iterations: int,
    stop_early: bool = False,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> Path:
    """Solve the path on all cells and on every fold.

    Parameters
    ----------
    ratios
        Of all cells.
    folds
        Ratios without the fold's cells, and those of its cells.
    lambdas
        Weights of the penalty, largest first.
    weighting
        Power and cap of :func:`.ratios.weights`.
    dag
        Whether V is held to an order of the genes, so that the network is acyclic.
    tolerance, max_iterations
        See :func:`.admm.sparse_inverse`.
    stop_early
        End the path once the error of prediction has risen three times in a row: what follows is ever denser, slower
        and worse.
    map_, track
        Parallel map over folds; wrapper round the iterator over λ.
    """
    order = forward_order(evidence(ratios)) if dag else None
    allowed = None if order is None else forward_entries(order)
    folds = list(folds)
    data = [(given.R, weights(given.se, *weighting)) for given in (ratios, *(inside for inside, _ in folds))]
    options = {"tolerance": tolerance, "max_iterations": max_iterations}
    rows: list[list[InverseFit]] = []
    errors: list[list[float]] = []
    for lam in track(lambdas):
        starts = rows[-1] if rows else [None] * len(data)
        tasks = zip(data, starts, strict=True)
        rows.append(list(map_(lambda task: sparse_inverse(*task[0], lam, allowed, task[1], **options), tasks)))  # noqa: B023
        errors.append([_error(*fold, fit.V) for fold, fit in zip(folds, rows[-1][1:], strict=True)])
        if stop_early and folds and _rises([np.mean(error) for error in errors]):
            break
    return _path(rows, np.array(errors), order)


def _rises(error: list[float]) -> bool:
    return len(error) > _RISES and all(np.diff(error[-_RISES - 1 :]) > 0.0)


def _path(rows: list[list[InverseFit]], errors: np.ndarray, order: np.ndarray | None) -> Path:
    """Put together the solutions and what they are chosen by; `errors` (n_lambda, n_folds)."""
    fits, p = [row[0] for row in rows], len(rows[0][0].V)
    if errors.shape[1] == 0:
        nothing = np.full(len(fits), np.nan)
        return Path(fits, nothing, nothing.copy(), nothing.copy(), np.full((len(fits), p, p), np.nan), order)
    frequency = np.array([np.mean([fit.V != 0.0 for fit in row[1:]], axis=0) for row in rows])
    instability = (2.0 * frequency * (1.0 - frequency))[:, ~np.eye(p, dtype=bool)].mean(axis=1)
    spread = errors.std(axis=1, ddof=1) / np.sqrt(errors.shape[1])
    return Path(fits, errors.mean(axis=1), spread, instability, frequency, order)


def _error(inside: Ratios, out: Ratios, V: np.ndarray) -> float:
    """Weighted mean squared error of the left-out total effects; infinite when V cannot be inverted."""
    try:
        predicted = inside.own[:, None] * predicted_ratios(V)
    except np.linalg.LinAlgError:
        return np.inf
    known = np.isfinite(out.effect) & np.isfinite(predicted) & (out.effect_se > 0.0)
    np.fill_diagonal(known, val=False)
    w = 1.0 / out.effect_se[known] ** 2
    return float(w @ (out.effect[known] - predicted[known]) ** 2 / w.sum())


def choose(path: Path, select: str) -> int:
    """Index of the chosen λ; fits that did not converge are passed over as long as any did."""
    converged = np.array([fit.converged for fit in path.fits])
    usable = converged if converged.any() else np.ones_like(converged)
    if select == "stability":
        steady = np.maximum.accumulate(path.instability) <= MAX_INSTABILITY
        within = np.flatnonzero(steady & usable)
        return int(within[-1]) if len(within) else int(np.flatnonzero(usable)[0])
    error = np.where(usable, path.error, np.inf)
    best = int(np.argmin(error))
    if select == "cv-min":
        return best
    return int(np.flatnonzero(error <= error[best] + path.error_se[best])[0])
