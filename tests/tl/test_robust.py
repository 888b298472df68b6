"""The option of the robust tests, as a user meets it."""

import io

import numpy as np
import pytest
from scanpy import settings
from toy import KWARGS, toy

import argen as ag
from argen.errors import InputError


@pytest.fixture
def log():
    before, stream = settings.logfile, io.StringIO()
    settings.logfile = stream
    yield stream
    settings.logfile = before


def searched(**options):
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS, **options)
    return adata


def test_small_networks_are_tested_without_being_asked(log):
    adata = searched()
    edges = ag.get.edges(adata, selected=False)
    assert edges["p_robust"].notna().all()
    assert adata.uns["argen_dag"]["settings"]["robust"]
    assert "left out" not in log.getvalue()
    assert ((edges["ci_low_robust"] < edges["coef"]) & (edges["coef"] < edges["ci_high_robust"])).all()


def test_large_ones_are_not_and_the_log_says_so(log, monkeypatch):
    import sys

    n = len(ag.get.edges(searched(), selected=False))
    monkeypatch.setattr(sys.modules["argen.tl._dag"], "MOST_ROBUST", n - 1)
    adata = searched()
    assert ag.get.edges(adata, selected=False)["p_robust"].isna().all()
    assert not adata.uns["argen_dag"]["settings"]["robust"]
    assert f"{n} candidate edges" in log.getvalue()
    assert "robust=True makes them" in log.getvalue()
    assert ag.get.edges(searched(robust=True), selected=False)["p_robust"].notna().all()
    monkeypatch.setattr(sys.modules["argen.tl._dag"], "MOST_ROBUST", n)
    assert ag.get.edges(searched(), selected=False)["p_robust"].notna().all()


def test_without_them_only_the_strength_is_there():
    edges = ag.get.edges(searched(robust=False), selected=False)
    assert np.isfinite(edges["F"]).all()
    assert edges[["p_robust", "ci_low_robust", "ci_high_robust"]].isna().all(axis=None)
    assert (edges["robust_set"] == "").all()


def test_bad_option():
    with pytest.raises(InputError, match="robust='yes'"):
        searched(robust="yes")
