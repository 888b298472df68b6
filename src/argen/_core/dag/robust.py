r"""Weak-instrument-robust test of one edge, and confidence sets by inverting it (METHOD 9).

For θ_k = θ₀ let θ⁰ be θ̂ with θ_k = θ₀ and V = M⁻¹Ω(θ⁰)M⁻ᵀ, Ω(θ) = Σ_i u_i u_i', u_i(θ) = IF_t,i − Σ_l θ_l IF_l,i. With
the restricted estimate θ̃ = θ̂ − V_·k / V_kk (θ̂_k − θ₀) and w' = row k of M⁻¹,

    AR(θ₀) = (θ̂_k − θ₀)² / (w'Ω(θ̃)w)  ~  χ²₁,

the statistic of Anderson and Rubin for one coordinate: w annihilates the other columns of M, so nothing is assumed
about how strong their instruments, or that of k, are.

As a function of δ = θ̂_k − θ₀, V_·k = v₀ + δ v₁ + δ² v₂ is quadratic. So every cell enters through four numbers only:
w'u_i(θ̂) and g_j,i = Σ_l v_j,l w'IF_l,i, j = 0, 1, 2. With their 4 × 4 cross products R'R and c = (V_kk, δ, δ², δ³),
AR = δ²V_kk² / |Rc|² for every θ₀, and {AR ≤ χ²} is where a polynomial of degree six is not positive. (R comes from a QR
decomposition: for weak instruments c'R'Rc is a small difference of large numbers.)
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial

from argen._core.dag.covariance import Solved, spread
from argen._core.dag.influence import CellInfluence
from argen._core.normal import log_p_two_sided
from argen._core.parallel import Map
from argen._core.results import ConfidenceSet, Instruments

__all__ = ["robust_tests", "strength"]

CHI2_95 = 3.841458820694124
_CRITICAL = np.sqrt(CHI2_95)
_BLOCK = 32  # candidates at a time: bounds the memory, fixed so that sums do not depend on the number of threads


def strength(solved: Solved) -> np.ndarray:
    """F = 1 / (M⁻¹V_kM⁻ᵀ)_kk of each candidate k, shape (m,).

    The variance of the first stage of k as it reaches θ̂_k: another weak instrument spoils k too.
    """
    result = np.empty(len(solved.candidates))
    for k, form in enumerate(solved.first):
        row = spread(solved.inverse[[k]], solved.candidates, form)[0]
        result[k] = 1.0 / (row**2 @ form.v + 2.0 * (row @ form.G) @ (row @ form.W))
    return result


def robust_tests(influence: CellInfluence, solved: Solved, map_: Map = map) -> Instruments:
    """Test and confidence set of every candidate of one equation, from the influence of the cells on reduced forms."""
    m, coef = len(solved.candidates), solved.coef
    equation = _Equation(influence, solved, map_)
    stand_in = _StandIns.of(solved)
    residual = equation.cells(np.eye(m), own=np.ones(m), first=-np.tile(coef, (m, 1)))  # M⁻¹u_i(θ̂), m × n
    residual_in = stand_in.weights * np.where(stand_in.owner < 0, 1.0, -coef[stand_in.owner])
    tests = Instruments.nothing(m)

    def invert_test(i: int, block: np.ndarray, v: np.ndarray, g: np.ndarray) -> None:
        k = block[i]
        from_first = np.where(stand_in.owner < 0, 0.0, v[i][:, stand_in.owner])
        four_in = np.vstack([residual_in[k], stand_in.weights[k] * from_first])
        root = np.linalg.qr(np.hstack([np.vstack([residual[k], g[i]]), four_in]).T, mode="r")
        tests.p[k] = np.exp(log_p_two_sided(_root_statistic(coef[k], v[i, :, k], root)))
        low, high, tests.shape[k] = _confidence_set(coef[k], v[i, :, k], root)
        tests.low[k], tests.high[k] = coef[k] - high, coef[k] - low

    for lo in range(0, m, _BLOCK):
        block = np.arange(lo, min(lo + _BLOCK, m))
        v = _restricted_directions(equation, stand_in, residual, residual_in, block)
        rows = np.eye(m)[np.repeat(block, 3)]
        g = equation.cells(rows, own=np.zeros(len(rows)), first=v.reshape(-1, m)).reshape(len(block), 3, -1)
        list(map_(lambda i, block=block, v=v, g=g: invert_test(i, block, v, g), range(len(block))))
    return tests


@dataclass(frozen=True, slots=True)
class _Equation:
    """Linear combinations of the influences that reach one equation."""

    influence: CellInfluence
    solved: Solved
    map_: Map

    def cells(self, rows: np.ndarray, own: np.ndarray, first: np.ndarray) -> np.ndarray:
        """(own_r IF_t,i + Σ_l first_rl IF_l,i) combined by row r of `rows` M⁻¹, for every cell; shape (R, n)."""
        solved, mixed = self.solved, rows @ self.solved.inverse
        genes, forms, weights = solved.candidates.tolist(), list(solved.first), []
        for l, form in enumerate(forms):
            weights.append(first[:, [l]] * spread(mixed, solved.candidates, form))
        if own.any():
            genes, forms = [solved.target, *genes], [solved.own, *forms]
            weights = [own[:, None] * spread(mixed, solved.candidates, solved.own), *weights]
        return self.influence.combine(genes, forms, weights, self.map_)


@dataclass(frozen=True, slots=True)
class _StandIns:
    """Groups without counts, whose stand-in variance acts as that of one more cell each.

    Attributes
    ----------
    weights
        What the cell does to θ̂ through the reduced form that it belongs to, shape (m, s).
    owner
        Candidate of that reduced form, −1 for the target's own; shape (s,).
    """

    weights: np.ndarray
    owner: np.ndarray

    @classmethod
    def of(cls, solved: Solved) -> "_StandIns":
        weights, owner = [np.empty((len(solved.candidates), 0))], [np.empty(0, dtype=np.int64)]
        for l, form in enumerate([solved.own, *solved.first]):
            at, rows = np.flatnonzero(form.separated), spread(solved.inverse, solved.candidates, form)
            weights.append(rows[:, at] * np.sqrt(form.v[at]))
            owner.append(np.full(len(at), l - 1))
        return cls(np.hstack(weights), np.concatenate(owner))


def _restricted_directions(
    equation: _Equation, stand_in: _StandIns, residual: np.ndarray, residual_in: np.ndarray, block: np.ndarray
) -> np.ndarray:
    """v₀, v₁, v₂ of V_·k(δ) = v₀ + δ v₁ + δ² v₂ for the candidates k of a block; shape (block, 3, m)."""
    solved, m = equation.solved, len(equation.solved.candidates)
    own = equation.cells(np.eye(m)[block], own=np.zeros(len(block)), first=np.eye(m)[block])  # (M⁻¹IF_k,i)_k
    v = np.empty((len(block), 3, m))
    v[:, 0] = residual[block] @ residual.T + residual_in[block] @ residual_in.T
    v[:, 1] = own @ residual.T

    def with_first_stage(i: int) -> None:
        k, form = int(block[i]), solved.first[block[i]]
        # Σ_i IF_k,i x_i
        sums = equation.influence.project(int(solved.candidates[k]), form, np.vstack([residual[k], own[i]]))
        through = sums @ spread(solved.inverse, solved.candidates, form).T
        mine = stand_in.owner == k
        weights, at_k = stand_in.weights[:, mine], stand_in.weights[k, mine]
        v[i, 1] += through[0] + weights @ residual_in[k, mine] + residual_in[:, mine] @ at_k
        v[i, 2] = through[1] + weights @ at_k

    list(equation.map_(with_first_stage, range(len(block))))
    return v


def _root_statistic(delta: float, variance: np.ndarray, root: np.ndarray) -> float:
    """√AR at θ₀ = θ̂_k − δ; `variance` holds the coefficients of V_kk(δ), `root` is R."""
    V = variance @ delta ** np.arange(3)
    return abs(delta) / np.linalg.norm(root @ np.append(1.0, delta ** np.arange(1, 4) / V))


def _confidence_set(theta: float, variance: np.ndarray, root: np.ndarray) -> tuple[float, float, int]:
    """Hull in δ = θ − θ₀ and shape of {δ : δ²V(δ)² ≤ χ² |Rc|²}, c = (V(δ), δ, δ², δ³).

    The roots are sought in standard errors from θ̂ and again in units of one from θ₀ = 0: with a very weak instrument
    the standard error is so large that what the data exclude round zero would be lost.
    """
    scale = np.sqrt(variance[0])
    in_errors = scale * _roots(Polynomial([0.0, scale]), variance, root)
    from_zero = theta - _roots(Polynomial([theta, -1.0]), variance, root)
    edges = np.unique(np.concatenate([in_errors, from_zero]))
    inside = np.array([_root_statistic(delta, variance, root) <= _CRITICAL for delta in _between(edges, scale)])
    changes = inside[1:] != inside[:-1]
    edges, inside = edges[changes], inside[np.append(True, changes)]
    if not inside.any():  # rounding at a set that is a point
        return 0.0, 0.0, int(ConfidenceSet.INTERVAL)
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    low, high = ends[:-1][inside].min(), ends[1:][inside].max()
    return low, high, int(_shape_of(int(inside.sum()), int(np.isinf(low)), int(np.isinf(high))))


def _roots(delta: Polynomial, variance: np.ndarray, root: np.ndarray) -> np.ndarray:
    """Real roots of δ²V² − χ²|Rc|² in the variable that δ is a polynomial of."""
    V = variance[0] + variance[1] * delta + variance[2] * delta**2
    c = [V, delta, delta**2, delta**3]
    polynomial = (delta * V) ** 2
    for row in root:
        polynomial -= CHI2_95 * sum(weight * term for weight, term in zip(row, c, strict=True)) ** 2
    coefficients = polynomial.coef / np.abs(polynomial.coef).max()
    found = np.polynomial.polynomial.polyroots(np.trim_zeros(coefficients, "b"))
    return found.real[np.abs(found.imag) <= 1e-7 * np.maximum(np.abs(found), 1e-3)]


def _shape_of(pieces: int, below: int, above: int) -> ConfidenceSet:
    if pieces == 1:
        return (ConfidenceSet.INTERVAL, ConfidenceSet.RAY, ConfidenceSet.LINE)[below + above]
    return ConfidenceSet.TWO_RAYS if pieces == 2 and below and above else ConfidenceSet.PIECES


def _between(points: np.ndarray, scale: float) -> np.ndarray:
    """A point below, between each two, and above the given ones."""
    if len(points) == 0:
        return np.zeros(1)
    return np.concatenate([[points[0] - scale], (points[1:] + points[:-1]) / 2.0, [points[-1] + scale]])
