"""What is left out: warned, counted and listed with its reason, and without influence on the rest."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from toy import KWARGS, set_count, toy

import argen as ag
from argen.errors import ArgenWarning, DesignError


def run(adata, **kwargs):
    ag.tl.argen_descendants(adata, **{**KWARGS, **kwargs})
    return adata


def perturbations(adata):
    return ag.get.perturbations(adata).set_index("perturbation")


def cells(adata):
    return adata.uns["argen_descendants"]["tables"]["cells"].set_index("cells")["n"].to_dict()


def check_same_pairs(left, right):
    pd.testing.assert_frame_equal(ag.get.pairs(left), ag.get.pairs(right), check_exact=True)


def relabel(adata, n, label, gene="D"):
    """Give the first `n` cells of a target another label."""
    at = np.flatnonzero(adata.obs["gene"] == gene)[:n]
    adata.obs.iloc[at, adata.obs.columns.get_loc("gene")] = label
    return adata.obs_names[at]


def test_target_that_is_not_measured():
    adata = toy()
    lost = relabel(adata, 20, "MYC")
    with pytest.warns(ArgenWarning, match="^1 perturbation dropped, not measured: MYC. See") as record:
        run(adata)
    assert len(record) == 1
    row = perturbations(adata).loc["MYC"]
    assert (row["status"], row["reason"], row["n_cells"], row["n_descendants"]) == ("dropped", "not measured", 20, 0)
    assert np.isnan(row["effect"])
    assert cells(adata)["perturbation dropped"] == 20
    check_same_pairs(adata, run(adata[~adata.obs_names.isin(lost)].copy()))


def test_warnings_point_at_the_line_of_the_user():
    adata = toy()
    relabel(adata, 20, "MYC")
    for function in (ag.tl.argen_descendants, ag.tl.argen_dag):
        with pytest.warns(ArgenWarning) as record:
            function(adata.copy(), **KWARGS)
        assert [warning.filename for warning in record] == [__file__]


def test_target_with_few_cells():
    adata = toy()
    lost = relabel(adata, 51, "other0")
    with pytest.warns(ArgenWarning, match="^1 perturbation dropped, fewer than 10 cells: D. See"):
        run(adata)
    assert perturbations(adata).loc["D", ["status", "reason", "n_cells"]].tolist() == [
        "dropped",
        "fewer than 10 cells",
        9,
    ]
    assert perturbations(adata).loc["other0", "n_cells"] == 51
    assert len(lost) == 51
    adata = toy()
    relabel(adata, 51, "other0")
    run(adata, min_cells=9)
    assert perturbations(adata).loc["D", "status"] == "kept"


def test_min_cells_counts_cells_with_depth():
    adata = toy()
    relabel(adata, 50, "unassigned")
    run(adata.copy())
    adata.obs.loc[adata.obs_names[adata.obs["gene"] == "D"][0], "depth"] = 0.0
    with pytest.warns(ArgenWarning, match="fewer than 10 cells: D"):
        run(adata, depth="depth")


def test_cells_without_depth():
    adata = toy()
    empty = ["cell3", "cell7", "cell399"]
    counts = adata.X.toarray()
    counts[adata.obs_names.isin(empty)] = 0
    adata.X = sparse.csr_matrix(counts)
    with pytest.warns(ArgenWarning, match="^3 cells dropped, zero depth. See"):
        run(adata)
    assert cells(adata)["zero depth"] == 3
    check_same_pairs(adata, run(adata[~adata.obs_names.isin(empty)].copy()))


def test_cell_that_is_alone_in_its_batch():
    adata = toy()
    adata.obs["batch"] = adata.obs["batch"].astype(str)
    adata.obs.loc["cell5", "batch"] = "b9"
    with pytest.warns(ArgenWarning, match=r"^1 cell dropped, alone in a covariate level \('b9' of 'batch'\)\. See"):
        run(adata)
    assert cells(adata)["alone in a covariate level"] == 1
    check_same_pairs(adata, run(adata[adata.obs_names != "cell5"].copy()))


def test_dropping_goes_on_until_nothing_changes():
    """Without its lonely cell D has too few cells; without D's cells a control is alone in its donor."""
    adata = toy()
    relabel(adata, 50, "unassigned")
    left = adata.obs_names[adata.obs["gene"] == "D"]
    adata.obs["batch"] = adata.obs["batch"].astype(str)
    adata.obs.loc[left[0], "batch"] = "b9"
    adata.obs["donor"] = np.where(np.arange(adata.n_obs) % 2, "d1", "d2")
    adata.obs.loc[[left[1], "cell0"], "donor"] = "d3"
    with pytest.warns(ArgenWarning, match="1 perturbation dropped, fewer than 10 cells: D; 1 cell dropped, alone"):
        run(adata, covariates=["batch", "donor", "mito"])
    assert cells(adata) == {
        "zero depth": 0,
        "alone in a covariate level": 1,
        "control": 199,
        "perturbed": 180,
        "no single perturbation": 50,
        "perturbation dropped": 10,
    }
    keep = (adata.obs["gene"] != "D") & (adata.obs_names != "cell0")
    check_same_pairs(adata, run(adata[keep].copy(), covariates=["batch", "donor", "mito"]))


def test_target_in_a_batch_without_controls():
    adata = toy()
    adata.obs["batch"] = np.where(adata.obs["gene"] == "D", "b9", adata.obs["batch"].astype(str))
    with pytest.warns(ArgenWarning, match="^1 perturbation dropped, no control cells in its covariate levels: D. See"):
        run(adata)
    assert cells(adata)["perturbation dropped"] == 60
    check_same_pairs(adata, run(adata[adata.obs["gene"] != "D"].copy()))


