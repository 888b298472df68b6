"""INSPRE: exact inverses, conditions of optimality, the R package's estimates."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from data_files import fixture
from scipy import sparse
from screens import chr6like_screen, random_screen

from argen._core.descendants.tests import fit_descendants
from argen._core.graphs.layers import layers_with_cycles
from argen._core.parallel import worker_pool
from argen.baselines._inspre.admm import direct_effects, lambda_path, predicted_ratios, solve_path, sparse_inverse
from argen.baselines._inspre.expression import group_moments, ratios_of_moments, z_scores
from argen.baselines._inspre.folds import all_ratios, subscreen
from argen.baselines._inspre.order import evidence, forward_entries, forward_order
from argen.baselines._inspre.ratios import ratios_of_effects, weights
from argen.baselines._inspre.selection import Path, choose, deal_folds, fit_path

pytestmark = pytest.mark.slow


def random_network(p, seed, *, cyclic):
    rng = np.random.default_rng(seed)
    G = np.where(rng.random((p, p)) < 2.0 / p, rng.choice([-1, 1], (p, p)) * rng.uniform(0.2, 0.6, (p, p)), 0.0)
    G = G if cyclic else np.triu(G, 1)
    np.fill_diagonal(G, 0.0)
    if cyclic:
        G *= min(1.0, 0.7 / np.abs(np.linalg.eigvals(G)).max())
    return G


def ratios_from(G):
    """Ratios of total effects, as every cell's mean would give them."""
    total = np.linalg.inv(np.eye(len(G)) - G)
    return total / np.diag(total)[:, None]


@pytest.mark.parametrize("cyclic", [False, True])
@pytest.mark.parametrize("p", [5, 30])
def test_exact_inverse_is_found_as_the_penalty_vanishes(p, cyclic):
    G = random_network(p, 3, cyclic=cyclic)
    R = ratios_from(G)
    fits = solve_path(R, np.ones((p, p)), np.geomspace(0.1, 1e-5, 12), tolerance=1e-6)
    assert all(fit.converged for fit in fits)
    np.testing.assert_allclose(fits[-1].G, G, atol=1e-4)
    np.testing.assert_allclose(predicted_ratios(fits[-1].V), R, atol=1e-4)


def test_direct_effects_of_a_cyclic_network_are_exact():
    G = random_network(12, 5, cyclic=True)
    assert not np.allclose(np.diag(np.linalg.inv(np.eye(12) - G)), 1.0)
    np.testing.assert_allclose(direct_effects(np.linalg.inv(ratios_from(G))), G, atol=1e-12)


@pytest.mark.parametrize("lam", [0.5, 0.1, 0.01])
def test_solution_is_stationary(lam):
    """With F(V) = ½‖W∘(R − V⁻¹)‖², ∂F/∂V_ij = −λ sign V_ij where V_ij ≠ 0, within ±λ elsewhere, 0 on the diagonal."""
    rng = np.random.default_rng(1)
    p = 9
    R = ratios_from(random_network(p, 2, cyclic=True)) + 0.05 * rng.normal(size=(p, p))
    np.fill_diagonal(R, 1.0)
    W = rng.uniform(0.5, 2.0, (p, p))
    W[2, 5] = 0.0
    R[2, 5] = np.nan
    fit = sparse_inverse(R, W, lam, tolerance=1e-7, max_iterations=20_000)
    assert fit.converged
    U = np.linalg.inv(fit.V)
    gradient = U.T @ (W**2 * (np.nan_to_num(R) - U)) @ U.T
    off, active = ~np.eye(p, dtype=bool), fit.V != 0.0
    assert 0 < (active & off).sum() < p * (p - 1)
    np.testing.assert_allclose(np.diag(gradient), 0.0, atol=1e-4)
    np.testing.assert_allclose(gradient[active & off], -lam * np.sign(fit.V[active & off]), atol=1e-4)
    assert (np.abs(gradient[~active]) < lam + 1e-4).all()
    penalty = np.abs(fit.V[off]).sum()
    assert fit.objective == pytest.approx(0.5 * np.sum((W * (np.nan_to_num(R) - U)) ** 2) + lam * penalty, rel=1e-6)


