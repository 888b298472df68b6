"""Labels and guides that name several at once: Cell Ranger, GEARS, scPerturb, Replogle."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from guide_screens import refuse
from mudata import MuData
from scipy import sparse

import argen as ag
from argen._bridge.guides.combinations import find_joined

GREEDY, FIRST = r"^(.+)_g?\d+$", r"^([^_|]+)_"


def labelled(adata, labels):
    part = adata[: len(labels)].copy()
    part.obs["label"] = np.array(labels, dtype=object)
    return part


def run(adata, labels, **options):
    part = labelled(adata, labels)
    ag.pp.argen_guides(part, labels="label", **options)
    return part.obs["argen_perturbation"].tolist()


@pytest.mark.parametrize(
    ("label", "separator"),
    [
        ("STAT1+MYC", "+"),
        ("STAT1|MYC", "|"),
        ("STAT1 | MYC", "|"),
        ("STAT1,MYC", ","),
        ("STAT1; MYC", ";"),
        ("STAT1&MYC", "&"),
        ("STAT1_MYC", "_"),
        ("STAT1+MYC+IRF1", "+"),
        ("STAT1+ctrl", "+"),
        ("ctrl+enhancer7", "+"),
        ("STAT1_ctrl", "_"),
        ("e1|e2", "|"),
        ("GATA1_+_12.23-P1P2|GATA1_-_45.23-P1P2", "|"),
    ],
)
def test_a_hint_names_what_splits_the_labels(adata, log, label, separator):
    """Of parts that are genes or labels, and beside a control; at other marks than "_" of whatever looks like names."""
    run(adata, ["STAT1", label, "ctrl"])
    assert f"label {label!r} is taken as one perturbation; separator={separator!r} splits it" in log.getvalue()


@pytest.mark.parametrize(
    "label",
    ["GATA1_+_12.23-P1P2", "HLA-DRA", "H2_K1", "chr1:1,000-2,000", "non-targeting", "MYC_enh", "MYC+", "AC1_ctrl"],
)
def test_no_hint_without_names_on_both_sides(adata, log, label):
    run(adata, ["STAT1", label, "ctrl"])
    assert "separator" not in log.getvalue()


def test_measured_genes_with_a_mark_in_their_names_are_no_combinations(adata, log):
    adata.var_names = ["MYC", "STAT1", "STAT1-MYC_MYC"]
    run(adata, ["STAT1", "STAT1-MYC_MYC", "ctrl"])
    assert "separator" not in log.getvalue()


def test_the_hint_counts_the_labels(adata, log):
    run(adata, ["STAT1_MYC", "MYC_IRF1", "MYC", "ctrl"])
    assert "2 labels such as 'MYC_IRF1' are taken as one perturbation each; separator='_' splits them" in log.getvalue()


def test_what_is_split_needs_no_hint(adata, log):
    assert run(adata, ["STAT1", "STAT1_MYC", "STAT1_ctrl", "ctrl"], separator="_")[1:3] == ["multiple", "STAT1"]
    assert "separator" not in log.getvalue()


def test_another_mark_than_the_separator(adata, log):
    run(adata, ["STAT1+MYC", "STAT1|MYC", "ctrl"], separator="+")
    assert "separator='|' splits it" in log.getvalue()


CALLS = ["STAT1_g1", "MYC_g2", "STAT1_g1|MYC_g2", "STAT1_g1|STAT1_g2", "STAT1_g1|NT_2", "NT_1|NT_2", np.nan]
CALLED = ["STAT1", "MYC", "multiple", "STAT1", "STAT1", "control", "unassigned"]
CALL_MAPS = {
    "greedy": GREEDY,
    "first": FIRST,
    "dict": {"STAT1_g1": "STAT1", "STAT1_g2": "STAT1", "MYC_g2": "MYC", "NT_1": "NT", "NT_2": "NT"},
    "dict without controls": {"STAT1_g1": "STAT1", "STAT1_g2": "STAT1", "MYC_g2": "MYC"},
    "table": pd.DataFrame(
        {"oligo": ["STAT1_g1", "STAT1_g2", "MYC_g2", "NT_1", "NT_2"], "target": ["STAT1", "STAT1", "MYC", "NT", "NT"]}
    ),
}


@pytest.mark.parametrize("kind", CALL_MAPS)
def test_feature_calls_of_cell_ranger(adata, kind):
    """Split first, then mapped: several guides of one target are that target."""
    assert run(adata, CALLS, separator="|", guide_target=CALL_MAPS[kind]) == CALLED


@pytest.mark.parametrize("kind", CALL_MAPS)
def test_feature_calls_without_the_separator_are_an_error(adata, kind):
    """A regular expression would make one target of them: 'STAT1_g1|MYC', or STAT1 and nothing of MYC."""
    refuse(
        labelled(adata, CALLS), r"several guides.*separator='\|' splits", labels="label", guide_target=CALL_MAPS[kind]
    )


@pytest.mark.parametrize("kind", ["greedy", "first"])
def test_guides_that_are_not_called_alone(adata, kind):
    """Then the targets of the parts are known as genes."""
    adata = labelled(adata, ["STAT1_g1|MYC_g2", "NT_1"])
    refuse(adata, r"separator='\|' splits", labels="label", guide_target=CALL_MAPS[kind])


DUALS = ["STAT1_+_12.23-P1P2|STAT1_-_45.23-P1P2", "MYC_-_7.23-P1|MYC_-_9.23-P1", "non-targeting_1|non-targeting_2"]


@pytest.mark.parametrize("options", [{}, {"separator": "|"}])
def test_dual_guides_of_one_target_are_one_perturbation(adata, log, options):
    assert run(adata, DUALS, guide_target=FIRST, **options) == ["STAT1", "MYC", "control"]
    assert "separator=" not in log.getvalue()


def vectors(names):
    """A screen with two cells of each vector."""
    cells, n = [f"c{i}" for i in range(2 * len(names))], len(names)
    counts = sparse.csr_matrix(np.repeat(20 * np.eye(n, dtype=int), 2, axis=0))
    rna = AnnData(np.ones((2 * n, 3)), obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=["MYC", "STAT1", "IRF1"]))
    return MuData({"rna": rna, "guide": AnnData(counts, obs=pd.DataFrame(index=cells), var=pd.DataFrame(index=names))})


@pytest.mark.parametrize("options", [{}, {"separator": "|"}])
def test_counted_dual_guides_of_one_target(options, log):
    mdata = vectors(DUALS)
    ag.pp.argen_guides(mdata, method="max", guide_target=FIRST, **options)
    assert mdata["rna"].obs["argen_perturbation"].tolist()[::2] == ["STAT1", "MYC", "control"]
    assert "separator=" not in log.getvalue()


@pytest.mark.parametrize("pattern", [GREEDY, FIRST, GREEDY.replace("(", "(?P<target>")])
def test_counted_vectors_of_two_targets(pattern):
    names = ["STAT1_g1|MYC_g2", "STAT1_g1|STAT1_g2", "STAT1_g1|NT_1", "NT_1|NT_2", "MYC_g3"]
    refuse(vectors(names), r"'STAT1_g1\|MYC_g2' names several.*separator='\|'", method="max", guide_target=pattern)
    mdata = vectors(names)
    ag.pp.argen_guides(mdata, method="max", guide_target=pattern, separator="|")
    expected = ["multiple", "STAT1", "STAT1", "control", "MYC"]
    assert mdata["rna"].obs["argen_perturbation"].tolist()[::2] == expected
    labels = mdata["rna"].uns["argen_guides"]["tables"]["guides"]["target_label"]
    assert labels.tolist() == ["STAT1|MYC", "STAT1", "STAT1|NT", "NT", "MYC"]


def test_targets_that_a_pattern_leaves_joined_are_split_as_before():
    mdata = vectors(["STAT1+MYC_g1", "STAT1_g1", "NT_g1"])
    ag.pp.argen_guides(mdata, method="max", guide_target=r"^(.+)_g\d$", separator="+")
    assert mdata["rna"].obs["argen_perturbation"].tolist()[::2] == ["multiple", "STAT1", "control"]


@pytest.mark.parametrize("separator", [None, "|"])
def test_counted_targets_that_look_joined_get_a_hint(log, separator):
    mdata = vectors(["a", "b", "c"])
    mdata["guide"].var["target"] = ["STAT1|MYC", "STAT1", "NT"]
    ag.pp.argen_guides(mdata, method="max", separator=separator)
    hint = "label 'STAT1|MYC' is taken as one perturbation; separator='|' splits it"
    assert (hint in log.getvalue()) == (separator is None)
    first = "STAT1|MYC" if separator is None else "multiple"
    assert mdata["rna"].obs["argen_perturbation"].tolist()[::2] == [first, "STAT1", "control"]


def test_a_mapping_to_joined_targets_is_split_for_labels_too(adata):
    mapping = {"v1": "STAT1+MYC", "v2": "STAT1+ctrl", "v3": "ctrl"}
    expected = ["multiple", "STAT1", "control", "multiple"]
    assert run(adata, ["v1", "v2", "v3", "v1+v2"], guide_target=mapping, separator="+") == expected


def test_a_separator_of_labels_tears_no_target_apart(adata):
    mapping = {"v1": "MYC_enh", "v2": "STAT1_MYC", "v3": "NT_1", "v4": "MYC"}
    expected = ["MYC_enh", "multiple", "control", "multiple", "MYC_enh"]
    assert run(adata, ["v1", "v2", "v3", "v1_v4", "v1_v3"], guide_target=mapping, separator="_") == expected


@pytest.mark.parametrize("guide_target", [GREEDY, {"STAT1_g1": "STAT1", "MYC_g1": "MYC", "NT_1": "NT"}])
def test_words_for_cells_without_one_guide_are_no_guides_without_a_target(adata, guide_target):
    """As pertpy writes them: named as controls, as a guide without a target may be, they would be wrong."""
    for word in ("negative", "multiple"):
        adata = labelled(adata, ["STAT1_g1", "MYC_g1+STAT1_g1", "NT_1", word])
        match = f"A target is called '{word}', but is not one of the controls.*make it missing"
        refuse(adata, match, labels="label", separator="+", guide_target=guide_target)


def test_the_mark_with_most_labels_is_named():
    joined = find_joined(["A_B", "A|B", "B|A", "A"], {"A", "B"})
    assert (joined.label, joined.separator, joined.n_labels) == ("A|B", "|", 2)
    assert find_joined(["A_C", "A+C", "non_targeting"], {"A", "B"}) is None
    assert find_joined([], {"A"}) is None
