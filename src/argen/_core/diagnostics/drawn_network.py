"""The equations of one draw of the cells, read off saturated reduced forms (METHOD 9; see :mod:`.stability`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from argen._core.dag.covariance import invert, quadratic_diagonal
from argen._core.dag.instruments import shrinkage_of
from argen._core.dag.search import is_settled
from argen._core.descendants.prior import Prior
from argen._core.diagnostics.bounds import Bound, bounds_of, least_share
from argen._core.glm.reduced_form import ReducedForm
from argen._core.normal import log_p_two_sided
from argen._core.results import EdgeStatus, Equation, Relation

__all__ = ["DrawnNetwork", "SaturatedForms", "SearchOptions"]

# By how much a z-score with too small an error is enlarged, so that no rounding makes its p-value more than a bound.
_ROUNDING = 1e-6


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


class SaturatedForms:
    """Saturated reduced forms of all genes, on the same perturbations, arranged once for many draws.

    Parameters
    ----------
    forms
        One per gene; their covariances hold for every draw.

    Attributes
    ----------
    effect, variance
        ξ and the diagonals of V, [instrument, gene], shape (p, p); NaN where the perturbation is no instrument.
    least
        Diagonal matrices that no V falls short of, see :mod:`.bounds`; 0 where the perturbation is no instrument.
    """

    def __init__(self, forms: Sequence[ReducedForm]) -> None:
        self._forms, p = forms, len(forms)
        self.effect, self.variance, self.least = np.full((p, p), np.nan), np.full((p, p), np.nan), np.zeros((p, p))
        for gene, form in enumerate(forms):
            self.effect[form.instruments, gene] = form.effect
            self.variance[form.instruments, gene] = form.variance
            self.least[form.instruments, gene] = least_share(form) * form.v
        self._place = np.full(p, -1)
        self._place[forms[0].instruments] = np.arange(len(forms[0].instruments))

    def of(self, gene: int) -> ReducedForm:
        """The form of one gene."""
        return self._forms[gene]

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Places of some perturbations among the instruments of the forms."""
        return self._place[rows]

    def variances(self, gene: int, rows: np.ndarray, L: np.ndarray) -> np.ndarray:
        """diag(L V L') of the covariance of the coefficients `rows` of one gene."""
        form, at = self._forms[gene], self._place[rows]
        return quadratic_diagonal(L, form.v[at], form.W[at], form.G[at])


