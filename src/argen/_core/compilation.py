"""Compile kernels before they are needed, by work on a screen of a few cells.

The parts share what is on disk, so that two processes can do one each at the same time.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy import sparse

from argen._core.diagnostics.bounds import bounds_of
from argen._core.glm._draw_kernels import weighted_sums
from argen._core.glm._fit_kernels import fit_means
from argen._core.glm._influence_kernels import group_influence, scores_of_cells
from argen._core.glm._leverage_kernels import control_inflation
from argen._core.glm._moment_kernels import monomials
from argen._core.glm._nb_kernels import dispersion_of_controls
from argen._core.glm._nb_pair_kernels import nb_pairs, nb_tabulate_controls
from argen._core.glm._pair_kernels import fit_pairs, move_weights, tabulate_controls
from argen._core.glm._segment_kernels import stratum_factors
from argen._core.glm.families import FAMILIES
from argen._core.glm.reduced_form import ReducedForm, ReducedFormFit
from argen._core.measured._gene_sum_kernels import sums_by_group
from argen._core.screen import CONTROL, Covariates, Screen, build_screen

__all__ = ["PARTS", "compile_parts", "is_compiled"]

_DISPERSION = 0.1


def compile_parts(parts: Iterable[str]) -> None:
    """Compile these of :data:`PARTS`, or load what is on disk."""
    screen = _small_screen()
    for part in parts:
        PARTS[part](screen)


def is_compiled(family: str = "poisson", *, joint: bool = False) -> bool:
    """Whether the kernels of a search with this family, or the joint one, are in memory or on disk, up to date."""
    from argen._core.joint._chain_kernels import sweep_edges

    needed = fit_pairs, fit_means, *FAMILIES[family].kernels, *([sweep_edges] if joint else [])
    return all(kernel.is_compiled() for kernel in needed)


def _small_screen() -> Screen:
    rng, groups = np.random.default_rng(0), np.repeat([0, 1, 2, CONTROL], 12)
    n = len(groups)
    counts = sparse.csc_array(rng.poisson(3.0, (n, 3)).astype(np.float64))
    covariates = Covariates(np.arange(n) % 2, np.empty((n, 0)), rng.normal(size=(n, 1)), ("numeric",))
    return build_screen(counts, groups, np.ones(n), covariates, ("A", "B", "C"))


def _reduced_forms(screen: Screen, phi: float = 0.0) -> ReducedForm:
    y, everything = screen.counts_of(0), np.arange(screen.n_genes)
    fit = ReducedFormFit(screen, 0, phi=phi)
    for instruments in (everything, everything[1:], everything):  # one leaves, and comes back
        fit.refit(y, instruments)
    form = ReducedFormFit(screen, 0, hc3=True, phi=phi).refit(y, everything, keep=False)
    form.residuals(y, screen.design, hc3=True)
    design, ones = screen.design, np.ones(screen.n_cells)
    factor, segment = np.ones(len(design.seg_stratum)), np.zeros(screen.n_cells, dtype=np.int64)
    scores_of_cells(y, ones, design.numeric, design.numeric_bound, np.zeros(1), factor, segment, phi, ones.copy())
    return form


def _pairs(screen: Screen) -> None:
    y, design, series = screen.counts_of(0), screen.design, monomials(screen.design.numeric.shape[0])
    theta, w, square = np.zeros(design.n_nuisance), design.depth.copy(), np.eye(design.n_nuisance)
    kappa, inflation = move_weights(design, theta, w), np.ones(len(w))
    control_inflation(design, kappa, w, 0.0, square, inflation)
    controls = tabulate_controls(y, design, series, theta, w, kappa, inflation, square, square)
    fit_pairs(y, design, series, controls, 3, 1.0, True)  # noqa: FBT003
    stratum_factors(design, theta, kappa)
    dispersion_of_controls(y, design, kappa, w, design.n_nuisance, 1.0)
    used, sums = np.ones(len(y), dtype=bool), np.empty((4, screen.n_groups + 1))
    sums_by_group(y, design, used, theta, np.empty(len(y)), np.empty(len(y)), sums)


def _negative_binomial_pairs(screen: Screen) -> None:
    y, design, series = screen.counts_of(0), screen.design, monomials(screen.design.numeric.shape[0])
    theta, square, p = np.zeros(design.n_nuisance), np.eye(design.n_nuisance), screen.n_genes
    tables = nb_tabulate_controls(y, design, series, theta, _DISPERSION, square, True)  # noqa: FBT003
    status, numbers = np.zeros(p, dtype=np.int64), [np.ones(p) for _ in range(4)]
    nb_pairs(y, design, series, tables, 3, *numbers[:2], status, *numbers[2:])


def _negative_binomial(screen: Screen) -> None:
    _reduced_forms(screen, _DISPERSION)


def _diagnostics(screen: Screen) -> None:
    design, ones, rows = screen.design, np.ones(screen.n_cells), np.arange(screen.n_genes)
    W, out = np.ones((len(rows), design.n_nuisance)), np.zeros((screen.n_cells, 2 * len(rows)))
    group_influence(ones, design, rows, np.ones(len(rows)), W, W, out[:, : len(rows)])
    weights = np.ones((screen.n_cells, 2))
    sums = (np.zeros((n, 2)) for n in (screen.n_groups + 1, len(design.stratum_level), design.numeric.shape[0]))
    weighted_sums(ones, weights, design, *sums)
    bounds_of(*np.ones((4, 3, 3)), [(0, np.array([1])), (2, np.array([1]))])


def _guides(_: Screen) -> None:
    from argen._core.guides._dispersed_kernels import fit_dispersed
    from argen._core.guides._mixture_kernels import fit_mixture
    from argen._core.guides._poisson_gauss_kernels import fit_poisson_gauss

    x, ones, one = np.array([1.0, 2.0, 30.0]), np.ones(2), np.zeros(3, dtype=np.int64)
    fit_mixture(x, one, ones, one[:2], ones, np.ones((1, 1)), 0.5, np.array([0.0, 1.0, 0.0]), 1e-3, 2)
    size, free = np.array([np.inf, 4.0]), np.array([False, True])
    beta = np.array([0.0, 1.0, 0.0])
    fit_dispersed(x, np.ones(3), one, np.ones(3), np.ones((1, 1)), 0.5, beta, size, free, 1e-3, 2)
    fit_poisson_gauss(np.log2(x), np.ones(3), 0.5, 1.0, 2.0, 1.0, 1e-3, 2)


def _joint(screen: Screen) -> None:
    from argen._core.joint.chains import Schedule
    from argen._core.joint.search import search_joint
    from argen._core.joint.sums import group_sums
    from argen._core.joint.table import effect_table

    search_joint(effect_table(group_sums(screen)), chains=2, schedule=Schedule(1, 1, 1, 1))


PARTS: dict[str, Callable[[Screen], object]] = {
    "reduced forms": _reduced_forms,
    "pairs": _pairs,
    "negative binomial": _negative_binomial,
    "negative binomial pairs": _negative_binomial_pairs,
    "diagnostics": _diagnostics,
    "guides": _guides,
    "joint": _joint,
}
