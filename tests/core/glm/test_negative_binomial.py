"""Negative binomial quasi-likelihood against statsmodels and glum, on every path, and the dispersion."""

import numpy as np
import pytest
import statsmodels.api as sm
from glum import GeneralizedLinearRegressor, NegativeBinomialDistribution
from scipy import sparse, stats
from screens import random_screen

from argen._core.dag.search import search_dag
from argen._core.descendants.dispersion import LARGEST, Fallback, estimate_dispersions
from argen._core.descendants.tests import fit_descendants
from argen._core.glm.reduced_form import fit_reduced_form
from argen._core.graphs.reach import transitive_closure
from argen._core.parallel import worker_pool
from argen._core.results import PairStatus, Relation
from argen._core.screen import CONTROL, Covariates, build_screen

pytestmark = pytest.mark.slow

PHI = 0.7


def dense_fit(y, x, depth, phi, *, hc3=False):
    """Coefficients by statsmodels, and what the sandwich is made of: bread, weights, scores."""
    family = sm.families.NegativeBinomial(alpha=phi) if phi > 0 else sm.families.Poisson()
    fit = sm.GLM(y, x, family=family, offset=np.log(depth)).fit(tol=1e-13, tol_criterion="params", maxiter=300)
    mu = fit.fittedvalues
    w = 1 / (1 + phi * mu)
    bread = np.linalg.inv(x.T @ ((mu * w)[:, None] * x))
    score = (y - mu) * w
    leverage = mu * w * np.einsum("ij,jk,ik->i", x, bread, x)
    return fit.params, bread, mu * w, score, score / (1 - leverage if hc3 else 1)


@pytest.mark.parametrize("hc3", [False, True])
@pytest.mark.parametrize(("levels", "numeric", "dummies"), [(3, 1, 0), (1, 0, 0), (2, 2, 2), (1, 4, 0)])
def test_reduced_form(levels, numeric, dummies, hc3):
    data = random_screen(3, n=900, p=4, levels=levels, numeric=numeric, dummies=dummies, log_mean=1.0)
    instruments = np.array([0, 1, 3])
    form = fit_reduced_form(data.screen, 1, instruments, phi=PHI, hc3=hc3)
    x = np.column_stack([data.indicators(instruments), data.nuisance])
    params, bread, _, _, score = dense_fit(data.counts[:, 1], x, data.depth, PHI, hc3=hc3)
    V = bread @ (x.T @ (score[:, None] ** 2 * x)) @ bread
    np.testing.assert_allclose(form.effect, params[:3], atol=1e-8)
    np.testing.assert_allclose(form.covariance(), V[:3, :3], rtol=1e-6, atol=1e-12)
    y = data.counts[data.screen.cell, 1]
    np.testing.assert_allclose(form.residuals(y, data.screen.design, hc3=hc3), score[data.screen.cell], atol=1e-8)
    glum = GeneralizedLinearRegressor(
        family=NegativeBinomialDistribution(PHI), alpha=0, fit_intercept=False, gradient_tol=1e-10, max_iter=500
    ).fit(x, data.counts[:, 1], offset=np.log(data.depth))
    np.testing.assert_allclose(form.effect, glum.coef_[:3], atol=1e-6)


