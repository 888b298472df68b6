"""Draws of the edges to responders against dense regressions, draw by draw."""

from dataclasses import fields, replace

import networkx as nx
import numpy as np
import pytest
from oracles import poisson
from scipy import stats
from screens import random_screen
from statsmodels.stats.multitest import multipletests

from argen._core.descendants.prior import no_prior
from argen._core.descendants.tests import fit_descendants
from argen._core.diagnostics.responder_stability import (
    DrawnOptions,
    NodeRows,
    SaturatedDraws,
    TotalEffects,
    draw_responders,
    fill_moves,
)
from argen._core.diagnostics.stability import Draws, weights_of
from argen._core.parallel import worker_pool
from argen._core.responders.direct import POSSIBLE, saturated_forms
from argen._core.results import DescendantTests
from argen._core.screen import CONTROL, regroup

pytestmark = pytest.mark.slow

P, G, N = 4, 8, 25
NODES = np.array([0, 1, 3])  # perturbation 2 is no node: its effects on all genes are in the family
GENES = np.r_[NODES, np.arange(P, G)]
STORED = [(0, np.array([0, 1])), (2, np.array([0, 1, 2]))]
RELATION = np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=bool)


@pytest.fixture(scope="module")
def data():
    """Four perturbed genes and four that are not."""
    made = random_screen(11, n=900, p=G, levels=2, numeric=1, log_mean=0.5)
    screen = regroup(made.screen, np.where(made.screen.group < P, made.screen.group, CONTROL), P)
    rows = made.screen.cell[screen.cell]  # of the arrays, for each cell of `screen`
    return replace(made, screen=screen, target=np.where(made.target < P, made.target, CONTROL)), rows


def options_of(first_stage="shrunk", closure=True, *, naive=False):
    return DrawnOptions(closure, 0.2, no_prior(len(NODES)), 0.3, first_stage, 0.2, not naive)


def total_effects(data):
    """Tests of the nodes, and z and standard error of all perturbations on nodes and responders."""
    all_tests = fit_descendants(data.screen, phi=np.zeros(G), test="wald", hc="HC0", pooled=False)
    at = np.ix_(NODES, NODES)
    nodes = DescendantTests(*(getattr(all_tests, field.name)[at] for field in fields(DescendantTests)))
    family = np.ones((P, len(GENES)), dtype=bool)
    family[np.ix_(NODES, np.arange(len(NODES)))] = False  # that is the network's own
    z, se = all_tests.z[:, GENES], all_tests.se[:, GENES]
    return nodes, TotalEffects(np.where(family, z, np.nan), se)


def saturated_of(data, n=N, seed=3, **parallel):
    phi, moves = np.zeros(G), np.zeros((n, P, len(GENES)))
    forms = saturated_forms(data.screen, GENES, hc3=False, phi=phi)
    fill_moves(data.screen, GENES, forms, Draws(n, seed), moves, **parallel)
    return SaturatedDraws(NODES, [NodeRows.of(form, NODES) for form in forms], moves)


def drawn(data, options, saturated=None, **how):
    tests, totals = total_effects(data)
    coef = np.arange(5, dtype=float)
    given = saturated or saturated_of(data)
    return draw_responders(tests, totals, given, RELATION, STORED, coef, options, **how)


class Dense:
    """Saturated regressions by statsmodels: coefficients on all perturbations, influences and covariance."""

    def __init__(self, data):
        x = np.column_stack([data.indicators(np.arange(P)), data.nuisance])
        self.effect, self.influence = np.zeros((P, len(GENES))), []
        for i, gene in enumerate(GENES):
            fit = poisson(data.counts[:, gene], x, data.depth)
            bread = np.linalg.inv(x.T @ (fit.fittedvalues[:, None] * x))
            self.effect[:, i] = fit.params[:P]
            self.influence.append((((data.counts[:, gene] - fit.fittedvalues)[:, None] * x) @ bread)[:, :P])
        self.covariance = [u.T @ u for u in self.influence]


def rejected(p, alpha, *, strict=False):
    chosen = np.zeros(p.shape, dtype=bool)
    known = np.isfinite(p)
    if known.any():
        adjusted = multipletests(p[known], method="fdr_bh")[1]
        chosen[known] = adjusted < alpha if strict else adjusted <= alpha
    return chosen


def matrix_of(dense, effect, related, first_stage, scale):
    """M over the nodes, and what its entries count for."""
    M, weight = effect[NODES][:, :3], np.ones((3, 3))
    for k in range(3):
        V = scale**2 * np.diag(dense.covariance[k])[NODES]
        other = {"ancestors": np.zeros(3), "shared": np.ones(3), "shrunk": np.maximum(0, 1 - V / M[:, k] ** 2)}
        weight[:, k] = np.where(related[:, k] | (np.arange(3) == k), 1.0, other[first_stage])
    return M * weight, weight


