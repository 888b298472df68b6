"""pp.argen_guides against calls that others made on published screens."""

import numpy as np
import pandas as pd
import pytest
from guide_screens import SCREENS, read
from scipy import sparse

import argen as ag


def called_guide(rna, key="argen_guides"):
    """Name of the one guide of each cell, NaN without."""
    called = rna.obsm[key]
    guides = rna.uns[key]["tables"]["guides"]["guide"].to_numpy()
    assert np.diff(called.indptr).max() == 1
    return pd.Series(guides[np.asarray(called.argmax(axis=1)).ravel()], rna.obs_names).where(
        np.diff(called.indptr) == 1
    )


def assert_differ_nowhere(first, second):
    differ = ~((first == second) | (first.isna() & second.isna()))
    assert differ.sum() == 0


@pytest.mark.parametrize("name", SCREENS)
def test_same_guide_and_target_as_stored(name):
    mdata = read(name)
    ag.pp.argen_guides(mdata, method="max")
    rna = mdata["rna"]
    assert_differ_nowhere(called_guide(rna), rna.obs["guide_simple"].astype(object))
    target = rna.obs["argen_perturbation"].astype(object).replace({"control": "non-targeting"})
    target = target.where(~target.isin(["multiple", "unassigned"]))
    assert_differ_nowhere(target, rna.obs["target_simple"].astype(object))
    assert rna.uns["argen_guides"]["settings"]["control"].tolist() == ["non-targeting"]
    assert rna.uns["argen_guides"]["tables"]["cells"]["n_cells"].sum() == rna.n_obs


def test_target_that_no_cell_has_stays_in_the_table(papalexi):
    ag.pp.argen_guides(papalexi, method="max", key_added="kept")
    table = papalexi["rna"].uns["kept"]["tables"]["guides"].groupby("target", observed=True)["n_cells"].sum()
    assert table["CD274"] == 0
    assert "CD274" in papalexi["rna"].obs["kept_perturbation"].cat.categories
    assert table["MYC"] == 73
    assert table["SPI1"] == 33


def test_labels_of_a_published_column(papalexi):
    ag.pp.argen_guides(papalexi, method="max", key_added="counts")
    ag.pp.argen_guides(papalexi, labels="target_simple", key_added="labels")
    obs = papalexi["rna"].obs
    for status in ("control", "STAT1", "IRF1"):
        np.testing.assert_array_equal(obs["labels_perturbation"] == status, obs["counts_perturbation"] == status)
    unassigned = obs["counts_perturbation"].isin(["multiple", "unassigned"])
    np.testing.assert_array_equal(obs["labels_perturbation"] == "unassigned", unassigned)


# crispat's ratio calls are those of the top guide with a share above (not at) the threshold, and its "maximum" those
# of the only top guide with at least 3 UMIs.
@pytest.mark.parametrize("percent", [50, 70, 80])
def test_same_calls_as_the_ratios_of_crispat(schraivogel, crispat, percent):
    above = np.nextafter(percent / 100, 1)
    ag.pp.argen_guides(schraivogel, method="max", min_umi=1, min_fraction=above)
    called = sparse.csr_array(schraivogel["rna"].obsm["argen_guides"])
    assert abs(called - crispat(f"ratios_t{percent / 100}")).sum() == 0


def test_same_calls_as_the_maximum_of_crispat(schraivogel, crispat):
    ag.pp.argen_guides(schraivogel, method="max", min_umi=3, min_fraction=0)
    called = sparse.csr_array(schraivogel["rna"].obsm["argen_guides"])
    assert abs(called - crispat("maximum")).sum() == 0


def test_status_of_uncalled_cells_from_the_threshold_calls_of_crispat(schraivogel, crispat):
    ag.pp.argen_guides(schraivogel, method="max")
    rna, targets = schraivogel["rna"], schraivogel["guide"].var["target"].to_numpy()
    called = np.diff(rna.obsm["argen_guides"].indptr) == 1
    present = crispat("UMI_t5")
    present.eliminate_zeros()
    n_targets = np.array([len(set(targets[row.indices])) for row in present])
    np.testing.assert_array_equal(rna.obs["argen_perturbation"] == "multiple", ~called & (n_targets > 1))
    reasons = rna.uns["argen_guides"]["tables"]["cells"].set_index("reason")["n_cells"]
    n_present = np.diff(present.indptr)
    no_umi = np.asarray(schraivogel["guide"].X.sum(axis=1)).ravel() == 0
    assert reasons["no guide UMI"] == no_umi.sum()
    assert reasons["no guide with min_umi"] == ((n_present == 0) & ~no_umi).sum()
    diluted = ~called & (n_present == 1)
    assert reasons["top guide below min_fraction, no second guide with min_umi"] == diluted.sum()


def test_high_moi_cells_are_multiple():
    mdata = ag.datasets.gasperini_2019()
    ag.pp.argen_guides(mdata, method="max")
    rna, guide = mdata["rna"], mdata["guide"].X.toarray()
    multiple = (rna.obs["argen_perturbation"] == "multiple").to_numpy()
    assert multiple.sum() > 500
    assert ((guide[multiple] >= 5).sum(axis=1) > 1).all()
