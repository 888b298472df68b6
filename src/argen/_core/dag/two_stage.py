"""The general second stage: a regression on predicted expression, with the full Murphy–Topel covariance (METHOD 5.1).

Needed when a first stage uses instruments outside the candidates A, so that θ̂ = M⁻¹ξ does not hold:

    Y_t ~ offset(log ℓ) + 1 + D_t + Σ_k θ_k η̂_k + X
    V = A⁻¹ (B + Σ_k C_k V_k C_k') A⁻¹,   C_k = Σ_i μ_i θ_k x₂x₁' − e_k Σ_i (y_i − μ_i) x₁'

(for a negative binomial μ / (1 + φμ) and (y − μ) / (1 + φμ) take the place of μ and y − μ)
with x₂ the regressors of the second stage, x₁ those of first stage k, A = Σ μ x₂x₂', B = Σ (y − μ)² x₂x₂', V_k the HC0
covariance of first stage k and e_k the unit vector of the column η̂_k. The second term of C_k vanishes only where the
system is square. The constant and the covariates of η̂_k lie in the span of (1, X): only its instrument part D m_k is
needed as a regressor, and only the instruments' block of V_k and C_k reaches θ̂. The stacked covariance has
Σ_i s_i s_i' with s_i = x₂(y − μ) − Σ_k C_k IF_k,i between the two A⁻¹, IF the influence of a cell on first stage k.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argen._core.dag.covariance import MAX_CONDITION, Covariance
from argen._core.dag.influence import CellInfluence
from argen._core.glm.families import family_of
from argen._core.glm.reduced_form import ReducedForm
from argen._core.parallel import Map, single_threaded
from argen._core.screen import Screen

if TYPE_CHECKING:
    import tabmat

__all__ = ["Regression", "TwoStage", "fit_regression", "fit_two_stage", "loaded_single_threaded"]

_NEGLIGIBLE = 1e-4  # decrement before the polishing step: a hundredth of a standard error


def fit_two_stage(
    screen: Screen,
    target: int,
    candidates: np.ndarray,
    first_stages: list[ReducedForm],
    covariance: Covariance,
    *,
    phi: float = 0.0,
    hc3: bool = False,
    influence: CellInfluence | None = None,
    map_: Map = map,
) -> "TwoStage | None":
    """θ̂ and its standard errors; ``None`` when the predicted expressions are collinear.

    Parameters
    ----------
    screen
        Counts and design.
    target, candidates
        The equation's gene and the genes whose predicted expression enters it.
    first_stages
        Reduced forms of the candidates, on any instruments.
    covariance
        One of :data:`~argen._core.dag.covariance.COVARIANCES`.
    phi
        Dispersion of the target's counts, which decides their family.
    hc3
        Divide residuals by 1 − leverage; the first stages must have been fitted so.
    influence
        Influence of the cells, for the covariances that need it.
    map_
        Parallel map.
    """
    with loaded_single_threaded():
        regression, converged = fit_regression(screen, target, first_stages, phi=phi, hc3=hc3)
        if regression is None:
            return None
        variance = covariance.of_regression(regression, candidates.tolist(), first_stages, influence, map_)
    m = len(candidates)
    return TwoStage(regression.theta[:m], np.sqrt(variance[:m]), converged)


def loaded_single_threaded() -> AbstractContextManager:
    """Hold the libraries of the regression to one thread: their sums hang on which of OpenMP's threads come first."""
    import glum  # noqa: F401 - its OpenMP has to be there before it is limited, as has tabmat's

    return single_threaded()


def fit_regression(
    screen: Screen, target: int, first_stages: list[ReducedForm], *, phi: float = 0.0, hc3: bool = False
) -> "tuple[Regression | None, bool]":
    """The fitted second stage, None where the predicted expressions are collinear, and whether it converged.

    To be called within :func:`loaded_single_threaded`.
    """
    shifts = np.zeros((screen.n_genes + 1, len(first_stages)))  # m_k by group, 0 for baseline groups
    for k, form in enumerate(first_stages):
        shifts[form.instruments, k] = form.effect
    stage = _second_stage(screen, target, shifts)
    if _is_collinear(stage.x, stage.depth):
        return None, False
    theta, mu, converged = _fit(stage, phi)
    return Regression(stage, theta, mu, phi, hc3=hc3), converged


@dataclass(frozen=True, slots=True)
class TwoStage:
    """Direct effects and standard errors, shape (m,) each, and whether the regression converged."""

    coef: np.ndarray
    se: np.ndarray
    converged: bool


@dataclass(frozen=True, slots=True)
class _SecondStage:
    """Cells and regressors that carry information: cells with an expectation of zero are left out."""

    x: "tabmat.SplitMatrix"
    y: np.ndarray
    depth: np.ndarray
    group: np.ndarray
    n_groups: int
    cell: np.ndarray

    def sums_by_group(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self.group, values, self.n_groups)

    def columns(self) -> list[np.ndarray]:
        return [self.x.getcol(c).toarray().ravel() for c in range(self.x.shape[1])]


