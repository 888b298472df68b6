"""What decided a direction, and which edges depend on choices."""

import anndata as ad
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_equal, assert_same, toy

import argen as ag
from argen.errors import InputError, MissingResultError, StaleResultError

ALPHAS = (0.2, 0.01, 0.001)


def screen(seed=0):
    """A chain whose strong effects make reverse pairs significant by chance at a loose level."""
    return toy(seed=seed, genes=("A", "B", "C", "D", "E", "F"), n_per_target=25, n_control=120)


@pytest.fixture(scope="module")
def done():
    adata = screen()
    ag.tl.argen_dag(adata, **KWARGS, closure=True, descendants_alpha=0.1)
    ag.tl.argen_sensitivity(adata, alphas=ALPHAS)
    return adata


def edges_of(adata, key="argen_dag"):
    table = ag.get.edges(adata, key=key)
    return set(zip(table["source"], table["target"], strict=True))


def test_every_variation_is_the_network_that_its_choice_gives(done):
    table = ag.get.sensitivity(done)
    for alpha in ALPHAS:
        for column, options in {
            f"edges alpha {alpha:g}": {"alpha": alpha, "descendants_alpha": 0.1},
            f"descendants alpha {alpha:g}": {"descendants_alpha": alpha},
        }.items():
            again = screen()
            ag.tl.argen_dag(again, **KWARGS, closure=True, **options)
            found = table[table[column]]
            assert set(zip(found["source"], found["target"], strict=True)) == edges_of(again), column
    base = table[table["selected"]]
    assert set(zip(base["source"], base["target"], strict=True)) == edges_of(done)


@pytest.mark.parametrize("closure", ["acyclic", False])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_whatever_the_options(closure, first_stage):
    adata = screen(1)
    options = {"first_stage": first_stage, "covariance": "stacked", "edges_hc": "HC3", "fdr": "bh"}
    ag.tl.argen_dag(adata, **KWARGS, closure=closure, **options)
    ag.tl.argen_sensitivity(adata, alphas=[0.1])
    other = screen(1)
    ag.tl.argen_dag(other, **KWARGS, closure=closure, descendants_alpha=0.1, **options)
    table = ag.get.sensitivity(adata)
    found = table[table["descendants alpha 0.1"]]
    assert set(zip(found["source"], found["target"], strict=True)) == edges_of(other)


def test_counts_and_shares(done):
    table, variations = (
        ag.get.sensitivity(done),
        done.uns["argen_sensitivity"]["tables"]["variations"].set_index("name"),
    )
    names = list(table)[4:]
    np.testing.assert_allclose(table["share"], table[names].mean(axis=1))
    assert variations.loc["none", ["n_added", "n_lost"]].tolist() == [0, 0]
    for name in names:
        both = (table["selected"] & table[name]).sum()
        row = variations.loc[name]
        assert row["n_edges"] == table[name].sum()
        assert (row["n_added"], row["n_lost"]) == (table[name].sum() - both, table["selected"].sum() - both)
        assert row["jaccard"] == pytest.approx(both / (table["selected"] | table[name]).sum())
    assert variations["n_edges"].nunique() > 1
    assert table["selected"].is_monotonic_decreasing


def test_directions_against_the_definitions(done):
    """Every candidate edge: is there a path of significant pairs back, and were both genes tied when it was placed?"""
    pairs, edges = ag.get.pairs(done), ag.get.edges(done, selected=False)
    graph = nx.from_pandas_edgelist(pairs[pairs["significant"]], "source", "target", create_using=nx.DiGraph)
    order = done.uns["argen_dag"]["tables"]["order"].tolist()
    for edge in edges.itertuples():
        back = nx.has_path(graph, edge.target, edge.source)
        assert (edge.direction != "one way") == back
        if back:
            left = set(order[: order.index(edge.target) + 1])
            size = {g: len(nx.descendants(graph, g) & left - {g}) for g in (edge.source, edge.target)}
            tied = size[edge.source] == size[edge.target]
            assert edge.direction == ("tie" if tied else "order")
    assert {"one way", "tie"} <= set(edges["direction"])


def test_the_stronger_evidence_decides_in_an_acyclic_closure():
    adata = screen()
    ag.tl.argen_dag(adata, **KWARGS, descendants_alpha=0.1)
    dropped = adata.uns["argen_descendants"]["tables"]["dropped_pairs"]
    assert len(dropped) > 0
    edges = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    for pair in dropped.itertuples():
        assert edges.loc[(pair.target, pair.source), "direction"] == "evidence"
    assert set(edges["direction"]) == {"one way", "evidence"}


def test_components_against_networkx(done):
    pairs = ag.get.pairs(done)
    graph = nx.from_pandas_edgelist(pairs[pairs["significant"]], "source", "target", create_using=nx.DiGraph)
    expected = sorted(sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1)
    table = done.uns["argen_descendants"]["tables"]["components"]
    found = sorted(sorted(genes["gene"].astype(str)) for _, genes in table.groupby("component"))
    assert found == expected
    assert len(expected) > 0
    assert (table.groupby("component")["gene"].transform("size") == table["size"]).all()


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_files_keep_everything(done, fmt, tmp_path):
    getattr(done, f"write_{fmt}")(tmp_path / "x")
    again = getattr(ad, f"read_{fmt}")(tmp_path / "x")
    pd.testing.assert_frame_equal(ag.get.sensitivity(done), ag.get.sensitivity(again))
    ag.tl.argen_sensitivity(again, alphas=ALPHAS)
    assert_equal(done.uns["argen_sensitivity"], again.uns["argen_sensitivity"], "uns")


def test_threads_and_copies(done):
    before = done.copy()
    other = ag.tl.argen_sensitivity(done, alphas=ALPHAS, n_jobs=3, key_added="again", copy=True)
    assert_same(before, done)
    assert_equal(done.uns["argen_sensitivity"]["tables"]["edges"], other.uns["again"]["tables"]["edges"], "edges")


@pytest.mark.parametrize(
    ("kwargs", "error", "word"),
    [
        ({"alphas": []}, InputError, "alphas is empty"),
        ({"alphas": [0.1, 2]}, InputError, "alphas=2"),
        ({"alphas": "0.1"}, InputError, "alphas='0.1'"),
        ({"key": "nope"}, MissingResultError, "'nope'"),
        ({"key_added": "argen_descendants"}, InputError, "overwrite"),
    ],
)
def test_bad_input(done, kwargs, error, word):
    before = done.copy()
    with pytest.raises(error, match=word):
        ag.tl.argen_sensitivity(done, **kwargs)
    assert_same(before, done)


def test_networks_of_other_methods_and_changed_data(done):
    adata = screen()
    ag.tl.argen_naive(adata, **KWARGS)
    with pytest.raises(InputError, match="another method"):
        ag.tl.argen_sensitivity(adata, key="argen_naive")
    with pytest.raises(MissingResultError, match="argen_sensitivity"):
        ag.get.sensitivity(adata)
    with pytest.raises(StaleResultError):
        ag.tl.argen_sensitivity(done[:-5].copy())
