"""Whether the guides of a perturbation agree: Hansen's J, with guides as separate instruments (METHOD 9).

If the guides g of perturbation k act through k alone, the reduced form of every gene moves along with that of k,

    ξ_gene[g] = b m_k[g]   for all guides g of k,

whatever the strength of each guide. Pair (k, gene): J = min_b ĝ(b)'Ω(b̂)⁻¹ĝ(b) with ĝ(b) = ξ̂_gene − b m̂_k and the joint
sandwich Ω(b) = Σ_i u_i u_i', u_i = IF_gene,i − b IF_k,i; the weights are fixed at the last b until it settles (iterated
GMM). J ~ χ² with (guides − 1) degrees of freedom. It needs no network.

All reduced forms are saturated: every guide and every unsplit perturbation is an instrument of every gene.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.special import chdtrc

from argen._core.diagnostics.guide_split import GuideSplit
from argen._core.glm._influence_kernels import group_influence
from argen._core.glm.reduced_form import ReducedForm, fit_reduced_form
from argen._core.parallel import Map

__all__ = ["NOBODY", "SINGULAR", "PairTests", "n_blocks", "pair_tests", "saturated_forms"]

NOBODY = -1  # no guide is named
_GENES = 64  # genes whose residuals are held at a time: fixed, so that results do not depend on it
_PERTURBATIONS = 8  # perturbations whose influences are multiplied at a time: fixed, as above
_ITERATIONS = 200
_SETTLED = 1e-9
SINGULAR = 1e-10  # smallest eigenvalue of a correlation matrix that is inverted


@dataclass(frozen=True, slots=True)
class PairTests:
    """Hansen's J of the pairs (split source, other gene); all arrays have one entry per pair.

    Attributes
    ----------
    source, target
        Perturbation k and gene; sources ascending, targets ascending within a source.
    n_guides
        Guides that the test rests on: those whose cells have counts of the source and of the target.
    ratio
        b̂, the effect on the target per unit change of the source that the guides agree on best.
    statistic, df, p
        J, its degrees of freedom and p-value; NaN (df 0) with fewer than two guides.
    converged
        Whether b̂ settled.
    odd
        Group of the guide without which J is smallest, where p is below the level and three guides are there, else
        :data:`NOBODY`.
    """

    source: np.ndarray
    target: np.ndarray
    n_guides: np.ndarray
    ratio: np.ndarray
    statistic: np.ndarray
    df: np.ndarray
    p: np.ndarray
    converged: np.ndarray
    odd: np.ndarray


def saturated_forms(
    split: GuideSplit, *, hc3: bool, phi: np.ndarray, map_: Map = map, track: Callable[[Iterable], Iterable] = iter
) -> list[ReducedForm]:
    """Reduced form of every gene on all groups of the split screen."""
    everything = np.arange(split.screen.n_groups)

    def fit(gene: int) -> ReducedForm:
        return fit_reduced_form(split.screen, gene, everything, hc3=hc3, phi=float(phi[gene]))

    return list(track(map_(fit, range(split.screen.n_genes))))


def pair_tests(
    split: GuideSplit,
    forms: list[ReducedForm],
    *,
    hc3: bool,
    alpha: float,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> PairTests:
    """J of every split perturbation with every other gene.

    Parameters
    ----------
    split, forms
        Split screen and its saturated reduced forms.
    hc3
        Divide residuals by 1 − leverage, as in the forms.
    alpha
        Level below which the guide that disagrees is looked for.
    map_, track
        Parallel map over perturbations; wrapper round the iterator over blocks of pairs, for a progress bar.
    """
    perturbations = split.split_perturbations
    blocks = [np.arange(lo, min(lo + _GENES, len(forms))) for lo in range(0, len(forms), _GENES)]

    def residuals_of(gene: int) -> np.ndarray:
        return forms[gene].residuals(split.screen.counts_of(gene), split.screen.design_of(gene), hc3=hc3)

    chunks = [perturbations[lo : lo + _PERTURBATIONS] for lo in range(0, len(perturbations), _PERTURBATIONS)]

    def run() -> Iterable[list[PairTests]]:
        for genes in blocks:
            block = _Block(split, genes, [forms[gene] for gene in genes], np.stack(list(map_(residuals_of, genes))))
            yield from map_(lambda chunk, block=block: _test_several(block, chunk, forms, residuals_of, alpha), chunks)

    return _sorted([tests for chunk in track(run()) for tests in chunk])


def n_blocks(n_genes: int, n_perturbations: int) -> int:
    """Number of blocks of pairs that are tested together."""
    return -(-n_genes // _GENES) * -(-n_perturbations // _PERTURBATIONS)


class _Block:
    """Genes whose covariances with the same perturbations are computed together, as matrix products over cells."""

    def __init__(self, split: GuideSplit, genes: np.ndarray, forms: list[ReducedForm], residuals: np.ndarray) -> None:
        self.split, self.genes, self.forms = split, genes, forms
        self._W = np.stack([form.W for form in forms])  # genes × groups × q
        self._residuals = residuals  # genes × n
        self._order = np.argsort(split.screen.stratum, kind="stable")
        self._by_stratum = residuals[:, self._order]

    def cross_covariance(self, X: np.ndarray, at: Sequence[tuple[np.ndarray, slice]]) -> list[np.ndarray]:
        """Σ_i IF_b,i[g] X_i' for the genes b of the block, by parts.

        Parameters
        ----------
        X
            Influences of every cell, shape (n, columns).
        at
            Groups g and columns of X that belong together.

        Returns
        -------
        One array per part, shape (genes, groups, columns).
        """
        by_group = self._group_sums(X)
        nuisance = self._nuisance_sums(X) - self._W.swapaxes(1, 2) @ by_group
        parts = []
        for rows, columns in at:
            inverse_S = np.stack([_inverse(form.S[rows]) for form in self.forms])
            D = np.stack([form.W[rows] @ form.H_inv for form in self.forms])
            parts.append(inverse_S[:, :, None] * by_group[:, rows, columns] - D @ nuisance[:, :, columns])
        return parts

    def _group_sums(self, X: np.ndarray) -> np.ndarray:
        """Σ_{i∈h} r_i X_i' by gene and group, shape (genes, groups, columns)."""
        design = self.split.screen.design
        first = design.seg_start[design.group_seg]
        sums = np.empty((self.split.screen.n_groups, len(self._residuals), X.shape[1]))
        for h, (start, end) in enumerate(pairwise(first[:-1])):
            np.matmul(self._residuals[:, start:end], X[start:end], out=sums[h])
        return np.ascontiguousarray(sums.swapaxes(0, 1))

    def _nuisance_sums(self, X: np.ndarray) -> np.ndarray:
        """Σ_i r_i z_i X_i' by gene and nuisance column, shape (genes, q, columns)."""
        design, X = self.split.screen.design, X[self._order]
        G, O = design.n_levels, design.stratum_dummies.shape[1]
        sums = np.zeros((design.n_nuisance, len(self._residuals), X.shape[1]))
        sizes = np.bincount(self.split.screen.stratum, minlength=len(design.stratum_level))
        ends = np.cumsum(sizes)
        for s, (start, end) in enumerate(zip(ends - sizes, ends, strict=True)):
            total = self._by_stratum[:, start:end] @ X[start:end]
            sums[design.stratum_level[s]] += total
            for o in np.flatnonzero(design.stratum_dummies[s]):
                sums[G + o] += total * design.stratum_dummies[s, o]
        for a, m in enumerate(design.numeric[:, self._order]):
            sums[G + O + a] = self._by_stratum @ (X * m[:, None])
        return np.ascontiguousarray(sums.swapaxes(0, 1))


