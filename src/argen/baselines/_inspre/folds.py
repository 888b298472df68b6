"""Ratios of all cells and of each fold, from either kind of total effect."""

from collections.abc import Iterator

import numpy as np

from argen._core.descendants.tests import fit_descendants
from argen._core.parallel import Map
from argen._core.results import DescendantTests
from argen._core.screen import CONTROL, Covariates, Screen, build_screen
from argen.baselines._inspre.expression import group_moments, ratios_of_moments, z_scores
from argen.baselines._inspre.ratios import Ratios, ratios_of_effects

__all__ = ["EFFECTS", "all_ratios"]

EFFECTS = ("argen", "z")


def all_ratios(
    screen: Screen, tests: DescendantTests, effects: str, fold: np.ndarray | None, map_: Map = map
) -> tuple[Ratios, list[tuple[Ratios, Ratios]]]:
    """Ratios of all cells, and for each fold those without its cells and those of its cells.

    Parameters
    ----------
    screen, tests
        Counts with their design, and the descendant step's total effects.
    effects
        ``"argen"``: covariate-adjusted natural log fold changes; ``"z"``: means of z-scored expression.
    fold
        Fold of each sorted cell, shape (n,), or None for no folds.
    map_
        Parallel map over genes.
    """
    parts = [] if fold is None else [fold == k for k in range(fold.max() + 1)]
    if effects == "argen":
        folds = [tuple(_adjusted(subscreen(screen, cells), map_) for cells in (~part, part)) for part in parts]
        return ratios_of_effects(tests), folds
    z, group = z_scores(screen), screen.group
    return _of_z(z, group, screen.n_genes), list(_z_folds(z, group, screen.n_genes, parts))


def _adjusted(screen: Screen, map_: Map) -> Ratios:
    return ratios_of_effects(fit_descendants(screen, map_))


def _of_z(z: np.ndarray, group: np.ndarray, n_genes: int) -> Ratios:
    return ratios_of_moments(group_moments(z, group, n_genes))


def _z_folds(
    z: np.ndarray, group: np.ndarray, n_genes: int, parts: list[np.ndarray]
) -> Iterator[tuple[Ratios, Ratios]]:
    for part in parts:
        yield _of_z(z[~part], group[~part], n_genes), _of_z(z[part], group[part], n_genes)


def subscreen(screen: Screen, cells: np.ndarray) -> Screen:
    """The screen of some of the sorted cells; levels and dummies that none of them has are left out."""
    design, stratum = screen.design, screen.stratum[cells]
    level = np.unique(design.stratum_level[stratum], return_inverse=True)[1]
    dummies = design.stratum_dummies[stratum]
    varies = (dummies.min(axis=0, initial=1.0) == 0.0) & (dummies.max(axis=0, initial=0.0) == 1.0)
    covariates = Covariates(level, dummies[:, varies], design.numeric[:, cells].T, screen.covariate_names)
    group = screen.group[cells]
    perturbation = np.where(group == screen.n_genes, CONTROL, group)
    return build_screen(screen.counts.of_cells(cells), perturbation, design.depth[cells], covariates, screen.genes)
