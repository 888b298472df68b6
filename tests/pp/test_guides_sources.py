"""Where guides may be: features of the genes' object, layers, tables of any type; and calls in the place of counts."""

import io

import anndata
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from guide_screens import refuse
from mixed import ANTIBODY, GUIDE, guides_of, with_features
from mudata import MuData
from scipy import sparse
from toy import assert_equal, toy

import argen as ag
from argen.errors import ArgenWarning, CountsError

pytestmark = pytest.mark.filterwarnings("ignore:Variable names are not unique")
METHODS = ["mixture", "gaussian", "poisson_gauss", "threshold", "max"]


@pytest.fixture
def log():
    before, text = (sc.settings.logfile, sc.settings.verbosity), io.StringIO()
    sc.settings.logfile, sc.settings.verbosity = text, "warning"
    yield text
    sc.settings.logfile, sc.settings.verbosity = before


@pytest.fixture
def both():
    """The same screen as a MuData and as one AnnData."""
    rna, guides = toy(), guides_of(toy())
    return MuData({"rna": rna, "guide": guides}), with_features(rna, guides)


def assert_same_calls(mdata, adata, source):
    rna = mdata["rna"]
    pd.testing.assert_frame_equal(
        rna.obs.filter(like="argen"), adata.obs.filter(like="argen"), check_exact=True, check_names=False
    )
    for key in ("argen_guides", "argen_guides_posterior"):
        assert (key in rna.obsm) == (key in adata.obsm)
        if key in rna.obsm:
            assert_equal(rna.obsm[key], adata.obsm[key], key)
    first, second = rna.uns["argen_guides"], adata.uns["argen_guides"]
    assert_equal(first["tables"], second["tables"], "tables")
    assert first["id"] == second["id"]
    assert second["settings"]["guides"] == source
    assert_equal(first["settings"], {**second["settings"], "guides": first["settings"]["guides"]}, "settings")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("guides", [None, GUIDE])
def test_guides_among_the_features_are_called_as_a_modality(both, method, guides):
    mdata, adata = both
    for data, where in ((mdata, None), (adata, guides)):
        ag.pp.argen_guides(data, guides=where, method=method, control="ctrl")
    assert_same_calls(mdata, adata, GUIDE)
    assert (adata.obs["argen_perturbation"].astype(str) == adata.obs["gene"].replace("ctrl", "control")).mean() > 0.9


def test_the_network_is_that_of_the_mudata(both):
    for data in both:
        ag.pp.argen_guides(data, control="ctrl")
        ag.tl.argen_dag(data, n_jobs=1)
    rna, adata = both[0]["rna"], both[1]
    assert_equal(rna.uns["argen_dag"]["tables"], adata.uns["argen_dag"]["tables"], "argen_dag")
    pd.testing.assert_frame_equal(ag.get.guides(rna), ag.get.guides(adata), check_exact=True)
    pd.testing.assert_frame_equal(ag.get.guides(rna, by="target"), ag.get.guides(adata, by="target"), check_exact=True)
    for data in both:
        ag.pp.argen_qc(data, min_cells=10, min_knockdown_z=1, one_perturbation=True)
    pd.testing.assert_frame_equal(ag.get.qc(rna), ag.get.qc(adata))


@pytest.mark.parametrize("column", ["feature_types", "feature_type"])
@pytest.mark.parametrize("storage", [sparse.csr_matrix, sparse.csc_matrix, lambda x: x.toarray()])
def test_columns_and_storages_of_features(both, column, storage):
    adata = with_features(toy(), guides_of(toy()), "Custom", column)
    adata.X = storage(adata.X)
    before = adata.X.copy()
    ag.pp.argen_guides(both[0], control="ctrl")
    ag.pp.argen_guides(adata, guides="Custom", control="ctrl")
    assert_same_calls(both[0], adata, "Custom")
    np.testing.assert_array_equal(*(x.toarray() if sparse.issparse(x) else x for x in (adata.X, before)))


def test_targets_of_features_may_be_a_mapping(both):
    target = both[0]["guide"].var["target"].to_dict()
    adata = both[1]
    del adata.var["target"]
    refuse(adata, r"adata\.var has no column known to hold targets", control="ctrl")
    ag.pp.argen_guides(adata, guide_target=target, control="ctrl")
    ag.pp.argen_guides(both[0], control="ctrl")
    assert_same_calls(both[0], adata, GUIDE)


