"""Errors of observed effects against statsmodels and dense sandwiches of the cells that each regression saw."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import sparse

from argen._core.descendants.tests import fit_descendants
from argen._core.predict.observed import ObservedInfluence, correlation_of_observed
from argen._core.screen import CONTROL, Covariates, build_screen

P = 5


def unbalanced(seed: int = 0):
    """Counts, perturbation, depth and batch; the batch is 90 % of perturbed cells and 10 % of controls."""
    rng = np.random.default_rng(seed)
    target = np.repeat([*range(P), CONTROL], [60] * P + [120])
    batch = (rng.random(len(target)) < np.where(target == CONTROL, 0.1, 0.9)).astype(int)
    depth, value = rng.gamma(8.0, 1 / 8, len(target)), rng.normal(size=len(target))
    # Noise that all genes share, so that effects of one perturbation hang together.
    log_mean = 1.0 + 0.4 * batch + 0.2 * value + 0.4 * rng.normal(size=len(target))
    effect = np.where(np.eye(P, dtype=bool), -0.8, 0.2)
    shift = np.vstack([effect, np.zeros(P)])[target]
    counts = rng.poisson(depth[:, None] * np.exp(log_mean[:, None] + shift)).astype(float)
    return counts, target, depth, batch, value


def as_screen(counts, target, depth, batch, value):
    covariates = Covariates(batch, np.empty((len(target), 0)), value[:, None])
    return build_screen(sparse.csc_array(counts), target, depth, covariates, [f"g{j}" for j in range(P)])


def dense(data, g: int, k: int, *, pooled: bool, hc3: bool) -> tuple[float, np.ndarray]:
    """Coefficient by statsmodels, and A⁻¹ x (y − μ) of every cell, over 1 − leverage with `hc3`."""
    counts, target, depth, batch, value = data
    groups = range(P) if pooled else [g]
    cells = np.isin(target, [*groups, CONTROL])
    x = np.column_stack([*(target == j for j in groups), np.ones(len(target)), batch, value]).astype(float)[cells]
    y = counts[cells, k]
    fit = sm.GLM(y, x, family=sm.families.Poisson(), offset=np.log(depth[cells])).fit(tol=1e-12)
    bread = np.linalg.inv(x.T @ (x * fit.mu[:, None]))
    residual = y - fit.mu
    if hc3:
        residual = residual / (1 - fit.mu * np.einsum("ij,jk,ik->i", x, bread, x))
    influence = np.zeros(len(target))
    at = g if pooled else 0
    influence[cells] = residual * (x @ bread[:, at])
    return fit.params[at], influence


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("hc", ["HC0", "HC3"])
@pytest.mark.parametrize(("g", "k"), [(0, 0), (2, 1)])
def test_influences_are_those_of_the_regression_of_the_step(pooled, hc, g, k):
    data = unbalanced()
    screen = as_screen(*data)
    tests = fit_descendants(screen, hc=hc, pooled=pooled)
    coef, expected = dense(data, g, k, pooled=pooled, hc3=hc == "HC3")
    assert tests.effect[g, k] == pytest.approx(coef, abs=1e-6)
    found, variance = ObservedInfluence(screen, g, pooled=pooled, hc3=hc == "HC3").of(k, 0.0)
    assert variance == 0.0
    np.testing.assert_allclose(found, expected[screen.cell], atol=1e-7)
    ratio = tests.se[g, k] / np.linalg.norm(found)
    if hc == "HC3" and not pooled:
        # The step takes the leverages of controls from the fit on these alone, where a dozen of them are in the batch
        # of the others: too large by a twelfth at the most, the covariate's small share aside.
        assert 1.0 - 1e-6 <= ratio <= 1.0 + 1 / 11
    else:
        assert ratio == pytest.approx(1.0, abs=1e-6)


def test_other_cells_make_another_estimator():
    """In unbalanced batches the regression on all cells is less variable: not the error of the one on a few."""
    data = unbalanced()
    screen = as_screen(*data)
    alone, all_cells = (
        np.linalg.norm(ObservedInfluence(screen, 0, pooled=p, hc3=True).of(0, 0.0)[0]) for p in (False, True)
    )
    assert alone > 1.15 * all_cells


def test_the_negative_binomial_has_the_error_of_the_step():
    screen = as_screen(*unbalanced(1))
    phi = np.full(P, 0.15)
    for pooled in (False, True):
        tests = fit_descendants(screen, phi=phi, pooled=pooled)
        found, _ = ObservedInfluence(screen, 3, pooled=pooled, hc3=False).of(3, 0.15)
        assert np.linalg.norm(found) == pytest.approx(tests.se[3, 3], rel=1e-6)


def test_a_group_without_counts_has_the_variance_of_its_stand_in():
    counts, *rest = unbalanced(2)
    counts[rest[0] == 1, 1] = 0.0
    screen = as_screen(counts, *rest)
    for pooled in (False, True):
        found, variance = ObservedInfluence(screen, 1, pooled=pooled, hc3=False).of(1, 0.0)
        assert variance == 2.0
        assert np.isfinite(found).all()


@pytest.mark.parametrize("pooled", [False, True])
def test_effects_of_several_perturbations_share_the_controls(pooled):
    data = unbalanced(3)
    found = correlation_of_observed(as_screen(*data), [1, 4], np.zeros(P), pooled=pooled, hc3=True)
    assert found.shape == (P, 4, 4)
    for k in range(P):
        pairs = [(1, k), (4, k), (1, 1), (4, 4)]
        expected = np.stack([dense(data, g, j, pooled=pooled, hc3=True)[1] for g, j in pairs])
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(found[k], expected @ expected.T, atol=1e-5)
    assert (found[:, 0, 1] > 0.2).all()  # controls count for a third of each variance or more
