"""What the joint search promises, in simulation: errors held, intervals that cover, no sign from silent sources."""

import numpy as np
import pytest
from joint_tables import random_dag, simulated_table

from argen._core.joint.search import search_joint


def errors_of(found, truth):
    null = np.isfinite(found.p) & (truth == 0)
    return (found.selected & (truth == 0)).sum(), (found.p[null] < 0.05).sum(), null.sum()


def test_networks_without_edges():
    """No more than one false edge on average; p-values below .05 as often as they should be."""
    false, small, tested = np.sum(
        [
            errors_of(
                search_joint(
                    simulated_table(np.random.default_rng(seed), np.zeros((25, 25)), np.full(25, -1.2), factor=0.2),
                    chains=4,
                ),
                np.zeros((25, 25)),
            )
            for seed in range(8)
        ],
        axis=0,
    )
    assert false <= 6
    # The scores of one gene share their residuals: 25 genes in each of 6 tables.
    assert abs(small / tested - 0.05) < 3 * np.sqrt(0.05 * 0.95 / 150 * 0.3)


def test_intervals_cover_and_the_level_holds():
    """Weak and strong edges among 25 genes, selected by the search itself."""
    covered, selected, false, hits, true = 0, 0, 0, 0, 0
    for seed in range(6):
        rng = np.random.default_rng([seed, 1])
        theta = random_dag(rng, 25, low=0.1, high=0.5)
        table = simulated_table(rng, theta, rng.uniform(-1.8, -0.8, 25), factor=0.3, offset=4e-4)
        found = search_joint(table, chains=6)
        right = found.selected & (theta != 0)
        covered += (np.abs(found.coef - theta) <= 1.96 * found.se)[right].sum()
        hits, true = hits + right.sum(), true + (theta != 0).sum()
        selected, false = selected + found.selected.sum(), false + (found.selected & ~right).sum()
    assert hits > 0.6 * true
    assert covered / hits > 0.92 - 2.5 * np.sqrt(0.92 * 0.08 / hits)
    assert false / selected < 0.07 + 2.5 * np.sqrt(0.05 * 0.95 / selected)


def test_inclusion_promises_no_more_than_it_holds():
    """No more false edges than the probabilities expect, where power is low."""
    expected, false = 0.0, 0
    for seed in range(6):
        rng = np.random.default_rng([seed, 2])
        theta = random_dag(rng, 20, low=0.05, high=0.4)
        found = search_joint(simulated_table(rng, theta, np.full(20, -1.0), counts=200.0, kappa=0.01), chains=6)
        likely = found.inclusion > 0.3
        expected += (1 - found.inclusion)[likely].sum()
        false += (likely & (theta == 0)).sum()
    assert false < expected + 3 * np.sqrt(expected)


def test_silent_sources_have_no_coefficient():
    rng = np.random.default_rng(4)
    theta = random_dag(rng, 20)
    tau = np.where(np.arange(20) % 4 == 0, 0.0, -1.2)
    found = search_joint(simulated_table(rng, theta, tau), chains=8)
    silent = tau == 0
    assert (found.instrument == ~silent).all()
    for array in (found.coef, found.se, found.z, found.p, found.padj):
        assert np.isnan(array[silent]).all()
    assert not found.selected[silent].any()
    assert not found.inclusion[silent].any()
    assert np.isnan(found.tau[silent]).all()
    assert np.isnan(found.residual[silent]).all()
    right = found.selected & (theta != 0)
    assert (theta * found.coef)[right].min() > 0
    # What a silent gene passes on is not taken for a direct effect of its causes.
    assert (found.selected & (theta == 0)).sum() <= 3


def test_a_loop_is_flagged():
    """Effects in both directions: one edge is kept, the other one is a residual that says so."""
    rng = np.random.default_rng(6)
    theta = np.zeros((15, 15))
    theta[0, 1] = 0.6
    theta[1, 0] = 0.5
    theta[1, 2] = theta[3, 4] = 0.5
    found = search_joint(simulated_table(rng, theta, np.full(15, -1.2)), chains=8)
    assert found.selected[0, 1] != found.selected[1, 0]
    assert found.loop[0, 1] or found.loop[1, 0]
    assert not found.loop[1, 2]
    assert not found.loop[3, 4]
    k, t = (0, 1) if found.selected[0, 1] else (1, 0)
    assert abs(found.residual[t, k]) > 4


def test_shifts_of_rows_and_columns_are_taken_out():
    rng = np.random.default_rng(7)
    theta = random_dag(rng, 25)
    table = simulated_table(rng, theta, np.full(25, -1.2))
    table.S[3] = np.round(table.S[3] * np.exp(0.4))
    table.S[:, 5] = np.round(table.S[:, 5] * np.exp(-0.3))
    found = search_joint(table, chains=8)
    assert np.flatnonzero(found.row_shift).tolist() == [3]
    assert np.flatnonzero(found.column_shift).tolist() == [5]
    assert abs(found.row_shift[3] - 0.4) < 0.1
    assert abs(found.column_shift[5] + 0.3) < 0.1
    assert (found.selected & (theta == 0)).sum() <= 3
    kept = search_joint(table, shifts=False, chains=4)
    assert not kept.row_shift.any()
    assert (kept.selected & (theta == 0)).sum() > 5


def test_chains_that_disagree_say_so():
    """Two genes whose perturbations look alike: no direction is certain."""
    rng = np.random.default_rng(9)
    p = 12
    table = simulated_table(rng, random_dag(rng, p, low=0.05, high=0.15), np.full(p, -0.3), counts=60.0, kappa=0.05)
    found = search_joint(table, chains=2)
    assert 0 <= found.agreement.jaccard <= 1
    assert found.agreement.largest_difference > 0
    assert found.agreement.unstable.dtype == bool
    assert 0 <= found.expected_false <= found.selected.sum()


@pytest.mark.slow
def test_cells_with_hidden_causes():
    """From cells on: hidden confounders, batches and half of the counts zero; five networks of 40 genes."""
    from common import screen_of

    import argen as ag
    from argen._core.joint.sums import group_sums
    from argen._core.joint.table import effect_table

    covered, hits, false, selected, small, tested = np.zeros(6)
    for seed in range(5):
        adata = ag.datasets.simulate("k562_like", rng=seed, genes=40, n_parents=(1, 3), n_controls=4000)
        screen = screen_of(adata, ["gem_group", "percent_mito"])
        truth = adata.varp["truth"].toarray()
        found = search_joint(effect_table(group_sums(screen)))
        right = found.selected & (truth != 0)
        wrong, rejected, n = errors_of(found, truth)
        covered += (np.abs(found.coef - truth) <= 1.96 * found.se)[right].sum()
        hits, false, selected = hits + right.sum(), false + wrong, selected + found.selected.sum()
        small, tested = small + rejected, tested + n
        assert (truth * found.coef)[right].min() > 0
    assert covered / hits > 0.9
    assert false / selected < 0.09
    assert 0.03 < small / tested < 0.07
