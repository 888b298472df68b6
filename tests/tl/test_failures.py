"""Compute, then write: whatever fails on the way leaves the object as it was; data are read once."""

import sys

import numpy as np
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.results import steps
from argen.errors import InputError


class BrokenError(Exception):
    """Not one of argen's."""


def broken(*args, **kwargs):
    raise BrokenError


FAILING = {
    "argen_descendants": ("argen._bridge.results.steps", "descendant_relation"),
    "argen_dag": ("argen.tl._dag", "search_dag"),
    "argen_naive": ("argen.baselines._naive.naive", "search_naive"),
    "inspre": ("argen.baselines._inspre.inspre", "fit_path"),
}


@pytest.mark.parametrize("has_step", [False, True], ids=["fresh", "after the step"])
@pytest.mark.parametrize("name", FAILING)
def test_a_failure_in_the_middle_changes_nothing(monkeypatch, name, has_step):
    adata = toy()
    if has_step:
        ag.tl.argen_dag(adata, **KWARGS)
    before = adata.copy()
    module, function = FAILING[name]
    monkeypatch.setattr(sys.modules[module], function, broken)
    given = KWARGS if not has_step or name == "argen_descendants" else {}
    with pytest.raises(BrokenError):
        getattr(ag.tl, name)(adata, **given)
    assert_same(before, adata)
    if not has_step:
        assert not adata.uns
        assert not adata.varp
        assert not adata.var.columns.tolist()


@pytest.mark.parametrize("method", ["pc", "gies", "notears"])
def test_a_missing_package_changes_nothing(monkeypatch, method):
    package = {"pc": "causallearn", "gies": "gies", "notears": "castle"}[method]
    for name in [package, *(name for name in sys.modules if name.startswith(f"{package}."))]:
        monkeypatch.setitem(sys.modules, name, None)
    adata = toy()
    before = adata.copy()
    with pytest.raises(ImportError) as caught:
        ag.tl.external_dag(adata, method=method, **KWARGS)
    assert "argen[baselines]" in "".join(caught.value.__notes__)
    assert_same(before, adata)
    assert not adata.uns
    assert not adata.varp


def test_prior_that_cannot_hold_changes_nothing():
    import pandas as pd

    adata = toy()
    before = adata.copy()
    rules = pd.DataFrame({"source": ["A"], "target": ["nobody"], "rule": ["required"]})
    with pytest.raises(InputError, match="nobody"):
        ag.tl.argen_dag(adata, prior=rules, **KWARGS)
    assert_same(before, adata)


@pytest.fixture
def calls(monkeypatch):
    """How often the counts were read, and their digest taken."""
    counted = {"read_screen": 0, "fingerprint": 0}

    def counting(name):
        function = getattr(steps, name)

        def count(*args, **kwargs):
            counted[name] += 1
            return function(*args, **kwargs)

        return count

    for name in counted:
        monkeypatch.setattr(steps, name, counting(name))
    return counted


@pytest.mark.parametrize("name", ["argen_dag", "argen_naive", "inspre"])
def test_data_are_read_once(calls, name):
    adata = toy()
    getattr(ag.tl, name)(adata, **KWARGS)
    assert calls == {"read_screen": 1, "fingerprint": 1}
    getattr(ag.tl, name)(adata)
    assert calls == {"read_screen": 2, "fingerprint": 2}


def test_tables_are_read_without_the_data(calls):
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_sensitivity(adata, alphas=[0.01])
    calls |= dict.fromkeys(calls, 0)
    for get in (ag.get.edges, ag.get.pairs, ag.get.perturbations, ag.get.genes, ag.get.graph, ag.get.sensitivity):
        get(adata)
    assert calls == {"read_screen": 0, "fingerprint": 0}


def test_a_step_in_memory_gives_what_a_stored_one_gives():
    alone, both = toy(), toy()
    ag.tl.argen_dag(alone, **KWARGS)
    ag.tl.argen_descendants(both, **KWARGS)
    ag.tl.argen_dag(both)
    assert_same(both, alone)
    for key in ("argen_descendants", "argen_dag"):
        assert both.uns[key]["id"] == alone.uns[key]["id"]
    assert np.array_equal(both.var["argen_layer"], alone.var["argen_layer"])
