"""Features that are no genes: told by their type, out of depth and genes in every step."""

import io

import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from anndata import AnnData
from mixed import ANTIBODY, GENE, GUIDE, guides_of, with_features
from scipy import sparse
from toy import KWARGS, assert_equal, toy

import argen as ag
from argen._bridge.features import gene_columns, gene_positions, genes_of
from argen.errors import ArgenError, CountsError, InputError

pytestmark = pytest.mark.filterwarnings("ignore:Variable names are not unique")


def typed(types, column="feature_types"):
    names = [f"f{i}" for i in range(len(types))]
    return AnnData(np.ones((2, len(types)), np.float32), var=pd.DataFrame({column: types}, index=names))


@pytest.fixture
def log():
    before, text = (sc.settings.logfile, sc.settings.verbosity), io.StringIO()
    sc.settings.logfile, sc.settings.verbosity = text, "info"
    yield text
    sc.settings.logfile, sc.settings.verbosity = before


@pytest.mark.parametrize("column", ["feature_types", "feature_type"])
@pytest.mark.parametrize("make", [list, pd.Categorical], ids=["text", "category"])
@pytest.mark.parametrize("word", [GENE, "gene expression", "Gene_Expression "])
def test_genes_are_told_by_their_type(column, make, word):
    adata = typed(make([word, GUIDE, word, ANTIBODY, "Custom"]), column)
    assert gene_columns(adata).tolist() == [True, False, True, False, False]
    assert list(genes_of(adata)) == ["f0", "f2"]
    assert gene_positions(adata, ["f2", "f1", "f0", "x"]).tolist() == [2, -1, 0, -1]


@pytest.mark.parametrize(
    "types",
    [
        [GENE] * 3,
        np.array([np.nan, np.nan, np.nan], dtype=object),
        ["protein_coding", "lncRNA", "guide_RNA"],  # CELLxGENE: kinds of genes
        ["a", "b", "b"],
    ],
    ids=["genes", "missing", "kinds of genes", "unknown"],
)
def test_words_that_tell_nothing_leave_all_features(types):
    adata = typed(types, "feature_type")
    assert gene_columns(adata) is None
    assert gene_positions(adata, ["f2", "x"]).tolist() == [2, -1]


def test_the_column_that_names_genes_is_taken():
    adata = typed(["protein_coding", "protein_coding"])
    adata.var["feature_type"] = [GENE, GUIDE]
    assert gene_columns(adata).tolist() == [True, False]


@pytest.mark.parametrize("types", [[GUIDE, GUIDE], [GUIDE, np.nan], ["gene", "guide"]])
def test_other_features_without_genes_are_an_error(types):
    adata = typed(np.array(types, dtype=object))
    with pytest.raises(InputError, match=r"adata\.var\['feature_types'\] has no 'Gene Expression', but .*write"):
        gene_columns(adata)


def test_features_without_a_type_are_named(log):
    adata = toy()
    adata.var["feature_types"] = np.array([GENE] * 6 + [np.nan], dtype=object)
    lost = adata.var_names[6]
    adata.obs["gene"] = adata.obs["gene"].astype(str).replace("D" if lost == "D" else "nobody", "C")
    ag.tl.argen_descendants(adata, **KWARGS)
    assert "WARNING: 1 of 7 features are no genes" in log.getvalue()
    assert "1 without a type (empty in var['feature_types'])" in log.getvalue()


@pytest.fixture(scope="module")
def alone():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_joint(adata, n_jobs=1)
    return adata


def assert_same_results(alone, mixed):
    assert set(alone.uns) == set(mixed.uns)
    for key in alone.uns:
        assert_equal(alone.uns[key]["tables"], mixed.uns[key]["tables"], key)
        assert alone.uns[key]["id"] == mixed.uns[key]["id"]
    at = gene_positions(mixed, alone.var_names)
    for key in alone.varp:
        np.testing.assert_array_equal(alone.varp[key].toarray(), mixed.varp[key][at][:, at].toarray())
        assert alone.varp[key].nnz == mixed.varp[key].nnz


@pytest.mark.parametrize("names", [None, ["A", "A", "B", "B", "C", "C", "D", "D", "NT", "NT"]], ids=["own", "of genes"])
@pytest.mark.parametrize(
    "storage", [sparse.csr_matrix, sparse.csc_matrix, lambda x: x.toarray()], ids=["csr", "csc", "dense"]
)
def test_results_are_those_of_the_genes_alone(alone, names, storage, log):
    mixed = with_features(toy(), guides_of(toy()), names=names)
    mixed.X = storage(mixed.X)
    ag.tl.argen_dag(mixed, **KWARGS)
    ag.tl.argen_joint(mixed, n_jobs=1)
    assert_same_results(alone, mixed)
    assert log.getvalue().count("10 of 17 features are no genes and stay out of the depth, too: 10 CRISPR Guide") == 1
    pd.testing.assert_frame_equal(ag.get.edges(mixed), ag.get.edges(alone))


@pytest.mark.parametrize("depth", [None, "unaffected"])
def test_checks_and_depths_know_the_genes_alone(depth):
    alone = toy(n_others=40)
    mixed = with_features(alone, guides_of(alone))
    for adata in (alone, mixed):
        ag.tl.argen_descendants(adata, depth=depth, **KWARGS | {"covariates": None})
        ag.tl.argen_check(adata, n_jobs=1)
    assert_same_results(alone, mixed)
    assert not set(ag.get.shifts(mixed)["name"]) & set(guides_of(alone).var_names)


