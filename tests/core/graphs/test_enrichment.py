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
            odds = fisher_exact(table, alternative="greater").statistic
            np.testing.assert_allclose(found.odds_ratio[g, t], odds)  # missing where a margin is empty
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


def test_strata_against_draws_within_them_and_mantel_haenszel():
    from statsmodels.stats.contingency_tables import StratifiedTable

    rng = np.random.default_rng(3)
    stratum = (np.arange(60) >= 20).astype(int)
    groups, terms = drawn(rng, 2, 60, 0.3), drawn(rng, 3, 60, 0.3)
    groups[:, 0], terms[:, 0] = True, True
    found = over_representation(groups, terms, np.ones_like(groups), stratum)
    n_draws = 20_000
    for g in range(2):
        order = np.argsort(rng.random((n_draws, 60)) + 10 * stratum, axis=1)  # shuffled within the strata
        sizes = [groups[g, stratum == s].sum() for s in (0, 1)]
        members = np.concatenate([order[:, : sizes[0]], order[:, 20 : 20 + sizes[1]]], axis=1)
        for t in range(3):
            share = (terms[t][members].sum(axis=1) >= (groups[g] & terms[t]).sum()).mean()
            assert abs(share - found.p[g, t]) <= 4 * np.sqrt(found.p[g, t] * (1 - found.p[g, t]) / n_draws)
            tables = []
            for s in (0, 1):
                a, b = groups[g, stratum == s], terms[t, stratum == s]
                tables.append([[(x & y).sum() for y in (b, ~b)] for x in (a, ~a)])
            assert found.odds_ratio[g, t] == pytest.approx(StratifiedTable(tables).oddsratio_pooled)


def test_one_stratum_is_none():
    rng = np.random.default_rng(4)
    groups, terms = drawn(rng, 3, 30, 0.3), drawn(rng, 3, 30, 0.3)
    background = np.ones_like(groups)
    plain = over_representation(groups, terms, background)
    split = over_representation(groups, terms, background & (np.arange(30) < 18), (np.arange(30) >= 18).astype(int))
    alone = over_representation(groups[:, :18], terms[:, :18], background[:, :18])
    np.testing.assert_allclose(split.p, alone.p, rtol=1e-9)
    np.testing.assert_array_equal(over_representation(groups, terms, background, np.zeros(30, int)).p, plain.p)


def test_a_stratum_that_tells_nothing_leaves_the_odds_ratio_alone():
    groups, terms = np.zeros((1, 1020), dtype=bool), np.zeros((1, 1020), dtype=bool)
    groups[0, :5], terms[0, 4:9], terms[0, 20:70] = True, True, True
    stratum = (np.arange(1020) >= 20).astype(int)
    found = over_representation(groups, terms, np.ones_like(groups), stratum)
    nodes = over_representation(groups[:, :20], terms[:, :20], np.ones((1, 20), dtype=bool))
    assert found.odds_ratio[0, 0] == pytest.approx(nodes.odds_ratio[0, 0]) == pytest.approx(1 * 11 / (4 * 4))
    assert found.p[0, 0] == pytest.approx(nodes.p[0, 0])
