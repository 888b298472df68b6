"""The controls of a screen with other groups: what calibration rests on."""

import numpy as np
import pytest
from screens import random_screen

from argen._core.descendants.tests import fit_descendants
from argen._core.screen import CONTROL, regroup

COLUMNS = ("numeric", "depth")


def controls_of(screen):
    is_control = screen.group == screen.n_groups
    return regroup(screen, np.full(screen.n_cells, CONTROL), 0, keep=is_control), is_control


@pytest.mark.parametrize("dummies", [0, 2])
def test_controls_alone(dummies):
    data = random_screen(0, dummies=dummies)
    part, is_control = controls_of(data.screen)
    assert part.n_cells == is_control.sum()
    assert part.n_groups == 0
    assert part.n_per_group.tolist() == [is_control.sum()]
    assert is_control[part.cell].all()
    assert len(set(part.cell.tolist())) == part.n_cells
    for gene in range(part.n_genes):
        np.testing.assert_array_equal(part.counts_of(gene), data.screen.counts_of(gene)[part.cell])
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(part.design, name), getattr(data.screen.design, name)[..., part.cell])
    old, new = data.screen.design, part.design
    stratum = data.screen.stratum[part.cell]
    np.testing.assert_array_equal(new.stratum_dummies[part.stratum], old.stratum_dummies[stratum])
    np.testing.assert_array_equal(new.stratum_level[part.stratum], old.stratum_level[stratum])


def test_groups_of_controls():
    part, _ = controls_of(random_screen(1).screen)
    group = np.random.default_rng(0).integers(-1, 3, part.n_cells)
    again = regroup(part, group, 3)
    np.testing.assert_array_equal(np.where(again.group == 3, CONTROL, again.group), group[again.cell])
    np.testing.assert_array_equal(again.n_per_group, [*np.bincount(group[group >= 0]), (group == CONTROL).sum()])
    np.testing.assert_array_equal(again.counts_of(2), part.counts_of(2)[again.cell])


def test_a_level_that_only_the_group_has_is_not_informative():
    part, _ = controls_of(random_screen(2, levels=3).screen)
    level = part.design.stratum_level[part.stratum]
    group = np.where(level == 2, 0, CONTROL)
    group[np.flatnonzero(level == 0)[:30]] = 0
    again = regroup(part, group, 1)
    assert again.n_supported[0] == 30
    assert again.n_per_group[0] == 30 + (level == 2).sum()
    without = regroup(part, group, 1, keep=level != 2)
    assert without.design.n_levels == 2
    both = [fit_descendants(screen, test="wald", hc="HC3") for screen in (again, without)]
    np.testing.assert_allclose(both[0].effect, both[1].effect, rtol=1e-9)
    np.testing.assert_allclose(both[0].log_p, both[1].log_p, rtol=1e-9)


def test_the_same_groups_give_the_same_tests():
    screen = random_screen(3, numeric=2).screen
    group = np.where(screen.group == screen.n_groups, CONTROL, screen.group)
    again = regroup(screen, group, screen.n_groups)
    np.testing.assert_allclose(fit_descendants(again).z, fit_descendants(screen).z, rtol=1e-9)
