"""Agreement of guides against dense computations, and its size and power."""

import numpy as np
import overidentification as study
import pytest
import statsmodels.api as sm
from scipy import sparse
from scipy.optimize import minimize, minimize_scalar
from screens import random_screen

from argen._core.diagnostics.guide_split import NO_GUIDE, split_by_guides
from argen._core.diagnostics.overidentification import NOBODY, pair_tests, saturated_forms
from argen._core.diagnostics.overidentified_equations import UNTESTED, equation_tests
from argen._core.parallel import worker_pool
from argen._core.screen import CONTROL, Covariates, build_screen, regroup

pytestmark = pytest.mark.slow

N_GUIDES = 3


@pytest.fixture(scope="module", params=[False, True], ids=["HC0", "HC3"])
def case(request):
    """A screen with batches, a dummy and a numeric covariate, three guides per target, some cells without one."""
    data = random_screen(3, n=1500, p=4, dummies=1, numeric=1, log_mean=1.0)
    rng = np.random.default_rng(0)
    guide = np.where(data.target == CONTROL, NO_GUIDE, data.target * N_GUIDES + rng.integers(0, N_GUIDES, 1500))
    guide[rng.random(1500) < 0.1] = NO_GUIDE
    guide[data.target == 3] = NO_GUIDE  # stays whole
    split = split_by_guides(data.screen, guide[data.screen.cell], 5)
    forms = saturated_forms(split, hc3=request.param, phi=np.zeros(4))
    return data, split, forms, Dense(data, guide, hc3=request.param), request.param


class Dense:
    """Coefficients and influences of all groups from statsmodels fits on explicit designs."""

    def __init__(self, data, guide, *, hc3):
        labels = [(k, g) for k in range(3) for g in (*range(k * N_GUIDES, (k + 1) * N_GUIDES), NO_GUIDE)]
        labels.append((3, NO_GUIDE))
        self.labels = labels
        D = np.column_stack([(data.target == k) & (guide == g) for k, g in labels]).astype(float)
        self.cells = D.sum(axis=0)
        x = np.column_stack([D, data.nuisance])
        self.effect, self.influence = [], []
        for y in data.counts.T:
            fit = sm.GLM(y, x, family=sm.families.Poisson(), offset=np.log(data.depth)).fit(tol=1e-13, maxiter=200)
            bread = np.linalg.inv(x.T @ (fit.fittedvalues[:, None] * x))
            residual = y - fit.fittedvalues
            if hc3:
                residual = residual / (1 - fit.fittedvalues * np.einsum("ij,jk,ik->i", x, bread, x))
            self.effect.append(fit.params[: len(labels)])
            self.influence.append((residual[:, None] * x @ bread)[:, : len(labels)])

    def rows(self, k):
        return np.array([i for i, (target, guide) in enumerate(self.labels) if target == k and guide != NO_GUIDE])


def test_groups_are_guides_the_rest_and_whole_targets(case):
    _, split, _, dense, _ = case
    assert list(zip(split.perturbation.tolist(), split.guide.tolist(), strict=True)) == dense.labels
    np.testing.assert_array_equal(split.screen.n_per_group[:-1], dense.cells)
    np.testing.assert_array_equal(split.split_perturbations, [0, 1, 2])


def test_regrouped_screen_is_the_one_built_on_these_groups(case):
    data, split, _, dense, _ = case
    group = np.full(len(data.target), CONTROL)
    names = {label: i for i, label in enumerate(dense.labels)}
    of_sorted = dict(zip(data.screen.cell[split.screen.cell].tolist(), split.screen.group.tolist(), strict=True))
    for cell, g in of_sorted.items():
        group[cell] = g if g < len(names) else CONTROL
    np.testing.assert_array_equal(group == CONTROL, data.target == CONTROL)
    keep = np.arange(len(group)) % 3 > 0
    levels, dummies, numeric = data.nuisance[:, :3].argmax(axis=1), data.nuisance[:, 3:4], data.nuisance[:, 4:]
    for mask in (None, keep):
        some = np.ones(len(group), dtype=bool) if mask is None else mask
        covariates = Covariates(levels[some], dummies[some], numeric[some])
        counts = np.column_stack([data.counts[some], np.zeros((some.sum(), len(names) - 4))])
        built = build_screen(
            sparse.csc_array(counts), group[some], data.depth[some], covariates, [f"{i:02d}" for i in range(len(names))]
        )
        again = regroup(
            data.screen,
            group[data.screen.cell],
            len(names),
            keep=None if mask is None else mask[data.screen.cell],
        )
        for name, value in built.design._asdict().items():
            np.testing.assert_array_equal(getattr(again.design, name), value, err_msg=name)
        for gene in range(4):
            np.testing.assert_array_equal(again.counts_of(gene), built.counts_of(gene))
        np.testing.assert_array_equal(data.screen.cell[again.cell], np.flatnonzero(some)[built.cell])


