"""Chosen pairs against others: shares by odds ratio, numbers by ranks, signs by a binomial test, all by permutation."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from argen._core.graphs.swaps import Pairs
from argen._core.normal import Z_95

__all__ = ["Permuted", "Ranked", "Shares", "Signs", "compare_ranks", "compare_shares", "permuted", "sign_agreement"]

_EXACT = (8, 100)  # the smaller and the larger sample up to which ranks are counted exactly, as scipy does


@dataclass(frozen=True, slots=True)
class Shares:
    """How often the chosen pairs have something, and the others.

    Attributes
    ----------
    n, n_with, n_other, n_with_other
        Pairs of which it is known, and those that have it.
    odds_ratio, low, high
        Odds of the chosen over odds of the others, with the 95 % interval of Woolf. Where one of the four counts is 0,
        .5 is added to each of them (Haldane, Anscombe). NaN where a side is empty.
    p
        Two-sided, Fisher's exact test.
    """

    n: int
    n_with: int
    n_other: int
    n_with_other: int
    odds_ratio: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """Numbers of the chosen pairs, and of the others.

    Attributes
    ----------
    n, n_other, median, median_other
        Pairs with a number, and the middle one.
    auc
        Probability that a chosen pair has the larger number, ties half.
    p
        Two-sided, Wilcoxon's rank-sum test.
    """

    n: int
    n_other: int
    median: float
    median_other: float
    auc: float
    p: float


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs that agree.

    Attributes
    ----------
    n, n_agree
        Pairs of signs, and those that are equal.
    expected
        Share that would be equal if the signs were independent, of signs as common as they are on either side.
    low, high
        95 % interval of Clopper and Pearson for the share that is.
    p
        Of independence, Fisher's.
    """

    n: int
    n_agree: int
    expected: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class Permuted:
    """Permutation tests of all kinds of evidence at once.

    Attributes
    ----------
    p
        Two-sided, shape (kinds,); NaN where nothing is known of the chosen pairs.
    expected
        Mean over the permutations of the mean of the chosen pairs, shape (kinds,).
    moved
        Share of the chosen pairs with known evidence that a choice replaces, on average, shape (kinds,): at 0 nothing
        can be said.
    """

    p: np.ndarray
    expected: np.ndarray
    moved: np.ndarray


def compare_shares(value: np.ndarray, chosen: np.ndarray) -> Shares:
    """Compare what is true (1), not true (0) or unknown (NaN) of pairs."""
    from scipy.stats import fisher_exact

    known, has = np.isfinite(value), value > 0
    n, n_with = int((known & chosen).sum()), int((has & chosen).sum())
    n_other, n_with_other = int((known & ~chosen).sum()), int((has & ~chosen).sum())
    if not n or not n_other:
        return Shares(n, n_with, n_other, n_with_other, *[np.nan] * 4)
    table = np.array([[n_with, n - n_with], [n_with_other, n_other - n_with_other]])
    if not table.sum(axis=0).all():  # all have it, or none: there is no odds ratio
        return Shares(n, n_with, n_other, n_with_other, np.nan, np.nan, np.nan, 1.0)
    p = float(fisher_exact(table).pvalue)
    cells = table + (0.5 if (table == 0).any() else 0.0)
    log_ratio = np.log(cells[0, 0] * cells[1, 1]) - np.log(cells[0, 1] * cells[1, 0])
    reach = Z_95 * np.sqrt((1.0 / cells).sum())
    return Shares(n, n_with, n_other, n_with_other, *(float(np.exp(log_ratio + at)) for at in (0.0, -reach, reach)), p)


def compare_ranks(value: np.ndarray, chosen: np.ndarray) -> Ranked:
    """Compare numbers of pairs, NaN where there is none."""
    from scipy.stats import mannwhitneyu

    known = np.isfinite(value)
    mine, others = value[known & chosen], value[known & ~chosen]
    medians = [float(np.median(part)) if len(part) else np.nan for part in (mine, others)]
    if not len(mine) or not len(others):
        return Ranked(len(mine), len(others), *medians, np.nan, np.nan)
    if np.ptp(value[known]) == 0:
        return Ranked(len(mine), len(others), *medians, 0.5, 1.0)
    few, many = sorted((len(mine), len(others)))
    exact = few <= _EXACT[0] and many <= _EXACT[1] and len(np.unique(value[known])) == few + many
    test = mannwhitneyu(mine, others, method="exact" if exact else "asymptotic")
    return Ranked(len(mine), len(others), *medians, float(test.statistic) / (few * many), float(test.pvalue))


def sign_agreement(sign: np.ndarray, other: np.ndarray) -> Signs:
    """Test whether signs agree more, or less, often than independent ones as common as they; 0 and NaN: unknown.

    Most known regulation is activation, and most edges may be: against one half such signs "agree" by themselves.
    """
    from scipy.stats import binomtest, fisher_exact

    known = np.isfinite(sign) & np.isfinite(other) & (sign != 0) & (other != 0)
    up, up_there = sign[known] > 0, other[known] > 0
    n = int(known.sum())
    if not n:
        return Signs(0, 0, np.nan, np.nan, np.nan, np.nan)
    agree = int((up == up_there).sum())
    expected = up.mean() * up_there.mean() + (1.0 - up.mean()) * (1.0 - up_there.mean())
    low, high = binomtest(agree, n).proportion_ci(0.95, "exact")
    p = fisher_exact([[int((a & b).sum()) for b in (up_there, ~up_there)] for a in (up, ~up)]).pvalue
    return Signs(n, agree, float(expected), float(low), float(high), float(p))


def permuted(values: np.ndarray, pairs: Pairs, choices: Iterable[np.ndarray]) -> Permuted:
    """Compare the mean of the chosen pairs with that of other choices of as many.

    Parameters
    ----------
    values
        [pair, kind of evidence]: 0 and 1, or ranks; NaN where it is unknown. A mean is over the known ones.
    pairs
        The pairs, some of them chosen.
    choices
        Numbers of the pairs of each choice, see :mod:`.swaps`.
    """
    kinds = values.shape[1]
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    original = known & pairs.chosen[:, None]
    observed, n_known = _means(filled, known, np.flatnonzero(pairs.chosen)), np.maximum(original.sum(axis=0), 1)
    above, below, n = np.ones(kinds), np.ones(kinds), 0
    total, defined, kept = np.zeros(kinds), np.zeros(kinds), np.zeros(kinds)
    for rows in choices:
        n += 1
        mean = _means(filled, known, rows)
        # Where nothing is known of a choice it counts on both sides.
        close = ~(np.abs(mean - observed) > 1e-9 * np.maximum(np.abs(observed), 1.0))
        above += close | (mean > observed)
        below += close | (mean < observed)
        defined += np.isfinite(mean)
        total += np.nan_to_num(mean)
        kept += original[rows].sum(axis=0) / n_known
    if not n:
        return Permuted(*(np.full(kinds, np.nan) for _ in range(3)))
    p = np.minimum(1.0, 2.0 * np.minimum(above, below) / (n + 1.0))
    expected = np.divide(total, defined, out=np.full(kinds, np.nan), where=defined > 0)
    has = np.isfinite(observed)
    return Permuted(*(np.where(has, column, np.nan) for column in (p, expected, 1.0 - kept / n)))


def _means(filled: np.ndarray, known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    n = known[rows].sum(axis=0)
    return np.divide(filled[rows].sum(axis=0), n, out=np.full(filled.shape[1], np.nan), where=n > 0)
