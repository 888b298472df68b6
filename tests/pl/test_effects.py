"""What the picture of a gene under perturbation shows: curves, zeros, fold changes, words."""

import re
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from boxes import overlaps
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from scipy.stats import gaussian_kde
from toy import GENES, KWARGS, set_count, toy

import argen as ag
from argen.errors import ArgenWarning, InputError, MissingResultError, StaleResultError
from argen.pl import _style as style
from argen.pl._densities import curves_of, log_limits
from argen.pl._effect_rows import MAX_PARENTS, MAX_PERTURBATIONS
from argen.pl._effects import draw_effects
from argen.pl._fold_changes import fold_words


def tables(n, mean=5.0, seed=0, reverse=False, n_cells=60, n_control=300):
    """Cells and rows of `n` parents as ``get.expression`` and ``effect_rows`` give them."""
    rng = np.random.default_rng(seed)
    names = [f"GENE{i}{'-AS1' * (i % 3)}" for i in range(n)]
    effects = rng.normal(-0.3, 0.6, n)
    rows = pd.DataFrame({"name": names, "effect": effects, "se": rng.gamma(4, 0.03, n), "p": rng.random(n) ** 6})
    rows["significant"], rows["flags"], rows["n_perturbed"] = rows["p"] < 0.01, "", n_cells
    rows["gene"], rows["group"] = (rows["name"], "CHILD") if reverse else ("CHILD", rows["name"])
    rows["coef"] = np.where(np.arange(n) % 5 == 4, np.nan, rng.normal(0, 0.5, n))
    parts = []
    for row in rows.itertuples():
        for group, fold, size in (("control", 1.0, n_control), (row.group, np.exp(row.effect), n_cells)):
            expected = mean * rng.gamma(5, 0.2, size)
            y = rng.poisson(expected * fold)
            cells = [f"{group}{i}" for i in range(size)]
            parts.append(
                pd.DataFrame({"cell": cells, "gene": row.gene, "group": group, "count": y, "expected": expected})
            )
            if group == "control" and not reverse and row.Index > 0:
                parts.pop()
    cells = pd.concat(parts, ignore_index=True)
    cells["relative"] = cells["count"] / cells["expected"]
    control = cells[cells["group"] == "control"].groupby("gene")["expected"].mean()
    return cells.assign(adjusted=cells["relative"] * cells["gene"].map(control)), rows


def tick_labels(axis):
    """Labels of the ticks in view; matplotlib keeps some outside."""
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def texts_of(ax):
    """All words of the picture but the key."""
    own = [t for axes in (ax, *ax.child_axes) for t in [*axes.texts, axes.xaxis.label, *tick_labels(axes.xaxis)]]
    return [t for t in [*own, ax._left_title] if t.get_text()]


def polygons(ax):
    """Outline of every filled curve, by height of its row from below."""
    found = {}
    for collection in (c for c in ax.collections if isinstance(c, PolyCollection)):
        points = collection.get_paths()[0].vertices
        found[round(points[:, 1].min())] = (points, collection.get_facecolor()[0])
    return found


def upright(ax):
    """Solid upright lines by row: the means."""
    lines = [line for line in ax.lines if line.get_color() == style.INK and line.get_linestyle() == "-"]
    return {round(line.get_ydata()[0]): line.get_xdata()[0] for line in lines}


def area(points):
    """Area over log10(x) of the curve that stands on the lowest height of the polygon."""
    base = points[:, 1].min()
    top = points[points[:, 1] > base]
    x, order = np.log10(top[:, 0]), np.argsort(top[:, 0])
    return np.trapezoid(top[order, 1] - base, x[order])


@pytest.mark.parametrize("mean", [0.3, 5.0, 50.0])
def test_curves_are_densities_of_what_is_above_zero(mean):
    rng = np.random.default_rng(3)
    values = rng.poisson(mean * rng.gamma(5, 0.2, 4000)) * rng.gamma(20, 0.05, 4000)
    limits = log_limits([values], np.array([mean]))
    (curve,) = curves_of([values], limits)
    positive = values[values > 0]
    expected = gaussian_kde(np.log10(positive), "scott")(np.log10(curve.x)) * (values > 0).mean()
    np.testing.assert_allclose(curve.height, expected, atol=0.03 * expected.max())
    assert curve.zeros == (values == 0).mean()
    x = np.log10(curve.x)
    assert np.trapezoid(curve.height, x) == pytest.approx(1 - curve.zeros, abs=0.01)
    assert limits[0] < mean < limits[1]


