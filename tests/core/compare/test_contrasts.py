"""Differences of two sets of cells, and the words for them."""

import numpy as np
import pytest
from scipy import stats

from argen._core.compare.contrasts import Change, Estimates, changes, differences, half_width, p_values


def one(coef, se, df=np.inf):
    coef = np.atleast_1d(np.asarray(coef, dtype=float))
    return Estimates(coef, np.broadcast_to(np.asarray(se, dtype=float), coef.shape), np.full(coef.shape, float(df)))


def test_few_replicates_are_welchs_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, 1, 3), rng.normal(1, 3, 5)
    of, reference = (one(x.mean(), x.std(ddof=1) / np.sqrt(len(x)), len(x) - 1) for x in (b, a))
    found = differences(of, reference)
    theirs = stats.ttest_ind(b, a, equal_var=False)
    assert found.coef / found.se == pytest.approx(theirs.statistic)
    assert found.df == pytest.approx(theirs.df)
    assert p_values(found) == pytest.approx(theirs.pvalue)
    low, high = theirs.confidence_interval(0.95)
    assert half_width(found) == pytest.approx((high - low) / 2)


def test_many_cells_are_normal():
    found = differences(one([0.643, 5.0], [0.079, 0.1]), one([0.361, 1.0], [0.038, 0.1]))
    assert found.se[0] == pytest.approx(np.hypot(0.079, 0.038))
    np.testing.assert_allclose(p_values(found), 2 * stats.norm.sf(np.abs(found.coef / found.se)))
    np.testing.assert_allclose(half_width(found), stats.norm.ppf(0.975) * found.se)
    assert np.isinf(found.df).all()


@pytest.mark.parametrize(
    ("here", "before", "different", "word"),
    [
        ((0.8, 0.1), (0.0, 0.1), True, Change.GAINED),
        ((0.0, 0.1), (-0.8, 0.1), True, Change.LOST),
        ((0.8, 0.1), (0.0, 0.1), False, Change.NOT_SHOWN),  # significant here and not there shows nothing
        ((0.8, 0.1), (0.15, 0.2), True, Change.STRONGER),  # its interval there reaches .54: it may well be there
        ((0.8, 0.1), (0.3, 0.1), True, Change.STRONGER),
        ((0.3, 0.1), (0.8, 0.1), True, Change.WEAKER),
        ((-0.5, 0.1), (0.5, 0.1), True, Change.REVERSED),
        ((-0.1, 0.1), (0.5, 0.1), True, Change.DIFFERENT),  # not significant: the sign is not known; reaches −.3
        ((-0.18, 0.1), (0.15, 0.1), True, Change.DIFFERENT),  # which of them is stronger would be a coin's word
        ((np.nan, 0.1), (0.5, 0.1), False, Change.NOT_COMPARED),
        ((0.5, 0.1), (0.5, np.nan), False, Change.NOT_COMPARED),
    ],
)
def test_words(here, before, different, word):
    assert changes(one(*here), one(*before), np.array([different]), 0.05).tolist() == [word]


def test_turned_round():
    """What is gained one way is lost the other."""
    rng = np.random.default_rng(1)
    a, b = (one(rng.normal(0, 1, 500), rng.uniform(0.05, 0.5, 500)) for _ in range(2))
    different = p_values(differences(b, a)) < 0.05
    there, back = (np.array(changes(*pair, different, 0.05)) for pair in ((b, a), (a, b)))
    turned = {
        Change.DIFFERENT: Change.DIFFERENT,
        Change.GAINED: Change.LOST,
        Change.LOST: Change.GAINED,
        Change.STRONGER: Change.WEAKER,
        Change.WEAKER: Change.STRONGER,
    }
    assert back.tolist() == [turned.get(word, word) for word in there.tolist()]
    assert set(there.tolist()) >= {Change.GAINED, Change.LOST, Change.STRONGER, Change.WEAKER, Change.REVERSED}
