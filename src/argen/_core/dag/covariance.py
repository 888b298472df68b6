"""The covariances of the edges: :data:`COVARIANCES` lists them, with what each is for the two forms of an equation.

For the closed-form second stage  θ̂ = M⁻¹ ξ_t[A]  (METHOD 5.1, 5.2) they are

``"murphy-topel"``  V(θ̂) = M⁻¹ (V_t + Σ_k θ̂_k² V_k) M⁻ᵀ
``"stacked"``       V(θ̂) = M⁻¹ (Σ_i u_i u_i') M⁻ᵀ,  u_i = IF_t,i − Σ_k θ̂_k IF_k,i: the joint sandwich of all stages,
                    which counts that the same cells feed them (IF: influence, see :mod:`.influence`)
``"naive"``         V(θ̂) = M⁻¹ V_t M⁻ᵀ, which takes the predicted expression for known

and for a regression on predicted expression what :mod:`.two_stage` says.

Where first stages are shrunk, the factors s_lk are taken for known: with S_k = diag(s_k), column k of M, V_k and IF_k,i
are S_k m_k, S_k V_k S_k and S_k IF_k,i of what was fitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from argen._core.dag.influence import CellInfluence
from argen._core.glm.reduced_form import ReducedForm
from argen._core.parallel import Map

if TYPE_CHECKING:
    from argen._core.dag.two_stage import Regression

__all__ = [
    "COVARIANCES",
    "Covariance",
    "FirstStageShares",
    "Solved",
    "first_stage_matrix",
    "first_stage_share",
    "first_stage_variance",
    "influence_of",
    "influence_of_regression",
    "invert",
    "own_variance",
    "quadratic_diagonal",
    "separated_variance",
    "spread",
]

# Beyond this condition number (1-norm) fewer than six digits of θ are left.
MAX_CONDITION = 1e10
_BLOCK = 16  # first stages per task: fixed, so that sums do not depend on the number of threads


@dataclass(frozen=True, slots=True)
class Solved:
    """A square equation of gene t, or the square part of another: θ̂ = M⁻¹ ξ_t[A].

    Attributes
    ----------
    target, candidates
        t and A.
    own, first
        Reduced forms of t and of the candidates, on A and possibly further instruments.
    inverse, coef
        M⁻¹, rows candidates, columns their instruments, shape (m, m), and θ̂.
    """

    target: int
    candidates: np.ndarray
    own: ReducedForm
    first: list[ReducedForm]
    inverse: np.ndarray
    coef: np.ndarray


def quadratic_diagonal(inverse: np.ndarray, v: np.ndarray, W: np.ndarray, G: np.ndarray) -> np.ndarray:
    """diag(R V R') for V = diag(v) + GW' + WG', R = `inverse`; shape (rows of R,)."""
    return inverse**2 @ v + 2.0 * np.einsum("ij,ij->i", inverse @ G, inverse @ W)


def first_stage_matrix(candidates: np.ndarray, first_stages: list[ReducedForm]) -> np.ndarray:
    """M: row l, column k = (shrunk) coefficient of D_l in the first stage of candidate k, 0 where it is not in it."""
    M = np.zeros((len(candidates), len(candidates)))
    for k, form in enumerate(first_stages):
        M[np.searchsorted(candidates, form.instruments), k] = form.effect * form.shrinkage
    return M


def spread(rows: np.ndarray, candidates: np.ndarray, form: ReducedForm) -> np.ndarray:
    """Weights on the candidates' instruments as weights on all coefficients of a form; shape (R, instruments)."""
    spread = np.zeros((len(rows), len(form.instruments)))
    _, here, there = np.intersect1d(candidates, form.instruments, assume_unique=True, return_indices=True)
    spread[:, there] = rows[:, here]
    return spread * form.shrinkage


def invert(M: np.ndarray) -> tuple[np.ndarray | None, float]:
    """M⁻¹ and the condition number in the 1-norm; no inverse when that is beyond :data:`MAX_CONDITION`."""
    if not np.isfinite(M).all():
        return None, np.nan
    try:
        inverse = np.linalg.inv(M)
    except np.linalg.LinAlgError:
        return None, np.inf
    condition = float(np.linalg.norm(M, 1) * np.linalg.norm(inverse, 1))
    return (inverse if condition < MAX_CONDITION else None), condition


def own_variance(inverse: np.ndarray, candidates: np.ndarray, own: ReducedForm) -> np.ndarray:
    """diag(M⁻¹ V_t M⁻ᵀ), the share of the target's own reduced form."""
    rows = np.searchsorted(own.instruments, candidates)
    return quadratic_diagonal(inverse, own.v[rows], own.W[rows], own.G[rows])


def first_stage_variance(solved: Solved, map_: Map = map) -> np.ndarray:
    """diag(M⁻¹ Σ_k θ̂_k² V_k M⁻ᵀ) as one matrix product over the low-rank factors."""
    candidates, first, inverse, coef = solved.candidates, solved.first, solved.inverse, solved.coef
    blocks = [slice(lo, lo + _BLOCK) for lo in range(0, len(candidates), _BLOCK)]
    diagonal, cross = np.zeros(len(candidates)), np.zeros((len(candidates), len(candidates)))
    for d, c in map_(lambda block: _weighted_sum(first[block], coef[block], candidates), blocks):
        diagonal += d
        cross += c
    return inverse**2 @ diagonal + 2.0 * np.einsum("ij,ij->i", inverse @ cross, inverse)


def first_stage_share(inverse: np.ndarray, candidates: np.ndarray, form: ReducedForm) -> np.ndarray:
    """d_k = diag(M⁻¹ V_k M⁻ᵀ) of one first stage, shape (m,)."""
    rows = inverse[:, np.searchsorted(candidates, form.instruments)] * form.shrinkage
    return quadratic_diagonal(rows, form.v, form.W, form.G)


def separated_variance(solved: Solved, rows: np.ndarray | None = None) -> np.ndarray:
    """Part of V(θ̂) that comes from groups without counts, whose coefficients are stand-ins for −∞; shape (m,).

    With `rows`, shape (R, m), that of the variance of the combinations `rows` θ̂, shape (R,).
    """
    own, inverse = solved.own, solved.inverse if rows is None else rows @ solved.inverse
    at = np.searchsorted(own.instruments, solved.candidates)
    total = inverse**2 @ (own.v[at] * own.separated[at])
    for form, theta in zip(solved.first, solved.coef, strict=True):
        if form.separated.any():
            spread_rows = spread(inverse, solved.candidates, form)
            total += theta**2 * (spread_rows[:, form.separated] ** 2 @ form.v[form.separated])
    return total


class FirstStageShares:
    """d_k = diag(M⁻¹ V_k M⁻ᵀ) of each first stage, for a relation that is a strict order.

    There a candidate's instruments are closed under ancestors, so M_A⁻¹ holds the same block for it in every
    equation, and d_k is computed once: Σ_k θ̂_k² d_k replaces the matrix product of :func:`first_stage_variance`.
    """

    def __init__(self) -> None:
        self._shares: dict[int, np.ndarray] = {}

    def weighted(self, candidates: np.ndarray, first_stages: list[ReducedForm], coef: np.ndarray) -> np.ndarray:
        """diag(M⁻¹ Σ_k θ̂_k² V_k M⁻ᵀ), shape (m,)."""
        forms = dict(zip(candidates.tolist(), first_stages, strict=True))
        total = np.zeros(len(candidates))
        for (gene, form), theta in zip(forms.items(), coef, strict=True):
            total[np.searchsorted(candidates, form.instruments)] += theta**2 * self._share(gene, form, forms)
        return total

    def columns(self, candidates: np.ndarray, first_stages: list[ReducedForm]) -> np.ndarray:
        """d_k of every candidate as a column, shape (m, m): for many θ̂ of one system."""
        forms = dict(zip(candidates.tolist(), first_stages, strict=True))
        columns = np.zeros((len(candidates), len(candidates)))
        for k, (gene, form) in enumerate(forms.items()):
            columns[np.searchsorted(candidates, form.instruments), k] = self._share(gene, form, forms)
        return columns

    def _share(self, gene: int, form: ReducedForm, forms: dict[int, ReducedForm]) -> np.ndarray:
        if gene not in self._shares:
            block = [forms[k] for k in form.instruments.tolist()]
            inverse, _ = invert(first_stage_matrix(form.instruments, block))
            self._shares[gene] = quadratic_diagonal(inverse, form.v, form.W, form.G)
        return self._shares[gene]


def _weighted_sum(
    first_stages: list[ReducedForm], coef: np.ndarray, candidates: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Σ_k θ̂_k² v_k and Σ_k θ̂_k² G_k W_k', shrunk and zero-padded to the candidates."""
    m, q = len(candidates), first_stages[0].W.shape[1]
    diagonal = np.zeros(m)
    left, right = np.zeros((m, len(coef), q)), np.zeros((m, len(coef), q))
    for k, (form, theta) in enumerate(zip(first_stages, coef, strict=True)):
        rows, factor = np.searchsorted(candidates, form.instruments), np.broadcast_to(form.shrinkage, form.v.shape)
        diagonal[rows] += theta**2 * (factor**2 * form.v)
        left[rows, k] = theta**2 * (factor[:, None] * form.G)
        right[rows, k] = factor[:, None] * form.W
    return diagonal, left.reshape(m, -1) @ right.reshape(m, -1).T


def _murphy_topel(
    solved: Solved, shares: FirstStageShares | None, influence: CellInfluence | None, map_: Map
) -> np.ndarray:
    """Shape (m,); `shares` are at hand where the relation is a strict order."""
    variance = own_variance(solved.inverse, solved.candidates, solved.own)
    if shares is not None:
        return variance + shares.weighted(solved.candidates, solved.first, solved.coef)
    return variance + first_stage_variance(solved, map_)


def _stacked(solved: Solved, shares: FirstStageShares | None, influence: CellInfluence, map_: Map) -> np.ndarray:
    """Shape (m,); groups without counts enter with their stand-in variance."""
    u = influence_of(solved, np.eye(len(solved.candidates)), influence, map_)
    return np.einsum("ij,ij->i", u, u) + separated_variance(solved)


def influence_of(solved: Solved, rows: np.ndarray, influence: CellInfluence, map_: Map = map) -> np.ndarray:
    """Influence of every cell on the combinations `rows` θ̂, shape (rows, n), cells by stratum.

    L M⁻¹ u_i with L = `rows`, shape (R, m): what the cells do to the first stages is in it.
    """
    candidates, own, on_xi = solved.candidates, solved.own, rows @ solved.inverse
    weights = [-theta * spread(on_xi, candidates, form) for form, theta in zip(solved.first, solved.coef, strict=True)]
    genes, forms = [solved.target, *candidates.tolist()], [own, *solved.first]
    return influence.combine(genes, forms, [spread(on_xi, candidates, own), *weights], map_)


def _naive(solved: Solved, *_: object) -> np.ndarray:
    return own_variance(solved.inverse, solved.candidates, solved.own)


def _murphy_topel_of_regression(
    regression: "Regression", candidates: list[int], first_stages: list[ReducedForm], *_: object
) -> np.ndarray:
    """Diagonal of V; without first stages that of the naive covariance."""
    meat = regression.stage.x.sandwich(regression.inflated**2)
    for form, C in zip(first_stages, regression.derivatives(first_stages), strict=True):
        meat += C @ form.covariance() @ C.T
    return np.diag(regression.bread @ meat @ regression.bread)


def _stacked_of_regression(
    regression: "Regression",
    candidates: list[int],
    first_stages: list[ReducedForm],
    influence: CellInfluence,
    map_: Map,
) -> np.ndarray:
    """Diagonal of the joint sandwich, of the direct effects alone."""
    rows = np.eye(len(candidates))
    u, separated = influence_of_regression(regression, rows, candidates, first_stages, influence, map_)
    return np.einsum("ij,ij->i", u, u) + separated


def influence_of_regression(
    regression: "Regression",
    rows: np.ndarray,
    candidates: list[int],
    first_stages: list[ReducedForm],
    influence: CellInfluence,
    map_: Map = map,
) -> tuple[np.ndarray, np.ndarray]:
    """Influence of every cell on the combinations `rows` θ̂ of a fitted regression, shape (rows, n), cells by stratum.

    Beside it what groups without counts add to their variance, shape (rows,).
    """
    own = rows @ regression.bread[: len(candidates)]
    weights = [-own @ C for C in regression.derivatives(first_stages)]
    u = influence.combine(candidates, first_stages, weights, map_)
    stage = regression.stage
    u[:, influence.place[stage.cell]] += np.stack([stage.x.matvec(row) for row in own]) * regression.inflated
    separated = np.zeros(len(rows))
    for form, L in zip(first_stages, weights, strict=True):
        separated += L**2 @ (form.v * form.separated)
    return u, separated


def _naive_of_regression(regression: "Regression", candidates: list[int], *_: object) -> np.ndarray:
    return _murphy_topel_of_regression(regression, candidates, [])


@dataclass(frozen=True, slots=True)
class Covariance:
    """One covariance of the edges.

    Attributes
    ----------
    name
        As an argument.
    of_square
        diag V(θ̂) of a square equation, shape (m,); the arguments are those of :func:`_murphy_topel`.
    of_regression
        That of a fitted regression, whose first entries belong to θ̂; the arguments are those of
        :func:`_stacked_of_regression`.
    counts_first_stage
        Whether the uncertainty of the predicted expression is in it.
    needs_influence
        Whether it needs the influence of the cells (:mod:`.influence`).
    """

    name: str
    of_square: Callable[..., np.ndarray]
    of_regression: Callable[..., np.ndarray]
    counts_first_stage: bool = True
    needs_influence: bool = False

    @property
    def of_moments(self) -> str:
        """Name of the one that stands for it where there are moments alone: near no effect they agree."""
        return "murphy-topel" if self.needs_influence else self.name


_ROWS = (
    Covariance("murphy-topel", _murphy_topel, _murphy_topel_of_regression),
    Covariance("stacked", _stacked, _stacked_of_regression, needs_influence=True),
    Covariance("naive", _naive, _naive_of_regression, counts_first_stage=False),
)
COVARIANCES = {row.name: row for row in _ROWS}
