r"""The cells of one equation, those without an instrument compressed: same sums over cells, far fewer of them.

The influence of a cell on a combination of reduced forms (:mod:`.influence`) is linear in the scores r_k of the genes
and in r_k m_a: in the baseline their coefficients are the same for all cells of a stratum. With x the c numbers
(r_k, r_k m_1, …) of a cell, c = genes × (1 + numeric covariates), and X the c × n matrix of those of a stratum, every
product of two influences summed over these cells needs XX' alone. So the n cells may be replaced by the c columns of
any square C with CC' = XX': "cells" whose r_k and r_k m_a are no products any more.

C is the Cholesky factor of XX' with a diagonal of one, or that of a QR decomposition where genes are nearly collinear:
either keeps what is small in a combination of cells, which products of the sums XX' themselves would not (for weak
instruments it is a small difference of large numbers).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from argen._core.dag.influence import CellInfluence
from argen._core.glm.reduced_form import ReducedForm
from argen._core.parallel import Map

__all__ = ["EquationCells", "Factors"]

# Least entry on the diagonal of a Cholesky factor: (1e-16 / .1²) is the relative error of the squares.
_LEAST_PIVOT = 0.1


@dataclass(frozen=True, slots=True)
class Factors:
    """What the scores of each gene k are multiplied by in R combinations of its instruments' coefficients.

    Attributes
    ----------
    by_column
        F_k = −L_k W_k H_k⁻¹ by nuisance column, shape (K, R, q).
    by_group
        L_k e_g / S_kg − F_k W_kg by instrument group of the equation, shape (K, R, groups).
    """

    by_column: np.ndarray
    by_group: np.ndarray


class EquationCells:
    """Cells of an equation, by stratum: those of the baseline, compressed where they are many, then all others.

    Parameters
    ----------
    influence
        Of the screen.
    genes, forms
        The K genes of the equation and their reduced forms.
    map_
        Parallel map over genes.

    Attributes
    ----------
    x
        r_k, then r_k m_a for every numeric covariate; shape (1 + covariates, K, cells).
    """

    def __init__(
        self, influence: CellInfluence, genes: Sequence[int], forms: Sequence[ReducedForm], map_: Map = map
    ) -> None:
        self._design, self._forms = influence.design, list(forms)
        self._groups = np.unique(np.concatenate([form.instruments for form in forms]))
        group = influence.group
        in_baseline = np.ones(influence.design.group_seg.size - 1, dtype=bool)
        in_baseline[self._groups] = False
        scores = map_(influence.scores, genes, forms)
        self._baseline_first(influence, scores, in_baseline[group])
        # Cells of each instrument group, one group after the other.
        at = np.flatnonzero(self._group_of >= 0)
        self._of_groups = at[np.argsort(self._group_of[at], kind="stable")]
        self._bounds = np.searchsorted(self._group_of[self._of_groups], np.append(self._groups, len(in_baseline)))

    @property
    def n(self) -> int:
        """Number of cells."""
        return self.x.shape[2]

    def places(self, form: ReducedForm) -> np.ndarray:
        """Places of the instruments of a form among the groups of the equation."""
        return np.searchsorted(self._groups, form.instruments)

    def factors(self, rows: Sequence[np.ndarray]) -> Factors:
        """Factors of the combinations L_k = `rows`[k], shape (R, instruments of form k), of each form."""
        K, R, q = len(self._forms), len(rows[0]), self._design.n_nuisance
        by_column, by_group = np.empty((K, R, q)), np.zeros((K, R, len(self._groups)))
        for k, (form, L) in enumerate(zip(self._forms, rows, strict=True)):
            F = by_column[k] = -(L @ form.W) @ form.H_inv
            with np.errstate(divide="ignore", invalid="ignore"):
                own = np.where(form.S > 0, L / form.S, 0.0)
            by_group[k][:, self.places(form)] = own - F @ form.W.T
        return Factors(by_column, by_group)

    def combine(self, factors: Factors, weights: np.ndarray) -> np.ndarray:
        """Σ_k weights_rk (row r of L_k) IF_k,i of every cell, shape (R, cells); `weights` is of shape (R, K)."""
        design, x = self._design, self.x
        G, O = design.n_levels, design.stratum_dummies.shape[1]
        by_column = np.moveaxis(factors.by_column, 0, 1) * weights[:, :, None]  # (R, K, q)
        by_group = np.ascontiguousarray(np.moveaxis(factors.by_group, 0, 1) * weights[:, :, None]).transpose(2, 0, 1)
        by_stratum = by_column[:, :, design.stratum_level] + by_column[:, :, G : G + O] @ design.stratum_dummies.T
        by_stratum = np.ascontiguousarray(by_stratum.transpose(2, 0, 1))
        total = np.zeros((len(weights), self.n))
        for a in range(1, len(x)):
            total += np.ascontiguousarray(by_column[:, :, G + O + a - 1]) @ x[a]
        for s, (lo, hi) in enumerate(zip(self._start[:-1], self._start[1:], strict=True)):
            total[:, lo:hi] += by_stratum[s] @ x[0, :, lo:hi]
        for g, (lo, hi) in enumerate(zip(self._bounds[:-1], self._bounds[1:], strict=True)):
            here = self._of_groups[lo:hi]
            total[:, here] += by_group[g] @ x[0][:, here]
        return total

    def sums(self, k: int, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Σ_i v_i r_k,i by nuisance column, (c, q), and by instrument group, (c, groups); `v` of shape (c, cells)."""
        design, x = self._design, self.x
        G, O = design.n_levels, design.stratum_dummies.shape[1]
        weighted = v * x[0, k]
        by_stratum = _sums_between(weighted, self._start)
        by_column = np.zeros((len(v), design.n_nuisance))
        np.add.at(by_column.T, design.stratum_level, by_stratum.T)
        by_column[:, G : G + O] = by_stratum @ design.stratum_dummies
        by_column[:, G + O :] = v @ x[1:, k].T
        return by_column, _sums_between(weighted[:, self._of_groups], self._bounds)

    def _baseline_first(self, influence: CellInfluence, scores: Sequence[np.ndarray], in_baseline: np.ndarray) -> None:
        """Fill the arrays by cell, stratum by stratum."""
        base, rest = np.flatnonzero(in_baseline), np.flatnonzero(~in_baseline)
        K, r = len(self._forms), len(influence.numeric)
        x_base, x_rest = np.empty(((1 + r) * K, len(base))), np.empty(((1 + r) * K, len(rest)))
        for k, score in enumerate(scores):
            for x, cells in ((x_base, base), (x_rest, rest)):
                np.take(score, cells, out=x[k], mode="clip")  # the default copies twice
        for x, cells in ((x_base, base), (x_rest, rest)):
            for a, m in enumerate(influence.numeric):
                np.multiply(x[:K], m[cells], out=x[(a + 1) * K : (a + 2) * K])
        of_base, of_rest = (np.searchsorted(cells, influence.start) for cells in (base, rest))
        many = np.diff(of_base) > len(x_base)
        n_base = np.where(many, len(x_base), np.diff(of_base))
        self._start = np.concatenate([[0], np.cumsum(n_base + np.diff(of_rest))])
        self.x = np.empty((1 + r, K, self._start[-1]))
        flat = self.x.reshape((1 + r) * K, -1)
        self._group_of = np.full(self._start[-1], -1)
        few = iter(_few_cells(x_base, of_base, np.flatnonzero(many)))
        for s, lo in enumerate(self._start[:-1]):
            middle, hi = lo + n_base[s], self._start[s + 1]
            flat[:, lo:middle] = next(few) if many[s] else x_base[:, of_base[s] : of_base[s + 1]]
            flat[:, middle:hi] = x_rest[:, of_rest[s] : of_rest[s + 1]]
            self._group_of[middle:hi] = influence.group[rest[of_rest[s] : of_rest[s + 1]]]


