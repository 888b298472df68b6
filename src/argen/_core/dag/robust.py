r"""Weak-instrument-robust test of one edge, and confidence sets by inverting it (METHOD 9).

For θ_k = θ₀ let θ⁰ be θ̂ with θ_k = θ₀ and V = M⁻¹Ω(θ⁰)M⁻ᵀ, Ω(θ) = Σ_i u_i u_i', u_i(θ) = IF_t,i − Σ_l θ_l IF_l,i. With
the restricted estimate θ̃ = θ̂ − V_·k / V_kk (θ̂_k − θ₀) and w' = row k of M⁻¹,

    AR(θ₀) = (θ̂_k − θ₀)² / (w'Ω(θ̃)w)  ~  χ²₁,

the statistic of Anderson and Rubin for one coordinate: w annihilates the other columns of M, so nothing is assumed
about how strong their instruments, or that of k, are.

As a function of δ = θ̂_k − θ₀, V_·k = v₀ + δ v₁ + δ² v₂ is quadratic. So every cell enters through four numbers only:
w'u_i(θ̂) and g_j,i = Σ_l v_j,l w'IF_l,i, j = 0, 1, 2. With their 4 × 4 cross products R'R and c = (V_kk, δ, δ², δ³),
AR = δ²V_kk² / |Rc|² for every θ₀ (:mod:`.inverted`). R comes from a QR decomposition: for weak instruments c'R'Rc is a
small difference of large numbers. The cells are those of :mod:`.compressed`, a few per cent of the screen's, with the
same cross products.
"""

from dataclasses import dataclass

import numpy as np

from argen._core.dag.compressed import EquationCells, Factors
from argen._core.dag.covariance import Solved, spread
from argen._core.dag.influence import CellInfluence
from argen._core.dag.inverted import Quadratics, confidence_sets, root_statistics
from argen._core.normal import log_p_two_sided
from argen._core.parallel import Map
from argen._core.results import Instruments

__all__ = ["robust_tests", "strength"]

# Candidates at a time, and numbers of cells × candidates: bounds the memory of every thread.
_BLOCK, _MOST = 32, 2**22


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
    """Test and confidence set of every candidate of one equation, from the influence of the cells on reduced forms.

    Parameters
    ----------
    influence, solved
        Of the screen, and the equation.
    map_
        Parallel map over the genes of the equation.
    """
    equation = _Equation.of(influence, solved, map_)
    tests = Instruments.nothing(len(solved.candidates))
    for block in equation.blocks:
        delta = solved.coef[block]
        found = equation.quadratics(block)
        tests.p[block] = np.exp(log_p_two_sided(root_statistics(delta[:, None], found)[:, 0]))
        low, high, tests.shape[block] = confidence_sets(delta, found)
        tests.low[block], tests.high[block] = delta - high, delta - low
    return tests


