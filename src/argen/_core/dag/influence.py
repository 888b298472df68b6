"""What single cells do to a linear combination of reduced forms (METHOD 5.2).

The influence of cell i of group g on the instruments' coefficients of gene k, with its score r (Poisson: y − μ) and the
sum S_kg of the weights of its group (Poisson: its counts), is

    IF_k,i = r (1{g ∈ S_k} e_g / S_kg − W_k H_k⁻¹ (z_i − W_kg)),   W_kg = 0 for a baseline group,

where z_i is the cell's row of nuisance columns: its level, its dummies, its numeric covariates m. Hence a combination
Σ_k L_k IF_k,i is, with F_k = −L_k W_k H_k⁻¹,

    Σ_k (F_k z_i) r_ik  +  Σ_{k: g ∈ S_k} (L_k e_g / S_kg − F_k W_kg) r_ik.

The first factor is the same for all cells of a stratum but for m, the second for all cells of a group: three matrix
products over the residuals of the genes serve all cells, and no cells × instruments array is ever made.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from argen._core.glm._influence_kernels import scores_of_cells
from argen._core.glm.families import rows_of
from argen._core.glm.reduced_form import ReducedForm
from argen._core.parallel import Map
from argen._core.screen import Screen

__all__ = ["CellInfluence"]

_GENES = 64  # reduced forms at a time: bounds the memory of their residuals
_CACHE = 2**30  # bytes of residuals that are kept for the next equation


class CellInfluence:
    """Influences of the cells of a screen, with the cells in the order of their strata.

    Parameters
    ----------
    screen
        Counts and design.
    hc3
        Divide residuals by 1 − leverage.

    Attributes
    ----------
    screen, design
        The screen and its design.
    place
        Place of each sorted cell of the screen among the cells by stratum, shape (n,).
    start
        First cell of each stratum and the end, shape (S + 1,).
    group, numeric
        Group and numeric covariates of the cells by stratum, shapes (n,) and (r, n).
    """

    def __init__(self, screen: Screen, *, hc3: bool) -> None:
        self.screen, self._hc3, self.design = screen, hc3, screen.design
        stratum = screen.stratum
        self._cell = np.argsort(stratum, kind="stable")
        self.place = np.empty_like(self._cell)
        self.place[self._cell] = np.arange(len(self._cell))
        n_strata = len(screen.design.stratum_level)
        self.start = np.concatenate([[0], np.cumsum(np.bincount(stratum, minlength=n_strata))])
        self.numeric = np.ascontiguousarray(screen.design.numeric[:, self._cell])
        self.group = screen.group[self._cell]
        segment = np.repeat(np.arange(len(screen.design.seg_stratum)), np.diff(screen.design.seg_start))
        self._segment = segment[self._cell]
        self._counts, self._depth = screen.counts.of_cells(self._cell), screen.design.depth[self._cell]
        self._asked: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._kept: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}

    def made_from(self) -> tuple[Screen, bool]:
        """What tells it from others, and all of it that is sent to another process."""
        return self.screen, self._hc3

    def __reduce__(self) -> tuple:
        return partial(CellInfluence, hc3=self._hc3), (self.screen,)

    def combine(
        self, genes: Sequence[int], forms: Sequence[ReducedForm], weights: Sequence[np.ndarray], map_: Map = map
    ) -> np.ndarray:
        """Σ_k L_k IF_k,i of every cell, shape (rows of L, n), cells by stratum.

        Parameters
        ----------
        genes, forms
            Genes k and their reduced forms.
        weights
            L_k, shape (rows, instruments of form k).
        map_
            Parallel map over genes, strata and groups; sums do not depend on it.
        """
        total = np.zeros((len(weights[0]), self.screen.n_cells))
        for lo in range(0, len(genes), _GENES):
            block = slice(lo, lo + _GENES)
            self._add(total, genes[block], forms[block], weights[block], map_)
        return total

    def scores(self, gene: int, form: ReducedForm) -> np.ndarray:
        """Scores r of one reduced form, cells by stratum. Not to be changed.

        Those of a form that is asked for again are kept as long as there is room: most forms serve one equation.
        """
        # Threads ask for the same gene with forms of their own: what is kept goes with its form.
        *kept, column = self._kept.get(gene, (None, None, None))
        if _is_fit(kept, form):
            return column
        column = self._scores(gene, form)
        if not _is_fit(self._asked.get(gene, (None, None)), form):
            self._asked[gene] = form.theta, form.effect
        elif (len(self._kept) + 1) * column.nbytes <= _CACHE or gene in self._kept:
            self._kept[gene] = form.theta, form.effect, column
        return column

    def _scores(self, gene: int, form: ReducedForm) -> np.ndarray:
        design = self.screen.design_of(gene)
        if self._hc3:
            return form.residuals(self.screen.counts_of(gene), design, hc3=True)[self._cell]
        depth = self._depth if design is self.screen.design else design.depth[self._cell]
        G, O = design.n_levels, design.stratum_dummies.shape[1]
        theta, row = form.theta, rows_of(form.instruments, self.screen.n_groups)
        by_stratum = np.exp(theta[design.stratum_level] + design.stratum_dummies @ theta[G : G + O])
        effect = np.append(np.where(form.separated, 0.0, np.exp(form.effect)), 1.0)[row]  # row −1: the baseline
        by_segment = by_stratum[design.seg_stratum] * np.repeat(effect, np.diff(design.group_seg))
        by_segment[~(by_segment > 0.0)] = 0.0  # nothing is known of a cell whose mean is 0 or unknown
        score = np.empty(len(depth))
        gamma = np.ascontiguousarray(theta[G + O :])
        scores_of_cells(
            self._counts.dense(gene),
            depth,
            self.numeric,
            design.numeric_bound,
            gamma,
            by_segment,
            self._segment,
            form.phi,
            score,
        )
        return score

    def _add(
        self,
        total: np.ndarray,
        genes: Sequence[int],
        forms: Sequence[ReducedForm],
        weights: Sequence[np.ndarray],
        map_: Map,
    ) -> None:
        design, n_genes = self.screen.design, len(genes)
        G, O = design.n_levels, design.stratum_dummies.shape[1]
        used = np.unique(np.concatenate([form.instruments for form in forms]))
        residuals = np.empty((n_genes, self.screen.n_cells))
        by_column = np.empty((design.n_nuisance, len(total), n_genes))  # F_k by nuisance column
        by_group = np.zeros((len(used), len(total), n_genes))  # L_k e_g / S_kg − F_k W_kg

        def fill(k: int) -> None:
            form, L = forms[k], weights[k]
            residuals[k] = self.scores(genes[k], form)
            F = -(L @ form.W) @ form.H_inv
            by_column[:, :, k] = F.T
            with np.errstate(divide="ignore", invalid="ignore"):
                own = np.where(form.S > 0, L / form.S, 0.0)
            by_group[np.searchsorted(used, form.instruments), :, k] = (own - F @ form.W.T).T

        def add_stratum(s: int) -> None:
            here = slice(self.start[s], self.start[s + 1])
            factor = by_column[design.stratum_level[s]]
            if O:
                factor = factor + np.tensordot(design.stratum_dummies[s], by_column[G : G + O], 1)
            total[:, here] += factor @ residuals[:, here]
            for a, m in enumerate(self.numeric):
                total[:, here] += (by_column[G + O + a] @ residuals[:, here]) * m[here]

        first_cell = design.seg_start[design.group_seg]

        def add_group(i: int) -> None:
            here = self.place[first_cell[used[i]] : first_cell[used[i] + 1]]
            total[:, here] += by_group[i] @ residuals[:, here]

        # Each task fills rows, or adds to cells, of its own.
        list(map_(fill, range(n_genes)))
        list(map_(add_stratum, range(len(design.stratum_level))))
        list(map_(add_group, range(len(used))))


def _is_fit(fit: Sequence[np.ndarray | None], form: ReducedForm) -> bool:
    """Whether θ and effects are those of a form; scores do not know what these count for in a first stage."""
    return fit[0] is form.theta and fit[1] is form.effect
