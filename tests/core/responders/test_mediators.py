"""Possible mediators: the rule pair by pair, and how many of them chance makes."""

import numpy as np
import pytest
from scipy.stats import norm

from argen._core.responders.mediators import Observed


def by_hand(seen, parents, level):
    """The rules as they are stated, one triple at a time."""
    found = np.zeros_like(parents)
    for a, t in np.argwhere(parents):
        for k in np.flatnonzero(~parents[:, t]):
            slope, effect = seen.effect[a, k] / seen.effect[k, k], seen.effect_responders[a, t]
            on_t, error = seen.effect_responders[k, t], seen.se_responders[k, t]
            agrees = np.sign(slope * on_t) == np.sign(effect)
            found[k, t] |= seen.p[a, k] < level and seen.p_responders[k, t] < level and agrees
            # The path as large as it can be: both ends of the interval of what k does to t.
            paths = [slope * (on_t + side * 1.645 * error) * np.sign(effect) for side in (-1.0, 1.0)]
            could = max(*paths, 0.0) >= abs(effect) if np.isfinite(paths).all() else True
            found[k, t] |= seen.below[a, k] and could
    return found


def drawn(p, R, seed, below_share=0.0):
    rng = np.random.default_rng(seed)
    z, z_responders = rng.normal(0, 1, (p, p)), rng.normal(0, 1, (p, R))
    np.fill_diagonal(z, -rng.uniform(1, 9, p))
    below = rng.random((p, p)) < below_share
    p_values = [2 * norm.sf(np.abs(values)) for values in (z, z_responders)]
    seen = Observed(z, np.ones((p, p)), p_values[0], z_responders, np.ones((p, R)), p_values[1], below)
    return seen, rng.random((p, R)) < 2 / p


@pytest.mark.parametrize("p", [3, 25, 200])
def test_the_rules_pair_by_pair(p):
    seen, parents = drawn(p, 40, seed=p, below_share=0.1)
    seen.p[0, :] = np.nan  # unknown: excluded
    level = min(0.2, np.sqrt(2 / p))
    np.testing.assert_array_equal(seen.mediators(parents, 0.2), by_hand(seen, parents, level))
    assert not (seen.mediators(parents, 0.2) & parents).any()


def test_below_a_parent_what_could_make_its_effect_is_a_mediator():
    """A strong node without an effect on the responder cannot, one whose knock-down is hardly seen can."""
    effect = np.array([[-1.0, -0.6, -0.6], [0.0, -1.5, 0.0], [0.0, 0.0, -0.1]])
    on_responder, se = np.array([[-0.5], [0.0], [0.0]]), np.full((3, 1), 0.07)
    below = np.triu(np.ones((3, 3), dtype=bool), 1)
    seen = Observed(effect, np.full((3, 3), 0.07), np.full((3, 3), 0.5), on_responder, se, np.full((3, 1), 0.5), below)
    parents = np.array([[True], [False], [False]])
    assert np.argwhere(seen.mediators(parents, 0.2)).tolist() == [[2, 0]]
    seen.below[:] = False
    assert not seen.mediators(parents, 0.2).any()


@pytest.mark.parametrize("p", [50, 400])
def test_chance_makes_about_one_for_each_parent(p):
    """However many nodes there are: √(2/p)² p / 2 = 1, less what is a parent itself."""
    seen, _ = drawn(p, 300, seed=1)
    parents = np.zeros((p, 300), dtype=bool)
    parents[np.random.default_rng(2).integers(0, p, 300), np.arange(300)] = True
    counts = seen.mediators(parents, 1.0).sum(axis=0)
    assert abs(counts.mean() - (p - 1) / p) < 4 * counts.std() / np.sqrt(300)
