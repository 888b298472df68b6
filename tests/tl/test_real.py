"""Whole runs on published screens."""

import io

import numpy as np
import pytest

import argen as ag
from argen.errors import ArgenWarning


@pytest.fixture(scope="module")
def papalexi():
    mdata = ag.datasets.papalexi_2021()
    ag.pp.argen_guides(mdata, control="non-targeting")
    adata = mdata["rna"]
    with pytest.warns(ArgenWarning, match="^17 perturbations dropped, not measured: ATF2, BRD4, CAV1") as record:
        ag.tl.argen_descendants(adata, covariates=["bio_rep", "percent_mito"], depth="total_umi")
    assert len(record) == 1
    ag.tl.argen_dag(adata)
    return adata


CASCADE = [("IFNGR2", "JAK2"), ("JAK2", "STAT1"), ("STAT1", "STAT2"), ("STAT1", "UBE2L6"), ("JAK2", "STAT3")]


@pytest.mark.parametrize(("source", "target"), CASCADE)
def test_interferon_cascade(papalexi, source, target):
    edges = ag.get.edges(papalexi).set_index(["source", "target"])
    assert edges.loc[(source, target), "coef"] > 0
    assert edges.loc[(source, target), "p"] < 0.001
    assert (target, source) not in edges.index
    order = papalexi.var["argen_order"]
    assert 0 <= order[source] < order[target]


def test_every_knock_down_is_seen(papalexi):
    table = ag.get.perturbations(papalexi).set_index("perturbation")
    kept = table[table["status"] == "kept"]
    assert len(kept) == 9
    assert (kept["effect"] < 0).all()
    assert (kept["p"] < 1e-6).all()
    assert (table["reason"] == "not measured").sum() == 17
    assert papalexi.uns["argen_descendants"]["tables"]["cells"]["n"].sum() == papalexi.n_obs


def test_all_that_is_measured_is_kept(papalexi):
    assert len(ag.get.pairs(papalexi)) == 9 * 8
    assert np.isfinite(ag.get.pairs(papalexi)["p"]).all()
    assert len(ag.get.edges(papalexi, selected=False)) > len(ag.get.edges(papalexi)) >= len(CASCADE)
    graph = ag.get.graph(papalexi)
    assert graph.number_of_nodes() == 9
    assert papalexi.varp["argen_dag"].shape == (303, 303)
    assert papalexi.varp["argen_dag"].nnz == graph.number_of_edges()


def test_on_what_the_edges_hang(papalexi):
    """The paper's first stage gives edges of STAT1 that come and go with the half of JAK2 ⇄ STAT1 that is kept."""
    adata = papalexi.copy()
    ag.tl.argen_dag(adata, first_stage="ancestors")
    ag.tl.argen_sensitivity(adata, replicate="bio_rep")
    edges = ag.get.edges(adata).set_index(["source", "target"])
    table = ag.get.sensitivity(adata).set_index(["source", "target"])
    reversed_ = "loop reversed JAK2⇄STAT1"
    for target in ("TNFRSF14", "STAT3", "CMTM6"):
        assert edges.loc[("STAT1", target), "direction"] == "one way"
        assert "JAK2⇄STAT1" in edges.loc[("STAT1", target), "loop"]
        row = table.loc[("STAT1", target)]
        assert not row["stable"]
        assert not row[reversed_]
        assert reversed_ in row["lost_in"]
        assert row["coef"] > 2 * row["coef_low"]
    row = table.loc[("STAT1", "TNFRSF14")]
    assert (row["coef"], row["coef_low"]) == pytest.approx((0.595, 0.133), abs=0.01)
    row = table.loc[("IFNGR2", "NFKBIA")]
    assert not row["stable"]
    assert all(words in row["lost_in"] for words in ("edges alpha 0.01", "without guide IFNGR2g1", "without replicate"))
    assert row["coef_low"] < 0 < row["coef_high"]
    for edge in CASCADE:
        assert table.loc[edge, "stable"], edge
        assert table.loc[edge, "coef_low"] > 0
    variations = adata.uns["argen_sensitivity"]["tables"]["variations"]["choice"].value_counts()
    assert (variations["without guide"], variations["without control guide"]) == (35, 9)
    assert (variations["loop reversed"], variations["without replicate"]) == (3, 3)


def test_on_what_the_edges_of_the_default_hang(papalexi):
    """With shrunk first stages these edges are not selected; the other first stage that has them is named."""
    adata = papalexi.copy()
    ag.tl.argen_overidentification(adata)
    ag.tl.argen_sensitivity(adata, replicate="bio_rep")
    table = ag.get.sensitivity(adata).set_index(["source", "target"])
    for target in ("TNFRSF14", "STAT3", "CMTM6"):
        assert table.loc[("STAT1", target), "found_in"] == "first stage ancestors"
    assert table.loc[("STAT1", "TNFRSF14"), "coef_high"] == pytest.approx(0.595, abs=0.01)
    assert not table.loc[("IFNGR2", "NFKBIA"), "stable"]
    for edge in [("IFNGR2", "JAK2"), ("JAK2", "STAT1"), ("STAT1", "STAT2"), ("JAK2", "STAT3"), ("JAK2", "TNFRSF14")]:
        assert table.loc[edge, "stable"], edge
    edges = ag.get.edges(adata).set_index(["source", "target"])
    assert edges.loc[("IFNGR2", "JAK2"), ["J_flag", "disagrees"]].tolist() == ["edge, equation", "IFNGR2g2"]
    assert (edges["J_flag"] != "").sum() == 1
    assert (edges["padj"] < 0.05).all()