def test_several_types_that_may_be_guides_are_named(both):
    adata = both[1]
    at = np.flatnonzero(adata.var["feature_types"] == GUIDE)
    adata.var.iloc[at[-4:], adata.var.columns.get_loc("feature_types")] = "sgRNA"
    refuse(
        adata,
        r"has 2 types of features that may be guides: 'CRISPR Guide Capture', 'sgRNA'\. Name one, such as guides=",
    )
    ag.pp.argen_guides(adata, guides="sgRNA", control="ctrl", on_mismatch="warn")
    assert adata.obsm["argen_guides"].shape[1] == 4


def test_types_that_are_no_guides_have_to_be_named():
    adata = with_features(toy(), guides_of(toy()), ANTIBODY)
    refuse(adata, r"or for a type of features \(there are: 'Antibody Capture'\)")
    refuse(adata, r"no obsm entry or type of features 'Custom'; .*are: 'Antibody Capture'", guides="Custom")
    refuse(toy(), r"no obsm entry 'Custom'; the obsm entries are: none", guides="Custom")


def test_labels_and_obsm_entries_go_before_features(both):
    adata = both[1]
    adata.obsm[GUIDE] = pd.DataFrame({"x": [9] * 220 + [0] * 220, "nt": [0] * 220 + [9] * 220}, index=adata.obs_names)
    ag.pp.argen_guides(adata, guides=GUIDE, guide_target={"x": "A", "nt": "NT"}, method="max")
    assert adata.obsm["argen_guides"].shape[1] == 2
    ag.pp.argen_guides(adata, labels="gene", control="ctrl")
    assert adata.uns["argen_guides"]["settings"]["method"] == "labels"


def test_guide_counts_in_a_layer(both):
    mdata, adata = both
    expected = mdata.copy()
    ag.pp.argen_guides(expected, control="ctrl")
    guide = mdata["guide"]
    guide.layers["umis"] = guide.X.copy()
    guide.X = np.log1p(guide.X)
    words = r"mdata\.mod\['guide'\]\.layers\['umis'\] holds counts, guide_layer='umis' takes them"
    refuse(mdata, words, CountsError, control="ctrl")
    ag.pp.argen_guides(mdata, guide_layer="umis", control="ctrl")
    adata.layers["umis"] = adata.X.copy()
    adata.X = np.log1p(adata.X)
    refuse(adata, r"adata\.layers\['umis'\] holds counts, guide_layer='umis' takes them", CountsError, control="ctrl")
    ag.pp.argen_guides(adata, guide_layer="umis", control="ctrl")
    for found in (mdata["rna"], adata):
        assert found.uns["argen_guides"]["id"] == expected["rna"].uns["argen_guides"]["id"]
        assert found.uns["argen_guides"]["settings"]["guide_layer"] == "umis"


def test_guide_counts_in_raw_are_named(both):
    guide = both[0]["guide"]
    guide.raw = guide.copy()
    guide.X = np.log1p(guide.X)
    words = (
        r"mdata\.mod\['guide'\]\.raw holds counts, write mdata\.mod\['guide'\]\.layers\['counts'\] = "
        r"mdata\.mod\['guide'\]\.raw\[:, mdata\.mod\['guide'\]\.var_names\]\.X and give guide_layer='counts'\."
    )
    refuse(both[0], words, CountsError, control="ctrl")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"guide_layer": "nope"}, r"guide_layer='nope' is not in mdata\.mod\['guide'\]\.layers\. Layers: none"),
        ({"guide_layer": "counts", "labels": "gene"}, "guide_layer='counts' is for guide counts, but labels='gene'"),
    ],
)
def test_layers_that_are_not_there(both, options, words):
    refuse(both[0], words, control="ctrl", **options)


def test_an_obsm_entry_has_no_layers(adata, guide_target):
    refuse(adata, "has no layers", guides="guide_counts", guide_layer="counts", guide_target=guide_target)


TYPES = ["Int64", "UInt16", "Float32", "float16", pd.SparseDtype(np.int64, 0)]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_tables_of_any_numbers(adata, guide_target, expected, dtype):
    adata.obsm["guide_counts"] = adata.obsm["guide_counts"].astype(dtype)
    ag.pp.argen_guides(adata, guides="guide_counts", guide_target=guide_target, method="max")
    assert adata.obs["argen_perturbation"].tolist() == expected


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda t: t.astype("Int64").mask(t == 9),
            r"adata\.obsm\['guide_counts'\] has missing values in 'STAT1g1', 'NTg2'",
        ),
        (lambda t: t.astype(str), r"adata\.obsm\['guide_counts'\] = adata\.obsm\['guide_counts'\]\.astype\(float\)"),
        (lambda t: t.assign(cell=list("abcdefghij")), r"in column 'cell' \(such as 'a'\)"),
        (lambda t: t + 0.25, r"not integers \(such as 9\.25\)"),
    ],
    ids=["missing", "texts", "names of cells", "quarters"],
)
def test_tables_that_are_no_counts(adata, guide_target, spoil, words):
    adata.obsm["guide_counts"] = spoil(adata.obsm["guide_counts"])
    refuse(adata, words, CountsError, guides="guide_counts", guide_target=guide_target)


