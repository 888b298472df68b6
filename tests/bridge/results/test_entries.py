"""Entries of uns: seven fields, ids that tell whether two of them are the same, refusal of what is something else."""

import anndata
import pandas as pd
import pytest
from toy import KWARGS, toy

import argen as ag
from argen._bridge.diagnostics.record import DIAGNOSTICS
from argen._bridge.results.entries import KINDS, SCHEMA_VERSION, read_entry
from argen.errors import InputError, MissingResultError, StaleResultError

FIELDS = {"kind", "id", "made_from", "schema_version", "settings", "tables", "versions"}
KEYS = {
    "argen_guides": "guides",
    "argen_qc": "qc",
    "argen_descendants": "descendants",
    "argen_responder_effects": "total_effects",
    "argen_dag": "network",
    "argen_responders": "responders",
    "argen_naive": "network",
    "inspre": "network",
    "argen_calibration": "calibration",
    "argen_sensitivity": "sensitivity",
    "argen_stability": "stability",
    "argen_overidentification": "overidentification",
    "argen_check": "check",
    "argen_compare": "comparison",
    "argen_evidence": "evidence",
    "argen_modules": "modules",
    "argen_centrality": "centrality",
    "argen_enrichment": "enrichment",
    "argen_predict": "prediction",
}
GETTERS = {
    "guides": ag.get.guides,
    "qc": ag.get.qc,
    "edges": ag.get.edges,
    "graph": ag.get.graph,
    "responders": ag.get.responders,
    "centrality": ag.get.centrality,
    "decoupler_net": ag.get.decoupler_net,
    "pairs": ag.get.pairs,
    "genes": ag.get.genes,
    "perturbations": ag.get.perturbations,
    "calibration": ag.get.calibration,
    "sensitivity": ag.get.sensitivity,
    "stability": ag.get.stability,
    "overidentification": ag.get.overidentification,
    "evidence": ag.get.outside_evidence,
    "check": ag.get.check,
    "comparison": ag.get.comparison,
    "modules": ag.get.modules,
    "enrichment": ag.get.enrichment,
    "prediction": ag.get.prediction,
    "shifts": ag.get.shifts,
}
KIND_OF = dict.fromkeys(("edges", "graph", "centrality", "decoupler_net"), "network") | dict.fromkeys(
    ("pairs", "genes", "perturbations", "shifts"), "descendants"
)


def analysed(**options):
    """A screen with an entry of every writer."""
    adata = toy()
    names = [f"{gene}_{i % 2}" for i, gene in enumerate(adata.obs["gene"])]
    adata.obs["guide"] = names
    ag.pp.argen_guides(adata, labels="guide", guide_target={name: name[:-2] for name in names}, control="ctrl")
    ag.pp.argen_qc(adata, min_depth=1)
    ag.tl.argen_dag(adata, covariates=["batch", "mito"], n_jobs=1, **options)
    ag.tl.argen_responders(adata)
    ag.tl.argen_naive(adata)
    ag.tl.inspre(adata, lambdas=0.05)
    ag.tl.argen_calibration(adata, n_splits=2)
    ag.tl.argen_sensitivity(adata, alphas=[0.01])
    ag.tl.argen_stability(adata, n_draws=5)
    ag.tl.argen_overidentification(adata, min_cells=10)
    ag.tl.argen_check(adata)
    ag.tl.argen_compare(adata, by="batch")
    known = pd.DataFrame({"source": ["A", "B"], "target": ["B", "C"]})
    ag.tl.argen_evidence(adata, pairs={"known": known}, n_permutations=5)
    ag.tl.argen_modules(adata)
    ag.tl.argen_centrality(adata)
    ag.tl.argen_enrichment(adata, gene_sets={"two": ["A", "B"]}, min_size=1)
    ag.tl.argen_predict(adata, {"A": 0.5})
    return adata


@pytest.fixture(scope="module")
def done():
    return analysed()


@pytest.fixture(scope="module")
def simulated():
    return ag.datasets.simulate("paper_fig2", n_cells=300)


def test_every_writer_writes_the_same_seven_fields(done, simulated):
    assert set(done.uns) == set(KEYS)
    for key, kind in KEYS.items():
        assert set(done.uns[key]) == FIELDS, key
        assert done.uns[key]["kind"] == kind
    assert set(simulated.uns["simulation"]) == FIELDS
    assert {*KEYS.values(), simulated.uns["simulation"]["kind"]} == set(KINDS)
    for entry in [*done.uns.values(), simulated.uns["simulation"]]:
        assert entry["schema_version"] == SCHEMA_VERSION
        assert len(entry["id"]) == 64
        assert entry["versions"]["argen"] == ag.__version__


def test_what_each_was_made_from(done):
    made = {key: done.uns[key]["made_from"] for key in KEYS}
    step, network = (done.uns[key]["id"] for key in ("argen_descendants", "argen_dag"))
    data = made["argen_descendants"]["data"]
    assert made["argen_guides"] == made["argen_qc"] == {}
    assert made["argen_descendants"] == {"data": data}
    for key in ("argen_dag", "argen_naive", "inspre", "argen_responder_effects"):
        assert made[key] == {"data": data, "descendants": step}
    diagnostics = ("argen_calibration", "argen_sensitivity", "argen_stability", "argen_overidentification")
    for key in (*diagnostics, "argen_responders", "argen_compare"):
        assert made[key] == {"data": data, "descendants": step, "network": network}


