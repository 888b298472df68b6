"""Total and direct effects on genes that are measured but no nodes: against the network's own numbers and the truth."""

import io

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scanpy import settings
from scipy import sparse
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.responders import blocks
from argen._bridge.responders.total import compute_total_effects
from argen._bridge.results.steps import read_step
from argen._core.parallel import worker_pool
from argen.errors import InputError, MissingResultError, StaleResultError

N_OTHERS = 60  # so many that the depth is not composed of the effects
PAIR = ["effect", "se", "z", "p", "count"]


@pytest.fixture(scope="module")
def screen():
    """The chain A → B → C → D; D's own cells are none, so that it is a responder."""
    adata = toy(n_others=N_OTHERS)
    adata.obs["gene"] = adata.obs["gene"].where(adata.obs["gene"] != "D", "unassigned")
    return adata


@pytest.fixture(scope="module")
def done(screen):
    adata = screen.copy()
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_responders(adata)
    return adata


def by_pair(table):
    return table.set_index(["source", "target"])


def test_total_effects_are_those_of_a_network_that_holds_the_gene(done):
    """A pair rests on the cells of its perturbation and the controls, whatever else is in the analysis."""
    whole = toy(n_others=N_OTHERS)
    ag.tl.argen_descendants(whole, **KWARGS, responders=None)
    expected = by_pair(ag.get.pairs(whole)).loc[[("A", "D"), ("B", "D"), ("C", "D")]]
    found = by_pair(ag.get.pairs(done, responders=True)).loc[expected.index]
    # Numeric covariates are standardised over other cells; the entry holds 32 bits.
    np.testing.assert_allclose(found[PAIR].to_numpy(float), expected[PAIR].to_numpy(float), rtol=2e-6)
    assert (found["test"] == expected["test"]).all()
    assert (found["kind"] == "responder").all()


def test_the_network_does_not_change_by_a_bit(screen):
    results = []
    for responders in (None, "all", ["D"]):
        adata = screen.copy()
        ag.tl.argen_dag(adata, **KWARGS, responders=responders)
        results.append(adata)
    ids = [{adata.uns[key]["id"] for key in ("argen_descendants", "argen_dag")} for adata in results]
    assert ids[0] == ids[1] == ids[2]
    assert "argen_responder_effects" not in results[0].uns
    pd.testing.assert_frame_equal(ag.get.edges(results[0]), ag.get.edges(results[1]))


def test_a_perturbation_that_is_not_measured_is_a_source_of_total_effects(screen):
    whole = screen.copy()
    ag.tl.argen_descendants(whole, **KWARGS)
    without = screen[:, screen.var_names != "A"].copy()
    with pytest.warns(ag.errors.ArgenWarning, match="not measured: A"):
        ag.tl.argen_descendants(without, **KWARGS, depth="depth")
    ag.tl.argen_descendants(whole, **KWARGS, depth="depth")
    expected, found = (by_pair(ag.get.pairs(adata, responders=True)) for adata in (whole, without))
    pairs = [("A", name) for name in ("B", "C", "D", "other0")]
    np.testing.assert_allclose(found.loc[pairs, PAIR].astype(float), expected.loc[pairs, PAIR].astype(float), rtol=2e-6)
    assert (found.loc[pairs, "kind"] == "responder").all()
    sources = without.uns["argen_responder_effects"]["tables"]["perturbations"].set_index("perturbation")
    assert not sources.loc["A", "is_measured"]
    assert not sources.loc["A", "is_node"]


