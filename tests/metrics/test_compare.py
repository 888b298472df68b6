"""Two networks side by side against sets, scipy and networkx."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import InputError, MissingResultError

GENES = [f"g{i}" for i in range(14)]


def random_network(seed, n_edges=30, genes=GENES):
    """Edges among some genes, with effects."""
    rng = np.random.default_rng(seed)
    pairs = [(s, t) for s in genes for t in genes if s != t]
    chosen = [pairs[i] for i in rng.choice(len(pairs), n_edges, replace=False)]
    table = pd.DataFrame(chosen, columns=["source", "target"])
    return table.assign(coef=rng.normal(size=n_edges), se=rng.uniform(0.1, 1, n_edges), p=rng.uniform(size=n_edges))


@pytest.fixture(scope="module")
def pair():
    """Two networks of which the second has a third of the edges of the first, and some turned round."""
    a, b = random_network(0), random_network(1)
    same = a[:10].assign(coef=lambda t: 0.8 * t["coef"] + 0.1, se=0.2)
    turned = a[10:14].rename(columns={"source": "target", "target": "source"})
    return a, pd.concat([same, turned, b]).drop_duplicates(["source", "target"], ignore_index=True)


def sets(table):
    return set(zip(table["source"], table["target"], strict=True))


def test_figures_against_sets_scipy_and_networkx(pair):
    a, b = pair
    figures = ag.metrics.compare(a, b, genes=GENES)
    left, right = sets(a), sets(b)
    shared = left & right
    turned = {(s, t) for s, t in left - right if (t, s) in right - left}
    n_pairs = len(GENES) * (len(GENES) - 1)
    expected = {
        "n_genes": len(GENES),
        "n_edges_a": len(left),
        "n_edges_b": len(right),
        "n_outside_a": 0,
        "n_shared": len(shared),
        "n_reversed": len(turned),
        "n_only_a": len(left) - len(shared) - len(turned),
        "n_only_b": len(right) - len(shared) - len(turned),
        "jaccard": len(shared) / len(left | right),
        "expected": len(left) * len(right) / n_pairs,
        "p": stats.hypergeom.sf(len(shared) - 1, n_pairs, len(right), len(left)),
        "shd": len({frozenset(edge) for edge in left ^ right}),
    }
    table = [[len(shared), len(left - right)], [len(right - left), n_pairs - len(left | right)]]
    expected["odds_ratio"] = stats.fisher_exact(table).statistic
    both = a.merge(b, on=["source", "target"])
    expected["coef_correlation"] = stats.pearsonr(both["coef_x"], both["coef_y"]).statistic
    expected["coef_rank_correlation"] = stats.spearmanr(both["coef_x"], both["coef_y"]).statistic
    expected["sign_agreement"] = (both["coef_x"] * both["coef_y"] > 0).mean()
    graphs = []
    for edges in (left, right):
        graph = nx.DiGraph(sorted(edges))
        graph.add_nodes_from(GENES)
        graphs.append(graph)
    above = [{(s, t) for s in GENES for t in nx.descendants(graph, s)} for graph in graphs]
    expected["ancestor_jaccard"] = len(above[0] & above[1]) / len(above[0] | above[1])
    degrees = [[graph.out_degree(gene) for gene in GENES] for graph in graphs]
    expected["out_degree_correlation"] = stats.spearmanr(*degrees).statistic
    for name, value in expected.items():
        assert figures[name] == pytest.approx(value, rel=1e-9), name


def test_it_is_the_same_the_other_way_round(pair):
    figures, other = ag.metrics.compare(*pair), ag.metrics.compare(*pair[::-1])
    other_side = {f"{name}_a": f"{name}_b" for name in ("n_genes_only", "n_edges", "n_outside", "n_only")}
    other_side["n_ancestor_pairs_a"] = "n_ancestor_pairs_b"
    swapped = other.rename(other_side | {new: old for old, new in other_side.items()})
    pd.testing.assert_series_equal(figures, swapped[figures.index])


def test_hubs_share_edges_by_chance():
    """Two networks whose hubs are the same, and nothing else: numbers of edges alone are surprised, degrees are not."""
    rng = np.random.default_rng(3)
    tables = []
    for _ in range(2):
        hubs = [(hub, gene) for hub in GENES[:2] for gene in rng.choice(GENES[2:], 8, replace=False)]
        tables.append(pd.DataFrame(hubs, columns=["source", "target"]))
    figures = ag.metrics.compare(*tables, genes=GENES)
    assert figures["p"] < 1e-5
    assert figures["p_degrees"] > 0.05
    assert figures["expected_degrees"] > 4 * figures["expected"]
    none = ag.metrics.compare(*tables, genes=GENES, n_permutations=0)
    assert none[["expected_degrees", "p_degrees"]].isna().all()
    again = ag.metrics.compare(*tables, genes=GENES, rng=0)
    pd.testing.assert_series_equal(figures, again)


def test_p_of_independent_networks_is_uniform():
    """Hypergeometric and rewired p of 60 pairs that have nothing in common; discrete, so at most uniform."""
    how = {"genes": GENES, "n_permutations": 99}
    both = [(random_network(i), random_network(1000 + i)) for i in range(60)]
    p = np.array([ag.metrics.compare(*pair, **how)[["p", "p_degrees"]] for pair in both])
    for column in p.T:
        for level in (0.1, 0.5):
            assert (column <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 60)
        assert column.min() < 0.5


@pytest.fixture(scope="module")
def done():
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    ag.tl.argen_joint(adata)
    ag.io.read_network(adata, ag.get.edges(adata)[["source", "target"]])
    return adata


def test_two_networks_of_one_object(done):
    before = done.copy()
    figures = ag.metrics.compare(done, key="argen_dag", other_key="imported")
    assert figures[["jaccard", "n_shared", "shd", "order_agreement"]].tolist() == [1.0, figures["n_edges_a"], 0.0, 1.0]
    assert np.isnan(figures["sign_agreement"])
    tables = [ag.get.edges(done, key=key) for key in ("argen_dag", "argen_joint")]
    of_tables = ag.metrics.compare(*tables, genes=list("ABCD"))
    of_object = ag.metrics.compare(done, other_key="argen_joint")
    pd.testing.assert_series_equal(
        of_tables.drop(of_order := ["order_agreement", "n_ordered"]), of_object.drop(of_order)
    )
    other = ag.metrics.compare(done, done.copy(), other_key="argen_joint")
    pd.testing.assert_series_equal(other, of_object)
    matrix = pd.DataFrame(done.varp["argen_dag"].toarray(), done.var_names, done.var_names).loc[
        list("ABCD"), list("ABCD")
    ]
    assert ag.metrics.compare(matrix, done)["jaccard"] == 1
    assert ag.metrics.compare(matrix.to_numpy(), done)["n_shared"] <= figures["n_shared"]  # genes in causal order there
    assert_same(before, done)


def test_orders_of_searches_and_of_graphs():
    chain = pd.DataFrame({"source": ["A", "B"], "target": ["B", "C"]})
    turned = pd.DataFrame({"source": ["C", "B"], "target": ["B", "A"]})
    assert ag.metrics.compare(chain, turned)["order_agreement"] == 0
    fork = pd.DataFrame({"source": ["A", "A"], "target": ["B", "C"]})
    assert ag.metrics.compare(chain, fork)[["order_agreement", "n_ordered"]].tolist() == [1.0, 2.0]


def test_genes_that_only_one_knows_are_counted():
    ours = pd.DataFrame({"source": ["A", "B", "A"], "target": ["B", "C", "Z"], "coef": [1.0, 2.0, 3.0]})
    theirs = pd.DataFrame({"source": ["A", "X"], "target": ["B", "Y"], "coef": [1.0, -1.0]})
    figures = ag.metrics.compare(ours, theirs)
    names = ["n_genes", "n_genes_only_a", "n_genes_only_b", "n_outside_a", "n_outside_b", "n_shared"]
    assert figures[names].tolist() == [2, 2, 2, 2, 1, 1]
    table = ag.metrics.compared_edges(ours, theirs)
    assert table["comparable"].tolist() == [True, False, False, False]
    assert table["status"].tolist() == ["both", "only a", "only a", "only b"]


def test_the_edges_of_both_are_all_listed_once(pair):
    a, b = pair
    table = ag.metrics.compared_edges(a, b)
    figures = ag.metrics.compare(a, b)
    counts = table["status"].value_counts()
    assert counts.to_dict() == {
        "both": figures["n_shared"],
        "reversed": figures["n_reversed"],
        "only a": figures["n_only_a"],
        "only b": figures["n_only_b"],
    }
    left, right = (dict(zip(zip(t["source"], t["target"], strict=True), t["coef"], strict=True)) for t in pair)
    for row in table.itertuples():
        at = (row.source, row.target)
        other = at[::-1] if row.status == "reversed" else at
        np.testing.assert_equal(row.coef_a, left.get(at, np.nan))
        np.testing.assert_equal(row.coef_b, right.get(other, np.nan))
    both = table[table["status"] == "both"]
    assert both["agrees"].mean() == figures["sign_agreement"]
    assert table.loc[table["status"] == "only a", "agrees"].isna().all()
    assert both[["coef_a", "coef_b"]].abs().max(axis=1).is_monotonic_decreasing


def test_what_cannot_be_compared(done):
    table = random_network(0)
    with pytest.raises(InputError, match="b is missing"):
        ag.metrics.compare(table)
    with pytest.raises(InputError, match="other_key=None: name another network"):
        ag.metrics.compare(done)
    with pytest.raises(InputError, match="other_key='argen_dag': name another network"):
        ag.metrics.compare(done, other_key="argen_dag")
    with pytest.raises(MissingResultError, match="'nope'"):
        ag.metrics.compare(done, other_key="nope")
    with pytest.raises(InputError, match="no gene in common"):
        ag.metrics.compare(done, table)
    with pytest.raises(InputError, match="genes= names genes that network a does not have: Q"):
        ag.metrics.compare(done, other_key="imported", genes=["A", "Q"])
    with pytest.raises(InputError, match="give several names"):
        ag.metrics.compare(table, table, genes="A")
    with pytest.raises(InputError, match="more than once: g1"):
        ag.metrics.compare(table, table, genes=["g1", "g1"])
    with pytest.raises(InputError, match="n_permutations"):
        ag.metrics.compare(table, table, n_permutations=-1)
    with pytest.raises(InputError, match="rng"):
        ag.metrics.compare(table, table, rng=-1)


def test_networks_without_edges():
    empty = np.zeros((3, 3))
    figures = ag.metrics.compare(empty, empty, genes=["A", "B", "C"])
    assert figures["n_shared"] == 0
    assert figures[["jaccard", "sign_agreement", "order_agreement", "p_degrees", "out_degree_correlation"]].isna().all()
    assert len(ag.metrics.compared_edges(empty, empty, genes=["A", "B", "C"])) == 0


def test_networks_with_responders_are_compared_as_tables():
    adata = toy(n_others=6)
    adata.X = adata.X.toarray()
    at = adata.var_names.get_loc
    adata.X[:, at("other0")] = np.random.default_rng(0).poisson(0.5 * adata.X[:, at("A")] + 1.0)
    ag.tl.argen_dag(adata, **KWARGS, responders="all")
    ag.tl.argen_responders(adata)
    whole, alone = ag.get.edges(adata, responders=True), ag.get.edges(adata)
    figures = ag.metrics.compare(whole, alone)
    assert ("A", "other0") in sets(whole)
    assert figures["n_shared"] == len(alone)
    assert figures["n_outside_a"] == len(whole) - len(alone) > 0
    table = ag.metrics.compared_edges(whole, alone, genes=sorted({*whole["source"], *whole["target"]}))
    assert (table["status"] == "only a").sum() == len(whole) - len(alone)
    assert table["comparable"].all()
    measured = ag.metrics.gene_rnib(adata, whole, perturbation_key="gene", control="ctrl", n_shuffled=0)
    assert measured.loc["wasserstein", "n"] == len(whole)


def test_no_genes_to_compare_on():
    table = pd.DataFrame({"source": ["A"], "target": ["B"]})
    with pytest.raises(InputError, match="genes is empty"):
        ag.metrics.compare(table, table, genes=[])
