"""The normal distribution: the quantile of 95 % intervals, and p-values on the log scale."""

import numpy as np
from scipy.special import log_ndtr

__all__ = ["Z_95", "log_p_two_sided", "size_of_z"]

Z_95 = 1.959963984540054
"""Φ⁻¹(.975): half of a two-sided 95 % interval in standard errors."""


def log_p_two_sided(z: np.ndarray) -> np.ndarray:
    """Log 2Φ(−|z|): no floor, no overflow; NaN stays NaN."""
    return np.log(2.0) + log_ndtr(-np.abs(z))


def size_of_z(log_p: np.ndarray) -> np.ndarray:
    """The abs(z) whose two-sided p has this logarithm: the inverse of :func:`log_p_two_sided`."""
    from scipy.special import ndtri_exp

    return -ndtri_exp(np.minimum(log_p - np.log(2.0), np.log(0.5)))