class DrawnNetwork:
    """Equations read off saturated reduced forms, masked by a relation.

    Parameters
    ----------
    forms
        Saturated reduced forms.
    effect
        ξ of one draw, [instrument, gene].
    relation
        Who descends from whom.
    options
        Of the search.
    scale
        What z-scores are divided by: a factor of the standard errors.
    """

    def __init__(
        self, forms: SaturatedForms, effect: np.ndarray, relation: Relation, options: SearchOptions, scale: float = 1.0
    ) -> None:
        self._forms, self._effect, self._options, self._scale = forms, effect, options, scale
        self._descendant = relation.descendant
        self._known = np.isfinite(np.diag(effect))
        self._n_instruments = 1 + (self._descendant & self._known[:, None]).sum(axis=0)
        # What an entry counts for is the same in every equation, so that each M is a block of this one. A coefficient
        # that counts nothing may be unknown.
        self._factors = self._what_counts()
        self._matrix = np.where(self._factors > 0.0, effect * self._factors, 0.0)
        # Where the relation is a strict order, M⁻¹ of an equation with all ancestors is a block of one M⁻¹.
        self._whole = self._whole_inverse() if is_settled(relation, options.first_stage) else None
        self._shares: np.ndarray | None = None
        self._bounds: dict[int, Bound] = {}

    def bound(self, equations: Sequence[tuple[int, np.ndarray, np.ndarray]]) -> None:
        """Bound the standard errors of some equations (child, candidates, instruments; sinks first), all at once.

        What cannot matter to the reach of :meth:`equation` is not looked at any further then.
        """
        square = [(target, A) for target, A, rows in equations if len(rows) == len(A)]
        least, counts = self._forms.least, self._options.with_first_stage_variance
        first = self._factors**2 * least if counts else np.zeros_like(least)
        self._bounds = bounds_of(self._matrix, self._effect, least, first, square)

    def effects(self, target: int, A: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """θ of the candidates A with the instruments `rows`, NaN where it is not determined."""
        solver = self._solver(target, A, rows)
        return np.full(len(A), np.nan) if solver is None else solver @ self._effect[rows, target]

    def equation(
        self, target: int, A: np.ndarray, rows: np.ndarray, reach: Callable[[np.ndarray], float] | None = None
    ) -> Equation:
        """θ and its standard error times the scale.

        Variances take nearly all of the time. A p-value with a variance that is too small, without the first stages or
        as bounded before (:meth:`bound`), is a lower bound: where that exceeds ``reach(bounds)`` it is left as it is.
        """
        bound = None if reach is None else self._bounds.get(target)
        if bound is not None:
            wanted = self._may_matter(*bound, reach)
            if not wanted.any():
                return self._estimated(target, A, *bound)
        solver = self._solver(target, A, rows)
        if solver is None:
            return self._estimated(target, A, *np.full((2, len(A)), np.nan))
        coef = solver @ self._effect[rows, target]
        if bound is None:
            variance = self._forms.variances(target, rows, solver)
            wanted = np.ones(len(A), dtype=bool) if reach is None else self._may_matter(coef, variance, reach)
        else:
            variance = bound.variance
            variance[wanted] = self._forms.variances(target, rows, solver[wanted])
        if self._options.with_first_stage_variance and wanted.any():
            variance[wanted] += self._first_stage_variance(A, rows, solver[wanted], wanted, coef)
        return self._estimated(target, A, coef, variance)

    def _estimated(self, target: int, A: np.ndarray, coef: np.ndarray, variance: np.ndarray) -> Equation:
        status = np.full(len(A), int(EdgeStatus.OK))
        return Equation(target, A, coef, self._scale * np.sqrt(variance), status, np.nan)

    def _may_matter(self, coef: np.ndarray, variance: np.ndarray, reach: Callable[[np.ndarray], float]) -> np.ndarray:
        """Estimates whose p-value need not exceed the reach, given a `variance` that is too small."""
        with np.errstate(divide="ignore", invalid="ignore"):
            least = np.exp(log_p_two_sided((1.0 + _ROUNDING) * coef / (self._scale * np.sqrt(variance))))
        least[~(variance > 0.0)] = 0.0
        return least <= reach(least)

    def _what_counts(self) -> np.ndarray:
        """Factors of the entries of M, [instrument, gene]."""
        related = self._descendant | np.eye(len(self._effect), dtype=bool)
        if self._options.first_stage == "shared":
            return np.ones(related.shape)
        if self._options.first_stage == "ancestors":
            return related.astype(float)
        return np.where(related, 1.0, shrinkage_of(self._effect, self._scale**2 * self._forms.variance))

    def _whole_inverse(self) -> np.ndarray | None:
        """M⁻¹ over all instruments, [instrument, gene]; rows of unknown perturbations are those of the identity."""
        known = self._known
        M = np.where(self._descendant & known[:, None] & known, self._effect, 0.0)
        np.fill_diagonal(M, np.where(known, np.diag(self._effect), 1.0))
        return invert(M)[0]

    def _solver(self, target: int, A: np.ndarray, rows: np.ndarray) -> np.ndarray | None:
        """θ = (solver) ξ_t[rows], shape (m, rows): M⁻¹ of a square equation, else weighted least squares."""
        if self._is_block(target, A):
            return self._whole[np.ix_(A, A)]
        M = self._matrix[rows[:, None], A]
        if len(rows) == len(A):
            return invert(M)[0]
        own, at = self._forms.of(target), self._forms.places(rows)
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

    def _first_stage_variance(
        self, A: np.ndarray, rows: np.ndarray, L: np.ndarray, wanted: np.ndarray, coef: np.ndarray
    ) -> np.ndarray:
        """diag(L Σ_k θ_k² V_k L') of the `wanted` estimates, L their rows of the solver."""
        if self._whole is not None and len(rows) == len(A) and not self._options.prior.forbidden.any():
            if self._shares is None:
                self._shares = self._all_shares()
            return self._shares[A[wanted, None], A] @ coef**2
        total, factors = np.zeros(len(L)), self._factors[rows[:, None], A]
        for k, gene in enumerate(A.tolist()):
            counted = factors[:, k] > 0.0
            weights = L[:, counted] * factors[counted, k]
            total += coef[k] ** 2 * self._forms.variances(gene, rows[counted], weights)
        return total

    def _all_shares(self) -> np.ndarray:
        """diag(M⁻¹V_kM⁻ᵀ) in column k over all genes: with a settled relation it is the same in every equation."""
        shares = np.zeros_like(self._effect)
        for k in np.flatnonzero(self._known & self._descendant.any(axis=1)).tolist():
            used = self._descendant[:, k] & self._known
            used[k] = True
            S = np.flatnonzero(used)
            shares[S, k] = self._forms.variances(k, S, self._whole[np.ix_(S, S)])
        return shares