@pytest.mark.parametrize("hc", ["HC0", "HC1", "HC3"])
@pytest.mark.parametrize(("n", "controls"), [(900, 0.4), (6000, 0.95)], ids=["direct", "tables"])
@pytest.mark.parametrize(("numeric", "dummies"), [(1, 0), (0, 0), (2, 2), (3, 0), (4, 0)])
def test_pairs(numeric, dummies, n, controls, hc):
    data = random_screen(3, n=n, p=3, numeric=numeric, dummies=dummies, log_mean=1.0, controls=controls)
    phi = np.array([PHI, 0.0, 2.0])
    tests = fit_descendants(data.screen, test="wald", hc=hc, phi=phi)
    for target, gene in np.ndindex(3, 3):
        cells = (data.target == target) | (data.target == CONTROL)
        x = np.column_stack([data.indicators([target]), data.nuisance])[cells]
        y, depth = data.counts[cells, gene], data.depth[cells]
        params, bread, _, _, score = dense_fit(y, x, depth, phi[gene], hc3=hc == "HC3")
        variance = (bread @ (x.T @ (score[:, None] ** 2 * x)) @ bread)[0, 0]
        variance *= len(x) / (len(x) - x.shape[1]) if hc == "HC1" else 1
        assert tests.status[target, gene] == PairStatus.OK
        assert tests.effect[target, gene] == pytest.approx(params[0], abs=1e-7)
        # HC3 takes the controls' leverages from their own fit.
        assert tests.se[target, gene] == pytest.approx(np.sqrt(variance), rel=5e-3 if hc == "HC3" else 1e-6)


def test_pooled():
    data = random_screen(8, n=900, p=4, log_mean=1.0)
    tests = fit_descendants(data.screen, test="wald", pooled=True, phi=np.full(4, PHI))
    x = np.column_stack([data.indicators(np.arange(4)), data.nuisance])
    for gene in range(4):
        params, bread, *_, score = dense_fit(data.counts[:, gene], x, data.depth, PHI)
        variance = np.diag(bread @ (x.T @ (score[:, None] ** 2 * x)) @ bread)[:4]
        np.testing.assert_allclose(tests.effect[:, gene], params[:4], atol=1e-7)
        np.testing.assert_allclose(tests.se[:, gene], np.sqrt(variance), rtol=1e-6)


def two_stages(data, target, candidates, instruments, phi, *, stacked):
    """θ and its covariance from the estimating equations of all stages at once."""
    designs = [np.column_stack([data.indicators(used), data.nuisance]) for used in instruments]
    stages = [dense_fit(data.counts[:, k], x, data.depth, phi[k]) for k, x in zip(candidates, designs, strict=True)]
    etas = [x @ stage[0] for x, stage in zip(designs, stages, strict=True)]
    x2 = np.column_stack([*etas, data.indicators([target]), data.nuisance])
    params, bread, weight, score, _ = dense_fit(data.counts[:, target], x2, data.depth, phi[target])
    influence = score[:, None] * x2
    meat = influence.T @ influence
    for k, (x1, stage) in enumerate(zip(designs, stages, strict=True)):
        C = params[k] * x2.T @ (weight[:, None] * x1)
        C[k] -= score @ x1
        share = (stage[3][:, None] * x1) @ stage[1] @ C.T
        meat += share.T @ share
        influence = influence - share
    meat = influence.T @ influence if stacked else meat
    m = len(candidates)
    return params[:m], np.sqrt(np.diag(bread @ meat @ bread)[:m])


