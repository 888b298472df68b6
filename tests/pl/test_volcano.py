"""What the volcano shows: places, symbols by state, names, and what is beyond the border or missing."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from boxes import outside, overlaps, texts_of
from matplotlib.colors import to_hex
from responder_screens import simulated
from toy import assert_same, toy

import argen as ag
from argen.errors import InputError, MissingResultError
from argen.pl import _style as style
from argen.pl._named_rows import short
from argen.pl._volcano import draw_volcano, volcano_table


def edges_of(n_genes, n, seed=0):
    """Candidates as `get.edges` has them, without outliers."""
    rng = np.random.default_rng(seed)
    pairs = rng.choice(n_genes * (n_genes - 1) // 2, n, replace=False)
    i, j = (index[pairs] for index in np.triu_indices(n_genes, 1))
    coef, se = rng.uniform(-0.6, 0.6, n), rng.uniform(0.03, 0.1, n)
    table = pd.DataFrame({"source": [f"GENE{k}" for k in i], "target": [f"GENE{k}" for k in j], "coef": coef})
    table["p"] = np.exp(-0.5 * (coef / se) ** 2)
    return table.assign(selected=table["p"] < 0.01, weak=rng.random(n) < 0.1, required=False)


def symbols(ax):
    """Points with what they look like, legend entries left out."""
    rows = []
    for part in ax.collections:
        face = part.get_facecolor()
        color = to_hex(part.get_edgecolor()[0]).upper()
        shape = len(part.get_paths()[0].vertices)
        rows += [(*point, len(face) > 0 and color, shape) for point in np.asarray(part.get_offsets()).tolist()]
    return pd.DataFrame(rows, columns=["x", "y", "filled", "shape"]).dropna()


@pytest.mark.parametrize(("n_genes", "n"), [(8, 20), (45, 350), (400, 1700)])
def test_points_and_states(n_genes, n):
    edges = edges_of(n_genes, n)
    ax = draw_volcano(volcano_table(edges))
    drawn = symbols(ax).sort_values(["x", "y"], ignore_index=True)
    expected = edges.assign(y=-np.log10(edges["p"])).sort_values(["coef", "y"], ignore_index=True)
    np.testing.assert_allclose(drawn["x"], expected["coef"])
    np.testing.assert_allclose(drawn["y"], expected["y"])
    color = np.where(expected["coef"] >= 0, style.POSITIVE_COLOR, style.NEGATIVE_COLOR)
    filled = [look if found else False for look, found in zip(color, expected["selected"], strict=True)]
    assert drawn["filled"].tolist() == filled
    assert (drawn.loc[expected["weak"], "shape"] == 5).all()  # a diamond has four corners
    assert (drawn.loc[~expected["weak"], "shape"] > 5).all()
    n_found = int(edges["selected"].sum())
    named = f", {len(ax.texts)} of them named" if len(ax.texts) < n_found else ""
    assert ax.get_title(loc="left") == f"{n} candidate edges, {n_found} selected{named}"
    assert n_genes == 8 or named
    entries = [text.get_text() for text in ax.get_legend().get_texts()]
    positive = int((edges["selected"] & (edges["coef"] >= 0)).sum())
    assert entries == [
        f"not selected ({n - n_found})", f"selected, positive ({positive})",
        f"selected, negative ({n_found - positive})", f"diamond: weak instruments ({edges['weak'].sum()})",
    ]  # fmt: skip


@pytest.mark.parametrize(("n_genes", "n"), [(8, 20), (45, 350), (400, 1700)])
def test_names_of_the_strongest(n_genes, n):
    edges = edges_of(n_genes, n, seed=2)
    ax = draw_volcano(volcano_table(edges))
    names = [text.get_text() for text in ax.texts]
    strongest = edges[edges["selected"]].nsmallest(15, "p")
    allowed = [f"{a} → {b}" for a, b in zip(strongest["source"], strongest["target"], strict=True)]
    assert len(names) >= min(3, len(allowed))  # the cloud leaves little room for more
    assert set(names) <= set(allowed)
    assert not overlaps(texts_of(ax))
    assert not outside(texts_of(ax))


def test_outliers_zeros_and_missing_values_are_counted():
    edges = edges_of(45, 350)
    edges.loc[0, ["coef", "p", "selected", "weak"]] = [40.0, 0.9, False, True]
    edges.loc[1, ["coef", "p", "selected"]] = [-35.0, 0.8, False]
    edges.loc[2, ["coef", "p", "selected", "weak"]] = [0.5, 0.0, True, False]
    edges.loc[3, ["coef", "p", "selected", "weak"]] = [-0.5, 1e-300, True, False]
    edges.loc[4, ["coef", "p", "selected"]] = [np.nan, np.nan, False]
    edges.loc[5, "required"] = True
    ax = draw_volcano(volcano_table(edges))
    first, *notes = ax.get_title(loc="left").split("\n")
    assert first.startswith("350 candidate edges")
    assert notes[0].startswith("◂▸ 2 effects beyond ±0.6, to 40 in size")
    assert notes[1].startswith("▴ 2 p-values below 1e−")
    assert notes[1].endswith("1 of them 0 in floating point")
    assert notes[2:] == ["1 without a p-value not drawn", "1 required by prior knowledge, not tested"]
    drawn = symbols(ax)
    assert len(drawn) == 349
    triangles = drawn[drawn["shape"] == 4]
    wide = edges["coef"].iloc[6:].abs().max()
    np.testing.assert_allclose(sorted(triangles["x"]), [-wide, -0.5, 0.5, wide])
    assert triangles["y"].nlargest(2).nunique() == 1
    assert triangles["y"].max() <= ax.get_ylim()[1]


def pairs_of(edges):
    columns = {"source": "source", "target": "target", "coef": "effect", "selected": "significant"}
    return edges[[*columns, "p"]].rename(columns=columns).assign(mde_level=0.01)


def test_long_names_are_shortened_and_counted():
    edges = edges_of(45, 350)
    for name in ("source", "target"):
        edges[name] = edges[name] + "-a-very-long-name-of-a-locus-that-fills-the-whole-picture"
    ax = draw_volcano(volcano_table(edges))
    names = [text.get_text() for text in ax.texts]
    assert len(names) >= 3
    assert {end for name in names for end in name.split(" → ")} <= {short(name) for name in edges["source"]} | {
        short(name) for name in edges["target"]
    }
    assert ax.get_title(loc="left").endswith(f" selected, {len(names)} of them named")
    assert not overlaps(texts_of(ax))


def test_groups_without_counts_stand_at_the_border():
    edges = edges_of(45, 350)
    pairs = pairs_of(edges).assign(flags="")
    limits = draw_volcano(volcano_table(pairs)).get_xlim()
    pairs.loc[[0, 1], ["effect", "p", "significant", "flags"]] = [-7.6, 1e-30, True, "separated"]
    ax = draw_volcano(volcano_table(pairs))
    assert "◂ 2 pairs without a count in the perturbed cells: −∞" in ax.get_title(loc="left").split("\n")
    assert "beyond" not in ax.get_title(loc="left")
    drawn = symbols(ax)
    triangles = drawn[drawn["shape"] == 4]
    assert len(triangles) == 2
    rest = drawn.drop(triangles.index)["x"]
    assert rest.min() - np.ptp(limits) / 10 < triangles["x"].iloc[0] < rest.min()
    assert np.ptp(ax.get_xlim()) < 1.2 * np.ptp(limits)
    only = pairs.iloc[:2].assign(gene=["A", "B"], target="C")
    assert draw_volcano(volcano_table(only)).get_title(loc="left").startswith("2 pairs on C, 2 significant")


@pytest.mark.filterwarnings("ignore:. of the 4 genes:argen.errors.ArgenWarning")
def test_genes_that_left_are_counted(done):
    left = done[:, done.var_names != "B"].copy()
    for table, whole, ends, noun in (
        ("edges", ag.get.edges(done, selected=False), ["source", "target"], "candidate edge"),
        ("pairs", ag.get.pairs(done), ["source", "target"], "pair"),
    ):
        gone = int((whole[ends] == "B").any(axis=1).sum())
        heading = ag.pl.argen_volcano(left, table=table, show=False).get_title(loc="left")
        assert heading.startswith(f"{len(whole) - gone} {noun}")
        assert heading.endswith(f"\n{gone} {noun}s of genes that left the object not drawn")
    heading = ag.pl.argen_volcano(done[:, ["B"]].copy(), show=False).get_title(loc="left")
    assert heading.startswith("no candidate edge is left\n")


def test_pairs_have_one_level():
    ax = draw_volcano(volcano_table(pairs_of(edges_of(45, 900))))
    lines = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in lines] == [2.0]
    assert "level in force: 0.01" in [text.get_text() for text in ax.get_legend().get_texts()]
    assert not [line for line in draw_volcano(volcano_table(edges_of(8, 20))).lines if line.get_linestyle() == ":"]


def levels_of(ax):
    """Height and look of the lines of levels, by their words in the legend."""
    words = {text.get_text() for text in ax.get_legend().get_texts()}
    lines = {line.get_label(): line for line in ax.lines if line.get_label() in words}
    return {label: (line.get_ydata()[0], line.get_linestyle(), line.get_color()) for label, line in lines.items()}


def test_every_family_of_pairs_has_its_level():
    pairs = pairs_of(edges_of(45, 900))
    kind = np.where(pairs["target"] < "GENE3", "network", "responder")
    level = np.where(kind == "network", 0.01, 0.0001)
    pairs = pairs.assign(kind=kind, mde_level=level)
    found = levels_of(draw_volcano(volcano_table(pairs)))
    assert {label: height for label, (height, *_) in found.items()} == {
        "level in force, network: 0.01": 2.0,
        "level in force, responders: 0.0001": 4.0,
    }
    looks = [look for _, *look in found.values()]
    assert looks[0][0] != looks[1][0]
    assert looks[0][1] != looks[1][1]
    # Of a family without a point there is no line, and one line needs no name.
    for kind, words, height in (("network", "0.01", 2.0), ("responder", "0.0001", 4.0)):
        part = pairs[pairs["kind"] == kind]
        untested = pairs.assign(p=pairs["p"].where(pairs["kind"] == kind))
        for drawn in (volcano_table(part), volcano_table(pairs, targets=set(part["target"])), volcano_table(untested)):
            assert levels_of(draw_volcano(drawn)) == {f"level in force: {words}": (height, ":", style.INK)}


def test_levels_of_a_result_with_responders():
    adata = simulated().copy()
    pairs = ag.get.pairs(adata, responders=True)
    level = pairs.groupby("kind")["mde_level"].max()
    assert level["network"] != level["responder"]
    ax = ag.pl.argen_volcano(adata, table="pairs", responders=True, show=False)
    heights = {label.split(":")[0]: height for label, (height, *_) in levels_of(ax).items()}
    assert heights == {
        "level in force, network": -np.log10(level["network"]),
        "level in force, responders": -np.log10(level["responder"]),
    }
    responder = pairs.loc[pairs["kind"] == "responder", "target"].iloc[0]
    ax = ag.pl.argen_volcano(adata, table="pairs", responders=True, targets=responder, show=False)
    assert [height for height, *_ in levels_of(ax).values()] in ([-np.log10(level["responder"])], [])
    edges = ag.pl.argen_volcano(adata, responders=True, show=False)
    assert levels_of(edges) == {}


def test_all_pairs_of_400_genes():
    rng = np.random.default_rng(1)
    n = 159_600
    p = np.r_[rng.random(n - 500), 10.0 ** -rng.uniform(5, 60, 500)]
    effect = rng.choice([-1, 1], n) * np.sqrt(-np.log(p)) / 10
    pairs = pd.DataFrame({"source": [f"G{i % 400}" for i in range(n)], "target": [f"G{i // 400}" for i in range(n)]})
    pairs = pairs.assign(effect=effect, p=p, significant=p < 1e-5, mde_level=1e-5)
    ax = draw_volcano(volcano_table(pairs))
    ax.figure.canvas.draw()
    assert all(part.get_rasterized() for part in ax.collections if len(part.get_offsets().compressed()) > 2)
    assert not overlaps(texts_of(ax))
    assert len(ax.texts) >= 3


def test_of_one_gene_or_on_one_gene():
    edges = edges_of(8, 20, seed=3).assign(selected=True)
    source = edges["source"].mode()[0]
    ax = draw_volcano(volcano_table(edges, sources=[source]))
    children = set(edges.loc[edges["source"] == source, "target"])
    assert len(children) > 1
    assert ax.get_title(loc="left").startswith(f"{len(children)} candidate edges of {source}, ")
    assert {text.get_text() for text in ax.texts} <= children
    both = volcano_table(edges, sources=[source], targets=sorted(children)[:1])
    assert draw_volcano(both).get_title(loc="left") == "1 candidate edge, 1 selected"


def test_the_order_of_the_rows_does_not_matter():
    edges = edges_of(45, 350)
    drawn = [draw_volcano(volcano_table(table)) for table in (edges, edges.sample(frac=1.0, random_state=1))]
    names = [[(text.get_text(), *text.get_position()) for text in ax.texts] for ax in drawn]
    assert names[0] == names[1]
    pd.testing.assert_frame_equal(*map(symbols, drawn))


def test_nothing_found_and_nothing_there():
    edges = edges_of(8, 20).assign(selected=False)
    assert draw_volcano(volcano_table(edges)).get_title(loc="left") == "20 candidate edges, no edge was selected"
    assert draw_volcano(volcano_table(edges[:0])).get_title(loc="left") == "no candidate edge"
    nothing = edges.assign(p=np.nan, coef=np.nan)
    assert "20 without a p-value not drawn" in draw_volcano(volcano_table(nothing)).get_title(loc="left")


def test_of_a_result(done, monkeypatch):
    before = done.copy()
    _, own = plt.subplots()
    ax = ag.pl.argen_volcano(done, ax=own, show=False)
    assert ax is own
    edges = ag.get.edges(done, selected=False)
    np.testing.assert_allclose(np.sort(symbols(ax)["x"]), np.sort(edges["coef"]))
    pairs = ag.get.pairs(done)
    ax = ag.pl.argen_volcano(done, table="pairs", sources="A", show=False)
    np.testing.assert_allclose(np.sort(symbols(ax)["x"]), np.sort(pairs.loc[pairs["source"] == "A", "effect"]))
    ax = ag.pl.argen_volcano(done, table="pairs", targets=["A", "B"], show=False)
    np.testing.assert_allclose(
        np.sort(symbols(ax)["x"]), np.sort(pairs.loc[pairs["target"].isin(["A", "B"]), "effect"])
    )
    assert_same(before, done)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_volcano(done, show=True) is None
    assert shown == [True]


def test_errors(done):
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.pl.argen_volcano(done, key="nope")
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_descendants first"):
        ag.pl.argen_volcano(toy(), table="pairs")
    with pytest.raises(InputError, match=r"table='pair' is not one of 'edges', 'pairs'"):
        ag.pl.argen_volcano(done, table="pair")
    for table in ("edges", "pairs"):
        with pytest.raises(InputError, match="sources=3: give the name of a gene"):
            ag.pl.argen_volcano(done, table=table, sources=3)
        with pytest.raises(InputError, match="No gene is named by targets"):
            ag.pl.argen_volcano(done, table=table, targets=[])
    with pytest.raises(InputError, match=r"not in the descendant step in .*'argen_descendants'\]: x\. It has A, B, C"):
        ag.pl.argen_volcano(done, table="pairs", sources="x")
    with pytest.raises(InputError, match=r"targets names genes that are not in the network: other0, x\. It has A, B"):
        ag.pl.argen_volcano(done, targets=["other0", "x"])


def test_a_network_without_p_values_says_so(done):
    adata = done.copy()
    ag.tl.inspre(adata)
    with pytest.raises(InputError, match=r"uns\['inspre'\] has no p-values.*argen_heatmap"):
        ag.pl.argen_volcano(adata, key="inspre")
