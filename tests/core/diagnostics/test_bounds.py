"""Lower bounds of a draw's variances: against dense inverses and eigenvalues, whatever the sets look like."""

from dataclasses import replace

import numpy as np
import pytest
from screens import random_screen

from argen._core.descendants.prior import no_prior
from argen._core.descendants.tests import fit_descendants
from argen._core.diagnostics import _bound_kernels as kernels
from argen._core.diagnostics.bounds import _one_inside_the_next, bounds_of, least_share
from argen._core.diagnostics.drawn_network import SaturatedForms, SearchOptions
from argen._core.diagnostics.stability import _search, saturated_forms

P = 30


@pytest.fixture(scope="module")
def forms():
    screen = random_screen(4, n=1200, p=6, levels=3, numeric=1, log_mean=1.0).screen
    return saturated_forms(screen, np.ones(6, dtype=bool), hc3=False, phi=np.zeros(6))


def test_the_share_is_the_least_eigenvalue(forms):
    for form in forms:
        root = np.sqrt(form.v)
        eigenvalues = np.linalg.eigvalsh(form.covariance() / root / root[:, None])
        assert least_share(form) == pytest.approx(eigenvalues[0], rel=1e-9)
        assert 0.0 < least_share(form) < 1.0


def test_a_form_with_a_variance_of_zero_bounds_nothing(forms):
    v = forms[0].v.copy()
    v[1] = 0.0
    assert least_share(replace(forms[0], v=v)) == 0.0


def problem(seed):
    """A matrix whose diagonal stands out, effects, and two tables of variances."""
    rng = np.random.default_rng(seed)
    M = 0.3 * rng.normal(size=(P, P)) - np.diag(rng.uniform(0.5, 2.0, P))
    return M, rng.normal(size=(P, P)), *rng.uniform(0.1, 1.0, (2, P, P))


def nested(rng):
    """Sinks first: t with most of the genes before it."""
    sets = [(t, np.flatnonzero(rng.random(t) < 0.8)) for t in range(P - 1, 0, -1)]
    return [(t, A) for t, A in sets if len(A)]


def scattered(rng):
    """Sinks first: t with a few of the genes before it."""
    return [(t, np.sort(rng.choice(t, rng.integers(1, t + 1), replace=False))) for t in range(P - 1, 0, -1)]


@pytest.mark.parametrize("sets", [nested, scattered])
def test_bounds_are_those_of_dense_inverses(sets):
    for seed in range(5):
        M, effect, own, first = problem(seed)
        equations = sets(np.random.default_rng(seed))
        found = bounds_of(M, effect, own, first, equations)
        assert list(found) == [t for t, _ in equations]
        for t, A in equations:
            inverse = np.linalg.inv(M[np.ix_(A, A)])
            theta = inverse @ effect[A, t]
            np.testing.assert_allclose(found[t].coef, theta, rtol=1e-7, atol=1e-9)
            weight = own[A, t] + first[np.ix_(A, A)] @ theta**2
            np.testing.assert_allclose(found[t].variance, inverse**2 @ weight, rtol=1e-7)


def test_equations_that_cannot_be_solved_are_left_out_and_spoil_no_other():
    M, effect, own, first = problem(7)
    M[3], M[5, 5] = M[2], np.nan  # 2 and 3 together are singular, 5 is unknown
    M[8, 8] = M[8, 0] * M[0, 8] / M[0, 0]  # 0 and 8 alone are, with others they are not
    apart = [[2, 9], [0, 4, 8, 9], [3, 4], [0, 8], [4, 5]]
    equations = [(P - 1 - i, np.array(A)) for i, A in enumerate(apart)] + [(t, np.arange(t)) for t in range(20, 0, -1)]
    found, solvable = bounds_of(M, effect, own, first, equations), 0
    for t, A in equations:
        block = M[np.ix_(A, A)]
        if np.isfinite(block).all() and np.linalg.cond(block) < 1e6:
            np.testing.assert_allclose(found.pop(t).coef, np.linalg.solve(block, effect[A, t]), rtol=1e-7, atol=1e-9)
            solvable += 1
    assert solvable == 3 + 3
    assert not found


def test_an_equation_follows_the_largest_one_that_it_holds():
    sets = [np.array([0, 1, 2, 3]), np.array([0, 1, 2]), np.array([0]), np.array([0, 1]), np.array([0])]
    order = _one_inside_the_next(np.array([5, 3, 4, 2, 1]), sets, 6)
    # 1 has the root only, as 4 has; 2 follows 1, 3 follows 2, 5 follows 3. The short branch comes first.
    assert order.tolist() == [2, 4, 3, 1, 0]


def test_genes_come_and_go_in_the_compiled_kernels_and_in_python():
    M, *_ = problem(1)
    for name in ("add_gene", "remove_slot"):
        assert callable(getattr(kernels, name).py_func)
    room = kernels.room_for.py_func(P)
    n = 0
    for gene in (4, 9, 2, 7, 0):
        assert kernels.add_gene.py_func(M, room, n, gene)
        n += 1
    for slot in (1, 0):
        assert kernels.remove_slot.py_func(room, n, slot)
        n -= 1
    left = room.members[:n]
    np.testing.assert_allclose(room.N[:n, :n], np.linalg.inv(M[np.ix_(left, left)]), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("first_stage", ["ancestors", "shrunk"])
@pytest.mark.parametrize("closure", ["acyclic", True])
def test_bounds_decide_nothing_in_a_dense_relation(closure, first_stage):
    p = 25
    data = random_screen(6, n=3000, p=p, levels=2, numeric=1, log_mean=1.0)
    tests = fit_descendants(data.screen)
    forms = SaturatedForms(saturated_forms(data.screen, np.ones(p, dtype=bool), hc3=False, phi=np.zeros(p)))
    options = SearchOptions(closure, 0.3, first_stage, 0.2, "batch-bh", True, no_prior(p))
    left_out = 0
    for seed in range(3):
        move = 0.1 * np.random.default_rng(seed).normal(size=(p, p))
        z = np.where(np.isfinite(move / tests.se), tests.z + move / tests.se, tests.z)
        args = forms, forms.effect + move, tests, z, options, 1.0
        quick, full = (_search(*args, all_errors=every) for every in (False, True))
        np.testing.assert_array_equal(quick.selected, full.selected)
        for one, other in zip(quick.equations, full.equations, strict=True):
            np.testing.assert_allclose(one.coef, other.coef, rtol=1e-6, atol=1e-8)
            assert (one.se <= other.se * (1 + 1e-6)).all()
            left_out += (one.se < other.se * (1 - 1e-6)).sum()
    assert left_out > 0
