"""Integers that were counts once are told from counts."""

import artefacts
import numpy as np
import pytest
from scipy import sparse
from toy import toy

import argen as ag
from argen._core.checks.scaled import find_scaling

SCREENS = {
    "papalexi": lambda: ag.datasets.papalexi_2021()["rna"].X,
    "dixit": lambda: ag.datasets.dixit_2016().X,
    "schraivogel": lambda: ag.datasets.schraivogel_2020()["rna"].X,
    "hill": lambda: ag.datasets.hill_2018()["rna"].X,
    "norman": lambda: ag.datasets.norman_2019_doubles().X,
    "fixed reads": lambda: artefacts.CASES["fixed reads per cell"](0).X,
    "simulated": lambda: ag.datasets.simulate("paper_fig2").X,
}
GUIDES = {
    "papalexi": lambda: ag.datasets.papalexi_2021()["guide"].X,
    "schraivogel": lambda: ag.datasets.schraivogel_2020()["guide"].X,
    "hill": lambda: ag.datasets.hill_2018()["guide"].X,
    "simulated": lambda: ag.datasets.simulate(genes=5, guides_per_target=2, guide_counts=True)["guide"].X,
}
STORAGES = {"csr": sparse.csr_array, "csc": sparse.csc_array, "dense": lambda x: x.toarray()}


def scaled(counts, total):
    """Counts scaled to a common total and rounded."""
    counts = sparse.csr_array(counts)
    sums = np.asarray(counts.sum(axis=1)).ravel()
    result = sparse.csr_array(sparse.diags_array(total / np.maximum(sums, 1)) @ counts)
    result.data = np.rint(result.data)
    return result


@pytest.mark.parametrize("name", SCREENS)
def test_counts_raise_no_alarm_and_scaled_ones_do(name):
    counts = SCREENS[name]()
    assert find_scaling(counts) is None
    for total in (1e6, 1e4):
        assert find_scaling(scaled(counts, total)) is not None


@pytest.mark.parametrize("name", GUIDES)
def test_guide_counts_raise_no_alarm_and_scaled_ones_do(name):
    counts = GUIDES[name]()
    assert find_scaling(counts, thinned=False) is None
    for total in (1e6, 1e4):
        assert find_scaling(scaled(counts, total), thinned=False) is not None


@pytest.mark.parametrize("storage", STORAGES)
def test_a_panel_of_counts_per_million_shows_its_unit(storage):
    counts = artefacts.CASES["clean"](0).X
    panel = scaled(counts, 1e6)[:, ::2]
    found = find_scaling(STORAGES[storage](panel))
    sums = np.asarray(counts.sum(axis=1)).ravel()
    assert np.isnan(found.total)
    assert found.unit == pytest.approx(np.median(1e6 / sums), rel=0.1)


def test_totals_say_what_they_are():
    found = find_scaling(scaled(artefacts.CASES["clean"](0).X, 1e4))
    assert found.total == pytest.approx(1e4, rel=0.01)
    assert found.spread < 30


def test_counts_that_were_thinned_to_one_total_are_counts():
    rng = np.random.default_rng(0)
    same = sparse.csr_array(rng.multinomial(5000, np.full(200, 1 / 200), size=100))
    assert find_scaling(same) is None
    assert find_scaling(same, thinned=False) is not None  # nobody thins guides


def test_few_cells_say_nothing():
    assert find_scaling(scaled(toy().X, 1e4)[:10]) is None
    assert find_scaling(sparse.csr_array((50, 4))) is None