def test_half_precision_and_rounding_noise_of_a_modality(mdata, expected, log):
    exact = mdata["guide"].X.toarray()
    for values in (exact.astype(np.float16), np.expm1(np.log1p(exact.astype(np.float32))), exact * (1 + 1e-9)):
        mdata["guide"].X = values
        ag.pp.argen_guides(mdata, method="max")
        assert mdata["rna"].obs["argen_perturbation"].tolist() == expected
    assert log.getvalue().count("mdata.mod['guide'].X: ") == 2


def test_scaled_guide_counts_are_warned_of():
    guides = guides_of(toy())
    counts = guides.X.toarray()
    guides.X = np.rint(counts / counts.sum(axis=1, keepdims=True) * 1e6).astype(np.float32)
    mdata = MuData({"rna": toy(), "guide": guides})
    with pytest.warns(ArgenWarning, match=r"mdata\.mod\['guide'\]\.X holds integers, but .* scaled to a common total"):
        ag.pp.argen_guides(mdata, control="ctrl", method="max")


ONES = {
    "float": lambda x: x.astype(np.float32),
    "bool": lambda x: x.astype(bool),
    "csr": lambda x: sparse.csr_matrix(x.astype(np.int8)),
    "csc of bool": lambda x: sparse.csc_matrix(x.astype(bool)),
}


@pytest.fixture
def called(both):
    """A MuData whose guide modality holds calls."""
    mdata = both[0]
    mdata["guide"].X = (mdata["guide"].X.toarray() > 3).astype(np.float32)
    return mdata


@pytest.mark.parametrize("kind", ONES)
def test_calls_are_taken_as_calls(called, kind, log):
    expected = called.copy()
    ag.pp.argen_guides(expected, method="threshold", min_umi=1, control="ctrl")
    assert "holds only 0 and 1" not in log.getvalue()
    called["guide"].X = ONES[kind](called["guide"].X)
    ag.pp.argen_guides(called, control="ctrl")
    found, wanted = called["rna"], expected["rna"]
    assert_equal(found.uns["argen_guides"], wanted.uns["argen_guides"], "argen_guides")
    values = sparse.csr_matrix(called["guide"].X).toarray()
    np.testing.assert_array_equal(found.obsm["argen_guides"].toarray(), values)
    assert found.uns["argen_guides"]["settings"]["min_umi"] == 1
    assert log.getvalue().count("guides='guide' holds only 0 and 1: these are calls, not UMI counts.") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *(({"method": name}, rf"method='{name}' makes nothing") for name in ("mixture", "gaussian", "poisson_gauss")),
        ({"method": "threshold"}, "method='threshold', min_umi=5 makes nothing"),
        ({"method": "max", "min_umi": 2}, "method='max', min_umi=2 makes nothing"),
    ],
)
def test_calls_are_no_counts_for_a_method_that_needs_them(called, options, words):
    refuse(called, words, control="ctrl", **options)
    refuse(called, "method='threshold', min_umi=1 takes each 1 as a called guide", control="ctrl", **options)


def test_nothing_is_fitted_to_calls(called):
    called["rna"].obs["lane"] = called["rna"].obs["batch"]
    refuse(called, "Nothing is fitted to them: leave out batch", control="ctrl", batch="lane")


def test_the_top_of_calls_is_a_cell_with_one(called):
    called["guide"].X[0, :3] = 1
    ag.pp.argen_guides(called, method="max", min_umi=1, control="ctrl")
    assert called["rna"].obs["argen_perturbation"].iloc[0] == "multiple"
    assert (called["rna"].obs["argen_perturbation"] == "A").sum() > 50


def test_calls_may_be_features_or_in_a_layer(called):
    adata = with_features(toy(), called["guide"])
    refuse(adata, r"guides='CRISPR Guide Capture' holds only 0 and 1", control="ctrl", method="mixture")
    for data in (called, adata):
        ag.pp.argen_guides(data, control="ctrl")
    assert_same_calls(called, adata, GUIDE)


def test_features_outlive_files(both, tmp_path):
    adata = both[1]
    adata.write_h5ad(tmp_path / "x.h5ad")
    again = anndata.read_h5ad(tmp_path / "x.h5ad")
    for data in (adata, again):
        ag.pp.argen_guides(data, control="ctrl")
    assert adata.uns["argen_guides"]["id"] == again.uns["argen_guides"]["id"]