@dataclass(frozen=True, slots=True)
class _Moments:
    """ĝ(b) = ξ − b m of several genes with the parts of its covariance; rows that are not usable count for nothing."""

    xi: np.ndarray  # (genes, guides)
    m: np.ndarray  # (guides,)
    V: np.ndarray  # (genes, guides, guides), of ξ
    V_m: np.ndarray  # (guides, guides), of m
    C: np.ndarray  # (genes, guides, guides), of ξ and m
    usable: np.ndarray  # (genes, guides)


def _test_several(
    block: _Block,
    perturbations: np.ndarray,
    forms: Sequence[ReducedForm],
    residuals_of: Callable[[int], np.ndarray],
    alpha: float,
) -> list[PairTests]:
    rows = [block.split.guides_of(k) for k in perturbations]
    ends = np.cumsum([len(groups) for groups in rows])
    columns = [slice(end - len(groups), end) for groups, end in zip(rows, ends, strict=True)]
    X = np.empty((block.split.screen.n_cells, ends[-1]))
    for k, groups, at in zip(perturbations, rows, columns, strict=True):
        form = forms[k]
        D = form.W[groups] @ form.H_inv
        group_influence(
            residuals_of(k), block.split.screen.design, groups, _inverse(form.S[groups]), D, form.W, X[:, at]
        )
    crosses = block.cross_covariance(X, list(zip(rows, columns, strict=True)))
    return [
        _test_perturbation(block, k, _moments(block, forms[k], groups, C), groups, alpha)
        for k, groups, C in zip(perturbations, rows, crosses, strict=True)
    ]


def _test_perturbation(block: _Block, k: int, moments: _Moments, rows: np.ndarray, alpha: float) -> PairTests:
    n_guides = moments.usable.sum(axis=1)
    ratio, statistic, converged = minimise(moments)
    df = np.maximum(n_guides - 1, 0)
    with np.errstate(invalid="ignore"):
        p = np.where(df > 0, chdtrc(np.maximum(df, 1), statistic), np.nan)
    odd = np.full(len(p), NOBODY)
    doubtful = np.flatnonzero((n_guides >= 3) & (p < alpha))
    if len(doubtful):
        place, known = _odd_one(moments, doubtful)
        odd[doubtful] = np.where(known, rows[place], NOBODY)
    others = block.genes != k
    columns = (block.genes, n_guides, ratio, statistic, df, p, converged, odd)
    return PairTests(np.full(others.sum(), k), *(column[others] for column in columns))