def test_values_that_say_nothing():
    silent, nothing = np.zeros(5), np.empty(0)
    curves = curves_of([silent, nothing], log_limits([silent, nothing], np.array([np.nan])))
    assert curves[0].zeros == 1.0
    assert np.isnan(curves[1].zeros)
    assert not any(curve.height.any() for curve in curves)


@pytest.mark.parametrize("mean", [0.3, 50.0])
@pytest.mark.parametrize("n", [1, 8])
def test_rows_from_above(n, mean):
    cells, rows = tables(n, mean)
    ax = draw_effects(cells, rows, gene="CHILD")
    shapes, zeros = polygons(ax), {(g): (p["count"] == 0).mean() for g, p in cells.groupby("group")}
    assert sorted(shapes) == list(range(n + 1))
    of_control = area(shapes[n][0]) / (1 - zeros["control"])
    base = cells.loc[cells["group"] == "control", "expected"].mean()
    for i, row in enumerate(rows.itertuples()):
        points, face = shapes[n - 1 - i]
        assert area(points) / (1 - zeros[row.group]) == pytest.approx(of_control, rel=0.05)
        color = style.NEGATIVE_COLOR if row.effect < 0 else style.POSITIVE_COLOR
        assert tuple(face[:3]) == to_rgb(color if row.significant else style.ISOLATED_EDGE)
        assert upright(ax)[n - 1 - i] == pytest.approx(base * np.exp(row.effect))
    dashed = [line for line in ax.lines if line.get_linestyle() == "--" and len(set(line.get_xdata())) == 1]
    assert dashed[0].get_xdata()[0] == pytest.approx(base)


@pytest.mark.parametrize("reverse", [False, True])
def test_fold_changes_and_words(reverse):
    cells, rows = tables(6, reverse=reverse)
    rows.loc[0, "p"] = 3.2e-12
    ax = draw_effects(cells, rows, gene="CHILD", reverse=reverse)
    strip = ax.child_axes[1]
    dots = {round(line.get_ydata()[0] - 0.34): line for line in strip.lines if line.get_marker() == "o"}
    bars = {round(line.get_ydata()[0] - 0.34): line.get_xdata() for line in strip.lines if len(line.get_xdata()) == 2}
    words = {round(text.get_position()[1] - 0.34): text.get_text() for text in strip.texts}
    for i, row in enumerate(rows.itertuples()):
        at = len(rows) - 1 - i
        assert dots[at].get_xdata()[0] == pytest.approx(np.exp(row.effect))
        assert (dots[at].get_markerfacecolor() == "white") == (not row.significant)
        ends = np.exp(row.effect + 1.959963984540054 * row.se * np.array([-1, 1]))
        np.testing.assert_allclose(bars[at], ends)
        assert words[at].startswith(f"×{np.exp(row.effect):.2f} [{ends[0]:.2f}, {ends[1]:.2f}]\np = ")
    assert words[len(rows) - 1].endswith("p = 3.2e-12")
    if reverse:
        assert len(words) == len(rows)
        assert "relative to the control level" in ax.get_xlabel()
        assert np.isclose([line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == "--"], 1.0).any()
    else:
        assert words[len(rows)].startswith("level ")
        assert ax.get_xlabel() == "adjusted counts of CHILD per cell"


def test_shares_of_cells_without_a_count():
    cells, rows = tables(4, mean=0.3)
    strip = draw_effects(cells, rows, gene="CHILD").child_axes[0]
    words = {int(text.get_position()[1]): text.get_text() for text in strip.texts}
    for i, row in enumerate(rows.itertuples()):
        share = (cells.loc[cells["group"] == row.group, "count"] == 0).mean()
        assert words[3 - i] == f"{100 * share:.0f} %"
    control = (cells.loc[cells["group"] == "control", "count"] == 0).mean()
    assert words[4] == f"{100 * control:.0f} %"
    assert all(line.get_xdata()[0] == control for line in strip.lines)


def overlapping(boxes):
    return [
        1
        for a, b in combinations(boxes, 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 1 < min(a.y1, b.y1) - max(a.y0, b.y0)
    ]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("n", "mean"), [(1, 0.05), (3, 0.3), (8, 5.0), (12, 50.0), (16, 3000.0)])
