"""Scores of predictions against scipy, scikit-learn and brute force; baselines in simulated screens."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import cdist, cosine

import argen as ag
from argen.errors import ArgenWarning, DesignError, InputError


@pytest.fixture
def tables():
    rng = np.random.default_rng(0)
    index, columns = [f"c{i}" for i in range(6)], [f"g{j}" for j in range(9)]
    observed = pd.DataFrame(rng.normal(size=(6, 9)), index, columns)
    predicted = observed + rng.normal(0, 0.7, (6, 9))
    se = pd.DataFrame(rng.uniform(0.1, 0.5, (6, 9)), index, columns)
    return predicted, observed, se


def test_scores_of_one_condition(tables):
    predicted, observed, se = tables
    mean = observed.mean() + 0.1
    found = ag.metrics.what_if(predicted, observed, se=se, mean=mean)
    weight = np.minimum((observed / se) ** 2, 100.0)
    weight = weight.div(weight.sum(axis=1), axis=0)
    moved = (observed / se).abs() > 3
    for c in observed.index:
        x, d, w = predicted.loc[c], observed.loc[c], weight.loc[c]
        expected = {
            "pearson": stats.pearsonr(x, d)[0],
            "cosine": 1 - cosine(x, d),
            "pearson_mean": stats.pearsonr(x - mean, d - mean)[0],
            "cosine_mean": 1 - cosine(x - mean, d - mean),
            "rmse": np.sqrt(np.mean((x - d) ** 2)),
            "weighted_rmse": np.sqrt(np.average((x - d) ** 2, weights=w)),
            "weighted_r2": 1 - np.average((x - d) ** 2, weights=w) / np.average((mean - d) ** 2, weights=w),
            "direction": np.mean(np.sign(x[moved.loc[c]]) == np.sign(d[moved.loc[c]])),
        }
        for name, value in expected.items():
            assert found.loc[c, name] == pytest.approx(value), name


def test_effects_without_error_count_as_much_as_any(tables):
    """A standard error of 0 is the largest z that counts, and no warning; 0 / 0 is no z."""
    predicted, observed, se = tables
    zero, tiny = se.copy(), se.copy()
    zero.iloc[:, 0], tiny.iloc[:, 0] = 0.0, observed.iloc[:, 0].abs() / 1e200
    found = ag.metrics.what_if(predicted, observed, se=zero)
    largest = se.copy()
    largest.iloc[:, 0] = observed.iloc[:, 0].abs() / 10.0
    pd.testing.assert_frame_equal(found, ag.metrics.what_if(predicted, observed, se=largest))
    pd.testing.assert_frame_equal(found, ag.metrics.what_if(predicted, observed, se=tiny))


def test_ranks_among_the_conditions(tables):
    predicted, observed, _ = tables
    found = ag.metrics.what_if(predicted, observed)
    distance = cdist(predicted, observed, "cityblock")
    unlike = cdist(observed - observed.mean(), predicted - observed.mean(), "cosine")
    for scores, matrix in ((found["discrimination"], distance), (found["retrieval"], unlike)):
        for c, score in enumerate(scores):
            rank = stats.rankdata(matrix[c])[c]  # 1 is nearest
            assert score == pytest.approx((6 - rank) / 5)


def test_what_all_perturbations_share_is_not_counted_as_found(tables):
    """A large common response: against controls the mean is nearly perfect, against the mean it is nothing."""
    _, observed, _ = tables
    observed = observed + np.linspace(-30, 30, 9)
    mean = pd.DataFrame([observed.mean()] * 6, observed.index)
    found = ag.metrics.what_if(mean, observed)
    assert (found["pearson"] > 0.95).all()
    assert found["pearson_mean"].isna().all()
    np.testing.assert_allclose(found["weighted_r2"], 0, atol=1e-12)
    np.testing.assert_allclose(found[["discrimination", "retrieval"]].mean(axis=0)["retrieval"], 0.5)
    assert ag.metrics.what_if(observed * 0.0, observed)["direction"].isna().all()


def test_missing_values_and_order_do_not_matter(tables):
    predicted, observed, se = tables
    observed = observed.copy()
    observed.iloc[0, :3] = np.nan
    found = ag.metrics.what_if(predicted, observed, se=se)
    part = ag.metrics.what_if(predicted.iloc[:1, 3:], observed.iloc[:1, 3:], se=se, mean=observed.mean())
    columns = ["pearson", "rmse", "weighted_rmse", "weighted_r2", "direction"]
    pd.testing.assert_frame_equal(found.iloc[:1][columns], part[columns])
    mixed = ag.metrics.what_if(predicted.iloc[::-1, ::-1], observed, se=se)
    pd.testing.assert_frame_equal(mixed, found)
    nothing = observed * np.nan
    assert ag.metrics.what_if(predicted, nothing).isna().all().all()


def test_bad_tables(tables):
    predicted, observed, _ = tables
    with pytest.raises(InputError, match="predicted lacks conditions or genes of observed: 'c0', 'g1'"):
        ag.metrics.what_if(predicted.drop(index="c0", columns="g1"), observed)
    with pytest.raises(InputError, match="has to be a DataFrame"):
        ag.metrics.what_if(predicted.to_numpy(), observed)
    with pytest.raises(InputError, match="twice: c0"):
        ag.metrics.what_if(predicted, pd.concat([observed, observed.iloc[:1]]))


def pairs_screen(seed: int = 0):
    """Counts of single knock-downs and of pairs, which do the sum of both, in a chain of ten genes."""
    from anndata import AnnData

    rng = np.random.default_rng(seed)
    names = np.array([f"G{i}" for i in range(10)])
    theta = np.diag(np.full(9, 0.6), 1)
    reach = np.linalg.inv(np.eye(10) - theta)
    pairs = [(0, 5), (1, 7), (2, 6), (3, 8)]
    targets = [(), *[(g,) for g in range(10)], *pairs]
    labels = ["control", *names, *["+".join(names[list(pair)]) for pair in pairs]]
    of_cell = np.repeat(np.arange(len(labels)), [400] + [120] * (len(labels) - 1))
    shift = np.zeros((len(labels), 10))
    for row, target in zip(shift, targets, strict=True):
        row[list(target)] = -1.2
    own = shift[of_cell] + rng.normal(0, 0.3, (len(of_cell), 10))
    counts = rng.poisson(np.exp(1.5 + own @ reach)).astype(np.float32)
    obs = pd.DataFrame({"label": np.array(labels, dtype=object)[of_cell], "depth": 1.0})
    obs.index = obs.index.astype(str)
    return AnnData(counts, obs=obs, var=pd.DataFrame(index=names))


DATA = {"perturbation_key": "label", "depth": "depth", "n_jobs": 1}


def test_pairs_that_were_never_seen():
    adata = pairs_screen()
    scores = ag.metrics.what_if_screen(adata, **DATA)
    assert scores["condition"].unique().tolist() == ["G0+G5", "G1+G7", "G2+G6", "G3+G8"]
    assert (scores["n_genes"] == 8).all()
    mean = scores.groupby("predictor").mean(numeric_only=True)
    assert mean.loc["network", "rmse"] < mean.loc["added up", "rmse"]
    assert mean.loc["network", "weighted_r2"] > 0.8
    assert mean.loc["network", "direction"] > 0.9
    assert mean.loc["other cells", "weighted_r2"] > 0.8
    assert mean.loc["mean of the perturbations", "weighted_r2"] == pytest.approx(0)
    assert mean.loc["no change", "direction"] == 0
    assert mean.loc["network, shuffled", "rmse"] > 2 * mean.loc["network", "rmse"]
    again = ag.metrics.what_if_screen(adata, **DATA)
    pd.testing.assert_frame_equal(scores, again)
    assert "argen_dag" not in adata.uns


def test_baselines_alone_and_what_is_left_out():
    adata = pairs_screen()
    scores = ag.metrics.what_if_screen(adata, search=None, conditions="singles", genes=["G1", "G2"], **DATA)
    assert set(scores["predictor"]) == {"added up", "mean of the perturbations", "no change", "other cells"}
    assert len(scores) == 40
    assert scores["n_genes"].max() == 2
    hidden = adata[:, adata.var_names != "G0"].copy()
    with pytest.warns(ArgenWarning) as told:  # another one says that G0 is not measured
        scores = ag.metrics.what_if_screen(hidden, **DATA)
    assert any("not in the network: G0+G5" in str(one.message) for one in told)
    assert "G0+G5" not in set(scores["condition"])
    with pytest.raises(InputError, match=r"No label .* is left to predict"):
        ag.metrics.what_if_screen(adata[~adata.obs["label"].str.contains("+", regex=False)].copy(), **DATA)
    with pytest.raises(InputError, match="genes names some"):
        ag.metrics.what_if_screen(adata, genes=["Z"], search=None, **DATA)
    with pytest.raises(InputError, match="separator"):
        ag.metrics.what_if_screen(adata, separator="", **DATA)
    few = adata[:, ["G0"]].copy()
    with pytest.raises(DesignError, match="a network needs two"):
        ag.metrics.what_if_screen(few, **DATA)
