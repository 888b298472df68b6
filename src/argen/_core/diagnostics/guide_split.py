"""A screen whose perturbations are split into their guides, so that guides become separate instruments."""

from dataclasses import dataclass

import numpy as np

from argen._core.screen import CONTROL, Screen, regroup

__all__ = ["GuideSplit", "split_by_guides"]

NO_GUIDE = -1


@dataclass(frozen=True, slots=True)
class GuideSplit:
    """The same cells with guides as groups.

    Attributes
    ----------
    screen
        Its group g holds the cells of one guide, the other cells of a split perturbation, or all of an unsplit one.
    perturbation
        Gene that each group perturbs, ascending, shape (n_groups,).
    guide
        Number of the group's guide, ascending within a perturbation; :data:`NO_GUIDE` for the others; shape
        (n_groups,).
    """

    screen: Screen
    perturbation: np.ndarray
    guide: np.ndarray

    def guides_of(self, perturbation: int) -> np.ndarray:
        """Groups of the guides of one perturbation; none if it was not split."""
        return np.flatnonzero((self.perturbation == perturbation) & (self.guide != NO_GUIDE))

    @property
    def split_perturbations(self) -> np.ndarray:
        """Perturbations that were split, ascending."""
        return np.unique(self.perturbation[self.guide != NO_GUIDE])


def split_by_guides(screen: Screen, guide: np.ndarray, min_cells: int) -> GuideSplit:
    """Split every perturbation that has two guides with enough cells.

    Parameters
    ----------
    screen
        Counts and design, with perturbations as groups.
    guide
        Number of the one guide of its perturbation that each sorted cell carries, :data:`NO_GUIDE` where that is none
        or more than one; shape (n,). No two perturbations share a guide.
    min_cells
        Fewest cells of a guide; only cells count that controls can be compared with.
    """
    supported = screen.design.stratum_supported[screen.stratum]
    carried = guide != NO_GUIDE
    sizes = np.bincount(guide[carried & supported], minlength=int(guide.max(initial=-1)) + 1)
    enough = sizes >= min_cells
    named = np.where(carried, guide, 0)
    kept = np.where(carried & enough[named] if len(enough) else False, guide, NO_GUIDE)
    perturbation = screen.group
    n_guides = _distinct(perturbation[kept != NO_GUIDE], kept[kept != NO_GUIDE], screen.n_genes)
    perturbed = perturbation < screen.n_genes
    own = np.where(perturbed, perturbation, 0)
    kept = np.where(perturbed & (n_guides[own] >= 2), kept, NO_GUIDE)
    # The cells without a guide come last within their perturbation.
    rank = np.where(kept == NO_GUIDE, len(enough), kept)
    labels, group = np.unique(np.column_stack([perturbation, rank])[perturbed], axis=0, return_inverse=True)
    groups = np.full(screen.n_cells, CONTROL)
    groups[perturbed] = group.ravel()
    split = regroup(screen, groups, len(labels))
    return GuideSplit(split, labels[:, 0], np.where(labels[:, 1] == len(enough), NO_GUIDE, labels[:, 1]))


def _distinct(perturbation: np.ndarray, guide: np.ndarray, n_perturbations: int) -> np.ndarray:
    """Number of distinct guides of each perturbation, shape (n_perturbations,)."""
    pairs = np.unique(np.column_stack([perturbation, guide]), axis=0)
    return np.bincount(pairs[:, 0], minlength=n_perturbations)
