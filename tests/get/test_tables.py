"""Tables and graphs: order, columns, types, selections, and genes that are gone."""

import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import ArgenWarning, MissingResultError, StaleResultError


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


def names(table, *columns):
    return set(zip(*(table[column] for column in columns), strict=True))


def test_edges_are_sorted_by_evidence(done):
    table = ag.get.edges(done)
    assert table["z"].abs().is_monotonic_decreasing
    assert table["selected"].all()
    assert list(table.index) == list(range(len(table)))
    assert list(table.columns) == [
        "source", "target", "coef", "se", "ci_low", "ci_high", "z", "p", "padj", "batch", "alpha", "threshold",
        "selected", "F", "weak", "condition", "p_robust", "ci_low_robust", "ci_high_robust", "robust_set", "required",
        "direction", "loop", "flags", "mde", "mde_negative", "mde_positive", "mde_level", "verdict",
    ]  # fmt: skip


def test_interval(done):
    table = ag.get.edges(done, selected=False)
    np.testing.assert_allclose((table["ci_low"] + table["ci_high"]) / 2, table["coef"])
    np.testing.assert_allclose(table["ci_high"] - table["ci_low"], 2 * 1.959963984540054 * table["se"])


def test_all_candidates_hold_the_selected(done):
    every, selected = ag.get.edges(done, selected=False), ag.get.edges(done)
    assert len(every) > len(selected) > 0
    pd.testing.assert_frame_equal(every[every["selected"]].reset_index(drop=True), selected)
    assert every["z"].abs().is_monotonic_decreasing


def test_names_are_plain_texts(done):
    for table in (ag.get.edges(done), ag.get.pairs(done), ag.get.perturbations(done)):
        for column in {"source", "target"} & set(table):
            assert all(type(name) is str for name in table[column])
    assert all(type(node) is str for node in ag.get.graph(done))


def test_edges_without_an_estimate_come_last():
    adata = toy()
    counts = adata.X.toarray()
    counts[:, adata.var_names.get_loc("B")] = counts[:, adata.var_names.get_loc("A")]
    adata.X = counts
    with pytest.warns(ag.errors.ArgenWarning, match="singular"):
        ag.tl.argen_dag(adata, **KWARGS, closure=True)
    missing = ag.get.edges(adata, selected=False)["coef"].isna()
    assert missing.any()
    assert missing.is_monotonic_increasing


def test_pairs(done):
    every, related = ag.get.pairs(done), ag.get.pairs(done, selected=True)
    assert len(every) == 12
    assert 0 < len(related) < 12
    pd.testing.assert_frame_equal(every[every["descendant"]].reset_index(drop=True), related)


def test_tables_are_copies(done):
    before = done.copy()
    for get in (ag.get.edges, ag.get.pairs, ag.get.perturbations):
        table = get(done)
        table.iloc[:, 0] = "changed"
        table["new"] = 1
    ag.get.graph(done).add_edge("x", "y")
    assert_same(before, done)


@pytest.mark.parametrize("subset", [lambda adata: adata, lambda adata: adata.copy()], ids=["view", "copy"])
def test_genes_that_are_gone_take_their_rows_along(done, subset):
    kept = [name for name in done.var_names if name != "B"]
    part = subset(done[:, kept])
    with pytest.warns(ArgenWarning, match="1 of the 4 genes of .* left out: B") as warned:
        edges, pairs, graph = ag.get.edges(part, selected=False), ag.get.pairs(part), ag.get.graph(part)
    assert len(warned) == 3  # one for each call
    expected = {edge for edge in names(ag.get.edges(done, selected=False), "source", "target") if "B" not in edge}
    assert names(edges, "source", "target") == expected
    assert names(pairs, "source", "target") == {(j, k) for j in "ACD" for k in "ACD" if j != k}
    assert set(graph) == {"A", "C", "D"}
    assert set(graph.edges) == names(edges[edges["selected"]], "source", "target")
    assert part.varp["argen_dag"].shape == (len(kept), len(kept))
    assert part.varp["argen_dag"].nnz == graph.number_of_edges()


def test_no_gene_left(done):
    part = done[:, ["other0"]].copy()
    for read in (ag.get.edges, ag.get.pairs, ag.get.graph):
        with pytest.raises(StaleResultError, match=r"None of the 4 genes .* 'A', 'B', 'C', is in adata\.var_names"):
            read(part)


def test_cells_that_are_gone_change_nothing(done):
    part = done[:5].copy()
    pd.testing.assert_frame_equal(ag.get.edges(part), ag.get.edges(done))


def test_keys(done):
    adata = done.copy()
    ag.tl.argen_dag(adata, alpha=1e-300, key_added="strict")
    assert len(ag.get.edges(adata, key="strict")) == 0
    assert ag.get.graph(adata, key="strict").number_of_edges() == 0
    assert len(ag.get.edges(adata)) > 0
    with pytest.raises(MissingResultError, match=r"uns\['nope'\] is missing"):
        ag.get.edges(adata, key="nope")
    with pytest.raises(
        MissingResultError, match=r"'argen_descendants'\] holds a descendant step, not a result of ag\.tl\.argen_dag"
    ):
        ag.get.edges(adata, key="argen_descendants")
    with pytest.raises(
        MissingResultError, match=r"'argen_dag'\] holds a network, not a result of ag\.tl\.argen_descendants"
    ):
        ag.get.pairs(adata, key="argen_dag")


def test_condition_is_that_of_the_childs_equation(done):
    equations = done.uns["argen_dag"]["tables"]["equations"].set_index("target")["condition"]
    edges = ag.get.edges(done, selected=False)
    assert edges["condition"].tolist() == [equations[child] for child in edges["target"]]
