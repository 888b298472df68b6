"""BatchBH against Bioconductor's onlineFDR, joint Benjamini–Hochberg against statsmodels."""

import numpy as np
import pandas as pd
import pytest
from data_files import fixture
from online_fdr.p_values import BatchBH
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from argen._core import fdr
from argen._core.fdr import adjusted, batch_bh, joint_bh

STREAMS = {
    "s1_mixed_sizes": 0.05,
    "s1_alpha0.1": 0.1,
    "s2_all_null": 0.05,
    "s3_strong": 0.05,
    "s4_gap_batches": 0.05,
    "s5_singletons_ties": 0.05,
    "s6_borderline": 0.05,
    "s7_long": 0.05,
    "s8_with_NA_output": 0.05,
}


def read_stream(name):
    table = pd.read_csv(fixture("batchbh", f"{name}.csv"))
    batch = table["id"].str.extract(r"b(\d+)_")[0].astype(int)
    return table, [group["pval"].to_numpy() for _, group in table.groupby(batch, sort=False)], batch


@pytest.mark.parametrize("name", STREAMS)
def test_against_online_fdr_in_r(name):
    table, batches, batch = read_stream(name)
    decisions, levels, _ = batch_bh(batches, STREAMS[name])
    np.testing.assert_array_equal(np.concatenate(decisions), table["R"].to_numpy(dtype=bool))
    theirs = table.groupby(batch, sort=False)["alphai"].first().to_numpy()
    np.testing.assert_allclose(levels, theirs, rtol=0, atol=3e-15)


@pytest.mark.parametrize("name", STREAMS)
def test_thresholds_are_the_ones_applied(name):
    _, batches, _ = read_stream(name)
    decisions, _, thresholds = batch_bh(batches, STREAMS[name])
    for p, decision, threshold in zip(batches, decisions, thresholds, strict=True):
        np.testing.assert_array_equal(p <= threshold, decision)


def random_batches(rng):
    """Batches of 0 to 11 p-values, some of them small, some tied."""
    for n in rng.integers(0, 12, rng.integers(1, 25)):
        p = rng.random(n)
        small = rng.random(n) < rng.choice([0.0, 0.2, 0.8])
        p[small] **= rng.choice([3, 8, 30])
        if n and rng.random() < 0.2:
            p[rng.integers(n)] = p[rng.integers(n)]
        yield p


@pytest.mark.parametrize("seed", range(60))
def test_against_the_package_online_fdr(seed):
    rng = np.random.default_rng(seed)
    batches, alpha = list(random_batches(rng)), rng.choice([0.01, 0.05, 0.2])
    theirs = BatchBH(alpha)
    for p, decision, level, threshold in zip(batches, *batch_bh(batches, alpha), strict=True):
        np.testing.assert_array_equal(decision, np.array(theirs.test_batch(p.tolist()), dtype=bool))
        if len(p):
            assert level == pytest.approx(theirs.alpha_s[-1], rel=1e-9)
            assert threshold == pytest.approx(theirs.last_rejection_threshold, rel=1e-9)


