"""Responses that many perturbations share: genes that all of them move, programmes that several have in common."""

import numpy as np

from argen._core.fdr import adjusted
from argen._core.measured.shifts import CERTAIN_GENE, Shifts
from argen._core.measured.sums import MeasuredSums
from argen._core.normal import log_p_two_sided

__all__ = ["common_responses", "programmes", "remaining"]

# A common response is significant, of a size that matters, and shared by most perturbations.
LEVEL, SMALLEST, MOST = 0.01, 0.1, 0.7
# Profiles of perturbations that go together correlate by so much, over so many genes at least; so many of them.
ALIKE, FEWEST_GENES, FEWEST_PERTURBATIONS = 0.4, 15, 4
LARGEST_Z = 5.0


def common_responses(sums: MeasuredSums, shifts: Shifts) -> np.ndarray:
    """Genes that most perturbations move alike, a mask of shape (g,).

    Significant: Benjamini–Hochberg at .01 of the shift's z, which counts the controls' error; at least .1 in size, half
    of all effects on the gene, and more than half of it in 70 % of the perturbations.
    """
    size, genes = shifts.genes.size, shifts.genes
    known = np.isfinite(sums.effect)
    with np.errstate(invalid="ignore"):
        left = sums.effect - shifts.perturbations.certain[:, None]
        shared = np.nansum(left * np.sign(size) > np.abs(size) / 2.0, axis=0) / np.maximum(known.sum(axis=0), 1)
        significant = adjusted(np.exp(log_p_two_sided(genes.z))) < LEVEL
    whole = (genes.n >= CERTAIN_GENE.n) & (genes.share >= CERTAIN_GENE.share)
    return whole & significant & (np.abs(np.nan_to_num(size)) >= SMALLEST) & (shared >= MOST)


def remaining(sums: MeasuredSums, shifts: Shifts, own: np.ndarray) -> np.ndarray:
    """Effects in standard errors beyond the shifts, within ±5, 0 where unknown and for the own gene; shape (P, g)."""
    beyond = sums.effect - shifts.perturbations.certain[:, None] - shifts.genes.certain
    z = beyond / np.sqrt(sums.variance + sums.control_variance)
    measured = np.flatnonzero(own >= 0)
    z[measured, own[measured]] = 0.0
    return np.clip(np.nan_to_num(z), -LARGEST_Z, LARGEST_Z)


def programmes(z: np.ndarray, perturbed: np.ndarray) -> list[np.ndarray]:
    """Sets of four or more perturbations whose effects on the other genes are all alike, largest first, no one twice.

    Parameters
    ----------
    z
        Effects in standard errors, as :func:`remaining` returns them, shape (P, g).
    perturbed
        Genes that are perturbed themselves, which do not count; shape (g,).
    """
    profile = z[:, ~perturbed]
    if profile.shape[1] < FEWEST_GENES or len(profile) < FEWEST_PERTURBATIONS:
        return []
    norm = np.sqrt((profile**2).sum(axis=1))
    alike = profile @ profile.T / np.maximum(np.outer(norm, norm), 1e-12)
    np.fill_diagonal(alike, -1.0)
    left, found = np.ones(len(alike), dtype=bool), []
    while True:
        best = max((_clique(alike, left, start) for start in np.flatnonzero(left)), key=len, default=[])
        if len(best) < FEWEST_PERTURBATIONS:
            return found
        found.append(np.sort(best))
        left[best] = False


def _clique(alike: np.ndarray, left: np.ndarray, start: int) -> list[int]:
    """Perturbations that are all alike, grown from `start` by the one that is most alike to the least alike of them."""
    members, weakest = [int(start)], np.where(left, alike[start], -1.0)
    while weakest.max() > ALIKE:
        new = int(weakest.argmax())
        members.append(new)
        weakest = np.minimum(weakest, alike[new])
        weakest[members] = -1.0
    return members
