"""argen_joint: what it stores, what reads it, its errors and warnings, real screens."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from toy import KWARGS, assert_equal, assert_same, toy

import argen as ag
from argen.errors import ArgenWarning, DesignError, InputError, MissingResultError, StaleResultError

# Whether chains agree hangs on their last digits, hence on the machine; what is said then has a test of its own.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*would be selected, or not:argen.errors.ArgenWarning"),
    pytest.mark.filterwarnings("ignore:Two halves of the chains:argen.errors.ArgenWarning"),
]

KEY = "argen_joint"
DESIGN = {"perturbation_key": "perturbation", "covariates": ["L"], "depth": "depth"}


@pytest.fixture(scope="module")
def done():
    adata = ag.datasets.simulate("paper_fig2", rng=1)
    ag.tl.argen_dag(adata, **DESIGN)
    ag.tl.argen_joint(adata, chains=8)
    return adata


def pairs_of(table):
    return set(zip(table["source"], table["target"], strict=True))


def true_edges(adata):
    truth = adata.varp["truth"].tocoo()
    return {
        (adata.var_names[i], adata.var_names[j]): x for i, j, x in zip(truth.row, truth.col, truth.data, strict=True)
    }


def test_finds_the_network_of_the_paper(done):
    truth, edges = true_edges(done), ag.get.edges(done, key=KEY)
    assert pairs_of(edges) == set(truth)
    expected = [truth[pair] for pair in zip(edges["source"], edges["target"], strict=True)]
    assert (np.abs(edges["coef"] - expected) < 4 * edges["se"]).all()


def test_slots_agree_with_each_other(done):
    entry, edges = done.uns[KEY], ag.get.edges(done, key=KEY)
    assert set(entry["tables"]) == {"edges", "fit", "nodes", "order", "prior", "search", "strengths"}
    direct = done.varp[KEY].toarray()
    at = [done.var_names.get_indexer(edges[end]) for end in ("source", "target")]
    np.testing.assert_array_equal(direct[tuple(at)], edges["coef"])
    assert np.count_nonzero(direct) == len(edges)
    order, layer = done.var[f"{KEY}_order"], done.var[f"{KEY}_layer"]
    for source, target in pairs_of(edges):
        assert order[source] < order[target]
        assert layer[source] < layer[target]
    search = entry["tables"]["search"].iloc[0]
    assert search["n_edges"] == len(edges)
    assert search["expected_false"] == pytest.approx((1 - edges["inclusion"]).sum())
    np.testing.assert_allclose(edges["ci_high"] - edges["ci_low"], 2 * 1.959964 * edges["se"], rtol=1e-6)


def test_selected_edges_have_small_adjusted_p_and_large_probability(done):
    table = ag.get.edges(done, key=KEY, selected=False)
    chosen = table["selected"]
    assert chosen.any()
    assert not chosen.all()
    assert (table.loc[chosen, "padj"] <= 0.05).all()
    assert (table.loc[chosen, "inclusion"] > 0.5).all()
    assert ((table["inclusion"] >= 0.01) | (table["p"] <= 0.05) | chosen).all()


def test_probabilities_as_a_matrix(done):
    table, edges = ag.get.inclusion(done), ag.get.edges(done, key=KEY, selected=False)
    assert list(table.index) == list(done.uns[KEY]["tables"]["order"]) == list(table.columns)
    for row in edges.itertuples():
        assert table.loc[row.source, row.target] == row.inclusion
    assert np.count_nonzero(table.to_numpy()) == np.count_nonzero(edges["inclusion"])
    with pytest.warns(ArgenWarning, match="1 of the 8 genes"):
        part = ag.get.inclusion(done[:, done.var_names != "X1"].copy())
    assert "X1" not in part.index


def test_the_fit_is_that_of_the_counts(done):
    table = ag.get.fit(done).set_index(["source", "target"])
    pairs = ag.get.pairs(done).set_index(["source", "target"])
    both = table.join(pairs[["effect", "count", "expected_count"]], how="inner")
    assert len(both) == 56
    counted = both[np.minimum(both["count"], both["expected_count"]) >= 50]
    # The step's regressions hold the perturbed cells, too, which moves the covariates where effects are large.
    usual = counted[counted["effect"].abs() < 0.8]
    assert len(usual) > 30
    np.testing.assert_allclose(usual["observed"], usual["effect"], atol=0.03)
    assert np.corrcoef(counted["observed"], counted["effect"])[0, 1] > 0.995
    residual = table["residual"].to_numpy()
    assert np.mean(residual**2) < 2.5


def test_whatever_reads_a_network_reads_this_one(done, tmp_path):
    edges = ag.get.edges(done, key=KEY)
    assert pairs_of(edges) == set(ag.get.graph(done, key=KEY).edges)
    assert len(ag.get.decoupler_net(done, key=KEY)) == len(edges)
    assert ag.get.centrality(done, key=KEY)["in_degree"].sum() == len(edges)
    assert ag.get.perturbations(done, network=KEY)["n_edges"].sum() == len(edges)
    for plot in (
        ag.pl.argen_network,
        ag.pl.argen_heatmap,
        ag.pl.argen_volcano,
        ag.pl.argen_sign_check,
        ag.pl.argen_fit,
    ):
        assert plot(done, key=KEY, show=False) is not None
    files = ag.io.write_tables(done, tmp_path, key=KEY)
    assert len(pd.read_csv(files[0])) == len(edges)
    assert {"fit", "candidates"} <= {file.stem for file in files}
    page = ag.report(done, tmp_path / "report.html", key=KEY).read_text(encoding="utf-8")
    for words in ("inclusion", "expected to be false", "observed total effects", "degree of freedom"):
        assert words in page
    for words in ("right ancestor set", "argen_calibration", "hence nothing about"):  # true of the other search
        assert words not in page
    assert ag.metrics.evaluate(done, done, key=KEY)["precision"] == 1.0


def test_a_selection_that_hinges_on_the_graph_is_flagged_and_counted(done, monkeypatch):
    from argen._core.joint import search

    adata = done.copy()
    monkeypatch.setattr(search, "_selected_with", lambda *_: np.zeros((8, 8), dtype=bool))
    with pytest.warns(ArgenWarning, match="edges would be selected, or not, were edges with a probability between"):
        ag.tl.argen_joint(adata, chains=8)
    edges = ag.get.edges(adata, key=KEY)
    assert edges["flags"].astype(str).str.endswith("unstable").all()


@pytest.mark.parametrize("name", ["argen_calibration", "argen_stability", "argen_sensitivity"])
def test_diagnostics_of_the_two_stage_search_say_so(done, name):
    with pytest.raises(InputError, match=f"network of another method; {name} needs one of ag.tl.argen_dag"):
        getattr(ag.tl, name)(done, key=KEY)


def test_its_own_getters_refuse_other_networks(done):
    with pytest.raises(InputError, match=r"method 'argen'; ag\.tl\.argen_joint"):
        ag.get.inclusion(done, key="argen_dag")
    for function in (ag.get.fit, ag.get.inclusion):
        with pytest.raises(MissingResultError, match="is missing"):
            function(done, key="nothing")


def test_neither_threads_nor_the_order_of_genes_and_cells_matter(done):
    rng = np.random.default_rng(0)
    shuffled = done[rng.permutation(done.n_obs), rng.permutation(done.n_vars)].copy()
    for key in ("argen_dag", "argen_descendants", KEY):
        del shuffled.uns[key]
    ag.tl.argen_joint(shuffled, chains=8, n_jobs=1, **DESIGN)
    first, second = (ag.get.edges(a, key=KEY, selected=False).set_index(["source", "target"]) for a in (done, shuffled))
    pd.testing.assert_frame_equal(first.sort_index(), second.sort_index(), rtol=1e-6, atol=1e-12)


def test_a_seed_is_a_result_and_another_is_not_far(done):
    again, other = done.copy(), done.copy()
    ag.tl.argen_joint(again, chains=8)
    ag.tl.argen_joint(other, chains=8, rng=7)
    assert_equal(done.uns[KEY]["tables"]["edges"], again.uns[KEY]["tables"]["edges"], "edges")
    assert again.uns[KEY]["id"] == done.uns[KEY]["id"] != other.uns[KEY]["id"]
    assert pairs_of(ag.get.edges(other, key=KEY)) == pairs_of(ag.get.edges(done, key=KEY))


def test_prior_knowledge(done):
    adata = done.copy()
    rows = [("X7", "X1", "forbidden"), ("X6", "X4", "required"), ("X3", "X2", "before")]
    prior = pd.DataFrame(rows, columns=["source", "target", "rule"])
    ag.tl.argen_joint(adata, chains=8, prior=prior)
    edges = ag.get.edges(adata, key=KEY)
    assert ("X7", "X1") not in pairs_of(edges)
    assert ("X2", "X3") not in pairs_of(edges)
    assert edges.set_index(["source", "target"]).loc[("X6", "X4"), "required"]
    order = adata.var[f"{KEY}_order"]
    assert order["X3"] < order["X2"]
    both = pd.DataFrame([("X1", "X2", "required"), ("X2", "X1", "before")], columns=["source", "target", "rule"])
    with pytest.raises(InputError, match="contradicts itself"):
        ag.tl.argen_joint(adata, prior=both)


def test_results_survive_files(done, tmp_path):
    import anndata

    done.write_h5ad(tmp_path / "x.h5ad")
    done.write_zarr(tmp_path / "x.zarr")
    for again in (anndata.read_h5ad(tmp_path / "x.h5ad"), anndata.read_zarr(tmp_path / "x.zarr")):
        for table in (ag.get.edges, ag.get.fit, ag.get.inclusion):
            pd.testing.assert_frame_equal(table(again, key=KEY), table(done, key=KEY))


@pytest.mark.parametrize("options", [{"pooled": True}, {"family": "negative_binomial"}, {"closure": False}])
def test_whatever_the_options_of_the_step(done, options):
    adata = ag.datasets.simulate("paper_fig2", rng=1)
    ag.tl.argen_joint(adata, chains=8, **options, **DESIGN)
    assert pairs_of(ag.get.edges(adata, key=KEY)) == pairs_of(ag.get.edges(done, key=KEY))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": 2}, "alpha=2"),
        ({"chains": 1}, "chains=1"),
        ({"shifts": "yes"}, "shifts='yes'"),
        ({"rng": -1}, "rng=-1"),
        ({"key_added": "argen_descendants"}, "would overwrite the descendant step"),
        ({"key_added": "truth"}, r"varp\['truth'\] is there without a result"),
        ({"key_added": "argen_total_effects"}, "own slots"),
        ({"key_added": "argen"}, "own slots"),
        ({"test": "score"}, "test"),
    ],
)
def test_bad_arguments_leave_the_object_as_it_was(done, options, message):
    adata = done.copy()
    with pytest.raises(InputError, match=message):
        ag.tl.argen_joint(adata, **options)
    assert_same(adata, done)


def test_two_genes_are_too_few():
    adata = toy()[:, ["A", "B", "other0"]].copy()
    with pytest.warns(ArgenWarning, match="dropped"), pytest.raises(DesignError, match="needs 3 genes"):
        ag.tl.argen_joint(adata, **KWARGS)


def test_changed_counts_are_noticed(done):
    adata = done.copy()
    adata.X = adata.X * 2
    with pytest.raises(StaleResultError):
        ag.tl.argen_joint(adata)


def test_a_perturbation_without_effect_on_its_own_gene_has_no_edges():
    adata = ag.datasets.simulate(genes=12, n_edges=14, n_controls=1500, cells_per_perturbation=150, rng=4)
    silent = adata.obs["perturbation"] == "G01"
    controls = np.flatnonzero(adata.obs["perturbation"] == "control")[: silent.sum()]
    counts = adata.X.toarray()
    counts[np.flatnonzero(silent)] = counts[controls]
    adata.X = sparse.csr_matrix(counts)
    with pytest.warns(ArgenWarning, match="1 perturbation without an effect on the own gene, .*: G01"):
        ag.tl.argen_joint(adata, chains=8, perturbation_key="perturbation", depth="depth")
    table = ag.get.edges(adata, key=KEY, selected=False)
    assert "G01" not in set(table["source"])
    strengths = adata.uns[KEY]["tables"]["strengths"].set_index("perturbation")
    assert strengths["instrument"].eq(strengths.index != "G01").all()


@pytest.mark.slow
def test_published_screens():
    mdata = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(mdata, control="non-targeting")
    with pytest.warns(ArgenWarning, match="dropped"):
        ag.tl.argen_joint(mdata, covariates=["bio_rep", "percent_mito"], depth="total_umi")
    edges = ag.get.edges(mdata, key=KEY)
    found = pairs_of(edges)
    assert {("IFNGR2", "JAK2"), ("JAK2", "STAT1"), ("STAT1", "STAT2"), ("STAT1", "UBE2L6")} <= found
    flags = edges.set_index(["source", "target"])["flags"].astype(str)
    assert flags[("JAK2", "STAT1")].startswith("loop")
    assert ("STAT2", "NFKBIA") in found
    assert not found & {("STAT1", "CMTM6"), ("STAT1", "NFKBIA"), ("JAK2", "UBE2L6")}
    assert ag.get.fit(mdata).loc[0, ["source", "target"]].tolist() == ["STAT1", "JAK2"]
    texts = [text.get_text() for text in ag.pl.argen_network(mdata, key=KEY, show=False).texts]
    assert any("direction undetermined: IFNGR2 → JAK2, JAK2 → STAT1" in text for text in texts)