@pytest.mark.parametrize("suffix", ["h5ad", "zarr"])
def test_entries_survive_files(done, simulated, tmp_path, suffix):
    for adata in (done, simulated):
        path = tmp_path / f"{adata.n_obs}.{suffix}"
        getattr(adata, f"write_{suffix}")(path)
        stored = getattr(anndata, f"read_{suffix}")(path)
        assert set(stored.uns) == set(adata.uns)
        for key, entry in adata.uns.items():
            before, after = (read_entry(one, key, entry["kind"]) for one in (adata, stored))
            for name in ("kind", "id", "made_from", "settings", "versions"):
                assert getattr(before, name) == getattr(after, name), (key, name)
            assert set(before.tables) == set(after.tables)


def test_an_id_from_a_file_is_that_of_a_new_run(done, tmp_path):
    """Steps that are made from a file have the ids that they have in memory."""
    done.write_h5ad(tmp_path / "x.h5ad")
    stored = anndata.read_h5ad(tmp_path / "x.h5ad")
    ag.tl.argen_dag(stored, key_added="again")
    ag.tl.argen_stability(stored, n_draws=5, key_added="draws")
    assert stored.uns["again"]["id"] == done.uns["argen_dag"]["id"]
    assert stored.uns["draws"]["id"] == done.uns["argen_stability"]["id"]


def test_equal_runs_have_equal_ids_and_others_have_not():
    def ids(adata, **options):
        ag.tl.argen_dag(adata, **{**KWARGS, **options})
        return [adata.uns[key]["id"] for key in ("argen_descendants", "argen_dag")]

    first = ids(toy())
    assert ids(toy()) == first
    assert ids(toy(), n_jobs=2) == first
    other_data, other_test = ids(toy(seed=1)), ids(toy(), test="wald", hc="HC0")
    for others in (other_data, other_test):
        assert not set(others) & set(first)
    step, network = ids(toy(), covariance="stacked")
    assert step == first[0]
    assert network != first[1]


@pytest.mark.parametrize("name", GETTERS)
def test_getters_refuse_an_entry_of_another_kind(done, name):
    kind = KIND_OF.get(name, name)
    for key, other in KEYS.items():
        if other == kind:
            continue
        with pytest.raises(MissingResultError) as caught:
            GETTERS[name](done, key=key)
        message = str(caught.value)
        assert f"uns[{key!r}] holds {KINDS[other].words}, not a result of {KINDS[kind].function}" in message


@pytest.mark.parametrize("name", GETTERS)
def test_getters_refuse_what_argen_did_not_write(name):
    adata = toy()
    for foreign in ({"a": 1}, {"schema_version": "5.1.0"}, {"schema_version": SCHEMA_VERSION, "kind": "x"}, "text"):
        adata.uns["other"] = foreign
        with pytest.raises(MissingResultError, match=r"'other'\] holds something that argen did not write"):
            GETTERS[name](adata, key="other")


def test_foreign_entries_are_in_nobodys_way(done):
    adata = done.copy()
    adata.uns |= {"a": {"schema_version": "5.1.0"}, "b": {"schema_version": SCHEMA_VERSION}, "c": 3}
    ag.tl.argen_dag(adata, alpha=0.01)
    with pytest.raises(InputError, match=r"'a'\] holds something that argen did not write, which would be lost"):
        ag.tl.argen_dag(adata, key_added="a")


@pytest.mark.parametrize("name", GETTERS)
def test_other_layouts_say_what_to_do(done, name):
    kind = KIND_OF.get(name, name)
    key = next(key for key, found in KEYS.items() if found == kind)
    adata = done.copy()
    adata.uns[key]["schema_version"] = 99
    with pytest.raises(StaleResultError, match=r"written by a newer argen \(layout 99, not 2\)\. Update argen\."):
        GETTERS[name](adata, key=key)
    adata.uns[key] = {"schema_version": 1, "params": {}, "provenance": {}, "edges": None}
    cure = rf"an older argen \(layout 1, not 2\)\. Run {KINDS[kind].function} again\.".replace(".argen", r"\.argen")
    with pytest.raises(StaleResultError, match=cure):
        GETTERS[name](adata, key=key)


def test_an_older_layout_can_be_renewed(done):
    """As the error says: the step runs in spite of what is there."""
    adata = done.copy()
    for key in ("argen_descendants", "argen_dag"):
        adata.uns[key] = {"schema_version": 1, "params": {}, "provenance": {}}
    with pytest.raises(StaleResultError, match=r"Run ag\.tl\.argen_descendants again"):
        ag.tl.argen_dag(adata)
    ag.tl.argen_descendants(adata, covariates=["batch", "mito"])
    ag.tl.argen_dag(adata)
    assert adata.uns["argen_dag"]["id"] == done.uns["argen_dag"]["id"]


@pytest.mark.parametrize("kind", DIAGNOSTICS)
def test_diagnostics_have_the_tables_that_their_records_name(done, kind):
    assert set(done.uns[f"argen_{kind}"]["tables"]) == set(DIAGNOSTICS[kind].tables)
