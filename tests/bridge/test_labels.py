"""The same column of labels, read by pp and by tl."""

import re

import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.labels import read_labels
from argen._bridge.settings import DescendantSettings
from argen.errors import ArgenWarning, DesignError, InputError

HOW = {name: value for name, value in KWARGS.items() if name != "control"}


def relabelled(change):
    """The toy screen with other labels, and its edges with the old ones."""
    adata = toy()
    adata.obs["gene"] = np.array([change(label, i) for i, label in enumerate(adata.obs["gene"])], dtype=object)
    return adata


@pytest.fixture(scope="module")
def usual():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return ag.get.edges(adata)


@pytest.mark.parametrize(
    ("change", "control"),
    [
        (lambda label, i: f" {label} " if i % 2 else f"{label}\t", "ctrl"),
        (lambda label, i: f"NT-{i % 4}" if label == "ctrl" else label, "NT-*"),
        (lambda label, i: f"NT-{i % 2}" if label == "ctrl" else label, ["NT-0", "NT-1"]),
        (lambda label, i: " non-targeting" if label == "ctrl" else label, "non-targeting"),
    ],
)
def test_blanks_and_prefixes_are_read_as_pp_reads_them(usual, change, control):
    adata = relabelled(change)
    ag.tl.argen_dag(adata, **HOW, control=control)
    pd.testing.assert_frame_equal(ag.get.edges(adata), usual)
    called = relabelled(change)
    ag.pp.argen_guides(called, labels="gene", control=control)
    ag.tl.argen_dag(called, **HOW | {"perturbation_key": "argen_perturbation"})
    pd.testing.assert_frame_equal(ag.get.edges(called), usual)


@pytest.mark.parametrize("missing", [np.nan, None, "", "nan", "None", "<NA>", " "])
def test_what_pp_takes_for_missing_is_missing(missing):
    adata = relabelled(lambda label, i: missing if i < 20 else label)
    read = read_labels(adata, DescendantSettings(perturbation_key="gene", control=("ctrl",)))
    assert set(read.of_cell[:20]) == {""}
    assert set(read.of_cell[20:]) == {"ctrl", *"ABCD"}


def test_whole_numbers_are_one_label_whatever_holds_them():
    obs = relabelled(lambda label, i: label).obs
    codes = obs["gene"].map({"ctrl": 0, "A": 1, "B": 2, "C": 3, "D": 4})
    for values in (codes, codes.astype(float).where(codes.index != "cell0"), codes.astype(str).astype("category")):
        adata = toy()
        adata.obs["gene"] = values
        read = read_labels(adata, DescendantSettings(perturbation_key="gene", control=("0",)))
        assert set(read.of_cell) - {""} == set("01234")


def test_the_control_of_each_diagnostic_is_the_same(usual):
    """Diagnostics that read cells again: nothing there may look for a label "NT-*"."""
    plain, several = toy(), relabelled(lambda label, i: f"NT-{i % 4}" if label == "ctrl" else label)
    for adata, control in ((plain, "ctrl"), (several, "NT-*")):
        adata.obs["rep"] = np.array(["r1", "r2", "r3"])[np.arange(adata.n_obs) % 3]
        ag.tl.argen_dag(adata, **HOW, control=control)
        ag.tl.argen_sensitivity(adata, vary=["replicates"], replicate="rep")
        ag.tl.argen_check(adata)
    pd.testing.assert_frame_equal(ag.get.sensitivity(several), ag.get.sensitivity(plain))
    for table in ("perturbations", "genes"):
        pd.testing.assert_frame_equal(ag.get.check(several, table=table), ag.get.check(plain, table=table))