def test_schraivogel():
    """Guides of enhancers; genes of one chromosome arm with few effects on each other, if any."""
    mdata = ag.datasets.schraivogel_2020()
    ag.pp.argen_guides(mdata)
    adata = mdata["rna"]
    with pytest.warns(ArgenWarning, match="^4 perturbations dropped, not measured: GATA1-enh, HS2-enh") as record:
        ag.tl.argen_dag(adata, covariates=["batch"], depth="total_umi_panel_noHB")
    assert len(record) == 1
    table = ag.get.perturbations(adata)
    kept = table[table["status"] == "kept"]
    assert len(kept) == 10
    assert (kept["effect"] < -0.4).all()
    assert (kept["p"] < 0.01).all()
    assert len(ag.get.pairs(adata)) == 90
    assert ag.get.graph(adata).number_of_nodes() == 10


def test_dixit():
    """A table without guides, batches and depth."""
    adata = ag.datasets.dixit_2016()
    with pytest.warns(ArgenWarning, match="^11 cells dropped, zero depth") as record:
        ag.tl.argen_dag(adata, perturbation_key="target", control="non-targeting")
    assert len(record) == 1
    table = ag.get.perturbations(adata)
    assert len(table) == 8
    assert (table["effect"] < 0).all()
    edges = ag.get.edges(adata).set_index(["source", "target"])
    assert edges.loc[("Stat2", "Stat1"), "coef"] > 0


@pytest.fixture
def log():
    import scanpy as sc

    before, stream = (sc.settings.logfile, sc.settings.verbosity), io.StringIO()
    sc.settings.logfile, sc.settings.verbosity = stream, 3
    yield stream
    sc.settings.logfile, sc.settings.verbosity = before


def test_log(papalexi, log):
    adata = papalexi.copy()
    with pytest.warns(ArgenWarning, match="17 perturbations"):
        ag.tl.argen_descendants(adata, covariates=["bio_rep", "percent_mito"], depth="total_umi")
    ag.tl.argen_dag(adata, key_added="again")
    table, pairs = ag.get.perturbations(adata), ag.get.pairs(adata)
    n_perturbed = table.loc[table["status"] == "kept", "n_cells"].sum()
    n_control = (adata.obs["argen_perturbation"] == "control").sum()
    significant, kept = pairs["significant"].sum(), pairs["descendant"].sum()
    for line in (
        "computing descendants of every perturbed gene\n",
        f"    9 perturbations, {n_perturbed} perturbed and {n_control} control cells, covariates: bio_rep[rep_2], ",
        f"    finished: 72 pairs tested, {significant} significant, {kept} after closure, 3 genes in cycles, 3 skipped "
        "to stay acyclic\n",
        "    'argen_total_effects', total effects (adata.varp)\n",
        "searching the causal network\n",
        "    finished: 11 edges selected of 22 candidates, 3 of them with a direction that the stronger "
        "evidence decided\n",
        "    'again', edges, order and parameters (adata.uns)\n",
        "    'again_order' and 'again_layer' of each gene (adata.var)",
    ):
        assert line in log.getvalue()


def test_grades_of_the_interferon_cascade(papalexi):
    """What is known of the cascade is found by both searches, and hangs on loops that one experiment cannot settle."""
    adata = papalexi.copy()
    ag.tl.argen_joint(adata)
    table = ag.get.evidence(adata, known=ag.datasets.collectri()).set_index(["source", "target"])
    found = table[table["grade"] != "not selected"]
    assert found["loop"].loc[[("JAK2", "STAT1"), ("IFNGR2", "JAK2")]].str.contains("IFNGR2⇄JAK2").all()
    assert found.loc[("JAK2", "TNFRSF14"), "grade"] == "moderate"
    assert "size hangs on the direction of" in found.loc[("JAK2", "TNFRSF14"), "reasons"]
    for edge in (("JAK2", "STAT1"), ("IFNGR2", "JAK2")):
        assert found.loc[edge, "grade"] == "weak"
        assert "direction undetermined in the joint search" in found.loc[edge, "reasons"]
    assert table.loc[("STAT1", "STAT2"), "prior"] == "known"
    assert not (table["grade"] == "strong").any()


def test_replicates_disagree_on_one_edge(papalexi):
    """JAK2 → STAT1 is .36 in the first replicate and .64 in the second, z −3.2, with the paper's first stage."""
    adata = papalexi.copy()
    ag.tl.argen_dag(adata, first_stage="ancestors")
    ag.tl.argen_compare(adata, by="bio_rep", reference="rep_2")
    levels = ag.get.comparison(adata, table="levels").query("source == 'JAK2' and target == 'STAT1'")
    levels = levels.set_index("level")["coef"]
    assert levels[["rep_1", "rep_2", "rep_3"]].tolist() == pytest.approx([0.361, 0.643, 0.648], abs=0.001)
    contrast = ag.get.comparison(adata, table="contrasts").set_index(["source", "target", "level"]).sort_index()
    row = contrast.loc[("JAK2", "STAT1", "rep_1")]
    assert row["z"] == pytest.approx(-3.2, abs=0.01)
    assert row["change"] == "weaker"
    edges = ag.get.comparison(adata).set_index(["source", "target"]).sort_index()
    assert set(edges.index[edges["q_padj"] < 0.05]) == {("JAK2", "STAT1"), ("IFNGR2", "NFKBIA")}
    row = edges.loc[("JAK2", "STAT1")]
    assert row["mean_high"] - row["mean_low"] > 5 * 2 * 1.96 * row["pooled_se"]
    ag.tl.argen_dag(adata)
    ag.tl.argen_compare(adata, by="bio_rep", reference="rep_2")
    contrast = ag.get.comparison(adata, table="contrasts").set_index(["source", "target", "level"]).sort_index()
    assert contrast.loc[("JAK2", "STAT1", "rep_1"), "z"] == pytest.approx(-4.10, abs=0.01)
