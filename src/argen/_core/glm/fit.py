"""Fit of one gene on any set of instruments, with its covariance; formulas in :mod:`.reduced_form`.

The steps are kernels of their own, so that nobody waits for the compilation of what was not asked for.
"""

import numpy as np

from argen._core.glm._fit_kernels import covariance_pieces, fit_means, leveraged_residuals
from argen._core.glm._moment_kernels import Monomials, Tables
from argen._core.screen import Design

__all__ = ["MAX_ITERATIONS", "TOLERANCE", "fit"]

TOLERANCE = 1e-8
MAX_ITERATIONS = 60


def fit(  # noqa: PLR0913
    y: np.ndarray,
    design: Design,
    series: Monomials,
    used: np.ndarray,
    row: np.ndarray,
    y_total: np.ndarray,
    y_row: np.ndarray,
    baseline: Tables,
    theta: np.ndarray,
    w: np.ndarray,
    sums: np.ndarray,
    *,
    warm: bool,
    hc3: bool,
) -> tuple:
    """Last step, E_j, effect factor d_j, v, W, G, H⁻¹, meat of the nuisance; arguments as :func:`.fit_means`.

    With `hc3` residuals are divided by 1 − leverage; those of the cells behind `baseline` are as its tables have them.
    """
    last, expected, effect, W, H_inv, kappa, factor, residuals = fit_means(
        y, design, series, used, row, y_total, y_row, baseline, theta, w, sums, warm, TOLERANCE, MAX_ITERATIONS
    )
    if hc3:
        leveraged_residuals(y, design, used, row, w, factor, y_row, W, H_inv, residuals)
    v, G, B = covariance_pieces(design, series, used, row, residuals, baseline, theta, kappa, y_row, W, H_inv)
    return last, expected, effect, v, W, G, H_inv, B
