"""Counts of simulated screens, held against the model's formula and scipy's distributions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from argen._core.simulate import SimulationParams, simulate_screen

RICH = SimulationParams(
    genes=12,
    n_controls=300,
    cells_per_perturbation=20,
    numeric_covariates={"mito": (-0.3, 0.3)},
    batch_covariates={"gem": 3},
    n_confounders=2,
    dispersion=np.repeat([0.0, 0.3], 6),
    guides_per_target=3,
    guide_efficacy=(0.3, 1.0),
    off_targets=4,
    guide_counts=True,
)


def simulate(params, seed=0, **kwargs):
    return simulate_screen(params, np.random.default_rng(seed), keep_log_mean=True, **kwargs)


def without_structure(**changes):
    """Genes that share nothing: counts of a cell are independent draws with log mean = intercept."""
    plain = SimulationParams(genes=3, n_edges=0, knockdown=0.0, noise_sd=0.0, depth_log_sd=0.0, n_controls=30_000)
    return replace(plain, cells_per_perturbation=1, **changes)


@pytest.mark.parametrize("block_cells", [1, 7, 100, 10_000])
def test_block_size_changes_nothing(block_cells):
    whole, parts = simulate(RICH), simulate(RICH, block_cells=block_cells)
    np.testing.assert_array_equal(whole.counts.toarray(), parts.counts.toarray())
    np.testing.assert_array_equal(whole.log_mean, parts.log_mean)
    np.testing.assert_array_equal(whole.guide_counts.toarray(), parts.guide_counts.toarray())


@pytest.mark.parametrize("assignment", ["fixed", "random"])
def test_least_squares_on_the_noiseless_log_mean_gives_every_coefficient_back(assignment):
    params = replace(RICH, noise_sd=0.0, off_targets=0, guide_efficacy=1.0, assignment=assignment, n_cells=900)
    screen = simulate(params, seed=5)
    model, cells = screen.model, screen.cells
    levels = np.eye(3)[cells.batch[0]]
    for gene in range(12):
        parents = model.theta[:, [gene]].nonzero()[0]
        perturbed = (cells.perturbation == gene).astype(float)
        # all levels instead of an intercept: their coefficients are θ_j0 + the level's effect
        design = [*screen.log_mean[:, parents].T, perturbed, *cells.numeric, *cells.confounders, *levels.T]
        found = np.linalg.lstsq(np.column_stack(design), screen.log_mean[:, gene], rcond=None)[0]
        expected = np.concatenate(
            [
                model.theta[:, [gene]].toarray().ravel()[parents],
                model.knockdown[[gene]],
                model.numeric_effects[gene],
                model.confounder_effects[gene],
                model.intercept[gene] + model.batch_effects[0][gene],
            ]
        )
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_guides_reach_their_share_of_the_knockdown_and_hit_their_off_target():
    params = replace(RICH, n_edges=0, noise_sd=0.0, numeric_covariates={}, batch_covariates={}, n_confounders=0)
    screen = simulate(params)
    table, expected = screen.guides, np.tile(screen.model.intercept, (screen.guide.size, 1))
    for cell, guide in enumerate(screen.guide):
        if table.target[guide] >= 0:
            expected[cell, table.target[guide]] += table.efficacy[guide] * screen.model.knockdown[table.target[guide]]
        if table.off_target[guide] >= 0:
            expected[cell, table.off_target[guide]] += table.off_target_effect[guide]
    np.testing.assert_allclose(screen.log_mean, expected, atol=1e-12)
    assert (table.off_target >= 0).sum() == 4
    assert (table.off_target != table.target)[table.off_target >= 0].all()
    np.testing.assert_array_equal(table.target[screen.guide], screen.cells.perturbation)


def test_noise_has_its_standard_deviation():
    params = without_structure()
    screen = simulate(replace(params, noise_sd=np.array([0.1, 0.5, 1.0])))
    n = screen.log_mean.shape[0]
    np.testing.assert_allclose(screen.log_mean.std(axis=0) / [0.1, 0.5, 1.0], 1, atol=4.5 / np.sqrt(2 * n))
    correlations = np.corrcoef(screen.log_mean.T)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(correlations, 0, atol=4.5 / np.sqrt(n))


@pytest.mark.parametrize("dispersion", [0.0, 0.25, 2.0])
@pytest.mark.parametrize("intercept", [-1.0, 1.5])
def test_counts_follow_the_distribution_of_theory(dispersion, intercept):
    screen = simulate(without_structure(dispersion=dispersion, intercept=intercept), seed=11)
    counts = screen.counts.toarray().astype(int)
    n, mean = counts.shape[0], np.exp(intercept)
    law = stats.poisson(mean) if dispersion == 0 else stats.nbinom(1 / dispersion, 1 / (1 + dispersion * mean))
    variance = mean + dispersion * mean**2
    assert law.var() == pytest.approx(variance)
    fourth = law.stats("k") + 3
    np.testing.assert_allclose(counts.mean(axis=0), mean, atol=4.5 * np.sqrt(variance / n))
    np.testing.assert_allclose(counts.var(axis=0), variance, atol=4.5 * variance * np.sqrt((fourth - 1) / n))
    edges = np.unique(law.ppf(np.linspace(0.05, 0.95, 10)))
    expected = np.diff(np.concatenate([[0], law.cdf(edges), [1]])) * n
    for gene in range(3):
        observed = np.bincount(np.searchsorted(edges, counts[:, gene]), minlength=expected.size)
        assert stats.chisquare(observed, expected).pvalue > 1e-4


def test_depth_scales_the_counts():
    params = replace(without_structure(intercept=1.0), depth_mean=4.0, depth_log_sd=0.5)
    screen = simulate(params)
    depth = screen.cells.depth
    assert depth.mean() == pytest.approx(4.0, abs=4.5 * depth.std() / np.sqrt(depth.size))
    assert np.log(depth).std() == pytest.approx(0.5, abs=4.5 * 0.5 / np.sqrt(2 * depth.size))
    z = (screen.counts.toarray() - depth[:, None] * np.e) / np.sqrt(depth[:, None] * np.e)
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=4.5 / np.sqrt(depth.size))
    np.testing.assert_allclose(z.var(axis=0), 1, atol=0.05)


def test_ambient_guide_counts_are_a_thin_background():
    screen = simulate(replace(RICH, n_controls=4000, control_guides=5), seed=2)
    umi, cells = screen.guide_counts.toarray(), np.arange(screen.guide.size)
    own = umi[cells, screen.guide]
    background = umi.sum(axis=1) - own
    abundance = np.bincount(screen.guide, minlength=umi.shape[1]) / screen.guide.size
    overlap = abundance[screen.guide].mean()  # the share of the ambient counts that meets a cell's own guide
    assert own.mean() == pytest.approx(50.0 + 2.0 * overlap, rel=0.05)
    assert background.mean() == pytest.approx(2.0 * (1 - overlap), rel=0.1)
    assert screen.guide_counts.dtype == np.float32


def test_omitting_genes_leaves_the_rest_as_it_was():
    full, part = simulate(RICH), simulate(replace(RICH, omit=("G03", "G07")))
    genes = np.setdiff1d(np.arange(12), [2, 6])
    cells = ~np.isin(full.cells.perturbation, [2, 6])
    np.testing.assert_array_equal(part.kept_cells, cells)
    np.testing.assert_array_equal(part.counts.toarray(), full.counts.toarray()[np.ix_(cells, genes)])
