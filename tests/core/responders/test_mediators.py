"""Possible mediators: the rule pair by pair, and how many of them chance makes."""

import numpy as np
import pytest
from scipy.stats import norm

from argen._core.responders.mediators import Observed


def by_hand(seen, parents, level):
    """The rule as it is stated, one triple at a time."""
    found = np.zeros_like(parents)
    for a, t in np.argwhere(parents):
        for k in np.flatnonzero(~parents[:, t]):
            path = np.sign(seen.effect[a, k] * seen.effect_responders[k, t] / seen.effect[k, k])
            agrees = path == np.sign(seen.effect_responders[a, t])
            found[k, t] |= seen.p[a, k] < level and seen.p_responders[k, t] < level and agrees
            found[k, t] |= seen.below[a, k] and not seen.effect[k, k] ** 2 >= 10 * seen.se[k, k] ** 2
    return found


def drawn(p, R, seed, below_share=0.0):
    rng = np.random.default_rng(seed)
    z, z_responders = rng.normal(0, 1, (p, p)), rng.normal(0, 1, (p, R))
    np.fill_diagonal(z, -rng.uniform(1, 9, p))
    below = rng.random((p, p)) < below_share
    p_values = (2 * norm.sf(np.abs(values)) for values in (z, z_responders))
    seen = Observed(z, np.ones((p, p)), next(p_values), z_responders, next(p_values), below)
    return seen, rng.random((p, R)) < 2 / p


@pytest.mark.parametrize("p", [3, 25, 200])
def test_the_rule_pair_by_pair(p):
    seen, parents = drawn(p, 40, seed=p, below_share=0.1)
    seen.p[0, :] = seen.effect_responders[1, :] = np.nan  # unknown: nothing lies between
    seen.effect[2, 2] = np.nan
    level = min(0.2, np.sqrt(2 / p))
    with np.errstate(invalid="ignore"):
        expected = by_hand(seen, parents, level)
    np.testing.assert_array_equal(seen.mediators(parents, 0.2), expected)
    assert not (seen.mediators(parents, 0.2) & parents).any()


@pytest.mark.parametrize("p", [50, 400])
def test_chance_makes_about_one_for_each_parent(p):
    """However many nodes there are: √(2/p)² p / 2 = 1, less what is a parent itself."""
    seen, _ = drawn(p, 300, seed=1)
    parents = np.zeros((p, 300), dtype=bool)
    parents[np.random.default_rng(2).integers(0, p, 300), np.arange(300)] = True
    counts = seen.mediators(parents, 1.0).sum(axis=0)
    assert abs(counts.mean() - (p - 1) / p) < 4 * counts.std() / np.sqrt(300)
