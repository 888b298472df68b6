"""Tables and graphs with responders: each number is that of the stored results, names and kinds are right."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from csv_files import read_exact
from responder_screens import N_OTHERS, analysed, simulated
from scipy.stats import norm
from toy import KWARGS

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError


@pytest.fixture
def done():
    return analysed().copy()


def test_edges_of_both_kinds(done):
    table, plain = ag.get.edges(done, responders=True), ag.get.edges(done)
    assert table["kind"].tolist() == ["network"] * len(plain) + ["responder"]
    assert table.iloc[-1][["source", "target"]].tolist() == ["C", "D"]
    first = table.loc[: len(plain) - 1, plain.columns].astype(object)
    pd.testing.assert_frame_equal(first, plain.astype(object))
    assert "kind" not in plain
    everything = ag.get.edges(done, responders="argen_responders", selected=False)
    n = len(ag.get.responders(done, selected=False)) + len(ag.get.edges(done, selected=False))
    assert len(everything) == n


def test_pairs_of_both_kinds(done):
    plain, table = ag.get.pairs(done), ag.get.pairs(done, responders=True)
    assert table["kind"].value_counts().to_dict() == {"network": 6, "responder": 3 * 61}
    shared = [name for name in plain if name != "descendant"]
    pd.testing.assert_frame_equal(table.loc[:5, shared].astype(object), plain[shared].astype(object))
    found = ag.get.pairs(done, responders=True, selected=True)
    assert found.loc[found["kind"] == "responder", "significant"].all()
    tested = table[table["kind"] == "responder"]
    assert np.isfinite(tested["mde"]).any()
    # Benjamini and Hochberg over this family alone.
    from scipy.stats import false_discovery_control

    np.testing.assert_allclose(tested["padj"], false_discovery_control(tested["p"]), rtol=1e-9)


def test_what_acts_on_a_gene_and_what_it_acts_on(done):
    on_d = ag.get.regulators(done, gene="D")
    assert on_d["source"].tolist()[0] == "C"
    assert set(on_d["source"]) == {"A", "B", "C"}
    assert on_d["direct"].tolist() == [True, False, False]
    pairs = ag.get.pairs(done, responders=True).set_index(["source", "target"])
    edges = ag.get.responders(done, selected=False).set_index(["source", "target"])
    for row in on_d.itertuples():
        assert row.effect == pairs.loc[(row.source, "D"), "effect"]
        assert row.coef == edges.loc[(row.source, "D"), "coef"]
        assert row.coef_padj == edges.loc[(row.source, "D"), "padj"]
    of_c = ag.get.regulated(done, perturbation="C")
    assert of_c["target"].tolist()[0] == "D"
    assert len(of_c) == 2 + 61
    on_c = ag.get.regulators(done, gene="C", responders=False)
    assert on_c.loc[on_c["direct"], "source"].tolist() == ["B"]
    with pytest.raises(InputError, match=r"gene='nope' has no tested effect; there are 'A', 'B'"):
        ag.get.regulators(done, gene="nope")
    with pytest.raises(InputError, match=r"perturbation='D' has no tested effect"):
        ag.get.regulated(done, perturbation="D")
    with pytest.raises(InputError, match=r"gene='D' has no tested effect.*responders='all'"):
        ag.get.regulators(done, gene="D", responders=False)


def test_what_was_tested_and_what_was_only_adjusted_for():
    adata = simulated()
    candidates = ag.get.responders(adata, selected=False).set_index(["source", "target"])["tested"]
    assert set(candidates) == {True, False}
    tables = [ag.get.regulators(adata, gene=gene) for gene in candidates.index.unique("target")]
    table = pd.concat(tables).set_index(["source", "target"])
    assert table["tested"].dtype == "boolean"
    found = table["tested"].dropna()
    assert found.astype(bool).sort_index().equals(candidates.sort_index())
    assert table.loc[table["tested"].isna(), ["coef", "coef_padj"]].isna().all(axis=None)
    mediators = table[table["tested"].eq(other=False)]
    assert mediators["coef"].notna().all()
    assert mediators["coef_padj"].isna().all()
    assert not mediators["direct"].any()


def test_edges_that_were_required_or_forbidden_were_not_tested(done):
    rules = [("A", "B", "required"), ("A", "C", "forbidden")]
    ag.tl.argen_dag(done, prior=pd.DataFrame(rules, columns=["source", "target", "rule"]))
    table = ag.get.regulated(done, perturbation="A", responders=False).set_index("target")
    assert table.loc["B", ["direct", "tested"]].tolist() == [True, False]
    assert table.loc["B", ["coef", "coef_padj"]].notna().tolist() == [True, False]
    assert table["tested"].isna()["C"]
    assert ag.get.regulators(done, gene="C", responders=False).set_index("source").loc["B", "tested"]


def test_graph_with_leaves(done):
    graph, plain = ag.get.graph(done, responders=True), ag.get.graph(done)
    assert nx.is_directed_acyclic_graph(graph)
    assert set(graph) - set(plain) == {"D"}
    assert graph.nodes["D"] == {"order": 3, "layer": 3, "in_degree": 1, "out_degree": 0, "kind": "responder"}
    assert graph.nodes["A"]["kind"] == "network"
    edge = ag.get.responders(done).iloc[0]
    assert graph.edges["C", "D"]["weight"] == edge["coef"]
    assert graph.edges["C", "D"]["kind"] == "responder"
    assert "kind" not in plain.nodes["A"]
    everything = ag.get.graph(done, responders=True, selected=False)
    assert everything.number_of_edges() == len(ag.get.edges(done, responders=True, selected=False))
    net = ag.get.decoupler_net(done, responders=True)
    assert net[["source", "target"]].to_numpy().tolist()[-1] == ["C", "D"]


def test_files(done, tmp_path):
    graph = nx.read_graphml(ag.io.write_graphml(done, tmp_path / "n.graphml", responders=True))
    assert graph.nodes["D"]["kind"] == "responder"
    assert '"kind": "responder"' in ag.io.write_cyjs(done, tmp_path / "n.cyjs", responders=True).read_text()
    paths = ag.io.write_tables(done, tmp_path / "tables", responders=True)
    names = ["responders", "responder_candidates", "responder_pairs"]
    assert [path.stem for path in paths if "responder" in path.stem] == names
    for name, selected in (("responders", True), ("responder_candidates", False)):
        written, table = read_exact(tmp_path / "tables" / f"{name}.csv"), ag.get.responders(done, selected=selected)
        assert list(written) == list(table)
        assert len(written) == len(table) == (1 if selected else 3)
        for column in ("coef", "mde"):
            np.testing.assert_array_equal(written[column], table[column])
    written = read_exact(tmp_path / "tables" / "responder_pairs.csv")
    pairs = ag.get.pairs(done, responders=True).query("kind == 'responder'")
    assert len(written) == len(pairs) == 3 * (N_OTHERS + 1)
    np.testing.assert_array_equal(written["effect"], pairs["effect"])


def test_results_of_another_network_are_refused(done):
    ag.tl.argen_dag(done, alpha=0.2)
    for read in (ag.get.edges, ag.get.graph, ag.get.decoupler_net):
        with pytest.raises(StaleResultError, match=r"argen_responders\(network='argen_dag'\) again"):
            read(done, responders=True)
    with pytest.raises(MissingResultError, match="nowhere"):
        ag.get.edges(done, responders="nowhere")
    with pytest.raises(InputError, match="responders=3"):
        ag.get.edges(done, responders=3)


def test_no_direct_effects_because_of_an_older_network_is_said(done):
    ag.tl.argen_dag(done, alpha=0.2)
    words = (
        r"adata\.uns\['argen_responders'\]: made from another network than the one in adata\.uns\['argen_dag'\] now.* "
        r"Run ag\.tl\.argen_responders\(network='argen_dag'\)\."
    )
    with pytest.warns(ArgenWarning, match=words):
        assert not ag.get.regulators(done, gene="D")["direct"].any()
    with pytest.warns(ArgenWarning, match=words):
        ag.get.regulated(done, perturbation="C")
    ag.get.regulators(done, gene="C")  # edges of the network are all that there can be
    ag.get.regulated(done, perturbation="C", responders=False)
    ag.tl.argen_dag(done, alpha=0.1, key_added="other")
    ag.tl.argen_responders(done, key_added="mine")
    assert ag.get.regulators(done, gene="D")["direct"].any()
    # What another network has under the usual name is kept.
    with pytest.warns(
        ArgenWarning, match=r"'mine'\].*Run ag\.tl\.argen_responders\(network='other', key_added=\.\.\.\)"
    ):
        ag.get.regulators(done, gene="D", network="other")
    del done.uns["argen_responders"], done.uns["mine"]
    assert not ag.get.regulators(done, gene="D")["direct"].any()  # without any it is plain


def test_symbols_and_genes_that_are_gone(done):
    names = dict(zip(done.var_names, [f"ENSG{i:03d}" for i in range(done.n_vars)], strict=True))
    other = done.copy()
    other.uns, other.varp, other.varm = {}, {}, {}
    other.var = pd.DataFrame({"symbol": list(done.var_names)}, index=[names[name] for name in done.var_names])
    ag.tl.argen_dag(other, **KWARGS, gene_symbols="symbol")
    ag.tl.argen_responders(other)
    columns = ["source", "target", "coef", "se", "padj"]
    pd.testing.assert_frame_equal(ag.get.responders(other)[columns], ag.get.responders(done)[columns])
    assert ag.get.regulators(other, gene="D")["source"].tolist() == ag.get.regulators(done, gene="D")["source"].tolist()
    assert set(other.uns["argen_responders"]["tables"]["edges"]["target"].astype(str)) <= set(names.values())
    less = done[:, done.var_names != "D"].copy()
    with pytest.warns(ArgenWarning, match="1 of the 61 genes"):
        assert len(ag.get.responders(less)) == 0


def test_expression_of_any_measured_gene(done):
    table = ag.get.expression(done, genes=["D", "B"], perturbations="C")
    sums = table.groupby(["gene", "group"])[["count", "expected"]].sum()
    effect = ag.get.pairs(done, responders=True).set_index(["source", "target"])["effect"]
    ratio = np.log(sums["count"] / sums["expected"])
    assert ratio["D", "C"] == pytest.approx(effect["C", "D"], abs=1e-6)
    assert ratio["B", "C"] == pytest.approx(effect["C", "B"], abs=1e-6)
    assert ratio["D", "control"] == pytest.approx(0.0, abs=1e-9)


def test_smallest_detectable_effects(done):
    table = ag.get.responders(done, selected=False, power=0.9)
    rejected, tested = table["selected"].sum(), table["tested"].sum()
    at = norm.isf(0.05 * max(rejected, 1) / tested / 2)
    usable = table[table["tested"]]
    assert rejected > 0
    # An effect of this size puts .9 of the distribution of z beyond the critical value.
    np.testing.assert_allclose(norm.sf(at - usable["mde"] / usable["se"]), 0.9, rtol=1e-9)
    assert table.loc[~table["tested"], "mde"].isna().all()
    assert (ag.get.responders(done, selected=False)["mde"] < table["mde"])[table["tested"]].all()
    with pytest.raises(InputError, match="power=1"):
        ag.get.responders(done, power=1)
