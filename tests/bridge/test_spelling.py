"""Labels that are no gene: the pattern is named, and the cure that is named works."""

import re

import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import ArgenWarning, DesignError

GENES = ["STAT1", "JAK2", "IRF1", "MYC"]
CONTROL = "ctrl"


def screen(label=None, gene=None, **var):
    """A toy whose labels, and whose var_names, are spelled otherwise."""
    adata = toy(genes=GENES)
    numbers = np.arange(adata.n_obs)
    old = adata.obs["gene"].tolist()
    if label is not None:
        new = [x if x == CONTROL else label(x, i) for x, i in zip(old, numbers, strict=True)]
        adata.obs["gene"] = np.array(new, dtype=object)
    for column, values in var.items():
        adata.var[column] = np.array([values(name) for name in adata.var_names], dtype=object)
    if gene is not None:
        adata.var_names = [gene(name) for name in adata.var_names]
    return adata


def identifier(name):
    return f"ENSG{sum(map(ord, name)):011d}"


SITUATIONS = {
    "GEARS": (screen(lambda x, i: f"{x}+ctrl" if i % 2 else f"ctrl+{x}"), "name a gene and a control"),
    "symbols": (
        screen(gene=identifier, gene_name=lambda x: x, biotype=lambda _: "protein_coding"),
        "are names of adata.var['gene_name'], not of adata.var_names",
    ),
    "any column": (screen(gene=identifier, my_names=lambda x: x), "are names of adata.var['my_names']"),
    "identifiers": (screen(lambda x, _: identifier(x), gene_ids=identifier), "are names of adata.var['gene_ids']"),
    "versions": (screen(lambda x, _: f"{x}.12"), "have a version that adata.var_names does not have"),
    "versions of genes": (screen(gene=lambda x: f"{x}.3"), "lack the version that adata.var_names has"),
    "sg": (screen(lambda x, _: f"sg{x}"), "have the prefix 'sg'"),
    "modality": (screen(lambda x, _: f"rna:{x}"), "have the prefix 'rna:'"),
    "genome": (screen(gene=lambda x: f"GRCh38_{x}"), "lack the prefix 'GRCh38_' that adata.var_names has"),
    "genome, long": (screen(gene=lambda x: f"GRCh38___{x}"), "lack the prefix 'GRCh38___'"),
    "knock-out": (screen(lambda x, _: f"{x}-KO"), "have the ending '-KO'"),
    "guides _g": (screen(lambda x, i: f"{x}_g{i % 2}"), "are names of guides"),
    "guides g": (screen(lambda x, i: f"{x}g{i % 2}"), "are names of guides"),
    "guides -": (screen(lambda x, i: f"{x}-{i % 3}"), "are names of guides"),
    "guides sg_": (screen(lambda x, i: f"sg{x}_{i % 2}"), "are names of guides"),
    "guides, long": (screen(lambda x, i: f"{x}_+_1912.23-P1P{i % 2}"), "are names of guides"),
    "lower case": (screen(lambda x, _: x.lower()), "are written with other capitals"),
}


def cured(adata, message):
    """The object after the cure of the message, and the arguments that it asks for."""
    how = KWARGS | {}
    if call := re.search(r"(ag\.pp\.argen_guides\(.*?\)) (?:splits|takes)", message):
        eval(call[1], {"ag": ag, "adata": adata})
        how |= {"perturbation_key": "argen_perturbation", "control": "control"}
    elif column := re.search(r"give gene_symbols='(\w+)'", message):
        how["gene_symbols"] = column[1]
    else:
        code = re.search(r": (adata\.(?:obs|var).*?=.*?\))(?:\.$|, if|$)", message)[1]
        exec(code, {"adata": adata})
        if "str" in code and "obs" in code:
            adata.obs["gene"] = adata.obs["gene"].where(adata.obs["gene"].str.lower() != CONTROL, CONTROL)
    return how


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("tool", ["argen_descendants", "argen_dag"])
def test_no_label_is_a_gene(name, tool):
    adata, words = SITUATIONS[name]
    adata, before = adata.copy(), adata.copy()
    with pytest.raises(DesignError, match="Perturbations left: none") as caught:
        getattr(ag.tl, tool)(adata, **KWARGS)
    message = str(caught.value)
    assert words in message
    assert "compare the spelling" not in message
    assert_same(adata, before)
    # The cure works.
    how = cured(adata, message)
    getattr(ag.tl, tool)(adata, **how)
    table = ag.get.perturbations(adata)
    assert (table["status"] == "kept").sum() == len(GENES)


def test_blanks_need_no_cure():
    adata = screen(lambda x, _: f"{x} ", gene=lambda x: f" {x}")
    ag.tl.argen_descendants(adata, **KWARGS)


def test_nothing_is_found():
    adata = screen(lambda x, _: {"STAT1": "aa", "JAK2": "bb", "IRF1": "cc", "MYC": "dd"}[x])
    with pytest.raises(DesignError, match=r"not measured: 'aa', 'bb', 'cc', 'dd'\. .*compare the spelling"):
        ag.tl.argen_descendants(adata, **KWARGS)


def test_some_labels_are_genes():
    """The others would be as well: a warning says how."""
    adata = screen(lambda x, _: f"sg{x}" if x in ("STAT1", "JAK2") else x)
    with pytest.warns(ArgenWarning) as caught:
        ag.tl.argen_descendants(adata, **KWARGS)
    assert any("Labels such as 'sgJAK2' have the prefix 'sg' (the gene is 'JAK2')" in str(w.message) for w in caught)


def test_labels_that_are_no_genes_on_purpose_are_no_mistake():
    """One of many unmeasured labels that happens to look like a guide of a gene is not spoken of."""
    adata = screen(lambda x, i: ["AAVS", "ROSA", "enh", "MYC_2"][i % 4] if x == "MYC" else x)
    with pytest.warns(ArgenWarning) as caught:
        ag.tl.argen_descendants(adata, **KWARGS | {"min_cells": 5})
    assert not any("guide" in str(warning.message) for warning in caught)


def test_targets_of_guides_that_are_no_genes(monkeypatch):
    lines = []
    monkeypatch.setattr("argen._bridge.guides.knockdown.log.warning", lines.append)
    adata = screen(lambda x, _: f"sg{x}")
    ag.pp.argen_guides(adata, labels="gene")
    table = ag.get.guides(adata, by="target", n_jobs=1)
    assert (table["flags"] == "not measured").all()
    assert lines[0].startswith("no target of a guide is measured: targets such as 'sgIRF1' have the prefix 'sg'")
    as_said = ag.get.guides(adata, by="target", measured_as={f"sg{x}": x for x in GENES}, n_jobs=1)
    assert (as_said["flags"] == "").all()


def test_held_out_cells_without_a_perturbed_gene():
    adata = screen(lambda x, _: f"sg{x}")
    network = pd.DataFrame({"source": ["STAT1"], "target": ["MYC"], "coef": [1.0]})
    with pytest.warns(ArgenWarning, match="No gene of the network is perturbed .* have the prefix 'sg'"):
        ag.metrics.causalbench(adata, network, perturbation_key="gene", control=CONTROL)
