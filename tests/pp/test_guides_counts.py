"""pp.argen_guides on guide counts: slots, sources, alignment of cells, invariances."""

import doctest

import anndata
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from guide_screens import STORAGES
from mudata import MuData
from scipy import sparse

import argen as ag
from argen.errors import ArgenWarning, InputError


def target_of(adata, key="argen_perturbation"):
    return adata.obs[key].tolist()


def test_slots_of_a_mudata(mdata, expected):
    assert ag.pp.argen_guides(mdata, method="max") is None
    rna = mdata["rna"]
    assert target_of(rna) == expected
    assert list(rna.obs["argen_perturbation"].cat.categories) == ["MYC", "STAT1", "control", "multiple", "unassigned"]
    called = rna.obsm["argen_guides"]
    assert isinstance(called, sparse.csr_matrix)
    assert called.dtype == np.int8
    one = {"c1": 0, "c2": 3, "c10": 2}
    np.testing.assert_array_equal(called.toarray(), [np.arange(5) == one.get(cell, -1) for cell in rna.obs_names])
    assert not mdata["guide"].obsm
    assert not mdata["guide"].uns


def test_record_in_uns(mdata, counts, guide_target):
    ag.pp.argen_guides(mdata, method="max")
    record = mdata["rna"].uns["argen_guides"]
    assert record["schema_version"] == 2
    table = record["tables"]["guides"]
    assert table["guide"].tolist() == list(guide_target)
    assert table["target"].tolist() == ["STAT1", "STAT1", "MYC", "control", "control"]
    assert table["target_label"].tolist() == list(guide_target.values())
    assert table["is_control"].tolist() == [False, False, False, True, True]
    assert table["n_cells"].tolist() == [1, 0, 1, 1, 0]
    assert table["n_umi"].tolist() == counts.sum(axis=0).tolist()
    assert table["n_cells_min_umi"].tolist() == (counts >= 5).sum(axis=0).tolist()
    params = dict(record["settings"])
    assert params.pop("control").tolist() == ["non-targeting"]
    assert params == {
        "method": "max",
        "guides": "guide",
        "ignore_control_partner": True,
        "min_umi": 5,
        "min_fraction": 0.8,
        "control_detected": True,
        "perturbation_key": "argen_perturbation",
    }
    assert record["versions"]["argen"] == ag.__version__


def test_every_cell_is_counted_under_its_reason(mdata, expected, reasons):
    ag.pp.argen_guides(mdata, method="max")
    cells = mdata["rna"].uns["argen_guides"]["tables"]["cells"]
    status = ["target" if target in {"STAT1", "MYC"} else target for target in expected]
    counted = pd.Series(list(zip(status, reasons, strict=True))).value_counts()
    assert {(row.status, row.reason): row.n_cells for row in cells.itertuples()} == counted.to_dict()


@pytest.mark.parametrize("storage", STORAGES)
def test_storage_does_not_matter(adata, counts, guide_target, expected, storage):
    adata.obsm["stored"] = STORAGES[storage](counts)
    ag.pp.argen_guides(adata, method="max", guides="stored", guide_target=guide_target)
    assert target_of(adata) == expected


@pytest.mark.parametrize("kind", ["coo_matrix", "coo_array", "lil_matrix", "dok_array", "bsr_matrix", "dia_array"])
def test_sparse_kinds_that_only_a_modality_holds(mdata, counts, expected, kind):
    matrix = getattr(sparse, kind)(counts)
    mdata["guide"]._X = matrix  # a file or a tool may leave such a matrix; the setter of X would convert it
    ag.pp.argen_guides(mdata, method="max")
    assert target_of(mdata["rna"]) == expected


def test_duplicate_entries_add_up_and_stored_zeros_do_not_count(mdata):
    rows, columns, values = [0, 0, 0, 1, 2], [0, 0, 1, 3, 3], [3, 2, 0, 6, 5]
    mdata["guide"].X = sparse.csr_matrix((np.array(values, np.uint8), (rows, columns)), shape=(10, 5))
    with pytest.warns(ArgenWarning, match="3 guides without a UMI in any cell: 'STAT1g2', 'MYCg1', 'NTg2'"):
        ag.pp.argen_guides(mdata, method="max", on_mismatch="warn")
    assert target_of(mdata["rna"]) == ["STAT1", "control", "control"] + ["unassigned"] * 7


def test_counts_of_the_user_are_left_alone(mdata):
    matrix = sparse.csr_matrix((np.array([3, 3, 0]), np.array([3, 3, 1]), np.array([0, 3] + [3] * 9)), shape=(10, 5))
    mdata["guide"].X = matrix
    with pytest.warns(ArgenWarning, match="4 guides without a UMI"):
        ag.pp.argen_guides(mdata, method="max", on_mismatch="warn")
    assert mdata["guide"].X.data.tolist() == [3, 3, 0]


