"""What the pictures of degrees, layers and centrality show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from boxes import outside, overlaps, texts_of
from toy import assert_same

import argen as ag
from argen.errors import InputError, MissingResultError, StaleResultError
from argen.pl import _degree
from argen.pl._degree import KINDS, Look, draw_degree
from argen.pl._named_rows import short


def table_of(graph):
    """As `get.centrality`, with walks that networkx does not count: any numbers do."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        [(g, d["order"], d["layer"], graph.in_degree(g), graph.out_degree(g)) for g, d in graph.nodes(data=True)],
        columns=["gene", "order", "layer", "in_degree", "out_degree"],
    )
    for name in ("in", "out"):
        table[f"katz_{name}"] = 0.1 * table[f"{name}_degree"] * rng.uniform(1, 2, len(table))
    return table.sort_values("order", ignore_index=True)


@pytest.mark.parametrize(("n", "n_edges"), [(8, 12), (45, 90), (400, 900)])
@pytest.mark.parametrize("kind", ["in_degree", "out_degree", "layer"])
def test_distributions(make_dag, n, n_edges, kind):
    graph = make_dag(n, n_edges, 1, hubs=2)
    table = table_of(graph)
    ax = draw_degree(table, kind)
    heights = {round(bar.get_x() + bar.get_width() / 2): bar.get_height() for bar in ax.patches}
    assert {k: v for k, v in heights.items() if v} == table[kind].value_counts().to_dict()
    heading = ax.get_title(loc="left")
    if kind == "layer":
        assert heading == f"{n} genes in {table['layer'].max() + 1} layers"
    else:
        most = table[kind].max()
        assert f"mean {n_edges / n:.2g}; most {most}: " in heading
        holders = {short(gene) for gene in table.loc[table[kind] == most, "gene"]}
        assert heading.split(": ")[1].split(" and ")[0] in holders
    assert not overlaps(texts_of(ax))
    assert not outside(texts_of(ax))


@pytest.mark.parametrize(("n", "n_edges"), [(8, 12), (45, 90), (60, 90), (400, 900)])
@pytest.mark.parametrize("kind", ["katz_out", "katz_in"])
def test_rankings(make_dag, n, n_edges, kind):
    table = table_of(make_dag(n, n_edges, 1, hubs=2))
    ax = draw_degree(table, kind, look=Look(attenuation=0.25))
    ranked = table.sort_values([kind, "order"], ascending=[False, True])
    drawn = ranked if n <= 60 else ranked[ranked[kind] > 0]
    dots = ax.collections[1].get_offsets()
    np.testing.assert_allclose(dots[::-1, 0], drawn[kind])
    assert "(attenuation 0.25)" in ax.get_xlabel()
    if n <= 60:
        assert [text.get_text() for text in ax.get_yticklabels()][::-1] == [short(gene) for gene in ranked["gene"]]
    else:
        names = [text.get_text().strip() for text in ax.texts][::-1]
        assert names == [short(gene) for gene in ranked["gene"][:25]]
        assert ax.get_title(loc="left").endswith(f"{len(drawn)} genes; {n - len(drawn)} with 0 not drawn")
    assert not overlaps(texts_of(ax))
    assert not outside(texts_of(ax))


def test_of_a_result(done, monkeypatch):
    before = done.copy()
    axes = ag.pl.argen_degree(done, attenuation=0.5, show=False)
    assert len(axes) == len(KINDS) == 5
    assert not overlaps(texts_of(*axes))
    assert not outside(texts_of(*axes))
    table = ag.get.centrality(done, attenuation=0.5).set_index("gene")
    for ax, kind in zip(axes[3:], KINDS[3:], strict=True):
        names = [text.get_text() for text in ax.get_yticklabels()]
        np.testing.assert_allclose(ax.collections[1].get_offsets()[:, 0], table.loc[names, kind])
    _, own = plt.subplots()
    assert ag.pl.argen_degree(done, kind="in_degree", ax=own, show=False) is own
    assert_same(before, done)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_degree(done, show=True) is None
    assert shown == [True]


def test_nothing_selected(done):
    adata = done.copy()
    ag.tl.argen_dag(adata, alpha=1e-300, key_added="strict")
    axes = ag.pl.argen_degree(adata, key="strict", show=False)
    assert axes[0].get_title(loc="left") == "4 genes, no edge was selected"
    with pytest.raises(StaleResultError, match="None of the 4 genes"):
        ag.pl.argen_degree(adata[:, ["other0"]].copy(), show=False)
    for ax in axes[3:]:  # an axis of numbers would show sizes that there are not
        assert ax.get_title(loc="left") == "Katz centrality, 4 genes; no gene has a walk"
        assert [text.get_text() for text in ax.get_xticklabels()] == ["0"]
        assert ax.get_xlim() == (0.0, 1.0)


@pytest.mark.parametrize("n", [9, 45, 400])
def test_long_names_on_a_page(done, make_dag, monkeypatch, n):
    """Headings side by side, and names between the rankings: nothing over anything."""
    table = table_of(make_dag(n, 2 * n, 1, hubs=2))
    table["gene"] = [f"WWWWWWWW-{i:03}-LONG-NAME-OF-A-LOCUS" for i in range(n)]
    monkeypatch.setattr(_degree, "centrality_of", lambda *_: table)
    axes = ag.pl.argen_degree(done, show=False)
    assert not overlaps(texts_of(*axes))
    assert not outside(texts_of(*axes))
    own = ag.pl.argen_degree(done, kind="katz_in", show=False)
    assert not outside(texts_of(own))
    table.attrs["n_edges_left_out"] = 14
    table[["in_degree", "out_degree", "layer", "katz_in", "katz_out"]] = 0
    monkeypatch.setattr(ag.get, "graph", lambda *_, **__: type("G", (), {"graph": {"n_edges_left_out": 14}}))
    axes = ag.pl.argen_degree(done, show=False)
    assert "14 edges selected,\nnone with both genes" in axes[0].get_title(loc="left")
    assert not overlaps(texts_of(*axes))


def test_names_are_texts(make_dag):
    table = table_of(make_dag(8, 12, 1))
    table.loc[table["katz_out"].idxmax(), "gene"] = "$\\alpha_{$ <g>"
    table.loc[table["out_degree"].idxmax(), "gene"] = "$\\beta_{$"
    for kind in KINDS:
        draw_degree(table, kind).figure.canvas.draw()


def test_errors(done):
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.pl.argen_degree(done, key="nope")
    with pytest.raises(InputError, match="kind='degree' is not one of"):
        ag.pl.argen_degree(done, kind="degree")
    with pytest.raises(InputError, match="ax holds one picture: name its kind"):
        ag.pl.argen_degree(done, ax=plt.figure().add_subplot())
    with pytest.raises(InputError, match="attenuation=0 is not a finite number larger than 0"):
        ag.pl.argen_degree(done, attenuation=0)
