"""The naive proxy regression: observed instead of predicted expression as regressor (METHOD 8).

    Y_t ~ offset(log ℓ) + 1 + D_t + Σ_k θ_k log(Y_k / ℓ + 1) + X

Order, candidates and selection are those of :mod:`.search`; only the regressors differ. Unmeasured causes reach both
sides of the equation, and measurement error sits in the regressors, so θ̂ is biased: this is what the proxies cure.
The variance is HC0, A⁻¹BA⁻¹ with A = Σ μ x x', B = Σ (y − μ)² x x'.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from argen._core.covariance import MAX_CONDITION
from argen._core.order import causal_order
from argen._core.parallel import Map
from argen._core.results import Dag, DescendantTests, EdgeStatus, Equation, Relation
from argen._core.screen import Screen
from argen._core.search import _decide, _steps

__all__ = ["fit_observed", "log_expression", "search_naive"]

TOLERANCE = 1e-8
MAX_ITERATIONS = 50
_MAX_HALVINGS = 30
_ROWS = 4096  # cells per block: small enough for the cache, and sums do not depend on the number of threads


def search_naive(
    screen: Screen,
    tests: DescendantTests,
    relation: Relation,
    *,
    alpha: float,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> Dag:
    """Search the network with observed expression as regressors; arguments as in :func:`.search.search_dag`."""
    order = causal_order(relation.descendant, tests.neg_log10_p)
    observed = log_expression(screen)
    everything = np.ones(screen.n_genes, dtype=bool)
    pairs = [(s.target, s.ancestors) for s in _steps(relation.descendant, order, everything) if len(s.ancestors)]
    equations = list(track(map_(lambda pair: fit_observed(screen, observed, *pair), pairs)))
    return _decide(order, equations, alpha)


def log_expression(screen: Screen) -> np.ndarray:
    """log(Y / ℓ + 1) of all genes, cells × genes."""
    observed = np.zeros((screen.n_cells, screen.n_genes))
    gene = np.repeat(np.arange(screen.n_genes), np.diff(screen.indptr))
    observed[screen.indices, gene] = np.log1p(screen.data / screen.design.depth[screen.indices])
    return observed


def fit_observed(screen: Screen, observed: np.ndarray, target: int, candidates: np.ndarray) -> Equation:
    """Regress `target` on the observed log-expression of the candidates.

    Parameters
    ----------
    screen
        Counts and design.
    observed
        :func:`log_expression` of the screen.
    target, candidates
        Gene of the equation and the genes whose expression enters it, shape (m,).
    """
    data = _regression(screen, observed, target, candidates)
    theta = None if _is_collinear(data) else _newton(data)
    nothing = np.full(len(candidates), np.nan)
    if theta is None:
        singular = np.full(len(candidates), int(EdgeStatus.SINGULAR))
        return Equation(target, candidates, nothing, nothing.copy(), singular, np.nan)
    theta, converged = theta
    mu = data.means(theta)
    bread = np.linalg.inv(data.sandwich(mu))
    variance = np.diag(bread @ data.sandwich((data.y - mu) ** 2) @ bread)
    status = np.full(len(candidates), int(EdgeStatus.OK if converged else EdgeStatus.NOT_CONVERGED))
    m = len(candidates)
    return Equation(target, candidates, theta[:m], np.sqrt(variance[:m]), status, np.nan)


@dataclass(frozen=True, slots=True)
class _Regression:
    """One Poisson regression; the columns are put together block by block, never as a whole.

    Attributes
    ----------
    observed, candidates
        Regressors of all genes, cells × genes, and those that enter.
    nuisance
        Own perturbation, levels, dummies, numeric covariates, shape (n, q).
    rows
        Cells that carry information, shape (n,).
    y, depth
        Counts and depth of these cells, shape (n,).
    """

    observed: np.ndarray
    candidates: np.ndarray
    nuisance: np.ndarray
    rows: np.ndarray
    y: np.ndarray
    depth: np.ndarray

    def blocks(self) -> Iterable[tuple[slice, np.ndarray]]:
        """Blocks of rows with the design matrix x of each."""
        for lo in range(0, len(self.rows), _ROWS):
            block = slice(lo, lo + _ROWS)
            seen = self.observed[self.rows[block][:, None], self.candidates[None, :]]
            yield block, np.hstack([seen, self.nuisance[block]])

    def means(self, theta: np.ndarray) -> np.ndarray:
        """μ = ℓ exp(x'θ)."""
        mu = np.empty(len(self.rows))
        for block, x in self.blocks():
            mu[block] = self.depth[block] * np.exp(x @ theta)
        return mu

    def sandwich(self, weights: np.ndarray) -> np.ndarray:
        """Σ w x x'."""
        total = 0.0
        for block, x in self.blocks():
            scaled = np.sqrt(weights[block])[:, None] * x
            total = total + scaled.T @ scaled
        return total

    def score(self, mu: np.ndarray) -> np.ndarray:
        """Σ (y − μ) x."""
        return sum(x.T @ (self.y[block] - mu[block]) for block, x in self.blocks())

    def log_likelihood(self, mu: np.ndarray) -> float:
        """Σ y log μ − μ; −∞ where it overflows."""
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = float((np.where(self.y > 0, self.y * np.log(mu), 0.0) - mu).sum())
        return value if np.isfinite(value) else -np.inf


def _regression(screen: Screen, observed: np.ndarray, target: int, candidates: np.ndarray) -> _Regression:
    """Cells and columns of the equation.

    A level, and the target's own group, without counts of the target gene has a coefficient of −∞: its cells have an
    expectation of zero and drop out together with the column.
    """
    design, y, group = screen.design, screen.counts_of(target), screen.group
    level = design.stratum_level[screen.stratum]
    informative = np.bincount(level, y, design.n_levels)[level] > 0
    informative &= (group != target) | (y[group == target].sum() > 0)
    columns = [
        group == target,
        level[:, None] == np.arange(design.n_levels),
        design.stratum_dummies[screen.stratum],
        design.numeric,
    ]
    nuisance = np.column_stack(columns).astype(np.float64)[informative]
    nuisance = np.ascontiguousarray(nuisance[:, nuisance.any(axis=0)])
    rows = np.flatnonzero(informative)
    return _Regression(observed, candidates, nuisance, rows, y[rows], design.depth[rows])


def _is_collinear(data: _Regression) -> bool:
    gram = data.sandwich(data.depth)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 1.0 / np.sqrt(np.diag(gram))
    return not np.isfinite(scale).all() or np.linalg.cond(gram * np.outer(scale, scale), 1) > MAX_CONDITION


def _newton(data: _Regression) -> tuple[np.ndarray, bool] | None:
    """Newton's method with step halving from the levels' mean rates; nothing when the matrix loses its rank."""
    theta = np.zeros(len(data.candidates) + data.nuisance.shape[1])
    mu = data.means(theta)
    scale = data.y.sum() / mu.sum()
    one = np.linalg.lstsq(data.nuisance, np.ones(len(mu)), rcond=None)[0]  # the levels' columns sum to the constant
    theta[len(data.candidates) :] = np.log(scale) * one
    mu = data.means(theta)
    likelihood = data.log_likelihood(mu)
    for _ in range(MAX_ITERATIONS):
        try:
            step = np.linalg.solve(data.sandwich(mu), data.score(mu))
        except np.linalg.LinAlgError:
            return None
        theta, mu, new = _halve(data, theta, step, likelihood)
        if np.abs(step).max() < TOLERANCE:
            return theta, True
        likelihood = new
    return theta, False


def _halve(
    data: _Regression, theta: np.ndarray, step: np.ndarray, likelihood: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """The longest of the steps 1, ½, ¼ … that does not lower the likelihood by more than rounding."""
    floor = likelihood - 1e-10 * abs(likelihood)
    for _ in range(_MAX_HALVINGS):
        with np.errstate(over="ignore"):
            mu = data.means(theta + step)
        new = data.log_likelihood(mu)
        if new >= floor:
            break
        step = step / 2.0
    return theta + step, mu, new