@pytest.mark.parametrize("sparse_frame", [False, True])
def test_obsm_data_frame(adata, counts, guide_target, expected, sparse_frame):
    if sparse_frame:
        frame = pd.DataFrame.sparse.from_spmatrix(
            sparse.csr_matrix(counts), index=adata.obs_names, columns=list(guide_target)
        )
        adata.obsm["guide_counts"] = frame
    del guide_target["NTg1"], guide_target["NTg2"]  # controls without a target are known by their names
    ag.pp.argen_guides(adata, method="max", guides="guide_counts", guide_target=guide_target)
    assert target_of(adata) == expected
    table = adata.uns["argen_guides"]["tables"]["guides"]
    assert table["target"].tolist() == ["STAT1", "STAT1", "MYC", "control", "control"]
    assert table["target_label"].tolist() == ["STAT1", "STAT1", "MYC", "", ""]


MAPPINGS = {
    "dict": lambda series: series.to_dict(),
    "shuffled": lambda series: series.iloc[::-1],
    "larger": lambda series: pd.concat([series, pd.Series({"MYCg2": "MYC"})]),
    "categorical": lambda series: series.astype("category"),
    "target": lambda series: series.to_frame("target"),
    "gene_target": lambda series: series.to_frame("gene_target").assign(other=1),
    "target_gene": lambda series: series.to_frame("target_gene"),
}


@pytest.mark.parametrize("kind", MAPPINGS)
def test_mappings_from_guide_to_target(mdata, guide_target, expected, kind):
    del mdata["guide"].var["target"]
    ag.pp.argen_guides(mdata, method="max", guide_target=MAPPINGS[kind](pd.Series(guide_target)))
    assert target_of(mdata["rna"]) == expected


@pytest.mark.parametrize(("column", "argument"), [("gene_target", None), ("target_gene", None), ("locus", "locus")])
def test_columns_with_targets(mdata, expected, column, argument):
    mdata["guide"].var = mdata["guide"].var.rename(columns={"target": column})
    ag.pp.argen_guides(mdata, method="max", guide_target=argument)
    assert target_of(mdata["rna"]) == expected


def test_target_column_goes_before_the_others(mdata, expected):
    mdata["guide"].var["target_gene"] = "other"
    ag.pp.argen_guides(mdata, method="max")
    assert target_of(mdata["rna"]) == expected


@pytest.mark.parametrize(
    ("names", "guides"),
    [
        (("RNA", "GDO"), None),
        (("gex", "crispr"), None),
        (("cells", "grna"), None),
        (("rna", "library"), "library"),
        (("cells", "library"), "library"),
    ],
)
def test_modalities_are_known_by_their_names(mdata, expected, names, guides):
    renamed = MuData(dict(zip(names, [mdata["rna"], mdata["guide"]], strict=True)))
    ag.pp.argen_guides(renamed, method="max", guides=guides)
    assert target_of(renamed[names[0]]) == expected


def test_rna_is_told_from_other_modalities(mdata, expected):
    protein = AnnData(np.ones((10, 2)), obs=mdata["rna"].obs.copy(), var=pd.DataFrame(index=["CD4", "CD8"]))
    three = MuData({"adt": protein, "rna": mdata["rna"], "guide": mdata["guide"]})
    ag.pp.argen_guides(three, method="max")
    assert target_of(three["rna"]) == expected
    assert "argen_perturbation" not in three["adt"].obs


def test_cells_are_matched_by_name(mdata, expected):
    order = np.random.default_rng(0).permutation(10)
    shuffled = MuData({"rna": mdata["rna"].copy(), "guide": mdata["guide"][order].copy()})
    ag.pp.argen_guides(shuffled, method="max")
    assert target_of(shuffled["rna"]) == expected


def test_cells_without_guide_counts_are_unassigned_and_counted(mdata, counts, expected):
    other = mdata["guide"][["c7", "c2", "c1"]].copy()
    extra = AnnData(sparse.csr_matrix([[0, 0, 0, 0, 50]]), obs=pd.DataFrame(index=["x"]), var=other.var)
    partial = MuData({"rna": mdata["rna"].copy(), "guide": anndata.concat([extra, other], merge="same")})
    with pytest.raises(InputError, match=r"7 cells of modality 'rna' .such as 'c3', 'c4' .* not in modality 'guide'"):
        ag.pp.argen_guides(partial, method="max")
    with pytest.warns(ArgenWarning, match="7 cells of modality 'rna'|1 guide without a UMI"):
        ag.pp.argen_guides(partial, method="max", on_mismatch="warn")
    assert target_of(partial["rna"]) == ["STAT1", "control"] + ["unassigned"] * 8
    record = partial["rna"].uns["argen_guides"]
    reasons = record["tables"]["cells"].set_index("reason")["n_cells"]
    assert reasons["not among the cells of the guide modality"] == 7
    assert record["tables"]["guides"]["n_umi"].tolist() == counts[[0, 1, 6]].sum(axis=0).tolist()  # without cell x