def test_the_edge_to_the_responder_is_that_of_its_parent(done):
    edges = ag.get.responders(done)
    assert edges[["source", "target"]].to_numpy().tolist() == [["C", "D"]]
    assert abs(edges["coef"][0] - 0.8) < 3 * edges["se"][0]
    matrix = done.varm["argen_responders"]
    nodes = list(done.uns["argen_responders"]["tables"]["nodes"])
    assert sparse.issparse(matrix)
    assert matrix[done.var_names.get_loc("D"), nodes.index("C")] == edges["coef"][0]
    assert matrix.nnz == 1
    genes = done.uns["argen_responders"]["tables"]["genes"].set_index("gene")
    assert genes.loc["D"].tolist() == [3, 3, 0, 1]
    candidates = ag.get.responders(done, selected=False)
    assert set(candidates["target"]) <= {"D", *(f"other{i}" for i in range(N_OTHERS))}
    assert (candidates["padj"] <= 0.05).equals(candidates["selected"])


def test_in_a_strict_order_a_gene_has_the_same_edge_as_responder_and_as_node(done):
    """A node that is a leaf is estimated in the same way, up to its own indicator and the baseline."""
    whole = toy(n_others=N_OTHERS)
    ag.tl.argen_dag(whole, **KWARGS)
    expected = by_pair(ag.get.edges(whole)).loc[("C", "D")]
    found = by_pair(ag.get.responders(done)).loc[("C", "D")]
    assert abs(found["coef"] - expected["coef"]) < expected["se"]
    assert found["se"] == pytest.approx(expected["se"], rel=0.2)


