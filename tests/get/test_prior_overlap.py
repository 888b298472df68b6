"""Edges of a network beside a prior network, against sets and the figures of metrics.prior_overlap."""

import numpy as np
import pandas as pd
import pytest
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import InputError, MissingResultError


@pytest.fixture(scope="module")
def done():
    adata = ag.datasets.simulate("paper_fig2", rng=3)
    ag.tl.argen_dag(adata, perturbation_key="perturbation", covariates=["L"], depth="depth")
    return adata


@pytest.fixture(scope="module")
def prior(done):
    """Half of the edges, some with the wrong sign, edges of no one, and edges with other genes; one loop."""
    edges = ag.get.edges(done)
    known = edges[::2][["source", "target", "coef"]].rename(columns={"coef": "weight"})
    known.iloc[:2, 2] *= -1
    others = pd.DataFrame({"source": ["X8", "X8", "MYC", "X1"], "target": ["X1", "X8", "X1", "FOS"], "weight": 1.0})
    candidates = ag.get.edges(done, selected=False)
    tested = candidates[~candidates["selected"]][["source", "target"]].head(3).assign(weight=np.nan)
    return pd.concat([known, others, tested], ignore_index=True).drop_duplicates(["source", "target"])


def sets(table):
    return set(zip(table["source"], table["target"], strict=True))


def test_own_edges_first_then_the_priors(done, prior, tmp_path):
    before = done.copy()
    table = ag.get.prior_overlap(done, prior=prior)
    edges, candidates = ag.get.edges(done), ag.get.edges(done, selected=False)
    ours, theirs, genes = sets(edges), sets(prior), set(candidates["source"]) | {f"X{i}" for i in range(1, 9)}
    theirs = {(s, t) for s, t in theirs if s != t}
    inside = {(s, t) for s, t in theirs if s in genes and t in genes}
    expected = {
        "known": ours & theirs,
        "not in prior": ours - theirs,
        "prior only": inside - ours,
        "outside": theirs - inside,
    }
    assert {name: sets(part) for name, part in table.groupby("status", observed=False)} == expected
    assert table["status"].cat.codes.is_monotonic_increasing
    for name in ("known", "not in prior"):  # strongest evidence first, as get.edges has them
        part = table[table["status"] == name]
        place = {edge: i for i, edge in enumerate(zip(edges["source"], edges["target"], strict=True))}
        assert [place[edge] for edge in zip(part["source"], part["target"], strict=True)] == sorted(
            place[edge] for edge in sets(part)
        )
    left = table[table["status"] == "prior only"]
    assert left["tested"].tolist() == sorted(left["tested"], reverse=True)
    assert sets(left[left["tested"]]) <= sets(candidates)
    path = ag.io.write_table(prior, tmp_path / "prior.tsv")
    pd.testing.assert_frame_equal(ag.get.prior_overlap(done, prior=path), table)
    assert_same(before, done)


def test_counts_and_signs_are_those_of_the_figures(done, prior):
    table, figures = ag.get.prior_overlap(done, prior=prior), ag.metrics.prior_overlap(done, prior)
    counts = table["status"].value_counts()
    assert counts["known"] == figures["n_overlap"]
    assert counts["known"] + counts["not in prior"] == figures["n_edges"]
    assert counts["known"] + counts["prior only"] == figures["n_prior"]
    assert counts["outside"] == figures["n_prior_outside"]
    signs = table.loc[table["status"] == "known", "agrees"].dropna()
    assert len(signs) == figures["n_signed"]
    assert signs.mean() == figures["sign_agreement"] < 1


def test_responders_are_in_the_network_if_they_are_asked_for():
    adata = toy(n_others=6)
    target = "other0"
    adata.X = adata.X.toarray()
    at = adata.var_names.get_loc
    adata.X[:, at(target)] = np.random.default_rng(0).poisson(0.5 * adata.X[:, at("A")] + 1.0)
    ag.tl.argen_dag(adata, **KWARGS, responders="all")
    ag.tl.argen_responders(adata)
    prior = pd.DataFrame({"source": ["A", "A"], "target": ["B", target]})
    alone, more = (ag.get.prior_overlap(adata, prior=prior, responders=which) for which in (False, True))
    of = [table.set_index(["source", "target"])["status"] for table in (alone, more)]
    assert of[0]["A", target] == "outside"
    assert of[1]["A", target] == "known"
    assert set(ag.get.responders(adata)["target"]) <= set(more["target"])


def test_networks_that_were_read_and_names_of_another_column(done, prior):
    adata = done.copy()
    ag.io.read_network(adata, ag.get.edges(adata, selected=False)[["source", "target", "coef", "selected"]])
    columns = ["source", "target", "status", "coef", "weight", "agrees"]
    ours, read = (ag.get.prior_overlap(adata, prior=prior, key=key) for key in ("argen_dag", "imported"))
    by = ["status", "source", "target"]
    pd.testing.assert_frame_equal(*(table[columns].sort_values(by, ignore_index=True) for table in (ours, read)))
    assert not read["tested"].any()
    adata.var["symbol"] = [f"gene {name}" for name in adata.var_names]
    named = ag.get.prior_overlap(adata, prior=prior, gene_symbols="symbol")
    assert named["status"].tolist() == ours["status"].tolist()
    assert named["source"].iloc[0] == f"gene {ours['source'].iloc[0]}"


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("nowhere.csv", "prior='nowhere.csv' is not a file"),
        (3, "prior is a int"),
        (pd.DataFrame({"x": ["A"], "target": ["B"]}), "The prior has no column 'source' or"),
        (
            pd.DataFrame({"source": ["X1"] * 2, "target": ["X2"] * 2}),
            "The prior holds edges more than once: X1 → X2",
        ),
        (pd.DataFrame({"source": ["ENSG1"], "target": ["ENSG2"]}), "same species"),
        (pd.DataFrame({"source": ["X1"], "target": ["X2"], "weight": ["up"]}), "'weight' of the prior holds"),
    ],
)
def test_bad_input_is_named(done, prior, words):
    with pytest.raises(InputError, match=words):
        ag.get.prior_overlap(done, prior=prior)
    with pytest.raises(MissingResultError, match="nope"):
        ag.get.prior_overlap(done, prior=prior, key="nope")
