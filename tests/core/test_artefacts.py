"""The generators of spoiled screens: seeded, raw counts, and spoiled in the way that their names say."""

import artefact_screens
import artefacts
import numpy as np
import pandas as pd
import pytest
from artefact_screens import EDGES, PERTURBED
from scipy import stats

PANEL_ONLY = "total of a panel"


def dense(adata, depth: bool = False) -> np.ndarray:
    counts = adata.X.toarray().astype(float)
    return counts / counts.sum(axis=1, keepdims=True) if depth else counts


def log_ratio(adata, cells: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Log mean of some cells against that of the controls."""
    counts, control = dense(adata), (adata.obs["perturbation"] == "control").to_numpy()
    return np.log(counts[np.ix_(cells, genes)].mean(axis=0) / counts[np.ix_(control, genes)].mean(axis=0))


def is_targeting(adata) -> np.ndarray:
    return (adata.obs["perturbation"] != "control").to_numpy()


@pytest.mark.parametrize("case", artefacts.CASES)
def test_a_case_is_a_screen_of_raw_counts_with_what_its_settings_name(case):
    adata = artefacts.CASES[case](1)
    counts = adata.X.data
    assert adata.shape[1] == (PERTURBED if case == PANEL_ONLY else 165)
    assert (counts >= 0).all()
    assert (counts == np.round(counts)).all()
    given = artefacts.settings(case)
    assert {given["perturbation_key"], given["depth"], *given["covariates"], "guide", "batch"} <= set(adata.obs)
    assert set(adata.obs["perturbation"].cat.categories) == {"control", *adata.var_names[:PERTURBED]}
    assert (adata.obs[given["depth"]] > 0).all()
    assert artefacts.CASES[case].__doc__
    truth = adata.varp["truth"].toarray()
    assert (truth != 0).sum() == EDGES
    assert not truth[PERTURBED:].any()
    assert not truth[:, PERTURBED:].any()
    acyclic = np.linalg.matrix_power((truth != 0).astype(float), PERTURBED)
    assert not acyclic.any()


@pytest.mark.parametrize("case", artefacts.CASES)
def test_a_case_hangs_on_its_seed_alone(case):
    one, again, other = (artefacts.CASES[case](seed) for seed in (2, 2, 3))
    assert (one.X != again.X).nnz == 0
    pd.testing.assert_frame_equal(one.obs, again.obs)
    assert one.shape != other.shape or (one.X != other.X).nnz > 0


def test_groups_have_the_sizes_and_guides_of_a_screen():
    obs = artefacts.clean(0).obs
    sizes = obs["perturbation"].value_counts()
    assert sizes["control"] == 600
    assert sizes.drop("control").between(60, 100).all()
    guides = obs.groupby("perturbation", observed=True)["guide"].nunique()
    assert guides["control"] == 4
    assert (guides.drop("control") == 3).all()


def test_both_searches_recover_the_clean_network():
    """Over three networks: at least 8 of 10 edges, at most 2 of 10 selected ones false."""
    rows = pd.DataFrame([row for seed in range(3) for row in artefacts.replicate("clean", seed, [{}])])
    means = rows.groupby("search")[["fdr", "recall"]].mean()
    assert (means["recall"] > 0.8).all()
    assert (means["fdr"] < 0.2).all()


def test_heavy_genes_carry_30_percent_and_their_loss_raises_the_shares_of_the_others():
    adata = artefacts.two_heavy_genes(4)
    control, shares = ~is_targeting(adata), dense(adata, depth=True)
    heavy = np.argsort(shares[control].mean(axis=0))[-2:]
    assert shares[control][:, heavy].mean(axis=0).sum() == pytest.approx(0.3, abs=0.03)
    for gene in heavy:
        cells = (adata.obs["perturbation"] == adata.var_names[gene]).to_numpy()
        others = np.setdiff1d(np.arange(adata.n_vars), heavy)
        raised = np.log(shares[cells][:, others].mean(axis=0) / shares[control][:, others].mean(axis=0))
        assert 0.05 < np.median(raised) < 0.25


def test_reads_are_fixed():
    adata = artefacts.fixed_reads(0)
    assert (dense(adata).sum(axis=1) == 1000).all()
    panel = dense(adata)[~is_targeting(adata), :PERTURBED].sum(axis=1).mean()
    assert panel == pytest.approx(500, rel=0.1)


def test_totals_of_a_panel_are_those_of_the_perturbed_genes():
    panel, whole = artefacts.panel_total(5), artefacts.panel_total_of_all(5)
    np.testing.assert_array_equal(panel.X.toarray(), whole.X.toarray()[:, :PERTURBED])
    np.testing.assert_array_equal(panel.obs["depth"], panel.X.toarray().sum(axis=1))
    np.testing.assert_array_equal(panel.obs["depth"], whole.obs["depth"])


def test_a_common_response_is_one_of_all_perturbations():
    """Ten unperturbed genes and two perturbed ones lie above the controls whatever is perturbed."""
    adata = artefacts.common_response(6)
    effects = [
        log_ratio(adata, (adata.obs["perturbation"] == gene).to_numpy(), np.arange(adata.n_vars))
        for gene in adata.var_names[:PERTURBED]
    ]
    raised = np.median(effects, axis=0) > 0.25
    assert raised[PERTURBED:].sum() == 10
    assert 2 <= raised[:PERTURBED].sum() <= 5


def test_batches_hang_on_the_perturbation_where_the_case_says_so():
    def p_value(adata):
        return stats.chi2_contingency(pd.crosstab(adata.obs["perturbation"], adata.obs["batch"])).pvalue

    assert p_value(artefacts.clean(0)) > 0.001
    assert p_value(artefacts.omitted_batch(0)) < 1e-10
    adata = artefacts.unbalanced_batches(0)
    controls = adata.obs.loc[adata.obs["perturbation"] == "control", "batch"]
    assert set(adata.obs["batch"]) - set(controls) == {"b5", "b6"}


def test_survivors_are_few_and_of_one_state():
    adata = artefacts.survivors(0)
    sizes = adata.obs["perturbation"].value_counts()
    essential = sizes.index[sizes < 0.6 * sizes.drop("control").median()]
    assert 4 <= len(essential) <= 6
    score = adata.obs.groupby(adata.obs["perturbation"].isin(essential))["S_score"].mean()
    assert score[True] > score[False] + 0.4


def test_the_active_control_guide_differs_from_the_other():
    adata = artefacts.active_control_guide(0)
    guide = adata.obs["guide"].astype(str).to_numpy()
    counts = dense(adata)
    assert set(guide[~is_targeting(adata)]) == {"NTCg1", "NTCg2"}
    moved = np.abs(np.log(counts[guide == "NTCg2"].mean(axis=0) / counts[guide == "NTCg1"].mean(axis=0)))
    assert 0.25 < (moved > 0.35).mean() < 0.5


def test_unguided_cells_are_among_the_controls():
    obs = artefacts.unguided_controls(0).obs
    assert set(obs.loc[obs["guide"] == "none", "perturbation"]) == {"control"}
    assert 0.25 < (obs.loc[obs["perturbation"] == "control", "guide"] == "none").mean() < 0.42


def test_neighbours_lie_side_by_side_and_fall_together():
    adata = artefacts.neighbours(0)
    var = adata.var[["chromosome", "start"]].iloc[:PERTURBED]
    pairs = [
        (a, b)
        for a in range(PERTURBED)
        for b in range(PERTURBED)
        if a != b and var.iloc[a, 0] == var.iloc[b, 0] and abs(var.iloc[a, 1] - var.iloc[b, 1]) < 5000
    ]
    assert len(pairs) == 4
    for a, b in pairs:
        cells = (adata.obs["perturbation"] == adata.var_names[a]).to_numpy()
        assert log_ratio(adata, cells, np.array([b]))[0] < -0.3


def test_half_the_cells_escape():
    """The mean knock-down of e^-2 … e^-1 is halved, more or less, guide by guide."""
    whole, half = artefacts.clean(0), artefacts.escapers(0)
    for adata, low, high in ((whole, 0.12, 0.4), (half, 0.45, 0.8)):
        left = [
            np.exp(log_ratio(adata, (adata.obs["perturbation"] == adata.var_names[j]).to_numpy(), np.array([j])))
            for j in range(PERTURBED)
        ]
        assert low < np.mean(left) < high


def test_heavy_tails_are_heavier():
    def largest_share(adata):
        counts = dense(adata)[~is_targeting(adata)]
        return np.median(counts.max(axis=0) / counts.mean(axis=0))

    assert largest_share(artefacts.heavy_tails(0)) > 2 * largest_share(artefacts.clean(0))


def test_the_size_of_a_screen_can_be_chosen():
    screen = artefact_screens.draft(0, measured=30, n_controls=50, cells=(10, 12))
    adata = artefact_screens.sequenced(screen)
    assert adata.n_vars == PERTURBED + 30
    assert (adata.obs["perturbation"] == "control").sum() == 50
    assert (adata.var["parent"] != "").sum() == 10
