"""AnnData → Screen: the core's view of the cells, genes and covariates."""

import numpy as np
import pytest
from scipy import sparse
from toy import GENES, toy

from argen._bridge.inputs import read_screen
from argen._bridge.results.fingerprint import fingerprint
from argen._bridge.settings import DescendantSettings


def settings(**changes):
    base = {
        "perturbation_key": "gene", "control": ("ctrl",), "covariates": ("batch", "mito"), "depth": None, "layer": None,
        "perturbations": None, "min_cells": 10,
    }  # fmt: skip
    return DescendantSettings(**(base | changes))


@pytest.fixture
def adata():
    adata = toy()
    adata.obs.iloc[::17, adata.obs.columns.get_loc("gene")] = "unassigned"
    return adata[np.random.default_rng(1).permutation(adata.n_obs)].copy()


def test_cells_are_rows_of_the_input(adata):
    screen, _ = read_screen(adata, settings())
    labels = adata.obs["gene"].to_numpy()[screen.cell]
    expected = np.array([*GENES, "ctrl"])[screen.group]
    np.testing.assert_array_equal(labels, expected)
    assert len(set(screen.cell)) == screen.n_cells == (adata.obs["gene"] != "unassigned").sum()


def test_counts_depth_and_covariates_follow_their_cells(adata):
    screen, _ = read_screen(adata, settings())
    counts = adata.X.toarray()
    for j, gene in enumerate(screen.genes):
        np.testing.assert_array_equal(screen.counts_of(j), counts[screen.cell, adata.var_names.get_loc(gene)])
    total = counts.sum(axis=1)[screen.cell]
    np.testing.assert_allclose(screen.design.depth, total / total.mean())
    mito = adata.obs["mito"].to_numpy()[screen.cell]
    np.testing.assert_allclose(screen.design.numeric[0], (mito - mito.mean()) / mito.std())
    level = screen.design.stratum_level[screen.stratum]
    np.testing.assert_array_equal(np.array(["b1", "b2", "b3"])[level], adata.obs["batch"].to_numpy()[screen.cell])


def test_given_depth_is_taken_as_it_is(adata):
    screen, _ = read_screen(adata, settings(depth="depth"))
    np.testing.assert_array_equal(screen.design.depth, adata.obs["depth"].to_numpy()[screen.cell])


def test_genes_are_sorted(adata):
    screen, _ = read_screen(adata[:, ::-1], settings())
    assert screen.genes == GENES


def test_main_factor_has_the_most_levels():
    adata = toy()
    adata.obs["donor"] = [f"d{i % 7}" for i in range(adata.n_obs)]
    for covariates in (("batch", "donor"), ("donor", "batch"), "~ mito + batch + donor"):
        screen, _ = read_screen(adata, settings(covariates=covariates))
        assert screen.design.n_levels == 7
        assert screen.design.stratum_dummies.shape[1] == 2


@pytest.mark.parametrize("storage", [np.asarray, sparse.csr_matrix, sparse.csc_array])
def test_input_is_not_changed(storage):
    adata = toy()
    adata.X = storage(adata.X.toarray())
    before = adata.X.copy()
    read_screen(adata, settings())
    assert (before != adata.X).sum() == 0


def test_fingerprint_knows_no_order(adata):
    screen, _ = read_screen(adata, settings())
    mixed = adata[::-1, ::-1].copy()
    assert fingerprint(read_screen(mixed, settings())[0], mixed.obs_names) == fingerprint(screen, adata.obs_names)


@pytest.mark.parametrize(
    "changes",
    [{"covariates": ("batch",)}, {"covariates": None}, {"depth": "depth"}, {"perturbations": ("A", "B", "C")}],
)
def test_fingerprint_tells_designs_apart(adata, changes):
    screens = [read_screen(adata, settings(**change))[0] for change in ({}, changes)]
    assert len({fingerprint(screen, adata.obs_names) for screen in screens}) == 2


def test_fingerprint_tells_counts_of_two_cells_apart(adata):
    one, _ = read_screen(adata, settings(depth="depth", covariates=None))
    a, b = np.flatnonzero(adata.obs["gene"] == "A")[:2]
    counts = adata.X.toarray()
    assert (counts[a] != counts[b]).any()
    counts[[a, b]] = counts[[b, a]]
    before = fingerprint(one, adata.obs_names)
    adata.X = counts
    assert fingerprint(read_screen(adata, settings(depth="depth", covariates=None))[0], adata.obs_names) != before
