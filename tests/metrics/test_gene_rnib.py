"""Measures of geneRNIB on a simulated screen: the truth against shuffled networks, figures against brute force."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import argen as ag
from argen.errors import DesignError, InputError, MissingResultError

HOW = {"perturbation_key": "perturbation", "replicate": "gem_group"}
ALL = [
    *("wasserstein", "wasserstein_weighted", "wasserstein_rank", "regression", "regression_median", "regression_min"),
    *("target_recovery", "activity_recovery", "replicate_signs", "replicate_ranks"),
]


@pytest.fixture(scope="module")
def screen():
    return ag.datasets.simulate("paper_medium", genes=20, cells_per_perturbation=120, n_controls=1500, rng=0)


@pytest.fixture(scope="module")
def truth(screen):
    edges = screen.uns["simulation"]["tables"]["edges"].astype({"parent": str, "child": str})
    return edges.rename(columns={"parent": "source", "child": "target"})


@pytest.fixture(scope="module")
def measured(screen, truth):
    return ag.metrics.gene_rnib(screen, truth, **HOW)


def test_the_true_network_beats_the_shuffled_ones(measured):
    """By more than three standard deviations of a shuffled network; regression, which is noisier, by its rank."""
    assert measured.index.tolist() == ALL
    gain = (measured["value"] - measured["shuffled"]) / measured["shuffled_sd"]
    assert (gain.drop(["regression", "regression_median", "regression_min"]) > 3).all()
    assert measured.loc["regression", "p"] < 0.05
    # What is called chance is chance: within four standard errors of the mean of 100 networks, which share cells.
    for name in ("wasserstein_rank", "target_recovery", "activity_recovery"):
        assert abs(measured.loc[name, "shuffled"] - 0.5) < measured.loc[name, "shuffled_sd"]


def test_a_shuffled_network_is_an_ordinary_one(screen, truth):
    rng = np.random.default_rng(1)
    wrong = truth.assign(target=rng.permutation(truth["target"]))
    wrong = wrong[wrong["source"].astype(str) != wrong["target"].astype(str)].drop_duplicates(["source", "target"])
    table = ag.metrics.gene_rnib(screen, wrong, **HOW, n_shuffled=99)
    assert (table["p"] > 0.02).sum() >= 8
    assert table.loc["target_recovery", "value"] < 0.75


def test_figures_are_those_of_plain_arithmetic(screen, truth, measured):
    """CausalBench's distance, and signs of differences of means of normalised values."""
    same = ag.metrics.causalbench(screen, truth, perturbation_key="perturbation")
    assert measured.loc["wasserstein", "value"] == pytest.approx(same["mean_wasserstein"], rel=1e-9)
    assert measured.loc["wasserstein", "n"] == same["n_edges_tested"]
    counts = screen.X.toarray().astype(float)
    totals = counts.sum(axis=1, keepdims=True)
    values = pd.DataFrame(np.log1p(counts / totals * np.median(totals)), columns=screen.var_names)
    labels, batches = (screen.obs[name].astype(str).to_numpy() for name in ("perturbation", "gem_group"))
    effects = []
    for batch in np.unique(batches):
        inside = values[batches == batch].groupby(labels[batches == batch]).mean()
        effects.append([
            inside.loc[source, target] - inside.loc["control", target] if source in inside.index else np.nan
            for source, target in zip(truth["source"].astype(str), truth["target"].astype(str), strict=True)
        ])  # fmt: skip
    effects = np.array(effects)
    same = [len({*np.sign(column[np.isfinite(column)])}) == 1 for column in effects.T]
    assert measured.loc["replicate_signs", "value"] == pytest.approx(np.mean(same))
    distance = pd.DataFrame(index=screen.var_names, columns=screen.var_names, dtype=float)
    ranks = []
    for source, target in zip(truth["source"].astype(str), truth["target"].astype(str), strict=True):
        if distance.loc[source].isna().all():
            for gene in screen.var_names.drop(source):
                parts = (values.loc[labels == name, gene] for name in (source, "control"))
                distance.loc[source, gene] = stats.wasserstein_distance(*parts)
        row = distance.loc[source].dropna()
        ranks.append((stats.rankdata(row)[row.index.get_loc(target)] - 1) / (len(row) - 1))
    assert measured.loc["wasserstein_rank", "value"] == pytest.approx(np.mean(ranks), rel=1e-9)


def test_seeds_cells_and_forms_of_the_network(screen, truth, measured):
    few = HOW | {"n_shuffled": 8}
    once = ag.metrics.gene_rnib(screen, truth, **few)
    pd.testing.assert_frame_equal(ag.metrics.gene_rnib(screen, truth, **few), once)
    order = np.random.default_rng(0).permutation(screen.n_obs)
    pd.testing.assert_frame_equal(ag.metrics.gene_rnib(screen[order].copy(), truth, **few), once, rtol=1e-9)
    other = ag.metrics.gene_rnib(screen, truth, **few, rng=1)
    assert (other["shuffled"] != once["shuffled"]).all()
    adata = screen.copy()
    ag.io.read_network(adata, truth)
    stored = ag.metrics.gene_rnib(adata, adata, key="imported", **HOW, n_shuffled=0)
    pd.testing.assert_series_equal(stored["value"], measured["value"], rtol=1e-9)
    assert stored["p"].isna().all()
    without = ag.metrics.gene_rnib(screen, truth, perturbation_key="perturbation", n_shuffled=0)
    assert without.index.tolist() == ALL[:-2]


def test_what_cannot_be_measured_is_missing_or_said(screen, truth):
    none = ag.metrics.gene_rnib(screen, truth.iloc[:0], genes=list(screen.var_names), **HOW, n_shuffled=3)
    assert none["value"].isna().all()
    assert none["n"].eq(0).all()
    controls = screen[screen.obs["perturbation"] == "control"].copy()
    with pytest.raises(DesignError, match="No held-out cell"):
        ag.metrics.gene_rnib(screen, truth, perturbation_key="perturbation", control="x")
    alone = ag.metrics.gene_rnib(controls, truth, perturbation_key="perturbation", n_shuffled=2)
    assert alone["value"].isna().all()
    with pytest.raises(InputError, match="var_names has to hold each gene of the network"):
        ag.metrics.gene_rnib(screen, pd.DataFrame({"source": ["A"], "target": ["B"]}), **HOW)
    with pytest.raises(InputError, match="'nope'"):
        ag.metrics.gene_rnib(screen, truth, perturbation_key="perturbation", replicate="nope")
    with pytest.raises(MissingResultError, match="'nope'"):
        ag.metrics.gene_rnib(screen, screen, key="nope", **HOW)
    for wrong in ({"min_targets": 0}, {"folds": 1}, {"n_shuffled": -1}, {"rng": -1}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            ag.metrics.gene_rnib(screen, truth, **HOW, **wrong)


def test_a_replicate_that_is_no_column():
    adata = ag.datasets.simulate("paper_fig2", n_cells=600)
    with pytest.raises(InputError, match=r"replicate='nope' is not an obs column"):
        ag.metrics.gene_rnib(adata, adata, key="truth", perturbation_key="perturbation", replicate="nope")
