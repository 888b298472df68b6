"""The normal distribution, held against scipy's."""

import numpy as np
import pytest
from scipy import stats

from argen._core.normal import Z_95, log_p_two_sided, size_of_z


def test_log_p_has_no_floor():
    z = np.array([0.0, 1.96, -5.0, 40.0, -300.0, np.nan])
    expected = np.log(2) + stats.norm.logsf(np.abs(z))
    np.testing.assert_allclose(log_p_two_sided(z), expected, rtol=1e-12)


def test_size_of_z_is_the_inverse():
    z = np.array([0.0, 0.5, 1.96, 5.0, 40.0, 300.0])
    np.testing.assert_allclose(size_of_z(log_p_two_sided(-z)), z, rtol=1e-12, atol=1e-12)


def test_an_interval_holds_95_percent():
    assert stats.norm.ppf(0.975) == pytest.approx(Z_95, rel=1e-15)
