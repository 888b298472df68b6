"""Knock-down by each guide and each target: how far the gene falls in the cells that carry a guide against it.

A guide or target g with gene k is fitted as a pair of the descendant step is, on its cells and the controls:
Y_k ~ offset(log ℓ) + 1 + D_g + X, quasi-Poisson, with the HC3 sandwich. The difference between a guide and the other
guides of its target is the same fit with the cells of those guides in place of the controls.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from argen._core.descendants.tests import ENOUGH_COUNTS, as_tests
from argen._core.glm._moment_kernels import monomials
from argen._core.glm.pairs import fit_gene
from argen._core.glm.sandwich import HC
from argen._core.parallel import Map
from argen._core.results import DescendantTests, PairStatus
from argen._core.screen import CONTROL, Covariates, build_design

__all__ = ["KnockdownTask", "Knockdowns", "fit_knockdowns"]

_HC = HC["HC3"]
_SKIP = -2


@dataclass(frozen=True, slots=True)
class KnockdownTask:
    """One target: its gene, its cells and its guides.

    Attributes
    ----------
    counts
        Counts of the gene over all cells, shape (n,).
    cells
        Cells of the target, rows of the arrays of all cells.
    guide
        Guide (0 … `n_guides` − 1) that each of these cells carries alone, −1 where it carries several.
    n_guides
        Guides of the target.
    """

    counts: np.ndarray
    cells: np.ndarray
    guide: np.ndarray
    n_guides: int


@dataclass(frozen=True, slots=True)
class Knockdowns:
    """Tests by target, shape (n_targets,), by guide, and of each guide against the others of its target, (n_guides,).

    Guides are in the order of the targets, then of their numbers.
    """

    targets: DescendantTests
    guides: DescendantTests
    differences: DescendantTests


def fit_knockdowns(
    tasks: Sequence[KnockdownTask],
    controls: np.ndarray,
    depth: np.ndarray,
    covariates: Covariates,
    map_: Map = map,
    track: Callable[[Iterable], Iterable] = iter,
) -> Knockdowns:
    """Fit every target, every guide, and every guide against the others of its target.

    Parameters
    ----------
    tasks
        The targets.
    controls
        Control cells, rows of the arrays of all cells.
    depth, covariates
        Of all cells.
    map_, track
        Ordered map over targets; wraps the finished ones for a progress bar.
    """
    fit = partial(_fit_target, controls=controls, depth=depth, covariates=covariates)
    parts = list(track(map_(fit, tasks))) or [(_nothing(0),) * 3]
    joined = (tuple(np.concatenate(arrays) for arrays in zip(*fits, strict=True)) for fits in zip(*parts, strict=True))
    return Knockdowns(*(as_tests(fits, _HC.name) for fits in joined))


def _fit_target(task: KnockdownTask, controls: np.ndarray, depth: np.ndarray, covariates: Covariates) -> tuple:
    fit = partial(_fit, task.counts, depth=depth, covariates=covariates)
    cells = np.concatenate([task.cells, controls])
    no_guide = np.full(len(controls), CONTROL)
    target = fit(cells, np.concatenate([np.zeros(len(task.cells), dtype=np.int64), no_guide]), n_groups=1)
    alone = np.where(task.guide < 0, _SKIP, task.guide)
    guides = fit(cells, np.concatenate([alone, no_guide]), n_groups=task.n_guides)
    others = [
        fit(task.cells, np.where(alone == g, 0, np.where(alone == _SKIP, _SKIP, CONTROL)), n_groups=1)
        for g in range(task.n_guides)
    ]
    differences = tuple(np.concatenate(arrays) for arrays in zip(*others, strict=True))
    return target, guides, differences


def _fit(
    y: np.ndarray, cells: np.ndarray, group: np.ndarray, *, n_groups: int, depth: np.ndarray, covariates: Covariates
) -> tuple[np.ndarray, ...]:
    """Effects of the groups on the counts `y`; NaN where a group or the reference has no cells."""
    used = cells[group != _SKIP]
    group = group[group != _SKIP]
    present, codes = np.unique(group[group != CONTROL], return_inverse=True)
    result = _nothing(n_groups)
    if len(present) == 0 or not (group == CONTROL).any():
        return result
    recoded = np.full(len(group), CONTROL)
    recoded[group != CONTROL] = codes
    part = _take(covariates, used)
    design, order = build_design(recoded, depth[used], part, len(present))
    series = monomials(part.numeric.shape[1])
    fits = fit_gene(y[used[order]].astype(np.float64), design, series, hc=_HC.code, score_below=ENOUGH_COUNTS)
    for whole, values in zip(result, fits, strict=True):
        whole[present] = values
    return result


def _nothing(n: int) -> tuple[np.ndarray, ...]:
    """What :func:`fit_gene` returns, for groups about which nothing is known."""
    unknown, none = np.full(n, np.nan), np.zeros(n)
    status = np.full(n, int(PairStatus.NOT_ESTIMABLE))
    return unknown, unknown.copy(), status, none, none.copy(), np.ones(n), np.full((n, 4), np.nan)


def _take(covariates: Covariates, cells: np.ndarray) -> Covariates:
    """Covariates of some cells; levels that none of them has are left out."""
    _, level = np.unique(covariates.level[cells], return_inverse=True)
    return Covariates(level.ravel(), covariates.dummies[cells], covariates.numeric[cells])
