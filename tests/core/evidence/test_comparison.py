"""Tests of shares, ranks and signs, and their permutations, against statsmodels, scipy and enumeration."""

from itertools import combinations

import numpy as np
import pytest
from scipy.stats import fisher_exact, hypergeom, mannwhitneyu
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.proportion import proportion_confint

from argen._core.evidence.comparison import compare_ranks, compare_shares, permuted, sign_agreement
from argen._core.graphs.swaps import Pairs, exchanged, within_classes


def shares(a, b, c, d):
    """a of the chosen have it, b not; c of the others, d not; and some are unknown."""
    value = np.repeat([1.0, 0.0, 1.0, 0.0, np.nan, np.nan], [a, b, c, d, 3, 2])
    chosen = np.repeat([True, True, False, False, True, False], [a, b, c, d, 3, 2])
    return value, chosen


@pytest.mark.parametrize("counts", [(8, 12, 30, 400), (1, 9, 200, 50), (0, 7, 20, 90), (5, 0, 3, 2)])
def test_odds_ratio_is_that_of_statsmodels(counts):
    found = compare_shares(*shares(*counts))
    a, b, c, d = counts
    assert (found.n, found.n_with, found.n_other, found.n_with_other) == (a + b, a, c + d, c)
    table = np.array([[a, b], [c, d]]) + (0.5 if 0 in counts else 0.0)
    other = Table2x2(table, shift_zeros=False)
    assert found.odds_ratio == pytest.approx(other.oddsratio, rel=1e-12)
    assert (found.low, found.high) == pytest.approx(other.oddsratio_confint(), rel=1e-9)
    # Fisher's test by its definition: all tables with these margins that are no more likely.
    chances = hypergeom(a + b + c + d, a + c, a + b).pmf(np.arange(min(a + b, a + c) + 1))
    assert found.p == pytest.approx(chances[chances <= chances[a] * (1 + 1e-7)].sum(), rel=1e-9)


def test_shares_of_nothing_and_of_what_all_have():
    assert np.isnan(compare_shares(*shares(0, 0, 5, 5)).p)
    found = compare_shares(*shares(4, 0, 9, 0))
    assert np.isnan(found.odds_ratio)
    assert found.p == 1.0


@pytest.mark.parametrize(("n", "m", "ties"), [(6, 40, False), (6, 40, True), (30, 500, False), (9, 20, False)])
def test_ranks_are_those_of_scipy(n, m, ties):
    rng = np.random.default_rng(n)
    value = np.append(rng.normal(0.4, 1.0, n), rng.normal(0.0, 1.0, m))
    value = np.round(value, 0 if ties else 12)
    order = rng.permutation(n + m + 1)
    value, chosen = np.append(value, np.nan)[order], (np.arange(n + m + 1) < n)[order]
    found = compare_ranks(value, chosen)
    mine, others = value[chosen], value[~chosen & np.isfinite(value)]
    exact = n <= 8 and not ties
    other = mannwhitneyu(mine, others, method="exact" if exact else "asymptotic")
    assert found.p == pytest.approx(other.pvalue, rel=1e-12)
    wins = (mine[:, None] > others).mean() + 0.5 * (mine[:, None] == others).mean()
    assert found.auc == pytest.approx(wins, rel=1e-12)
    assert (found.median, found.median_other) == (np.median(mine), np.median(others))


def test_signs_are_held_against_independent_ones_that_are_as_common():
    sign = np.array([1, 1, 1, 1, -1, -1, 1, 1, -1, 1, 1, np.nan, 0.0, 1.0])
    other = np.array([1, 1, 1, 1, -1, -1, 1, -1, 1, 1, 1, 1.0, 1.0, np.nan])
    found = sign_agreement(sign, other)
    assert (found.n, found.n_agree) == (11, 9)
    assert found.p == pytest.approx(fisher_exact([[7, 1], [1, 2]]).pvalue, rel=1e-12)
    assert found.expected == pytest.approx((8 / 11) ** 2 + (3 / 11) ** 2)
    assert (found.low, found.high) == pytest.approx(proportion_confint(9, 11, method="beta"), rel=1e-9)
    assert np.isnan(sign_agreement(np.array([np.nan]), np.array([1.0])).p)


