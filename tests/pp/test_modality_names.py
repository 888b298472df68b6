"""Which modality of a MuData is the RNA and which the guides, by their names or as a user says."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from guide_screens import assert_same, refuse, snapshot
from mudata import MuData

import argen as ag
from argen.errors import InputError


def renamed(mdata, *names, **others):
    """The screen with other names of its two modalities, and antibodies or the like."""
    cells = mdata["rna"].obs[[]]
    further = {
        name: AnnData(np.ones((len(cells), 2)), obs=cells.copy(), var=pd.DataFrame(index=[f"{name}1", f"{name}2"]))
        for name in others.get("others", ())
    }
    return MuData(further | dict(zip(names, [mdata["rna"].copy(), mdata["guide"].copy()], strict=True)))


@pytest.mark.parametrize(
    ("rna", "guides", "others"),
    [
        ("Gene Expression", "CRISPR Guide Capture", ["Antibody Capture", "Multiplexing Capture", "Custom"]),
        ("rna", "CRISPR Guide Capture", []),
        ("gene_expression", "crispr_guide_capture", ["antibody_capture"]),
        ("GEX", "gRNA", ["ATAC", "HTO"]),
        ("transcriptome", "sgRNA", ["prot"]),
        ("counts", "perturb", ["adt", "Peaks"]),
        ("Expression", "guides", ["protein", "unknown"]),
    ],
)
def test_names_are_known(mdata, expected, rna, guides, others):
    data = renamed(mdata, rna, guides, others=others)
    ag.pp.argen_guides(data, method="max")
    assert data[rna].obs["argen_perturbation"].tolist() == expected
    ag.pp.argen_qc(data, min_genes=0, one_perturbation=False)
    assert "argen_qc" in data[rna].uns
    assert all("argen_qc" not in data[name].uns for name in (guides, *others))


def test_antibodies_alone_are_no_rna(mdata):
    data = MuData({"guide": mdata["guide"], "Antibody Capture": mdata["rna"]})
    refuse(data, "RNA modality cannot be told among 'guide', 'Antibody Capture': name it, such as rna=")
    ag.pp.argen_guides(data, rna="Antibody Capture", method="max")
    assert "argen_guides" in data["Antibody Capture"].uns


def test_the_rna_may_be_named(mdata, expected):
    data = renamed(mdata, "cells A", "library", others=["cells B"])
    match = (
        r"cannot be told among 'cells B', 'cells A', 'library': name it, such as rna='cells B', or call one of them "
        r"rna, gex, gene or 'Gene Expression', as mudata.MuData\(\{'rna': mdata\['cells B'\], ...\}\) does"
    )
    refuse(data, match, guides="library")
    ag.pp.argen_guides(data, rna="cells A", guides="library", method="max")
    assert data["cells A"].obs["argen_perturbation"].tolist() == expected
    assert ag.get.guides(data, knockdown=False)["guide"].tolist() == mdata["guide"].var_names.tolist()
    ag.pp.argen_qc(data, min_genes=0, one_perturbation=False)  # goes on where results are
    assert "argen_qc" in data["cells A"].uns
    ag.pp.argen_qc(data, rna="cells B", min_genes=0, one_perturbation=False)
    assert "argen_qc" in data["cells B"].uns
    with pytest.raises(InputError, match=r"'cells B', 'cells A' of the MuData hold something .*such as rna='cells B'"):
        ag.pp.argen_qc(data, min_genes=0)
    with pytest.raises(InputError, match=r"'cells B', 'cells A' .*such as mdata\['cells B'\]"):
        ag.get.qc(data)


def test_names_of_the_rna_that_cannot_be_used(mdata, adata, guide_target):
    refuse(mdata, "no modality 'gex'; the modalities are: 'rna', 'guide'", rna="gex")
    refuse(mdata, "rna='guide' and guides='guide' name the same modality", rna="guide", guides="guide")
    match = "rna='rna' names a modality of a MuData, but this is an AnnData"
    refuse(adata, match, rna="rna", guides="guide_counts", guide_target=guide_target)
    before = snapshot(adata)
    with pytest.raises(InputError, match=match):
        ag.pp.argen_qc(adata, rna="rna", min_genes=1)
    assert_same(before, snapshot(adata))


def test_tools_take_the_modality_itself_where_it_cannot_be_told(mdata):
    data = renamed(mdata, "one", "library")
    with pytest.raises(InputError, match=r"among 'one', 'library': pass it itself, such as mdata\['one'\], or call"):
        ag.tl.argen_descendants(data)
