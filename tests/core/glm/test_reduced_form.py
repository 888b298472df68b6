"""Reduced forms against statsmodels and glum: random designs, any instruments, cold and warm."""

import numpy as np
import pytest
from glum import GeneralizedLinearRegressor
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import poisson
from scipy import sparse
from screens import random_screen

from argen._core.glm import _linear_kernels, _segment_kernels
from argen._core.glm.reduced_form import ReducedFormFit, fit_reduced_form
from argen._core.screen import Covariates, build_screen

pytestmark = pytest.mark.slow


def reference(data, gene, instruments):
    x = np.column_stack([data.indicators(instruments), data.nuisance])
    return poisson(data.counts[:, gene], x, data.depth)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    levels=st.integers(1, 5),
    dummies=st.integers(0, 2),
    numeric=st.integers(0, 3),
    log_mean=st.floats(-0.5, 3.0),
)
def test_against_statsmodels(seed, levels, dummies, numeric, log_mean):
    data = random_screen(seed, levels=levels, dummies=dummies, numeric=numeric, log_mean=log_mean)
    instruments = np.array([0, 2, 3])
    form = fit_reduced_form(data.screen, 2, instruments)
    fit = reference(data, 2, instruments)
    assert form.converged
    np.testing.assert_allclose(form.effect, fit.params[:3], rtol=0, atol=1e-7)
    np.testing.assert_allclose(form.theta, fit.params[3:], rtol=0, atol=1e-7)
    V = fit.cov_params()[:3, :3]
    se = np.sqrt(np.diag(V))
    np.testing.assert_allclose(np.sqrt(np.diag(form.covariance())), se, rtol=1e-6)
    np.testing.assert_allclose(form.covariance() / np.outer(se, se), V / np.outer(se, se), rtol=0, atol=2e-6)


def test_against_glum():
    data = random_screen(3, levels=3, numeric=2)
    x = np.column_stack([data.indicators(range(4)), data.nuisance])
    model = GeneralizedLinearRegressor(
        family="poisson", alpha=0, fit_intercept=False, gradient_tol=1e-10, robust=True, max_iter=500
    )
    y, offset = data.counts[:, 1], np.log(data.depth)
    model.fit(x, y, offset=offset)
    hc1 = model.covariance_matrix(x, y, offset=offset)
    hc0 = hc1 * (len(y) - x.shape[1]) / len(y)
    form = fit_reduced_form(data.screen, 1, np.arange(4))
    np.testing.assert_allclose(form.effect, model.coef_[:4], rtol=0, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(form.covariance())), np.sqrt(np.diag(hc0))[:4], rtol=1e-6)


SETS = {
    "leaving one by one": ([0, 1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], [1, 2, 4, 6], [2]),
    "leaving and joining": ([0, 1, 2], [2, 5], [2, 3, 4, 5, 6], [0, 2, 5]),
    "all at once": ([0, 1, 2, 3, 4, 5, 6], [2], [0, 1, 2, 3, 4, 5, 6]),
}


def from_all_cells(screen, gene, instruments):
    """The fit that sums over all cells at every step."""
    fit = ReducedFormFit(screen, gene)
    fit._tabulates = False
    return fit.refit(screen.counts_of(gene), instruments)


@pytest.mark.parametrize("sets", SETS)
@pytest.mark.parametrize(("levels", "dummies", "numeric"), [(3, 0, 1), (1, 0, 0), (3, 1, 2), (2, 0, 3), (3, 0, 4)])
def test_a_refit_ends_where_a_first_fit_does(sets, levels, dummies, numeric):
    data = random_screen(11, p=7, n=1500, levels=levels, dummies=dummies, numeric=numeric)
    y, fits = data.screen.counts_of(2), ReducedFormFit(data.screen, 2)
    for instruments in SETS[sets]:
        refit = fits.refit(y, np.array(instruments))
        first = from_all_cells(data.screen, 2, np.array(instruments))
        assert refit.converged
        np.testing.assert_allclose(refit.effect, first.effect, rtol=0, atol=1e-8)
        np.testing.assert_allclose(refit.theta, first.theta, rtol=0, atol=1e-8)
        np.testing.assert_allclose(refit.covariance(), first.covariance(), rtol=1e-6, atol=1e-12)


def test_small_changes_never_look_at_the_baseline_again(monkeypatch):
    """The tables carry a refit through; only a large move of γ makes it start afresh."""
    data = random_screen(12, p=7, n=6000, knock_down=-0.3)
    y, fits = data.screen.counts_of(2), ReducedFormFit(data.screen, 2)
    fits.refit(y, np.arange(7))
    for sweep in ("_cold_fit", "_tabulated_fit"):
        monkeypatch.setattr(ReducedFormFit, sweep, None)
    for n in (6, 5, 4, 6, 7, 3, 7):  # leaving and joining again
        assert fits.refit(y, np.arange(n)).converged


