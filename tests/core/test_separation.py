"""The score test of a group without counts."""

import numpy as np
import pytest
from scipy import stats

from argen._core.glm.separation import log_p_two_sided, log_p_without_counts, pearson_iii_p


def test_log_p_has_no_floor():
    z = np.array([0.0, 1.96, -5.0, 40.0, -300.0, np.nan])
    expected = np.log(2) + stats.norm.logsf(np.abs(z))
    np.testing.assert_allclose(log_p_two_sided(z), expected, rtol=1e-12)


@pytest.mark.parametrize("skewness", [-2.0, -0.5, 0.3, 1.0, 2.5])
def test_pearson_iii_against_scipy(skewness):
    z = np.linspace(-3, 4, 29)
    law = stats.pearson3(skewness)
    expected = np.minimum(2 * np.minimum(law.cdf(z), law.sf(z)), 1)
    v = 3.7
    np.testing.assert_allclose(pearson_iii_p(z * np.sqrt(v), v, skewness * v**1.5), expected, atol=1e-10)


def test_without_skewness_it_is_the_normal_test():
    z = np.array([-2.0, 0.1, 3.0])
    np.testing.assert_allclose(pearson_iii_p(z, np.ones(3), np.zeros(3)), 2 * stats.norm.sf(np.abs(z)), rtol=1e-12)


@pytest.mark.parametrize("expected", [0.5, 1.5, 3.0, 6.0, 12.0])
def test_poisson_counts_against_the_exact_test(expected):
    """U = −E, v = κ₃ = E with known nuisance: never below the exact two-sided p = 2 e^{−E}, within twice."""
    log_p = log_p_without_counts(*(np.array([x]) for x in (-expected, expected, expected, -expected)))
    exact = min(1.0, 2 * stats.poisson.pmf(0, expected))
    assert np.exp(log_p[0]) >= exact * (1 - 1e-12)
    assert np.exp(log_p[0]) <= 2 * exact + 1e-12


def test_the_bounded_tail_never_gives_zero():
    """Unequal means and high dispersion: the Pearson III law alone ends before U and would say p = 0."""
    mu, phi = np.array([0.01] * 50 + [8.0]), 3.0
    v = mu.sum() + phi * (mu**2).sum()
    third = (mu + 3 * phi * mu**2 + 2 * phi**2 * mu**3).sum()
    log_zero = -(np.log1p(phi * mu) / phi).sum()
    assert pearson_iii_p(-mu.sum(), v, third) == 0.0
    assert log_p_without_counts(-mu.sum(), v, third, log_zero) == pytest.approx(np.log(2) + log_zero)