def test_regrouping_drops_levels_without_cells(case):
    data = case[0]
    screen = data.screen
    keep = screen.design.stratum_level[screen.stratum] != 1
    again = regroup(screen, np.where(screen.group == 4, CONTROL, screen.group), 4, keep=keep)
    assert again.design.n_levels == 2
    assert again.n_cells == keep.sum()


def test_pairs_against_brute_force(case):
    """J is the minimum of g'Ω⁻¹g over b with Ω fixed where that minimum lies."""
    _, split, forms, dense, hc3 = case
    tests = pair_tests(split, forms, hc3=hc3, alpha=0.9)
    assert tests.converged.all()
    assert list(zip(tests.source.tolist(), tests.target.tolist(), strict=True)) == [
        (k, gene) for k in range(3) for gene in range(4) if gene != k
    ]
    for i, (k, gene) in enumerate(zip(tests.source, tests.target, strict=True)):
        rows = dense.rows(k)
        best, value = brute_pair(dense, k, gene, rows, tests.ratio[i])
        assert best == pytest.approx(tests.ratio[i], abs=1e-6)
        assert value == pytest.approx(tests.statistic[i], rel=1e-6, abs=1e-9)
        assert tests.df[i] == 2
        if tests.odd[i] != NOBODY:
            left = [settled_pair(dense, k, gene, np.delete(rows, j)) for j in range(3)]
            assert tests.odd[i] == rows[np.argmin(left)]
    assert (tests.odd != NOBODY).any()


def brute_pair(dense, k, gene, rows, at):
    u = dense.influence[gene][:, rows] - at * dense.influence[k][:, rows]
    weights = np.linalg.inv(u.T @ u)

    def distance(b):
        g = dense.effect[gene][rows] - b * dense.effect[k][rows]
        return g @ weights @ g

    found = minimize_scalar(distance, bracket=(at - 1, at + 1), tol=1e-12)
    return found.x, found.fun


def settled_pair(dense, k, gene, rows):
    b = 0.0
    for _ in range(100):
        b, value = brute_pair(dense, k, gene, rows, b)
    return value


def test_edges_and_equations_against_brute_force(case):
    """J over all θ with the rows of METHOD 9: averages of the other candidates, guides of the one that is tested."""
    _, split, forms, dense, hc3 = case
    reach = np.zeros((4, 4), dtype=bool)
    reach[0, 1] = reach[0, 2] = reach[1, 2] = True
    reach[[0, 1, 2], 3] = True
    (test,) = equation_tests(split, forms, [(3, np.array([0, 1, 2]))], reach, hc3=hc3, alpha=0.9)
    E = np.zeros((len(dense.labels), 3))
    IF = np.zeros((3, *dense.influence[0].shape))
    for k in range(3):
        moved = [target == k or bool(reach[target, k]) for target, _ in dense.labels]
        E[:, k] = np.where(moved, dense.effect[k], 0.0)
        IF[k] = np.where(moved, dense.influence[k], 0.0)
    averages = np.zeros((3, len(dense.labels)))
    for k in range(3):
        averages[k, dense.rows(k)] = dense.cells[dense.rows(k)] / dense.cells[dense.rows(k)].sum()
    xi = dense.effect[3]
    theta = np.linalg.solve(averages @ E, averages @ xi)
    u = dense.influence[3] - np.tensordot(theta, IF, 1)
    unit = np.eye(len(dense.labels))

    def smallest(S):
        weights = np.linalg.inv(S @ u.T @ u @ S.T)

        def distance(b):
            g = S @ (xi - E @ b)
            return g @ weights @ g

        return minimize(distance, theta, method="BFGS", options={"gtol": 1e-10}).fun

    for k in range(3):
        others = averages[[l for l in range(3) if l != k]]
        assert test.statistic[k] == pytest.approx(smallest(np.vstack([others, unit[dense.rows(k)]])), rel=1e-6)
        assert test.df[k] == 2
        left = [smallest(np.vstack([others, unit[np.delete(dense.rows(k), j)]])) for j in range(3)]
        if test.odd[k] != NOBODY:
            assert test.odd[k] == dense.rows(k)[np.argmin(left)]
    every = np.vstack([unit[dense.rows(k)] for k in range(3)])
    assert test.whole[0] == pytest.approx(smallest(every), rel=1e-6)
    assert test.whole[1] == 6
    assert (test.odd != NOBODY).any()


def test_whole_candidates_and_singular_equations(case):
    _, split, forms, _, hc3 = case
    reach = np.ones((4, 4), dtype=bool)
    (alone,) = equation_tests(split, forms, [(0, np.array([3]))], reach, hc3=hc3, alpha=0.05)
    assert UNTESTED[alone.why[0]] == UNTESTED[alone.whole_why] == "not split"
    assert np.isnan(alone.statistic).all()
    same = [forms[0], forms[1], forms[1], forms[3]]  # two candidates that every perturbation moves alike
    (twice,) = equation_tests(split, same, [(0, np.array([1, 2]))], reach, hc3=hc3, alpha=0.05)
    assert UNTESTED[twice.whole_why] == "singular"
    assert twice.whole[1] == 0


