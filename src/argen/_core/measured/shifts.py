"""Effects that are shifted as a whole: of one perturbation on all genes, of all perturbations on one gene (METHOD 14).

A *perturbation's shift* is what a wrong depth leaves: with r_l added to every log effect of perturbation l. A *gene's
shift* is a response to being perturbed at all, or the controls' own error: c_j in all effects on gene j. Both are found
by a median polish of the log ratios L_lj, own genes left out,

    c_j = median_l (L_lj − r_l),   r_l = median_j (L_lj − c_j),

in three rounds. A median moves with true effects, too, where these are many. The *gain* of a shift says whether it is
more than that: with z and z' the effects in standard errors before and after it is taken out,

    gain = d Σ [min(z², b) − min(z'², b)] / 2,   b = 10,

the log likelihood by which it explains the effects better, when each may also be an effect of its own for b/2. A true
regulator of many genes has effects of many sizes, which no common shift makes fewer. In a small network one gene may
lie below nearly all others: of the effects on it a common shift must also explain half, the *share* gain / (d Σ
[min(z², b) − .98] / 2), with .98 the mean of min(z², b) by chance. d ≤ 1 is the share of independent
genes among the measured (for a perturbation's shift), the variance of a median over independent genes over that of the
folds' (:mod:`.sums`).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from argen._core.measured.sums import MeasuredSums

__all__ = ["ADJUST", "CERTAIN_GENE", "CERTAIN_PERTURBATION", "FEWEST", "Shift", "Shifts", "estimate_shifts"]

ROUNDS = 3
BOUND = 10.0
# Effects that a median takes.
FEWEST = 5
# Mean of min(z², b) for a normal z.
BY_CHANCE = 0.98


class Least(NamedTuple):
    """What a shift must exceed to be taken out: gain, absolute z, share of what is there, effects it rests on."""

    gain: float
    z: float
    share: float
    n: int


# "auto" takes out what is beyond doubt; what is asked for need only be more than chance.
CHANCE = Least(0.0, 3.0, 0.0, FEWEST)
CERTAIN_PERTURBATION, CERTAIN_GENE = Least(8.0, 4.0, 0.0, 12), Least(8.0, 4.0, 0.5, 8)
ADJUST = {
    "auto": (CERTAIN_PERTURBATION, CERTAIN_GENE),
    "perturbations": (CHANCE, None),
    "genes": (None, CHANCE),
    "both": (CHANCE, CHANCE),
}
# Standard deviation of the median of n normal numbers, times √n.
MEDIAN_SD = np.sqrt(np.pi / 2.0)


@dataclass(frozen=True, slots=True)
class Shift:
    """Shifts of all perturbations, shape (P,), or of all genes, shape (g,).

    Attributes
    ----------
    size
        Median of the log effects, NaN with fewer than five of them.
    z
        Median of the effects in standard errors, over what chance makes of it.
    gain
        Log likelihood that taking it out gains.
    share
        Of what the effects are beyond chance, how much it explains.
    n
        Effects that it rests on.
    """

    size: np.ndarray
    z: np.ndarray
    gain: np.ndarray
    share: np.ndarray
    n: np.ndarray

    def beyond(self, least: Least | None) -> np.ndarray:
        """Those that exceed all of it; none for `None`."""
        if least is None:
            return np.zeros(len(self.n), dtype=bool)
        enough = (self.share >= least.share) & (self.n >= least.n)
        return enough & (self.gain > least.gain) & (np.abs(self.z) > least.z)


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shifts of the perturbations and of the genes, each with the other one taken out."""

    perturbations: Shift
    genes: Shift

    def taken_out(self, adjust: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Which perturbations and which genes are shifted enough for one of :data:`ADJUST`, or `None`."""
        rows, columns = (None, None) if adjust is None else ADJUST[adjust]
        return self.perturbations.beyond(rows), self.genes.beyond(columns)


def estimate_shifts(sums: MeasuredSums, own: np.ndarray) -> Shifts:
    """Median polish of the effects.

    Parameters
    ----------
    sums
        Effects of P perturbations on g genes.
    own
        Measured gene of each perturbation, −1 where it is not measured; shape (P,).
    """
    effect = sums.effect.copy()
    measured = np.flatnonzero(own >= 0)
    effect[measured, own[measured]] = np.nan
    of_rows, of_columns = np.zeros(len(effect)), np.zeros(effect.shape[1])
    for _ in range(ROUNDS):
        of_columns = np.nan_to_num(_median(effect - of_rows[:, None], axis=0))
        of_rows = np.nan_to_num(_median(effect - of_columns, axis=1))
    alone, together = np.sqrt(sums.variance), np.sqrt(sums.variance + sums.control_variance)
    chance = _chance_of_rows(sums.folds)
    genes = _shift((effect - of_rows[:, None]).T, alone.T, 1.0)
    perturbations = _shift(effect - of_columns, together, chance)
    return Shifts(perturbations, genes)


def _shift(effect: np.ndarray, se: np.ndarray, chance: float) -> Shift:
    """Shifts of the rows; `chance` is the variance of a median of z-scores over that of independent ones."""
    n = np.isfinite(effect).sum(axis=1)
    size = _median(effect, axis=1)
    z = effect / se
    spread = MEDIAN_SD * np.sqrt(chance / np.maximum(n, 1))
    before, after = (np.minimum(x**2, BOUND) for x in (z, (effect - size[:, None]) / se))
    gain = np.nansum(before - after, axis=1) / 2.0 / chance
    excess = np.nansum(before - BY_CHANCE, axis=1) / 2.0 / chance
    share = gain / np.maximum(excess, np.maximum(gain, 1e-12))
    return Shift(size, _median(z, axis=1) / spread, gain, share, n)


def _chance_of_rows(folds: np.ndarray) -> float:
    """Variance of the median over genes in the folds, in units of that of independent genes; at least 1."""
    used = folds[:, (folds != 0).any(axis=0)]
    if used.shape[1] < FEWEST:
        return 1.0
    observed = np.mean(np.median(used, axis=1) ** 2)
    return max(1.0, observed * used.shape[1] / MEDIAN_SD**2)


def _median(values: np.ndarray, axis: int) -> np.ndarray:
    """Median of what is known, NaN with fewer than five numbers."""
    known = np.isfinite(values).sum(axis=axis) >= FEWEST
    result = np.full(known.shape, np.nan)
    kept = values[:, known] if axis == 0 else values[known]
    if known.any():
        result[known] = np.nanmedian(kept, axis=axis)
    return result
