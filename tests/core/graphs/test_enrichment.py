"""Over-representation against scipy's exact test, and the level under draws from the background."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from argen._core.fdr import adjusted
from argen._core.graphs.enrichment import over_representation


def drawn(rng, rows, n, share):
    return rng.random((rows, n)) < share


def test_against_fisher_with_a_background_of_each_group():
    rng = np.random.default_rng(1)
    groups, terms, background = drawn(rng, 6, 40, 0.3), drawn(rng, 9, 40, 0.4), drawn(rng, 6, 40, 0.8)
    groups[5], terms[8] = False, False  # nothing in a group, nothing in a set
    found = over_representation(groups, terms, background)
    for g in range(6):
        for t in range(9):
            inside, member = groups[g][background[g]], terms[t][background[g]]
            table = [[(a & b).sum() for b in (member, ~member)] for a in (inside, ~inside)]
            assert found.p[g, t] == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-9)
            (both, group_alone), (term_alone, neither) = np.array(table) + 0.5
            assert found.odds_ratio[g, t] == pytest.approx(both * neither / (group_alone * term_alone))
            assert found.n_overlap[g, t] == table[0][0]
            assert found.n_background[g, t] == background[g].sum()
            assert found.expected[g, t] == pytest.approx(inside.sum() * member.sum() / background[g].sum())


def test_draws_from_the_background_are_rejected_at_the_level():
    rng, n_screens = np.random.default_rng(2), 400
    any_found = 0
    for _ in range(n_screens):
        number = rng.integers(0, 6, 200)
        groups = number == np.arange(6)[:, None]
        terms = np.array([np.isin(np.arange(200), rng.choice(200, 30, replace=False)) for _ in range(25)])
        p = over_representation(groups, terms, np.ones_like(groups)).p
        any_found += bool((adjusted(p.ravel()) <= 0.05).any())
    # With every hypothesis true the false discovery rate is the rate of screens with a discovery.
    assert any_found / n_screens <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / n_screens)