def test_order_of_cells_and_guides_does_not_matter(mdata):
    ag.pp.argen_guides(mdata, method="max")
    rng = np.random.default_rng(1)
    cells, guides = rng.permutation(10), rng.permutation(5)
    other = MuData({"rna": mdata["rna"][cells].copy(), "guide": mdata["guide"][:, guides].copy()})
    ag.pp.argen_guides(other, method="max", key_added="again")
    assert target_of(other["rna"], "again_perturbation") == target_of(other["rna"])
    first, second = mdata["rna"].obsm["argen_guides"].toarray(), other["rna"].obsm["again"].toarray()
    np.testing.assert_array_equal(first[cells][:, guides], second)


def test_ties_are_not_decided(adata, guide_target):
    umis = [[6, 6, 0, 0, 0], [6, 0, 6, 0, 0], [0, 0, 0, 6, 5], [6, 0, 5, 0, 0]]
    tied = adata[:4].copy()
    tied.obsm["guide_counts"] = pd.DataFrame(umis, index=tied.obs_names, columns=list(guide_target))
    ag.pp.argen_guides(tied, method="max", guides="guide_counts", guide_target=guide_target, min_fraction=0.5)
    assert target_of(tied) == ["unassigned", "multiple", "control", "STAT1"]
    reasons = tied.uns["argen_guides"]["tables"]["cells"]["reason"].tolist()
    assert reasons == [
        "one guide",
        "one guide",
        "tied top guides, guides of several targets",
        "tied top guides of one target",
    ]


@pytest.mark.parametrize("control", ["non-targeting", ["NTg1", "NTg2"], ["NTg2", "non-targeting"], ("NTg1", "NTg2")])
def test_controls_by_target_or_guide(mdata, expected, control):
    ag.pp.argen_guides(mdata, method="max", control=control)
    assert target_of(mdata["rna"]) == expected
    assert not mdata["rna"].uns["argen_guides"]["settings"]["control_detected"]


def test_some_control_guides_may_be_taken_as_a_target(mdata, caplog):
    ag.pp.argen_guides(mdata, method="max", control="NTg1")
    assert mdata["rna"].uns["argen_guides"]["tables"]["guides"]["target"].tolist()[3:] == ["control", "non-targeting"]
    assert target_of(mdata["rna"])[7] == "multiple"  # the two are different targets now


def test_another_key(mdata, expected):
    ag.pp.argen_guides(mdata, method="max", key_added="strict")
    rna = mdata["rna"]
    assert target_of(rna, "strict_perturbation") == expected
    assert rna.uns["strict"]["settings"]["perturbation_key"] == "strict_perturbation"
    assert set(rna.obsm) == set(rna.uns) == {"strict"}


def test_copy(adata, mdata, guide_target, expected):
    changed = ag.pp.argen_guides(adata, method="max", guides="guide_counts", guide_target=guide_target, copy=True)
    assert target_of(changed) == expected
    assert set(adata.obsm) == {"guide_counts"}
    assert not adata.uns
    assert adata.obs.empty
    other = ag.pp.argen_guides(mdata, method="max", copy=True)
    assert target_of(other["rna"]) == expected
    assert not mdata["rna"].uns
    assert mdata["rna"].obs.empty


def test_a_second_run_replaces_the_first(mdata, expected):
    ag.pp.argen_guides(mdata, method="max", min_umi=1, min_fraction=0.0)
    ag.pp.argen_guides(mdata, method="max")
    assert target_of(mdata["rna"]) == expected


def test_a_view_becomes_actual_and_leaves_its_parent_alone(adata, guide_target, expected):
    view = adata[1:]
    with pytest.warns(UserWarning, match="of view"):
        ag.pp.argen_guides(view, method="max", guides="guide_counts", guide_target=guide_target)
    assert target_of(view) == expected[1:]
    assert not adata.uns
    assert adata.obs.empty


def test_docstring_example():
    tests = doctest.DocTestFinder().find(ag.pp.argen_guides, "argen_guides", globs={})
    results = [doctest.DocTestRunner().run(test) for test in tests]
    assert sum(result.attempted for result in results) > 5
    assert sum(result.failed for result in results) == 0
