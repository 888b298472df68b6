"""Hansen's J of the edges and equations of a network, with guides as separate instruments (METHOD 9).

Equation t with candidates A says that whatever perturbs a candidate moves t through the candidates alone: with E the
coefficients of all groups in the saturated reduced forms of A, shape (groups, m), and ξ those of t,

    ξ[g] = E[g] θ   for every guide g of a candidate.

Where the network rules out that a perturbation moves a candidate (its gene is no ancestor of it), the entry of E is
0 and not estimated: many small errors would spoil M. P averages the guides of each candidate, weighted by their
cells, so that M = P E is square and θ̂ = M⁻¹ P ξ. What is left over are the rows N_g = e_g − E[g] M⁻¹ P, for which
N_g E = 0, hence N_g ξ = 0 up to chance:

    J = (N ξ)' (N Ω(θ̂) N')⁻¹ (N ξ),   Ω(θ) = Σ_i u_i u_i',   u_i = IF_t,i − Σ_k θ_k IF_k,i,

which is min_θ ĝ(θ)'Ω⁻¹ĝ(θ) over θ with the weights fixed at θ̂. The rows of the guides of k add up to zero under P, so
all but one of them are used. Edge k → t takes the guides of k, df G_k − 1; the equation takes those of all candidates,
df Σ (G_k − 1). For other candidates the same average of guides stands on both sides, so the edge's null hypothesis is
exact whatever their strengths.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import null_space
from scipy.special import chdtrc

from argen._core.dag.covariance import invert
from argen._core.dag.influence import CellInfluence
from argen._core.diagnostics.guide_split import GuideSplit
from argen._core.diagnostics.overidentification import NOBODY, SINGULAR
from argen._core.glm.reduced_form import ReducedForm
from argen._core.parallel import Map

__all__ = ["UNTESTED", "EquationTest", "equation_tests"]

# Why an edge or an equation has no J.
UNTESTED = ("", "not split", "fewer than two guides with counts", "not estimable", "singular")
_TESTED, _NOT_SPLIT, _FEW_GUIDES, _NOT_ESTIMABLE, _SINGULAR = range(len(UNTESTED))
_ROWS = 64  # rows of N whose influences are combined at a time: bounds the memory
_SEPARATED_VARIANCE = 2.0  # of the stand-in for the coefficient of a group without counts


@dataclass(frozen=True, slots=True)
class EquationTest:
    """J of one equation and of its edges; edge arrays have one entry per candidate.

    Attributes
    ----------
    target, candidates
        Child t and candidate parents A, shape (m,).
    n_guides
        Guides of each candidate that its test rests on.
    statistic, df, p
        Of each edge; NaN (df 0) where there is none.
    odd
        Group of the guide without which J is smallest, where p is below the level and three guides are there, else
        :data:`~argen._core.diagnostics.overidentification.NOBODY`.
    why
        Index into :data:`UNTESTED`.
    whole
        J, degrees of freedom and p of the equation.
    whole_why
        Index into :data:`UNTESTED`.
    """

    target: int
    candidates: np.ndarray
    n_guides: np.ndarray
    statistic: np.ndarray
    df: np.ndarray
    p: np.ndarray
    odd: np.ndarray
    why: np.ndarray
    whole: tuple[float, int, float]
    whole_why: int


def equation_tests(
    split: GuideSplit,
    forms: Sequence[ReducedForm],
    equations: Sequence[tuple[int, np.ndarray]],
    reach: np.ndarray,
    *,
    hc3: bool,
    alpha: float,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> list[EquationTest]:
    """J of every equation and of its edges.

    Parameters
    ----------
    split, forms
        Split screen and its saturated reduced forms.
    equations
        Perturbations with their candidates.
    reach
        Whether perturbing a gene can move another, [perturbed, moved], shape (p, p).
    hc3
        Divide residuals by 1 − leverage, as in the forms.
    alpha
        Level below which the guide that disagrees is looked for.
    map_, track
        Parallel map within one equation; wrapper round the iterator over equations, for a progress bar.
    """
    influence = CellInfluence(split.screen, hc3=hc3)
    moved = (reach | np.eye(len(reach), dtype=bool))[split.perturbation]
    return [_test(split, forms, moved, influence, t, np.sort(A), alpha, map_) for t, A in track(equations)]


@dataclass(frozen=True, slots=True)
class _Guides:
    """Groups that enter one equation: those of each candidate's average, and the guides that are tested."""

    averaged: list[np.ndarray]
    tested: list[np.ndarray]


