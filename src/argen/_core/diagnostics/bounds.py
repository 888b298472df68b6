"""What the variances of a draw's equations are at least, for all of them at once (METHOD 9; :mod:`.stability`).

A draw whose relation is dense has hundreds of equations with hundreds of candidates, nearly all of them with p-values
that are far from any decision. A lower bound of their standard errors says so: with V = D^½ C D^½, D = diag(v), and
λ the least eigenvalue of C,

    (M⁻¹ V_t M⁻ᵀ)_kk ≥ λ_t Σ_l (M⁻¹)_kl² v_lt,

likewise for the first stages, and for every part of the instruments. It takes M⁻¹ but none of the low-rank products.

Candidates are nested: those of t hold all candidates of a candidate. Visited in that order, M⁻¹ of an equation is that
of the one before, bordered by a few genes (:mod:`._bound_kernels`).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from argen._core.dag.covariance import MAX_CONDITION
from argen._core.diagnostics._bound_kernels import bound_equations
from argen._core.glm.reduced_form import ReducedForm

__all__ = ["Bound", "bounds_of", "least_share"]

# Condition numbers up to this share of the largest one are told apart from it for sure.
_CLEAR = 1e-2


class Bound(NamedTuple):
    """θ of the candidates, and what their variances are at least; each of shape (m,)."""

    coef: np.ndarray
    variance: np.ndarray


def least_share(form: ReducedForm) -> float:
    """λ of V ⪰ λ diag(v), at least 0; 0 where v is not positive throughout.

    V = diag(v) + GW' + WG', so that C − 1 = XJX' with X = v^−½ (G, W) and J the swap of the two halves: its eigenvalues
    are 0 and those of RJR', X = QR.
    """
    known = np.isfinite(form.effect)
    v, q = form.v[known], form.W.shape[1]
    if not (np.isfinite(v).all() and (v > 0.0).all()):
        return 0.0
    R = np.linalg.qr(np.hstack([form.G[known], form.W[known]]) / np.sqrt(v)[:, None], mode="r")
    if not np.isfinite(R).all():
        return 0.0
    swapped = R[:, :q] @ R[:, q:].T
    return float(np.clip(1.0 + np.linalg.eigvalsh(swapped + swapped.T).min(initial=0.0), 0.0, 1.0))


def bounds_of(
    M: np.ndarray, effect: np.ndarray, own: np.ndarray, first: np.ndarray, equations: Sequence[tuple[int, np.ndarray]]
) -> dict[int, Bound]:
    """Bounds by target, of those equations whose M is safely invertible.

    Parameters
    ----------
    M, effect, own, first
        All [instrument, gene], shape (p, p): the matrix of which each M is a block, ξ, and λ diag(v) of every gene as a
        target and as a candidate.
    equations
        Targets with their candidates, which are their instruments; sinks first.
    """
    if not equations:
        return {}
    target, sets = np.array([t for t, _ in equations]), [A for _, A in equations]
    start = np.concatenate([[0], np.cumsum([len(A) for A in sets])])
    coef, variance, known = np.zeros(start[-1]), np.zeros(start[-1]), np.zeros(len(sets), dtype=bool)
    visit = _one_inside_the_next(target, sets, len(M))
    most = _CLEAR * MAX_CONDITION
    columns = np.asfortranarray(effect), np.asfortranarray(own)
    bound_equations(M, *columns, first, np.concatenate(sets), start, target, visit, most, coef, variance, known)
    parts = {int(t): slice(start[e], start[e + 1]) for e, t in enumerate(target) if known[e]}
    return {t: Bound(coef[part], variance[part]) for t, part in parts.items()}


def _one_inside_the_next(target: np.ndarray, sets: list[np.ndarray], p: int) -> np.ndarray:
    """Order of the equations in which each mostly follows that of its candidate with the most candidates.

    They make a tree, which is walked depth first, the largest branch last: nobody has to come back from there.
    """
    equation, size = np.full(p, -1), np.zeros(p, dtype=np.int64)
    equation[target], size[target] = np.arange(len(target)), [len(A) for A in sets]
    parent = [int(equation[A[np.argmax(size[A])]]) for A in sets]
    below, branches = [1] * len(sets), {e: [] for e in range(-1, len(sets))}
    for e, k in enumerate(parent):  # sinks first: whatever is below e has been counted
        branches[k].append(e)
        if k >= 0:
            below[k] += below[e]
    order, waiting = [], [-1]
    while waiting:
        order.append(waiting.pop())
        waiting += sorted(branches[order[-1]], key=lambda e: -below[e])
    return np.array(order[1:], dtype=np.int64)
