"""Shifts of rows and columns: found where they were put, and not where a regulator has many effects."""

import numpy as np
import pytest

from argen._core.measured.shifts import BOUND, BY_CHANCE, CERTAIN_GENE, estimate_shifts
from argen._core.measured.sums import FOLDS, MeasuredSums

SE = 0.05


def table(rng, P=12, g=60, *, rows=0.0, columns=0.0, effects=0.0, own=True):
    """Effects with a standard error of .05, a knock-down each, and what is added."""
    effect = rng.normal(0.0, SE, (P, g)) + np.broadcast_to(np.reshape(rows, (-1, 1)), (P, 1)) + columns + effects
    at = np.arange(P) if own else np.full(P, -1)
    if own:
        effect[at, at] -= 1.5
    counts = np.full((P + 1, g), 400.0)
    sums = MeasuredSums(
        effect, np.full((P, g), SE**2), np.full(g, 1e-6), counts, counts, rng.standard_normal((FOLDS, g))
    )
    return sums, at


@pytest.mark.parametrize("seed", range(3))
def test_shifts_are_found_where_they_are(seed):
    rng = np.random.default_rng(seed)
    rows, columns = np.zeros(12), np.zeros(60)
    rows[[2, 7]], columns[[5, 30]] = (0.2, -0.3), (0.4, -0.25)
    shifts = estimate_shifts(*table(rng, rows=rows, columns=columns))
    # Medians of 59 and 11 effects, whose standard errors are .05 · 1.25 / √n.
    np.testing.assert_allclose(shifts.perturbations.size, rows, atol=4.5 * SE * 1.2533 / np.sqrt(59))
    np.testing.assert_allclose(shifts.genes.size, columns, atol=4.5 * SE * 1.2533 / np.sqrt(11))
    out_rows, out_columns = shifts.taken_out("auto")
    assert np.flatnonzero(out_rows).tolist() == [2, 7]
    assert np.flatnonzero(out_columns).tolist() == [5, 30]
    assert not any(mask.any() for mask in shifts.taken_out(None))
    assert not shifts.taken_out("perturbations")[1].any()
    assert not shifts.taken_out("genes")[0].any()


def test_gain_and_share_by_brute_force():
    rng = np.random.default_rng(4)
    rows = np.zeros(12)
    rows[3] = 0.15
    sums, own = table(rng, rows=rows, own=False)
    shifts = estimate_shifts(sums, own)
    row = sums.effect[3] - shifts.genes.size
    size = np.median(row)
    se = np.sqrt(SE**2 + 1e-6)
    before, after = (np.minimum((x / se) ** 2, BOUND) for x in (row, row - size))
    chance = max(1.0, np.mean(np.median(sums.folds, axis=1) ** 2) * 60 / (np.pi / 2.0))
    assert shifts.perturbations.size[3] == pytest.approx(size, abs=2e-3)
    assert shifts.perturbations.gain[3] == pytest.approx((before - after).sum() / 2 / chance, rel=0.05)
    excess = (before - BY_CHANCE).sum() / 2 / chance
    assert shifts.perturbations.share[3] == pytest.approx((before - after).sum() / 2 / chance / excess, rel=0.05)


def test_nothing_is_taken_out_of_chance():
    """False alarms of 200 tables of 12 × 60: a rate of .05 at most, with four standard errors."""
    alarms = 0
    for seed in range(200):
        shifts = estimate_shifts(*table(np.random.default_rng(1000 + seed)))
        alarms += any(mask.any() for mask in shifts.taken_out("auto"))
    assert alarms / 200 <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 200)


def test_a_gene_below_most_others_keeps_its_effects():
    """Nine of twelve perturbations move one gene, each by its own amount: no common shift explains half of that."""
    rng = np.random.default_rng(8)
    effects = np.zeros((12, 60))
    effects[:9, 40] = rng.uniform(0.2, 1.6, 9)
    shifts = estimate_shifts(*table(rng, effects=effects))
    assert shifts.genes.share[40] < CERTAIN_GENE.share
    assert not shifts.taken_out("auto")[1][40]


def test_a_regulator_of_a_third_of_the_genes_keeps_its_effects():
    rng = np.random.default_rng(9)
    effects = np.zeros((12, 60))
    effects[4, :20] = rng.choice([-1.0, 1.0], 20) * rng.uniform(0.3, 1.0, 20)
    shifts = estimate_shifts(*table(rng, effects=effects))
    assert not shifts.taken_out("auto")[0][4]


def test_correlated_genes_ask_for_more():
    """A hidden factor that all genes share moves whole rows: the folds tell, and no row is taken out of chance."""
    alarms = independent = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sums, own = table(rng)
        loading = 0.6
        rows = rng.normal(0.0, loading, (12, 1)) * SE
        folds = np.sqrt(1 - loading**2) * sums.folds + loading * rng.standard_normal((FOLDS, 1))
        moved = MeasuredSums(
            sums.effect * np.sqrt(1 - loading**2) + rows,
            sums.variance, sums.control_variance, sums.S, sums.E, folds,
        )  # fmt: skip
        alarms += estimate_shifts(moved, own).taken_out("auto")[0].any()
        blind = MeasuredSums(moved.effect, sums.variance, sums.control_variance, sums.S, sums.E, sums.folds)
        independent += estimate_shifts(blind, own).taken_out("auto")[0].any()
    assert alarms / 60 <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 60)
    assert independent > alarms


def test_too_few_effects_have_no_shift():
    shifts = estimate_shifts(*table(np.random.default_rng(0), P=4, g=4))
    assert np.isnan(shifts.perturbations.size).all()
    assert np.isnan(shifts.genes.size).all()
    assert not any(mask.any() for mask in shifts.taken_out("both"))