def test_missing_ratios_do_not_matter():
    R = ratios_from(random_network(6, 4, cyclic=False))
    W = np.ones((6, 6))
    W[1, 4] = W[3, 0] = 0.0
    first = sparse_inverse(R, W, 0.05, tolerance=1e-6, max_iterations=5000)
    holes = R.copy()
    holes[1, 4] = holes[3, 0] = np.nan
    holes[0, 3] = R[0, 3]
    spoilt = R.copy()
    spoilt[1, 4] = 50.0
    for other in (holes, spoilt):
        again = sparse_inverse(other, W, 0.05, tolerance=1e-6, max_iterations=5000)
        np.testing.assert_allclose(again.V, first.V, atol=1e-3)


def test_without_convergence_the_best_iterate_is_kept_and_said():
    rng = np.random.default_rng(0)
    R = ratios_from(random_network(20, 1, cyclic=False)) + 0.1 * rng.normal(size=(20, 20))
    np.fill_diagonal(R, 1.0)
    W = np.ones_like(R)
    stopped = [sparse_inverse(R, W, 0.05, max_iterations=n) for n in (1, 6, 20)]
    finished = sparse_inverse(R, W, 0.05, tolerance=1e-5, max_iterations=5000)
    assert finished.converged
    assert [fit.converged for fit in stopped] == [False] * 3
    assert [fit.iterations for fit in stopped] == [1, 6, 20]
    assert all(np.isfinite(fit.V).all() and np.isfinite(fit.objective) for fit in stopped)
    identity = 0.5 * ((R - np.eye(20)) ** 2).sum()
    objectives = [identity, *(fit.objective for fit in stopped), finished.objective]
    assert objectives == sorted(objectives, reverse=True)


def test_inputs_may_be_read_only():
    R, W = ratios_from(random_network(5, 0, cyclic=False)), np.ones((5, 5))
    allowed = np.triu(np.ones((5, 5), dtype=bool), 1)
    for array in (R, W, allowed):
        array.flags.writeable = False
    start = sparse_inverse(R, W, 0.1, allowed)
    V = start.V.copy()
    sparse_inverse(R, W, 0.01, allowed, start)
    np.testing.assert_array_equal(start.V, V)


def test_entries_that_are_not_allowed_stay_zero():
    G = random_network(10, 6, cyclic=False)
    allowed = np.triu(np.ones((10, 10), dtype=bool), 1)
    fit = solve_path(ratios_from(G) + 0.02, np.ones((10, 10)), np.geomspace(0.1, 1e-3, 8), allowed)[-1]
    assert not np.tril(fit.V, -1).any()
    np.testing.assert_array_equal(np.diag(fit.V), 1.0)
    np.testing.assert_allclose(fit.G, G, atol=0.1)


def test_lambda_path():
    R = np.array([[1.0, -0.4, np.nan], [0.2, 1.0, 0.0], [0.1, 0.3, 1.0]])
    path = lambda_path(R)
    assert len(path) == 20
    assert path[[0, -1]] == pytest.approx([0.4, 0.004])
    np.testing.assert_allclose(np.diff(np.log(path)), np.log(0.01) / 19)
    assert lambda_path(np.array([[1.0, 7.0], [0.0, 1.0]]))[0] == 1.0
    assert lambda_path(np.eye(3))[0] == 1.0


def test_weights():
    se = np.array([[0.0, 0.1, 0.2], [0.4, 0.0, np.nan], [0.2, 0.001, 0.0]])
    for power in (1, 2):
        W = weights(se, power, 3.0)
        assert W.mean() == pytest.approx(1.0)
        assert W[1, 2] == 0.0
        assert W[0, 2] / W[1, 0] == pytest.approx(2.0**power)
        cap = 3.0 * np.median([se[0, 1], se[0, 2], se[1, 0], se[2, 0], se[2, 1]]) ** -power
        np.testing.assert_allclose(np.r_[np.diag(W), W[2, 1]] / W[0, 2], cap * 0.2**power)
    unweighted = weights(se, 0, 10.0)
    np.testing.assert_allclose(unweighted[np.isfinite(se)], 9 / 8)