@dataclass(frozen=True, slots=True)
class _Equation:
    """Cells of one equation, with what does not depend on the candidate that is tested.

    Attributes
    ----------
    solved, cells
        The equation and its cells; the target's own reduced form comes first, then those of the candidates.
    rows
        Rows of M⁻¹ as weights on the coefficients of each reduced form.
    residual
        M⁻¹u_i(θ̂), shape (m, cells).
    stand_in, residual_in
        Groups without counts, and what these do to M⁻¹u(θ̂), shape (m, s).
    """

    solved: Solved
    cells: EquationCells
    rows: list[np.ndarray]
    residual: np.ndarray
    stand_in: "_StandIns"
    residual_in: np.ndarray

    @classmethod
    def of(cls, influence: CellInfluence, solved: Solved, map_: Map) -> "_Equation":
        forms, m = [solved.own, *solved.first], len(solved.candidates)
        cells = EquationCells(influence, [solved.target, *solved.candidates.tolist()], forms, map_)
        rows = [spread(solved.inverse, solved.candidates, form) for form in forms]
        residual = np.empty((m, cells.n))
        for block in _blocks(m, cells.n):
            weights = np.tile(np.append(1.0, -solved.coef), (len(block), 1))
            residual[block] = cells.combine(cells.factors([row[block] for row in rows]), weights)
        stand_in = _StandIns.of(solved, rows)
        residual_in = stand_in.weights * np.where(stand_in.owner < 0, 1.0, -solved.coef[stand_in.owner])
        return cls(solved, cells, rows, residual, stand_in, residual_in)

    @property
    def blocks(self) -> list[np.ndarray]:
        return _blocks(len(self.solved.candidates), self.cells.n)

    def quadratics(self, block: np.ndarray) -> Quadratics:
        """V_kk(δ) and R of the candidates of a block."""
        m, stand_in = len(self.solved.candidates), self.stand_in
        factors = self.cells.factors([row[block] for row in self.rows])
        v = self._restricted_directions(block, factors)
        three = Factors(*(np.repeat(f, 3, axis=1) for f in (factors.by_column, factors.by_group)))
        weights = np.hstack([np.zeros((3 * len(block), 1)), v.reshape(-1, m)])
        # By candidate: w'u_i(θ̂), then g_j,i; cells, then groups without counts.
        four = np.empty((len(block), 4, self.cells.n + len(stand_in.owner)))
        four[:, 0] = np.hstack([self.residual[block], self.residual_in[block]])
        four[:, 1:, : self.cells.n] = self.cells.combine(three, weights).reshape(len(block), 3, -1)
        from_first = np.where(stand_in.owner < 0, 0.0, v[:, :, stand_in.owner])
        four[:, 1:, self.cells.n :] = stand_in.weights[block][:, None] * from_first
        root = np.linalg.qr(four.transpose(0, 2, 1), mode="r")
        return Quadratics(np.take_along_axis(v, block[:, None, None], axis=2)[:, :, 0], root)

    def _restricted_directions(self, block: np.ndarray, factors: Factors) -> np.ndarray:
        """v₀, v₁, v₂ of V_·k(δ) = v₀ + δ v₁ + δ² v₂ for the candidates k of a block; shape (block, 3, m)."""
        stand_in, residual_in, m = self.stand_in, self.residual_in, len(self.solved.candidates)
        mine = np.zeros((len(block), 1 + m))
        mine[np.arange(len(block)), 1 + block] = 1.0
        own = self.cells.combine(factors, mine)  # (M⁻¹IF_k,i)_k
        v = np.empty((len(block), 3, m))
        v[:, 0] = self.residual[block] @ self.residual.T + residual_in[block] @ residual_in.T
        v[:, 1] = own @ self.residual.T
        for i, k in enumerate(block):
            through = self._through(k, np.stack([self.residual[k], own[i]]))
            its_own = stand_in.owner == k
            weights, at_k = stand_in.weights[:, its_own], stand_in.weights[k, its_own]
            v[i, 1] += through[0] + weights @ residual_in[k, its_own] + residual_in[:, its_own] @ at_k
            v[i, 2] = through[1] + weights @ at_k
        return v

    def _through(self, k: int, x: np.ndarray) -> np.ndarray:
        """Σ_i x_i M⁻¹IF_k,i for several numbers x of each cell, (c, cells); shape (c, m)."""
        by_column, by_group = self.cells.sums(k + 1, x)
        form = self.solved.first[k]
        by_group = by_group[:, self.cells.places(form)]
        with np.errstate(divide="ignore", invalid="ignore"):
            own = np.where(form.S > 0, by_group / form.S, 0.0)
        return (own - (by_column - by_group @ form.W) @ form.H_inv @ form.W.T) @ self.rows[k + 1].T


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
    def of(cls, solved: Solved, rows: list[np.ndarray]) -> "_StandIns":
        weights, owner = [np.empty((len(solved.candidates), 0))], [np.empty(0, dtype=np.int64)]
        for l, (form, row) in enumerate(zip([solved.own, *solved.first], rows, strict=True)):
            if form.separated.any():
                at = np.flatnonzero(form.separated)
                weights.append(row[:, at] * np.sqrt(form.v[at]))
                owner.append(np.full(len(at), l - 1))
        return cls(np.hstack(weights), np.concatenate(owner))


def _blocks(m: int, n_cells: int) -> list[np.ndarray]:
    size = int(np.clip(_MOST // max(n_cells, 1), 1, _BLOCK))
    return [np.arange(lo, min(lo + size, m)) for lo in range(0, m, size)]
