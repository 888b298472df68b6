"""All pairs of the descendant step against statsmodels, on every path that the kernels can take."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import poisson
from scipy import sparse, stats
from screens import random_screen

from argen._core.descendants.dispersion import estimate_dispersions
from argen._core.descendants.tests import fit_descendants
from argen._core.glm._moment_kernels import monomials
from argen._core.parallel import worker_pool
from argen._core.results import PairStatus
from argen._core.screen import CONTROL, Covariates, build_screen


def pair_reference(data, target, gene):
    cells = (data.target == target) | (data.target == CONTROL)
    x = np.column_stack([data.indicators([target]), data.nuisance])[cells]
    fit = poisson(data.counts[cells, gene], x[:, x.any(axis=0)], data.depth[cells])
    return fit.params[0], fit.bse[0]


def assert_all_pairs(data, tests, rtol_se=1e-6):
    for target, gene in np.ndindex(tests.effect.shape):
        effect, se = pair_reference(data, target, gene)
        assert tests.status[target, gene] == PairStatus.OK
        assert tests.effect[target, gene] == pytest.approx(effect, abs=1e-7)
        assert tests.se[target, gene] == pytest.approx(se, rel=rtol_se)
        assert tests.neg_log10_p[target, gene] == pytest.approx(
            -np.log10(2) - stats.norm.logsf(abs(effect / se)) / np.log(10), rel=1e-5, abs=1e-6
        )


@pytest.mark.parametrize("hc", ["HC1", "HC3"])
@pytest.mark.parametrize("dummies", [0, 2])
@pytest.mark.parametrize(("n", "controls"), [(6000, 0.97), (500, 0.1)], ids=["few perturbed", "few controls"])
def test_small_sample_covariances_against_statsmodels(hc, dummies, n, controls):
    """HC3 takes the controls' leverages from the fit on controls alone: too large by the group's share of the cells."""
    data = random_screen(4, n=n, p=3, controls=controls, dummies=dummies, log_mean=1.0)
    tests = fit_descendants(data.screen, test="wald", hc=hc)
    for target, gene in np.ndindex(tests.effect.shape):
        cells = (data.target == target) | (data.target == CONTROL)
        x = np.column_stack([data.indicators([target]), data.nuisance])[cells]
        x = x[:, x.any(axis=0)]
        fit = poisson(data.counts[cells, gene], x, data.depth[cells])
        mu, residual = fit.fittedvalues, data.counts[cells, gene] - fit.fittedvalues
        bread = np.linalg.inv(x.T @ (mu[:, None] * x))
        if hc == "HC3":
            residual = residual / (1 - mu * np.einsum("ij,jk,ik->i", x, bread, x))
        variance = (bread @ (x.T @ (residual[:, None] ** 2 * x)) @ bread)[0, 0]
        if hc == "HC1":
            variance *= len(x) / (len(x) - x.shape[1])
        rtol = 1e-6 if hc == "HC1" else 1e-4 if controls > 0.5 else 0.1
        assert tests.se[target, gene] == pytest.approx(np.sqrt(variance), rel=rtol)
        assert tests.se[target, gene] > np.sqrt(variance) * (1 - 1e-6)
        t = tests.effect[target, gene] / tests.se[target, gene]
        expected = np.log(2) + stats.t.logsf(abs(t), (data.target == target).sum() - 1)
        assert tests.log_p[target, gene] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("hc", ["HC0", "HC1", "HC3"])
def test_pooled_effects_are_those_of_one_regression(hc):
    data = random_screen(8, n=900, p=4, log_mean=1.0)
    tests = fit_descendants(data.screen, test="wald", hc=hc, pooled=True)
    x = np.column_stack([data.indicators(np.arange(4)), data.nuisance])
    for gene in range(4):
        fit = poisson(data.counts[:, gene], x, data.depth)
        mu, residual = fit.fittedvalues, data.counts[:, gene] - fit.fittedvalues
        bread = np.linalg.inv(x.T @ (mu[:, None] * x))
        if hc == "HC3":
            residual = residual / (1 - mu * np.einsum("ij,jk,ik->i", x, bread, x))
        variance = np.diag(bread @ (x.T @ (residual[:, None] ** 2 * x)) @ bread)[:4]
        factor = len(x) / (len(x) - x.shape[1]) if hc == "HC1" else 1
        np.testing.assert_allclose(tests.effect[:, gene], fit.params[:4], atol=1e-7)
        np.testing.assert_allclose(tests.se[:, gene], np.sqrt(variance * factor), rtol=1e-6)


def test_hc3_is_that_of_statsmodels_for_a_linear_model():
    """The formula of the oracle above, held against statsmodels' own HC3 where that exists."""
    rng = np.random.default_rng(0)
    x, y = sm.add_constant(rng.normal(size=(40, 2))), rng.normal(size=40)
    fit = sm.OLS(y, x).fit()
    bread = np.linalg.inv(x.T @ x)
    residual = fit.resid / (1 - np.einsum("ij,jk,ik->i", x, bread, x))
    np.testing.assert_allclose(np.sqrt(np.diag(bread @ (x.T @ (residual[:, None] ** 2 * x)) @ bread)), fit.HC3_se)


