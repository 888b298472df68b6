"""Prior knowledge: forbidden and required edges, known orders."""

import itertools

import anndata as ad
import networkx as nx
import numpy as np
import pandas as pd
import pytest
from oracles import two_stage
from screens import DenseScreen
from toy import KWARGS, assert_same, toy

import argen as ag
from argen._bridge.inputs import read_screen
from argen._bridge.results.entries import read_entry
from argen._bridge.settings import DescendantSettings, from_uns
from argen.errors import InputError

GENES = ("A", "B", "C", "D", "E")


def rules(*rows):
    return pd.DataFrame(rows, columns=["source", "target", "rule"])


def chain(seed=0, **options):
    """A → B → C → D → E, with strong effects."""
    return toy(seed=seed, genes=GENES, n_per_target=60, n_control=300, **options)


def searched(prior=None, *, seed=0, **options):
    adata = chain(seed)
    ag.tl.argen_dag(adata, **KWARGS, prior=prior, **options)
    return adata


def candidates(adata):
    table = ag.get.edges(adata, selected=False)
    return set(zip(table["source"], table["target"], strict=True))


def selected(adata):
    table = ag.get.edges(adata)
    return set(zip(table["source"], table["target"], strict=True))


@pytest.mark.parametrize("closure", ["acyclic", True, False])
@pytest.mark.parametrize("first_stage", ["ancestors", "shared", "shrunk"])
def test_a_forbidden_edge_is_no_candidate_but_stays_in_the_list(closure, first_stage):
    plain = searched(closure=closure)
    source, target = sorted(selected(plain))[0]
    adata = searched(rules((source, target, "forbidden")), closure=closure, first_stage=first_stage)
    table = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    row = table.loc[(source, target)]
    assert row["flags"] == "forbidden"
    assert np.isnan(row["coef"])
    assert not row["selected"]
    assert row["batch"] == -1
    assert (source, target) not in selected(adata)
    assert nx.is_directed_acyclic_graph(ag.get.graph(adata))


def dense(adata):
    """The cells of the analysis as dense arrays."""
    stored = read_entry(adata, "argen_descendants", "descendants").settings
    screen, _ = read_screen(adata, from_uns(DescendantSettings, stored))
    counts = np.column_stack([screen.counts_of(k) for k in range(screen.n_genes)])
    target = np.where(screen.group == screen.n_genes, -1, screen.group)
    design, stratum = screen.design, screen.stratum
    level = design.stratum_level[stratum][:, None] == np.arange(design.n_levels)
    nuisance = np.column_stack([level, design.stratum_dummies[stratum], design.numeric.T]).astype(float)
    return DenseScreen(screen, counts, target, design.depth, nuisance)


def test_a_forbidden_edge_drops_a_column_and_keeps_its_instrument():
    """Against the explicit two-stage fit with the instrument of the forbidden parent in the first stages."""
    plain = searched(closure="acyclic")
    relation = pd.DataFrame(plain.varp["argen_descendants"].toarray(), plain.var_names, plain.var_names)
    pairs = {(a, b) for a in GENES for b in GENES if relation.loc[a, b]}
    source, middle, target = next(
        (a, b, c) for a, b in sorted(pairs) for c in GENES if (b, c) in pairs and (a, c) in pairs
    )
    adata = searched(rules((source, target, "forbidden")), closure="acyclic", first_stage="ancestors")
    equations = adata.uns["argen_dag"]["tables"]["equations"].set_index("target")
    assert equations.loc[target, "over_identified"]
    names = sorted(GENES)
    A = np.array([names.index(g) for g in names if (g, target) in pairs and g != source])
    instruments = [
        np.array(sorted({k, *(names.index(g) for g in names if (g, names[k]) in pairs)})) for k in A.tolist()
    ]
    theta, V, _ = two_stage(dense(adata), names.index(target), A, instruments)
    table = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    for k, coef, variance in zip(A, theta, np.diag(V), strict=True):
        row = table.loc[(names[k], target)]
        assert row["coef"] == pytest.approx(coef, rel=1e-5)
        assert row["se"] == pytest.approx(np.sqrt(variance), rel=1e-5)
        assert np.isfinite(row["p_robust"])
    assert middle in {names[k] for k in A}