def _sums_between(values: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Sums of the columns from each bound to the next one, shape (rows, bounds − 1)."""
    sums = np.add.reduceat(np.pad(values, ((0, 0), (0, 1))), bounds[:-1], axis=1)
    sums[:, np.diff(bounds) == 0] = 0.0
    return sums


def _few_cells(x: np.ndarray, bounds: np.ndarray, strata: np.ndarray) -> np.ndarray:
    """C with CC' = XX' for the columns X of each of the `strata`, shape (strata, c, c)."""
    gram = np.empty((len(strata), len(x), len(x)))
    for i, s in enumerate(strata):
        here = x[:, bounds[s] : bounds[s + 1]]
        gram[i] = here @ here.T
    scale = np.sqrt(np.einsum("sii->si", gram))
    with np.errstate(divide="ignore", invalid="ignore"):
        gram /= scale[:, :, None] * scale[:, None, :]
    collinear = ~np.isfinite(gram).all(axis=(1, 2))
    gram[collinear] = np.eye(len(x))
    result, indefinite = _cholesky(gram)
    collinear |= indefinite | (np.einsum("sii->si", result) < _LEAST_PIVOT).any(axis=1)
    result *= scale[:, :, None]
    for i in np.flatnonzero(collinear):
        result[i] = np.linalg.qr(x[:, bounds[strata[i]] : bounds[strata[i] + 1]].T, mode="r").T
    return result


def _cholesky(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors of the matrices, and which of them are not positive definite."""
    try:
        return np.linalg.cholesky(matrices), np.zeros(len(matrices), dtype=bool)
    except np.linalg.LinAlgError:
        indefinite = np.linalg.eigvalsh(matrices)[:, 0] < _LEAST_PIVOT**3
        return np.linalg.cholesky(np.where(indefinite[:, None, None], np.eye(matrices.shape[1]), matrices)), indefinite
