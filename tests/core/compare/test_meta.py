"""Heterogeneity and means over sets of cells: statsmodels, Welch's tests of scipy and statsmodels, simulated size."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.oneway import anova_generic

from argen._core.compare.meta import heterogeneity, random_mean


def several(seed, k, m=40, tau=0.3):
    rng = np.random.default_rng(seed)
    se = rng.uniform(0.05, 0.5, (k, m))
    return rng.normal(0.4, tau, (k, m)) + se * rng.standard_normal((k, m)), se


@pytest.mark.parametrize("k", [2, 3, 8])
@pytest.mark.parametrize("tau", [0.0, 0.3])
def test_against_statsmodels(k, tau):
    coef, se = several(k, k, tau=tau)
    found, mean = heterogeneity(coef, se), random_mean(coef, se)
    assert tau == 0 or (mean.tau > 0).sum() > 10
    assert tau > 0 or (mean.tau == 0).sum() > 10
    for j in range(coef.shape[1]):
        theirs = combine_effects(
            coef[:, j], se[:, j] ** 2, method_re="iterated", use_t=True, atol=1e-6
        )  # theirs gives up below
        test = theirs.test_homogeneity()
        assert found.Q[j] == pytest.approx(test.statistic, rel=1e-10)
        assert found.p[j] == pytest.approx(test.pvalue, rel=1e-9)
        assert found.I2[j] == pytest.approx(max(theirs.i2, 0.0), abs=1e-10)
        assert mean.tau[j] ** 2 == pytest.approx(max(theirs.tau2, 0.0), abs=1e-6)
        assert mean.mean[j] == pytest.approx(theirs.mean_effect_re, abs=1e-6)
        # Hartung and Knapp's error, but never below that of the weights.
        assert mean.se[j] == pytest.approx(max(theirs.sd_eff_w_re_hksj, theirs.sd_eff_w_re), rel=1e-5)
    np.testing.assert_array_equal(mean.df, k - 1)


def test_what_is_missing_takes_no_part():
    coef, se = several(0, 5)
    fewer, errors = coef.copy(), se.copy()
    fewer[1], errors[3, :20] = np.nan, np.nan
    found, mean = heterogeneity(fewer, errors), random_mean(fewer, errors)
    for columns, rows in ((slice(0, 20), [0, 2, 4]), (slice(20, 40), [0, 2, 3, 4])):
        alone, own = (
            heterogeneity(coef[rows, columns], se[rows, columns]),
            random_mean(coef[rows, columns], se[rows, columns]),
        )
        np.testing.assert_allclose(found.Q[columns], alone.Q)
        np.testing.assert_allclose(found.p[columns], alone.p)
        np.testing.assert_allclose(mean.se[columns], own.se)
        np.testing.assert_array_equal(found.n[columns], len(rows))
    one = heterogeneity(coef[:1], se[:1])
    assert np.isnan(one.Q).all()
    assert np.isnan(one.p).all()
    assert np.isnan(random_mean(coef[:1], se[:1]).mean).all()


def test_nothing_depends_on_the_order_of_the_sets_or_the_unit():
    coef, se = several(1, 4)
    base, turned = random_mean(coef, se), random_mean(-10 * coef[::-1], 10 * se[::-1])
    np.testing.assert_allclose(turned.mean, -10 * base.mean, rtol=1e-8)
    np.testing.assert_allclose(turned.se, 10 * base.se, rtol=1e-8)
    np.testing.assert_allclose(turned.tau, 10 * base.tau, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(heterogeneity(10 * coef, 10 * se).p, heterogeneity(coef, se).p)


@pytest.mark.parametrize("k", [2, 3, 5])
def test_few_degrees_of_freedom_are_welchs_analysis_of_variance(k):
    rng = np.random.default_rng(k)
    n = rng.integers(2, 7, k)
    values = [rng.normal(0, rng.uniform(0.5, 2), size) for size in n]
    means = np.array([v.mean() for v in values])[:, None]
    errors = np.array([v.std(ddof=1) / np.sqrt(len(v)) for v in values])[:, None]
    df = (n - 1.0)[:, None]
    theirs = anova_generic(means[:, 0], np.array([v.var(ddof=1) for v in values]), n, use_var="unequal")
    assert heterogeneity(means, errors, df).p[0] == pytest.approx(theirs.pvalue, rel=1e-9)
    if k == 2:
        assert heterogeneity(means, errors, df).p[0] == pytest.approx(
            stats.ttest_ind(*values, equal_var=False).pvalue, rel=1e-9
        )


@pytest.mark.parametrize(("k", "tau"), [(3, 0.0), (3, 1.0), (6, 1.0)])
def test_the_interval_of_the_mean_covers_it(k, tau):
    """With the usual error of the weights alone it would not: .75 to .87 where τ is as large as the errors."""
    rng, m = np.random.default_rng(5), 20_000
    se = np.repeat(rng.uniform(0.5, 1.5, (k, 1)), m, axis=1)
    coef = rng.normal(0, tau, (k, m)) + se * rng.standard_normal((k, m))
    mean = random_mean(coef, se)
    cover = np.mean(np.abs(mean.mean) < stats.t.ppf(0.975, k - 1) * mean.se)
    assert cover > 0.95 - 3 * np.sqrt(0.95 * 0.05 / m) - 0.01  # Hartung and Knapp's is approximate for unequal errors
    weight = 1 / se**2
    plain = (weight * coef).sum(axis=0) / weight.sum(axis=0)
    by_cells = np.mean(np.abs(plain) < 1.96 / np.sqrt(weight.sum(axis=0)))
    assert tau == 0 or by_cells < 0.9
    rejected = np.mean(heterogeneity(coef, se).p < 0.05)
    assert (rejected > 0.1) if tau else abs(rejected - 0.05) < 4 * np.sqrt(0.05 * 0.95 / m)