def test_no_words_overlap_or_leave_the_figure(n, mean, reverse):
    cells, rows = tables(n, mean, reverse=reverse)
    rows.loc[n - 1, ["name", "gene" if reverse else "group"]] = "A-VERY-LONG-NAME-OF-A-GENE.12"
    ax = draw_effects(cells, rows, gene="CHILD", reverse=reverse, n_all=40)
    renderer, frame = ax.figure.canvas.get_renderer(), ax.figure.bbox
    ax.figure.canvas.draw()
    boxes = [t.get_window_extent(renderer) for t in [*texts_of(ax), *ax.get_legend().get_texts()]]
    assert not overlapping(boxes)
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)
    assert f"{n} of 40 parents shown" in ax.get_title(loc="left")


def test_groups_without_counts_or_an_estimate():
    cells, rows = tables(4)
    cells.loc[cells["group"] == rows["group"][0], ["count", "relative", "adjusted"]] = 0
    rows.loc[0, ["effect", "se", "flags"]] = [-7.0, 1.41, "separated"]
    rows.loc[1, ["effect", "se", "p", "flags"]] = [np.nan, np.nan, np.nan, "not converged"]
    cells.loc[cells["group"] == rows["group"][1], ["expected", "relative", "adjusted"]] = np.nan
    ax = draw_effects(cells, rows, gene="CHILD")
    zeros, folds = ax.child_axes
    assert folds.get_xlim()[0] > 0.1
    words = [text.get_text() for text in folds.texts]
    assert words[0].startswith("no counts\np = ")
    assert words[1] == "no estimate:\nnot converged"
    assert [line.get_xdata()[0] for line in folds.lines if line.get_marker() == "<"] == [folds.get_xlim()[0]]
    assert sum(line.get_marker() == "o" for line in folds.lines) == 2
    assert [text.get_text() for text in zeros.texts[:2]] == ["100 %", "unknown"]
    assert "60 cells left out, without control counts" in ax.get_title(loc="left")
    assert sorted(upright(ax)) == [0, 1, 2, 3]
    assert [np.isnan(x) for x in (upright(ax)[3], upright(ax)[2], upright(ax)[1])] == [True, True, False]


def test_wide_intervals_are_cut_and_marked():
    cells, rows = tables(5)
    rows["se"] = [3.0, 0.05, 0.05, 0.05, 0.05]
    strip = draw_effects(cells, rows, gene="CHILD").child_axes[1]
    marks = {line.get_marker(): line.get_xdata()[0] for line in strip.lines if line.get_marker() in ("<", ">")}
    assert marks == {"<": strip.get_xlim()[0], ">": strip.get_xlim()[1]}


def names_of(ax):
    return [text.get_text() for text in ax.texts][::2]


def test_parents_of_a_result(done, monkeypatch):
    edges = ag.get.edges(done)
    own = edges[edges["target"] == "D"].assign(size=lambda t: t["coef"].abs()).sort_values("size", ascending=False)
    before = done.uns["argen_dag"]["tables"]["edges"].copy()
    _, given = plt.subplots()
    ax = ag.pl.argen_effects(done, gene="D", ax=given, show=False)
    assert ax is given
    assert names_of(ax) == [*own["source"], "control"]
    effect = ag.get.pairs(done).set_index(["source", "target"])["effect"]
    dots = [line.get_xdata()[0] for line in ax.child_axes[1].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, np.exp(effect[[(source, "D") for source in own["source"]]]))
    assert f"edge +{own['coef'].iloc[0]:.2f}, 60 cells" in [text.get_text() for text in ax.texts]
    back = ag.pl.argen_effects(done, gene="D", reverse=True, show=False)
    assert names_of(back) == own["source"].tolist()
    dots = [line.get_xdata()[0] for line in back.child_axes[1].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, np.exp(effect[[("D", source) for source in own["source"]]]))
    assert "D is perturbed (60 cells, 200 control cells)" in back.get_title(loc="left")
    pd.testing.assert_frame_equal(done.uns["argen_dag"]["tables"]["edges"], before)
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_effects(done, gene="D", show=True) is None
    assert shown == [True]


