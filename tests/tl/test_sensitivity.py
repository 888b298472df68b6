"""What decided a direction, and on what edges hang."""

import io

import anndata as ad
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_equal, assert_same, toy, two_gene_loop

import argen as ag
from argen._bridge.log import shown
from argen.errors import InputError, MissingResultError, StaleResultError

ALPHAS = (0.2, 0.01, 0.001)
N_FIXED = 10  # columns before those of the variations


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
    names = list(table)[N_FIXED:]
    assert len(names) == len(variations) - 1
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
        ({"vary": []}, InputError, "vary is empty"),
        ({"vary": ["levels"]}, InputError, "vary='levels' is not one of 'ties'"),
        ({"vary": ["replicates"]}, InputError, "name their column by replicate="),
        ({"vary": "ties", "replicate": "batch"}, InputError, "leaves out 'replicates'"),
        ({"replicate": "nope"}, InputError, "replicate='nope' is not an obs column"),
        ({"replicate": "mito"}, InputError, "to name the replicate of each cell"),
        ({"vary": ["guides"]}, InputError, "'argen_guides' is neither in adata.uns"),
        ({"guides": "nope"}, InputError, "'nope' is neither in adata.uns"),
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


def split(seed=0):
    """The same screen with three guides per perturbation and control, and replicates."""
    adata = screen(seed)
    number = np.arange(adata.n_obs) % 3
    adata.obs["guide"] = [f"{gene}/{i}" for gene, i in zip(adata.obs["gene"], number, strict=True)]
    adata.obs["replicate"] = pd.Categorical(np.where(np.arange(adata.n_obs) % 5 < 2, "r/1", "r/2"))
    return adata


CELLS = {"perturbation_key": "gene", "control": "ctrl", "covariates": ["replicate", "batch", "mito"], "min_cells": 10}


@pytest.fixture(
    scope="module", params=[{}, {"closure": True, "first_stage": "ancestors"}, {"family": "negative_binomial"}]
)
def by_cells(request):
    adata = split()
    ag.tl.argen_dag(adata, **CELLS, n_jobs=1, descendants_alpha=0.1, **request.param)
    ag.tl.argen_sensitivity(adata, guides="guide", replicate="replicate", alphas=[0.05])
    return adata, request.param


def network_of(cells, options, covariates=("replicate", "batch", "mito")):
    ag.tl.argen_dag(cells, **CELLS | {"covariates": list(covariates)}, n_jobs=1, descendants_alpha=0.1, **options)
    table = ag.get.edges(cells, selected=False).set_index(["source", "target"])
    return {edge for edge, chosen in zip(table.index, table["selected"], strict=True) if chosen}, table["coef"]


def test_without_some_cells_it_is_the_network_of_the_others(by_cells):
    """Guides, control guides and replicates against an analysis of an object that never had these cells."""
    adata, options = by_cells
    table = ag.get.sensitivity(adata).set_index(["source", "target"])
    searches = adata.uns["argen_sensitivity"]["tables"]["searches"]
    for name, keep, covariates in (
        ("without guide B/1", adata.obs["guide"] != "B/1", ("replicate", "batch", "mito")),
        ("without control guide ctrl/2", adata.obs["guide"] != "ctrl/2", ("replicate", "batch", "mito")),
        ("without replicate r/1", adata.obs["replicate"] != "r/1", ("batch", "mito")),
    ):
        edges, coef = network_of(split()[keep.to_numpy()].copy(), options, covariates)
        assert set(table.index[table[name]]) == edges, name
        rows = searches[searches["variation"] == name].set_index(["source", "target"])["coef"]
        rows.index = pd.MultiIndex.from_tuples([tuple(map(str, edge)) for edge in rows.index])
        shared = [edge for edge in rows.index if edge in coef.index]
        assert len(shared) > 3
        np.testing.assert_allclose(rows[shared], coef[shared], rtol=1e-6)
        assert rows.drop(shared).isna().all()
    choices = adata.uns["argen_sensitivity"]["tables"]["variations"]["choice"].value_counts()
    assert choices["without guide"] == 18
    assert choices["without control guide"] == 3
    assert choices["without replicate"] == 2


def test_another_first_stage_is_its_network(by_cells):
    adata, options = by_cells
    table = ag.get.sensitivity(adata).set_index(["source", "target"])
    others = {"ancestors", "shared", "shrunk"} - {options.get("first_stage", "shrunk")}
    for name in others:
        edges, _ = network_of(split(), options | {"first_stage": name})
        assert set(table.index[table[f"first stage {name}"]]) == edges


