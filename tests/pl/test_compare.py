"""Pictures of a comparison: what is drawn is what the tables say."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex
from matplotlib.patches import FancyArrowPatch

import argen as ag
from argen.errors import InputError
from argen.pl import _compare as drawing

EDGE = ["source", "target"]


def screen(effect, seed, n=200):
    dag = pd.DataFrame([("A", "B", 0.8), ("B", "C", effect), ("A", "D", -0.6)], columns=["source", "target", "weight"])
    return ag.datasets.simulate(
        genes=list("ABCD"),
        dag=dag[dag["weight"] != 0],
        n_controls=800,
        cells_per_perturbation=n,
        intercept=1.5,
        knockdown=-1.5,
        noise_sd=0.2,
        rng=seed,
    )


@pytest.fixture(scope="module")
def adata():
    screens = {"control": screen(0.0, 1), "drug": screen(0.8, 2), "other": screen(0.0, 3)}
    adata = ad.concat(screens, label="condition", index_unique="-")
    adata.obs["donor"] = [f"d{i % 2}" for i in range(adata.n_obs)]
    ag.tl.argen_dag(adata, perturbation_key="perturbation", depth="depth", covariates=["condition"], robust=False)
    ag.tl.argen_compare(adata, by="condition")
    ag.tl.argen_compare(adata, by="condition", replicate="donor", key_added="with_donors")
    return adata


def edges_drawn(ax):
    patches = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch) and patch.get_gid()]
    return {tuple(p.get_gid().split(":")[1:]): p for p in patches if p.get_gid().startswith("edge:")}


def test_every_difference_has_its_colour(adata):
    ax = ag.pl.argen_compare(adata, level="drug", show=False)
    table = ag.get.comparison(adata, table="contrasts").query("level == 'drug'").set_index(EDGE)
    drawn = edges_drawn(ax)
    expected = {edge for edge, row in table.iterrows() if row["selected"] or row["change"] in drawing._LOOKS}
    assert set(drawn) == expected
    assert table.loc[("B", "C"), "change"] == "gained"
    for edge, patch in drawn.items():
        change = table.loc[edge, "change"]
        color = drawing._LOOKS[change][0] if change in drawing._LOOKS else drawing.SAME_COLOR
        assert to_hex(patch.get_edgecolor()).upper() == color.upper()
    words = {text.get_text() for text in [*ax.texts, *ax.get_legend().get_texts()]}
    row = table.loc[("B", "C")]
    assert f"{row['coef_reference']:.2f} → {row['coef']:.2f}".replace("-", "−") in words
    assert {"gained in drug", "no difference shown", "numbers: effect in control → in drug"} <= words
    assert any(text.startswith("condition: drug against control; 1 of ") for text in words)
    plt.close("all")


def test_views_and_errors(adata):
    ax = ag.pl.argen_compare(adata, level="drug", ego="B", edge_labels=False, show=False)
    assert set(edges_drawn(ax)) == {("A", "B"), ("B", "C")} | (edges_drawn(ax).keys() & {("A", "C")})
    with pytest.raises(InputError, match=r"level is not named: name one of 'drug', 'other'"):
        ag.pl.argen_compare(adata, show=False)
    with pytest.raises(InputError, match=r"level='control' is not held against 'control'"):
        ag.pl.argen_compare(adata, level="control", show=False)
    with pytest.raises(InputError, match=r"genes that are not in the network: Z"):
        ag.pl.argen_compare(adata, level="drug", genes=["Z"], show=False)
    plt.close("all")


@pytest.mark.parametrize("key", ["argen_compare", "with_donors"])
def test_a_forest_is_its_table(adata, key):
    pairs = [("A", "B"), ("B", "C")]
    ax = ag.pl.argen_forest(adata, edge=pairs, key=key, show=False)
    levels = ag.get.comparison(adata, table="levels", key=key).set_index(EDGE)
    squares = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "s"]
    np.testing.assert_allclose(squares, np.concatenate([levels.loc[[pair], "coef"] for pair in pairs]))
    spans = np.array(
        [line.get_xdata() for line in ax.lines if line.get_marker() == "None" and line.get_linewidth() > 1]
    )
    np.testing.assert_allclose(
        spans, np.concatenate([levels.loc[[pair], ["ci_low", "ci_high"]].to_numpy() for pair in pairs])
    )
    edges = ag.get.comparison(adata, key=key).set_index(EDGE)
    diamonds = [patch.get_xy()[:3, 0] for patch in ax.patches]
    for (pooled, mean), pair in zip(zip(diamonds[::2], diamonds[1::2], strict=True), pairs, strict=True):
        row = edges.loc[pair]
        half = 1.959964 * row["pooled_se"]
        np.testing.assert_allclose(pooled, [row["pooled"] - half, row["pooled"], row["pooled"] + half], rtol=1e-5)
        np.testing.assert_allclose(mean, row[["mean_low", "mean", "mean_high"]].to_numpy(float))
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == (6 if key == "with_donors" else 0)
    texts = [text.get_text() for text in ax.texts]
    assert sum(text.startswith("Q ") for text in texts) == 2
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["control", "drug", "other", "all cells", "mean of levels"] * 2
    plt.close("all")


def test_a_forest_says_why_an_edge_is_left_out(adata):
    gone = (adata.obs["perturbation"] == "C") & (adata.obs["condition"] == "drug") & (np.arange(adata.n_obs) % 40 > 0)
    few = adata[~gone].copy()
    for key in [key for key in few.uns if key.startswith(("argen", "with"))]:
        del few.uns[key]
    ag.tl.argen_dag(few, perturbation_key="perturbation", depth="depth", covariates=["condition"], robust=False)
    ag.tl.argen_compare(few, by="condition")
    with pytest.raises(InputError, match=r"B → C was not compared, since it is left out \(C: too few cells in drug\)"):
        ag.pl.argen_forest(few, edge=("B", "C"), show=False)
    plt.close("all")


def test_a_forest_of_two_levels_has_their_difference(adata):
    two = adata.copy()
    ag.tl.argen_compare(two, by="condition", levels=["control", "drug"])
    ax = ag.pl.argen_forest(two, edge=("B", "C"), show=False)
    row = ag.get.comparison(two).set_index(EDGE).loc[("B", "C")]
    np.testing.assert_allclose(ax.patches[1].get_xy()[:3, 0], row[["ci_low", "difference", "ci_high"]].to_numpy(float))
    assert [label.get_text() for label in ax.get_yticklabels()] == ["control", "drug", "all cells", "difference"]
    plt.close("all")


def test_forests_of_total_effects_and_errors(adata):
    ax = ag.pl.argen_forest(adata, edge=("A", "C"), total_effect=True, show=False)
    assert ax.get_xlabel() == "log fold change (natural)"
    given = plt.subplots(figsize=(3.4, 2.5))[1]
    assert ag.pl.argen_forest(adata, edge=("A", "B"), ax=given, show=False) is given
    with pytest.raises(InputError, match=r"C → A was not compared"):
        ag.pl.argen_forest(adata, edge=("C", "A"), show=False)
    for wrong in ("AB", ("A",), [("A", 1)], []):
        with pytest.raises(InputError, match=r"is not a pair of genes"):
            ag.pl.argen_forest(adata, edge=wrong, show=False)
    plt.close("all")
