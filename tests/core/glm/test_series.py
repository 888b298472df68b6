"""Sums by moments against sums over the cells: segments, weights far away, and the equations that a fit must solve."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba.core.errors import NumbaError
from scipy import sparse
from screens import random_screen

from argen._core._jit import lean_kernel
from argen._core.counts import GeneCounts
from argen._core.glm import _segment_kernels, _series_kernels
from argen._core.glm.reduced_form import fit_reduced_form

pytestmark = pytest.mark.slow


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), far=st.floats(-1.5, 1.5), near=st.floats(-0.999, 0.999))
def test_moments_move_as_the_cells_do(seed, far, near):
    design = random_screen(seed, n=300).screen.design
    used = np.ones(len(design.seg_stratum), dtype=np.bool_)
    w, sums = design.depth.copy(), np.empty((len(used), 3))
    moments = np.empty((_series_kernels.N_MOMENTS, len(used)))
    _series_kernels.reweight_moments(design, used, np.array([far]), w, moments, sums)
    edge = np.array([_series_kernels._REACH / design.numeric_bound[0]])
    shift = near * edge
    assert _series_kernels.series_reaches(design, shift)
    assert not any(_series_kernels.series_reaches(design, beyond * edge) for beyond in (-1.01, 1.01))
    _series_kernels.move_components(design, used, moments, shift, sums)
    direct = np.empty_like(sums)
    _segment_kernels.reweight(design, used, shift, w, direct)
    scale = np.abs(design.numeric[0]).max() ** np.arange(3)  # odd moments of few cells may cancel
    np.testing.assert_allclose(sums / scale, direct / scale, rtol=0, atol=2e-12 * direct[:, 0].max())


@pytest.mark.parametrize("reach", [0.01, 0.0624, 0.07, 1.0, 7.9, 8.1, 30.0])
def test_weights_move_near_and_far(reach):
    numeric = np.linspace(-1.0, 1.0, 41)[None]
    w = np.full(41, 2.0)
    _segment_kernels.shift_weights(numeric, np.ones(1), 0, 41, np.array([reach]), w)
    np.testing.assert_allclose(w, 2.0 * np.exp(reach * numeric[0]), rtol=3e-14)


@pytest.mark.parametrize("numeric", [0, 1, 2, 3])
@pytest.mark.parametrize("slope", [0.0, 0.8, -1.6])
def test_a_fit_solves_its_equations(numeric, slope):
    """Z'(y − μ) = 0, summed over the cells as they are, where γ ends near its start and far from it."""
    data = random_screen(31, n=2000, levels=4, dummies=1, numeric=numeric, log_mean=0.5)
    screen, design = data.screen, data.screen.design
    tilt = np.exp(slope * design.numeric[0]) if numeric else np.ones(screen.n_cells)
    y = np.random.default_rng(1).poisson(design.depth * tilt).astype(float)
    counts = GeneCounts.of_matrix(sparse.csc_array(y[:, None]))
    changed = replace(screen, genes=screen.genes[:1], counts=counts)
    form = fit_reduced_form(changed, 0, np.arange(screen.n_groups))
    assert form.converged
    nuisance = np.column_stack(
        [
            np.eye(design.n_levels)[design.stratum_level[screen.stratum]],
            design.stratum_dummies[screen.stratum],
            design.numeric.T,
        ]
    )
    x = np.column_stack([screen.group[:, None] == form.instruments, nuisance])
    mu = design.depth * np.exp(x @ np.append(form.effect, form.theta))
    np.testing.assert_allclose(x.T @ (y - mu), 0.0, atol=1e-8 * y.sum())
    squared = (x * ((y - mu) ** 2)[:, None]).T @ x
    bread = np.linalg.pinv((x * mu[:, None]).T @ x)
    dense = (bread @ squared @ bread)[: len(form.effect), : len(form.effect)]
    np.testing.assert_allclose(form.covariance(), dense, rtol=1e-6, atol=1e-9 * np.abs(dense).max())


def test_a_lean_kernel_makes_no_array():
    @lean_kernel
    def makes_one(n):
        return np.empty(n).sum()

    with pytest.raises((NumbaError, RuntimeError, NotImplementedError)):
        makes_one(3)
