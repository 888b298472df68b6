"""Descendant step: the total effect of every perturbation on every gene (METHOD 3, 6).

For perturbation j and gene k, on the cells of j and the controls:  Y_k ~ offset(log ℓ) + 1 + D_j + X,  quasi-Poisson
with log link; τ̂*_jk is the coefficient of D_j, its variance the sandwich A⁻¹BA⁻¹ with A = Σ μ x x', B = Σ (y − μ)² x
x' (HC0), times n / (n − k) (HC1), or with (y − μ) / (1 − h) in place of y − μ, h the leverage (HC3).
With a dispersion φ the quasi-likelihood is negative binomial: w = 1 / (1 + φμ), A = Σ μ w x x' and
B = Σ ((y − μ) w)² x x'.
The controls enter every fit of a gene; their sums are read off moment tables (see :mod:`.glm.pairs`).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from argen._core.descendants.dispersion import Dispersions, as_dispersions, dispersion_of
from argen._core.glm._moment_kernels import monomials
from argen._core.glm.p_values import log_p_student, score_log_p
from argen._core.glm.pairs import Fits, fit_controls, fit_gene, has_control_counts
from argen._core.glm.sandwich import HC
from argen._core.normal import log_p_two_sided, size_of_z
from argen._core.parallel import BlockTask, Map, single_threaded
from argen._core.results import DescendantTests, PairStatus
from argen._core.screen import Screen

__all__ = ["ENOUGH_COUNTS", "TESTS", "as_tests", "fit_descendants", "fit_with_dispersions"]

TESTS = ("auto", "wald", "score")
# "auto" trusts the Wald test from this expected count of the group on.
ENOUGH_COUNTS = 50.0
# Below this expected count of a group a Wald test says more than the data do; such pairs are flagged.
FEW_COUNTS = 5.0
# Residuals that are zero but for rounding: no standard error.
NO_VARIANCE = 1e-20
# Genes whose fits are made into tests together.
_GENES_AT_A_TIME = 64
_SCORE_BELOW = {"auto": ENOUGH_COUNTS, "wald": 0.0, "score": np.inf}


def fit_descendants(
    screen: Screen,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
    *,
    test: str = "wald",
    hc: str = "HC0",
    pooled: bool = False,
    phi: np.ndarray | None = None,
) -> DescendantTests:
    """Fit all p × p pairs, the on-target pairs (diagonal) included.

    Parameters
    ----------
    screen
        Counts and design.
    map_
        Ordered map over genes, see :func:`~argen._core.parallel.worker_pool`.
    track
        Wraps the iterator over finished genes, for a progress bar.
    test
        ``"wald"``: normal reference with HC0, Student's t with n_g − 1 degrees of freedom (n_g cells of the group) with
        HC1 and HC3. ``"score"``: pooled-variance score test with a Pearson III tail. ``"auto"``: score where the group
        expects fewer than 50 counts, else Wald. Groups without counts and of one cell are always scored.
    hc
        Covariance of the estimates and of the Wald test.
    pooled
        Estimate all effects on a gene in one regression on the cells of all perturbations, with a common effect of the
        covariates.
    phi
        Dispersion of each gene, shape (p,), which decides its family; 0, the default, is Poisson.
    """
    phi = np.zeros(screen.n_genes) if phi is None else phi
    task = BlockTask(_fits_of_gene, screen, {"phi": phi, **_arguments(test, hc, pooled)})
    with single_threaded():
        return _tested(track(map_(task, range(screen.n_genes))), screen.n_genes, hc)


def fit_with_dispersions(
    screen: Screen,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
    *,
    test: str,
    hc: str,
    pooled: bool,
    by_dispersion: bool,
) -> tuple[Dispersions, DescendantTests]:
    """The dispersions of all genes, and :func:`fit_descendants`, from one fit of the controls per gene.

    `by_dispersion`: the dispersions decide the families; else all genes are Poisson.
    """
    task = BlockTask(_dispersion_and_fits, screen, {"by_dispersion": by_dispersion, **_arguments(test, hc, pooled)})
    dispersions: list[tuple[float, float, float]] = []

    def fits(found: Iterable[tuple[tuple[float, float, float], Fits]]) -> Iterator[Fits]:
        for dispersion, of_gene in found:
            dispersions.append(dispersion)
            yield of_gene

    with single_threaded():
        tests = _tested(fits(track(map_(task, range(screen.n_genes)))), screen.n_genes, hc)
    return as_dispersions(dispersions), tests


def _arguments(test: str, hc: str, pooled: bool) -> dict[str, Any]:  # noqa: FBT001
    """What :func:`~argen._core.glm.pairs.fit_gene` is told about every gene."""
    return {"hc": HC[hc].code, "score_below": _SCORE_BELOW[test], "pooled": pooled}


def _fits_of_gene(screen: Screen, gene: int, *, phi: np.ndarray, **arguments: Any) -> Fits:
    series = monomials(screen.design.numeric.shape[0])
    return fit_gene(screen.counts_of(gene), screen.design_of(gene), series, phi=float(phi[gene]), **arguments)


def _dispersion_and_fits(
    screen: Screen, gene: int, *, by_dispersion: bool, **arguments: Any
) -> tuple[tuple[float, float, float], Fits]:
    y, design = screen.counts_of(gene), screen.design_of(gene)
    controls = fit_controls(y, design) if has_control_counts(y, design) else None
    dispersion = dispersion_of(y, design, controls)
    phi = float(dispersion[1]) if by_dispersion else 0.0
    series = monomials(design.numeric.shape[0])
    return dispersion, fit_gene(y, design, series, phi=phi, controls=controls, **arguments)


def _tested(fits: Iterable[Fits], n_genes: int, hc: str) -> DescendantTests:
    """The tests of all genes, shape (p, genes), made as the fits come, some genes at a time.

    A fit takes 80 bytes a pair and its tests 50: of a large screen there is no room for both, let alone for copies.
    """
    fits, arrays = iter(fits), {}
    for first in range(0, n_genes, _GENES_AT_A_TIME):
        some = zip(*itertools.islice(fits, _GENES_AT_A_TIME), strict=True)
        tests = as_tests(tuple(np.stack(part, axis=1) for part in some), hc)
        for name in DescendantTests.__slots__:
            part = getattr(tests, name)
            if not first:
                arrays[name] = np.empty((len(part), n_genes), part.dtype)
            arrays[name][:, first : first + _GENES_AT_A_TIME] = part
    return DescendantTests(**arrays)


def as_tests(fits: tuple[np.ndarray, ...], hc: str) -> DescendantTests:
    """Standard errors, tests and p-values of fits as :func:`~argen._core.glm.pairs.fit_gene` returns them.

    Parameters
    ----------
    fits
        Effect, variance, status, count, expected count, cells and score statistics, of one shape (the last with an axis
        more).
    hc
        The covariance that was asked for.
    """
    effect, variance, status, count, expected, cells, score = fits
    status[(status == PairStatus.OK) & ~((variance > NO_VARIANCE) & np.isfinite(variance))] = PairStatus.NOT_ESTIMABLE
    unfinished = np.isin(status, [PairStatus.NOT_CONVERGED, PairStatus.NOT_ESTIMABLE])
    effect, variance = np.where(unfinished, np.nan, effect), np.where(unfinished, np.nan, variance)
    se = np.sqrt(variance)
    z = effect / se
    log_p = log_p_two_sided(z) if HC[hc].normal else log_p_student(z, cells - 1.0)
    scored = np.isfinite(score[..., 1]) & ~unfinished
    log_p[scored] = score_log_p(*score[scored].T)
    by_normal = ~scored & HC[hc].normal
    z = np.where(by_normal, z, np.sign(effect) * size_of_z(log_p))
    status[(status == PairStatus.OK) & (expected < FEW_COUNTS)] = PairStatus.FEW_COUNTS
    return DescendantTests(effect, se, z, log_p, scored, status.astype(np.uint8), count, expected)