def test_z_ratios_against_plain_loops():
    data = random_screen(5, p=4, levels=2)
    screen = data.screen
    z, group = z_scores(screen), screen.group
    expected = np.log1p(data.counts / data.depth[:, None])[screen.cell]
    for level in range(2):
        cells = screen.stratum == level
        control = expected[cells & (group == 4)]
        expected[cells] = (expected[cells] - control.mean(axis=0)) / control.std(axis=0, ddof=1)
    np.testing.assert_allclose(z, expected, atol=1e-10)
    found = ratios_of_moments(group_moments(z, group, 4))
    controls = z[group == 4]
    for i in range(4):
        own = z[group == i]
        n = len(own) + len(controls)
        for j in range(4):
            R = own[:, j].sum() / own[:, i].sum()
            rest = np.r_[own[:, j] - R * own[:, i], controls[:, j] - R * controls[:, i]]
            se = 0.0 if i == j else np.sqrt((rest**2).sum() / (n * len(own))) / np.abs(own[:, i].mean())
            assert found.R[i, j] == pytest.approx(R)
            assert found.se[i, j] == pytest.approx(se, abs=1e-12)
            assert found.effect[i, j] == pytest.approx(own[:, j].mean())


def test_ratios_of_total_effects():
    tests = fit_descendants(random_screen(6).screen)
    found = ratios_of_effects(tests)
    for i, j in [(0, 1), (3, 2)]:
        R = tests.effect[i, j] / tests.effect[i, i]
        assert found.R[i, j] == R
        variance = (tests.se[i, j] ** 2 + R**2 * tests.se[i, i] ** 2) / tests.effect[i, i] ** 2
        assert found.se[i, j] == pytest.approx(np.sqrt(variance))
    np.testing.assert_array_equal(np.diag(found.R), 1.0)
    np.testing.assert_array_equal(np.diag(found.se), 0.0)


def test_folds_hold_a_share_of_every_group():
    group = np.repeat([0, 1, 2], [10, 33, 200])
    fold = deal_folds(group, 5, np.random.default_rng(0))
    table = pd.crosstab(group, fold).to_numpy()
    assert table.shape == (3, 5)
    assert (table.max(axis=1) - table.min(axis=1) <= 1).all()


def test_part_of_a_screen_is_the_screen_of_the_part():
    from argen._core.screen import Covariates, build_screen

    data = random_screen(7, levels=3, dummies=1)
    kept = np.random.default_rng(0).random(data.screen.n_cells) < 0.5
    kept &= data.screen.stratum > 0
    part = subscreen(data.screen, kept)
    at = data.screen.cell[kept]
    levels = np.unique(data.nuisance[at, :3].argmax(axis=1), return_inverse=True)[1]
    covariates = Covariates(levels, data.nuisance[at, 3:4], data.nuisance[at, 4:])
    counts = sparse.csc_array(data.counts[at])
    expected = build_screen(counts, data.target[at], data.depth[at], covariates, data.screen.genes)
    for one, other in ((fit_descendants(part), fit_descendants(expected)),):
        np.testing.assert_allclose(one.effect, other.effect, rtol=1e-9)
        np.testing.assert_allclose(one.se, other.se, rtol=1e-9)


def test_order_runs_along_the_effects():
    G = np.triu(np.abs(random_network(12, 8, cyclic=False)), 1) + np.diag(np.full(11, 0.3), 1)
    shuffled = np.random.default_rng(0).permutation(12)
    weight = ratios_from(G)[np.ix_(shuffled, shuffled)] - np.eye(12)
    np.testing.assert_array_equal(shuffled[forward_order(weight)], np.arange(12))
    entries = forward_entries(np.array([2, 0, 1]))
    assert np.argwhere(entries).tolist() == [[0, 1], [2, 0], [2, 1]]


def test_order_cannot_be_bettered_by_one_move():
    weight = np.random.default_rng(3).gamma(1.0, size=(8, 8))
    order = forward_order(weight).tolist()

    def forward(genes):
        return np.triu(weight[np.ix_(genes, genes)], 1).sum()

    for place in range(8):
        rest = order[:place] + order[place + 1 :]
        assert all(forward([*rest[:k], order[place], *rest[k:]]) <= forward(order) + 1e-9 for k in range(8))


def test_choice_of_lambda():
    fits = solve_path(np.eye(3), np.ones((3, 3)), np.array([0.4, 0.3, 0.2, 0.1]))
    error, instability = np.array([3.0, 1.0, 2.0, 1.5]), np.array([0.0, 0.04, 0.06, 0.03])
    path = Path(fits, error, np.full(4, 0.1), instability, np.zeros((4, 3, 3)), None)
    assert all(fit.converged for fit in fits)
    assert choose(path, "cv-min") == 1
    assert choose(path, "cv") == 1
    assert choose(replace(path, error_se=np.full(4, 2.0)), "cv") == 0
    assert choose(path, "stability") == 1  # 0.1 is steady again, but not all that is larger
    lost = replace(path, fits=[fits[0], replace(fits[1], converged=False), *fits[2:]])
    assert choose(lost, "cv") == 3
    assert choose(lost, "stability") == 0
    assert choose(replace(path, fits=[replace(fit, converged=False) for fit in fits]), "cv") == 1