def test_tables_are_empty_where_no_cell_is_left(monkeypatch):
    """A level of one group alone: what is taken out leaves nothing, not a rounding error."""
    data = random_screen(14, p=4, n=900, levels=2, numeric=1, knock_down=-0.3)
    level = np.where(data.target == 1, 2, data.nuisance[:, 1].astype(int))
    covariates = Covariates(level, np.zeros((900, 0)), data.nuisance[:, -1:], ())
    screen = build_screen(sparse.csc_array(data.counts), data.target, data.depth, covariates, data.screen.genes)
    y, fits = screen.counts_of(2), ReducedFormFit(screen, 2)
    fits.refit(y, np.array([0, 2]))
    sets = [np.array(instruments) for instruments in ([0, 1, 2], [0, 2], [0, 1, 2])]
    alone = [fit_reduced_form(screen, 2, instruments) for instruments in sets]
    monkeypatch.setattr(ReducedFormFit, "_tabulated_fit", None)
    for instruments, first in zip(sets, alone, strict=True):
        refit = fits.refit(y, instruments)
        np.testing.assert_allclose(refit.effect, first.effect, rtol=0, atol=1e-8)
    for table in fits._baseline[:-1]:
        assert not table[:, 2].any()


@pytest.mark.parametrize("slope", [0.0, 0.5, -1.5, 4.0])
@pytest.mark.parametrize("n_numeric", [1, 2])
def test_tables_follow_a_long_way(slope, n_numeric):
    """However far γ is from 0, the fit on tables is the one on cells; with a slope it takes new tables at times."""
    data = random_screen(15, p=5, n=3000, levels=3, numeric=n_numeric, log_mean=1.0)
    tilt = data.depth * np.exp(slope * data.nuisance[:, -1])
    counts = np.random.default_rng(1).poisson(np.column_stack([tilt] * 5))
    covariates = _covariates(data, levels=3)
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, data.screen.genes)
    for instruments in (np.arange(5), np.array([1, 3])):
        form = ReducedFormFit(screen, 2).refit(screen.counts_of(2), instruments)
        direct = from_all_cells(screen, 2, instruments)
        assert form.converged
        np.testing.assert_allclose(form.theta, direct.theta, rtol=0, atol=1e-8)
        np.testing.assert_allclose(form.effect, direct.effect, rtol=0, atol=1e-8)
        np.testing.assert_allclose(form.covariance(), direct.covariance(), rtol=1e-6, atol=1e-10)


def test_a_large_move_starts_afresh():
    data = random_screen(13, p=2, n=600, controls=0.1)
    counts, perturbed = data.counts.copy(), data.target == 0
    rng = np.random.default_rng(0)
    slope = np.exp(1.0 - 4.0 * data.nuisance[:, -1])
    counts[perturbed, 1] = rng.poisson(data.depth * slope)[perturbed]
    screen = build_screen(
        sparse.csc_array(counts), data.target, data.depth, _covariates(data, levels=3), data.screen.genes
    )
    started = []
    original = ReducedFormFit._tabulated_fit
    fits = ReducedFormFit(screen, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReducedFormFit, "_tabulated_fit", lambda *a: started.append(1) or original(*a))
        fits.refit(screen.counts_of(1), np.array([0, 1]))
        refit = fits.refit(screen.counts_of(1), np.array([1]))
    first = fit_reduced_form(screen, 1, np.array([1]))
    np.testing.assert_allclose(refit.effect, first.effect, rtol=0, atol=1e-8)
    assert len(started) == 2


def test_a_level_without_counts_drops_out():
    """Its cells have expectation 0: the fit is that of the other cells."""
    data = random_screen(5, levels=4)
    counts = data.counts.copy()
    empty = data.nuisance[:, 3] == 1
    counts[empty, 1] = 0
    screen = build_screen(
        sparse.csc_array(counts), data.target, data.depth, _covariates(data, levels=4), data.screen.genes
    )
    form = fit_reduced_form(screen, 1, np.array([0, 1]))
    x = np.column_stack([data.indicators([0, 1]), data.nuisance])[~empty][:, [0, 1, 2, 3, 4, 6]]
    fit = poisson(counts[~empty, 1], x, data.depth[~empty])
    np.testing.assert_allclose(form.effect, fit.params[:2], rtol=0, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(form.covariance())), fit.bse[:2], rtol=1e-6)


def test_a_group_without_counts_is_flagged_and_leaves_the_rest_alone():
    data = random_screen(6)
    counts = data.counts.copy()
    counts[data.target == 3, 1] = 0
    screen = build_screen(
        sparse.csc_array(counts), data.target, data.depth, _covariates(data, levels=3), data.screen.genes
    )
    form = fit_reduced_form(screen, 1, np.array([0, 3]))
    others = data.target != 3
    x = np.column_stack([data.indicators([0]), data.nuisance])
    fit = poisson(counts[others, 1], x[others], data.depth[others])
    np.testing.assert_allclose(form.effect[0], fit.params[0], rtol=0, atol=1e-7)
    np.testing.assert_allclose(np.sqrt(form.covariance()[0, 0]), fit.bse[0], rtol=1e-6)
    expected = (data.depth * np.exp(x[:, 1:] @ fit.params[1:]))[~others].sum()
    assert form.separated.tolist() == [False, True]
    np.testing.assert_allclose(form.effect[1], np.log(0.5 / (expected + 0.5)), atol=1e-7)
    assert form.covariance()[1, 1] > 2.0  # 1 / (0 + ½) and what the nuisance adds