@pytest.mark.parametrize("closure", ["acyclic", True, False])
def test_a_required_edge_is_in_the_network_and_outside_the_tests(closure):
    strict = {"closure": closure, "descendants_alpha": 1e-30}  # few pairs are related
    plain = searched(**strict)
    free = next((a, b) for a in GENES for b in GENES if a != b and not {(a, b), (b, a)} & candidates(plain))
    adata = searched(rules((*free, "required")), **strict)
    row = ag.get.edges(adata).set_index(["source", "target"]).loc[free]
    assert row["required"]
    assert row["selected"]
    assert row["batch"] == -1
    assert np.isfinite(row["coef"])
    order = list(adata.uns["argen_dag"]["tables"]["order"])
    assert order.index(free[0]) < order.index(free[1])
    assert adata.varp["argen_dag"][adata.var_names.get_loc(free[0]), adata.var_names.get_loc(free[1])] == row["coef"]
    assert not ag.get.edges(plain)["required"].any()


@pytest.mark.parametrize("closure", ["acyclic", True, False])
def test_a_known_order_turns_the_search_round(closure):
    """Even against the evidence; what it excludes is listed by the acyclic closure."""
    plain = searched(closure=closure)
    source, target = sorted(selected(plain))[0]
    adata = searched(rules((target, source, "before")), closure=closure)
    order = list(adata.uns["argen_dag"]["tables"]["order"])
    assert order.index(target) < order.index(source)
    assert (source, target) not in candidates(adata)
    assert nx.is_directed_acyclic_graph(ag.get.graph(adata))


@pytest.mark.parametrize("closure", ["acyclic", True, False])
def test_a_known_order_of_all_genes_is_the_order(closure):
    wanted = ["D", "B", "E", "A", "C"]
    table = rules(*((a, b, "before") for a, b in itertools.pairwise(wanted)))
    adata = searched(table, closure=closure)
    assert list(adata.uns["argen_dag"]["tables"]["order"]) == wanted


def test_a_direction_that_the_prior_decided_is_told():
    """Two genes that descend from each other."""
    for seed in range(20):
        plain = searched(seed=seed, closure=True, descendants_alpha=0.3)
        cycles = plain.uns["argen_dag"]["tables"]["cycles"]
        if len(cycles):
            break
    later, earlier = str(cycles["later"].iloc[0]), str(cycles["earlier"].iloc[0])
    adata = searched(rules((later, earlier, "before")), seed=seed, closure=True, descendants_alpha=0.3)
    table = ag.get.edges(adata, selected=False).set_index(["source", "target"])
    assert table.loc[(later, earlier), "direction"] == "prior"


def test_nothing_known_changes_nothing():
    plain, empty = searched(), searched(rules())
    pd.testing.assert_frame_equal(ag.get.edges(plain, selected=False), ag.get.edges(empty, selected=False))


@pytest.mark.parametrize("fmt", ["h5ad", "zarr"])
def test_files_and_sensitivity_keep_it(fmt, tmp_path):
    plain = searched()
    source, target = sorted(selected(plain))[0]
    adata = searched(rules((source, target, "forbidden"), ("E", "A", "before")))
    path = tmp_path / f"prior.{fmt}"
    getattr(adata, f"write_{fmt}")(path)
    again = getattr(ad, f"read_{fmt}")(path)
    assert again.uns["argen_dag"]["tables"]["prior"].astype(str).to_numpy().tolist() == [
        [source, target, "forbidden"],
        ["E", "A", "before"],
    ]
    ag.tl.argen_sensitivity(again)
    table = ag.get.sensitivity(again)
    found = table[table["selected"]]
    assert set(zip(found["source"], found["target"], strict=True)) == selected(adata)
    assert not ((table["source"] == source) & (table["target"] == target)).any()