def test_rule_of_auto():
    """Score below 50 expected counts, Wald with HC3 above; estimates are the same."""
    data = random_screen(5, n=3000, p=4, controls=0.9, log_mean=-0.8)
    auto, score = (fit_descendants(data.screen, test=test, hc="HC3") for test in ("auto", "score"))
    wald = fit_descendants(data.screen, test="wald", hc="HC3")
    few = auto.expected < 50
    assert 0 < few.sum() < few.size
    np.testing.assert_array_equal(auto.scored, few)
    assert score.scored.all()
    assert not wald.scored.any()
    np.testing.assert_array_equal(auto.log_p, np.where(few, score.log_p, wald.log_p))
    for tests in (auto, score):
        np.testing.assert_array_equal(tests.effect, wald.effect)
        np.testing.assert_array_equal(tests.se, wald.se)
    np.testing.assert_allclose(np.log(2) + stats.norm.logsf(np.abs(auto.z)), auto.log_p, rtol=1e-9)
    assert np.all(np.sign(auto.z) == np.sign(auto.effect))


def score_log_p_by_the_formula(y, z, depth, control, group) -> float:
    """Log p as the page "Method" has it: dense fit on the controls by statsmodels, Pearson III law by scipy."""
    fit = poisson(y[control], z[control], depth[control])
    mu = depth * np.exp(z @ fit.params)
    phi = max(0, ((y - mu) ** 2 - y)[control].sum() / (mu[control] ** 2).sum())
    bread = np.linalg.inv(z[control].T @ (mu[control, None] * z[control]))
    meat = z[control].T @ ((y - mu)[control, None] ** 2 * z[control])
    m, P = mu[group], mu[group] @ z[group]
    u = (y[group] - m).sum()
    v = (m + phi * m**2).sum() + P @ bread @ meat @ bread @ P
    third = (m + 3 * phi * m**2 + 2 * phi**2 * m**3).sum()
    law = stats.pearson3(third / v**1.5)
    log_p = np.log(2) + min(law.logcdf(u / np.sqrt(v)), law.logsf(u / np.sqrt(v)))
    if u < 0:
        log_p = max(log_p, np.log(2) - np.log1p(phi * m).sum() / phi)
    return min(log_p, 0.0)


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_score_test_against_its_formula(family):
    """Under either family U, v and κ₃ are those of the Poisson fit on the controls and of its moment estimate of φ."""
    data = random_screen(6, n=2500, p=3, controls=0.9, log_mean=-1.0, noise=0.8)
    phi = estimate_dispersions(data.screen).phi if family == "negative_binomial" else None
    tests = fit_descendants(data.screen, test="score", hc="HC3", phi=phi)
    control = data.target == CONTROL
    for target, gene in np.ndindex(tests.effect.shape):
        expected = score_log_p_by_the_formula(
            data.counts[:, gene], data.nuisance, data.depth, control, data.target == target
        )
        assert tests.log_p[target, gene] == pytest.approx(expected, abs=1e-6)


