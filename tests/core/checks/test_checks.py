"""The arithmetic of the checks against other libraries, brute force and simulation."""

import numpy as np
import pytest
from scipy import stats
from screens import random_screen

from argen._core.checks.balance import imbalance
from argen._core.checks.depth import depth_slope, unfollowed_spread
from argen._core.checks.guides import groups_against_rest, moved_genes, unequal
from argen._core.checks.responses import common_responses, programmes
from argen._core.measured.shifts import estimate_shifts
from argen._core.measured.sums import MeasuredSums
from argen._core.measured.unaffected import unaffected_genes


def test_imbalance_against_scipy():
    rng = np.random.default_rng(0)
    group, level = rng.integers(0, 6, 800), rng.integers(0, 4, 800)
    table = np.zeros((6, 4))
    np.add.at(table, (group, level), 1)
    expected = stats.chi2_contingency(table, correction=False)
    found = imbalance(group, level)
    assert (found.chi2, found.df) == (pytest.approx(expected.statistic), expected.dof)
    assert found.p == pytest.approx(expected.pvalue)
    assert pytest.approx(stats.contingency.association(table.astype(int), method="cramer")) == found.V
    nested = imbalance(group, group)
    assert pytest.approx(1.0) == nested.V
    assert imbalance(group, np.zeros(800, dtype=int)).p == 1.0


def test_unequal_guides_by_brute_force():
    effect, se = np.array([-1.0, -0.2, -0.9, -0.5, -0.5]), np.array([0.1, 0.1, 0.2, 0.3, 0.3])
    p, spread = unequal(effect, se, np.array([0, 0, 0, 1, 1]), 3)
    w = 1 / se[:3] ** 2
    centre = np.average(effect[:3], weights=w)
    assert p[0] == pytest.approx(stats.chi2.sf((w * (effect[:3] - centre) ** 2).sum(), 2))
    assert p[1] == 1.0
    assert np.isnan(p[2])
    np.testing.assert_allclose(spread[:2], [0.8, 0.0])


def test_parts_of_the_controls_by_brute_force():
    data = random_screen(1, n=1200, p=6, levels=1, numeric=0, log_mean=1.0)
    screen = data.screen
    part = np.where(screen.group == screen.n_groups, np.arange(screen.n_cells) % 3, -1)
    ratio, se = groups_against_rest(screen, part, 3)
    for gene in (0, 4):
        y, depth = screen.counts_of(gene), screen.design.depth
        rate = y[part >= 0].sum() / depth[part >= 0].sum()
        one, rest = part == 1, (part >= 0) & (part != 1)
        expected = np.log(y[one].sum() / depth[one].sum()) - np.log(y[rest].sum() / depth[rest].sum())
        assert ratio[1, gene] == pytest.approx(expected)
        variance = sum(((y[c] - rate * depth[c]) ** 2).sum() / y[c].sum() ** 2 for c in (one, rest))
        assert se[1, gene] == pytest.approx(np.sqrt(variance))


def test_silent_parts_move_nothing():
    """No gene of 3 × 30 in 40 screens at a false discovery rate of .01, but for chance."""
    alarms = 0
    for seed in range(40):
        screen = random_screen(seed, n=900, p=30, levels=1, numeric=0, log_mean=1.0).screen
        part = np.where(screen.group == 30, np.random.default_rng(seed).integers(0, 3, screen.n_cells), -1)
        ratio, se = groups_against_rest(screen, part, 3)
        alarms += moved_genes(ratio / se).any()
    assert alarms / 40 <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 40)


def test_depth_slope():
    rng = np.random.default_rng(0)
    depth = rng.lognormal(8.0, 0.4, 3000)
    total = rng.poisson(depth)
    assert depth_slope(total.astype(float), total) == pytest.approx(1.0, abs=0.01)
    assert depth_slope(depth / depth.mean(), total) == pytest.approx(1.0, abs=0.05)
    assert depth_slope(np.log1p(total), total) > 5
    panel = rng.poisson(depth * 0.05)
    assert depth_slope(depth, panel) == pytest.approx(1.0, abs=0.1)
    assert np.isnan(depth_slope(depth[:100], total[:100]))
    assert np.isnan(depth_slope(np.ones(3000), total))


def test_totals_that_a_constant_depth_does_not_follow():
    rng = np.random.default_rng(1)
    same = np.full(3000, 7.0)
    assert unfollowed_spread(same, rng.poisson(500 * rng.lognormal(0, 0.4, 3000))) == pytest.approx(0.4, abs=0.03)
    assert unfollowed_spread(same, rng.poisson(30, 3000)) == 0.0  # Poisson alone: counts that were brought to one depth
    varying = rng.lognormal(0, 0.4, 3000)
    assert unfollowed_spread(varying, rng.poisson(500 * varying)) == 0.0
    assert unfollowed_spread(same[:100], rng.poisson(500 * varying)[:100]) == 0.0


def _sums(effect, se=0.05, control=0.01):
    P, g = effect.shape
    counts = np.full((P + 1, g), 400.0)
    folds = np.random.default_rng(0).standard_normal((64, g))
    return MeasuredSums(effect, np.full((P, g), se**2), np.full(g, control**2), counts, counts, folds)


def test_a_common_response_is_more_than_the_error_of_the_controls():
    """The same shift of .3: 30 standard errors of many controls, 1.5 of few."""
    rng = np.random.default_rng(3)
    effect = rng.normal(0.0, 0.05, (12, 50))
    effect[:, 7] += 0.3
    none = np.full(12, -1)
    for control, found in ((0.01, [7]), (0.2, [])):
        sums = _sums(effect, control=control)
        shifts = estimate_shifts(sums, none)
        assert np.flatnonzero(common_responses(sums, shifts)).tolist() == found
        assert shifts.genes.z[7] == pytest.approx(0.3 / np.sqrt(control**2 + np.pi / 2 * 0.05**2 / 12), rel=0.2)


def test_programmes_are_cliques():
    rng = np.random.default_rng(1)
    z = rng.standard_normal((12, 200))
    shared = 3.0 * rng.standard_normal(200)
    z[[1, 4, 6, 9, 11]] += shared
    nobody = np.zeros(200, dtype=bool)
    assert [found.tolist() for found in programmes(z, nobody)] == [[1, 4, 6, 9, 11]]
    assert programmes(rng.standard_normal((12, 200)), nobody) == []
    # A regulator that shares something with each of four others, which share nothing among them, is no programme.
    star = rng.standard_normal((5, 200))
    for k in range(1, 5):
        own = np.zeros(200)
        own[k * 40 : k * 40 + 40] = 4.0
        star[k] += own
        star[0] += own
    assert programmes(star, nobody) == []
    assert programmes(z, ~nobody) == []


def test_unaffected_genes_are_those_that_nothing_moves():
    rng = np.random.default_rng(5)
    effect = rng.normal(0.0, 0.05, (10, 80))
    effect[3, 20:30] += 1.0
    effect[6] += 0.2  # a composed depth moves every gene, and none of them by an effect of its own
    own = np.arange(10)
    effect[own, own] -= 1.5
    sums = _sums(effect, control=1e-3)
    found = unaffected_genes(sums, estimate_shifts(sums, own), own)
    assert not found[:10].any()
    assert not found[20:30].any()
    assert found[10:20].all()
    assert found[30:].mean() > 0.9