def test_lines_are_the_level_of_the_controls_and_its_fold_change(done):
    """The ratio of sums that the step's fit makes of raw counts, seen in the picture, and no mean of what is drawn."""
    ax = ag.pl.argen_effects(done, gene="D", perturbations="A", show=False)
    cells = ag.get.expression(done, genes="D", perturbations="A")
    sums = cells.groupby("group")[["count", "expected"]].sum()
    mean = cells.loc[cells["group"] == "control", "count"].mean()
    assert upright(ax)[0] == pytest.approx(mean * sums.loc["A", "count"] / sums.loc["A", "expected"])
    assert not np.isclose(upright(ax)[0], cells.loc[cells["group"] == "A", "adjusted"].mean(), rtol=1e-4)
    said = [text.get_text() for text in ax.get_legend().get_texts()]
    assert said[1:3] == ["control level", "control level × fold change"]
    assert not any("mean" in text.get_text() for text in (*texts_of(ax), *ax.get_legend().get_texts()))


def test_named_targets_with_and_without_a_network(done):
    ax = ag.pl.argen_effects(done, gene="B", perturbations=["D", "A"], show=False)
    assert names_of(ax) == ["D", "A", "control"]
    assert [text.get_text() for text in ax.texts][1] == "no edge, 60 cells"
    alone = toy()
    ag.tl.argen_descendants(alone, **KWARGS)
    ax = ag.pl.argen_effects(alone, gene="B", perturbations="D", show=False)
    assert [text.get_text() for text in ax.texts] == ["D", "60 cells", "control", "200 cells"]
    back = ag.pl.argen_effects(alone, gene="B", perturbations="D", reverse=True, show=False)
    assert [text.get_text() for text in back.texts] == ["D"]
    for adata in (done, alone):
        with pytest.raises(MissingResultError, match=r"argen_dga'\] is missing"):
            ag.pl.argen_effects(adata, gene="B", perturbations="D", key="argen_dga")
    ag.tl.argen_descendants(alone, **KWARGS, key_added="other")
    del alone.uns["argen_descendants"]
    assert ag.pl.argen_effects(alone, gene="B", perturbations="D", descendants="other", show=False)
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.pl.argen_effects(alone, gene="B", descendants="other")


def test_too_many_rows_are_counted():
    genes = [f"G{i:02d}" for i in range(20)]
    adata = toy(genes=genes, n_per_target=15)
    ag.tl.argen_dag(adata, **KWARGS)
    ax = ag.pl.argen_effects(adata, gene="G00", perturbations=genes[1:], show=False)
    p = ag.get.pairs(adata).query("target == 'G00'").set_index("source")["p"].sort_values()
    assert set(names_of(ax)) == {*p.index[:MAX_PERTURBATIONS], "control"}
    assert f"{MAX_PERTURBATIONS} of 19 perturbations shown, those with the smallest p-values" in ax.get_title(
        loc="left"
    )
    edges = adata.uns["argen_dag"]["tables"]["edges"]
    template = edges[edges["selected"]].iloc[[0] * 15].reset_index(drop=True)
    coef = np.linspace(0.1, 1.5, 15) * np.where(np.arange(15) % 2, 1, -1)
    adata.uns["argen_dag"]["tables"]["edges"] = template.assign(source=genes[:15], target="G19", coef=coef)
    # Many perturbations that all have an edge: still those with the smallest p-values, as the heading says.
    adata.uns["argen_dag"]["tables"]["edges"] = template.iloc[[0] * 19].assign(source=genes[1:], target="G00")
    order = p.index[::-1].tolist()
    ax = ag.pl.argen_effects(adata, gene="G00", perturbations=order, show=False)
    assert names_of(ax) == [*order[19 - MAX_PERTURBATIONS :], "control"]
    assert f"{MAX_PERTURBATIONS} of 19 perturbations shown, those with the smallest p-values" in ax.get_title(
        loc="left"
    )
    assert not any(text.get_text().startswith("no edge") for text in ax.texts)
    adata.uns["argen_dag"]["tables"]["edges"] = template.assign(source=genes[:15], target="G19", coef=coef)
    ax = ag.pl.argen_effects(adata, gene="G19", show=False)
    assert names_of(ax) == [*genes[14 : 14 - MAX_PARENTS : -1], "control"]
    assert f"{MAX_PARENTS} of 15 parents shown, those with the strongest edges" in ax.get_title(loc="left")