def _test(
    split: GuideSplit,
    forms: Sequence[ReducedForm],
    moved: np.ndarray,
    influence: CellInfluence,
    t: int,
    A: np.ndarray,
    alpha: float,
    map_: Map,
) -> EquationTest:
    used = [forms[t], *(forms[k] for k in A)]
    in_play = np.column_stack([np.ones(len(moved), dtype=bool), moved[:, A]])  # groups × (t, A)
    guides = _guides(split, used, in_play, A)
    n_guides = np.array([len(g) for g in guides.tested], dtype=np.int64)
    is_split = np.isin(A, split.split_perturbations)
    why = np.where(n_guides >= 2, _TESTED, np.where(is_split, _FEW_GUIDES, _NOT_SPLIT))
    if not is_split.any() or (n_guides < 2).all():
        return _untested(t, A, n_guides, why, int(why.max(initial=_NOT_SPLIT)))
    if any(len(groups) == 0 for groups in guides.averaged):
        return _untested(t, A, n_guides, np.where(why == _TESTED, _NOT_ESTIMABLE, why), _NOT_ESTIMABLE)
    P = _averages(split, guides.averaged)
    in_play &= P.any(axis=0)[:, None]
    effects = np.where(in_play, np.column_stack([form.effect for form in used]), 0.0)
    xi, E = effects[:, 0], effects[:, 1:]
    inverse, _ = invert(P @ E)
    if inverse is None:
        return _untested(t, A, n_guides, np.where(why == _TESTED, _SINGULAR, why), _SINGULAR)
    R = inverse @ P
    theta = R @ xi
    tested = np.flatnonzero(why == _TESTED)
    rows = np.concatenate([guides.tested[a][:-1] for a in tested])
    N = np.eye(len(xi))[rows] - E[rows] @ R
    omega = _omega(influence, [t, *A.tolist()], used, N, in_play * np.append(1.0, -theta), map_)
    z = N @ xi
    statistic, odd = np.full(len(A), np.nan), np.full(len(A), NOBODY)
    ends = np.cumsum(n_guides[tested] - 1)
    for a, end in zip(tested, ends, strict=True):
        at = slice(end - n_guides[a] + 1, end)
        statistic[a] = _quadratic(z[at], omega[at, at])
        if n_guides[a] >= 3 and chdtrc(n_guides[a] - 1, statistic[a]) < alpha:
            groups = guides.tested[a]
            place = _odd_one(z[at], omega[at, at], N[at][:, groups])
            odd[a] = NOBODY if place is None else groups[place]
    why = np.where((why == _TESTED) & np.isnan(statistic), _SINGULAR, why)
    df = np.where(why == _TESTED, n_guides - 1, 0)
    value = _quadratic(z, omega)
    whole = (value, 0 if np.isnan(value) else len(z))
    whole_why = _SINGULAR if np.isnan(value) else _TESTED
    return EquationTest(
        t, A, n_guides, statistic, df, _p(statistic, df), odd, why, (*whole, float(_p(*whole))), whole_why
    )


def _untested(t: int, A: np.ndarray, n_guides: np.ndarray, why: np.ndarray, whole_why: int) -> EquationTest:
    nothing, none = np.full(len(A), np.nan), np.zeros(len(A), dtype=np.int64)
    odd = np.full(len(A), NOBODY)
    return EquationTest(t, A, n_guides, nothing, none, nothing.copy(), odd, why, (np.nan, 0, np.nan), whole_why)


def _guides(split: GuideSplit, used: list[ReducedForm], in_play: np.ndarray, A: np.ndarray) -> _Guides:
    """A guide is tested where its cells have counts of the child and of the candidate that it is against."""
    estimable = (np.column_stack([np.isfinite(form.effect) for form in used]) | ~in_play).all(axis=1)
    own = used[0]
    averaged, tested = [], []
    for k, form in zip(A, used[1:], strict=True):
        groups = split.guides_of(k)
        groups = groups[estimable[groups] & ~(own.separated | form.separated)[groups]]
        tested.append(groups)
        averaged.append(groups if len(groups) else np.flatnonzero(estimable & (split.perturbation == k)))
    return _Guides(averaged, tested)


def _averages(split: GuideSplit, averaged: list[np.ndarray]) -> np.ndarray:
    """P: weights of the groups in the average of each candidate, shape (m, n_groups)."""
    cells = split.screen.n_per_group
    P = np.zeros((len(averaged), split.screen.n_groups))
    for row, groups in zip(P, averaged, strict=True):
        row[groups] = cells[groups] / cells[groups].sum()
    return P


def _omega(
    influence: CellInfluence,
    genes: list[int],
    forms: list[ReducedForm],
    N: np.ndarray,
    weights: np.ndarray,
    map_: Map,
) -> np.ndarray:
    """N Ω N' of Σ_k c_k ξ_k; groups without counts enter with the variance of their stand-in.

    `weights` are the c_k, zero for the groups that are not in play, shape (n_groups, genes).
    """
    blocks = [N[lo : lo + _ROWS] for lo in range(0, len(N), _ROWS)]
    # One block alone is spread over the threads, several are one task each: larger tasks, less waiting.
    outer, inner = (map, map_) if len(blocks) == 1 else (map_, map)
    u = np.concatenate(
        list(outer(lambda rows: influence.combine(genes, forms, [rows * c for c in weights.T], inner), blocks))
    )
    stand_in = sum(c**2 * _SEPARATED_VARIANCE * form.separated for c, form in zip(weights.T, forms, strict=True))
    return u @ u.T + (N * stand_in) @ N.T


def _quadratic(z: np.ndarray, omega: np.ndarray) -> float:
    """z'Ω⁻¹z; NaN where Ω is singular, as with more restrictions than cells."""
    scale = np.sqrt(np.diag(omega))
    if not (scale > 0).all():
        return np.nan
    values, vectors = np.linalg.eigh(omega / np.outer(scale, scale))
    if values[0] <= SINGULAR:
        return np.nan
    return float(((vectors.T @ (z / scale)) ** 2 / values).sum())


def _odd_one(z: np.ndarray, omega: np.ndarray, coefficients: np.ndarray) -> int | None:
    """Place of the guide without which J is smallest: only combinations of restrictions that leave it out are kept.

    `coefficients` of the guides in the restrictions, shape (restrictions, guides).
    """
    left = []
    for column in coefficients.T:
        without = null_space(column[None, :]).T
        left.append(_quadratic(without @ z, without @ omega @ without.T))
    return int(np.nanargmin(left)) if np.isfinite(left).any() else None


def _p(statistic: np.ndarray, df: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(np.isnan(statistic), np.nan, chdtrc(np.maximum(df, 1), statistic))