def test_guides_without_counts_leave_the_test():
    data = random_screen(5, n=900, p=3, log_mean=1.0)
    guide = np.where(data.target == CONTROL, NO_GUIDE, data.target * N_GUIDES + np.arange(900) % N_GUIDES)
    counts = data.counts.copy()
    counts[guide == 0, 1] = 0  # guide 0 is against gene 0
    counts[np.isin(guide, [3, 4]), 1] = 0  # two of three guides against gene 1
    levels, numeric = data.nuisance[:, :3].argmax(axis=1), data.nuisance[:, 3:]
    covariates = Covariates(levels, np.zeros((900, 0)), numeric)
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, ["a", "b", "c"])
    split = split_by_guides(screen, guide[screen.cell], 5)
    forms = saturated_forms(split, hc3=False, phi=np.zeros(3))
    pairs = pair_tests(split, forms, hc3=False, alpha=0.05)
    n = {(k, g): (n, df) for k, g, n, df in zip(pairs.source, pairs.target, pairs.n_guides, pairs.df, strict=True)}
    assert n[0, 1] == (2, 1)
    assert n[0, 2] == (3, 2)
    assert n[1, 0] == n[1, 2] == (1, 0)
    assert np.isnan(pairs.p[pairs.df == 0]).all()
    reach = np.zeros((3, 3), dtype=bool)
    reach[0, 1] = True
    (test,) = equation_tests(split, forms, [(2, np.array([0, 1]))], reach, hc3=False, alpha=0.05)
    assert test.df.tolist() == [2, 0]
    assert UNTESTED[test.why[1]] == "fewer than two guides with counts"
    assert test.whole[1] == 2
    assert np.isfinite(test.whole[0])


def test_a_gene_with_the_counts_of_the_target_is_not_tested():
    data = random_screen(6, n=900, p=3, log_mean=1.0)
    guide = np.where(data.target == CONTROL, NO_GUIDE, data.target * 2 + np.arange(900) % 2)
    counts = data.counts.copy()
    counts[:, 2] = counts[:, 0]
    covariates = Covariates(np.zeros(900, dtype=int), np.zeros((900, 0)), np.zeros((900, 0)))
    screen = build_screen(sparse.csc_array(counts), data.target, data.depth, covariates, ["a", "b", "c"])
    split = split_by_guides(screen, guide[screen.cell], 5)
    pairs = pair_tests(split, saturated_forms(split, hc3=True, phi=np.zeros(3)), hc3=True, alpha=0.05)
    same = (pairs.source == 0) & (pairs.target == 2)
    assert np.isnan(pairs.p[same]).all()
    assert np.isfinite(pairs.p[(pairs.source == 0) & (pairs.target == 1)]).all()


def test_negative_binomial_and_threads(case):
    _, split, _, _, hc3 = case
    phi = np.full(4, 0.3)
    tables = []
    for threads in (1, 2):
        with worker_pool(threads) as map_:
            forms = saturated_forms(split, hc3=hc3, phi=phi, map_=map_)
            pairs = pair_tests(split, forms, hc3=hc3, alpha=0.05, map_=map_)
            reach = np.triu(np.ones((4, 4), dtype=bool))
            (test,) = equation_tests(split, forms, [(3, np.array([0, 1, 2]))], reach, hc3=hc3, alpha=0.05, map_=map_)
        tables.append((pairs.statistic, pairs.ratio, test.statistic, test.whole))
    assert all(form.phi == 0.3 for form in forms)
    for one, two in zip(*tables, strict=True):
        np.testing.assert_array_equal(one, two)


def shares(guides, cells, mean, off_target, replicates=40):
    """Rejected share, its standard error over replicates, and share of right names, by test."""
    runs = [row for seed in range(replicates) for row in study.replicate(guides, cells, mean, off_target, seed)]
    found = {}
    for name in ("pair", "edge", "equation"):
        rows = [row for row in runs if row["test"] == name]
        share = np.array([row["rejected"] / row["n"] for row in rows])
        named = sum(row["named"] for row in rows) / max(sum(row["rejected"] for row in rows), 1)
        found[name] = share.mean(), share.std(ddof=1) / np.sqrt(len(share)), named
    return found


@pytest.mark.parametrize(("guides", "cells"), [(1, 150), (1, 50), (2, 150)])
def test_size_on_valid_guides_of_unequal_strength(guides, cells):
    """Between .03 and .08 at .05, give or take three standard errors."""
    for name, (share, error, _) in shares(list(study.GUIDES)[guides], cells, 2.0, 0.0).items():
        assert 0.03 - 3 * error < share < 0.08 + 3 * error, name


@pytest.mark.parametrize(("off_target", "least"), [(0.5, 0.8), (-0.5, 0.65)])
def test_power_against_one_off_target_guide_of_four(off_target, least):
    found = shares(next(iter(study.GUIDES)), 150, 2.0, off_target)
    share, error, named = found["pair"]
    assert share > least - 3 * error
    assert named > 0.85
