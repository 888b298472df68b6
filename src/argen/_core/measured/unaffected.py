"""Genes that no perturbation moves: what a depth can be made of that is not composed of the effects."""

import numpy as np

from argen._core.fdr import adjusted
from argen._core.measured.shifts import Shifts
from argen._core.measured.sums import MeasuredSums
from argen._core.normal import log_p_two_sided

__all__ = ["unaffected_genes"]

# Pairs above this adjusted p are not moved: strict the other way round, a gene in doubt stays out.
LEVEL = 0.1


def unaffected_genes(sums: MeasuredSums, shifts: Shifts, own: np.ndarray) -> np.ndarray:
    """Genes with counts that are not perturbed and that no perturbation moves beyond the shifts; a mask, shape (g,).

    An effect counts with the certain shifts of its perturbation and its gene taken out, at a Benjamini–Hochberg
    adjusted p of .1 over all pairs: with a composed depth every gene seems to move a little.
    """
    beyond = sums.effect - shifts.perturbations.certain[:, None] - shifts.genes.certain
    z = beyond / np.sqrt(sums.variance + sums.control_variance)
    padj = adjusted(np.exp(log_p_two_sided(z)).ravel()).reshape(z.shape)
    with np.errstate(invalid="ignore"):
        moved = (padj < LEVEL).any(axis=0)
    moved[own[own >= 0]] = True
    return ~moved & np.isfinite(sums.effect).any(axis=0)
