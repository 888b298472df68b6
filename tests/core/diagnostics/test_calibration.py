"""Null tests against dense computations, and their error rates against the nominal ones."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import poisson
from scipy import stats
from screens import random_screen

from argen._core.counts import GeneCounts
from argen._core.dag.equations import steps_of
from argen._core.dag.instruments import instrument_set
from argen._core.dag.search import search_dag
from argen._core.descendants.tests import fit_descendants
from argen._core.diagnostics.calibration import (
    draw_splits,
    fit_placebo,
    fit_pseudo_perturbations,
    group_sizes,
)
from argen._core.diagnostics.null_rates import inflation, qq_points, rejection_rate
from argen._core.graphs.reach import transitive_closure
from argen._core.results import Relation
from argen._core.screen import CONTROL, regroup

pytestmark = pytest.mark.slow

PLAIN = {"test": "wald", "hc": "HC0", "pooled": False}


def relation_of(descendant):
    return Relation(np.full(descendant.shape, np.nan), descendant, descendant, np.empty((0, 2), dtype=int), ())


def everything(p):
    """Every gene descends from every other: one large cycle."""
    return ~np.eye(p, dtype=bool)


def chain(p):
    return np.triu(np.ones((p, p), dtype=bool), 1)


def fork(p):
    """The last gene descends from all others, which are unrelated."""
    return np.arange(p) == np.where(np.arange(p) < p - 1, p - 1, -1)[:, None]


def placebo_of(screen, descendant, *, first_stage="ancestors", covariance="murphy-topel", hc="HC0", **options):
    relation, phi = relation_of(descendant), np.zeros(screen.n_genes)
    tests = fit_descendants(screen)
    how = {"first_stage": first_stage, "covariance": covariance, "hc": hc}
    dag = search_dag(screen, tests, relation, alpha=0.05, **how)
    given = {"n_splits": 3, "seed": 7, "min_cells": 5, "phi": phi} | how | options
    return dag, fit_placebo(screen, relation, dag, np.ones(screen.n_genes, dtype=bool), **given)


@pytest.mark.parametrize("descendant", [chain(4), everything(4), fork(4)], ids=["order", "cycle", "fork"])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
@pytest.mark.parametrize("covariance", ["murphy-topel", "naive"])
def test_placebo_against_dense_regressions(descendant, first_stage, covariance):
    data = random_screen(3, n=900, p=4, dummies=1)
    screen = data.screen
    dag, placebo = placebo_of(screen, descendant, first_stage=first_stage, covariance=covariance)
    controls = regroup(screen, np.full(screen.n_cells, CONTROL), 0, keep=screen.group == screen.n_groups)
    rows = screen.cell[controls.cell]  # in the arrays of `data`
    assert (data.target[rows] == CONTROL).all()
    found = 0
    # Lazily: a step's instruments are read off the genes that are left at that moment.
    steps = (s for s in steps_of(descendant, dag.order, np.ones(4, dtype=bool)) if len(s.ancestors))
    for number, step in enumerate(steps):
        A = step.candidates
        sets = [instrument_set(int(k), A, anc, first_stage) for k, anc in zip(A, step.instruments, strict=True)]
        M, first = np.zeros((len(A), len(A))), []
        for column, (k, used) in enumerate(zip(A, sets, strict=True)):
            fit = poisson(data.counts[:, k], np.column_stack([data.indicators(used), data.nuisance]), data.depth)
            at, m = np.searchsorted(A, used), len(used)
            of_fit, weight = fit.cov_params()[:m, :m], np.ones(m)
            if first_stage == "shrunk":
                unrelated = ~descendant[A, k] & (k != A)
                weight[unrelated] = np.maximum(0.0, 1.0 - np.diag(of_fit) / fit.params[:m] ** 2)[unrelated]
            M[at, column] = weight * fit.params[:m]
            V = np.zeros((len(A), len(A)))
            V[np.ix_(at, at)] = np.outer(weight, weight) * of_fit
            first.append(V)
        inverse = np.linalg.inv(M)
        sizes, factor = group_sizes(screen.n_per_group[A], len(rows))
        assert sizes.sum() <= len(rows) / 2
        assert placebo.factor[number] == factor
        for split in range(3):
            shuffled = rows[np.random.default_rng([7, 1, split]).permutation(len(rows))]
            ends = np.cumsum(sizes)
            D = np.zeros((len(data.counts), len(A)))
            for g, (lo, hi) in enumerate(zip(ends - sizes, ends, strict=True)):
                D[shuffled[lo:hi], g] = 1.0
            x = np.column_stack([D, data.nuisance])[rows]
            fit = poisson(data.counts[rows, step.target], x, data.depth[rows])
            theta = inverse @ fit.params[: len(A)]
            V = fit.cov_params()[: len(A), : len(A)]
            if covariance == "murphy-topel":
                V = V + sum(t**2 * V_k for t, V_k in zip(theta, first, strict=True))
            mine = placebo.equation == number
            np.testing.assert_array_equal(dag.source[placebo.edge[mine]], A)
            np.testing.assert_array_equal(dag.target[placebo.edge[mine]], step.target)
            np.testing.assert_allclose(placebo.coef[mine, split], theta, rtol=1e-6, atol=1e-9)
            se = np.sqrt(np.diag(inverse @ V @ inverse.T))
            np.testing.assert_allclose(placebo.se[mine, split], se, rtol=1e-6)
            p = 2 * stats.norm.sf(np.abs(theta / se))
            np.testing.assert_allclose(np.exp(placebo.log_p[mine, split]), p, rtol=1e-5)
            found += len(A)
    assert found == placebo.coef.size == 3 * len(placebo.edge)
    assert found > 0


def test_real_cells_never_enter_a_placebo():
    """Other counts in the perturbed cells change M and nothing else: θ M is as it was."""
    data = random_screen(4, p=3)
    _, before = placebo_of(data.screen, chain(3))
    screen = data.screen
    counts = screen.counts.matrix().astype(np.int64)
    counts.data += (screen.group < screen.n_groups)[counts.indices] * (counts.indices % 3)
    other = replace(screen, counts=GeneCounts.of_matrix(counts))
    _, after = placebo_of(other, chain(3))
    one = before.equation == np.flatnonzero([len(before.edge[before.equation == i]) == 1 for i in range(2)])[0]
    ratio = after.coef[one] / before.coef[one]
    assert ratio.std() < 1e-9  # one candidate: θ = ξ / m
    assert abs(ratio.mean() - 1) > 1e-3


def test_equations_that_cannot_be_tested():
    data = random_screen(5, n=300, p=4)
    _, placebo = placebo_of(data.screen, chain(4), min_cells=25)
    out = [bool(reason) for reason in placebo.reason]
    assert set(placebo.reason) <= {"", "too few controls for placebo groups of 25 cells"}
    assert any(out)
    np.testing.assert_array_equal(np.isnan(placebo.factor), out)
    assert set(placebo.equation) == set(np.flatnonzero(~np.array(out)))
    holes = np.zeros((4, 4), dtype=bool)
    holes[[0, 1, 2, 1], [1, 2, 3, 3]] = True  # 0 is an ancestor of 2's parents but no candidate of 3
    _, placebo = placebo_of(random_screen(5).screen, holes)
    assert "over-identified" in placebo.reason
    _, placebo = placebo_of(data.screen, np.zeros((4, 4), dtype=bool))
    assert placebo.reason == ()
    assert placebo.log_p.shape == (0, 3)


def test_splits_are_compared_with_the_other_controls():
    data = random_screen(6, n=800, p=3)
    screen = data.screen
    controls = np.flatnonzero(screen.group == screen.n_groups)
    members, _ = draw_splits(len(controls), screen.n_per_group[:-1], 4, 1, 10)
    tests = fit_pseudo_perturbations(screen, members, phi=np.zeros(3), **PLAIN)
    rows = screen.cell[controls]
    for split, cells in enumerate(members):
        D = np.zeros(len(rows))
        D[cells] = 1.0
        for gene in range(3):
            x = np.column_stack([D, data.nuisance[rows]])
            fit = poisson(data.counts[rows, gene], x, data.depth[rows])
            assert tests.effect[split, gene] == pytest.approx(fit.params[0], rel=1e-7, abs=1e-9)
            assert tests.se[split, gene] == pytest.approx(fit.bse[0], rel=1e-7)
            assert tests.p[split, gene] == pytest.approx(fit.pvalues[0], rel=1e-6)


def test_pooled_pseudo_perturbations_leave_the_targets_in():
    data = random_screen(7, n=800, p=3, numeric=2)
    screen = data.screen
    controls = np.flatnonzero(screen.group == screen.n_groups)
    members, _ = draw_splits(len(controls), screen.n_per_group[:-1], 2, 1, 10)
    tests = fit_pseudo_perturbations(screen, members, phi=np.zeros(3), test="wald", hc="HC0", pooled=True)
    for split, cells in enumerate(members):
        D = np.zeros(screen.n_cells)
        D[screen.cell[controls[cells]]] = 1.0
        for gene in range(3):
            x = np.column_stack([D, data.indicators(np.arange(3)), data.nuisance])
            fit = poisson(data.counts[:, gene], x, data.depth)
            assert tests.effect[split, gene] == pytest.approx(fit.params[0], rel=1e-7, abs=1e-9)
            assert tests.se[split, gene] == pytest.approx(fit.bse[0], rel=1e-7)


def test_sizes_of_splits():
    sizes = np.array([10, 30, 80])
    members, drawn = draw_splits(100, sizes, 6, 0, 20)
    assert sorted(drawn) == [10, 10, 30, 30, 80, 80]
    assert [len(cells) for cells in members] == np.clip(drawn, 20, 50).tolist()
    assert all(len(set(cells)) == len(cells) and cells.max() < 100 for cells in members)
    again, _ = draw_splits(100, sizes, 6, 0, 20)
    other, _ = draw_splits(100, sizes, 6, 1, 20)
    assert all(np.array_equal(a, b) for a, b in zip(members, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(members, other, strict=True))
    assert group_sizes(sizes, 240) == (pytest.approx(sizes), 1.0)
    scaled, factor = group_sizes(sizes, 60)
    assert factor == 0.25
    assert scaled.tolist() == [2, 7, 20]


def test_rates_against_resampled_clusters():
    rng = np.random.default_rng(0)
    risk = rng.beta(1, 9, 400)
    rejected = rng.random((400, 10)) < risk[:, None]
    tested = rng.random((400, 10)) < 0.8
    found = rejection_rate(rejected, tested)
    assert found.n == tested.sum()
    assert found.rate == pytest.approx(rejected[tested].mean())
    again = []
    for _ in range(2000):
        pick = rng.integers(0, 400, 400)
        again.append(rejected[pick][tested[pick]].mean())
    assert found.se == pytest.approx(np.std(again), rel=0.07)
    assert found.se > 1.2 * np.sqrt(found.rate * (1 - found.rate) / found.n)
    assert found.rate + 1.4 * found.se < found.high < found.rate + 2.1 * found.se
    none = rejection_rate(np.zeros((3, 20), dtype=bool), np.ones((3, 20), dtype=bool))
    assert (none.rate, none.se) == (0.0, 0.0)
    assert none.high == pytest.approx(1 - 0.05 ** (1 / 60))
    assert rejection_rate(np.ones((2, 5), dtype=bool), np.ones((2, 5), dtype=bool)).high == 1.0
    assert np.isnan(rejection_rate(np.ones((1, 5), dtype=bool), np.ones((1, 5), dtype=bool)).se)
    assert rejection_rate(np.ones((2, 2), dtype=bool), np.zeros((2, 2), dtype=bool)).n == 0


def test_inflation_and_quantiles():
    rng = np.random.default_rng(1)
    z = rng.normal(0, np.sqrt(1.5), 20_001)
    log_p = np.log(2) + stats.norm.logsf(np.abs(z))
    assert inflation(log_p) == pytest.approx(np.median(z**2) / stats.chi2.median(1))
    assert np.isnan(inflation(np.array([np.nan])))
    p = rng.random(40)
    points = qq_points(np.append(np.log(p), np.nan))
    np.testing.assert_allclose(points["observed"], -np.log10(np.sort(p)))
    np.testing.assert_allclose(points["expected"], -np.log10(np.arange(1, 41) / 41))
    np.testing.assert_allclose(10 ** -points["high"], stats.beta.ppf(0.025, np.arange(1, 41), np.arange(40, 0, -1)))
    assert (points["low"] < points["expected"]).all()
    many = qq_points(np.log(rng.random(100_000)))
    assert len(many["expected"]) <= 500
    np.testing.assert_allclose(many["expected"][:20], -np.log10(np.arange(1, 21) / 100_001))
    assert len(qq_points(np.empty(0))["expected"]) == 0


def covers(n_pseudo, seeds):
    """Share of uniform points within the band: 95 %."""
    inside = []
    for seed in seeds:
        points = qq_points(np.log(np.random.default_rng(seed).random(n_pseudo)))
        inside.append((points["low"] <= points["observed"]) & (points["observed"] <= points["high"]))
    return np.mean(inside)


def test_band_covers():
    assert covers(80, range(300)) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("hc", ["HC0", "HC3"])
def test_error_rates_are_nominal_where_the_model_is_right(hc):
    """Poisson counts and batches as in the model; .05 within three standard errors and the bias of small groups."""
    data = random_screen(8, n=6000, p=5, controls=0.6, noise=0.3, log_mean=1.0)
    screen = data.screen
    assert transitive_closure(chain(5)).sum() == 10
    _, placebo = placebo_of(screen, chain(5), hc=hc, n_splits=200)
    edges = rejection_rate((placebo.log_p <= np.log(0.05)).T, np.isfinite(placebo.log_p).T)
    assert edges.rate == pytest.approx(0.05, abs=3 * edges.se + 0.005)
    members, _ = draw_splits(int(screen.n_per_group[-1]), screen.n_per_group[:-1], 200, 3, 10)
    tests = fit_pseudo_perturbations(screen, members, phi=np.zeros(5), test="auto", hc=hc, pooled=False)
    splits = rejection_rate(tests.log_p <= np.log(0.05), np.isfinite(tests.log_p))
    assert splits.rate == pytest.approx(0.05, abs=3 * splits.se + 0.005)
    assert inflation(tests.log_p) == pytest.approx(1.0, abs=0.25)


def test_order_of_map_does_not_matter():
    from argen._core.parallel import worker_pool

    screen = random_screen(9, p=4).screen
    with worker_pool(3) as map_:
        _, several = placebo_of(screen, everything(4), map_=map_)
    _, one = placebo_of(screen, everything(4))
    np.testing.assert_array_equal(several.coef, one.coef)
    np.testing.assert_array_equal(several.se, one.se)