def test_score_test_of_separated_groups_against_its_formula():
    """Groups of ten cells of rare genes: most have no count, and their p-values stop at twice the chance of that."""
    data = random_screen(8, n=1200, p=6, levels=1, controls=0.95, log_mean=-2.0, noise=0.8)
    tests = fit_descendants(data.screen, phi=np.full(6, 0.7))
    control, separated = data.target == CONTROL, tests.status == PairStatus.SEPARATED
    assert separated.sum() > 3
    for target, gene in np.argwhere(separated):
        group = data.target == target
        expected = score_log_p_by_the_formula(data.counts[:, gene], data.nuisance, data.depth, control, group)
        assert tests.log_p[target, gene] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("test", ["auto", "wald", "score"])
def test_a_group_of_one_cell_is_scored(test):
    data = random_screen(7, n=800, p=2, levels=1, numeric=0)
    target = np.where(data.target == 0, CONTROL, data.target)
    target[np.flatnonzero(target == CONTROL)[0]] = 0
    counts = data.counts.copy()
    counts[target == 0, 1] = 9
    n = len(target)
    covariates = Covariates(np.zeros(n, int), np.zeros((n, 0)), np.zeros((n, 0)))
    screen = build_screen(sparse.csc_array(counts), target, data.depth, covariates, ["a", "b"])
    tests = fit_descendants(screen, test=test)
    assert tests.status[0, 1] == PairStatus.SINGLE_CELL
    assert tests.scored[0, 1]
    assert 0 < tests.p[0, 1] < 1
    assert tests.effect[0, 1] == pytest.approx(np.log(9 / tests.expected[0, 1]))
    assert tests.se[0, 1] > 1 / 3


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    levels=st.integers(1, 4),
    dummies=st.integers(0, 2),
    numeric=st.integers(0, 5),
)
def test_against_statsmodels(seed, levels, dummies, numeric):
    data = random_screen(seed, p=3, levels=levels, dummies=dummies, numeric=numeric, log_mean=1.0)
    assert_all_pairs(data, fit_descendants(data.screen))


def test_small_groups_use_the_moment_tables():
    """Many controls, few perturbed cells: the coefficients of the covariates hardly move."""
    data = random_screen(1, n=4000, p=3, controls=0.95, numeric=1)
    assert_all_pairs(data, fit_descendants(data.screen))


def test_large_groups_leave_the_reach_of_the_series():
    """Fewer controls than perturbed cells and other slopes there: sums over the cells take over."""
    data = random_screen(2, n=600, p=2, controls=0.1, numeric=1, log_mean=1.5)
    counts = data.counts.copy()
    rng = np.random.default_rng(0)
    perturbed = data.target != CONTROL
    counts[perturbed, 0] = rng.poisson(data.depth * np.exp(1.0 - 0.9 * data.nuisance[:, -1]))[perturbed]
    level = data.nuisance[:, :3].argmax(axis=1)
    covariates = Covariates(level, np.zeros((len(level), 0)), data.nuisance[:, 3:])
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, data.screen.genes)
    data = type(data)(screen, counts, data.target, data.depth, data.nuisance)
    assert_all_pairs(data, fit_descendants(screen))


@pytest.mark.parametrize(("r", "order"), [(0, 0), (1, 8), (2, 6), (3, 7), (4, 6), (5, 0)])
def test_series_of_moments(r, order):
    """Σ_e Δ^e / e! m^{c+e} gives e^{m'Δ} m^c to the promised 1e-10 at the edge of its reach."""
    mono = monomials(r)
    rng = np.random.default_rng(r)
    m = rng.uniform(-1, 1, r)
    value = np.ones(len(mono.parent))
    for e in range(1, len(value)):
        value[e] = value[mono.parent[e]] * m[mono.variable[e]]
    shift = np.sign(m) * mono.reach / max(r, 1)
    power = np.ones(mono.n_series)
    for e in range(1, mono.n_series):
        power[e] = power[mono.parent[e]] * shift[mono.variable[e]] / mono.divisor[e]
    expected = np.exp(m @ shift) * np.array([1, *m, *(m[a] * m[b] for a in range(r) for b in range(a + 1))])
    np.testing.assert_allclose((value[mono.column] * power).sum(axis=1), expected, rtol=0, atol=2e-10)
    assert (mono.reach > 0) == (order > 0)