def test_a_reversed_loop_is_the_network_with_the_other_order_known(by_cells):
    adata, options = by_cells
    table = ag.get.sensitivity(adata).set_index(["source", "target"])
    names = [name for name in table if name.startswith("loop reversed ")]
    assert len(names) > 0
    for name in names[:4]:
        earlier, later = name.removeprefix("loop reversed ").split("⇄")
        prior = pd.DataFrame({"source": [later], "target": [earlier], "rule": ["before"]})
        edges, _ = network_of(split(), options | {"prior": prior})
        assert set(table.index[table[name]]) == edges
        assert (earlier, later) not in edges


def test_ranges_and_words_against_the_searches(by_cells):
    adata, _ = by_cells
    tables = adata.uns["argen_sensitivity"]["tables"]
    searches, variations = tables["searches"], tables["variations"].set_index("name")
    for edge in ag.get.sensitivity(adata).itertuples():
        own = searches[(searches["source"] == edge.source) & (searches["target"] == edge.target)]
        own = own.set_index(own["variation"].astype(str))
        assert edge.coef_low == own["coef"].min()
        assert edge.coef_high == own["coef"].max()
        assert edge.coef == own.loc["none", "coef"] or np.isnan(own.loc["none", "coef"])
        others = own.drop("none")
        assert edge.share == others["selected"].mean()
        lost = set(variations.loc[others.index[others["selected"] != edge.selected], "choice"])
        words = edge.lost_in if edge.selected else edge.found_in
        assert {part for part in variations["choice"] if part in words} >= lost
        assert (words == "") == (not lost)
        assert not edge.stable or (edge.selected and set(lost) <= {"loop reversed"})


def test_a_loop_of_two_genes():
    """What A does to C is read off wrongly where A comes second and its first stage knows nothing of B."""
    adata = two_gene_loop()
    ag.tl.argen_dag(adata, perturbation_key="gene", control="ctrl", depth="depth", first_stage="ancestors", n_jobs=1)
    ag.tl.argen_sensitivity(adata, replicate="replicate")
    edges = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    table = ag.get.sensitivity(adata).set_index(["source", "target"])
    (loop,) = set(edges["loop"]) - {""}
    first, second = loop.split("⇄")
    name = f"loop reversed {loop}"
    assert table.loc[(first, second), "lost_in"] == f"{name} (found the other way round)"
    assert table.loc[(first, second), "stable"]
    assert table.loc[(first, second), "share"] < 1
    assert not table.loc[(second, first), "stable"]
    assert table.loc[(second, first), "found_in"] == name
    assert table.loc[("A", "C"), "coef_high"] > table.loc[("A", "C"), "coef_low"] + 0.1
    free = table.loc[("D", "E")]
    assert free["stable"]
    assert free["share"] == 1
    assert (free["lost_in"], edges.loc[("D", "E"), "loop"]) == ("", "")
    assert 0.6 < free["coef_low"] <= free["coef"] <= free["coef_high"] < 1


@pytest.fixture
def log():
    import scanpy as sc

    before, stream = (sc.settings.logfile, sc.settings.verbosity), io.StringIO()
    sc.settings.logfile, sc.settings.verbosity = stream, 3
    yield stream
    sc.settings.logfile, sc.settings.verbosity = before


def test_what_is_not_possible_is_said(log):
    adata = split()
    few = adata.obs["gene"] == "C"
    adata.obs["guide"] = np.where(few, "C/only", adata.obs["guide"])
    adata.obs.loc[few & (adata.obs["replicate"] == "r/2"), "replicate"] = "r/1"
    prior = pd.DataFrame({"source": ["A"], "target": ["B"], "rule": ["required"]})
    ag.tl.argen_dag(adata, **CELLS, n_jobs=1, prior=prior)
    ag.tl.argen_sensitivity(adata, guides="guide", replicate="replicate")
    tables = adata.uns["argen_sensitivity"]["tables"]
    skipped = tables["skipped"].set_index("what")["reason"]
    assert skipped["guides"] == "fewer than 10 cells of its perturbation without the guide: C/only"
    assert skipped["guides"] in log.getvalue()
    variations = tables["variations"].set_index("name")
    assert variations.loc["without replicate r/1", "without"] == "C"
    assert not any("C/only" in name for name in variations.index)
    assert ag.get.sensitivity(adata).set_index(["source", "target"]).loc[("A", "B"), "stable"]
    ag.tl.argen_sensitivity(adata)
    skipped = adata.uns["argen_sensitivity"]["tables"]["skipped"].set_index("what")["reason"]
    assert skipped["replicates"] == "no column is named by replicate="
    assert skipped["guides"] == skipped["control_guides"]
    assert "not varied, replicates: no column" in log.getvalue()
    ag.tl.argen_sensitivity(adata, vary=["ties"])
    tables = adata.uns["argen_sensitivity"]["tables"]
    assert tables["variations"]["name"].tolist() == ["none", "ties"]
    assert len(tables["skipped"]) == 0


