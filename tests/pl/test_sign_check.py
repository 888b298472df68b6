"""What the picture of signs shows: points, quarters, the share, and what it says about the rest."""

import re
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from statsmodels.stats.proportion import proportion_confint

import argen as ag
from argen.errors import MissingResultError
from argen.pl import _style as style
from argen.pl._sign_check import draw_sign_check


def table_of(n, seed=0, n_wrong=0, n_untested=0):
    """Edges whose forward effect agrees but for `n_wrong` significant ones; the reverse effects are noise."""
    rng = np.random.default_rng(seed)
    coef = rng.choice([-1, 1], n) * rng.gamma(6, 0.08, n)
    names = {"source": [f"SOURCE{i}" for i in range(n)], "target": [f"T{i}" for i in range(n)]}
    table = pd.DataFrame(names, dtype=object)
    table["coef"], table["se"] = coef, 0.05
    table["effect"] = -coef * rng.gamma(4, 0.3, n) * np.where(np.arange(n) < n_wrong, -1, 1)
    table["reverse_effect"] = rng.normal(0, 0.1, n)
    table.loc[n - n_untested :, ["effect", "reverse_effect"]] = np.nan
    for prefix in ("", "reverse_"):
        table[f"{prefix}effect_se"] = 0.1
        product = table["coef"] * -table[f"{prefix}effect"]
        table[f"{prefix}agrees"] = pd.array(product > 0, dtype="boolean")
        table.loc[product.isna(), f"{prefix}agrees"] = pd.NA
        table[f"{prefix}significant"] = table[f"{prefix}effect"].abs() > 0.3
    return table


def symbols(ax):
    """Points with their marker, colour and whether they are filled."""
    for line in ax.lines:
        if line.get_marker() in ("o", "D", "<", ">", "^", "v"):
            face = line.get_markerfacecolor()
            for x, y in line.get_xydata():
                yield x, y, line.get_marker(), line.get_color(), face != "white"


def tick_labels(axis):
    """Labels of the ticks in view; matplotlib keeps some outside."""
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def words_of(ax):
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [8, 45, 400])
def test_every_edge_is_drawn(n, reverse):
    table = table_of(n, n_wrong=3)
    ax = draw_sign_check(table, reverse=reverse)
    prefix = "reverse_" if reverse else ""
    drawn = sorted(symbols(ax))
    assert len(drawn) == n
    expected = table.assign(y=-table[f"{prefix}effect"]).sort_values(["coef", "y"])
    limits = ax.get_xlim()[1], ax.get_ylim()[1]
    np.testing.assert_allclose([d[0] for d in drawn], expected["coef"].clip(-limits[0], limits[0]))
    np.testing.assert_allclose([d[1] for d in drawn], expected["y"].clip(-limits[1], limits[1]))
    for (x, y, marker, color, filled), row in zip(drawn, expected.itertuples(), strict=True):
        agrees = getattr(row, f"{prefix}agrees")
        assert (x * y > 0) == agrees
        assert color == (style.PLAIN_COLOR if agrees else style.ALERT_COLOR)
        if abs(x) < limits[0] and abs(y) < limits[1]:
            assert marker == ("o" if agrees else "D")
        assert filled == getattr(row, f"{prefix}significant")
    assert (len(ax.containers) > 0) == (n <= 40)


@pytest.mark.parametrize(("n", "n_wrong"), [(8, 0), (8, 8), (45, 3), (400, 21)])
def test_share_and_interval(n, n_wrong):
    ax = draw_sign_check(table_of(n, n_wrong=n_wrong))
    low, high = (round(100 * x) for x in proportion_confint(n - n_wrong, n, method="wilson"))
    share = round(100 * (n - n_wrong) / n)
    assert ax.get_title(loc="left") == f"{n - n_wrong} of {n} edges agree in sign"
    assert f"{share} %, 95 % interval {low}–{high} %" in words_of(ax)


@pytest.mark.parametrize(
    ("n", "n_wrong", "digits"), [(100, 1, 1), (400, 1, 2), (400, 399, 2), (2000, 1, 2), (9000, 1, 3)]
)
def test_nothing_is_rounded_to_none_or_all(n, n_wrong, digits):
    words = next(word for word in words_of(draw_sign_check(table_of(n, n_wrong=n_wrong))) if "interval" in word)
    low, high = (100 * x for x in proportion_confint(n - n_wrong, n, method="wilson"))
    numbers = [f"{x:.{digits}f}" for x in (100 * (n - n_wrong) / n, low, high)]
    assert words == "{} %, 95 % interval {}–{} %".format(*numbers)
    assert all(0 < float(x) < 100 for x in numbers)


def test_most_digits():
    words = words_of(draw_sign_check(table_of(60_000, n_wrong=1)))
    assert any(word.startswith("99.998 %, 95 % interval 99.991–99.999 %") for word in words)


def test_what_is_not_compared_is_counted():
    table = table_of(30, n_untested=4)
    ax = draw_sign_check(table)
    assert "4 edges without an effect: SOURCE26→T26, SOURCE27→T27 and 2 more" in words_of(ax)
    assert ax.get_title(loc="left") == "26 of 26 edges agree in sign"
    n = int(table["significant"].sum())
    assert f"of {n} with a significant effect {n} agree" in words_of(ax)
    assert len(list(symbols(ax))) == 26