@pytest.mark.parametrize("naive", [False, True], ids=["murphy-topel", "naive"])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_every_draw_against_dense_regressions(data, first_stage, naive):
    data, rows = data
    dense, (tests, totals) = Dense(data), total_effects(data)
    scale, R = np.sqrt(2.0), G - P
    stability, candidate, theta = np.zeros((3, R)), np.zeros((3, R)), []

    def stored(effect):
        M, _ = matrix_of(dense, effect, RELATION, first_stage, 1.0)
        parts = [np.linalg.solve(M[np.ix_(A, A)], effect[NODES[A], 3 + t]) for t, A in STORED]
        return np.concatenate(parts)

    for b in range(N):
        weights = weights_of(3, range(b, b + 1), data.screen.n_cells)[:, 0]
        move = np.column_stack([weights @ u[rows] for u in dense.influence])
        effect = dense.effect + move
        p_nodes = 2 * stats.norm.sf(np.abs(tests.z + move[NODES][:, :3] / tests.se) / scale)
        np.fill_diagonal(p_nodes, np.nan)
        graph = nx.from_numpy_array(rejected(p_nodes, 0.2, strict=True).astype(int), create_using=nx.DiGraph)
        related = nx.to_numpy_array(nx.transitive_closure(graph, reflexive=False)) > 0
        z_total, own = totals.z + move / totals.se, tests.effect + move[NODES][:, :3]
        p_total = 2 * stats.norm.sf(np.abs(z_total) / scale)
        significant = rejected(p_total, 0.3, strict=True)[NODES][:, 3:]
        pairs, coefs, ses, tested = [], [], [], []
        M, weight = matrix_of(dense, effect, related, first_stage, scale)
        for t in range(R):
            hit = np.flatnonzero(significant[:, t])
            above = {int(k) for k in range(3) if k in hit or related[k, hit].any()}
            on_t = scale * z_total[NODES, 3 + t] * totals.se[NODES, 3 + t]

            def path(slope, effect, k, t=t, on_t=on_t):
                """The largest share of an effect that a path through k can make."""
                ends = (on_t[k] + side * 1.645 * totals.se[NODES[k], 3 + t] for side in (-1.0, 1.0))
                return max(slope * end / effect for end in ends)

            between = {
                k for k in {0, 1, 2} - above for a in above
                if (p_nodes[a, k] < POSSIBLE and p_total[NODES[k], 3 + t] < POSSIBLE
                    and np.sign(own[a, k] * on_t[k] * own[k, k]) == np.sign(on_t[a]))
                or (related[a, k] and path(own[a, k] / own[k, k], on_t[a], k, t) >= 1)
            }  # fmt: skip
            A = np.array(sorted(above | between), dtype=int)
            candidate[sorted(above), t] += 1
            if not above:
                continue
            inverse = np.linalg.inv(M[np.ix_(A, A)])
            coef = inverse @ effect[NODES[A], 3 + t]
            V = dense.covariance[3 + t][np.ix_(NODES[A], NODES[A])]
            if not naive:
                for value, k in zip(coef, A, strict=True):
                    of_first = dense.covariance[k][np.ix_(NODES[A], NODES[A])]
                    V = V + value**2 * np.outer(weight[A, k], weight[A, k]) * of_first
            pairs += [(k, t) for k in A]
            coefs += coef.tolist()
            ses += (scale * np.sqrt(np.diag(inverse @ V @ inverse.T))).tolist()
            tested += [k in above for k in A.tolist()]
        p = np.where(tested, 2 * stats.norm.sf(np.abs(np.array(coefs) / np.array(ses))), np.nan)
        for (k, t), chosen in zip(pairs, rejected(p, 0.2), strict=True):
            stability[k, t] += chosen
        theta.append(stored(effect))
    found = drawn(data, options_of(first_stage, naive=naive))
    np.testing.assert_array_equal(found.stability, stability / N)
    np.testing.assert_array_equal(found.candidate, candidate / N)
    assert 0 < found.stability.mean() < found.candidate.mean() < 1
    low, high = np.quantile(theta, [0.025, 0.975], axis=0) - stored(dense.effect) + np.arange(5)
    np.testing.assert_allclose(found.low, low, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.high, high, rtol=1e-5, atol=1e-6)


def test_without_moves_every_draw_is_the_same(data):
    data, _ = data
    still = saturated_of(data, n=2)
    still.moves[:] = 0.0
    found = drawn(data, options_of(), still, scale=1.0)
    assert set(np.unique(found.stability)) <= {0.0, 1.0}
    assert found.stability.any()
    assert (found.candidate >= found.stability).all()
    np.testing.assert_allclose(found.low, np.arange(5.0))
    np.testing.assert_allclose(found.high, np.arange(5.0))


def test_shares_do_not_depend_on_threads_or_blocks(data, monkeypatch):
    from argen._core.diagnostics import responder_stability as module

    data, _ = data
    one = drawn(data, options_of())
    with worker_pool(2) as map_:
        two = drawn(data, options_of(), saturated_of(data, map_=map_), map_=map_)
    monkeypatch.setattr(module, "_DRAWS", 7)
    blocks = drawn(data, options_of(), saturated_of(data))
    other = drawn(data, options_of(), saturated_of(data, seed=4))
    for name in ("stability", "candidate", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(getattr(one, name), getattr(blocks, name))
    assert (one.low != other.low).any()


@pytest.mark.parametrize("closure", [False, "acyclic"])
def test_whatever_the_closure(data, closure):
    found = drawn(data[0], options_of(closure=closure))
    assert np.isfinite(found.stability).all()