def test_nothing_to_vary_and_no_edge():
    adata = screen()
    ag.tl.argen_dag(adata, **KWARGS, descendants_alpha=1e-6)
    ag.tl.argen_sensitivity(adata, vary=["loops"])
    table = ag.get.sensitivity(adata)
    assert table["share"].isna().all()
    assert not table["stable"].any()
    skipped = adata.uns["argen_sensitivity"]["tables"]["skipped"]
    assert skipped["what"].tolist() == ["loops"]
    adata.obs["day"] = np.where(adata.obs["gene"] == "ctrl", "1", "2")
    adata.obs.loc[adata.obs_names[adata.obs["gene"] == "A"][:2], "day"] = "1"  # else every perturbation is in one day
    ag.tl.argen_sensitivity(adata, vary="replicates", replicate="day")
    tables = adata.uns["argen_sensitivity"]["tables"]
    reasons = tables["skipped"]["reason"].tolist()
    assert reasons[0] == "fewer than 10 control cells without it: 1"
    assert reasons[1].startswith("without 2: Perturbations left: none")
    assert tables["variations"]["name"].tolist() == ["none"]
    adata.obs["gene"] = np.random.default_rng(0).permutation(adata.obs["gene"])
    ag.tl.argen_descendants(adata, **KWARGS, alpha=1e-9)
    ag.tl.argen_dag(adata)
    ag.tl.argen_sensitivity(adata, alphas=[1e-9], vary=["ties", "alphas"])
    table = ag.get.sensitivity(adata)
    assert (len(table), len(adata.uns["argen_sensitivity"]["tables"]["variations"])) == (0, 4)
    assert list(table)[N_FIXED:] == ["ties", "edges alpha 1e-09", "descendants alpha 1e-09"]


def test_replicates_that_perturbations_are_nested_in(capsys):
    adata = screen()
    ag.tl.argen_dag(adata, **KWARGS)
    control = (adata.obs["gene"] == "ctrl").to_numpy()
    half = np.where(np.arange(adata.n_obs) % 2, "1", "2")
    adata.obs["day"] = np.where(control, half, adata.obs["gene"].map(dict(zip("ABCDEF", "111222", strict=True))))
    before = adata.copy()
    with pytest.raises(InputError, match=r"replicate='day': 6 of 6 perturbations in a single level of 'day', so that"):
        ag.tl.argen_sensitivity(adata, vary="replicates", replicate="day")
    assert_same(before, adata)
    adata.obs["day"] = np.where(adata.obs["gene"] == "F", "2", half)
    with shown(1):
        ag.tl.argen_sensitivity(adata, vary="replicates", replicate="day")
    assert "1 of 6 perturbations in a single level of 'day', without which they leave" in capsys.readouterr().err
    variations = adata.uns["argen_sensitivity"]["tables"]["variations"].set_index("name")
    assert variations.loc["without replicate 2", "without"] == "F"


def test_kinds_with_many_searches_are_made_when_asked_for(monkeypatch):
    from argen._bridge.diagnostics import variations

    monkeypatch.setattr(variations, "MOST_SEARCHES", 4)
    adata = split()
    ag.tl.argen_dag(adata, **CELLS, n_jobs=1)
    ag.tl.argen_sensitivity(adata, guides="guide", alphas=[0.1])
    tables = adata.uns["argen_sensitivity"]["tables"]
    assert "without guide" not in set(tables["variations"]["choice"])
    assert tables["skipped"].set_index("what").loc["guides", "n"] == 18
    ag.tl.argen_sensitivity(adata, guides="guide", vary=["guides"])
    assert len(adata.uns["argen_sensitivity"]["tables"]["variations"]) == 19


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_names_with_slashes_survive_files(by_cells, fmt, tmp_path):
    adata, _ = by_cells
    getattr(adata, f"write_{fmt}")(tmp_path / "x")
    again = getattr(ad, f"read_{fmt}")(tmp_path / "x")
    pd.testing.assert_frame_equal(ag.get.sensitivity(adata), ag.get.sensitivity(again))
