"""What pp.argen_guides refuses, and that a refused object stays as it was."""

import anndata
import numpy as np
import pandas as pd
import pytest
from guide_screens import refuse
from mudata import MuData
from scipy import sparse

import argen as ag
from argen.errors import CountsError, DesignError, InputError

ARGUMENTS = {
    "two sources": ({"guides": "guide", "labels": "gene"}, "two sources"),
    "unknown method": ({"method": "maximum"}, r"method='maximum' is not one of None, 'mixture', .*'max'"),
    "min_umi zero": ({"min_umi": 0}, "min_umi=0"),
    "min_umi fraction": ({"min_umi": 2.5}, "min_umi=2.5"),
    "min_umi bool": ({"min_umi": True}, "min_umi=True"),
    "min_fraction percent": ({"min_fraction": 80}, "min_fraction=80"),
    "min_fraction negative": ({"min_fraction": -0.1}, "min_fraction=-0.1"),
    "min_fraction nan": ({"min_fraction": np.nan}, "min_fraction=nan"),
    "min_fraction text": ({"min_fraction": "0.8"}, "min_fraction='0.8'"),
    "method without labels": ({"method": "labels"}, "method='labels' needs labels"),
    "empty separator": ({"separator": "", "labels": "gene"}, "separator='' splits nothing"),
    "empty key": ({"key_added": ""}, "key_added=''"),
    "slash in key": ({"key_added": "a/b"}, "key_added='a/b'"),
    "no control named": ({"control": []}, r"control=\[\]"),
    "unknown control": (
        {"control": "NT"},
        "control='NT' is neither.*'MYC', 'STAT1', 'non-targeting'.*like a control: 'non",
    ),
    "one unknown control": ({"control": ["non-targeting", "AAVS1"]}, "control='AAVS1' is neither"),
    "unknown modality": ({"guides": "gdo"}, "no modality 'gdo'; the modalities are: 'rna', 'guide'"),
    "unknown target column": ({"guide_target": "locus"}, "no column 'locus'; it has: 'target'"),
    "unknown obs column": (
        {"labels": "gene"},
        r"no obs column 'gene'; the obs columns are: 'depth', 'lane .of mdata",
    ),
    "mapping of other guides": ({"guide_target": {"x": "MYC"}}, "names none of the guides: it holds 'x'"),
    "mapping without some": ({"guide_target": {"MYCg1": "MYC"}}, "2 guides have no target: 'STAT1g1', 'STAT1g2'"),
    "not a mapping": ({"guide_target": 3}, "must be a dict, Series, DataFrame, CSV file or regular expression"),
    "table without target": (
        {"guide_target": pd.DataFrame({"a": [1]})},
        r"no column known to hold targets .target, .*it has: 'a'.*dict\(zip\(table\['my_guide'\]",
    ),
    "no control cell": ({"min_umi": 9, "method": "max"}, "No cell is a control .*the controls are 'non-targeting'"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments(mdata, case):
    mdata["rna"].obs["depth"] = 1.0
    mdata.obs["lane"] = 1
    options, match = ARGUMENTS[case]
    refuse(mdata, match, DesignError if case == "no control cell" else InputError, **options)


@pytest.mark.parametrize("value", [0.5, -1.0, np.nan, np.inf])
@pytest.mark.parametrize("storage", [sparse.csr_matrix, sparse.csc_array, np.asarray])
def test_values_that_are_no_counts(mdata, counts, value, storage):
    changed = counts.astype(float)
    changed[0, 0] = value
    mdata["guide"].X = storage(changed)
    refuse(mdata, r"mdata.mod\['guide'\].X holds .*raw UMI counts of the guides", CountsError)


def test_texts_are_no_counts(adata, guide_target):
    adata.obsm["guide_counts"] = adata.obsm["guide_counts"].astype(str)
    refuse(adata, "not numbers", CountsError, guides="guide_counts", guide_target=guide_target)


def test_source_has_to_be_named_for_an_anndata(adata):
    adata.obs["gene"] = "MYC"
    refuse(adata, r"labels=.*there are: 'gene'.*guides=.*there are: 'guide_counts'")


def test_unknown_names_of_an_anndata(adata):
    refuse(adata, "no obs column 'gene'; the obs columns are: none", labels="gene")
    refuse(
        adata, "no obsm entry 'guide'; the obsm entries are: 'guide_counts'", guides="guide", guide_target={"a": "b"}
    )


@pytest.mark.parametrize("guide_target", [None, "target"])
def test_an_obsm_entry_needs_a_mapping(adata, guide_target):
    refuse(adata, "has no table of guides", guides="guide_counts", guide_target=guide_target)


def test_an_array_needs_a_target_per_column(adata, counts, guide_target):
    adata.obsm["array"] = counts
    guide_target["MYCg2"] = "MYC"
    refuse(adata, "5 columns without names, but guide_target has 6", guides="array", guide_target=guide_target)


def test_labels_take_no_column_of_targets(adata):
    adata.obs["gene"] = "NT"
    refuse(adata, "must be a dict", labels="gene", guide_target="target")


def test_other_objects(adata):
    for data in (adata.to_df(), None):
        with pytest.raises(InputError, match="must be an AnnData or a MuData"):
            ag.pp.argen_guides(data, labels="gene")


def test_repeated_guides(mdata, adata, guide_target):
    mdata["guide"].var_names = ["a", "a", "b", "c", "d"]
    refuse(mdata, "repeated guides in modality 'guide': 'a'")
    adata.obsm["guide_counts"] = adata.obsm["guide_counts"].set_axis(["a", "a", "b", "c", "d"], axis=1)
    refuse(adata, "repeated guides in adata.obsm", guides="guide_counts", guide_target=guide_target)


@pytest.mark.parametrize("name", ["rna", "guide"])
def test_repeated_cells(mdata, name):
    mdata[name].obs_names = ["c1", "c1", *mdata[name].obs_names[2:]]
    refuse(mdata, f"repeated cell names in modality '{name}': 'c1'")


def test_no_cell_in_common(mdata):
    mdata["guide"].obs_names = [f"{name}-1" for name in mdata["guide"].obs_names]
    refuse(mdata, "No cell of modality 'rna' .such as 'c1', 'c2'.*'guide' .such as 'c1-1'")


def test_modalities_that_cannot_be_told(mdata):
    rna, guide = mdata["rna"], mdata["guide"]
    refuse(MuData({"rna": rna, "library": guide}), "guide modality cannot be told: .* 'rna', 'library', and 0 of")
    part, rest = guide[:, :2].copy(), guide[:, 2:].copy()
    refuse(MuData({"rna": rna, "guide": part, "gdo": rest}), "and 2 of them are called")
    refuse(MuData({"a": rna, "b": part, "guide": rest}), "RNA modality cannot be told among 'a', 'b', 'guide'")


def test_guide_modality_without_targets(mdata):
    mdata["guide"].var = mdata["guide"].var.rename(columns={"target": "locus"})
    refuse(mdata, "no column known to hold targets .target, gene_target, .*; it has: 'locus'")


def test_guide_without_target(mdata):
    mdata["guide"].var["target"] = ["STAT1", np.nan, "", "NT", "NT"]
    refuse(mdata, "2 guides have no target: 'STAT1g2', 'MYCg1'")


def test_no_control_among_the_targets(mdata):
    mdata["guide"].var["target"] = ["STAT1", "STAT1", "MYC", "AAVS1", "AAVS1"]
    refuse(mdata, "No control was found .*the labels are: 'AAVS1', 'MYC', 'STAT1'")


@pytest.mark.parametrize("word", ["control", "multiple", "unassigned", "Multiple"])
def test_target_called_like_a_status(mdata, word):
    mdata["guide"].var["target"] = ["STAT1", "STAT1", word, "NT", "NT"]
    refuse(mdata, f"A target is called '{word}', but is not one of the controls", control="NT")


def test_control_may_be_called_like_a_status(mdata, expected):
    mdata["guide"].var["target"] = ["STAT1", "STAT1", "MYC", "control", "control"]
    ag.pp.argen_guides(mdata, method="max")
    assert mdata["rna"].obs["argen_perturbation"].tolist() == expected


@pytest.mark.parametrize("label", ["multiple", "unassigned", "Unassigned"])
def test_label_called_like_a_status(adata, label):
    adata.obs["gene"] = ["A", "NT", label, *["B"] * 7]
    refuse(adata, f"A target is called '{label}'", labels="gene")


@pytest.mark.parametrize("label", ["A+", "+", "A++B"])
def test_labels_with_an_empty_part(adata, label):
    adata.obs["gene"] = ["A", "NT", label, *["B"] * 7]
    refuse(adata, "leaves an empty part in the label ", labels="gene", separator="+")


@pytest.mark.parametrize("labels", [["A"] * 10, [None] * 10])
def test_labels_without_a_control(adata, labels):
    adata.obs["gene"] = pd.array(labels, dtype="string")
    refuse(adata, "No control was found", labels="gene")


def test_labels_with_controls_beside_targets_only(adata):
    adata.obs["gene"] = ["A+NT", "A"] * 5
    refuse(
        adata, "No cell is a control .10 cells with one of 1 perturbation", DesignError, labels="gene", separator="+"
    )


def test_nothing_is_copied_before_an_error(mdata, monkeypatch):
    monkeypatch.setattr(anndata.AnnData, "copy", lambda self: pytest.fail("copied"))
    with pytest.raises(DesignError):
        ag.pp.argen_guides(mdata, method="max", min_umi=9, copy=True)
