"""Placebo tests of edges to responders against dense regressions, and their error rates against the nominal ones."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from oracles import poisson
from screens import random_screen

from argen._core.diagnostics.calibration import controls_of, group_sizes, shuffles_of
from argen._core.diagnostics.null_rates import rejection_rate
from argen._core.diagnostics.responder_placebo import ResponderEquation, placebo_of_responders
from argen._core.normal import log_p_two_sided
from argen._core.parallel import worker_pool
from argen._core.responders.direct import fit_first_stages
from argen._core.screen import CONTROL, regroup

pytestmark = pytest.mark.slow

P, G = 4, 7
NODES = np.array([0, 1, 3])  # perturbation 2 is no node
RELATION = np.array([[0, 1, 1], [0, 0, 0], [0, 0, 0]], dtype=bool)  # over the nodes: 0 → 1, 0 → 3
A = np.array([0, 1, 3])


def screen_of(seed, **options):
    """Genes of which the last three are perturbed by nobody: cells that perturbed them are controls."""
    made = random_screen(seed, p=G, levels=3, numeric=1, **options)
    screen = regroup(made.screen, np.where(made.screen.group < P, made.screen.group, CONTROL), P)
    return replace(made, screen=screen, target=np.where(made.target < P, made.target, CONTROL))


def first_of(screen, first_stage, *, hc3=False):
    how = {"hc3": hc3, "phi": np.zeros(G), "map_": map}
    return fit_first_stages(screen, NODES, RELATION, first_stage, **how)


def placebo(screen, first_stage="shrunk", *, candidates=A, n_splits=3, hc3=False, **options):
    equations = [ResponderEquation(gene, 0.0, candidates) for gene in range(P, G)]
    shuffles = partial(shuffles_of, n_splits=n_splits, seed=7)
    how = {"covariance": "murphy-topel", "hc3": hc3, "min_cells": 5} | options
    return placebo_of_responders(screen, equations, first_of(screen, first_stage, hc3=hc3), shuffles, **how)


@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
@pytest.mark.parametrize("covariance", ["murphy-topel", "naive"])
def test_against_dense_regressions(first_stage, covariance):
    data = screen_of(3, n=1200)
    screen = data.screen
    found = placebo(screen, first_stage, covariance=covariance)
    M, first = np.zeros((3, 3)), []
    x = np.column_stack([data.indicators(np.arange(P)), data.nuisance])
    for column, k in enumerate(A):  # saturated in all perturbations, the one that is no node included
        fit = poisson(data.counts[:, k], x, data.depth)
        effect, V = fit.params[A], fit.cov_params()[np.ix_(A, A)]
        related = (k == A) | RELATION[:, column]
        other = {"ancestors": 0.0, "shared": 1.0, "shrunk": np.maximum(0.0, 1.0 - np.diag(V) / effect**2)}[first_stage]
        weight = np.where(related, 1.0, other)
        M[:, column] = weight * effect
        first.append(np.outer(weight, weight) * V)
    inverse = np.linalg.inv(M)
    # `screen` is a regrouping of the one that was built: rows of the arrays by way of both.
    built = random_screen(3, p=G, levels=3, numeric=1, n=1200).screen
    rows = built.cell[screen.cell[controls_of(screen).cell]]
    assert (data.target[rows] == CONTROL).all()
    sizes, factor = group_sizes(screen.n_per_group[A], len(rows))
    ends = np.cumsum(sizes)
    for gene, equation in zip(range(P, G), found, strict=True):
        assert (equation.factor, equation.smallest, equation.reason) == (factor, sizes.min(), "")
        for split, shuffle in enumerate(shuffles_of(len(rows), 3, 7)):
            D = np.zeros((len(data.counts), len(A)))
            for g, (lo, hi) in enumerate(zip(ends - sizes, ends, strict=True)):
                D[rows[shuffle[lo:hi]], g] = 1.0
            fit = poisson(data.counts[rows, gene], np.column_stack([D, data.nuisance])[rows], data.depth[rows])
            theta, V = inverse @ fit.params[: len(A)], fit.cov_params()[: len(A), : len(A)]
            if covariance == "murphy-topel":
                V = V + sum(t**2 * V_k for t, V_k in zip(theta, first, strict=True))
            np.testing.assert_allclose(equation.coef[:, split], theta, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(equation.se[:, split], np.sqrt(np.diag(inverse @ V @ inverse.T)), rtol=1e-6)


def test_equations_that_cannot_be_tested():
    screen = screen_of(5, n=500).screen
    few = placebo(screen, min_cells=60)
    assert {equation.reason for equation in few} == {"too few controls for placebo groups of 60 cells"}
    assert few[0].coef.shape == (0, 3)
    first = first_of(screen, "shrunk")
    first.matrix[:, 0] = 0.0
    equations = [
        ResponderEquation(P, 0.0, A),
        ResponderEquation(P, 0.0, A[1:]),
        ResponderEquation(P, 0.0, A[1:], False),
    ]
    how = {"covariance": "naive", "hc3": False, "min_cells": 5}
    found = placebo_of_responders(screen, equations, first, partial(shuffles_of, n_splits=2, seed=0), **how)
    assert [equation.reason for equation in found] == ["singular", "", "singular"]
    assert np.isnan(found[0].factor)


@pytest.mark.parametrize("hc3", [False, True], ids=["HC0", "HC3"])
def test_error_rates_are_nominal_where_the_model_is_right(hc3):
    """Poisson counts and batches as in the model; .05 within three standard errors and the bias of small groups."""
    found = placebo(screen_of(8, n=7000, noise=0.3, log_mean=1.0).screen, n_splits=200, hc3=hc3)
    log_p = np.concatenate([log_p_two_sided(equation.coef / equation.se) for equation in found])
    for level in (0.05, 0.2, 0.5):
        rate = rejection_rate((log_p <= np.log(level)).T, np.isfinite(log_p).T)
        assert rate.n == 3 * 3 * 200
        assert rate.rate == pytest.approx(level, abs=3 * rate.se + 0.005), level


def test_order_of_map_does_not_matter():
    screen = screen_of(9).screen
    with worker_pool(3) as map_:
        several = placebo(screen, map_=map_)
    for left, right in zip(several, placebo(screen), strict=True):
        np.testing.assert_array_equal(left.coef, right.coef)
        np.testing.assert_array_equal(left.se, right.se)
