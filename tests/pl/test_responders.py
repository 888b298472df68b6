"""Drawings of responders: what is drawn is what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from responder_screens import analysed
from toy import KWARGS, assert_same, toy

import argen as ag
from argen.errors import InputError, MissingResultError
from argen.pl._network.responders import strongest_responders
from argen.pl._responders import draw_responders, responders_table


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def effects(seed=0, n_rows=6, n_columns=30):
    """Two groups of genes that answer to two groups of perturbations, and the table of pairs that says so."""
    rng = np.random.default_rng(seed)
    sign = np.outer([1, 1, 1, -1, -1, -1], rng.permutation(np.repeat([1.0, -1.0], n_columns // 2)))
    effect = sign * rng.uniform(0.5, 1.5, (n_rows, n_columns))
    effect[0, 0] = 9.0
    source, target = np.indices(effect.shape).reshape(2, -1)
    table = pd.DataFrame({"source": [f"P{i}" for i in source], "target": [f"R{i:02d}" for i in target]})
    table["effect"] = effect.ravel()
    table["z"], table["significant"] = table["effect"] / 0.1, rng.random(len(table)) < 0.8
    return table


def test_the_matrix_is_the_table():
    pairs = effects()
    direct = pairs[pairs["significant"]].iloc[:5]
    table = responders_table(pairs, direct, top=20)
    assert table["target"].nunique() == 20
    assert table.attrs["n_genes"] == 30
    strength = pairs[pairs["significant"]].groupby("target")["z"].apply(lambda z: z.abs().max()).nlargest(20)
    assert set(table["target"]) == set(strength.index)
    both = table.merge(pairs, on=["source", "target"], suffixes=("", "_of"))
    np.testing.assert_array_equal(both["effect"], both["effect_of"].where(both["significant"], 0.0))
    assert table["direct"].sum() == direct["target"].isin(strength.index).sum()


def test_what_is_alike_is_side_by_side():
    table = responders_table(effects(), pd.DataFrame({"source": [], "target": []}), top=30)
    rows = [int(name[1:]) < 3 for name in dict.fromkeys(table["source"])]
    assert rows in ([True] * 3 + [False] * 3, [False] * 3 + [True] * 3)


def test_cells_dots_and_scale():
    pairs = effects()
    table = responders_table(pairs, pairs[pairs["significant"]].iloc[:7], top=30)
    ax = draw_responders(table)
    image = np.asarray(ax.images[0].get_array())
    matrix = table["effect"].to_numpy().reshape(image.shape[:2])
    assert to_hex(image[np.unravel_index(np.argmax(matrix == 0), matrix.shape)]) == "#ffffff"
    red, blue = (image[np.unravel_index(np.argmax(sign * matrix), matrix.shape)] for sign in (-1, 1))
    assert red[0] > red[2]
    assert blue[2] > blue[0]
    dots = ax.collections[0].get_offsets()
    assert len(dots) == table["direct"].sum()
    rows, columns = ([text.get_text() for text in axis.get_ticklabels()] for axis in (ax.yaxis, ax.xaxis))
    drawn = {(rows[int(y)], columns[int(x)]) for x, y in dots}
    assert drawn == set(map(tuple, table.loc[table["direct"], ["source", "target"]].to_numpy()))
    assert "7 direct effects" in ax.get_title(loc="left")


def test_the_public_function():
    adata = analysed().copy()
    before = adata.copy()
    ax = ag.pl.argen_responders(adata, show=False)
    assert "D" in [text.get_text() for text in ax.get_xticklabels()]
    assert len(ax.collections[0].get_offsets()) == 1
    assert_same(adata, before)
    axes = plt.subplots()[1]
    assert ag.pl.argen_responders(adata, genes=["D", "other0"], sources="C", ax=axes, show=False) is axes
    assert sorted(text.get_text() for text in axes.get_xticklabels()) == ["D", "other0"]
    with pytest.raises(InputError, match="genes names genes that are not in the responders: nope"):
        ag.pl.argen_responders(adata, genes=["nope"], show=False)
    with pytest.raises(InputError, match="top=0"):
        ag.pl.argen_responders(adata, top=0, show=False)
    other = toy(n_others=0)
    ag.tl.argen_dag(other, **KWARGS, responders=None)
    with pytest.raises(MissingResultError, match="responders='all'"):
        ag.pl.argen_responders(other, show=False)


def test_the_network_with_the_strongest_and_the_others_counted():
    adata = analysed()
    graph = ag.get.graph(adata, responders=True)
    for i, z in enumerate([9.0, -8.0, 7.0]):
        name = f"other{i}"
        graph.add_node(name, order=10 + i, layer=3, kind="responder")
        graph.add_edge("C", name, weight=0.5, z=z, kind="responder")
    graph.edges["C", "D"]["z"] = 1.0
    part, note = strongest_responders(graph, 2)
    assert set(part) - {"A", "B", "C"} == {"other0", "other1"}
    assert note == "further genes: C 2"
    part, note = strongest_responders(graph, 1, named=["D"])
    assert set(part) - {"A", "B", "C"} == {"other0", "D"}
    assert strongest_responders(ag.get.graph(adata), 3)[1] == ""


def test_network_volcano_and_effects_take_them():
    adata = analysed()
    ax = ag.pl.argen_network(adata, responders=3, show=False)
    texts = [text.get_text() for text in ax.texts]
    assert "D" in texts
    assert "D" not in [text.get_text() for text in ag.pl.argen_network(adata, show=False).texts]
    ax = ag.pl.argen_volcano(adata, table="pairs", sources="C", responders=True, show=False)
    assert "D" in [text.get_text() for text in ax.texts]
    ag.pl.argen_volcano(adata, responders=True, targets="D", show=False)
    ax = ag.pl.argen_effects(adata, gene="D", show=False)
    assert "D where its parents are perturbed" in ax.get_title(loc="left")
    ag.pl.argen_effects(adata, gene="other0", perturbations=["A", "B"], show=False)
    with pytest.raises(InputError, match="no tested effect"):
        ag.pl.argen_effects(adata, gene="D", perturbations=["A"], reverse=True, show=False)
    with pytest.raises(InputError, match="responders=-1"):
        ag.pl.argen_network(adata, responders=-1, show=False)