@pytest.mark.parametrize(
    ("labels", "control", "words"),
    [
        (["NT-1", "NT-2", "NT-3", "NT-4"], "control", "Labels that look like controls: give control='NT-*'."),
        (["NT-1", "scramble"], "control", "give control=['NT-1', 'scramble']."),
        (["safe"], "control", "not among the labels of adata.obs['gene']. Labels found: 'A', 'B', 'C', 'D', 'safe'."),
        (["ctrl"], "NT-*", "control='NT-*' is not among the labels of adata.obs['gene'].*give control='ctrl'."),
    ],
)
def test_a_control_that_is_not_there(labels, control, words):
    adata = relabelled(lambda label, i: labels[i % len(labels)] if label == "ctrl" else label)
    before = adata.copy()
    pattern = ".*".join(map(re.escape, words.split(".*")))
    for function in (ag.tl.argen_descendants, ag.tl.argen_dag):
        with pytest.raises(InputError, match=pattern):
            function(adata, **HOW, control=control)
    assert_same(adata, before)


def test_a_symbol_of_two_genes_is_dropped_with_the_reason():
    adata = toy()
    adata.var["symbol"] = np.array(
        [{"other0": "A", "A": "A"}.get(name, name) for name in adata.var_names], dtype=object
    )
    adata.var_names = [f"id-{name}" for name in adata.var_names]
    with pytest.warns(ArgenWarning, match="1 perturbation dropped, symbol of several genes: id-"):
        ag.tl.argen_descendants(adata, **KWARGS, gene_symbols="symbol")
    table = ag.get.perturbations(adata).set_index("perturbation")
    assert sorted(table.loc["A", "reason"].removeprefix("symbol of several genes: ").split(", ")) == [
        "id-A",
        "id-other0",
    ]
    assert set(table.index[table["status"] == "kept"]) == {"B", "C", "D"}


def test_labels_of_either_kind_are_one_perturbation(usual):
    adata = toy()
    adata.var["symbol"] = np.array(adata.var_names, dtype=object)
    adata.var_names = [f"id-{name}" for name in adata.var_names]
    adata.obs["gene"] = [f"id-{x}" if i % 2 and x != "ctrl" else x for i, x in enumerate(adata.obs["gene"])]
    given = {"gene_symbols": "symbol", "perturbations": ["A", "id-B", "C", "D"]}
    ag.tl.argen_dag(adata, **KWARGS, **given, prior=pd.DataFrame({"source": [], "target": [], "rule": []}))
    pd.testing.assert_frame_equal(ag.get.edges(adata), usual)
    assert set(adata.uns["argen_dag"]["tables"]["edges"]["source"].astype(str)) <= {f"id-{x}" for x in "ABCD"}


def test_prior_knowledge_may_use_either_name():
    found = []
    for source, target in (("A", "B"), ("id-A", "B"), ("A", "id-B")):
        adata = toy()
        adata.var["symbol"] = np.array(adata.var_names, dtype=object)
        adata.var_names = [f"id-{name}" for name in adata.var_names]
        prior = pd.DataFrame({"source": [source], "target": [target], "rule": ["forbidden"]})
        ag.tl.argen_dag(adata, **KWARGS, gene_symbols="symbol", prior=prior)
        found.append(ag.get.edges(adata, selected=False))
        assert ("A", "B") not in set(zip(ag.get.edges(adata)["source"], ag.get.edges(adata)["target"], strict=True))
    pd.testing.assert_frame_equal(found[1], found[0])
    pd.testing.assert_frame_equal(found[2], found[0])


def test_a_wrong_column_changes_nothing():
    adata = toy()
    before = adata.copy()
    for function in (ag.tl.argen_descendants, ag.tl.argen_dag):
        with pytest.raises(InputError, match=r"gene_symbols='gene_name' is not a column of adata\.var, which has none"):
            function(adata, **KWARGS, gene_symbols="gene_name")
    assert_same(adata, before)


def test_no_perturbation_of_the_names_asked_for():
    with pytest.raises(InputError, match="perturbations='Z' have no cells"):
        ag.tl.argen_descendants(toy(), **KWARGS, perturbations=["A", "Z"])
    with pytest.raises(DesignError, match="Perturbations left: 'A'"):
        ag.tl.argen_descendants(toy(), **KWARGS, perturbations=[" A "])
