"""The equations of one draw of the cells, read off saturated reduced forms (METHOD 9; see :mod:`.stability`)."""

from dataclasses import dataclass

import numpy as np

from argen._core.dag.covariance import invert, quadratic_diagonal
from argen._core.dag.instruments import shrinkage_of
from argen._core.dag.search import is_settled
from argen._core.descendants.prior import Prior
from argen._core.glm.reduced_form import ReducedForm
from argen._core.results import EdgeStatus, Equation, Relation

__all__ = ["DrawnNetwork", "SearchOptions"]


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How the descendant step and the search were done; see their functions."""

    closure: object
    descendants_alpha: float
    first_stage: str
    alpha: float
    fdr: str
    with_first_stage_variance: bool  # not for the naive covariance
    prior: Prior


class DrawnNetwork:
    """Equations read off saturated reduced forms, masked by a relation.

    Parameters
    ----------
    forms
        Saturated reduced forms; their covariances hold for every draw.
    effect
        ξ of one draw, [instrument, gene].
    relation
        Who descends from whom.
    options
        Of the search.
    """

    def __init__(
        self, forms: list[ReducedForm], effect: np.ndarray, relation: Relation, options: SearchOptions
    ) -> None:
        self._forms, self._effect, self._options = forms, effect, options
        self._descendant = relation.descendant
        self._known = np.isfinite(np.diag(effect))
        self._n_instruments = 1 + (self._descendant & self._known[:, None]).sum(axis=0)
        # Where the relation is a strict order, M⁻¹ of an equation with all ancestors is a block of one M⁻¹.
        self._whole = self._whole_inverse() if is_settled(relation, options.first_stage) else None
        self._shares: np.ndarray | None = None

    def effects(self, target: int, A: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """θ of the candidates A with the instruments `rows`, NaN where it is not determined."""
        solver = self._solver(target, A, rows, self._shrinkage(A, rows, 1.0))
        return np.full(len(A), np.nan) if solver is None else solver @ self._effect[rows, target]

    def equation(self, target: int, A: np.ndarray, rows: np.ndarray, scale: float) -> Equation:
        """θ and its standard error times `scale`."""
        shrinkage = self._shrinkage(A, rows, scale)
        solver = self._solver(target, A, rows, shrinkage)
        status = np.full(len(A), int(EdgeStatus.OK))
        if solver is None:
            nothing = np.full(len(A), np.nan)
            return Equation(target, A, nothing, nothing.copy(), status, np.nan)
        coef = solver @ self._effect[rows, target]
        own = self._forms[target]
        at = np.searchsorted(own.instruments, rows)
        variance = quadratic_diagonal(solver, own.v[at], own.W[at], own.G[at])
        if self._options.with_first_stage_variance:
            variance += self._first_stage_shares(A, rows, solver, shrinkage) @ coef**2
        return Equation(target, A, coef, scale * np.sqrt(variance), status, np.nan)

    def _whole_inverse(self) -> np.ndarray | None:
        """M⁻¹ over all instruments, [instrument, gene]; rows of unknown perturbations are those of the identity."""
        known = self._known
        M = np.where(self._descendant & known[:, None] & known, self._effect, 0.0)
        np.fill_diagonal(M, np.where(known, np.diag(self._effect), 1.0))
        return invert(M)[0]

    def _shrinkage(self, A: np.ndarray, rows: np.ndarray, scale: float) -> np.ndarray | None:
        """Factors of the entries of M, shape (rows, m); `scale` as of the standard errors."""
        if self._options.first_stage != "shrunk":
            return None
        effect = self._effect[np.ix_(rows, A)]
        forms = [self._forms[k] for k in A.tolist()]
        variance = np.column_stack([f.variance[np.searchsorted(f.instruments, rows)] for f in forms])
        related = self._descendant[np.ix_(rows, A)] | (rows[:, None] == A)
        return np.where(related, 1.0, shrinkage_of(effect, scale**2 * variance))

    def _solver(self, target: int, A: np.ndarray, rows: np.ndarray, shrinkage: np.ndarray | None) -> np.ndarray | None:
        """θ = (solver) ξ_t[rows], shape (m, rows): M⁻¹ of a square equation, else weighted least squares."""
        if self._is_block(target, A):
            return self._whole[np.ix_(A, A)]
        M = np.where(self._used(A, rows), self._effect[np.ix_(rows, A)], 0.0)
        if shrinkage is not None:
            M = np.where(shrinkage > 0.0, M * shrinkage, 0.0)
        if len(rows) == len(A):
            return invert(M)[0]
        own = self._forms[target]
        at = np.searchsorted(own.instruments, rows)
        known = own.S[at] > 0  # a group without counts of the child says nothing here
        information = np.linalg.inv(np.diag(1.0 / own.S[at[known]]) + own.W[at[known]] @ own.H_inv @ own.W[at[known]].T)
        weighted = M[known].T @ information
        bread = invert(weighted @ M[known])[0]
        if bread is None:
            return None
        solver = np.zeros((len(A), len(rows)))
        solver[:, known] = bread @ weighted
        return solver

    def _is_block(self, target: int, A: np.ndarray) -> bool:
        return self._whole is not None and len(A) == self._n_instruments[target] - 1

    def _used(self, A: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Which instruments are in the first stage of which candidate, shape (rows, m)."""
        if self._options.first_stage != "ancestors":
            return np.ones((len(rows), len(A)), dtype=bool)
        return self._descendant[np.ix_(rows, A)] | (rows[:, None] == A)

    def _first_stage_shares(
        self, A: np.ndarray, rows: np.ndarray, solver: np.ndarray, shrinkage: np.ndarray | None
    ) -> np.ndarray:
        """diag(L V_k L') in column k, L the solver, shape (m, m)."""
        if self._whole is not None and len(rows) == len(A) and not self._options.prior.forbidden.any():
            if self._shares is None:
                self._shares = self._all_shares()
            return self._shares[np.ix_(A, A)]
        shares, every = np.empty((len(A), len(A))), self._used(A, rows)
        for k, gene in enumerate(A.tolist()):
            form, used = self._forms[gene], every[:, k]
            at = np.searchsorted(form.instruments, rows[used])
            weights = solver[:, used] if shrinkage is None else solver * shrinkage[:, k]
            shares[:, k] = quadratic_diagonal(weights, form.v[at], form.W[at], form.G[at])
        return shares

    def _all_shares(self) -> np.ndarray:
        """diag(M⁻¹V_kM⁻ᵀ) in column k over all genes: with a settled relation it is the same in every equation."""
        shares = np.zeros_like(self._effect)
        for k in np.flatnonzero(self._known & self._descendant.any(axis=1)).tolist():
            used = self._descendant[:, k] & self._known
            used[k] = True
            S, form = np.flatnonzero(used), self._forms[k]
            rows = np.searchsorted(form.instruments, S)
            shares[S, k] = quadratic_diagonal(self._whole[np.ix_(S, S)], form.v[rows], form.W[rows], form.G[rows])
        return shares