def separated_screen(zeros=63, controls=416, counts=10):
    """The authors' false discovery: 0 of 63 cells against 10 of 416 controls."""
    target = np.r_[np.zeros(zeros, int), np.ones(50, int), np.full(controls, CONTROL)]
    y = np.zeros((len(target), 2))
    y[-counts:, 0] = 1
    y[:, 1] = 1 + np.arange(len(target)) % 3
    y[zeros : zeros + 20, 0] = 1
    n = len(target)
    covariates = Covariates(np.zeros(n, int), np.zeros((n, 0)), np.zeros((n, 0)))
    return build_screen(sparse.csc_array(y), target, np.ones(n), covariates, ["a", "b"])


def test_a_group_without_counts_is_not_a_discovery():
    tests = fit_descendants(separated_screen())
    fisher = stats.fisher_exact([[0, 63], [10, 406]]).pvalue
    assert fisher == pytest.approx(0.37, abs=0.01)
    assert tests.status[0, 0] == PairStatus.SEPARATED
    assert 0.5 * fisher < tests.p[0, 0] < 2 * fisher
    expected = 63 * 10 / 416
    assert tests.expected[0, 0] == pytest.approx(expected)
    assert tests.effect[0, 0] == pytest.approx(np.log(0.5 / (expected + 0.5)))
    assert tests.se[0, 0] == pytest.approx(np.sqrt(2))
    assert 2 * stats.norm.sf(abs(tests.z[0, 0])) == pytest.approx(tests.p[0, 0])


def test_a_group_without_counts_where_many_are_expected_is_a_discovery():
    tests = fit_descendants(separated_screen(zeros=600, controls=5000, counts=1500))
    assert tests.status[0, 0] == PairStatus.SEPARATED
    assert tests.p[0, 0] < 1e-6


def rebuilt(data, counts, level, dummies=None, numeric=None, keep=slice(None)):
    """The screen of `data` with other counts and covariates."""
    n = len(level)
    dummies = np.zeros((n, 0)) if dummies is None else dummies
    numeric = np.zeros((n, 0)) if numeric is None else numeric
    covariates = Covariates(level[keep], dummies[keep], numeric[keep])
    return build_screen(
        sparse.csc_array(counts[keep]), data.target[keep], data.depth[keep], covariates, data.screen.genes
    )


def test_no_counts_cannot_point_upwards():
    """A group without counts where hardly any were expected says nothing: the effect tends to 0, not to +∞."""
    tests = fit_descendants(separated_screen(zeros=20, controls=4000, counts=4))
    assert tests.status[0, 0] == PairStatus.SEPARATED
    assert tests.expected[0, 0] == pytest.approx(0.02)
    assert -0.1 < tests.effect[0, 0] < 0
    assert tests.p[0, 0] > 0.9


def test_a_group_without_counts_that_a_covariate_explains_is_not_estimable():
    """The covariate is the indicator of target 0: with a count the pair has no estimate, without it has none either."""
    data = random_screen(14, p=2, levels=1, numeric=0)
    counts = data.counts.copy()
    counts[data.target == 0, 1] = 0
    indicator = (data.target == 0).astype(float)
    numeric = ((indicator - indicator.mean()) / indicator.std())[:, None]
    tests = fit_descendants(rebuilt(data, counts, np.zeros(len(indicator), int), numeric=numeric))
    assert tests.status[0].tolist() == [PairStatus.NOT_ESTIMABLE, PairStatus.NOT_ESTIMABLE]
    assert np.isnan(tests.log_p[0]).all()
    assert np.isfinite(tests.log_p[1]).all()


@pytest.mark.parametrize("empty", ["dummy", "reference"])
def test_a_level_of_a_second_factor_without_counts(empty):
    """Its cells have expectation 0 and drop out, as they do for the main factor."""
    data = random_screen(15, n=1500, p=2, levels=3, dummies=2, numeric=1)
    dummies, numeric = data.nuisance[:, 3:5], data.nuisance[:, 5:]
    level = data.nuisance[:, :3].argmax(axis=1)
    gone = dummies[:, 0] == 1 if empty == "dummy" else dummies.sum(axis=1) == 0
    counts = data.counts.copy()
    counts[gone, 1] = 0
    tests = fit_descendants(rebuilt(data, counts, level, dummies, numeric))
    rest = type(data)(
        None, counts[~gone], data.target[~gone], data.depth[~gone], data.nuisance[~gone][:, [0, 1, 2, 4, 5]]
    )
    if empty == "reference":  # one of the two dummies takes its place
        rest = type(data)(None, rest.counts, rest.target, rest.depth, data.nuisance[~gone][:, [0, 1, 2, 4, 5]])
    for target in range(2):
        effect, se = pair_reference(rest, target, 1)
        assert tests.status[target, 1] == PairStatus.OK
        assert tests.effect[target, 1] == pytest.approx(effect, abs=1e-6)
        assert tests.se[target, 1] == pytest.approx(se, rel=1e-5)


