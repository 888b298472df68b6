"""The naive proxy regression: observed instead of predicted expression as regressor (METHOD 8).

    Y_t ~ offset(log ℓ) + 1 + D_t + Σ_k θ_k log(Y_k / ℓ + 1) + X

Order, candidates and selection are those of :mod:`.search`; only the regressors differ. Unmeasured causes reach both
sides of the equation, and measurement error sits in the regressors, so θ̂ is biased: this is what the proxies cure.
The variance is HC0, A⁻¹BA⁻¹ with A = Σ μ x x', B = Σ (y − μ)² x x'.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from argen._core.dag.covariance import MAX_CONDITION
from argen._core.dag.equations import steps_of
from argen._core.dag.order import directed, place_genes
from argen._core.dag.search import select_edges
from argen._core.parallel import Map
from argen._core.results import Dag, DescendantTests, EdgeStatus, Equation, Relation
from argen._core.screen import Screen

__all__ = ["fit_observed", "log_expression", "search_naive"]

TOLERANCE = 1e-5  # of the step: what is left after it is of the order of its square
MAX_ITERATIONS = 50
_MAX_HALVINGS = 30
_ROWS = 4096  # cells per block: small enough for the cache, and sums do not depend on the number of threads


def search_naive(
    screen: Screen,
    tests: DescendantTests,
    relation: Relation,
    *,
    alpha: float,
    fdr: str = "batch-bh",
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> Dag:
    """Search the network with observed expression as regressors; arguments as in :func:`.search.search_dag`."""
    order, tied = place_genes(relation.descendant, tests.neg_log10_p)
    observed = log_expression(screen)
    everything = np.ones(screen.n_genes, dtype=bool)
    pairs = [(s.target, s.ancestors) for s in steps_of(relation.descendant, order, everything) if len(s.ancestors)]
    equations = list(track(map_(lambda pair: fit_observed(screen, observed, *pair), pairs)))
    return directed(select_edges(order, equations, alpha, fdr), relation, tied)


def log_expression(screen: Screen) -> np.ndarray:
    """log(Y / ℓ + 1) of all genes, cells × genes."""
    observed = np.zeros((screen.n_cells, screen.n_genes))
    for gene in range(screen.n_genes):
        observed[:, gene] = np.log1p(screen.counts_of(gene) / screen.design.depth)
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
    m = len(candidates)
    fit = None if _is_collinear(data) else _newton(data)
    if fit is None:
        nothing = np.full(m, np.nan)
        return Equation(target, candidates, nothing, nothing.copy(), np.full(m, int(EdgeStatus.SINGULAR)), np.nan)
    theta, state, converged = fit
    bread = np.linalg.inv(state.information)
    variance = np.diag(bread @ data.sandwich((data.y - state.mu) ** 2) @ bread)
    status = np.full(m, int(EdgeStatus.OK if converged else EdgeStatus.NOT_CONVERGED))
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

    def sandwich(self, weights: np.ndarray) -> np.ndarray:
        """Σ w x x'."""
        return sum(_cross(x, weights[block]) for block, x in self.blocks())

    def evaluate(self, theta: np.ndarray) -> "_State":
        """All that a Newton step needs at θ, in one pass over the cells."""
        mu, score, information = np.empty(len(self.y)), 0.0, 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            for block, x in self.blocks():
                mu[block] = self.depth[block] * np.exp(x @ theta)
                score = score + x.T @ (self.y[block] - mu[block])
                information = information + _cross(x, mu[block])
        return _State(mu, score, information, _log_likelihood(self.y, mu))


@dataclass(frozen=True, slots=True)
class _State:
    """Means μ = ℓ exp(x'θ), score Σ (y − μ) x, information Σ μ x x' and Σ y log μ − μ."""

    mu: np.ndarray
    score: np.ndarray
    information: np.ndarray
    likelihood: float


def _cross(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    scaled = np.sqrt(weights)[:, None] * x
    return scaled.T @ scaled


def _log_likelihood(y: np.ndarray, mu: np.ndarray) -> float:
    """−∞ where it overflows."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        value = float((np.where(y > 0, y * np.log(mu), 0.0) - mu).sum())
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
        design.numeric.T,
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


def _newton(data: _Regression) -> tuple[np.ndarray, _State, bool] | None:
    """Newton's method with step halving from the mean rate on; nothing when the information loses its rank."""
    theta = np.zeros(len(data.candidates) + data.nuisance.shape[1])
    one = np.linalg.lstsq(data.nuisance, np.ones(len(data.y)), rcond=None)[0]  # the levels' columns sum to the constant
    theta[len(data.candidates) :] = np.log(data.y.sum() / data.depth.sum()) * one
    state = data.evaluate(theta)
    for _ in range(MAX_ITERATIONS):
        try:
            step = np.linalg.solve(state.information, state.score)
        except np.linalg.LinAlgError:
            return None
        theta, state = _advance(data, theta, step, state)
        if np.abs(step).max() < TOLERANCE:
            return theta, state, True
    return theta, state, False


def _advance(data: _Regression, theta: np.ndarray, step: np.ndarray, state: _State) -> tuple[np.ndarray, _State]:
    """Take the longest of the steps 1, ½, ¼ … that does not lower the likelihood by more than rounding."""
    floor = state.likelihood - 1e-10 * abs(state.likelihood)
    for _ in range(_MAX_HALVINGS):
        new = data.evaluate(theta + step)
        if new.likelihood >= floor:
            break
        step = step / 2.0
    return theta + step, new
