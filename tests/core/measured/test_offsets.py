"""Offsets of perturbations and genes in every regression: a shift of the effect, and nothing else."""

import numpy as np
import pytest
from screens import random_screen

from argen._core.dag.covariance import COVARIANCES
from argen._core.dag.instruments import ReducedForms
from argen._core.dag.two_stage import fit_two_stage
from argen._core.descendants.tests import fit_descendants
from argen._core.glm.reduced_form import fit_reduced_form
from argen._core.joint.sums import group_sums
from argen._core.screen import CONTROL, regroup, with_shifts

ROWS, COLUMNS = np.array([0.2, 0.0, -0.3, 0.1]), np.array([0.0, 0.25, 0.0, -0.15])
OFFSET = ROWS[:, None] + COLUMNS


@pytest.fixture(scope="module", params=[0.0, 0.3], ids=["poisson", "negative binomial"])
def both(request):
    screen = random_screen(2, n=1500, p=4, log_mean=1.2).screen
    return screen, with_shifts(screen, ROWS, COLUMNS), np.full(4, request.param)


def test_wald_effects_move_by_the_offsets_and_errors_stay(both):
    """With an indicator of the group in the regression its offset is the indicator's coefficient."""
    plain, shifted, phi = both
    before, after = (fit_descendants(s, test="wald", hc="HC0", phi=phi) for s in (plain, shifted))
    np.testing.assert_allclose(after.effect, before.effect - OFFSET, atol=2e-7)
    np.testing.assert_allclose(after.se, before.se, rtol=2e-6)


def test_score_tests_expect_the_counts_with_the_offsets(both):
    plain, shifted, _ = both
    before, after = (fit_descendants(s, test="score") for s in (plain, shifted))
    np.testing.assert_allclose(after.expected, before.expected * np.exp(OFFSET), rtol=1e-9)
    np.testing.assert_array_equal(after.count, before.count)


def test_reduced_forms_move_by_the_offsets(both):
    plain, shifted, phi = both
    for gene in range(4):
        before, after = (
            fit_reduced_form(s, gene, np.array([0, 1, 2, 3]), phi=float(phi[gene])) for s in (plain, shifted)
        )
        np.testing.assert_allclose(after.effect, before.effect - OFFSET[:, gene], atol=2e-6)
        np.testing.assert_allclose(after.v, before.v, rtol=1e-4)


def test_the_second_stage_has_the_offsets_of_its_gene(both):
    """Where the instruments of the first stages are the candidates, the regression solves M θ = ξ, offsets and all."""
    _, shifted, phi = both
    some = regroup(shifted, np.where(shifted.group == 4, CONTROL, shifted.group), 4, keep=shifted.group != 2)
    candidates = np.array([0, 1])
    sets = [(3, np.array([0, 1, 3])), (0, candidates), (1, candidates)]
    own, *first = ReducedForms(some, keep_fits=False, phi=phi).get(sets, map)
    found = fit_two_stage(some, 3, candidates, first, COVARIANCES["murphy-topel"], phi=float(phi[3]))
    matrix = np.array([form.effect for form in first]).T
    np.testing.assert_allclose(found.coef, np.linalg.solve(matrix, own.effect[:2]), rtol=2e-4)


def test_group_sums_have_the_offsets(both):
    plain, shifted, _ = both
    before, after = group_sums(plain), group_sums(shifted)
    np.testing.assert_allclose(after.E[:-1], before.E[:-1] * np.exp(OFFSET), rtol=1e-9)
    np.testing.assert_array_equal(after.S, before.S)
    np.testing.assert_allclose(after.squares, before.squares, rtol=1e-9)
    np.testing.assert_allclose(after.correlation, before.correlation, atol=1e-12)


def test_a_control_cell_that_plays_a_perturbed_one_has_no_offset(both):
    plain, shifted, _ = both
    placebo = []
    for screen in (plain, shifted):
        controls = np.flatnonzero(screen.group == 4)
        group = np.full(screen.n_cells, CONTROL)
        group[controls[::3]] = 0
        placebo.append(fit_descendants(regroup(screen, group, 1, keep=screen.group == 4), test="wald"))
    np.testing.assert_array_equal(placebo[0].effect, placebo[1].effect)


def test_no_offset_is_the_same_screen():
    screen = random_screen(0).screen
    assert with_shifts(screen, np.zeros(4), np.zeros(4)) is screen