def test_cells_in_a_batch_without_controls_are_not_counted():
    adata = toy()
    adata.obs["batch"] = adata.obs["batch"].astype(str)
    at = np.flatnonzero(adata.obs["gene"] == "D")[:25]
    adata.obs.iloc[at, adata.obs.columns.get_loc("batch")] = "b9"
    words = r"^25 of 240 perturbed cells are in levels of 'batch' without control cells \('b9'\) and tell nothing"
    with pytest.warns(ArgenWarning, match=words):
        run(adata)
    assert perturbations(adata).loc["D", ["n_cells", "n_supported"]].tolist() == [60, 35]
    findings = ag.get.check(adata).set_index("check")
    assert "of 240 perturbed cells are in levels of 'batch' without control" in findings.loc["controls", "what"]
    n_perturbed = ag.get.pairs(adata).groupby("source")["n_perturbed"].unique()
    assert {gene: n.tolist() for gene, n in n_perturbed.items()} == {"A": [60], "B": [60], "C": [60], "D": [35]}


def test_gene_without_counts():
    adata = toy()
    set_count(adata, adata.obs["gene"] != "", "D", 0)
    with pytest.warns(ArgenWarning, match="^1 perturbation dropped, no counts in the cells of the analysis: D. See"):
        run(adata)
    assert set(ag.get.pairs(adata)["target"]) == {"A", "B", "C"}


def test_targets_that_were_not_asked_for_are_no_news():
    adata = toy()
    run(adata, perturbations=["A", "B", "C"])  # a warning would be an error here
    assert perturbations(adata).loc["D", "reason"] == "not among perturbations"
    check_same_pairs(adata, run(adata[adata.obs["gene"] != "D"].copy()))


def test_cells_without_a_single_target():
    adata = toy()
    lost = [*relabel(adata, 5, "multiple"), *relabel(adata, 6, "unassigned"), *relabel(adata, 7, np.nan)]
    run(adata)
    assert cells(adata)["no single perturbation"] == 18
    check_same_pairs(adata, run(adata[~adata.obs_names.isin(lost)].copy()))


@pytest.mark.parametrize("mark", ["+", ",", ";", "|", "&", "_"])
def test_two_targets_in_a_label(mark):
    adata = toy()
    both = f"A{mark}B"
    lost = relabel(adata, 12, both)
    with pytest.warns(ArgenWarning) as record:
        run(adata)
    messages = [str(warning.message) for warning in record]
    assert messages[0].startswith(f"1 perturbation dropped, not measured: {both}.")
    assert "several perturbations" in messages[1]
    assert f"ag.pp.argen_guides(adata, labels='gene', separator={mark!r})" in messages[1]
    assert len(messages) == 2
    assert cells(adata)["perturbation dropped"] == 12

    ag.pp.argen_guides(adata, labels="gene", separator=mark, control="ctrl")
    assert set(adata.obs.loc[lost, "argen_perturbation"]) == {"multiple"}
    run(adata, perturbation_key="argen_perturbation", control="control")
    assert cells(adata)["no single perturbation"] == 12
    check_same_pairs(adata, run(adata[~adata.obs_names.isin(lost)].copy()))


def test_a_target_beside_a_control_in_a_label():
    """As GEARS writes it; the strand in a guide's name is no such mark."""
    adata = toy()
    relabel(adata, 12, "B+ctrl")
    relabel(adata, 12, "E_+_12.23-P1P2")
    with pytest.warns(ArgenWarning) as record:
        run(adata)
    messages = [str(warning.message) for warning in record]
    assert "Labels such as 'B+ctrl' name a gene and a control" in messages[1]
    assert "separator='+'" in messages[1]
    assert len(messages) == 2


def test_integers_that_may_be_codes():
    adata = toy()
    with pytest.warns(ArgenWarning, match=r"'lane' holds 4 different integers .* C\(lane\).*categorical"):
        run(adata, covariates=["lane"])
    adata.obs["umis"] = np.arange(adata.n_obs)
    adata.obs["lane_as_float"] = adata.obs["lane"].astype(float)
    for covariates in ("~ C(lane)", ["umis"], ["lane_as_float"]):
        run(adata, covariates=covariates)


def test_every_cell_is_under_one_heading():
    adata = toy()
    relabel(adata, 3, "multiple")
    relabel(adata, 4, "MYC")
    adata.obs.loc["cell1", "depth"] = 0.0
    with pytest.warns(ArgenWarning, match="not measured: MYC; 1 cell dropped, zero depth"):
        run(adata, depth="depth")
    assert sum(cells(adata).values()) == adata.n_obs


def test_nothing_left():
    adata = toy()
    adata.obs["gene"] = adata.obs["gene"].replace({"A": "MYC", "B": "FOS", "C": "JUN"})
    with pytest.raises(DesignError, match=r"Perturbations left: 'D'; .*not measured: 'FOS', 'JUN', 'MYC'"):
        run(adata)


def test_a_covariate_with_a_level_per_cell_is_named():
    adata = toy()
    adata.obs["barcode"] = adata.obs_names.to_numpy()
    with pytest.raises(DesignError, match=r"alone in a level of \('barcode',\)"):
        ag.tl.argen_descendants(adata, **{**KWARGS, "covariates": ["barcode"]})
