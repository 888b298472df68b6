"""What the picture of the reach of the perturbations shows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from boxes import outside, overlaps, texts_of
from matplotlib.colors import to_hex
from toy import assert_same

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError
from argen.pl import _style as style
from argen.pl._descendants import draw_descendants


def table_of(n, seed=0, network=True, n_cyclic=3):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"perturbation": [f"GENE{i}-{'X' * (i % 9)}" for i in range(n)], "status": "kept"})
    table["n_descendants"] = rng.poisson(rng.gamma(0.5, n / 10, n))
    table["cycle"] = -1
    table.loc[rng.choice(n, n_cyclic, replace=False), "cycle"] = 0
    table["n_skipped"] = np.where(table["cycle"] >= 0, 2, 0)
    table["n_significant"] = table["n_descendants"] + table["n_skipped"]
    if network:
        table["n_edges"] = table["n_descendants"] // 3
        table["n_indirect"] = table["n_descendants"] - table["n_edges"]
    return table


def bars(ax):
    """Ends of the bars by label and row."""
    return {
        container.get_label(): {round(bar.get_y() + bar.get_height() / 2): bar for bar in container}
        for container in ax.containers
    }


@pytest.mark.parametrize("n", [8, 45, 60])
def test_bars_symbols_and_names(n):
    table = table_of(n)
    ax = draw_descendants(table)
    ranked = table.sort_values(["n_descendants", "n_significant", "perturbation"], ascending=[True, True, False])
    ranked = ranked.reset_index(drop=True)
    assert [text.get_text() for text in ax.get_yticklabels()] == ranked["perturbation"].tolist()
    drawn = bars(ax)
    for i, row in ranked.iterrows():
        start = 0
        for label, column in (
            ("children", "n_edges"),
            ("further descendants", "n_indirect"),
            ("significant, but against the order", "n_skipped"),
        ):
            bar = drawn[label].get(i)
            assert (bar.get_width() if bar else 0) == row[column]
            assert bar is None or bar.get_x() == start
            start += row[column]
    (diamonds,) = ax.collections
    np.testing.assert_array_equal(diamonds.get_offsets()[:, 1], np.flatnonzero(ranked["cycle"] >= 0))
    written = {round(text.get_position()[1]): text.get_text() for text in ax.texts}
    assert written == {i: str(value) for i, value in ranked["n_descendants"].items()}
    none = int((table["n_descendants"] == 0).sum())
    assert ax.get_title(loc="left") == f"{none} of {n} perturbations without a descendant, 3 in 1 cycle"
    assert [text.get_text() for text in ax.get_legend().get_texts()][-1] == "in a cycle of significant pairs"
    assert not overlaps(texts_of(ax))
    assert not outside(texts_of(ax))


@pytest.mark.parametrize("n_cyclic", [0, 5, 150])
def test_many_targets_are_ranks(n_cyclic):
    table = table_of(400, n_cyclic=n_cyclic)
    ax = draw_descendants(table)
    kept = table[(table["n_descendants"] > 0) | (table["cycle"] >= 0)]
    heading = ax.get_title(loc="left")
    assert f"({len(kept)} of 400 perturbations)" in ax.get_ylabel()
    none, hidden = int((table["n_descendants"] == 0).sum()), 400 - len(kept)
    assert hidden > 0
    if n_cyclic and none == hidden:
        assert heading.startswith(f"{none} of 400 perturbations without a descendant (not drawn)\n")
    elif n_cyclic:
        assert f"{none} of 400 perturbations without a descendant ({hidden} of them not drawn)" in heading
    else:
        assert heading == f"{none} of 400 perturbations without a descendant (not drawn)\nnone in a cycle"
    names = {text.get_text().strip(): text.get_color() for text in ax.texts}
    farthest = kept.nlargest(15, "n_descendants", keep="all")["perturbation"]
    first = {name if len(name) <= 14 else f"{name[:8]}…{name[-5:]}" for name in farthest}
    assert len(set(names) & first) >= 15
    in_cycle = [name for name, color in names.items() if color == style.ALERT_COLOR]
    unnamed = n_cyclic - len(in_cycle)
    assert (f"({unnamed} of them not named)" in heading) == (unnamed > 0)
    assert (unnamed > 0) == (n_cyclic == 150)
    assert not overlaps(texts_of(ax))
    assert not outside(texts_of(ax))


def test_without_a_network_or_cycles_or_descendants():
    ax = draw_descendants(table_of(8, network=False, n_cyclic=0))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["descendants"]
    assert ax.get_title(loc="left").startswith("no network: children not marked\n")
    assert ax.get_title(loc="left").endswith("none in a cycle")
    for n in (8, 100):
        nothing = table_of(n, n_cyclic=0).assign(n_descendants=0, n_edges=0, n_indirect=0)
        assert f"{n} of {n} perturbations without a descendant" in draw_descendants(nothing).get_title(loc="left")


def test_of_a_result(done, monkeypatch):
    before = done.copy()
    _, own = plt.subplots()
    ax = ag.pl.argen_descendants(done, ax=own, show=False)
    assert ax is own
    assert_same(before, done)
    pairs, edges = ag.get.pairs(done, selected=True), ag.get.edges(done)
    order = [text.get_text() for text in ax.get_yticklabels()]
    drawn = bars(ax)
    for i, gene in enumerate(order):
        children = set(edges.loc[edges["source"] == gene, "target"])
        below = set(pairs.loc[pairs["source"] == gene, "target"])
        sizes = [drawn[name].get(i) for name in ("children", "further descendants")]
        assert [bar.get_width() if bar else 0 for bar in sizes] == [len(children), len(below - children)]
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_descendants(done, show=True) is None
    assert shown == [True]


def test_the_key_holds_what_is_drawn():
    """An entry without a bar would have a colour that stands for nothing."""
    table = table_of(8, n_cyclic=0)
    table = table.assign(n_edges=table["n_descendants"], n_indirect=0)
    ax = draw_descendants(table)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["children"]
    (patch,) = ax.get_legend().get_patches()
    assert to_hex(patch.get_facecolor()).upper() == style.PLAIN_COLOR
    assert draw_descendants(table.assign(n_edges=0, n_descendants=0)).get_legend() is None


@pytest.mark.parametrize("plot", [ag.pl.argen_descendants, ag.pl.argen_perturbations])
def test_a_network_of_another_name_is_pointed_at(done, plot):
    adata = done.copy()
    adata.uns["my$net"] = adata.uns.pop("argen_dag")
    ax = plot(adata, show=False)
    assert ax.get_title(loc="left").split("\n")[0].endswith("(there is network='my$net')")
    assert not outside(texts_of(ax))
    assert not overlaps(texts_of(ax))
    assert "no network" not in plot(adata, network="my$net", show=False).get_title(loc="left")


def test_genes_that_left_have_no_row(done):
    with pytest.warns(ArgenWarning, match="1 of the 4 genes .* left out: B"):
        ax = ag.pl.argen_descendants(done[:, done.var_names != "B"].copy(), show=False)
    assert {text.get_text() for text in ax.get_yticklabels()} == {"A", "C", "D"}
    assert ax.get_xlabel() == "genes below (of 2 others)"


def test_rows_and_texts():
    table = table_of(45)
    table.loc[3, "perturbation"] = "$\\alpha_{$ <g>"
    one, other = (draw_descendants(t) for t in (table, table.sample(frac=1.0, random_state=1)))
    names = [[text.get_text() for text in ax.get_yticklabels()] for ax in (one, other)]
    assert names[0] == names[1]
    assert "$\\alpha_{$ <g>" in names[0]
    one.figure.canvas.draw()


def test_errors(done):
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_descendants first"):
        ag.pl.argen_descendants(done, key="nope")
    with pytest.raises(InputError, match="No perturbation was kept"):
        draw_descendants(table_of(8).assign(status="dropped"))
