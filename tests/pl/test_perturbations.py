"""What the panel of instruments shows."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import argen as ag
from argen.errors import InputError, MissingResultError
from argen.pl import _style as style
from argen.pl._named_rows import MAX_NAMED
from argen.pl._perturbations import draw_perturbations


def table_of(n, seed=0, network=True):
    """Perturbations of which the first has a wide interval, the second no estimate."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"perturbation": [f"GENE{i}-{'X' * (i % 9)}" for i in range(n)], "status": "kept"})
    table["n_cells"] = rng.integers(30, 400, n)
    table["effect"], table["se"] = rng.normal(-1.2, 0.6, n), rng.gamma(3, 0.07, n)
    table.loc[0, "se"] = 1.41
    table.loc[1, ["effect", "se"]] = np.nan
    table["ci_low"], table["ci_high"] = table["effect"] - 1.96 * table["se"], table["effect"] + 1.96 * table["se"]
    table["z_squared"] = (table["effect"] / table["se"]) ** 2
    table["weak"] = ~(table["z_squared"] >= 10)
    if network:
        table["n_candidate_edges"] = rng.integers(0, max(n // 3, 3), n)
        table["n_edges"] = table["n_candidate_edges"] // 3
    return table


def points(ax, marker):
    lines = [line for line in ax.lines if line.get_marker() == marker]
    return np.concatenate([np.column_stack([line.get_xdata(), line.get_ydata()]).astype(float) for line in lines])


@pytest.mark.parametrize("n", [8, 45, 400])
def test_points_strips_and_order(n):
    table = table_of(n)
    ax = draw_perturbations(table)
    ranked = table.assign(s=table["z_squared"].fillna(-1)).sort_values(["s", "perturbation"], ignore_index=True)
    for weak, marker, color in ((False, "o", style.PLAIN_COLOR), (True, "D", style.ALERT_COLOR)):
        part = ranked[(ranked["weak"] == weak) & ranked["z_squared"].notna()]
        np.testing.assert_allclose(points(ax, marker), np.column_stack([part["effect"], part.index]))
        line = next(line for line in ax.lines if line.get_marker() == marker)
        assert line.get_color() == color
    cells, edges = ax.child_axes
    assert [bar.get_width() for bar in cells.patches] == ranked["n_cells"].tolist()
    candidates, selected = (container.datavalues.tolist() for container in edges.containers)
    assert (candidates, selected) == (ranked["n_candidate_edges"].tolist(), ranked["n_edges"].tolist())
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"strong", "weak: z² < 10"}
    assert f"{table['weak'].sum()} of {n} weak, 1 without an estimate" in ax.get_title(loc="left")


@pytest.mark.parametrize("n", [8, 45, MAX_NAMED, MAX_NAMED + 1, 400])
def test_names_do_not_overlap_and_stay_inside(n):
    table = table_of(n)
    ax = draw_perturbations(table)
    figure = ax.figure
    figure.canvas.draw()
    renderer, frame = figure.canvas.get_renderer(), figure.bbox
    names = [t for t in [*ax.get_yticklabels(), *ax.texts] if t.get_text()]
    boxes = [t.get_window_extent(renderer) for t in names]
    for a, b in combinations(sorted(boxes, key=lambda box: box.y0), 2):
        assert b.y0 >= a.y1 - 2 or a.y0 >= b.y1 - 2
    strips = [t for child in ax.child_axes for t in [child.title, *child.texts, *child.get_xticklabels()]]
    heading = next(t for t in (ax._left_title, ax.title) if t.get_text())
    everything = [*names, *strips, ax.xaxis.label, ax.yaxis.label, heading, *ax.get_legend().get_texts()]
    for box in (t.get_window_extent(renderer) for t in everything if t.get_text()):
        assert (box.x0, box.y0) >= (frame.x0 - 1, frame.y0 - 1)
        assert box.y0 >= frame.y0 - 1
        assert box.x1 <= frame.x1 + 1
        assert box.y1 <= frame.y1 + 1
    assert not heading.get_window_extent(renderer).overlaps(ax.child_axes[0].title.get_window_extent(renderer))
    if n <= MAX_NAMED:
        assert {t.get_text() for t in names} == set(table["perturbation"])
    else:
        shown = [t for t in ax.texts if t.get_color() == style.ALERT_COLOR]
        missing = int(table["weak"].sum()) - len(shown)
        assert (f"{missing} weak not named" in heading.get_text()) == (missing > 0)
        ranked = table[table["weak"]].assign(s=table["z_squared"].fillna(-1), n=-table["n_candidate_edges"])
        weakest = ranked.sort_values(["n", "s", "perturbation"])["perturbation"].tolist()[: len(shown)]
        assert len(shown) >= 10
        ends = {name if len(name) <= 14 else f"{name[:8]}…{name[-5:]}" for name in weakest}
        assert {t.get_text().strip() for t in shown} == ends
        assert sum(t.get_color() == style.INK for t in ax.texts) == 5


def test_without_a_network():
    ax = draw_perturbations(table_of(8, network=False))
    assert len(ax.child_axes) == 1


def test_all_weak_or_all_strong_or_unknown():
    table = table_of(100)
    for weak in (True, False):
        draw_perturbations(table.assign(weak=weak, z_squared=5.0 if weak else 50.0))
    draw_perturbations(table.assign(effect=np.nan, ci_low=np.nan, ci_high=np.nan, z_squared=np.nan, weak=True))


def test_of_a_result(done, monkeypatch):
    _, own = plt.subplots()
    ax = ag.pl.argen_perturbations(done, ax=own, show=False)
    assert ax is own
    perturbations = ag.get.perturbations(done).sort_values("z_squared")
    assert [t.get_text() for t in ax.get_yticklabels()] == perturbations["perturbation"].tolist()
    np.testing.assert_allclose(points(ax, "o")[:, 0], perturbations["effect"])
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_perturbations(done, show=True) is None
    assert shown == [True]


def test_names_are_texts():
    name = "$\\alpha_{$ <g>"
    for n in (8, 100):
        table = table_of(n)
        table.loc[1, "perturbation"] = name
        ax = draw_perturbations(table)
        ax.figure.canvas.draw()
        assert name in {t.get_text().strip() for t in [*ax.get_yticklabels(), *ax.texts]}


def test_errors(done):
    with pytest.raises(MissingResultError, match=r"Run ag\.tl\.argen_descendants first"):
        ag.pl.argen_perturbations(done, key="nope")
    with pytest.raises(InputError, match="No perturbation was kept"):
        draw_perturbations(table_of(8).assign(status="dropped"))
