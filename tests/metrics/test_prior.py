"""Overlap with prior networks against the hypergeometric distribution and CollecTRI itself."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import argen as ag
from argen.errors import InputError


@pytest.fixture(scope="module")
def collectri():
    return ag.datasets.collectri()


@pytest.fixture(scope="module")
def estimate(collectri):
    """Pairs among 60 genes of CollecTRI: 40 of its edges, a quarter of them with the wrong sign, and 80 others."""
    genes = collectri["source"].value_counts().index[:60]
    rng = np.random.default_rng(0)
    inside = collectri[collectri["source"].isin(genes) & collectri["target"].isin(genes)]
    inside = inside[inside["source"] != inside["target"]].sample(40, random_state=1)
    table = inside.rename(columns={"weight": "coef"}).assign(coef=lambda t: 0.3 * t["coef"])
    table.iloc[:10, table.columns.get_loc("coef")] *= -1
    others = pd.DataFrame({"source": rng.permutation(np.repeat(genes, 2))[:80], "target": rng.choice(genes, 80)})
    others = others[others["source"] != others["target"]].assign(coef=0.1)
    table = pd.concat([table, others]).drop_duplicates(["source", "target"])
    matrix = pd.DataFrame(0.0, index=genes, columns=genes)
    for row in table.itertuples():
        matrix.loc[row.source, row.target] = row.coef
    return matrix


def brute_force(matrix, prior, *, prior_genes=False):
    """Counts by sets; loops left out."""
    genes = set(matrix.index)
    weight = {(s, t): w for s, t, w in prior[["source", "target", "weight"]].itertuples(index=False) if s != t}
    sources, perturbations = ({pair[end] for pair in weight} for end in (0, 1))
    pairs = {(s, t) for s in genes for t in genes if s != t}
    if prior_genes:
        pairs = {(s, t) for s, t in pairs if s in sources and t in perturbations}
    found = {(s, t) for s, t in pairs if matrix.loc[s, t] != 0}
    both = found & set(weight)
    agree = [matrix.loc[pair] * weight[pair] > 0 for pair in both]
    return len(pairs), len(found), len(pairs & set(weight)), len(both), np.mean(agree)


@pytest.mark.parametrize("prior_genes", [False, True])
def test_overlap_with_collectri(estimate, collectri, prior_genes, tmp_path):
    collectri.to_csv(tmp_path / "prior.csv.gz", index=False)
    figures = ag.metrics.prior_overlap(estimate, str(tmp_path / "prior.csv.gz"), prior_genes=prior_genes)
    n_pairs, n_edges, n_prior, n_overlap, agreement = brute_force(estimate, collectri, prior_genes=prior_genes)
    counts = figures[["n_pairs", "n_edges", "n_prior", "n_overlap"]].tolist()
    assert counts == [n_pairs, n_edges, n_prior, n_overlap]
    assert n_overlap >= 40
    assert figures["n_signed"] == n_overlap
    assert figures["sign_agreement"] == pytest.approx(agreement)
    p = stats.hypergeom.sf(n_overlap - 1, n_pairs, n_prior, n_edges)
    assert figures["p"] == pytest.approx(p, rel=1e-8)
    odds = n_overlap * (n_pairs - n_edges - n_prior + n_overlap) / (n_edges - n_overlap) / (n_prior - n_overlap)
    assert figures["odds_ratio"] == pytest.approx(odds)
    assert figures["expected"] == pytest.approx(n_edges * n_prior / n_pairs)
    assert (
        figures["n_prior_outside"] + brute_force(estimate, collectri)[2]
        == (collectri["source"] != collectri["target"]).sum()
    )


def test_genes_outside_the_network_are_counted(estimate, collectri):
    figures = ag.metrics.prior_overlap(estimate, collectri)
    proper = collectri[collectri["source"] != collectri["target"]]
    for end in ("source", "target"):
        assert figures[f"n_prior_{end}s_outside"] == len(set(proper[end]) - set(estimate.index))
    inside = proper["source"].isin(estimate.index) & proper["target"].isin(estimate.index)
    assert figures["n_prior_outside"] == (~inside).sum()


def test_background_of_a_result():
    """All ordered pairs of the network's genes, or the candidates of the second stage."""
    adata = ag.datasets.simulate("paper_fig2", rng=3)
    ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth", closure="acyclic")
    prior = adata.uns["simulation"]["tables"]["edges"].set_axis(["source", "target", "weight"], axis=1)
    candidates, edges = (ag.get.edges(adata, selected=selected) for selected in (False, True))
    figures = ag.metrics.prior_overlap(adata, prior)
    assert figures[["n_pairs", "n_edges", "n_prior"]].tolist() == [56, len(edges), 12]
    assert figures["n_overlap"] == ag.metrics.evaluate(adata, adata)["true_positives"]
    assert figures["sign_agreement"] == 1
    assert figures["n_prior_outside"] == 0
    for estimate in (adata, candidates):
        figures = ag.metrics.prior_overlap(estimate, prior, background="candidates")
        assert figures[["n_pairs", "n_edges"]].tolist() == [len(candidates), len(edges)]


def test_unsigned_priors_and_networks_without_overlap():
    prior = pd.DataFrame({"source": ["A", "B", "B"], "target": ["B", "B", "C"]})
    table = pd.DataFrame({"source": ["A", "C"], "target": ["B", "A"], "coef": [1.0, 1.0]})
    figures = ag.metrics.prior_overlap(table, prior)
    assert figures[["n_pairs", "n_prior", "n_overlap", "n_signed"]].tolist() == [6, 2, 1, 0]
    assert np.isnan(figures["sign_agreement"])
    figures = ag.metrics.prior_overlap(table.iloc[1:].assign(target="B"), prior)
    assert figures[["n_overlap", "p", "odds_ratio"]].tolist()[:2] == [0, 1]


@pytest.mark.parametrize(
    ("prior", "options", "message"),
    [
        ("nowhere.csv", {}, "prior='nowhere.csv' is not a file"),
        (3, {}, "prior is a int"),
        (
            pd.DataFrame({"x": ["A"], "target": ["B"]}),
            {},
            "prior has no column 'source' or .*: 'x', 'target'",
        ),
        (pd.DataFrame({"source": ["A", "A"], "target": ["B", "B"]}), {}, "prior holds edges more than once: A → B"),
        (pd.DataFrame({"source": ["ENSG1"], "target": ["ENSG2"]}), {}, "same species"),
        (pd.DataFrame({"source": ["A"], "target": ["B"]}), {"background": "all"}, "background='all' is not one of"),
    ],
)
def test_bad_input_is_named(prior, options, message):
    table = pd.DataFrame({"source": ["A", "C"], "target": ["B", "A"]})
    with pytest.raises(InputError, match=message):
        ag.metrics.prior_overlap(table, prior, **options)
