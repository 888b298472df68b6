"""Over-representation: groups of genes that hold more of a set than a draw from the background would."""

from dataclasses import dataclass

import numpy as np

__all__ = ["OverRepresentation", "over_representation"]


@dataclass(frozen=True, slots=True)
class OverRepresentation:
    r"""Counts and tests of g groups and t terms, each of shape (g, t).

    Attributes
    ----------
    n_background
        Genes of the background of the group, N.
    n_group, n_term
        Those of them in the group, n, and in the term, K.
    n_overlap
        Genes in both, k.
    expected
        n K / N, summed over strata.
    odds_ratio
        Of group and term among the background, over strata after Mantel and Haenszel: 0 without an overlap, infinite
        where one of the groups is within the other.
    p
        :math:`P(X \ge k)`.
    """

    n_background: np.ndarray
    n_group: np.ndarray
    n_term: np.ndarray
    n_overlap: np.ndarray
    expected: np.ndarray
    odds_ratio: np.ndarray
    p: np.ndarray


def over_representation(
    groups: np.ndarray, terms: np.ndarray, background: np.ndarray, stratum: np.ndarray | None = None
) -> OverRepresentation:
    r"""Fisher's one-sided exact test of every group against every term.

    .. math:: P(X \ge k) = \sum_{i \ge k} \binom{K}{i} \binom{N - K}{n - i} \Big/ \binom{N}{n}

    With two strata the group is a draw from each of them: X is the sum of two such numbers, with the n, K and N of the
    strata.

    Parameters
    ----------
    groups, background
        Boolean, shape (g, genes): the genes of each group, and those among which it was found.
    terms
        Boolean, shape (t, genes).
    stratum
        0 or 1 for each gene; by default all are in one.
    """
    from scipy.stats import hypergeom

    masks = [slice(None)] if stratum is None or not stratum.any() else [stratum == 0, stratum == 1]
    parts = [_counts(groups[:, at], terms[:, at], background[:, at]) for at in masks]
    overlap, n_term, n_group, n_background = (sum(part[i] for part in parts) for i in range(4))
    # A stratum without a gene has an overlap of 0 for certain: so has one gene that is in neither.
    *first, last = [hypergeom(np.maximum(n_of, 1.0), in_term, in_group) for _, in_term, in_group, n_of in parts]
    if first:
        most = int(min(parts[0][1].max(), parts[0][2].max()))
        p = sum(first[0].pmf(i) * last.sf(overlap - i - 1.0) for i in range(most + 1))
    else:
        p = last.sf(overlap - 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        same, other = (
            sum(np.nan_to_num(part) for part in side) for side in zip(*(_products(*p) for p in parts), strict=True)
        )
        odds_ratio = same / other
        expected = sum(np.nan_to_num(part[2] * part[1] / part[3]) for part in parts)
    counts = (part.astype(np.int64) for part in (n_background, n_group, n_term, overlap))
    return OverRepresentation(*counts, expected, odds_ratio, np.minimum(p, 1.0))


def _counts(groups: np.ndarray, terms: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, ...]:
    """k, K, n and N of every pair."""
    inside, all_of = (groups & background).astype(np.float64), background.astype(np.float64)
    members = terms.T.astype(np.float64)
    overlap, n_term = inside @ members, all_of @ members
    n_group, n_background = (np.repeat(part.sum(axis=1)[:, None], len(terms), axis=1) for part in (inside, all_of))
    return overlap, n_term, n_group, n_background


def _products(overlap: np.ndarray, n_term: np.ndarray, n_group: np.ndarray, n_background: np.ndarray) -> tuple:
    """What a stratum adds to numerator and denominator of the odds ratio."""
    neither = n_background - n_group - n_term + overlap
    return overlap * neither / n_background, (n_group - overlap) * (n_term - overlap) / n_background