@pytest.mark.parametrize("covariance", ["murphy-topel", "stacked"])
@pytest.mark.parametrize(
    "pairs",
    [
        [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
        [(0, 1), (1, 0), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)],
        [(0, 1), (1, 2), (2, 3), (1, 3)],
    ],
    ids=["chain", "cycle with a tail", "not closed"],
)
def test_network(pairs, covariance):
    data = random_screen(21, n=1200, log_mean=1.0)
    phi = np.array([0.3, PHI, 0.0, 1.5])
    tests = fit_descendants(data.screen, phi=phi)
    matrix = np.zeros((4, 4), dtype=bool)
    matrix[tuple(np.transpose(pairs))] = True
    relation = Relation(np.full((4, 4), np.nan), matrix, matrix, np.empty((0, 2), dtype=int), ())
    dag = search_dag(data.screen, tests, relation, first_stage="ancestors", covariance=covariance, alpha=0.05, phi=phi)
    for equation in dag.equations:
        left = dag.order[: dag.order.tolist().index(equation.target)]
        A = np.array(sorted(k for k in left if matrix[k, equation.target]))
        instruments = [np.array(sorted({k, *(a for a in left if matrix[a, k])})) for k in A]
        theta, se = two_stages(data, equation.target, A, instruments, phi, stacked=covariance == "stacked")
        np.testing.assert_allclose(equation.coef, theta, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(equation.se, se, rtol=1e-5)
    assert any(e.general for e in dag.equations) == (not (transitive_closure(matrix) == matrix).all())


def counts_screen(phi, mean, n=4000, genes=40, seed=0):
    """Controls and one small target; gamma–Poisson counts that depend on a batch."""
    rng = np.random.default_rng(seed)
    target = np.where(np.arange(n) < 30 * genes, np.arange(n) % genes, CONTROL)
    batch = rng.integers(0, 3, n)
    rate = mean * np.exp(0.4 * (batch - 1))[:, None] * np.ones(genes)
    noise = rng.gamma(1 / phi, phi, (n, genes)) if phi > 0 else 1.0
    counts = rng.poisson(rate * noise).astype(float)
    covariates = Covariates(batch, np.zeros((n, 0)), np.zeros((n, 0)))
    names = [f"g{j:02d}" for j in range(genes)]
    return build_screen(sparse.csc_array(counts), target, np.ones(n), covariates, names)


@pytest.mark.parametrize(("phi", "mean"), [(0.2, 4.0), (1.0, 1.0), (0.5, 0.3)])
def test_dispersion_is_found(phi, mean):
    """The mean of 40 estimates lies within 4 standard errors of the truth (and 5 % for the bias of a small sample)."""
    found = estimate_dispersions(counts_screen(phi, mean))
    assert abs(found.phi.mean() - phi) < 4 * found.phi.std() / np.sqrt(40) + 0.05 * phi
    assert (found.p < 0.01).all()
    assert (found.fallback == Fallback.NONE).all()


def test_size_of_the_overdispersion_test():
    """Poisson counts: one-sided p-values are uniform; 400 genes, 4 standard errors."""
    found = estimate_dispersions(counts_screen(0.0, 2.0, n=1500 * 1 + 30 * 40, genes=40))
    p = np.concatenate([found.p, *(estimate_dispersions(counts_screen(0.0, 2.0, seed=s)).p for s in range(1, 10))])
    assert abs((p < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / len(p))
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    assert (found.phi == 0).any()
    assert ((found.phi == 0) == (found.fallback == Fallback.NO_OVERDISPERSION)).all()


def test_dispersion_at_its_bound_and_genes_without_counts():
    rng = np.random.default_rng(0)
    target = np.where(np.arange(900) < 60, np.arange(900) % 3, CONTROL)
    counts = rng.poisson(3.0, (900, 3)).astype(float)
    counts[:, 1] = np.where(np.arange(900) % 300 == 299, 3000.0, 0.0)
    counts[target == CONTROL, 2] = 0
    counts[0, 1] = 1
    covariates = Covariates(np.zeros(900, int), np.zeros((900, 0)), np.zeros((900, 0)))
    screen = build_screen(sparse.csc_array(counts), target, np.ones(900), covariates, ["a", "b", "c"])
    found = estimate_dispersions(screen)
    assert found.phi[1] == LARGEST
    assert found.fallback[1:].tolist() == [Fallback.AT_BOUND, Fallback.NO_CONTROL_COUNTS]
    assert (found.phi[2], found.mean[2]) == (0, 0)
    assert np.isnan(found.p[2])
    tests = fit_descendants(screen, phi=found.phi)
    assert (tests.status[:, 2] == PairStatus.NO_CONTROL_COUNTS).all()


def test_threads_change_nothing():
    data = random_screen(5, n=900, p=5, log_mean=1.0)
    results = []
    for n in (1, 3):
        with worker_pool(n) as map_:
            phi = estimate_dispersions(data.screen, map_).phi
            results.append((phi, fit_descendants(data.screen, map_, phi=phi).se))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)
