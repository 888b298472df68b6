"""Total effects per unit of the perturbed gene's own change, with standard errors and weights (METHOD 8)."""

from dataclasses import dataclass

import numpy as np

from argen._core.results import DescendantTests, PairStatus

__all__ = ["WEIGHTS", "Ratios", "ratios_of_effects", "weights"]

# Powers of 1/s by the name of the option.
WEIGHTS = {"none": 0, "se": 1, "variance": 2}


@dataclass(frozen=True, slots=True)
class Ratios:
    """R_ij = τ_ij / τ_ii, row = perturbed gene; all arrays shape (p, p) but `own`.

    Attributes
    ----------
    R
        Ratios, 1 on the diagonal, NaN where missing.
    se
        Their standard errors, 0 on the diagonal, NaN where missing.
    effect, effect_se
        Total effects τ_ij themselves, NaN where missing.
    """

    R: np.ndarray
    se: np.ndarray
    effect: np.ndarray
    effect_se: np.ndarray

    @property
    def own(self) -> np.ndarray:
        """Effects of the perturbations on themselves, shape (p,)."""
        return np.diag(self.effect)


def ratios_of_effects(tests: DescendantTests) -> Ratios:
    """Ratios of the natural log fold changes of the descendant step.

    s_ij² = (s²(τ_ij) + R_ij² s²(τ_ii)) / τ_ii² by the delta method, the two effects taken as independent.
    """
    effect, se = tests.effect.copy(), tests.se.copy()
    unusable = np.isin(tests.status, [PairStatus.NO_CONTROL_COUNTS, PairStatus.NOT_CONVERGED, PairStatus.NOT_ESTIMABLE])
    effect[unusable], se[unusable] = np.nan, np.nan
    own, own_se = np.diag(effect)[:, None], np.diag(se)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        R = effect / own
        ratio_se = np.sqrt(se**2 + R**2 * own_se**2) / np.abs(own)
    missing = ~(np.isfinite(R) & np.isfinite(ratio_se))
    R[missing], ratio_se[missing] = np.nan, np.nan
    np.fill_diagonal(R, 1.0)
    np.fill_diagonal(ratio_se, 0.0)
    return Ratios(R, ratio_se, effect, se)


def weights(se: np.ndarray, power: int, cap: float) -> np.ndarray:
    """W ∝ 1/s^power, at most `cap` times the median of those that are known, mean 1, 0 where s is missing.

    A standard error of 0 (the diagonal, which is 1 by definition) gets the largest weight. W enters the objective
    squared: power 1 weighs by precision, 2 by its square, as the R package can; 0 weighs all known entries the same.
    """
    known = np.isfinite(se)
    off_diagonal = known & ~np.eye(len(se), dtype=bool)
    with np.errstate(divide="ignore", over="ignore"):
        W = np.where(known, 1.0 / np.where(known, se, 1.0) ** power, 0.0)
    median = np.median(W[off_diagonal]) if off_diagonal.any() else 1.0
    W = np.minimum(W, cap * median)
    return W / W.mean()
