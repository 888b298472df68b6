"""What the quantile–quantile plots show."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import responder_screens

import argen as ag
from argen.errors import InputError, MissingResultError


@pytest.fixture(scope="module")
def adata():
    adata = ag.datasets.simulate(genes=6, n_controls=600, control_guides=5, intercept=1.0, guide_counts=True)
    ag.pp.argen_guides(adata)
    adata = adata["rna"]
    ag.tl.argen_dag(adata, depth="depth")
    ag.tl.argen_calibration(adata)
    return adata


def points(ax, marker):
    return next(line for line in ax.lines if line.get_marker() == marker)


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_both_pictures_show_the_tables(adata):
    axes = ag.pl.argen_calibration(adata, show=False)
    assert len(axes) == 2
    qq, summary = ag.get.calibration(adata, table="qq"), ag.get.calibration(adata).set_index("nulls")
    for ax, nulls, marker in ((axes[0], "guides", "D"), (axes[0], "splits", "o"), (axes[1], "edges", "o")):
        part, line = qq[qq["nulls"] == nulls], points(ax, marker)
        np.testing.assert_array_equal(line.get_xdata(), part["expected"])
        np.testing.assert_array_equal(line.get_ydata(), part["observed"])
        row = summary.loc[nulls]
        assert (
            f"{row['n_tests']:.0f} tests, {row['rate_05']:.3f} ± {row['rate_05_se']:.3f} below .05" in line.get_label()
        )
        assert line.get_label() in texts(ax)
        assert ax.get_ylim()[1] > part["observed"].max()
    assert axes[0].get_title() == "pseudo-perturbations; 6 of 6 knock-downs detected"
    assert axes[1].get_title() == "placebo edges"
    band = axes[0].collections[0].get_paths()[0].vertices  # around the guides, the fewest tests
    guides = qq[qq["nulls"] == "guides"]
    assert {round(y, 9) for y in band[:, 1]} == {round(y, 9) for y in [*guides["low"], *guides["high"]]}
    level = next(line for line in axes[1].lines if line.get_linestyle() == ":")
    assert level.get_ydata()[0] == pytest.approx(-np.log10(summary.loc["edges", "level"]))


def test_readable(adata):
    for ax in ag.pl.argen_calibration(adata, show=False):
        figure = ax.get_figure()
        figure.canvas.draw()
        frame = figure.bbox
        labels = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_legend().get_texts()]
        boxes = [text.get_window_extent() for text in labels]
        for box in boxes:
            assert frame.x0 - 1 <= box.x0 < box.x1 <= frame.x1 + 1
            assert frame.y0 - 1 <= box.y0 < box.y1 <= frame.y1 + 1
        for a, b in combinations(boxes, 2):
            assert not a.padded(-1).overlaps(b.padded(-1))
        assert ax.get_legend().get_window_extent().y1 < ax.get_window_extent().y0  # hides no point


def test_a_far_level_does_not_stretch_the_axis(adata):
    other = adata.copy()
    other.uns["argen_calibration"]["tables"]["summary"]["level"] = 1e-60
    ax = ag.pl.argen_calibration(other, kind="descendants", show=False)
    assert not [line for line in ax.lines if line.get_linestyle() == ":"]
    assert ax.get_ylim()[1] < 20


def test_without_guides_and_edges(adata):
    other = adata.copy()
    tables = other.uns["argen_calibration"]["tables"]
    tables["summary"] = tables["summary"].query("nulls != 'guides'").copy()
    tables["qq"] = tables["qq"].query("nulls == 'splits'").copy()
    tables["summary"].loc[tables["summary"]["nulls"] == "edges", "n_tests"] = 0
    axes = ag.pl.argen_calibration(other, show=False)
    assert len(axes) == 1
    assert not [line for line in axes[0].lines if line.get_marker() == "D"]
    with pytest.raises(InputError, match="kind='edges' needs placebo tests"):
        ag.pl.argen_calibration(other, kind="edges", show=False)


def test_a_third_picture_for_responders():
    adata = responder_screens.analysed().copy()
    with pytest.raises(MissingResultError):
        ag.pl.argen_calibration(adata, show=False)
    ag.tl.argen_calibration(adata, n_splits=3)
    assert len(ag.pl.argen_calibration(adata, show=False)) == 2
    with pytest.raises(
        InputError, match=r"kind='responders' needs placebo tests.*argen_calibration\(adata, responders"
    ):
        ag.pl.argen_calibration(adata, kind="responders", show=False)
    ag.tl.argen_calibration(adata, n_splits=3, responders=True)
    axes = ag.pl.argen_calibration(adata, show=False)
    assert [ax.get_title() for ax in axes][1:] == ["placebo edges", "placebo edges to responders"]
    qq, summary = ag.get.calibration(adata, table="qq"), ag.get.calibration(adata).set_index("nulls")
    line = points(axes[2], "o")
    np.testing.assert_array_equal(line.get_ydata(), qq.loc[qq["nulls"] == "responders", "observed"])
    assert f"{summary.loc['responders', 'rate_05']:.3f}" in line.get_label()
    level = next(line for line in axes[2].lines if line.get_linestyle() == ":")
    assert level.get_ydata()[0] == pytest.approx(-np.log10(summary.loc["responders", "level"]))


def test_own_axes_show_and_bad_input(adata, monkeypatch):
    _, ax = plt.subplots()
    assert ag.pl.argen_calibration(adata, kind="edges", ax=ax, show=False) is ax
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_calibration(adata, show=True) is None
    assert shown == [True]
    with pytest.raises(InputError, match="ax holds one picture"):
        ag.pl.argen_calibration(adata, ax=ax)
    with pytest.raises(InputError, match="kind='pie' is not one of None, 'descendants'"):
        ag.pl.argen_calibration(adata, kind="pie")
    with pytest.raises(MissingResultError, match=r"Run ag.tl.argen_calibration first"):
        ag.pl.argen_calibration(adata, key="other")
