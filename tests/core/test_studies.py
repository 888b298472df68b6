"""Claims of the documentation about standard errors, small enough to run each time; full tables: benchmarks/paper."""

import covariances
import numpy as np
import pandas as pd
import pooled
import pytest

pytestmark = pytest.mark.slow

REPLICATES = 60


@pytest.fixture(scope="module")
def weak():
    """z-scores of all candidates under a weak knock-down, by covariance."""
    runs = [row for seed in range(REPLICATES) for row in covariances.replicate("weak knock-down", seed)]
    return pd.DataFrame(runs).query("hc == 'HC0'")


def test_stacked_is_calibrated_under_a_weak_knock_down_where_murphy_topel_is_timid(weak):
    """Nulls: standard deviation 1 within 4 standard errors for stacked, below 1 by more than that for Murphy–Topel.

    Candidates of one replicate are correlated, hence the standard error over replicates.
    """
    null = weak[weak["truth"] == 0]
    square = null.assign(square=null["z"] ** 2).groupby(["covariance", "seed"])["square"].mean().unstack("covariance")
    mean, error = square.mean(), square.sem()
    assert abs(mean["stacked"] - 1) < 4 * error["stacked"]
    assert mean["murphy-topel"] < mean["stacked"] - 4 * (square["stacked"] - square["murphy-topel"]).sem()
    rejected = (null["z"].abs() > 1.96).groupby([null["covariance"], null["seed"]]).mean().unstack("covariance")
    assert abs(rejected["stacked"].mean() - 0.05) < 4 * rejected["stacked"].sem()


def test_stacked_finds_more_there(weak):
    edges = weak[weak["truth"] != 0]
    found = (edges["z"].abs() > 1.96).groupby([edges["covariance"], edges["seed"]]).mean().unstack("covariance")
    gain = found["stacked"] - found["murphy-topel"]
    assert gain.mean() > 4 * gain.sem()


def test_pooling_gains_power_with_few_controls_and_none_with_many():
    few, many = (pooled.setting(n, "power", 4000)[0] for n in (100, 3000))
    error = np.sqrt(0.25 / 4000)
    assert few["pooled"] > few["pairwise"] + 4 * error
    assert abs(many["pooled"] - many["pairwise"]) < 4 * error


@pytest.mark.parametrize("controls", [100, 1000])
def test_pooling_keeps_the_level(controls):
    """Pairs of one gene share controls: three times the binomial error."""
    row = pooled.setting(controls, "null", 4000)[0]
    assert abs(row["pooled"] - 0.05) < 3 * 3 * np.sqrt(0.05 * 0.95 / 4000)
