"""Evidence from outside: what is annotated, compared and found, on the chromatin of K562 and on made-up pairs."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from evidence_screens import (
    BOUNDARIES,
    TADS,
    add_network,
    all_pairs,
    eigenvectors,
    known_genes,
    object_of,
    placed_genes,
)
from scipy.stats import fisher_exact, mannwhitneyu
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.log import shown
from argen.errors import ArgenWarning, InputError, MissingResultError

PLACES = {"assembly": "hg19", "domains": {"TAD": TADS}, "boundaries": {"boundaries": BOUNDARIES}}


def tad_of(table):
    """Number of the domain in which each gene starts."""
    tads = pd.read_csv(TADS, sep="\t", header=None, names=["chrom", "start", "end", "name"])
    tss = np.where(table["strand"] == "+", table["start"], table["end"] - 1)
    return np.array(
        [
            np.flatnonzero((tads["chrom"] == c) & (tads["start"] <= s) & (tads["end"] > s))[0]
            for c, s in zip(table["chrom"], tss, strict=True)
        ]
    )


def planted(seed, in_domain, elsewhere, n=120):
    """Genes in domains of K562, and a network whose edges lie in domains with another chance than elsewhere."""
    table, rng = placed_genes(seed, n), np.random.default_rng(seed)
    source, target = all_pairs(n)
    keep = rng.random(len(source)) < 0.3
    source, target = source[keep], target[keep]
    tad = tad_of(table)
    same = tad[source] == tad[target]
    selected = rng.random(len(source)) < np.where(same, in_domain, elsewhere)
    genes = table["gene"].to_numpy()
    edges = pd.DataFrame({"source": genes[source], "target": genes[target], "selected": selected})
    edges["coef"] = rng.normal(size=len(edges))
    return add_network(object_of(genes), edges), table, edges.assign(same=same)


@pytest.fixture(scope="module")
def done():
    adata, table, edges = planted(0, 0.3, 0.02)
    rng = np.random.default_rng(1)
    other = pd.concat([edges[~edges["selected"]].sample(60, random_state=0), edges[edges["selected"]].head(20)])
    add_network(adata, other.assign(selected=True), "other")
    sign = np.sign(edges["coef"]) * np.where(rng.random(len(edges)) < 0.9, 1, -1)
    prior = edges.assign(weight=sign)[rng.random(len(edges)) < np.where(edges["selected"], 0.4, 0.1)]
    score = edges.assign(value=rng.normal(size=len(edges)) + edges["selected"])[["source", "target", "value"]]
    ag.tl.argen_evidence(
        adata, network="net", positions=table, **PLACES, compartments=eigenvectors(), others=["other"],
        pairs={"CollecTRI": prior[["source", "target", "weight"]], "score": score}, n_permutations=200,
    )  # fmt: skip
    return adata, table, edges, prior, score


def test_candidates_are_annotated_pair_by_pair(done):
    adata, table, edges, prior, score = done
    found = ag.get.outside_evidence(adata)
    assert found[["source", "target", "selected", "coef"]].equals(edges[["source", "target", "selected", "coef"]])
    place = table.set_index("gene").assign(tss=np.where(table["strand"] == "+", table["start"], table["end"] - 1))
    one, two = (place.loc[found[end]].reset_index() for end in ("source", "target"))
    together = (one["chrom"] == two["chrom"]).to_numpy()
    assert (found["same_chromosome"] == together).all()
    assert found["distance"].isna().tolist() == (~together).tolist()
    assert (found["distance"] == (one["tss"] - two["tss"]).abs())[together].all()
    assert (found["same_TAD"] == edges["same"])[together].all()
    assert found["same_TAD"].isna().tolist() == (~together).tolist()

    pairs = prior.set_index(["source", "target"])["weight"]
    at = pd.MultiIndex.from_frame(found[["source", "target"]])
    known = found["source"].isin(prior["source"]) & found["target"].isin(prior["target"])
    assert found["CollecTRI"].isna().tolist() == (~known).tolist()
    assert (found["CollecTRI"] == at.isin(pairs.index))[known].all()
    assert found["CollecTRI_sign"].equals(pairs.reindex(at).reset_index(drop=True).rename("CollecTRI_sign"))
    assert (found["score"] == score["value"]).all()


def test_tests_are_those_of_scipy_on_these_tables(done):
    adata = done[0]
    tests = ag.get.outside_evidence(adata, table="tests").set_index(["evidence", "comparison"])
    found = ag.get.outside_evidence(adata)
    others = {
        "tested, not selected": found[~found["selected"]],
        "random pairs": ag.get.outside_evidence(adata, table="compared").query("network == 'random pairs'"),
    }
    edges = found[found["selected"]]
    for label, other in others.items():
        for name in ("same_TAD", "same_compartment", "same_chromosome", "CollecTRI"):
            if label == "random pairs" and len(other) == 5000:  # a sample of them is kept
                continue
            mine, theirs = edges[name].dropna().astype(bool), other[name].dropna().astype(bool)
            cells = [[mine.sum(), (~mine).sum()], [theirs.sum(), (~theirs).sum()]]
            row = tests.loc[(name, label)]
            assert [row["n_with"], row["n"], row["n_with_other"], row["n_other"]] == [
                cells[0][0], len(mine), cells[1][0], len(theirs),
            ]  # fmt: skip
            assert row["p"] == pytest.approx(fisher_exact(cells).pvalue, rel=1e-9)
    for name in ("distance", "boundaries_between", "score"):
        mine, theirs = edges[name].dropna(), found.loc[~found["selected"], name].dropna()
        row = tests.loc[(name, "tested, not selected")]
        assert row["p"] == pytest.approx(mannwhitneyu(mine, theirs, method="asymptotic").pvalue, rel=1e-9)
        assert (row["median"], row["median_other"]) == (mine.median(), theirs.median())
    signs = tests.loc[("CollecTRI", "independent signs")]
    known = edges["CollecTRI_sign"].dropna()
    assert signs["n"] == len(known)
    assert signs["n_with"] == (np.sign(edges.loc[known.index, "coef"]) == known).sum()


def test_random_pairs_are_all_that_are_no_edges(done):
    adata, table, edges, *_ = done
    tests = ag.get.outside_evidence(adata, table="tests").set_index(["evidence", "comparison"])
    n = len(table)
    assert tests.loc[("same_chromosome", "random pairs"), "n_other"] == n * (n - 1) - edges["selected"].sum()


def test_other_networks_are_compared_by_the_edges_that_one_alone_has(done):
    adata, _, edges, *_ = done
    tests = ag.get.outside_evidence(adata, table="tests").set_index(["evidence", "comparison"])
    row = tests.loc[("same_chromosome", "other")]
    assert (row["n"], row["n_other"], row["n_shared"]) == (edges["selected"].sum() - 20, 60, 20)


def test_planted_domains_are_found_and_adjusted_over_all_rows(done):
    tests = ag.get.outside_evidence(done[0], table="tests")
    row = tests.set_index(["evidence", "comparison"]).loc[("same_TAD", "tested, not selected")]
    assert row["odds_ratio"] > 4
    assert max(row["p"], row["p_degree"], row["p_distance"]) < 0.01
    for p, padj in (
        ("p", "padj"),
        ("p_degree", "padj_degree"),
        ("p_distance", "padj_distance"),
        ("p_both", "padj_both"),
    ):
        known = tests[p].notna()
        from scipy.stats import false_discovery_control

        assert tests.loc[known, padj].to_numpy() == pytest.approx(false_discovery_control(tests.loc[known, p]))
    assert (
        tests.loc[tests["evidence"].isin(["distance", "same_chromosome"]), ["p_distance", "p_both"]]
        .isna()
        .to_numpy()
        .all()
    )


@pytest.mark.slow
def test_level_holds_where_edges_are_near_and_domains_mean_nothing():
    """Edges are the more likely the nearer their genes are: Fisher finds domains, what keeps distances does not."""
    runs, rejected = 40, {"p": 0, "p_distance": 0, "p_both": 0}
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        table = placed_genes(seed, 60, ("chr1",), 25)
        source, target = all_pairs(60)
        start = table["start"].to_numpy()
        near = np.exp(-np.abs(start[source] - start[target]) / 1e6)
        genes = table["gene"].to_numpy()
        selected = rng.random(len(source)) < 0.01 + 0.15 * near
        edges = pd.DataFrame({"source": genes[source], "target": genes[target], "selected": selected})
        adata = add_network(object_of(genes), edges)
        ag.tl.argen_evidence(adata, network="net", positions=table, domains=TADS, n_permutations=59, rng=seed)
        tests = ag.get.outside_evidence(adata, table="tests").set_index(["evidence", "comparison"])
        row = tests.loc[("same_domain", "tested, not selected")]
        for name in rejected:
            rejected[name] += row[name] <= 0.05
    limit = 0.05 * runs + 3 * (0.05 * 0.95 * runs) ** 0.5
    assert rejected["p"] > 0.9 * runs
    assert rejected["p_distance"] <= limit
    assert rejected["p_both"] <= limit


def test_random_edges_are_found_at_the_level():
    runs, rejected = 30, 0
    for seed in range(runs):
        adata, table, _ = planted(100 + seed, 0.03, 0.03, 60)
        ag.tl.argen_evidence(adata, network="net", positions=table, domains=TADS, n_permutations=99, rng=seed)
        tests = ag.get.outside_evidence(adata, table="tests").set_index(["evidence", "comparison"])
        rejected += (tests.loc[("same_domain", "tested, not selected"), ["p", "p_degree", "p_distance"]] <= 0.05).sum()
    # Three tests of one network are dependent: at worst they reject together.
    assert rejected / 3 <= 0.05 * runs + 3 * (0.05 * 0.95 * runs) ** 0.5


@pytest.mark.filterwarnings("ignore:Known of no edge")  # these edges are between chromosomes
def test_peaks_at_promoters_are_those_of_their_factor():
    table = known_genes("hg19")
    genes = table["gene"].tolist()
    edges = pd.DataFrame({"source": ["STAT1", "STAT1", "GATA1", "MYC"], "target": ["IRF1", "JAK2", "KLF1", "JAK2"]})
    adata = add_network(object_of(genes), edges.assign(selected=[True, True, True, False]))
    irf1, klf1 = 131826489, 12998016  # starts of transcription, both on the minus strand
    peaks = {
        "STAT1": pd.DataFrame({"chrom": ["chr5"], "start": [irf1 + 900], "end": [irf1 + 1500]}),
        "GATA1": pd.DataFrame({"chrom": ["chr19"], "start": [klf1 + 1001], "end": [klf1 + 1500]}),
        "NOGENE": pd.DataFrame({"chrom": ["chr1"], "start": [1], "end": [2]}),
    }
    with pytest.warns(ArgenWarning, match=r"^peaks: left out, since they are no nodes .*: 'NOGENE'\.$"):
        ag.tl.argen_evidence(adata, network="net", positions=table, peaks=peaks, assembly="hg19", n_permutations=0)
    nothing = {"NOGENE": peaks.pop("NOGENE")}
    found = ag.get.outside_evidence(adata).set_index(["source", "target"])["peak"]
    assert found[("STAT1", "IRF1")] and not found[("STAT1", "JAK2")] and not found[("GATA1", "KLF1")]  # noqa: PT018
    assert found.isna()[("MYC", "JAK2")]
    ag.tl.argen_evidence(adata, network="net", positions=table, peaks=peaks, promoter=(1001, 0), n_permutations=0)
    assert ag.get.outside_evidence(adata).set_index(["source", "target"])["peak"][("GATA1", "KLF1")]
    with pytest.raises(InputError, match="peaks need the strand of the genes"):
        ag.tl.argen_evidence(adata, network="net", positions=table.drop(columns="strand"), peaks=peaks)
    with pytest.raises(InputError, match=r"none of the factors 'NOGENE' is a node of the network"):
        ag.tl.argen_evidence(adata, network="net", positions=table, peaks=nothing)
    some = table.assign(strand=table["strand"].where(table["gene"] != "MYC", "."))
    with pytest.warns(ArgenWarning, match=r"^peaks: 1 gene with a position but without a strand"):
        ag.tl.argen_evidence(adata, network="net", positions=some, peaks=peaks, n_permutations=0)


def test_genes_without_a_position_are_named(done):
    adata, table, *_ = done
    lost = table["gene"].tolist()[3:5]
    with pytest.warns(ArgenWarning, match=rf"^2 of the 120 genes have no position, .*: {', '.join(lost)}\.$"):
        ag.tl.argen_evidence(
            adata, network="net", positions=table[~table["gene"].isin(lost)], n_permutations=0, key_added="fewer"
        )
    del adata.uns["fewer"]


def test_assemblies_that_contradict_each_other(done):
    adata, table, *_ = done
    table, tads = table.copy(), pd.read_csv(TADS, sep="\t", header=None, names=["chrom", "start", "end", "name"])
    table.attrs["assembly"], tads.attrs["assembly"] = "hg19", "hg38"
    with pytest.raises(InputError, match=r"^positions states 'hg19', but domains\['domain'\] states 'hg38'\."):
        ag.tl.argen_evidence(adata, network="net", positions=table, domains=tads, key_added="no")
    with pytest.raises(InputError, match=r"^assembly='hg99' is not known; known are "):
        ag.tl.argen_evidence(adata, network="net", positions=table, assembly="hg99", key_added="no")
    assert "no" not in adata.uns


def test_tables_that_are_known_of_no_edge_are_named():
    adata = add_network(object_of([f"G{i}" for i in range(5)]), KNOWN.assign(selected=[True, False]))
    other = pd.DataFrame({"source": ["G3"], "target": ["G4"]})
    message = r"^pairs\['lit'\] says nothing of .* the sources G3 and the targets G4, .* G0 and the targets G1\.$"
    with pytest.warns(ArgenWarning, match=message):
        ag.tl.argen_evidence(adata, network="net", pairs={"lit": other, "k": KNOWN}, n_permutations=0)
    tests = ag.get.outside_evidence(adata, table="tests").set_index("evidence")
    assert (tests.loc["lit", "n"] == 0).all()
    assert (tests.loc["k", "n"] == 1).all()
    places = pd.DataFrame({"gene": [f"G{i}" for i in range(5)], "chrom": list("12223"), "start": range(5)})
    with pytest.warns(ArgenWarning, match=r"^Known of no edge, .* n = 0: distance\.$"):
        ag.tl.argen_evidence(adata, network="net", positions=places, n_permutations=0)


def test_groups_leave_pairs_on_one_chromosome(done):
    adata, table, *_ = done
    adata = adata.copy()
    ag.tl.argen_evidence(
        adata, network="net", positions=table, domains={"TAD": TADS}, others={"another": "other"}, groups="chromosome",
        n_permutations=50, key_added="within",
    )  # fmt: skip
    found = ag.get.outside_evidence(adata, key="within")
    assert found["same_chromosome"].all()
    assert ag.get.outside_evidence(adata, key="within", table="compared")["same_chromosome"].all()
    every = ag.get.outside_evidence(adata)
    every = every[every["same_chromosome"].to_numpy(dtype=bool)]
    assert found["same_TAD"].tolist() == every["same_TAD"].tolist()
    of_all = ag.get.outside_evidence(adata, table="tests").set_index(["evidence", "comparison"])
    within = ag.get.outside_evidence(adata, table="tests", key="within").set_index(["evidence", "comparison"])
    row = ("same_TAD", "tested, not selected")
    assert (
        within.loc[row, ["n", "n_with", "n_other", "p"]].tolist()
        == of_all.loc[row, ["n", "n_with", "n_other", "p"]].tolist()
    )


@pytest.mark.parametrize("method", ["argen_dag", "argen_joint", "argen_naive"])
def test_any_network_and_any_file(method, tmp_path):
    adata = toy()
    getattr(ag.tl, method)(adata, **KWARGS)
    known = pd.DataFrame({"source": list("ABCD"), "target": list("BCDA"), "weight": [1, 1, -1, 1]})
    table = pd.DataFrame({"gene": list("ABCD"), "chrom": ["1", "1", "2", "2"], "start": [10, 900, 10, 50]})
    before = adata.copy()
    ag.tl.argen_evidence(adata, network=method, pairs={"known": known}, positions=table, n_permutations=20)
    tests = ag.get.outside_evidence(adata, table="tests")
    assert set(tests["evidence"]) == {"same_chromosome", "distance", "known"}
    copied = ag.tl.argen_evidence(
        before, network=method, pairs={"known": known}, positions=table, n_permutations=20, copy=True
    )
    assert_same(copied, adata)
    assert "argen_evidence" not in before.uns
    for suffix in ("h5ad", "zarr"):
        getattr(adata, f"write_{suffix}")(tmp_path / f"x.{suffix}")
        again = getattr(ad, f"read_{suffix}")(tmp_path / f"x.{suffix}")
        for name in ("candidates", "tests", "compared", "genes"):
            stored = ag.get.outside_evidence(again, table=name)
            pd.testing.assert_frame_equal(stored, ag.get.outside_evidence(adata, table=name), check_dtype=False)


def test_edges_to_responders():
    adata = toy(seed=2)
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_responders(adata)
    names = ag.get.responders(adata, selected=False).query("tested")
    known = pd.DataFrame({"source": ["A", "B"], "target": ["other0", "C"]})
    ag.tl.argen_evidence(adata, pairs={"known": known}, responders=True, n_permutations=10)
    found = ag.get.outside_evidence(adata)
    assert (found["kind"] == "responder").sum() == len(names)
    assert found["kind"].nunique() == 1 + (len(names) > 0)
    tests = ag.get.outside_evidence(adata, table="tests").set_index("comparison")
    assert (
        tests.loc["random pairs", "n"] + tests.loc["random pairs", "n_other"] == 2 * 2
    )  # known of A and B on C and other0
    ag.tl.argen_responders(adata, alpha=0.5)
    with pytest.warns(ArgenWarning, match="made from a result for responders that is gone or was replaced"):
        ag.get.outside_evidence(adata)


def test_responders_of_a_joint_network_are_candidates():
    adata = toy(seed=2)
    ag.tl.argen_joint(adata, **KWARGS)
    ag.tl.argen_responders(adata, network="argen_joint", key_added="rj")
    known = pd.DataFrame({"source": ["A", "B"], "target": ["other0", "C"]})
    ag.tl.argen_evidence(adata, network="argen_joint", responders="rj", pairs={"known": known}, n_permutations=10)
    found = ag.get.outside_evidence(adata).query("kind == 'responder'")
    stored = adata.uns["rj"]["tables"]["edges"]
    for name in ("source", "target", "coef", "selected"):
        assert found[name].tolist() == stored[name].tolist()
    assert found["selected"].any()
    assert found.set_index(["source", "target"]).loc[("A", "other0"), "known"]


def test_a_network_that_was_searched_again_is_said(done):
    adata = toy(seed=2)
    ag.tl.argen_dag(adata, **KWARGS)
    known = pd.DataFrame({"source": ["A"], "target": ["B"]})
    ag.tl.argen_evidence(adata, pairs={"known": known}, n_permutations=0)
    assert ag.get.outside_evidence(adata, table="tests")["p_degree"].isna().all()
    ag.tl.argen_dag(adata, alpha=0.2)
    with pytest.warns(ArgenWarning, match="made from an older network"):
        ag.get.outside_evidence(adata)


def test_what_prior_knowledge_decided_is_left_out(capfd):
    adata = toy(seed=2)
    prior = pd.DataFrame({"source": ["A", "B"], "target": ["B", "D"], "rule": ["required", "forbidden"]})
    ag.tl.argen_dag(adata, **KWARGS, prior=prior)
    with shown(2):
        ag.tl.argen_evidence(adata, pairs={"known": prior.assign(target=["B", "C"])}, n_permutations=0)
    assert "pairs left out that prior knowledge decided" in capfd.readouterr().err
    found = ag.get.outside_evidence(adata)
    assert not {("A", "B"), ("B", "D")} & set(zip(found["source"], found["target"], strict=True))
    compared = ag.get.outside_evidence(adata, table="compared")
    drawn = set(
        compared.loc[compared["network"] == "random pairs", ["source", "target"]].itertuples(index=False, name=None)
    )
    assert drawn
    assert not drawn & {("A", "B"), ("B", "D")}  # they are no pairs that could have been anything


def test_gene_symbols_are_taken_and_shown():
    adata = toy(seed=2)
    adata.var["symbol"] = [f"sym{name}" for name in adata.var_names]
    adata.var_names = [f"ENSG{name}" for name in adata.var_names]
    adata.obs["gene"] = [name if name == "ctrl" else f"sym{name}" for name in adata.obs["gene"]]
    ag.tl.argen_dag(adata, **KWARGS, gene_symbols="symbol")
    known = pd.DataFrame({"source": ["symA", "ENSGB"], "target": ["ENSGB", "symC"]})
    ag.tl.argen_evidence(adata, pairs={"known": known}, n_permutations=0)
    found = ag.get.outside_evidence(adata, selected=True)
    assert found["source"].str.startswith("sym").all()
    true = found[found["known"].fillna(value=False)]
    assert set(zip(true["source"], true["target"], strict=True)) == {("symA", "symB"), ("symB", "symC")}


def test_same_numbers_for_a_seed(done):
    adata, table, *_ = done
    tables = []
    for rng in (5, 5, 6):
        ag.tl.argen_evidence(
            adata, network="net", positions=table, domains=TADS, n_permutations=30, rng=rng, key_added="again"
        )
        tables.append(ag.get.outside_evidence(adata, table="tests", key="again"))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert not tables[0].equals(tables[2])
    del adata.uns["again"]


KNOWN = pd.DataFrame({"source": ["G0", "G1"], "target": ["G1", "G2"]})


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({}, InputError, r"^There is no evidence: give pairs=, or positions="),
        ({"domains": TADS}, InputError, r"^domains: the positions of the genes are needed"),
        (
            {"pairs": {"k": KNOWN}, "groups": "chromosome"},
            InputError,
            r"^groups: the positions of the genes are needed",
        ),
        ({"pairs": KNOWN}, InputError, r"^pairs is a DataFrame: give a mapping"),
        ({"pairs": {}}, InputError, r"^pairs is empty: give a mapping"),
        ({"pairs": {"k": 3}}, InputError, r"^pairs\['k'\] is a int"),
        ({"pairs": {"k": "no.csv"}}, InputError, r"^pairs\['k'\]='no.csv' is not a file"),
        ({"pairs": {"k": KNOWN[["source"]]}}, InputError, r"^pairs\['k'\] has no column 'target'"),
        (
            {"pairs": {"k": KNOWN.assign(source="x")}},
            InputError,
            r"^pairs\['k'\] has no pair of two genes .* one species",
        ),
        ({"pairs": {"k": KNOWN.assign(weight=1, value=2)}}, InputError, r"has both 'weight' \(signs\) and 'value'"),
        ({"pairs": {"k": KNOWN.assign(value="x")}}, InputError, r"no 'value' is a number"),
        ({"pairs": {"k": pd.concat([KNOWN.assign(value=1), KNOWN.assign(value=2)])}}, InputError, r"has pairs twice"),
        ({"pairs": {"coef": KNOWN}}, InputError, r"^Two columns would be called 'coef'"),
        ({"pairs": {"a/b": KNOWN}}, InputError, r"^name of evidence='a/b' has to be a text"),
        ({"pairs": {"k": KNOWN}, "network": "nothing"}, MissingResultError, r"^adata.uns\['nothing'\] is missing"),
        (
            {"pairs": {"k": KNOWN}, "others": "nothing"},
            MissingResultError,
            r"^others: adata.uns\['nothing'\] is missing. Run what makes it",
        ),
        (
            {"pairs": {"k": KNOWN}, "others": ["argen_naive"]},
            MissingResultError,
            r"^others: adata.uns\['argen_naive'\] is missing. Run ag.tl.argen_naive first",
        ),
        ({"pairs": {"k": KNOWN}, "others": "net"}, InputError, r"^others names 'net', which is the network itself"),
        ({"pairs": {"k": KNOWN}, "others": 5}, InputError, r"^others=5: give names of networks"),
        ({"pairs": {"k": KNOWN}, "responders": True}, MissingResultError, r"argen_responders"),
        ({"pairs": {"k": KNOWN}, "key_added": "net"}, InputError, r"^key_added='net' would overwrite the network"),
        ({"pairs": {"k": KNOWN}, "groups": "arm"}, InputError, r"^groups='arm' is not one of"),
        ({"pairs": {"k": KNOWN}, "promoter": 5}, InputError, r"^promoter=5: give the bases"),
        ({"pairs": {"k": KNOWN}, "n_permutations": -1}, InputError, r"^n_permutations=-1"),
    ],
)
def test_what_cannot_be_used_is_said_and_changes_nothing(how, error, message):
    adata = add_network(object_of([f"G{i}" for i in range(5)]), KNOWN.assign(selected=[True, False]))
    before = adata.copy()
    with pytest.raises(error, match=message):
        ag.tl.argen_evidence(adata, **{"network": "net"} | how)
    assert_same(adata, before)


def test_a_network_without_edges_or_without_other_candidates():
    genes = [f"G{i}" for i in range(5)]
    with pytest.raises(InputError, match="has no edge that was tested and selected"):
        ag.tl.argen_evidence(
            add_network(object_of(genes), KNOWN.assign(selected=False)), network="net", pairs={"k": KNOWN}
        )
    adata = add_network(object_of(genes), KNOWN)
    ag.tl.argen_evidence(adata, network="net", pairs={"k": KNOWN}, n_permutations=10)
    assert ag.get.outside_evidence(adata, table="tests")["comparison"].tolist() == ["random pairs"]
