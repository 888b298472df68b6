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
        n K / N.
    odds_ratio
        That of the table of group and term among the background, with 1/2 added to each of its four counts.
    p
        :math:`P(X \ge k)`, X hypergeometric.
    """

    n_background: np.ndarray
    n_group: np.ndarray
    n_term: np.ndarray
    n_overlap: np.ndarray
    expected: np.ndarray
    odds_ratio: np.ndarray
    p: np.ndarray


def over_representation(groups: np.ndarray, terms: np.ndarray, background: np.ndarray) -> OverRepresentation:
    r"""Fisher's one-sided exact test of every group against every term.

    .. math:: P(X \ge k) = \sum_{i \ge k} \binom{K}{i} \binom{N - K}{n - i} \Big/ \binom{N}{n}

    Parameters
    ----------
    groups, background
        Boolean, shape (g, genes): the genes of each group, and those among which it was found.
    terms
        Boolean, shape (t, genes).
    """
    from scipy.stats import hypergeom

    inside, all_of = (groups & background).astype(np.float64), background.astype(np.float64)
    members = terms.T.astype(np.float64)
    overlap, n_term = inside @ members, all_of @ members
    n_group, n_background = (np.broadcast_to(part.sum(axis=1)[:, None], overlap.shape) for part in (inside, all_of))
    with np.errstate(invalid="ignore"):
        expected = n_group * n_term / n_background
    cells = overlap, n_group - overlap, n_term - overlap, n_background - n_group - n_term + overlap
    both, group_alone, term_alone, neither = (cell + 0.5 for cell in cells)
    p = hypergeom.sf(overlap - 1.0, n_background, n_term, n_group)
    counts = (np.asarray(part).astype(np.int64) for part in (n_background, n_group, n_term, overlap))
    odds_ratio = both * neither / (group_alone * term_alone)
    return OverRepresentation(*counts, expected, odds_ratio, np.minimum(p, 1.0))