BAD = {
    "no table": (["A"], "columns source, target and rule, not list"),
    "columns": (pd.DataFrame({"a": ["A"]}), "columns source, target and rule, not columns a"),
    "rule": (rules(("A", "B", "maybe")), "'maybe'"),
    "gene": (rules(("A", "nobody", "before")), "nobody"),
    "loop": (rules(("A", "A", "before")), "from a gene to itself: A"),
    "both": (rules(("A", "B", "forbidden"), ("A", "B", "required")), "both forbids and requires A → B"),
    "cycle": (rules(("A", "B", "required"), ("B", "C", "before"), ("C", "A", "before")), "cycle A → B → C → A"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("stored", [True, False])
def test_bad_knowledge_is_named_and_leaves_the_object_as_it_was(name, stored):
    prior, words = BAD[name]
    adata = chain()
    if stored:
        ag.tl.argen_descendants(adata, **KWARGS)
    before = adata.copy()
    with pytest.raises(InputError, match=words):
        ag.tl.argen_dag(adata, prior=prior, **({} if stored else KWARGS))
    assert_same(adata, before)


def test_placebo_edges_leave_forbidden_ones_out():
    plain = searched()
    source, target = sorted(selected(plain))[0]
    adata = searched(rules((source, target, "forbidden")))
    ag.tl.argen_calibration(adata, n_splits=3)
    table = ag.get.calibration(adata, table="summary").set_index("nulls")
    tested = ag.get.edges(adata, selected=False)["p"].notna().sum()
    assert 0 < table.loc["edges", "n_tests"] <= 3 * tested


@pytest.mark.parametrize("closure", ["acyclic", True])
def test_draws_estimate_over_identified_equations_as_the_network_does(closure):
    """A to C forbidden: the interval from the draws is as wide as the regression's standard error says."""
    forbidden = rules(("A", "C", "forbidden"), ("A", "D", "forbidden"), ("B", "E", "forbidden"))
    adata = searched(forbidden, closure=closure, first_stage="ancestors")
    equations = adata.uns["argen_dag"]["tables"]["equations"]
    general = equations["target"][equations["over_identified"]].astype(str)
    ag.tl.argen_stability(adata, n_draws=300)
    table = ag.get.edges(adata, selected=False).merge(
        ag.get.stability(adata, selected=False), on=["source", "target"], suffixes=("", "_draws")
    )
    table = table[table["target"].isin(set(general)) & table["coef"].notna()]
    assert len(table) >= 2
    width = (table["ci_high_draws"] - table["ci_low_draws"]) / (2 * 1.96 * table["se"])
    # Quantiles of 300 draws have a relative error of 8 %; Murphy and Topel differ from the stacked covariance.
    assert width.between(0.6, 1.4).all(), width
    found = table[table["z"].abs() > 6]
    assert (found["stability"] > 0.5).all()
    forbidden = ag.get.perturbations(adata).set_index("perturbation")["n_candidate_edges"]
    assert forbidden["A"] == (ag.get.edges(adata, selected=False).query("source == 'A'")["flags"] != "forbidden").sum()


def test_required_edges_have_no_level():
    adata = searched(rules(("A", "B", "required")))
    row = ag.get.edges(adata).set_index(["source", "target"]).loc[("A", "B")]
    assert np.isnan([row["mde"], row["mde_level"]]).all()
    ag.tl.argen_calibration(adata, n_splits=3)
    summary = ag.get.calibration(adata).set_index("nulls").loc["edges"]
    edges = ag.get.edges(adata, selected=False)
    tested = edges["batch"] >= 0
    assert summary["n_real"] == tested.sum()
    assert summary["n_discoveries"] == (edges["selected"] & tested).sum()
    assert summary["level"] == pytest.approx(edges["mde_level"][tested].mean())


def with_guides(adata):
    names = adata.obs["gene"].astype(str) + "_" + (np.arange(adata.n_obs) % 2).astype(str)
    adata.obsm["umi"] = 20 * pd.get_dummies(names).astype(int)
    mapping = {name: name[:-2] for name in adata.obsm["umi"]}
    ag.pp.argen_guides(adata, guides="umi", guide_target=mapping, control="ctrl", method="threshold")
    return adata


def test_forbidden_pairs_are_no_candidates_of_the_comparison_of_guides():
    plain = with_guides(searched(closure="acyclic"))
    parents = [p for p, child in sorted(candidates(plain)) if child == "E"]
    out = parents[:-1]  # one candidate is left: its test needs no other gene
    adata = with_guides(searched(rules(*((p, "E", "forbidden") for p in out)), closure="acyclic"))
    ag.tl.argen_overidentification(adata, min_cells=10)
    edges = ag.get.overidentification(adata, by="edge").set_index(["source", "target"])
    for parent in out:
        assert edges.loc[(parent, "E"), "flags"] == "forbidden"
        assert np.isnan(edges.loc[(parent, "E"), "J"])
    whole = ag.get.overidentification(adata, by="equation").set_index("target").loc["E"]
    assert (whole["n_candidates"], whole["df"]) == (1, 1)
    assert edges.loc[(parents[-1], "E"), "J"] == pytest.approx(whole["J"], rel=1e-6)
    stored = adata.uns["argen_dag"]["tables"]["equations"].set_index("target")
    assert stored.loc["E", "n_candidates"] == 1


def test_the_level_in_force_where_nothing_was_rejected():
    adata = chain()
    ag.tl.argen_dag(adata, **KWARGS, alpha=1e-12)
    edges = ag.get.edges(adata, selected=False)
    assert (edges["threshold"] == 0).any()
    ag.tl.argen_calibration(adata, n_splits=3)
    level = ag.get.calibration(adata).set_index("nulls").loc["edges", "level"]
    assert level == pytest.approx(edges["mde_level"].mean())
    assert level > 0