def test_an_effect_that_cannot_be_told_from_its_batch_is_unknown():
    """Gene 1 has counts in batch 2 only, and there only in the cells of target 0."""
    data = random_screen(8)
    counts = data.counts.copy()
    in_batch = data.nuisance[:, 2] == 1
    counts[in_batch & (data.target != 0), 1] = 0
    counts[~in_batch & (data.target == 0), 1] = 0
    screen = build_screen(
        sparse.csc_array(counts), data.target, data.depth, _covariates(data, levels=3), data.screen.genes
    )
    keep = ~(~in_batch & (data.target == 0))  # target 0 perturbs cells of batch 2 only
    confounded = build_screen(
        sparse.csc_array(counts[keep]),
        data.target[keep],
        data.depth[keep],
        Covariates(*(part[keep] for part in _parts(data, 3))),
        data.screen.genes,
    )
    assert np.isnan(fit_reduced_form(confounded, 1, np.array([0, 2])).effect[0])
    assert np.isfinite(fit_reduced_form(confounded, 1, np.array([0, 2])).effect[1])
    assert np.isfinite(fit_reduced_form(screen, 1, np.array([0, 2])).effect).all()


def test_cells_may_come_in_any_order():
    data = random_screen(9, numeric=2)
    shuffle = np.random.default_rng(0).permutation(len(data.target))
    screen = build_screen(
        sparse.csc_array(data.counts[shuffle]),
        data.target[shuffle],
        data.depth[shuffle],
        Covariates(*(part[shuffle] for part in _parts(data, 3))),
        data.screen.genes,
    )
    a, b = (fit_reduced_form(s, 0, np.arange(4)) for s in (data.screen, screen))
    np.testing.assert_allclose(a.effect, b.effect, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.covariance(), b.covariance(), rtol=1e-10)


@pytest.mark.parametrize("x", [-3.0, -0.07, -0.06, 0.0, 1e-9, 0.05, 0.0624, 0.0626, 2.5])
def test_small_exp(x):
    assert _segment_kernels.small_exp(x) == pytest.approx(np.exp(x), rel=3e-16)
    assert _segment_kernels.small_exp.py_func(x) == pytest.approx(np.exp(x), rel=3e-16)


@pytest.mark.parametrize("form", ["compiled", "py_func"])
def test_cholesky_inverse_with_a_redundant_column(form):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 4))
    x[:, 2] = x[:, 0] - x[:, 1]
    gram, keep = x.T @ x, [0, 1, 3]
    L, skipped = np.zeros((4, 4)), np.zeros(4, dtype=np.bool_)
    call = (lambda f: f) if form == "compiled" else (lambda f: f.py_func)
    assert call(_linear_kernels.cholesky)(gram, np.diag(gram).copy(), L, skipped) == 1
    assert skipped.tolist() == [False, False, True, False]
    inverse = call(_linear_kernels.cholesky_inverse)(L)
    np.testing.assert_allclose(inverse[np.ix_(keep, keep)], np.linalg.inv(gram[np.ix_(keep, keep)]), rtol=1e-9)
    assert not inverse[2].any()
    b = rng.normal(size=4)
    solution = b.copy()
    call(_linear_kernels.cholesky_solve)(L, solution)
    np.testing.assert_allclose(solution, inverse @ b, rtol=1e-9)


def test_compiled_and_plain_python_segments_agree():
    design = random_screen(2, n=60, numeric=2).screen.design
    used = np.ones(len(design.seg_stratum), dtype=np.bool_)
    results = []
    for function in (_segment_kernels.reweight, _segment_kernels.reweight.py_func):
        w, sums = design.depth.copy(), np.empty((len(used), _segment_kernels.n_components(2)))
        function(design, used, np.array([0.01, -0.3]), w, sums)
        results.append((w, sums))
    np.testing.assert_allclose(results[0][0], design.depth * np.exp([0.01, -0.3] @ design.numeric), rtol=1e-13)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-13)


def test_the_limit_on_iterations_is_reported(monkeypatch):
    monkeypatch.setattr("argen._core.glm.fit.MAX_ITERATIONS", 1)
    data = random_screen(4)
    assert not fit_reduced_form(data.screen, 0, np.arange(4)).converged


def _parts(data, levels):
    level = data.nuisance[:, :levels].argmax(axis=1)
    return level, np.zeros((len(level), 0)), data.nuisance[:, levels:]


def _covariates(data, levels):
    return Covariates(*_parts(data, levels))
