"""Degrees, layers and walks of the genes of a network, and what the table of perturbations says about cycles."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError


@pytest.fixture(scope="module")
def done():
    adata = ag.datasets.simulate(genes=20, cells_per_perturbation=150, n_controls=1500, rng=3)
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth")
    return adata


def test_against_networkx(done):
    before = done.copy()
    table, network = ag.get.centrality(done, attenuation=0.3), ag.get.graph(done)
    assert_same(before, done)
    assert network.number_of_edges() > 15
    assert table["gene"].tolist() == [str(gene) for gene in done.uns["argen_dag"]["tables"]["order"]]
    assert table["order"].tolist() == list(range(20))
    table = table.set_index("gene")
    for gene in network:
        row = table.loc[gene]
        assert row["layer"] == done.var.loc[gene, "argen_layer"]
        assert (row["in_degree"], row["out_degree"]) == (network.in_degree(gene), network.out_degree(gene))
        assert row["n_upstream"] == len(nx.ancestors(network, gene))
        assert row["n_downstream"] == len(nx.descendants(network, gene))
    for column, graph in (("katz_in", network), ("katz_out", network.reverse())):
        expected = nx.katz_centrality_numpy(graph, alpha=0.3, beta=1.0, normalized=False, weight=None)
        np.testing.assert_allclose(table[column], [expected[gene] - 1 for gene in table.index], atol=1e-12)


def test_nothing_selected_and_genes_that_are_gone(done):
    adata = done.copy()
    ag.tl.argen_dag(adata, alpha=1e-300, key_added="strict")
    table = ag.get.centrality(adata, key="strict")
    assert len(table) == 20
    assert (table[["in_degree", "out_degree", "layer", "n_downstream", "katz_in", "katz_out"]] == 0).all(axis=None)
    with pytest.warns(ArgenWarning, match=r"1 of the 20 genes .* not in adata\.var_names, .* left out: G03"):
        left = ag.get.centrality(done[:, [name for name in done.var_names if name != "G03"]])
    assert "G03" not in set(left["gene"])
    assert left["out_degree"].sum() == left["in_degree"].sum() == ag.get.graph(done).subgraph(left["gene"]).size()
    with pytest.raises(StaleResultError, match=r"None of the 20 genes of adata\.uns\['argen_dag'\]"):
        ag.get.centrality(done[:, []].copy())


@pytest.mark.parametrize("value", [0, -0.1, np.nan, np.inf, "0.1", True, None])
def test_attenuation_is_checked(done, value):
    with pytest.raises(InputError, match=r"attenuation=.* is not a finite number larger than 0"):
        ag.get.centrality(done, attenuation=value)


def test_missing(done):
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.get.centrality(done, key="nope")


def cyclic(closure):
    adata = ag.datasets.simulate(genes=12, cells_per_perturbation=40, n_controls=600, rng=2)
    ag.tl.argen_descendants(adata, perturbation_key="perturbation", depth="depth", alpha=0.3, closure=closure)
    ag.tl.argen_dag(adata)
    return adata


@pytest.mark.parametrize("closure", ["acyclic", True, False])
def test_cycles_of_targets(closure):
    adata = cyclic(closure)
    table, pairs = ag.get.perturbations(adata).set_index("perturbation"), ag.get.pairs(adata)
    significant = nx.DiGraph(list(pairs.loc[pairs["significant"], ["source", "target"]].itertuples(index=False)))
    components = [c for c in nx.strongly_connected_components(significant) if len(c) > 1]
    assert components
    for number, members in table[table["cycle"] >= 0].groupby("cycle"):
        assert set(members.index) in components
        assert 0 <= number < len(components)
    assert set(table.index[table["cycle"] >= 0]) == set().union(*components)
    for target, row in table.iterrows():
        own = pairs[pairs["source"] == target]
        assert row["n_significant"] == own["significant"].sum()
        assert row["n_skipped"] == (own["significant"] & ~own["descendant"]).sum()
    dropped = adata.uns["argen_descendants"]["tables"]["dropped_pairs"]
    assert table["n_skipped"].sum() == len(dropped)
    assert (len(dropped) > 0) == (closure == "acyclic")


def test_indirect_descendants(done):
    table, edges = ag.get.perturbations(done).set_index("perturbation"), ag.get.edges(done)
    pairs = ag.get.pairs(done, selected=True)
    for target, row in table.iterrows():
        children = set(edges.loc[edges["source"] == target, "target"])
        assert row["n_indirect"] == len(set(pairs.loc[pairs["source"] == target, "target"]) - children)
        assert row["n_edges"] == len(children)
    assert (table["n_indirect"] > 0).any()
    assert "n_indirect" not in ag.get.perturbations(done, network=False)


@pytest.mark.filterwarnings("ignore:1 of the:argen.errors.ArgenWarning")
def test_counts_are_those_of_the_genes_that_are_left(done):
    """Brute force over what the object still holds; order and layer stay as they were found."""
    whole = ag.get.graph(done)
    gone = max(whole, key=lambda gene: whole.in_degree(gene) * whole.out_degree(gene))
    left = done[:, done.var_names != gone].copy()
    table, network = ag.get.perturbations(left).set_index("perturbation"), ag.get.graph(left)
    assert set(table.index[table["status"].astype(str) == "kept"]) == set(whole) - {gone} == set(network)
    pairs, edges = ag.get.pairs(left), ag.get.edges(left, selected=False)
    chosen = edges[edges["selected"]]
    for gene in network:
        own, children = pairs[pairs["source"] == gene], set(chosen.loc[chosen["source"] == gene, "target"])
        below = set(own.loc[own["descendant"], "target"])
        row, node = table.loc[gene], network.nodes[gene]
        assert row["n_descendants"] == node["n_descendants"] == len(below)
        assert type(node["n_descendants"]) is type(node["n_cells"]) is int
        assert row["n_significant"] == own["significant"].sum()
        assert (row["n_edges"], row["n_indirect"]) == (len(children), len(below - children))
        assert row["n_candidate_edges"] == (edges["source"] == gene).sum()
        assert (node["order"], node["layer"]) == (whole.nodes[gene]["order"], whole.nodes[gene]["layer"])
    before = ag.get.perturbations(done).set_index("perturbation")["n_descendants"]
    assert (table["n_descendants"] < before[table.index]).any()
    assert network.graph["n_edges_left_out"] == whole.degree[gone] > 0
    assert "n_edges_left_out" not in whole.graph
    kept = whole.subgraph(set(whole) - {gone}).edges
    assert set(network.edges) == set(kept)
    centrality = ag.get.centrality(left).set_index("gene")
    assert centrality["layer"].to_dict() == {gene: whole.nodes[gene]["layer"] for gene in network}


def test_a_required_child_is_no_descendant():
    adata = toy()
    required = pd.DataFrame({"source": ["A"], "target": ["D"], "rule": ["required"]})
    ag.tl.argen_descendants(adata, **KWARGS, alpha=1e-12)
    ag.tl.argen_dag(adata, prior=required)
    below = set(ag.get.pairs(adata, selected=True).query("source == 'A'")["target"])
    children = set(ag.get.edges(adata).query("source == 'A'")["target"])
    assert "D" in children - below
    row = ag.get.perturbations(adata).set_index("perturbation").loc["A"]
    assert (row["n_descendants"], row["n_edges"]) == (len(below), len(children))
    assert row["n_edges"] + row["n_indirect"] == len(below | children)
