"""Effects that are shifted as a whole: of one perturbation on all genes, of all perturbations on one gene (METHOD 14).

A *perturbation's shift* is what a wrong depth leaves: with r_l added to every log effect of perturbation l. A *gene's
shift* is a response to being perturbed at all: c_j in all effects on gene j. Both are medians of the log ratios L_lj,
own genes left out,

    r_l = median_j (L_lj − c_j),   c_j = median_l (L_lj − r_l),

in three rounds in which only shifts that are large enough are taken out of the others'. A median moves with true
effects, too, where these are many, as in a screen of one pathway or under a regulator of most measured genes. What a
shift must be to be more than that, z and z' the effects in standard errors before and after it is taken out:

* it explains the effects better, when each may also be an effect of its own for b/2 (b = 10),
  *gain* = d Σ [min(z², b) − min(z'², b)] / 2; for a gene also half of all effects on it, the *share*
  gain / (d Σ [min(z², b) − .98] / 2), with .98 the mean of min(z², b) by chance;
* the effects lie about it: |z'| ≤ 2 in most of them (*near*). Effects of many sizes have a median, but no bulk;
* no part of the effects lies at 0 instead: *split* = max_w d Σ log [((1 − w) e^(−z'²/2) + w e^(−z²/2) + e^(−b/2)) /
  (e^(−z'²/2) + e^(−b/2))], the log likelihood that a share w ≥ .1 of them is not shifted gains. A depth shifts all
  genes, and being perturbed all perturbations; a pathway leaves some where they are.

d ≤ 1 is the share of independent genes among the measured (for a perturbation's shift), the variance of a median over
independent genes over that of the folds' (:mod:`.sums`). A regulator that moves *every* measured gene by the same
factor cannot be told from a depth.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from argen._core.measured.sums import MeasuredSums

__all__ = ["ADJUST", "CERTAIN_GENE", "CERTAIN_PERTURBATION", "FEWEST", "Shift", "Shifts", "estimate_shifts"]

ROUNDS = 3
# A dozen arrays are made of the effects, for which large screens have no room.
ROWS_AT_A_TIME = 256
BOUND = 10.0
# Effects that a median takes.
FEWEST = 5
# Mean of min(z², b) for a normal z.
BY_CHANCE = 0.98


class Least(NamedTuple):
    """What a shift must be to be taken out: more than this gain, absolute z, share and bulk, with less of a split."""

    gain: float
    z: float
    share: float
    near: float
    split: float
    n: int


# "auto" takes out what is beyond doubt; what is asked for need only be more than chance.
CHANCE = Least(0.0, 3.0, 0.0, 0.0, np.inf, FEWEST)
CERTAIN_PERTURBATION, CERTAIN_GENE = Least(8.0, 4.0, 0.0, 0.5, 4.0, 12), Least(8.0, 4.0, 0.5, 0.6, 4.0, 8)
ADJUST = {
    "auto": (CERTAIN_PERTURBATION, CERTAIN_GENE),
    "perturbations": (CHANCE, None),
    "genes": (None, CHANCE),
    "both": (CHANCE, CHANCE),
}
# Shares of effects at 0 that are tried, and standard errors about a shift in which its bulk lies.
UNSHIFTED = np.arange(0.1, 0.95, 0.1)
NEAR = 2.0
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
        In its standard errors. Of a perturbation: median of the effects in standard errors, over what chance makes of
        it; of a gene: c_j / √(v0_j + π/2 · mean_l(V_lj) / n_j), with the error v0 of the controls, so that few of them
        are no response.
    gain
        Log likelihood that taking it out gains.
    share
        Of what the effects are beyond chance, how much it explains.
    near
        Share of the effects within two standard errors of it.
    split
        Log likelihood that having a share of the effects at 0 instead would gain.
    n
        Effects that it rests on.
    certain
        The size where it counts in the polish, else 0.
    """

    size: np.ndarray
    z: np.ndarray
    gain: np.ndarray
    share: np.ndarray
    near: np.ndarray
    split: np.ndarray
    n: np.ndarray
    certain: np.ndarray

    def beyond(self, least: Least | None) -> np.ndarray:
        """Those that exceed all of it; none for `None`."""
        if least is None:
            return np.zeros(len(self.n), dtype=bool)
        whole = (self.share >= least.share) & (self.near >= least.near) & (self.split <= least.split)
        return whole & (self.n >= least.n) & (self.gain > least.gain) & (np.abs(self.z) > least.z)


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shifts of the perturbations and of the genes, each with what counts of the other ones taken out."""

    perturbations: Shift
    genes: Shift

    def taken_out(self, adjust: str | None) -> tuple[np.ndarray, np.ndarray]:
        """Which perturbations and which genes are shifted enough for one of :data:`ADJUST`, or `None`."""
        rows, columns = (None, None) if adjust is None else ADJUST[adjust]
        return self.perturbations.beyond(rows), self.genes.beyond(columns)


def estimate_shifts(sums: MeasuredSums, own: np.ndarray, adjust: str | None = "auto") -> Shifts:
    """Median polish of the effects with the shifts that are certain, or that are asked for.

    Parameters
    ----------
    sums
        Effects of P perturbations on g genes.
    own
        Measured gene of each perturbation, −1 where it is not measured; shape (P,).
    adjust
        One of :data:`ADJUST`: which shifts are taken out of those of the others; `None` as ``"auto"``.
    """
    effect = sums.effect.copy()
    measured = np.flatnonzero(own >= 0)
    effect[measured, own[measured]] = np.nan
    asked = (None, None) if adjust is None else ADJUST[adjust]
    rows, columns = (some or certain for some, certain in zip(asked, ADJUST["auto"], strict=True))
    alone, together = np.sqrt(sums.variance), np.sqrt(sums.variance + sums.control_variance)
    chance, of_columns = _chance_of_rows(sums.folds), np.zeros(effect.shape[1])
    for _ in range(ROUNDS):
        perturbations = _shift(effect - of_columns, together, chance)
        of_rows = np.where(perturbations.beyond(rows), perturbations.size, 0.0)
        perturbations = replace(perturbations, certain=of_rows)
        genes = _of_genes(effect - of_rows[:, None], alone, sums.control_variance)
        of_columns = np.where(genes.beyond(columns), genes.size, 0.0)
        genes = replace(genes, certain=of_columns)
    return Shifts(perturbations, genes)


def _shift(effect: np.ndarray, se: np.ndarray, chance: float) -> Shift:
    """Shifts of the rows, some of them at a time; for `chance` see :func:`_shift_of_rows`."""
    starts = range(0, len(effect), ROWS_AT_A_TIME)
    blocks = [slice(start, start + ROWS_AT_A_TIME) for start in starts] or [slice(0)]
    parts = [_shift_of_rows(effect[rows], se[rows], chance) for rows in blocks]
    return Shift(*(np.concatenate([getattr(part, name) for part in parts]) for name in Shift.__slots__))


def _shift_of_rows(effect: np.ndarray, se: np.ndarray, chance: float) -> Shift:
    """Shifts of the rows; `chance` is the variance of a median of z-scores over that of independent ones."""
    n = np.isfinite(effect).sum(axis=1)
    size = _median(effect, axis=1)
    z, left = effect / se, (effect - size[:, None]) / se
    spread = MEDIAN_SD * np.sqrt(chance / np.maximum(n, 1))
    before, after = (np.minimum(x**2, BOUND) for x in (z, left))
    gain = np.nansum(before - after, axis=1) / 2.0 / chance
    excess = np.nansum(before - BY_CHANCE, axis=1) / 2.0 / chance
    share = np.where(gain > 0, gain / np.maximum(np.maximum(excess, gain), 1e-12), 0.0)
    near = (np.abs(left) <= NEAR).sum(axis=1) / np.maximum(n, 1)
    return Shift(size, _median(z, axis=1) / spread, gain, share, near, _split(z, left) / chance, n, np.zeros(len(n)))


def _of_genes(effect: np.ndarray, se: np.ndarray, control_variance: np.ndarray) -> Shift:
    """Shifts of the columns, whose z counts the error of the controls."""
    shift = _shift(effect.T, se.T, 1.0)
    mean = np.where(np.isfinite(effect), se**2, 0.0).sum(axis=0) / np.maximum(shift.n, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = shift.size / np.sqrt(control_variance + MEDIAN_SD**2 * mean / np.maximum(shift.n, 1))
    return replace(shift, z=z)


def _split(z: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Log likelihood, at the best share, of some effects at 0 and the others at the shift over all at the shift."""
    own = np.exp(-BOUND / 2.0)
    unshifted, shifted = np.exp(-0.5 * z**2), np.exp(-0.5 * left**2)
    gains = (
        np.nansum(np.log(((1.0 - w) * shifted + w * unshifted + own) / (shifted + own)), axis=1) for w in UNSHIFTED
    )
    return np.maximum.reduce([np.zeros(len(z)), *gains])


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
