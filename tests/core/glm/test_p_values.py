"""P-values of the tests of one pair, far into the tails."""

import numpy as np
import pytest
from scipy import stats

from argen._core.glm.p_values import log_p_student, pearson_iii_log_p, score_log_p


@pytest.mark.parametrize("skewness", [-2.0, -0.5, 0.3, 1.0, 2.5])
def test_pearson_iii_against_scipy(skewness):
    z = np.linspace(-3, 4, 29)
    law = stats.pearson3(skewness)
    expected = np.minimum(2 * np.minimum(law.cdf(z), law.sf(z)), 1)
    v = 3.7
    np.testing.assert_allclose(np.exp(pearson_iii_log_p(z * np.sqrt(v), v, skewness * v**1.5)), expected, atol=1e-10)


def test_without_skewness_it_is_the_normal_test():
    z = np.array([-2.0, 0.1, 3.0])
    found = pearson_iii_log_p(z, np.ones(3), np.zeros(3))
    np.testing.assert_allclose(np.exp(found), 2 * stats.norm.sf(np.abs(z)), rtol=1e-12)


@pytest.mark.parametrize("expected", [0.5, 1.5, 3.0, 6.0, 12.0])
def test_poisson_counts_against_the_exact_test(expected):
    """U = −E, v = κ₃ = E with known nuisance: never below the exact two-sided p = 2 e^{−E}, within twice."""
    log_p = score_log_p(*(np.array([x]) for x in (-expected, expected, expected, -expected)))
    exact = min(1.0, 2 * stats.poisson.pmf(0, expected))
    assert np.exp(log_p[0]) >= exact * (1 - 1e-12)
    assert np.exp(log_p[0]) <= 2 * exact + 1e-12


def test_the_bounded_tail_never_gives_zero():
    """Unequal means and high dispersion: the Pearson III law alone ends before U and would say p = 0."""
    mu, phi = np.array([0.01] * 50 + [8.0]), 3.0
    v = mu.sum() + phi * (mu**2).sum()
    third = (mu + 3 * phi * mu**2 + 2 * phi**2 * mu**3).sum()
    log_zero = -(np.log1p(phi * mu) / phi).sum()
    assert pearson_iii_log_p(-mu.sum(), v, third) == -np.inf
    assert score_log_p(-mu.sum(), v, third, log_zero) == pytest.approx(np.log(2) + log_zero)


@pytest.mark.parametrize("df", [1.0, 4.0, 29.0, 149.0, 1e4])
def test_student_against_mpmath(df):
    """p = I_x(df/2, ½), also where it is far below the smallest double."""
    import mpmath

    mpmath.mp.dps = 30
    t = np.array([0.0, 0.5, -2.0, 12.0, -60.0, 1e3, 1e5])
    expected = [float(mpmath.log(mpmath.betainc(df / 2, 0.5, 0, df / (df + x * x), regularized=True))) for x in t]
    np.testing.assert_allclose(log_p_student(t, np.full(len(t), df)), expected, rtol=1e-9, atol=1e-12)


def test_student_without_degrees_of_freedom_has_no_p():
    assert np.isnan(log_p_student(np.array([2.0]), np.array([0.0]))).all()


@pytest.mark.parametrize(
    ("shape", "x"), [(2.5, 900.0), (40.0, 3000.0), (1e4, 2e4), (900.0, 20.0), (1e6, 9e5), (60.0, 1e-4)]
)
def test_tails_of_pearson_iii_against_mpmath(shape, x):
    """Where the incomplete gamma functions underflow."""
    import mpmath

    mpmath.mp.dps = 60
    skewness = 2.0 / np.sqrt(shape)
    z = (x - shape) / np.sqrt(shape)
    tail = mpmath.gammainc(shape, x, mpmath.inf) if x > shape else mpmath.gammainc(shape, 0, x)
    expected = float(mpmath.log(2 * tail / mpmath.gamma(shape)))
    assert expected < -400
    np.testing.assert_allclose(pearson_iii_log_p(z, 1.0, skewness), expected, rtol=1e-8)