def test_a_batch_without_p_values_uses_nothing():
    _, batches, _ = read_stream("s1_mixed_sizes")
    with_gap = [batches[0], np.empty(0), *batches[1:]]
    decisions, levels, _ = batch_bh(with_gap, 0.05)
    without, levels_without, _ = batch_bh(batches, 0.05)
    assert len(decisions[1]) == 0
    assert np.isnan(levels[1])
    np.testing.assert_array_equal(np.delete(levels, 1), levels_without)
    for a, b in zip([decisions[0], *decisions[2:]], without, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", STREAMS)
def test_joint_bh_against_statsmodels(name):
    _, batches, _ = read_stream(name)
    gap = [batches[0], np.empty(0), *batches[1:]]
    decisions, levels, thresholds = joint_bh(gap, STREAMS[name])
    p = np.concatenate(gap)
    np.testing.assert_array_equal(np.concatenate(decisions), multipletests(p, STREAMS[name], "fdr_bh")[0])
    assert [len(d) for d in decisions] == [len(b) for b in gap]
    np.testing.assert_array_equal(np.isnan(levels), np.isnan(thresholds))
    assert np.flatnonzero(np.isnan(levels)).tolist() == [i for i, batch in enumerate(gap) if len(batch) == 0]
    assert np.unique(thresholds[~np.isnan(thresholds)]).size == 1
    if not np.concatenate(decisions).any():  # the smallest p-value would have had to be below α / m
        assert thresholds[0] == pytest.approx(STREAMS[name] / len(p))


def test_joint_bh_of_nothing():
    decisions, levels, thresholds = joint_bh([], 0.05)
    assert decisions == []
    assert levels.size == thresholds.size == 0


@pytest.mark.parametrize("size", [1, 2, 7, 500])
def test_adjusted_against_scipy_and_statsmodels(size):
    rng = np.random.default_rng(size)
    p = rng.choice([0.0, 1e-300, 1e-4, 0.03, 0.5, 1.0, *rng.uniform(size=5)], size)  # with ties
    np.testing.assert_array_equal(adjusted(p), false_discovery_control(p))
    np.testing.assert_allclose(adjusted(p), multipletests(p, method="fdr_bh")[1], rtol=1e-14)


def test_adjusted_passes_over_missing_p_values():
    p = np.array([[0.01, np.nan, 0.04], [np.nan, 0.03, 0.2]])
    found, tested = adjusted(p), ~np.isnan(p)
    np.testing.assert_array_equal(found[tested], false_discovery_control(p[tested]))
    assert np.isnan(found[~tested]).all()
    assert adjusted(np.empty(0)).shape == (0,)
    assert np.isnan(adjusted(np.full(3, np.nan))).all()


def test_adjusted_leaves_its_argument_alone():
    p = np.array([0.2, 0.01])
    p.flags.writeable = False
    np.testing.assert_array_equal(adjusted(p), [0.2, 0.02])


@pytest.mark.parametrize("seed", range(40))
def test_p_values_beyond_the_reach_of_a_batch_do_not_matter(seed):
    """With their lower bounds in their place, all decisions about this and later batches stay."""
    rng = np.random.default_rng(seed)
    alpha, left_out = rng.choice([0.01, 0.05, 0.2]), 0
    full, quick = fdr.BatchBH(alpha), fdr.BatchBH(alpha)
    for p in random_batches(rng):
        if not len(p):
            continue
        least = p * rng.random(len(p)) ** rng.choice([0.1, 1.0, 3.0])
        beyond = least > quick.reach(least)
        left_out += beyond.sum()
        decisions = [procedure.test(x) for procedure, x in ((full, p), (quick, np.where(beyond, least, p)))]
        np.testing.assert_array_equal(decisions[0][0], decisions[1][0])
        assert decisions[0][1] == decisions[1][1]
    assert left_out > 0


def log_p_of_a_screen(rng, n):
    """Nulls, discoveries far below what a float64 holds, ties, and tests that are missing."""
    log_p = np.log(rng.random(n))
    log_p[rng.random(n) < 0.1] *= 300.0
    log_p[rng.random(n) < 0.02] = -2000.0
    log_p[rng.random(n) < 0.05] = -1.25
    log_p[rng.random(n) < 0.03] = 0.0
    log_p[rng.random(n) < 0.05] = np.nan
    return log_p


@pytest.mark.parametrize("most", [1, 7, 100, 999, 10**6])
@pytest.mark.parametrize("seed", range(4))
def test_slices_of_log_p_are_adjusted_as_all_at_once(most, seed):
    log_p = log_p_of_a_screen(np.random.default_rng(seed), 1000).reshape(20, 50)
    found = fdr.adjusted_from_log(log_p, most)
    np.testing.assert_array_equal(found, adjusted(np.exp(log_p)))
    tested = ~np.isnan(log_p)
    np.testing.assert_allclose(found[tested], false_discovery_control(np.exp(log_p[tested])), rtol=1e-12, atol=0)
    assert (found[log_p == -2000.0] == 0).all()


@pytest.mark.parametrize("most", [1, 10])
@pytest.mark.parametrize(
    "log_p", [np.empty(0), np.full(5, np.nan), np.full(30, -1.0), np.full(30, -np.inf), np.zeros(30), np.array([-3.0])]
)
def test_slices_of_nothing_of_ties_and_of_one(log_p, most):
    np.testing.assert_array_equal(fdr.adjusted_from_log(log_p, most), adjusted(np.exp(log_p)))


def test_slices_of_float32_are_those_numbers_in_float64():
    log_p = log_p_of_a_screen(np.random.default_rng(0), 5000).astype(np.float32)
    np.testing.assert_array_equal(fdr.adjusted_from_log(log_p, 300), adjusted(np.exp(log_p.astype(np.float64))))


def test_slices_do_not_sort_everything_at_once(monkeypatch):
    log_p, sizes, sort = log_p_of_a_screen(np.random.default_rng(1), 100_000), [], np.argsort
    monkeypatch.setattr(fdr.np, "argsort", lambda values: sizes.append(len(values)) or sort(values))
    fdr.adjusted_from_log(log_p, 10_000)
    assert sum(sizes) == np.count_nonzero(~np.isnan(log_p))
    assert max(sizes) < 20_000
