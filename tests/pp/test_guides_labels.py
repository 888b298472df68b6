"""pp.argen_guides on labels: one obs column holds the targets or guides of each cell."""

import numpy as np
import pandas as pd
import pytest

import argen as ag
from argen.errors import InputError


def run(adata, labels, **options):
    part = adata[: len(labels)].copy()
    part.obs["gene"] = pd.Series(labels, index=part.obs_names) if isinstance(labels, list) else labels
    ag.pp.argen_guides(part, labels="gene", **options)
    return part


def targets(adata):
    return adata.obs["argen_perturbation"].tolist()


@pytest.mark.parametrize("dtype", [object, "category", "string"])
def test_one_target_per_label(adata, dtype):
    labels = pd.Series(["MYC", "non-targeting", None, "STAT1", " MYC ", "", "nan"], dtype=dtype)
    part = run(adata, labels.to_numpy() if dtype is object else labels.set_axis(adata.obs_names[:7]))
    assert targets(part) == ["MYC", "control", "unassigned", "STAT1", "MYC", "unassigned", "unassigned"]
    record = part.uns["argen_guides"]
    assert record["tables"]["guides"]["guide"].tolist() == ["MYC", "STAT1", "non-targeting"]
    assert record["tables"]["guides"]["n_cells"].tolist() == [2, 1, 1]
    assert record["settings"]["method"] == "labels"
    cells = record["tables"]["cells"]
    assert list(zip(cells["status"], cells["reason"], cells["n_cells"], strict=True)) == [
        ("target", "one guide", 3),
        ("control", "one guide", 1),
        ("unassigned", "no label", 3),
    ]


def test_combined_labels(adata):
    labels = ["A+B", "A+ctrl", "ctrl+A", "A+A", "ctrl", "ctrl+ctrl", "A", "A + B + ctrl"]
    part = run(adata, labels, separator="+")
    assert targets(part) == ["multiple", "A", "A", "A", "control", "control", "A", "multiple"]
    assert part.uns["argen_guides"]["tables"]["guides"]["guide"].tolist() == ["A", "B", "ctrl"]
    expected = [[1, 1, 0], [1, 0, 1], [1, 0, 1], [1, 0, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 1, 1]]
    np.testing.assert_array_equal(part.obsm["argen_guides"].toarray(), expected)
    cells = part.uns["argen_guides"]["tables"]["cells"]
    assert list(zip(cells["status"], cells["reason"], cells["n_cells"], strict=True)) == [
        ("target", "one guide", 2),
        ("target", "guides of one target beside control guides", 2),
        ("control", "one guide", 2),
        ("multiple", "guides of several targets", 2),
    ]
    assert part.uns["argen_guides"]["settings"]["separator"] == "+"


@pytest.mark.parametrize("control", [None, "non_targeting", ["non_targeting"]])
def test_a_control_that_holds_the_separator_stays_whole(adata, control):
    part = run(adata, ["A_B", "non_targeting", "A_A"], separator="_", control=control)
    assert targets(part) == ["multiple", "control", "A"]


def test_without_separator_a_combination_is_one_target(adata):
    part = run(adata, ["A+B", "ctrl"])
    assert targets(part) == ["A+B", "control"]


def test_labels_of_guides_with_a_mapping(adata):
    mapping = {"STAT1+g1": "STAT1", "STAT1g2": "STAT1", "MYCg1": "MYC", "NTg1": "non-targeting"}
    labels = ["STAT1+g1", "STAT1g2+MYCg1", "NTg1", "STAT1g2+NTg1", "MYCg1+MYCg1"]
    part = run(adata, labels, separator="+", guide_target=mapping)
    assert targets(part) == ["STAT1", "multiple", "control", "STAT1", "MYC"]
    assert part.uns["argen_guides"]["tables"]["guides"]["target"].tolist() == ["MYC", "control", "STAT1", "STAT1"]


def test_several_guides_of_one_target_are_that_target(adata):
    part = run(adata, ["a1+a2", "NT"], separator="+", guide_target=pd.Series({"a1": "A", "a2": "A", "NT": "NT"}))
    assert targets(part) == ["A", "control"]
    assert part.uns["argen_guides"]["tables"]["cells"]["reason"].tolist() == [
        "several guides of one target",
        "one guide",
    ]


@pytest.mark.parametrize("control", [0, "0", [0], np.array([0])])
@pytest.mark.parametrize("labels", [[1, 0, 2, 1], [1.0, 0.0, 2.0, 1.0]])
def test_integer_labels(adata, labels, control):
    assert targets(run(adata, labels, control=control)) == ["1", "control", "2", "1"]


def test_integer_labels_with_a_gap(adata):
    assert targets(run(adata, [1, 0, np.nan], control=0)) == ["1", "control", "unassigned"]


def test_several_control_labels_become_one(adata):
    part = run(adata, ["NTC_1", "Safe-Targeting", "A", "negative control 2", "SCRAMBLED"])
    assert targets(part) == ["control", "control", "A", "control", "control"]
    assert part.uns["argen_guides"]["settings"]["control"].tolist() == [
        "NTC_1",
        "SCRAMBLED",
        "Safe-Targeting",
        "negative control 2",
    ]


def test_negative_among_labels_has_to_be_named(adata):
    with pytest.raises(InputError, match="called 'Negative', but is not one of the controls"):
        run(adata, ["Negative", "NT", "A"])
    assert targets(run(adata, ["Negative", "NT", "A"], control=["Negative", "NT"])) == ["control", "control", "A"]


def test_labels_of_the_rna_modality(mdata):
    mdata["rna"].obs["gene"] = ["A", "NT"] * 5
    ag.pp.argen_guides(mdata, labels="gene")
    assert targets(mdata["rna"]) == ["A", "control"] * 5


def test_labels_of_the_mudata_are_matched_by_name(mdata):
    mdata.obs["gene"] = pd.Series(["A", "NT"] * 5, index=mdata["rna"].obs_names).reindex(mdata.obs_names)
    mdata.mod["rna"] = mdata["rna"][::-1].copy()
    ag.pp.argen_guides(mdata, labels="gene")
    assert targets(mdata["rna"]) == ["control", "A"] * 5


def test_order_of_cells_does_not_matter(adata):
    labels = ["A+B", "NT", "B", "A+NT", "C"]
    first = run(adata, labels, separator="+")
    second = run(adata, labels[::-1], separator="+")
    assert targets(first) == targets(second)[::-1]
    np.testing.assert_array_equal(first.obsm["argen_guides"].toarray(), second.obsm["argen_guides"].toarray()[::-1])


def test_labels_without_a_cell_are_no_targets(adata):
    labels = pd.Categorical(["A", "NT"], categories=["A", "NT", "B", "unassigned"])
    assert run(adata, labels).uns["argen_guides"]["tables"]["guides"]["guide"].tolist() == ["A", "NT"]


def test_own_targets_may_be_read_again(adata):
    first = run(adata, ["A", "NT", "B"])
    first.obs["gene"] = first.obs["argen_perturbation"]
    ag.pp.argen_guides(first, labels="gene", key_added="again")
    assert first.obs["again_perturbation"].tolist() == ["A", "control", "B"]
