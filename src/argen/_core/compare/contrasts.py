"""Differences between two independent sets of cells, and what may be said of an edge that differs.

    difference = θ_b − θ_a,  se² = s_a² + s_b²        the sets share no cell, so their errors are independent
    df = (s_a² + s_b²)² / (s_a⁴/df_a + s_b⁴/df_b)     Welch and Satterthwaite, where errors are those of few replicates

A *change* is named only where this difference is significant. That an edge is there in one set and not in the other is
said only if, besides, its interval covers 0 in the other and stays within half of the effect in the one.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from argen._core.normal import log_p_two_sided

__all__ = ["ABSENT_WITHIN", "Change", "Estimates", "changes", "differences", "half_width", "p_values"]

# An edge is called absent where its 95 % interval lies within this share of the effect that it is held against.
ABSENT_WITHIN = 0.5


class Change(IntEnum):
    """What became of an edge between the reference and another level."""

    NOT_COMPARED = 0  # no estimate in one of them
    NOT_SHOWN = 1
    GAINED = 2
    LOST = 3
    STRONGER = 4
    WEAKER = 5
    REVERSED = 6
    DIFFERENT = 7  # the signs of the estimates differ, and not both are beyond doubt


@dataclass(frozen=True, slots=True)
class Estimates:
    """Estimates of the same numbers in one set of cells; arrays of shape (m,), NaN where there is none.

    Attributes
    ----------
    coef, se
        Estimates and standard errors.
    df
        Degrees of freedom of their t distribution, ∞: normal.
    """

    coef: np.ndarray
    se: np.ndarray
    df: np.ndarray


def differences(of: Estimates, reference: Estimates) -> Estimates:
    """The differences `of` − `reference` of two independent sets."""
    a, b = reference.se**2, of.se**2
    with np.errstate(divide="ignore", invalid="ignore"):
        df = (a + b) ** 2 / (a**2 / reference.df + b**2 / of.df)
    return Estimates(of.coef - reference.coef, np.sqrt(a + b), df)


def p_values(estimates: Estimates) -> np.ndarray:
    """Two-sided p-values of no effect; NaN where there is no estimate."""
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        z = estimates.coef / estimates.se
    by_normal = np.isinf(estimates.df)
    with np.errstate(under="ignore"):
        normal = np.exp(log_p_two_sided(z))
    df = np.where(by_normal, 1.0, estimates.df)
    return np.where(by_normal, normal, np.minimum(2.0 * stdtr(df, -np.abs(z)), 1.0))


def half_width(estimates: Estimates, level: float = 0.95) -> np.ndarray:
    """Half of the length of the two-sided interval."""
    from scipy.special import ndtri, stdtrit

    by_normal, tail = np.isinf(estimates.df), (1.0 + level) / 2.0
    df = np.where(by_normal | np.isnan(estimates.df), 1.0, estimates.df)
    return estimates.se * np.where(by_normal, ndtri(tail), stdtrit(df, tail))


def changes(of: Estimates, reference: Estimates, is_different: np.ndarray, alpha: float) -> np.ndarray:
    """:class:`Change` of every number from `reference` to `of`.

    Parameters
    ----------
    of, reference
        Estimates in both.
    is_different
        Whether the test of the difference says so, shape (m,).
    alpha
        Level at which an effect in one of them counts as one.
    """
    there, before = p_values(of) < alpha, p_values(reference) < alpha
    other_sign = np.sign(of.coef) != np.sign(reference.coef)
    larger = np.abs(of.coef) > np.abs(reference.coef)
    return np.select(
        [
            ~(np.isfinite(of.coef) & np.isfinite(of.se) & np.isfinite(reference.coef) & np.isfinite(reference.se)),
            ~is_different,
            other_sign & there & before,
            there & _is_absent(reference, of),
            before & _is_absent(of, reference),
            other_sign,
            larger,
        ],
        [
            *(Change.NOT_COMPARED, Change.NOT_SHOWN, Change.REVERSED, Change.GAINED, Change.LOST),
            *(Change.DIFFERENT, Change.STRONGER),
        ],
        Change.WEAKER,
    )


def _is_absent(here: Estimates, there: Estimates) -> np.ndarray:
    """Whether the interval here covers 0 and leaves no room for an effect of half the size of that there."""
    half = half_width(here)
    return (np.abs(here.coef) <= half) & (np.abs(here.coef) + half <= ABSENT_WITHIN * np.abs(there.coef))
