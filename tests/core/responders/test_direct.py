"""Direct effects on responders against the explicit regressions by statsmodels, cell by cell."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from oracles import poisson
from scipy.stats import norm
from screens import random_screen

from argen._core.dag.covariance import COVARIANCES
from argen._core.dag.influence import CellInfluence
from argen._core.responders.direct import candidates_of, fit_first_stages, saturated_forms, select, solve
from argen._core.results import EdgeStatus
from argen._core.screen import CONTROL, regroup

P, RESPONDERS = 5, (5, 6)
NODES = np.array([0, 1, 3, 4])  # perturbation 2 is measured, but no node
RELATION = {
    "strict order": [(0, 1), (0, 3), (1, 3)],
    "cycle": [(0, 1), (1, 0), (1, 3), (3, 4), (0, 3), (0, 4), (1, 4)],
    "none": [],
}
CANDIDATES = np.array([0, 1, 3])


@pytest.fixture(scope="module")
def data():
    """Seven genes, the last two of which nobody perturbs."""
    made = random_screen(5, n=1500, p=7, levels=3, numeric=1, log_mean=1.0)
    group = np.where(made.screen.group < P, made.screen.group, CONTROL)
    screen = regroup(made.screen, group, P)
    target = np.where(made.target < P, made.target, CONTROL)
    return replace(made, screen=screen, target=target)


def relation_of(pairs):
    place = {gene: i for i, gene in enumerate(NODES)}
    matrix = np.zeros((len(NODES),) * 2, dtype=bool)
    for source, target in pairs:
        matrix[place[source], place[target]] = True
    return matrix


def fitted(data, pairs, first_stage, *, hc3=False):
    how = {"hc3": hc3, "phi": np.zeros(7)}
    first = fit_first_stages(data.screen, NODES, relation_of(pairs), first_stage, map_=map, **how)
    return first, saturated_forms(data.screen, RESPONDERS, **how)


@dataclass
class Saturated:
    """One regression on the indicators of all perturbations: coefficients, and influence of every cell on them."""

    effect: np.ndarray
    influence: np.ndarray

    @classmethod
    def of(cls, data, gene, *, hc3):
        x = np.column_stack([data.indicators(np.arange(P)), data.nuisance])
        y = data.counts[:, gene]
        fit = poisson(y, x, data.depth)
        mu = fit.fittedvalues
        bread = np.linalg.inv(x.T @ (mu[:, None] * x))
        leverage = mu * np.einsum("ij,jk,ik->i", x, bread, x) if hc3 else 0.0
        return cls(fit.params[:P], (((y - mu) / (1 - leverage))[:, None] * x @ bread)[:, :P])


def factors(effect, influence, k, pairs, first_stage):
    """What each coefficient of the first stage of k counts for."""
    related = np.array([l == k or (l, k) in set(pairs) for l in range(P)])
    z2 = effect**2 / np.sum(influence**2, axis=0)
    other = {"ancestors": np.zeros(P), "shared": np.ones(P), "shrunk": np.maximum(0.0, 1.0 - 1.0 / z2)}[first_stage]
    return np.where(related, 1.0, other)


@pytest.mark.parametrize("hc3", [False, True], ids=["HC0", "HC3"])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
@pytest.mark.parametrize("name", RELATION)
def test_against_the_definition(data, name, first_stage, hc3):
    pairs, A = RELATION[name], CANDIDATES
    first, owns = fitted(data, pairs, first_stage, hc3=hc3)
    cells = CellInfluence(data.screen, hc3=hc3)
    stages = {k: Saturated.of(data, k, hc3=hc3) for k in A}
    weight = {k: factors(stage.effect, stage.influence, k, pairs, first_stage)[A] for k, stage in stages.items()}
    M = np.column_stack([weight[k] * stages[k].effect[A] for k in A])
    inverse = np.linalg.inv(M)
    for responder, own in zip(RESPONDERS, owns, strict=True):
        stage = Saturated.of(data, responder, hc3=hc3)
        theta = inverse @ stage.effect[A]
        of_first = [t * weight[k] * stages[k].influence[:, A] for k, t in zip(A, theta, strict=True)]
        u = stage.influence[:, A] - sum(of_first)
        naive = stage.influence[:, A].T @ stage.influence[:, A]
        meats = {"naive": naive, "murphy-topel": naive + sum(f.T @ f for f in of_first), "stacked": u.T @ u}
        for covariance, meat in meats.items():
            found = solve(responder, A, own, first, COVARIANCES[covariance], cells, robust=covariance == "stacked")
            np.testing.assert_allclose(found.coef, theta, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(found.se, np.sqrt(np.diag(inverse @ meat @ inverse.T)), rtol=1e-6)
            assert (found.status == EdgeStatus.OK).all()
        for i, k in enumerate(A):
            through = inverse @ (weight[k][:, None] * (stages[k].influence[:, A].T @ stages[k].influence[:, A]))
            assert found.instruments.strength[i] == pytest.approx(
                1.0 / (through * weight[k] @ inverse.T)[i, i], rel=1e-6
            )
            assert found.instruments.p[i] == pytest.approx(
                robust_p(stage, stages, weight, A, inverse, theta, i), rel=1e-5
            )


def robust_p(own, stages, weight, A, inverse, theta, k):
    """Of Anderson and Rubin's statistic for θ_k = 0 (METHOD 9)."""

    def omega(values):
        u = own.influence[:, A] - sum(t * weight[g] * stages[g].influence[:, A] for g, t in zip(A, values, strict=True))
        return u.T @ u

    start = theta.copy()
    start[k] = 0.0
    V = inverse @ omega(start) @ inverse.T
    restricted = theta - V[:, k] / V[k, k] * theta[k]
    w = inverse[k]
    return 2.0 * norm.sf(np.sqrt(theta[k] ** 2 / (w @ omega(restricted) @ w)))