@pytest.mark.parametrize(
    "make", [sparse.csr_matrix, sparse.csc_matrix, lambda x: x.toarray()], ids=["csr", "csc", "dense"]
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_numbers_depend_on_no_storage_thread_or_block(screen, done, make, n_jobs, monkeypatch):
    monkeypatch.setattr(blocks, "GENES_PER_BLOCK", 2)
    adata = screen.copy()
    adata.X = make(adata.X)
    ag.tl.argen_dag(adata, **KWARGS | {"n_jobs": n_jobs})
    ag.tl.argen_responders(adata, n_jobs=n_jobs)
    for get in (ag.get.responders, lambda data: ag.get.pairs(data, responders=True)):
        pd.testing.assert_frame_equal(get(adata), get(done), check_exact=True)


@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_files_hold_everything(done, tmp_path, kind):
    path = tmp_path / f"screen.{kind}"
    getattr(done, f"write_{kind}")(path)
    back = getattr(ad, f"read_{kind}")(path)
    for get in (ag.get.responders, lambda data: ag.get.pairs(data, responders=True)):
        pd.testing.assert_frame_equal(get(back), get(done))
    assert (back.varm["argen_responders"] != done.varm["argen_responders"]).nnz == 0
    ag.tl.argen_responders(back)
    pd.testing.assert_frame_equal(ag.get.responders(back), ag.get.responders(done))


def test_mudata_and_copy(screen, done):
    import mudata

    with mudata.set_options(pull_on_update=False) if hasattr(mudata, "set_options") else mudata.settings.override():
        mdata = mudata.MuData({"rna": screen.copy()})
    ag.tl.argen_dag(mdata, **KWARGS)
    ag.tl.argen_responders(mdata)
    pd.testing.assert_frame_equal(ag.get.responders(mdata), ag.get.responders(done))
    before = screen.copy()
    ag.tl.argen_dag(before, **KWARGS)
    reference = before.copy()
    after = ag.tl.argen_responders(before, copy=True)
    assert_same(before, reference)
    assert "argen_responders" in after.uns


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
@pytest.mark.parametrize("covariance", ["murphy-topel", "stacked", "naive"])
def test_families_and_covariances(screen, family, covariance):
    adata = screen.copy()
    ag.tl.argen_dag(adata, **KWARGS, family=family, covariance=covariance)
    ag.tl.argen_responders(adata)
    assert ag.get.responders(adata)[["source", "target"]].to_numpy().tolist()[0] == ["C", "D"]
    assert adata.uns["argen_responders"]["settings"]["covariance"] == covariance


def test_genes_that_are_left_out_are_listed_with_the_reason(screen):
    adata = screen.copy()
    adata.X = adata.X.toarray() * (adata.var_names != "other1")
    adata.var["wanted"] = adata.var_names.isin(["D", "other1", "B"])
    ag.tl.argen_descendants(adata, **KWARGS, responders="wanted", depth="depth")
    status = adata.uns["argen_responder_effects"]["tables"]["genes"].set_index("gene")["status"].astype(str)
    assert status["D"] == "responder"
    assert status["B"] == "node"
    assert status["other0"] == "not chosen"
    assert status["other1"] == "fewer than 20 counts in the control cells"
    assert set(by_pair(ag.get.pairs(adata, responders=True).query("kind == 'responder'")).index) == {
        (name, "D") for name in "ABC"
    }


@pytest.mark.parametrize(
    ("responders", "words"),
    [
        ("nowhere", "'nowhere' is neither 'all' nor a column of adata.var"),
        ("score", "has to hold True and False"),
        (["D", "nobody"], "not in adata.var_names: 'nobody'"),
        ([], "responders=\\[\\]: give 'all'"),
    ],
)
def test_bad_responders(screen, responders, words):
    adata = screen.copy()
    adata.var["score"] = np.arange(adata.n_vars, dtype=float)
    before = adata.copy()
    with pytest.raises(InputError, match=words):
        ag.tl.argen_descendants(adata, **KWARGS, responders=responders)
    assert_same(adata, before)


@pytest.mark.parametrize("function", [ag.tl.argen_descendants, ag.tl.argen_dag, ag.tl.argen_responders])
def test_a_mask_is_named_as_such_in_a_short_message(done, function):
    adata = done.copy()
    design = {} if function is ag.tl.argen_responders else KWARGS
    for mask in (np.ones(adata.n_vars, dtype=bool), [True, False], pd.Series([True] * 5), [np.True_, "D"]):
        with pytest.raises(InputError, match=f"a mask of {len(mask)} values, .* responders='chosen'") as raised:
            function(adata, **design, responders=mask)
        assert len(str(raised.value)) < 200
    with pytest.raises(InputError, match="responders names nothing: give 'all'"):
        function(adata, **design, responders=(name for name in ()))
    assert_same(adata, done)
    adata.var["chosen"] = adata.var_names == "D"
    ag.tl.argen_responders(adata, responders="chosen")
    assert adata.uns["argen_responders"]["tables"]["genes"]["gene"].tolist() == ["D"]


def test_names_from_a_generator(screen):
    adata, other = screen.copy(), screen.copy()
    names = ["D", "other3", "other1"]
    ag.tl.argen_dag(adata, **KWARGS, responders=names)
    ag.tl.argen_descendants(other, **KWARGS, responders=(name for name in names))
    assert list(other.uns["argen_descendants"]["settings"]["responders"]) == names
    ag.tl.argen_dag(other, **KWARGS, responders=iter(names))
    for result in (adata, other):
        assert set(ag.get.pairs(result, responders=True).query("kind == 'responder'")["target"]) == set(names)
    ag.tl.argen_responders(other, responders=(name for name in names[:2]))
    assert set(other.uns["argen_responders"]["tables"]["genes"]["gene"]) == set(names[:2])


def test_the_bar_counts_the_blocks(done, monkeypatch):
    monkeypatch.setattr(blocks, "GENES_PER_BLOCK", 7)
    counts = []

    def bar(_, total):
        def track(blocks_read):
            blocks_read = list(blocks_read)
            counts.append((total, len(blocks_read)))
            return blocks_read

        return track

    with worker_pool(1) as map_:
        compute_total_effects(done, read_step(done, "argen_descendants"), map_, bar, "all")
    assert counts == [(9, 9)]  # of 61 genes


@pytest.fixture
def logged():
    before, stream = settings.logfile, io.StringIO()
    settings.logfile = stream
    yield stream
    settings.logfile = before


def test_networks_stay_where_the_step_is_the_same_but_for_its_responders(done, logged):
    adata = done.copy()
    ag.tl.argen_descendants(adata, **KWARGS, responders=["D", "other1"])
    assert "run them again" not in logged.getvalue()
    assert adata.uns["argen_descendants"]["id"] == done.uns["argen_descendants"]["id"]
    ag.tl.argen_responders(adata)
    assert set(adata.uns["argen_responders"]["tables"]["genes"]["gene"]) == {"D", "other1"}
    ag.tl.argen_descendants(adata, **KWARGS | {"covariates": []}, responders=["D", "other1"])
    assert "run them again: argen_dag (adata.uns)" in logged.getvalue()
    with pytest.raises(StaleResultError, match=r"Run ag\.tl\.argen_dag again"):
        ag.tl.argen_responders(adata)


def test_what_is_missing_or_stale_is_an_error(screen, done):
    adata = screen.copy()
    with pytest.raises(MissingResultError, match="argen_dag"):
        ag.tl.argen_responders(adata)
    with pytest.raises(MissingResultError, match="argen_descendants"):
        ag.get.pairs(adata, responders=True)
    ag.tl.argen_dag(adata, **KWARGS, responders=None)
    with pytest.raises(MissingResultError, match="responders='all'"):
        ag.tl.argen_responders(adata)
    with pytest.raises(MissingResultError, match="responders='all'"):
        ag.get.pairs(adata, responders=True)
    with pytest.raises(MissingResultError, match="argen_responders"):
        ag.get.responders(adata)
    ag.tl.argen_responders(adata, responders="all")
    pd.testing.assert_frame_equal(ag.get.responders(adata), ag.get.responders(done))
    ag.tl.argen_descendants(adata, **KWARGS, test="wald")
    with pytest.raises(StaleResultError, match="argen_dag"):
        ag.tl.argen_responders(adata)
    changed = done.copy()
    changed.X = changed.X.copy()
    changed.X[0, changed.var_names.get_loc("A")] = 40
    with pytest.raises(StaleResultError):
        ag.tl.argen_responders(changed)


def test_without_a_responder_there_is_nothing_to_do():
    adata = toy(n_others=0)
    ag.tl.argen_dag(adata, **KWARGS)
    before = adata.copy()
    with pytest.raises(InputError, match="No measured gene is a responder"):
        ag.tl.argen_responders(adata)
    assert_same(adata, before)


@pytest.mark.slow
@pytest.mark.parametrize("first_stage", ["shrunk", "shared"])
def test_false_discoveries_and_coverage(first_stage):
    """Five screens of 25 perturbed genes and 150 responders, confounded, with negative binomial counts.

    Missed parents cost the intervals coverage, most where the first stage keeps little of what the network rules out.
    """
    false, found, covered = 0, 0, []
    for seed in range(5):
        adata = ag.datasets.simulate(
            genes=25,
            responders=150,
            rng=100 + seed,
            cells_per_perturbation=120,
            n_controls=1500,
            n_parents=(1, 3),
            intercept=(-1.0, 1.5),
            edge_effect=(0.3, 0.9),
            n_confounders=2,
            confounder_effect=(-0.3, 0.3),
            knockdown=(-2.5, -1.0),
        )
        ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
        ag.tl.argen_responders(adata, first_stage=first_stage, robust=False)
        truth = adata.varm["truth"].toarray()
        rows, nodes = adata.var_names, adata.var_names[adata.var["perturbed"]]
        edges = ag.get.responders(adata, selected=False)
        true = truth[rows.get_indexer(edges["target"]), nodes.get_indexer(edges["source"])]
        chosen = edges["selected"].to_numpy()
        false, found = false + int((true[chosen] == 0).sum()), found + int(chosen.sum())
        covered += (np.abs(edges["coef"] - true) <= 1.96 * edges["se"]).tolist()
    assert found > 250
    assert false / found <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / found)
    if first_stage == "shared":
        assert np.mean(covered) > 0.86
