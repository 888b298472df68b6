"""All pairs of the descendant step against statsmodels, on every path that the kernels can take."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import poisson
from scipy import sparse, stats
from screens import random_screen

from argen._core.descendants import fit_descendants
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


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    levels=st.integers(1, 4),
    dummies=st.integers(0, 2),
    numeric=st.integers(0, 4),
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


@pytest.mark.parametrize(("r", "order"), [(0, 0), (1, 8), (2, 6), (3, 5), (4, 0)])
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
    assert tests.effect[0, 0] == pytest.approx(np.log(0.5 / expected))
    assert tests.se[0, 0] == pytest.approx(np.sqrt(2))
    assert 2 * stats.norm.sf(abs(tests.z[0, 0])) == pytest.approx(tests.p[0, 0])


def test_a_group_without_counts_where_many_are_expected_is_a_discovery():
    tests = fit_descendants(separated_screen(zeros=600, controls=5000, counts=1500))
    assert tests.status[0, 0] == PairStatus.SEPARATED
    assert tests.p[0, 0] < 1e-6


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