@pytest.mark.parametrize("outlier_count", [50, 500])
def test_one_cell_far_out_does_not_break_newton(outlier_count):
    """A covariate at 35 standard deviations in a single cell; statsmodels starts from the right place, so must we."""
    data = random_screen(16, n=1200, p=2, levels=1, numeric=0)
    values = np.random.default_rng(0).normal(size=(1200, 1))
    cell = np.flatnonzero(data.target == CONTROL)[0]
    values[cell] = 1000
    values = (values - values.mean()) / values.std()
    counts = data.counts.copy()
    counts[cell] = outlier_count
    screen = rebuilt(data, counts, np.zeros(1200, int), numeric=values)
    data = type(data)(screen, counts, data.target, data.depth, np.column_stack([np.ones(1200), values]))
    assert_all_pairs(data, fit_descendants(screen), rtol_se=1e-5)


def test_residuals_of_zero_give_no_standard_error():
    data = random_screen(17, p=2, levels=1, numeric=0)
    counts = np.ones_like(data.counts)
    flat = type(data)(data.screen, counts, data.target, np.ones(len(counts)), data.nuisance)
    tests = fit_descendants(rebuilt(flat, counts, np.zeros(len(counts), int)))
    assert np.all(tests.status == PairStatus.NOT_ESTIMABLE)
    assert np.isnan(tests.log_p).all()


def test_few_counts_are_flagged():
    tests = fit_descendants(separated_screen(zeros=63, controls=416, counts=10))
    assert tests.status[1, 0] == PairStatus.FEW_COUNTS
    assert tests.expected[1, 0] < 5
    assert np.isfinite(tests.log_p[1, 0])
    assert tests.status[1, 1] == PairStatus.OK


def test_a_gene_without_counts_in_the_controls_cannot_be_tested():
    data = random_screen(3, p=3)
    counts = data.counts.copy()
    counts[data.target == CONTROL, 1] = 0
    level = data.nuisance[:, :3].argmax(axis=1)
    covariates = Covariates(level, np.zeros((len(level), 0)), data.nuisance[:, 3:])
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, data.screen.genes)
    tests = fit_descendants(screen)
    assert np.all(tests.status[:, 1] == PairStatus.NO_CONTROL_COUNTS)
    assert np.isnan(tests.log_p[:, 1]).all()
    assert np.isfinite(tests.log_p[:, [0, 2]]).all()
    np.testing.assert_array_equal(tests.count[:, 1], [counts[data.target == j, 1].sum() for j in range(3)])


def test_cells_in_levels_without_controls_carry_no_information():
    data = random_screen(4, p=3, levels=3)
    level = data.nuisance[:, :3].argmax(axis=1)
    keep = ~((level == 2) & (data.target == CONTROL))
    parts = [part[keep] for part in (data.counts, data.target, data.depth, data.nuisance, level)]
    counts, target, depth, nuisance, level = parts
    covariates = Covariates(level, np.zeros((len(level), 0)), nuisance[:, 3:])
    screen = build_screen(sparse.csc_array(counts), target, depth, covariates, data.screen.genes)
    seen = level < 2
    without = type(data)(screen, counts[seen], target[seen], depth[seen], nuisance[seen])
    assert_all_pairs(without, fit_descendants(screen))
    np.testing.assert_array_equal(screen.n_supported[:-1], [(target[seen] == j).sum() for j in range(3)])


def test_results_do_not_depend_on_threads():
    screen = random_screen(5, p=6).screen
    with worker_pool(1) as one, worker_pool(3) as three:
        a, b = fit_descendants(screen, one), fit_descendants(screen, three)
    for name in a.__slots__:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