def test_other_features_need_not_be_counts(alone):
    """Antibodies are often normalised on their own."""
    mixed = with_features(toy(), guides_of(toy()), ANTIBODY)
    others = (mixed.var["feature_types"] == ANTIBODY).to_numpy()
    values = mixed.X.toarray()
    values[:, others] = np.log1p(values[:, others])
    mixed.X = values
    ag.tl.argen_dag(mixed, **KWARGS)
    ag.tl.argen_joint(mixed, n_jobs=1)
    assert_same_results(alone, mixed)
    mixed.layers["lognorm"] = np.log1p(values)
    with pytest.raises(CountsError, match=r"adata\.X holds counts, which are taken without layer='lognorm'"):
        ag.tl.argen_dag(mixed, layer="lognorm", key_added="other", descendants="others", **KWARGS)


def test_umis_of_guides_make_no_edges():
    rng = np.random.default_rng(0)
    genes, n = list("ABCDE"), 60
    labels = np.repeat([*genes, "ctrl"], [n] * 5 + [200]).astype(object)
    means = np.full((len(labels), 65), 8.0) * rng.lognormal(0, 0.25, (len(labels), 1))
    means[:, :5] *= np.where(labels[:, None] == np.array(genes, dtype=object), 0.2, 1.0)
    obs = pd.DataFrame({"gene": labels}, index=[f"c{i}" for i in range(len(labels))])
    counts = sparse.csr_matrix(rng.poisson(means).astype(np.float32))
    alone = AnnData(counts, obs=obs, var=pd.DataFrame(index=[*genes, *(f"G{i}" for i in range(60))]))
    guides = guides_of(alone)
    guides.X = sparse.csr_matrix(guides.X * np.float32(5.0))  # hundreds of UMIs in 500: part of any total
    n_edges = {}
    for name, kind in {"typed": GUIDE, "not typed": GENE}.items():
        adata = with_features(alone, guides, kind)
        ag.tl.argen_dag(adata, perturbation_key="gene", control="ctrl", adjust=None, n_jobs=1)
        n_edges[name] = len(ag.get.edges(adata))
    assert n_edges["typed"] == 0
    assert n_edges["not typed"] >= 5  # what it was before types were read


def test_a_label_that_is_a_feature_is_not_measured():
    adata = with_features(toy(), guides_of(toy()))
    adata.obs["gene"] = adata.obs["gene"].astype(str).replace("D", "Dg1")
    with (
        pytest.warns(ag.errors.ArgenWarning, match="'Dg1' are names of guides"),
        pytest.warns(ag.errors.ArgenWarning, match="1 perturbation dropped, not measured: Dg1"),
    ):
        ag.tl.argen_descendants(adata, **KWARGS)
    assert ag.get.perturbations(adata).set_index("perturbation").loc["Dg1", "reason"] == "not measured"


def test_quality_control_counts_genes_alone():
    alone = toy()
    alone.var_names = [f"MT-{name}" if name == "other0" else name for name in alone.var_names]
    mixed = with_features(alone, guides_of(alone), names=["MT-A", *guides_of(alone).var_names[1:]])
    totals = np.asarray(alone.X.sum(axis=1)).ravel()
    limits = {"min_depth": np.quantile(totals, 0.2), "max_percent_mito": 30, "min_genes": 6}
    for adata in (alone, mixed):
        ag.pp.argen_qc(adata, **limits, one_perturbation=False)
    pd.testing.assert_frame_equal(ag.get.qc(alone), ag.get.qc(mixed))
    assert 0 < alone.n_obs < len(totals)
    assert list(alone.obs_names) == list(mixed.obs_names)


def test_metrics_take_the_genes(alone):
    mixed = with_features(toy(), guides_of(toy()), names=["A", "A", "B", "B", "C", "C", "D", "D", "NT", "NT"])
    how = {"perturbation_key": "gene", "control": "ctrl", "n_omitted": None}
    for normalize in (True, False):
        expected = ag.metrics.causalbench(toy(), alone, normalize=normalize, **how)
        pd.testing.assert_series_equal(ag.metrics.causalbench(mixed, alone, normalize=normalize, **how), expected)
    ag.tl.argen_dag(mixed, **KWARGS)
    both = [ag.metrics.evaluate(adata, alone, truth_key="argen_dag") for adata in (alone, mixed)]
    pd.testing.assert_series_equal(*both)


def test_the_report_counts_genes(tmp_path):
    mixed = with_features(toy(), guides_of(toy()))
    ag.tl.argen_dag(mixed, **KWARGS)
    text = ag.report(mixed, tmp_path / "report.html").read_text()
    assert "440 cells × 7 genes" in text
    assert "Stale" not in text


def test_repeated_names_of_genes_are_an_error():
    adata = with_features(toy(), guides_of(toy()))
    adata.var_names = ["A" if adata.var["feature_types"].iloc[i] == GENE else "x" for i in range(adata.n_vars)]
    with pytest.raises(ArgenError, match=r"duplicates: A\."):
        ag.tl.argen_descendants(adata, **KWARGS)
