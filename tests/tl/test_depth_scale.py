"""A depth on the wrong scale is named by the step, by quality control and by the knock-downs; right ones pass."""

import numpy as np
import pytest
from toy import KWARGS, toy

import argen as ag
from argen._bridge import log
from argen._bridge.checks.depth_scale import depth_finding, totals_of
from argen._bridge.counts import read_counts

WRONG = {
    "logarithm of the total": (lambda d: np.log1p(d), "looks like a logarithm or a root"),
    "log10": (lambda d: np.log10(d + 1), "looks like a logarithm or a root"),
    "of other cells": (
        lambda d: np.random.default_rng(0).permutation(d),
        "looks like something that is not",
    ),
    "percent of something": (
        lambda d: np.random.default_rng(0).gamma(4, 1.2, len(d)),
        "looks like something that is not",
    ),
    "the same for all": (lambda d: np.ones(len(d)), "is the same in all cells, while their counts vary"),
}
RIGHT = {
    "counts": lambda d: d,
    "size factors": lambda d: d / d.mean(),
    "size factors of median 1": lambda d: d / np.median(d),
    "per 10,000": lambda d: d / 1e4,
    "with other genes": lambda d: 40 * d * np.random.default_rng(0).uniform(0.7, 1.4, len(d)),
}


@pytest.fixture(autouse=True)
def _log_on_standard_error():
    """Whether or not another test loaded scanpy, whose log it would be."""
    with log.shown(1):
        yield


@pytest.fixture
def called():
    adata = toy()
    ag.pp.argen_guides(adata, labels="gene", control="ctrl")
    return adata


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_depth_is_named_wherever_it_is_given(called, name, capsys):
    change, words = WRONG[name]
    called.obs["d"] = change(called.obs["depth"].to_numpy())
    ag.tl.argen_descendants(called, **KWARGS, depth="d")
    assert f"WARNING: depth='d' {words}" in (printed := capsys.readouterr().err)
    assert "or size factors" in printed
    assert "depth scale" in set(ag.get.check(called)["check"])
    for use in (ag.get.guides, lambda a, depth: ag.pp.argen_qc(a, depth=depth, min_depth=0)):
        use(called, depth="d")
        assert f"WARNING: depth='d' {words}" in capsys.readouterr().err


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_depth_is_not(called, name, capsys):
    called.obs["d"] = RIGHT[name](called.obs["depth"].to_numpy())
    ag.tl.argen_descendants(called, **KWARGS, depth="d")
    ag.get.guides(called, depth="d")
    ag.pp.argen_qc(called, depth="d", min_depth=0)
    assert "depth='d'" not in capsys.readouterr().err
    assert "depth scale" not in set(ag.get.check(called)["check"])


def test_a_limit_on_a_wrong_depth_says_why_no_cell_is_left(called, capsys):
    called.obs["d"] = np.log1p(called.obs["depth"])
    with pytest.raises(ag.errors.DesignError, match="No cell would be left"):
        ag.pp.argen_qc(called, depth="d", min_depth=20)
    assert "depth='d' looks like a logarithm" in capsys.readouterr().err


def test_a_rule_on_a_column_needs_no_counts(called):
    called.layers["log"] = called.X.log1p()
    ag.pp.argen_qc(called, depth="depth", min_depth=1, layer="log", one_perturbation=False)
    assert called.obs["argen_qc"].all()


@pytest.mark.parametrize(
    ("data", "column"),
    [
        ("papalexi_2021", "total_umi"),
        ("schraivogel_2020", "total_umi_panel"),
        ("schraivogel_2020", "total_umi_panel_noHB"),
        ("hill_2018", "total_umi"),
        ("dixit_2016", "total_umi_panel"),
        ("norman_2019_doubles", "total_umi"),
    ],
)
def test_real_screens_raise_no_alarm_with_their_depth_and_one_with_its_logarithm(data, column):
    adata = getattr(ag.datasets, data)()
    adata = adata["rna"] if hasattr(adata, "mod") else adata
    totals = totals_of(read_counts(adata, None))
    depth = adata.obs[column].to_numpy(dtype=float)
    for right in (depth, depth / depth.mean(), totals[0], totals[0] / totals[0].mean()):
        assert depth_finding(column, right, totals) is None
    for wrong in (np.log1p(totals[0]), np.ones(len(depth)), np.random.default_rng(0).permutation(depth)):
        assert depth_finding(column, wrong, totals).check == "depth scale"