def test_it_is_the_regression_on_predicted_expression(data):
    """With the first stages known, the coefficients and their sandwich are those of one regression per responder."""
    first, (own, _) = fitted(data, RELATION["strict order"], "shrunk")
    found = solve(RESPONDERS[0], CANDIDATES, own, first, COVARIANCES["naive"])
    predicted = data.indicators(CANDIDATES) @ first.matrix[np.ix_(CANDIDATES, CANDIDATES)]
    others = data.indicators(np.setdiff1d(np.arange(P), CANDIDATES))
    fit = poisson(data.counts[:, RESPONDERS[0]], np.column_stack([predicted, others, data.nuisance]), data.depth)
    np.testing.assert_allclose(found.coef, fit.params[: len(CANDIDATES)], rtol=1e-6)
    np.testing.assert_allclose(found.se, fit.bse[: len(CANDIDATES)], rtol=1e-6)


def test_candidates_are_what_is_significant_and_its_ancestors():
    relation = np.zeros((4, 4), dtype=bool)
    relation[0, 1] = relation[1, 2] = True
    significant = np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0], [0, 0, 1]], dtype=bool)
    expected = np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0], [0, 0, 1]], dtype=bool)
    assert (candidates_of(significant, relation) == expected).all()


def test_singular_systems_say_so(data):
    first, (own, _) = fitted(data, [], "ancestors")
    broken = replace(first, matrix=np.zeros_like(first.matrix))
    found = solve(RESPONDERS[0], CANDIDATES, own, broken, COVARIANCES["murphy-topel"])
    assert (found.status == EdgeStatus.SINGULAR).all()
    assert np.isnan(found.coef).all()


def test_selection_is_benjamini_and_hochberg():
    from scipy.stats import false_discovery_control

    rng = np.random.default_rng(0)
    coef, se = rng.normal(0, 2, 200), np.ones(200)
    coef[:3] = np.nan
    found = select(coef, se, 0.1)
    p = 2.0 * norm.sf(np.abs(coef[3:]))
    np.testing.assert_allclose(found.padj[3:], false_discovery_control(p), rtol=1e-12)
    assert np.isnan(found.padj[:3]).all()
    assert (found.selected == (np.nan_to_num(found.padj, nan=1.0) <= 0.1)).all()
    assert 0 < found.selected.sum() < 197
