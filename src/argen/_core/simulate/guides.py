"""Guides: which gene each hits, how well, what else it hits, and the UMI counts that reveal them."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .params import SimulationParams, draw_values

__all__ = ["GuideTable", "assign_guides", "draw_guide_counts", "draw_guides"]

_OWN_SHAPE = 2.0
"""Shape of the gamma distribution of a cell's mean UMI count of its own guide."""
_OWN_UMI = 50.0
"""Mean UMI count of a cell's own guide at mean depth."""
_AMBIENT_UMI = 2.0
"""Mean UMI count of all ambient guides of a cell at mean depth."""


@dataclass(frozen=True, slots=True)
class GuideTable:
    """The guides, those of the perturbations first.

    Attributes
    ----------
    target
        (g,) position of the guide's gene among the perturbations, −1 for non-targeting guides.
    number
        (g,) 1, 2, … within a target.
    efficacy
        (g,) share of the target's knock-down that the guide reaches; 0 for non-targeting guides.
    off_target
        (g,) gene hit besides, −1 when there is none.
    off_target_effect
        (g,) its effect on that gene's log mean.
    """

    target: np.ndarray
    number: np.ndarray
    efficacy: np.ndarray
    off_target: np.ndarray
    off_target_effect: np.ndarray


def draw_guides(
    params: SimulationParams, target_genes: np.ndarray, n_genes: int, rng: np.random.Generator
) -> GuideTable:
    """Draw efficacies and off-targets; an off-target is any gene but the guide's own."""
    per, n_targets = params.guides_per_target, target_genes.size
    n_targeting, n_all = n_targets * per, n_targets * per + params.control_guides
    target = np.concatenate([np.repeat(np.arange(n_targets), per), np.full(params.control_guides, -1)])
    number = np.concatenate([np.tile(np.arange(1, per + 1), n_targets), np.arange(1, params.control_guides + 1)])
    efficacy = np.zeros(n_all)
    efficacy[:n_targeting] = draw_values(params.guide_efficacy, (n_targets, per), rng).ravel()
    off_target, off_effect = np.full(n_all, -1), np.zeros(n_all)
    stray = rng.choice(n_targeting, size=params.off_targets, replace=False)
    other = rng.integers(n_genes - 1, size=stray.size) if stray.size else np.empty(0, dtype=np.int64)
    off_target[stray] = other + (other >= target_genes[target[stray]])  # skips the own gene
    off_effect[stray] = draw_values(params.off_target_effect, stray.size, rng)
    return GuideTable(target, number, efficacy, off_target, off_effect)


def assign_guides(target: np.ndarray, params: SimulationParams, n_targets: int, rng: np.random.Generator) -> np.ndarray:
    """One guide per cell, uniformly among those of its target (or the non-targeting ones)."""
    number = np.where(target < 0, params.control_guides, params.guides_per_target)
    first = np.where(target < 0, n_targets, target) * params.guides_per_target
    return first + rng.integers(number)


def draw_guide_counts(
    guide: np.ndarray, depth: np.ndarray, params: SimulationParams, n_guides: int, rng: np.random.Generator
) -> sparse.csr_matrix:
    """UMI counts, cells × guides: the cell's own guide (gamma–Poisson) on top of an ambient background.

    The background of a cell is Poisson in number and follows the guides' abundance over all cells.
    """
    n_cells, relative_depth = guide.size, depth / params.depth_mean
    own_mean = _OWN_UMI * relative_depth * rng.standard_gamma(_OWN_SHAPE, size=n_cells) / _OWN_SHAPE
    own = rng.poisson(own_mean)
    n_ambient = rng.poisson(_AMBIENT_UMI * relative_depth)
    abundance = np.bincount(guide, minlength=n_guides) / n_cells
    ambient = rng.choice(n_guides, size=n_ambient.sum(), p=abundance)
    rows = np.concatenate([np.arange(n_cells), np.repeat(np.arange(n_cells), n_ambient)])
    values = np.concatenate([own, np.ones(ambient.size, dtype=own.dtype)]).astype(np.float32)
    counts = sparse.csr_matrix((values, (rows, np.concatenate([guide, ambient]))), shape=(n_cells, n_guides))
    counts.eliminate_zeros()
    return counts
