"""Panels of the evidence from outside: what is drawn is what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from evidence_screens import BOUNDARIES, TADS, add_network, all_pairs, eigenvectors, object_of, placed_genes
from statsmodels.stats.proportion import proportion_confint

import argen as ag
from argen.errors import InputError, MissingResultError


@pytest.fixture(scope="module")
def done():
    table, rng = placed_genes(0, 60, n_domains=20), np.random.default_rng(0)
    genes = table["gene"].to_numpy()
    source, target = (genes[end] for end in all_pairs(60))
    edges = pd.DataFrame({"source": source, "target": target, "selected": rng.random(len(source)) < 0.05})
    adata = add_network(object_of(genes), edges.assign(coef=rng.normal(size=len(edges))))
    add_network(adata, edges.sample(50, random_state=0).assign(selected=True), "other")
    prior = edges.sample(300, random_state=1).assign(weight=1)
    ag.tl.argen_evidence(
        adata, network="net", positions=table, domains={"TAD": TADS}, compartments=eigenvectors(),
        boundaries={"boundaries": BOUNDARIES}, pairs={"CollecTRI": prior}, others=["other"], n_permutations=20,
    )  # fmt: skip
    return adata


def test_four_panels_distance_domain_compartment_and_regulation(done):
    axes = ag.pl.argen_evidence(done, show=False)
    titles = [ax.get_title(loc="left").split(":")[0] for ax in axes]
    assert titles == ["distance", "same TAD", "same compartment", "CollecTRI"]
    assert "signs: " in axes[3].get_title(loc="left")
    assert axes[0].figure.get_supxlabel() == "4 of 6 kinds of evidence drawn; evidence= chooses"
    assert ag.pl.argen_evidence(done, show=True) is None
    plt.close("all")


def test_curves_are_the_distribution_of_the_pairs(done):
    ax = ag.pl.argen_evidence(done, evidence="distance", show=False)
    found = ag.get.outside_evidence(done)
    groups = {"edges": found[found["selected"]], "tested, not selected": found[~found["selected"]]}
    for label, part in groups.items():
        values = part["distance"].dropna().to_numpy() / 1e6
        line = next(line for line in ax.lines if line.get_label().startswith(f"{label} ("))
        assert line.get_label() == f"{label} ({len(values):,})"
        x, y = line.get_data()
        for at in np.quantile(values, [0.1, 0.5, 0.9]):
            assert y[np.flatnonzero(x <= at)[-1]] == pytest.approx(100 * (values <= at).mean())
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "distance between the genes (Mb)"
    assert {line.get_label().split(" (")[0] for line in ax.lines} == {*groups, "random pairs", "other"}
    plt.close("all")


def test_dots_are_shares_with_wilsons_intervals(done):
    _, ax = plt.subplots()
    assert ag.pl.argen_evidence(done, evidence="same_TAD", ax=ax, show=False) is ax
    found = ag.get.outside_evidence(done, selected=True)["same_TAD"].dropna()
    k, n = int(found.sum()), len(found)
    bar, dot = ax.lines[0], ax.lines[1]
    assert dot.get_xdata()[0] == pytest.approx(100 * k / n)
    ends = proportion_confint(k, n, method="wilson")
    assert bar.get_xdata() == pytest.approx([100 * end for end in ends])
    assert ax.get_yticklabels()[0].get_text() == f"edges\n{k} of {n}"
    plt.close("all")


def test_one_kind_needs_no_name():
    adata = add_network(object_of(list("ABC")), pd.DataFrame({"source": ["A"], "target": ["B"]}))
    known = pd.DataFrame({"source": ["A"], "target": ["B"]})
    ag.tl.argen_evidence(adata, network="net", pairs={"known": known}, n_permutations=0)
    figure, ax = plt.subplots()
    assert ag.pl.argen_evidence(adata, ax=ax, show=False) is ax
    assert ax.get_xlabel() == "pairs with known (%)"
    assert not figure.get_supxlabel()
    plt.close("all")


@pytest.mark.parametrize("evidence", ["distance", "same_TAD", "CollecTRI", "boundaries_between"])
def test_labels_lie_within_a_figure_of_one_column(done, evidence):
    figure, ax = plt.subplots(figsize=(3.4, 2.6), layout="constrained")
    ag.pl.argen_evidence(done, evidence=evidence, ax=ax, show=False)
    figure.canvas.draw()
    drawn = [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.get_yticklabels()]
    low, high = figure.bbox.min - 1, figure.bbox.max + 1
    for text in drawn:
        if text.get_text():
            box = text.get_window_extent()
            assert (box.min >= low).all(), text
            assert (box.max <= high).all(), text
    plt.close("all")


def test_what_cannot_be_drawn(done):
    with pytest.raises(InputError, match=r"^evidence='contact' is not in adata.uns\['argen_evidence'\]; there is "):
        ag.pl.argen_evidence(done, evidence="contact", show=False)
    with pytest.raises(InputError, match=r"^ax holds one picture: name its evidence, one of "):
        ag.pl.argen_evidence(done, ax=plt.subplots()[1], show=False)
    with pytest.raises(MissingResultError):
        ag.pl.argen_evidence(done, key="nothing", show=False)
    plt.close("all")