class Regression:
    """The fitted second stage and what its covariances are made of.

    Attributes
    ----------
    stage, theta
        Cells with their regressors, and the coefficients.
    bread
        A⁻¹.
    weight, residual
        μ and y − μ of each cell over its :attr:`~argen._core.glm.families.Family.excess`.
    inflated
        `residual`, divided by 1 − leverage for HC3.
    """

    def __init__(self, stage: _SecondStage, theta: np.ndarray, mu: np.ndarray, phi: float, *, hc3: bool) -> None:
        self.stage, self.theta = stage, theta
        excess = family_of(phi).excess(mu, phi)
        self.weight = mu / excess
        self.residual = (stage.y - mu) / excess
        self.bread = np.linalg.inv(stage.x.sandwich(self.weight))
        self.inflated = self.residual / (1.0 - self._leverages()) if hc3 else self.residual

    def _leverages(self) -> np.ndarray:
        """Leverage a x₂'A⁻¹x₂ of every cell of weight a, below 1."""
        half = np.linalg.cholesky(self.bread)
        form = sum(self.stage.x.matvec(column) ** 2 for column in half.T)
        return np.minimum(self.weight * form, 1.0 - 1e-6)

    def derivatives(self, first_stages: list[ReducedForm]) -> list[np.ndarray]:
        """C_k: Σ_i over the cells of each group is all that the first stages' one-hot instruments ask for."""
        stage = self.stage
        weighted = np.stack([stage.sums_by_group(self.weight * column) for column in stage.columns()])
        residuals = stage.sums_by_group(self.residual)
        found = [self.theta[k] * weighted[:, form.instruments] for k, form in enumerate(first_stages)]
        for k, form in enumerate(first_stages):
            found[k][k] -= residuals[form.instruments]
        return found


def _second_stage(screen: Screen, target: int, shifts: np.ndarray) -> _SecondStage:
    """Regressors (D m_k for all candidates, D_t, levels, dummies, numeric).

    A level, and the target's own group, without counts of the target gene has a coefficient of −∞: its cells have
    an expectation of zero and drop out together with the column.
    """
    import tabmat

    design, y, group = screen.design_of(target), screen.counts_of(target), screen.group
    level = design.stratum_level[screen.stratum]
    informative = np.bincount(level, y, design.n_levels)[level] > 0
    informative &= (group != target) | (y[group == target].sum() > 0)
    group, level, y = group[informative], level[informative], y[informative]
    levels = np.unique(level, return_inverse=True)[1]
    dense = np.column_stack([shifts[group], (group == target).astype(float)])
    covariates = np.column_stack([design.stratum_dummies[screen.stratum], design.numeric.T])[informative]
    blocks = [
        tabmat.DenseMatrix(dense[:, dense.any(axis=0)]),
        # Given a category with a single level, glum 3.4 with tabmat 4.2 leaves its coefficient at 0 now and then.
        tabmat.CategoricalMatrix(levels) if levels.any() else tabmat.DenseMatrix(np.ones((len(levels), 1))),
        tabmat.DenseMatrix(covariates[:, covariates.any(axis=0)]),
    ]
    x = tabmat.SplitMatrix([block for block in blocks if block.shape[1]])
    return _SecondStage(x, y, design.depth[informative], group, screen.n_genes + 1, np.flatnonzero(informative))


def _is_collinear(x: "tabmat.SplitMatrix", weights: np.ndarray) -> bool:
    gram = x.sandwich(weights)
    scale = 1.0 / np.sqrt(np.diag(gram))
    return np.linalg.cond(gram * np.outer(scale, scale), 1) > MAX_CONDITION


def _fit(stage: _SecondStage, phi: float) -> tuple[np.ndarray, np.ndarray, bool]:
    """Coefficients and means by glum, polished by one Newton step to full precision; whether that was a small one."""
    import warnings

    from glum import GeneralizedLinearRegressor
    from sklearn.exceptions import ConvergenceWarning

    family = family_of(phi)
    model = GeneralizedLinearRegressor(
        family=family.distribution(phi),
        link="log",
        alpha=0,
        fit_intercept=False,
        gradient_tol=1e-8,
        max_iter=200,
    )
    offset = np.log(stage.depth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # judged below, and reported with the edge
        theta = model.fit(stage.x, stage.y, offset=offset).coef_
    mu = np.exp(stage.x.matvec(theta) + offset)
    score = stage.x.transpose_matvec((stage.y - mu) / family.excess(mu, phi))
    step = np.linalg.solve(stage.x.sandwich(family.information(stage.y, mu, phi)), score)
    theta = theta + step
    return theta, np.exp(stage.x.matvec(theta) + offset), bool(score @ step < _NEGLIGIBLE)