def _moments(block: _Block, form: ReducedForm, rows: np.ndarray, C: np.ndarray) -> _Moments:
    usable = np.stack([_usable(other, rows) for other in block.forms]) & _usable(form, rows)
    usable[[other is form for other in block.forms]] = False  # a gene explains itself
    xi = np.stack([other.effect[rows] for other in block.forms])
    V = np.stack([_covariance(other, rows) for other in block.forms])
    return _Moments(xi, form.effect[rows], V, _covariance(form, rows), C, usable)


def _inverse(S: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.where(S > 0, 1.0 / S, 0.0)


def _usable(form: ReducedForm, rows: np.ndarray) -> np.ndarray:
    """Groups with a coefficient of their own; one whose cells have no counts has a stand-in only."""
    return np.isfinite(form.effect[rows]) & ~form.separated[rows]


def _covariance(form: ReducedForm, rows: np.ndarray) -> np.ndarray:
    cross = form.G[rows] @ form.W[rows].T
    return np.diag(form.v[rows]) + cross + cross.T


def minimise(moments: _Moments) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """b̂, J and whether b̂ settled, of every gene; NaN with fewer than two usable guides."""
    n = len(moments.xi)
    ratio, statistic, settled = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=bool)
    active = np.flatnonzero(moments.usable.sum(axis=1) >= 2)
    xi, m = (
        np.where(moments.usable, values, 0.0) for values in (moments.xi, np.broadcast_to(moments.m, moments.xi.shape))
    )
    ratio[active] = (xi[active] * m[active]).sum(axis=1) / (m[active] ** 2).sum(axis=1)
    for iteration in range(_ITERATIONS):
        if len(active) == 0:
            break
        omega, regular = _omega(moments, active, ratio[active])
        if not regular.all():
            ratio[active[~regular]] = statistic[active[~regular]] = np.nan
            active, omega = active[regular], omega[regular]
        weighted = np.linalg.solve(omega, np.stack([xi[active], m[active]], axis=2))
        mm, mx = (m[active] * weighted[:, :, 1]).sum(axis=1), (m[active] * weighted[:, :, 0]).sum(axis=1)
        statistic[active] = (xi[active] * weighted[:, :, 0]).sum(axis=1) - mx**2 / mm
        step = mx / mm - ratio[active]
        # A weak perturbation can make b̂ jump to and fro: half steps then.
        ratio[active] += step if iteration < 20 else 0.5 * step
        done = np.abs(step) <= _SETTLED * (1.0 + np.abs(ratio[active]))
        settled[active[done]] = True
        active = active[~done]
    return ratio, np.maximum(statistic, 0.0), settled


def _omega(moments: _Moments, at: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ω(b) of the genes `at`, and where it is regular; rows that are not usable are cut off by a unit diagonal.

    It is singular for a gene whose counts are those of the perturbed one, such as the same gene under another name.
    """
    b = b[:, None, None]
    C, usable = moments.C[at], moments.usable[at]
    apart = moments.V[at] + b**2 * moments.V_m
    inside = usable[:, :, None] & usable[:, None, :]
    omega = np.where(inside, apart - b * (C + C.swapaxes(1, 2)), np.eye(C.shape[1]))
    own, total = (np.diagonal(matrix, axis1=1, axis2=2) for matrix in (omega, apart))
    scale = np.sqrt(np.where(own > 0, own, 1.0))
    smallest = np.linalg.eigvalsh(omega / (scale[:, :, None] * scale[:, None, :]))[:, 0]
    return omega, (~usable | (own > SINGULAR * total)).all(axis=1) & (smallest > SINGULAR)


def _odd_one(moments: _Moments, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place of the guide whose removal leaves the smallest J, and whether there is one, for the genes `at`."""
    some = replace(moments, xi=moments.xi[at], V=moments.V[at], C=moments.C[at], usable=moments.usable[at])
    left = np.full(some.xi.shape, np.inf)
    for place in range(left.shape[1]):
        usable = some.usable.copy()
        usable[:, place] = False
        _, statistic, _ = minimise(replace(some, usable=usable))
        left[:, place] = np.where(some.usable[:, place] & np.isfinite(statistic), statistic, np.inf)
    return left.argmin(axis=1), np.isfinite(left.min(axis=1))


def _sorted(parts: list[PairTests]) -> PairTests:
    """One table of the pairs of all blocks, by source and target."""
    columns = [np.concatenate([getattr(part, name) for part in parts]) for name in PairTests.__dataclass_fields__]
    order = np.lexsort((columns[1], columns[0]))
    return PairTests(*(column[order] for column in columns))