def test_cells_of_a_row_are_those_of_its_estimate():
    adata = toy()
    alone = (adata.obs["gene"] == "A") & (np.arange(adata.n_obs) % 4 == 0)
    adata.obs["batch"] = pd.Categorical(np.where(alone, "b9", adata.obs["batch"].astype(str)))
    with pytest.warns(ArgenWarning, match=r"15 of 240 perturbed cells .* without control cells \('b9'\)"):
        ag.tl.argen_descendants(adata, **KWARGS)
    ax = ag.pl.argen_effects(adata, gene="B", perturbations=["A", "C"], show=False)
    n = int(alone.sum())
    assert [text.get_text() for text in ax.texts][1::2] == [f"{60 - n} of 60 cells", "60 cells", "200 cells"]
    assert f"{n} cells left out" in ax.get_title(loc="left")


@pytest.mark.parametrize(
    ("fold", "words"),
    [
        (0.000123, "×0.00012"), (0.0123, "×0.012"), (0.5, "×0.50"), (9.5, "×9.50"), (12.3, "×12"), (95.4, "×95"),
        (123.4, "×123"), (4321.0, "×4,321"), (2.5e7, "×2.5e+07"),
    ],
)  # fmt: skip
def test_numbers_of_fold_changes(fold, words):
    _, rows = tables(1)
    (text,) = fold_words(rows.assign(effect=np.log(fold)), None, tall=False)
    assert text.split(" ")[0] == words


def test_names_of_a_family_stay_apart():
    cells, rows = tables(8)
    names = [f"VERY_LONG_GENE_NAME_{i}" for i in range(8)]
    cells["group"] = cells["group"].replace(dict(zip(rows["name"], names, strict=True)))
    ax = draw_effects(cells, rows.assign(name=names, group=names), gene="VERY_LONG_GENE_NAME_9")
    assert names_of(ax) == [*(f"VERY_LONG_G…NAME_{i}" for i in range(8)), "control"]
    assert "VERY_LONG_G…NAME_9" in ax.get_xlabel()


def boxes_of(ax):
    renderer = ax.figure.canvas.get_renderer()
    return [t.get_window_extent(renderer) for t in [*texts_of(ax), *ax.get_legend().get_texts()]]


@pytest.mark.parametrize("layout", ["none", "constrained"])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [1, 3, 5])
@pytest.mark.parametrize("size", [(12, 5), (10, 4)])
def test_given_axes_hold_everything(size, n, reverse, layout):
    cells, rows = tables(n, reverse=reverse)
    rows.loc[0, "p"] = 1.2e-110
    figure, axes = plt.subplots(1, 2, figsize=size, layout=layout)
    places = [ax.get_window_extent().frozen() for ax in axes]
    for ax in axes:
        draw_effects(cells, rows, gene="CHILD", reverse=reverse, n_all=40, ax=ax)
    figure.canvas.draw()
    left, right = ([*boxes_of(ax), ax.get_legend().get_window_extent()] for ax in axes)
    for boxes, place in ((left, places[0]), (right, places[1])):
        assert max(box.x1 for box in boxes) <= place.x1
        assert min(box.y0 for box in boxes) >= place.y0
    assert min(box.x0 for box in left) >= 0
    assert min(box.x0 for box in right) >= max(box.x1 for box in left)
    assert max(box.y1 for box in [*left, *right]) <= figure.bbox.y1
    for ax in axes:
        assert not overlaps([*texts_of(ax), *ax.get_legend().get_texts()])
        assert ax.get_tightbbox().x1 <= places[axes.tolist().index(ax)].x1
        assert min(text.get_fontsize() for text in texts_of(ax)) >= 5.0


def test_a_neighbour_that_is_laid_out_is_not_covered():
    cells, rows = tables(3)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    draw_effects(cells, rows, gene="CHILD", ax=axes[0])
    figure.canvas.draw()
    assert axes[0].get_tightbbox().x1 <= axes[1].get_tightbbox().x0


def test_a_later_layout_does_not_move_it():
    cells, rows = tables(3)
    figure, axes = plt.subplots(1, 2, figsize=(12, 5), layout="none")
    draw_effects(cells, rows, gene="CHILD", ax=axes[0])
    figure.canvas.draw()
    before = axes[0].get_tightbbox().bounds
    with pytest.warns(UserWarning, match="not compatible with tight_layout"):
        figure.tight_layout()
    figure.canvas.draw()
    assert axes[0].get_tightbbox().bounds == pytest.approx(before)


