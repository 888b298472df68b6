"""Loops that an order cuts, against a literal reading of the definition."""

import itertools

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, toy, two_gene_loop

import argen as ag

CLOSURES = ["acyclic", True, False]


def screen(seed):
    """A chain whose strong effects make reverse pairs significant by chance at a loose level."""
    return toy(seed=seed, genes=("A", "B", "C", "D", "E", "F"), n_per_target=25, n_control=120)


def pairs_against(adata, column):
    """Pairs of a column of truth values whose source comes later in the order than their target."""
    order = {gene: i for i, gene in enumerate(adata.uns["argen_dag"]["tables"]["order"].tolist())}
    pairs = ag.get.pairs(adata)
    pairs = pairs[pairs[column]]
    return {(t, s) for s, t in zip(pairs["source"], pairs["target"], strict=True) if order[s] > order[t]}, order


@pytest.mark.parametrize("closure", CLOSURES)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_edge_names_the_pairs_that_its_equation_holds(closure, seed):
    adata = screen(seed)
    ag.tl.argen_dag(adata, **KWARGS, closure=closure, descendants_alpha=0.1)
    against, order = pairs_against(adata, "significant")
    if closure == "acyclic":
        dropped = adata.uns["argen_descendants"]["tables"]["dropped_pairs"]
        assert against == set(zip(dropped["target"].astype(str), dropped["source"].astype(str), strict=True))
    elif closure:
        against |= pairs_against(adata, "descendant")[0]
    edges = ag.get.edges(adata, selected=False)
    found = 0
    for target, rows in edges.groupby("target"):
        genes = {target, *rows["source"]}
        held = sorted((p for p in against if set(p) <= genes), key=lambda p: (order[p[0]], order[p[1]]))
        shown = ", ".join("⇄".join(p) for p in held[:10]) + (f" and {len(held) - 10} more" if len(held) > 10 else "")
        assert set(rows["loop"].astype(str)) == {shown}
        found += len(held)
    assert found == 0 or (edges["loop"] != "").any()


def test_loops_of_all_kinds_were_met():
    """The test above would pass without a single loop; the screens have some, and some equations without."""
    texts = []
    for closure, seed in itertools.product(CLOSURES, range(3)):
        adata = screen(seed)
        ag.tl.argen_dag(adata, **KWARGS, closure=closure, descendants_alpha=0.1)
        texts += ag.get.edges(adata, selected=False)["loop"].astype(str).tolist()
    assert "" in texts
    assert any("⇄" in text for text in texts)
    assert any(", " in text for text in texts)


def test_an_edge_of_one_way_hangs_on_a_loop_of_two_other_genes():
    """A and B raise each other, A acts on C; D and E are beside them."""
    adata = two_gene_loop()
    ag.tl.argen_dag(adata, perturbation_key="gene", control="ctrl", depth="depth", n_jobs=1)
    edges = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    (pair,) = adata.uns["argen_descendants"]["tables"]["dropped_pairs"][["source", "target"]].astype(str).to_numpy()
    name = f"{pair[1]}⇄{pair[0]}"
    assert set(pair) == {"A", "B"}
    for source in ("A", "B"):
        assert edges.loc[(source, "C"), "direction"] == "one way"
        assert edges.loc[(source, "C"), "loop"] == name
    assert edges.loc[("D", "E"), "loop"] == ""
    assert edges.loc[(pair[1], pair[0]), "direction"] == "evidence"


def test_padj_is_benjamini_and_hochberg_over_what_was_tested():
    from statsmodels.stats.multitest import multipletests

    adata = screen(1)
    prior = pd.DataFrame({"source": ["A", "A"], "target": ["C", "B"], "rule": ["forbidden", "required"]})
    ag.tl.argen_dag(adata, **KWARGS, prior=prior)
    edges = ag.get.edges(adata, selected=False)
    tested = edges["p"].notna() & ~edges["required"]
    assert (~tested).sum() == 2
    np.testing.assert_allclose(edges.loc[tested, "padj"], multipletests(edges.loc[tested, "p"], method="fdr_bh")[1])
    assert edges.loc[~tested, "padj"].isna().all()


@pytest.mark.parametrize("selected", [True, False])
def test_graph_files_and_picture_have_the_loop(selected):
    adata = two_gene_loop()
    ag.tl.argen_dag(adata, perturbation_key="gene", control="ctrl", depth="depth", n_jobs=1)
    edges = ag.get.edges(adata, selected=selected)
    graph = ag.get.graph(adata, selected=selected)
    assert isinstance(graph, nx.DiGraph)
    for edge in edges.itertuples():
        assert graph.edges[edge.source, edge.target].get("loop", "") == edge.loop
    axes = ag.pl.argen_network(adata, show=False)
    texts = " ".join(text.get_text() for text in axes.texts)
    assert f"{(ag.get.edges(adata)['loop'] != '').sum()} edge" in texts
    assert "⇄" in texts
