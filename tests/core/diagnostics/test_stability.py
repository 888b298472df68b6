"""Draws of the cells without refits: against influences by statsmodels, refits with weights, and the real search."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from oracles import poisson
from scipy import sparse
from screens import random_screen

from argen._core.dag.search import search_dag, select_edges
from argen._core.descendants.closure import descendant_relation
from argen._core.descendants.prior import build_prior, no_prior
from argen._core.descendants.tests import fit_descendants
from argen._core.diagnostics.drawn_network import SaturatedForms, SearchOptions
from argen._core.diagnostics.stability import (
    Draws,
    _search,
    draw_networks,
    moves_of,
    saturated_forms,
    weights_of,
)
from argen._core.normal import log_p_two_sided
from argen._core.parallel import worker_pool
from argen._core.screen import Covariates, build_screen

pytestmark = pytest.mark.slow

P = 5


@pytest.fixture(scope="module", params=["batch and numeric", "one stratum"])
def data(request):
    settings = {"levels": 3, "numeric": 1, "dummies": 1} if request.param == "batch and numeric" else {"levels": 1}
    return random_screen(31, n=1500, p=P, log_mean=1.0, **settings)


def forms_of(data, *, hc3=False):
    return saturated_forms(data.screen, np.ones(P, dtype=bool), hc3=hc3, phi=np.zeros(P))


def saturated_design(data):
    return np.column_stack([data.indicators(np.arange(P)), data.nuisance])


@pytest.mark.parametrize("hc3", [False, True])
def test_a_draw_moves_the_coefficients_by_the_influences_of_the_cells(data, hc3):
    weights = weights_of(3, range(4), data.screen.n_cells)
    by_input = np.empty_like(weights)
    by_input[data.screen.cell] = weights  # the weights are those of the sorted cells
    for gene, form in enumerate(forms_of(data, hc3=hc3)):
        x, y = saturated_design(data), data.counts[:, gene]
        mu = poisson(y, x, data.depth).fittedvalues
        bread = np.linalg.inv(x.T @ (mu[:, None] * x))
        leverage = mu * np.einsum("ij,jk,ik->i", x, bread, x) if hc3 else 0.0
        influence = ((y - mu) / (1 - leverage))[:, None] * x @ bread
        moves = moves_of(data.screen, gene, form, weights, hc3=hc3)
        np.testing.assert_allclose(moves, by_input.T @ influence[:, :P], rtol=1e-6, atol=1e-10)


def test_the_move_is_the_derivative_of_a_refit_with_weights(data):
    weights = weights_of(5, range(1), data.screen.n_cells)
    by_input = np.empty(data.screen.n_cells)
    by_input[data.screen.cell] = weights[:, 0]
    form = forms_of(data)[0]
    move = moves_of(data.screen, 0, form, weights, hc3=False)[0]
    step = 1e-3

    def refit(size):
        model = sm.GLM(
            data.counts[:, 0],
            saturated_design(data),
            family=sm.families.Poisson(),
            offset=np.log(data.depth),
            freq_weights=1 + size * by_input,
        )
        return model.fit(tol=1e-13, tol_criterion="params", maxiter=200).params[:P]

    np.testing.assert_allclose((refit(step) - refit(-step)) / (2 * step), move, rtol=1e-4, atol=1e-7)


def options_of(closure="acyclic", first_stage="ancestors", prior=None, fdr="batch-bh", *, naive=False):
    return SearchOptions(
        closure=closure,
        descendants_alpha=0.05,
        first_stage=first_stage,
        alpha=0.05,
        fdr=fdr,
        with_first_stage_variance=not naive,
        prior=prior or no_prior(P),
    )


def network_of(data, options, covariance="murphy-topel"):
    tests = fit_descendants(data.screen)
    relation = descendant_relation(tests, options.closure, options.descendants_alpha, options.prior)
    dag = search_dag(
        data.screen,
        tests,
        relation,
        first_stage=options.first_stage,
        covariance=covariance,
        alpha=options.alpha,
        fdr=options.fdr,
        prior=options.prior,
    )
    return tests, relation, dag


@pytest.mark.parametrize("naive", [False, True])
@pytest.mark.parametrize("closure", ["acyclic", True, False])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_every_equation_is_the_saturated_forms_masked_by_the_relation(data, closure, first_stage, naive):
    """θ = Lξ and V = L(V_t + Σ θ²V_k)L', dense, with the coefficients moved by a draw; L = M⁻¹ if that is square."""
    options = options_of(closure, first_stage, naive=naive)
    tests, *_ = network_of(data, options)
    forms = SaturatedForms(forms_of(data))
    move = 0.1 * np.random.default_rng(0).normal(size=(P, P))
    found = _search(forms, forms.effect + move, tests, tests.z, options, 2.0, all_errors=True)
    fits = [poisson(data.counts[:, k], saturated_design(data), data.depth) for k in range(P)]
    xi = np.column_stack([fit.params[:P] for fit in fits]) + move
    V = [fit.cov_params()[:P, :P] for fit in fits]
    position = np.argsort(found.order)
    at_scale = descendant_relation(
        replace(tests, z=tests.z / 2, log_p=log_p_two_sided(tests.z / 2)), closure, 0.05
    ).descendant
    x = saturated_design(data)
    variance = np.column_stack([np.diag(matrix) for matrix in V]) * 2.0**2  # se are taken times 2
    factors = np.maximum(0.0, 1.0 - variance / xi**2)
    model_based = [np.linalg.inv(x.T @ (fit.fittedvalues[:, None] * x))[:P, :P] for fit in fits]
    assert len(found.equations) > 1
    general = []
    for equation in found.equations:
        t = equation.target
        A = np.array([k for k in range(P) if at_scale[k, t] and position[k] < position[t]])
        np.testing.assert_array_equal(equation.candidates, A)
        rows = A
        if first_stage == "ancestors":
            before_t = position < position[t]
            rows = np.flatnonzero((at_scale[:, A].any(axis=1) & before_t) | np.isin(np.arange(P), A))
        general.append(len(rows) > len(A))
        used = at_scale[np.ix_(rows, A)] | (rows[:, None] == A)
        otherwise = {"ancestors": 0.0, "shared": 1.0, "shrunk": factors[np.ix_(rows, A)]}[first_stage]
        weight = np.where(used, 1.0, otherwise)
        M = weight * xi[np.ix_(rows, A)]
        information = np.linalg.inv(model_based[t][np.ix_(rows, rows)])
        solver = np.linalg.solve(M.T @ information @ M, M.T @ information)  # M⁻¹ where M is square
        theta = solver @ xi[rows, t]
        middle = V[t][np.ix_(rows, rows)].copy()
        for k, gene in enumerate(A):
            part = np.outer(weight[:, k], weight[:, k]) * V[gene][np.ix_(rows, rows)]
            middle += 0.0 if naive else theta[k] ** 2 * part
        np.testing.assert_allclose(equation.coef, theta, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(equation.se, 2 * np.sqrt(np.diag(solver @ middle @ solver.T)), rtol=1e-5)
    may_be_general = closure is False and first_stage == "ancestors"
    assert any(general) == (may_be_general and data.screen.design.n_levels > 1)  # of the two screens


def test_the_short_cut_for_strict_orders_changes_nothing(data, monkeypatch):
    from argen._core.diagnostics import drawn_network as module

    options = options_of()
    tests, _, _ = network_of(data, options)
    forms = SaturatedForms(forms_of(data))
    quick = _search(forms, forms.effect, tests, tests.z, options, 1.0, all_errors=True)
    monkeypatch.setattr(module, "is_settled", lambda *_: False)
    slow = _search(forms, forms.effect, tests, tests.z, options, 1.0, all_errors=True)
    for one, other in zip(quick.equations, slow.equations, strict=True):
        np.testing.assert_allclose(one.coef, other.coef, rtol=1e-9)
        np.testing.assert_allclose(one.se, other.se, rtol=1e-9)


@pytest.mark.parametrize("fdr", ["batch-bh", "bh"])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_errors_that_are_left_out_decide_nothing(data, first_stage, fdr):
    """Edges are selected as with all standard errors, by FDR control over all of their p-values at once."""
    prior = build_prior(P, [(0, 1)], [(4, 2)], [(3, 0)])
    left_out = 0
    for seed, given in enumerate([None, prior] * 6):
        options = options_of(True, first_stage, given, fdr)
        options = replace(options, alpha=[0.01, 0.3][seed % 2], descendants_alpha=0.3)
        tests, *_ = network_of(data, options)
        forms = SaturatedForms(forms_of(data))
        move = 0.2 * np.random.default_rng(seed).normal(size=(P, P))
        quick, full = (
            _search(forms, forms.effect + move, tests, tests.z, options, 1.0, all_errors=every)
            for every in (False, True)
        )
        np.testing.assert_array_equal(quick.selected, full.selected)
        network = select_edges(full.order, list(full.equations), options.alpha, fdr, options.prior.required)
        np.testing.assert_array_equal(full.selected, network.selected)
        for one, other in zip(quick.equations, full.equations, strict=True):
            assert (one.se <= other.se * (1 + 1e-12)).all()
            left_out += (one.se < other.se).sum()
    assert left_out > 0


def drawn(data, options, n=30, seed=1, **parallel):
    tests, relation, dag = network_of(data, options)
    return dag, draw_networks(data.screen, tests, relation, dag, forms_of(data), options, Draws(n, seed), **parallel)


def test_prior_knowledge_holds_in_every_draw(data):
    prior = build_prior(P, [(0, 1)], [(4, 2)], [(3, 0)])
    _, found = drawn(data, options_of(prior=prior))
    for shares in (found.stability, found.bootstrap, found.candidate):
        assert shares[0, 1] == 0
    assert found.stability[4, 2] == found.bootstrap[4, 2] == 1
    assert found.before[3, 0] == found.before[4, 2] == 1


def test_shares_do_not_depend_on_threads_or_blocks(data, monkeypatch):
    from argen._core.diagnostics import stability as module

    _, one = drawn(data, options_of())
    with worker_pool(2) as map_:
        _, two = drawn(data, options_of(), map_=map_)
    monkeypatch.setattr(module, "_DRAWS", 7)
    _, blocks = drawn(data, options_of())
    _, other = drawn(data, options_of(), seed=2)
    for name in ("stability", "bootstrap", "candidate", "before", "low", "high"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(getattr(one, name), getattr(blocks, name))
    assert (one.low != other.low).any()


def test_intervals_are_those_of_the_standard_errors_where_all_is_regular(data):
    """2 × 1.96 standard errors of the stacked covariance, with candidates and order fixed."""
    options = options_of()
    _, _, stacked = network_of(data, options, "stacked")
    dag, found = drawn(data, options, n=600)
    width = (found.high - found.low) / (2 * 1.96 * stacked.se)
    # A width of quantiles from 600 draws has a relative standard error of 5 %.
    np.testing.assert_allclose(width, 1.0, atol=0.25)
    assert ((found.low < dag.coef) & (dag.coef < found.high)).all()


def test_frequencies_are_those_of_the_bootstrap_over_cells():
    """Cells drawn with replacement within the groups' sizes left free, everything fitted again."""
    data = random_screen(8, n=900, p=P, levels=1, numeric=0, log_mean=0.8, noise=0.5, knock_down=-0.8)
    options, n = options_of(), 200
    _, found = drawn(data, options, n=n)
    rng, total = np.random.default_rng(0), np.zeros((P, P))
    for _ in range(n):
        cells = rng.integers(0, len(data.depth), len(data.depth))
        covariates = Covariates(np.zeros(len(cells), dtype=int), *np.zeros((2, len(cells), 0)))
        screen = build_screen(
            sparse.csc_array(data.counts[cells]), data.target[cells], data.depth[cells], covariates, data.screen.genes
        )
        _, _, dag = network_of(replace(data, screen=screen), options)
        total[dag.source[dag.selected], dag.target[dag.selected]] += 1
    share = total / n
    assert ((share > 0.05) & (share < 0.95)).sum() >= 3  # there is something to compare
    error = np.sqrt(2 * np.maximum(share * (1 - share), 0.01) / n)
    # The weights move standard errors at second order only: allow 5 points beside 4 Monte-Carlo errors.
    assert (np.abs(found.bootstrap - share) < 0.05 + 4 * error).all()