def test_common_signs_agree_by_themselves():
    rng, n_runs = np.random.default_rng(0), 500
    draws = [[np.where(rng.random(40) < share, 1.0, -1.0) for share in (0.8, 0.85)] for _ in range(n_runs)]
    rejected = np.mean([sign_agreement(*pair).p < 0.05 for pair in draws])
    assert rejected <= 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / n_runs)


def small(seed, n=5, density=0.7, n_edges=6):
    """Pairs of a few genes, some of them chosen."""
    rng = np.random.default_rng(seed)
    source, target = np.nonzero((rng.random((n, n)) < density) & ~np.eye(n, dtype=bool))
    chosen = np.isin(np.arange(len(source)), rng.choice(len(source), n_edges, replace=False))
    return Pairs(source, target, chosen)


def degrees(pairs, rows, n):
    return tuple(np.bincount(end[list(rows)], minlength=n).tobytes() for end in (pairs.source, pairs.target))


def choices_like(pairs, stratum=None):
    """All choices of as many pairs with the same degrees, and classes, counted one by one."""
    n, k = int(max(pairs.source.max(), pairs.target.max())) + 1, int(pairs.chosen.sum())
    own = np.flatnonzero(pairs.chosen)
    wanted = degrees(pairs, own, n)
    same = lambda rows: stratum is None or sorted(stratum[list(rows)]) == sorted(stratum[own])  # noqa: E731
    return [
        rows for rows in combinations(range(len(pairs.source)), k) if degrees(pairs, rows, n) == wanted and same(rows)
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("by_class", [False, True])
def test_every_choice_with_the_same_degrees_is_as_likely(seed, by_class):
    pairs = small(seed)
    stratum = np.random.default_rng(seed).integers(0, 2, len(pairs.source)) if by_class else None
    every = choices_like(pairs, stratum)
    n = 4000
    found = [tuple(sorted(rows.tolist())) for rows in exchanged(pairs, n, seed, stratum)]
    assert set(found) <= set(every)
    # Moves of two and three edges need not reach all choices where pairs are missing; what they reach is as likely.
    reached = set(found)
    assert len(reached) >= 0.9 * len(every)
    counts = np.array([found.count(rows) for rows in reached])
    chi2 = ((counts - n / len(reached)) ** 2 / (n / len(reached))).sum()
    assert chi2 < len(reached) + 4.5 * (2 * len(reached)) ** 0.5 + 4.5


def test_a_circle_of_three_is_turned_round():
    """1 → 2 → 3 → 1 and its reverse have the same degrees, and no two edges can exchange their targets."""
    source, target = np.nonzero(~np.eye(3, dtype=bool))
    chosen = (target - source) % 3 == 1
    found = {tuple(sorted(rows.tolist())) for rows in exchanged(Pairs(source, target, chosen), 50, 0)}
    assert found == {tuple(np.flatnonzero(chosen)), tuple(np.flatnonzero(~chosen))}


def test_kernel_does_the_same_without_compilation():
    from argen._core.graphs._swap_kernels import swap_targets
    from argen._core.graphs.swaps import _picks, _rows

    pairs = small(3, n=8, density=0.6, n_edges=12)
    rng = np.random.default_rng(0)
    stratum, row = rng.integers(0, 2, len(pairs.source)), _rows(pairs)
    picks = _picks(rng, 12)[:400]
    ends = []
    for function in (swap_targets, swap_targets.py_func):
        source, target, used = pairs.source[pairs.chosen], pairs.target[pairs.chosen].copy(), pairs.chosen.copy()
        function(source, target, row, stratum, used, picks)
        assert (used[row[source, target]]).all()
        assert used.sum() == 12
        ends.append(target)
    assert (ends[0] == ends[1]).all()
    assert (ends[0] != pairs.target[pairs.chosen]).any()


def test_choices_within_classes_are_hypergeometric():
    rng = np.random.default_rng(1)
    n = 400
    stratum, chosen = rng.integers(0, 3, n), rng.random(n) < 0.1
    has = rng.random(n) < 0.3
    pairs = Pairs(np.arange(n), np.arange(n), chosen)
    sums = []
    for rows in within_classes(pairs, 2000, 0, stratum):
        assert len(set(rows.tolist())) == chosen.sum()
        assert (np.bincount(stratum[rows], minlength=3) == np.bincount(stratum[chosen], minlength=3)).all()
        sums.append(has[rows].sum())
    laws = [
        hypergeom((stratum == c).sum(), (has & (stratum == c)).sum(), (chosen & (stratum == c)).sum()) for c in range(3)
    ]
    mean, var = sum(law.mean() for law in laws), sum(law.var() for law in laws)
    assert np.mean(sums) == pytest.approx(mean, abs=4.5 * (var / 2000) ** 0.5)
    assert np.var(sums) == pytest.approx(var, rel=4.5 * (2 / 2000) ** 0.5 * 1.3)


def test_p_of_permutations_is_that_of_the_enumeration():
    pairs = small(0, n=6, density=0.8, n_edges=8)
    value = np.random.default_rng(5).random(len(pairs.source))
    every = choices_like(pairs)
    means = np.array([value[list(rows)].mean() for rows in every])
    own = value[pairs.chosen].mean()
    exact = min(1.0, 2 * min((means >= own - 1e-12).mean(), (means <= own + 1e-12).mean()))
    n = 3000
    values = np.column_stack([value, value > 0.5])
    found = permuted(values, pairs, exchanged(pairs, n, 1))
    assert found.p[0] == pytest.approx(exact, abs=2 * 4.5 * (exact / 2 * (1 - exact / 2) / n) ** 0.5 + 2 / n)
    shares_of = np.array([(value[list(rows)] > 0.5).mean() for rows in every])
    assert found.expected[1] == pytest.approx(shares_of.mean(), abs=4.5 * shares_of.std() / n**0.5)
    kept = np.array([np.isin(list(rows), np.flatnonzero(pairs.chosen)).mean() for rows in every])
    assert found.moved[0] == pytest.approx(1 - kept.mean(), abs=4.5 * kept.std() / n**0.5)


def test_level_holds_where_degrees_explain_everything():
    """Hubs of the network are hubs of the evidence: Fisher rejects, the permutations reject at their level."""
    n, runs, rejected, by_fisher = 40, 100, 0, 0
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        hub = rng.lognormal(0.0, 1.0, n)
        source, target = np.nonzero(~np.eye(n, dtype=bool))
        chosen = rng.random(len(source)) < np.minimum(0.04 * hub[source], 1)
        value = (rng.random(len(source)) < np.minimum(0.1 * hub[source], 1)).astype(float)
        pairs = Pairs(source, target, chosen)
        rejected += permuted(value[:, None], pairs, exchanged(pairs, 99, seed)).p[0] <= 0.05
        by_fisher += compare_shares(value, chosen).p <= 0.05
    assert by_fisher > 0.3 * runs
    assert rejected <= 0.05 * runs + 3 * (0.05 * 0.95 * runs) ** 0.5


def test_choices_of_nothing():
    pairs = small(2)
    found = permuted(np.ones((len(pairs.source), 1)), pairs, exchanged(pairs, 0, 0))
    assert np.isnan(found.p).all()
    assert np.isnan(permuted(np.full((len(pairs.source), 1), np.nan), pairs, exchanged(pairs, 9, 0)).p).all()