def test_layers_count_the_longest_path_and_cycles_once():
    edges = np.zeros((6, 6), dtype=bool)
    for i, j in [(0, 1), (1, 2), (2, 1), (2, 3), (0, 3), (4, 5)]:
        edges[i, j] = True
    assert layers_with_cycles(edges).tolist() == [0, 1, 1, 2, 0, 1]
    assert layers_with_cycles(np.zeros((3, 3), dtype=bool)).tolist() == [0, 0, 0]


# --- The R package's estimates on chr6like -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def chr6like():
    screen = chr6like_screen()
    with worker_pool(2) as map_:
        tests = fit_descendants(screen, map_)
    return screen, tests


def matrix(screen, table, value=None):
    wide = table.assign(x=1.0 if value is None else table[value]).pivot(index="from", columns="to", values="x")
    return wide.reindex(index=screen.genes, columns=screen.genes).fillna(0.0).to_numpy()


@pytest.fixture(scope="module")
def truth(chr6like):
    return matrix(chr6like[0], pd.read_csv(fixture("chr6like", "truth_edges.csv"))) != 0.0


def reference(screen, dag):
    name = f"chr6like_G_zlog1p_bygem_DAG{str(dag).upper()}.csv.gz"
    return matrix(screen, pd.read_csv(fixture("inspre", name)), "G_z")


def scores(G, truth, least=0.05):
    found = np.abs(G) > least
    np.fill_diagonal(found, val=False)
    hits = (found & truth).sum()
    return hits / found.sum(), hits / truth.sum(), 2 * hits / (found.sum() + truth.sum())


def test_same_estimates_as_the_r_package(chr6like, truth):
    """z-scores, weights 1/s²: at the λ nearest to R's choice, the same direct effects, and the same recall."""
    screen, tests = chr6like
    ratios, _ = all_ratios(screen, tests, "z", None)
    theirs = reference(screen, dag=False)
    assert scores(theirs, truth)[:2] == pytest.approx((0.67, 0.46), abs=0.005)
    W = weights(ratios.se, 2, 10.0)
    fits = solve_path(ratios.R, W, lambda_path(ratios.R), tolerance=1e-3)
    off = ~np.eye(screen.n_genes, dtype=bool)
    agreement = [np.corrcoef(fit.G[off], theirs[off])[0, 1] for fit in fits[1:]]
    best = fits[1 + int(np.argmax(agreement))]
    assert max(agreement) > 0.93
    assert scores(best.G, truth)[1] == pytest.approx(0.46, abs=0.1)
    shared_edges = (np.abs(best.G) > 0.1) & (np.abs(theirs) > 0.1) & off
    assert shared_edges.sum() > 0.8 * ((np.abs(theirs) > 0.1) & off).sum()
    assert (np.sign(best.G) == np.sign(theirs))[shared_edges].all()


@pytest.mark.parametrize("dag", [False, True])
def test_adjusted_effects_do_better_than_the_r_package(chr6like, truth, dag):
    screen, tests = chr6like
    with worker_pool(2) as map_:
        fold = deal_folds(screen.group, 5, np.random.default_rng(0))
        ratios, folds = all_ratios(screen, tests, "argen", fold, map_)
        options = {"weighting": (1, 10.0), "dag": dag, "tolerance": 1e-3, "max_iterations": 500}
        path = fit_path(ratios, folds, lambda_path(ratios.R), **options, map_=map_, stop_early=True)
    assert all(fit.converged for fit in path.fits)
    chosen = path.fits[choose(path, "cv")]
    assert scores(chosen.G, truth, 0.1)[2] > 0.9
    assert len(path.fits) < 20
    assert (np.diff(path.error[-4:]) > 0).all()
    assert scores(reference(screen, dag), truth)[2] < 0.6
    if dag:
        entries = forward_entries(path.order)
        assert not chosen.G[~entries].any()
        assert np.array_equal(path.order, forward_order(evidence(ratios)))