def test_quarters_of_agreement_are_shaded():
    ax = draw_sign_check(table_of(20))
    ax.figure.canvas.draw()
    image = np.asarray(ax.figure.canvas.buffer_rgba())
    for x, y, shaded in ((0.97, 0.97, True), (0.03, 0.03, True), (0.03, 0.97, False), (0.97, 0.03, False)):
        column, row = ax.transAxes.transform((x, y)).astype(int)
        color = image[image.shape[0] - row, column, :3] / 255
        np.testing.assert_allclose(color, to_rgb(style.NODE_FACE) if shaded else (1, 1, 1), atol=0.01)


def test_names_of_what_needs_a_look():
    table = table_of(45, n_wrong=3)
    wrong = set((table["source"] + "→" + table["target"])[table["significant"] & ~table["agrees"].astype(bool)])
    assert {word for word in words_of(draw_sign_check(table)) if "→" in word} == wrong
    assert len({word for word in words_of(draw_sign_check(table_of(8))) if "→" in word}) == 8
    assert not {word for word in words_of(draw_sign_check(table_of(45))) if "→" in word}
    back = table.assign(reverse_significant=np.arange(45) % 9 == 0)
    assert len({word for word in words_of(draw_sign_check(back, reverse=True)) if "→" in word}) == 5


def test_names_that_find_no_place_are_counted():
    ax = draw_sign_check(table_of(400, n_wrong=60))
    named = sum("→" in word for word in words_of(ax))
    wanted = int((table_of(400, n_wrong=60)["significant"] & ~table_of(400, n_wrong=60)["agrees"].astype(bool)).sum())
    assert 5 <= named < wanted
    assert f"{named} of {wanted} edges named (significant and different)" in words_of(ax)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("n", "n_wrong", "n_untested"), [(2, 1, 0), (8, 2, 3), (45, 9, 5), (400, 60, 30)])
def test_no_words_overlap_or_leave_the_figure(n, n_wrong, n_untested, reverse):
    ax = draw_sign_check(table_of(n, n_wrong=n_wrong, n_untested=n_untested), reverse=reverse)
    ax.figure.canvas.draw()
    renderer, frame = ax.figure.canvas.get_renderer(), ax.figure.bbox
    words = [*ax.texts, ax._left_title, ax.xaxis.label, ax.yaxis.label, *ax.get_legend().get_texts()]
    words += [*tick_labels(ax.xaxis), *tick_labels(ax.yaxis)]
    boxes = [t.get_window_extent(renderer) for t in words if t.get_text()]
    for a, b in combinations(boxes, 2):
        assert min(a.x1, b.x1) - max(a.x0, b.x0) <= 1 or min(a.y1, b.y1) - max(a.y0, b.y0) <= 1
    assert all(frame.x0 <= b.x0 and b.x1 <= frame.x1 and frame.y0 <= b.y0 and b.y1 <= frame.y1 for b in boxes)


def test_long_names_of_what_is_not_compared_leave_the_line_readable():
    table = table_of(5, n_untested=2)
    table["source"] += "-A-LONG-NAME-OF-A-GENE-WITH-A-VERSION.12"
    assert "2 edges without an effect" in words_of(draw_sign_check(table))


def test_far_edges_stand_at_the_border():
    table = table_of(100)
    table.loc[0, ["coef", "effect"]] = [50.0, -0.5]
    table.loc[0, "agrees"] = True
    ax = draw_sign_check(table)
    assert ax.get_xlim()[1] < 5
    triangles = [symbol for symbol in symbols(ax) if symbol[2] == ">"]
    assert [(x, y) for x, y, *_ in triangles] == [(ax.get_xlim()[1], 0.5)]
    assert "1 edge beyond the axes, drawn at the border" in words_of(ax)
    few = table.head(20)
    assert draw_sign_check(few).get_xlim()[1] > 50


def test_nothing_to_compare():
    empty = draw_sign_check(table_of(0))
    assert "no edge was selected" in words_of(empty)
    untested = draw_sign_check(table_of(3, n_untested=3))
    assert "no edge has an effect to compare with" in words_of(untested)
    assert "3 edges without an effect: SOURCE0→T0, SOURCE1→T1, SOURCE2→T2" in words_of(untested)
    assert draw_sign_check(table_of(1)).get_title(loc="left") == "1 of 1 edge agrees in sign"


def test_of_a_result(done, monkeypatch):
    _, own = plt.subplots()
    ax = ag.pl.argen_sign_check(done, ax=own, show=False)
    assert ax is own
    edges, pairs = ag.get.edges(done), ag.get.pairs(done).set_index(["source", "target"])["effect"]
    expected = {(e.coef, -pairs[e.source, e.target]) for e in edges.itertuples()}
    assert {(x, y) for x, y, *_ in symbols(ax)} == expected
    back = ag.pl.argen_sign_check(done, reverse=True, show=False)
    assert {(x, y) for x, y, *_ in symbols(back)} == {(e.coef, -pairs[e.target, e.source]) for e in edges.itertuples()}
    match = sum((e.coef > 0) == (pairs[e.target, e.source] < 0) for e in edges.itertuples())
    share = int(re.match(r"\d+", back.get_title(loc="left"))[0])
    assert share == round(100 * match / len(edges))
    assert any("about half is expected" in word for word in words_of(back))
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_sign_check(done, show=True) is None
    assert shown == [True]
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_dag first"):
        ag.pl.argen_sign_check(done, key="nope")


def test_order_of_rows_changes_only_their_order():
    table = table_of(45, n_wrong=5)
    left, right = draw_sign_check(table), draw_sign_check(table.iloc[::-1].reset_index(drop=True))
    assert sorted(symbols(left)) == sorted(symbols(right))
    assert sorted(words_of(left)) == sorted(words_of(right))