def test_narrow_axes_say_what_is_left_out_or_needed():
    cells, rows = tables(3)
    _, ax = plt.subplots(figsize=(4.4, 4.8))
    draw_effects(cells, rows, gene="CHILD", ax=ax)
    assert len(ax.child_axes) == 1
    assert "cells without a count are not shown" in ax.get_title(loc="left").replace("\n", " ")
    ax.figure.canvas.draw()
    assert not overlaps([*texts_of(ax), *ax.get_legend().get_texts()])
    assert max(box.x1 for box in boxes_of(ax)) <= 0.9 * ax.figure.bbox.width
    for size in ((2, 4), (7, 1)):
        _, ax = plt.subplots(figsize=size)
        with pytest.raises(InputError, match=r"ax is \d\.\d × \d\.\d inches; a picture of 4 rows needs") as error:
            draw_effects(cells, rows, gene="CHILD", ax=ax)
        place = ax.get_position()
        need = [float(x) for x in re.search(r"needs (\S+) × (\S+) there", str(error.value)).groups()]
        enough = plt.figure(figsize=(max(need[0], 2) / place.width + 1, need[1] / place.height + 1))
        draw_effects(cells, rows, gene="CHILD", ax=enough.subplots())


def test_order_of_cells_changes_nothing(done):
    other = toy()[np.random.default_rng(1).permutation(done.n_obs)].copy()
    ag.tl.argen_dag(other, **KWARGS)
    left, right = (ag.pl.argen_effects(adata, gene="D", show=False) for adata in (done, other))
    assert [t.get_text() for t in texts_of(left)] == [t.get_text() for t in texts_of(right)]
    for a, b in zip(left.lines, right.lines, strict=True):
        np.testing.assert_allclose(a.get_xydata(), b.get_xydata(), rtol=1e-6)


def test_names_are_texts(done):
    name = "$\\alpha_{$ <g>"
    adata = toy(genes=["A", "B", name])
    ag.tl.argen_descendants(adata, **KWARGS)
    for reverse in (False, True):
        ax = ag.pl.argen_effects(adata, gene=name, perturbations="A", reverse=reverse, show=False)
        ax.figure.canvas.draw()
        assert name in ax.get_title(loc="left")


def test_errors(done):
    assert not (ag.get.edges(done)["target"] == "A").any()
    with pytest.raises(
        InputError, match=r"A has no parents .* no edge to it was selected.* perturbations=\[\.\.\.\].* B, C, D"
    ):
        ag.pl.argen_effects(done, gene="A")
    with pytest.raises(InputError, match="other1 has no parents in"):
        ag.pl.argen_effects(done, gene="other1")
    with pytest.raises(InputError, match="gene='nope' has no tested effect in the descendant step, which has A, B"):
        ag.pl.argen_effects(done, gene="nope", perturbations="A")
    with pytest.raises(InputError, match="perturbations names other1, no perturbations of the descendant step"):
        ag.pl.argen_effects(done, gene="A", perturbations=["B", "other1"])
    with pytest.raises(InputError, match="perturbations names A itself"):
        ag.pl.argen_effects(done, gene="A", perturbations=["B", "A"])
    with pytest.raises(InputError, match="perturbations names no gene"):
        ag.pl.argen_effects(done, gene="A", perturbations=[])
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.pl.argen_effects(done, gene="A", key="nope")
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_descendants first"):
        ag.pl.argen_effects(toy(), gene="A", perturbations="B")
    with pytest.raises(InputError, match="takes an AnnData, not a NoneType"):
        ag.pl.argen_effects(None, gene="A")
    for gene in (["D"], None, 3):
        with pytest.raises(InputError, match="has to be the name of one gene"):
            ag.pl.argen_effects(done, gene=gene)
    nothing = done[:, ["other1"]].copy()
    for arguments in ({}, {"perturbations": "B"}):
        with pytest.raises(StaleResultError, match="None of the 4 genes"):
            ag.pl.argen_effects(nothing, gene="A", **arguments)
    changed = done.copy()
    set_count(changed, np.arange(changed.n_obs) == 0, "B", 99)
    with pytest.raises(StaleResultError, match="made from other cells, genes, counts"):
        ag.pl.argen_effects(changed, gene="D")
    assert len(GENES) == 4
