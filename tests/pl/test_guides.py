"""What the pictures of guide calling show."""

from itertools import combinations

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection

import argen as ag
from argen import get
from argen._bridge.mudatas import columns_stay
from argen.errors import InputError, MissingResultError
from argen.pl._guides import draw_cells, draw_knockdown


@pytest.fixture(autouse=True)
def close_figures():
    with columns_stay():
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def adata():
    with columns_stay():
        mdata = ag.datasets.simulate(
            genes=6, guides_per_target=3, guide_efficacy=[1.0, 1.0, 0.0], cells_per_perturbation=150, guide_counts=True,
            knockdown=-1.5, intercept=1.0,
        )  # fmt: skip
        ag.pp.argen_guides(mdata)
    return mdata["rna"]


def extents(ax, artists):
    renderer = ax.figure.canvas.get_renderer()
    return [artist.get_window_extent(renderer) for artist in artists]


def assert_readable(ax):
    """No label of the axis on another, everything within the figure."""
    ax.figure.canvas.draw()
    frame = ax.figure.figure.bbox
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        shown = [label for label in labels if label.get_text() and label.get_visible()]
        for a, b in combinations(extents(ax, shown), 2):
            assert not (min(a.x1, b.x1) > max(a.x0, b.x0) + 1 and min(a.y1, b.y1) > max(a.y0, b.y0) + 1)
    texts = [ax.title, ax.xaxis.label, ax.yaxis.label, *ax.get_yticklabels()]
    for box in extents(ax, [text for text in texts if text.get_text()]):
        assert box.x0 >= frame.x0 - 1
        assert box.x1 <= frame.x1 + 1


def test_all_pictures(adata):
    axes = ag.pl.argen_guides(adata, depth="depth", show=False)
    assert len(axes) == 4
    for ax in axes:
        assert_readable(ax)


def test_counts_by_call(adata):
    ax = ag.pl.argen_guides(adata, kind="counts", guide="G2_g1", show=False)
    table = adata.uns["argen_guides"]["tables"]["histogram"]
    table = table[table["guide"] == "G2_g1"]
    tops = {round(bar.get_x(), 9): bar.get_y() + bar.get_height() for bar in ax.patches}
    total = (table["n_called"] + table["n_not_called"]).to_numpy()
    expected = dict(zip(np.round(np.log10(table["umi_from"] + 0.5), 9), total, strict=True))
    assert tops == pytest.approx({x: n for x, n in expected.items() if n > 0})
    assert ax.get_yscale() == "log"
    assert ax.get_title().split("\n")[0] == "G2_g1"
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    drawn = {"with the call", "without the call", "expected background", "expected signal"}
    assert drawn <= set(labels) <= drawn | {"beyond the fit"}
    signal = next(line for line in ax.lines if line.get_label() == "expected signal")
    assert set(np.round(signal.get_ydata(), 9)) <= set(np.round(table["expected_signal"], 9))


def test_counts_show_the_threshold(adata):
    other = adata.copy()
    guides = ag.datasets.simulate(
        genes=6, guides_per_target=3, guide_efficacy=[1.0, 1.0, 0.0], cells_per_perturbation=150, guide_counts=True,
        knockdown=-1.5, intercept=1.0,
    )["guide"]  # fmt: skip
    other.obsm["umi"] = pd.DataFrame(guides.X.toarray(), index=other.obs_names, columns=guides.var_names)
    ag.pp.argen_guides(other, guides="umi", guide_target=guides.var["target"], method="poisson_gauss")
    ax = ag.pl.argen_guides(other, kind="counts", show=False)
    row = get.guides(other, knockdown=False).set_index("guide").loc[ax.get_title().split("\n")[0]]
    line = next(line for line in ax.lines if "threshold" in line.get_label())
    assert line.get_label() == f"threshold {row['threshold']:g}"
    np.testing.assert_allclose(line.get_xdata(), np.log10(row["threshold"] + 0.5))


def test_cells_per_perturbation(adata):
    ax = ag.pl.argen_guides(adata, kind="cells", show=False)
    counts = adata.obs["argen_perturbation"].value_counts()
    drawn = dict(
        zip([t.get_text() for t in ax.get_yticklabels()], [bar.get_width() for bar in ax.patches], strict=True)
    )
    assert drawn == counts.to_dict()
    assert_readable(ax)


def test_guides_per_cell(adata):
    ax = ag.pl.argen_guides(adata, kind="guides_per_cell", show=False)
    expected = np.bincount(adata.obs["argen_n_guides"])
    assert [bar.get_height() for bar in ax.patches] == expected.tolist()


def test_knockdown_of_guides_and_targets(adata):
    ax = ag.pl.argen_guides(adata, kind="knockdown", depth="depth", show=False)
    targets = get.guides(adata, by="target", depth="depth").set_index("target")
    guides = get.guides(adata, depth="depth")
    names = [t.get_text() for t in ax.get_yticklabels()]
    bars = dict(zip(names, [bar.get_width() for bar in ax.patches], strict=True))
    assert bars == pytest.approx(targets["effect"].to_dict())
    points = np.concatenate([line.get_xdata().astype(float) for line in ax.lines if line.get_marker() in {"o", "D"}])
    shown = guides[~guides["is_control"]]
    np.testing.assert_allclose(np.sort(points), np.sort(shown["effect"]))
    diamonds = np.concatenate([line.get_xdata().astype(float) for line in ax.lines if line.get_marker() == "D"])
    np.testing.assert_allclose(np.sort(diamonds), np.sort(shown.loc[shown["discordant"], "effect"]))
    assert len(diamonds) >= 5  # the third guide of each target does nothing
    intervals = [c for c in ax.collections if isinstance(c, LineCollection)]
    assert sum(len(c.get_segments()) for c in intervals) == len(shown)
    assert_readable(ax)


def tables(n):
    """Tables of n targets with two guides each."""
    rng = np.random.default_rng(0)
    names = [f"GENE{i}-{'X' * (i % 9)}" for i in range(n)]
    targets = pd.DataFrame({"target": names, "effect": rng.normal(-1, 0.5, n)})
    targets["ci_low"], targets["ci_high"] = targets["effect"] - 0.2, targets["effect"] + 0.2
    guides = targets.loc[targets.index.repeat(2)].reset_index(drop=True)
    guides = guides.assign(guide=[f"g{i}" for i in range(2 * n)], discordant=rng.random(2 * n) < 0.1)
    return guides, targets


@pytest.mark.parametrize("n", [8, 40, 45, 400])
def test_readable_at_all_sizes(n):
    guides, targets = tables(n)
    height = 3.6 if n > 40 else 0.9 + 0.2 * n
    _, (left, right) = plt.subplots(1, 2, figsize=(12, height), layout="constrained")
    draw_knockdown(left, guides, targets)
    cells = pd.Series(np.arange(n + 3), [*targets["target"], "control", "multiple", "unassigned"])
    draw_cells(right, cells)
    for ax in (left, right):
        assert_readable(ax)
    named = [t.get_text() for t in left.get_yticklabels()]
    assert (set(targets["target"]) <= set(named)) == (n <= 40)
    if n > 40:
        assert f"({n} targets)" in left.get_ylabel()
        assert f"{guides['discordant'].sum()} of them discordant" in left.get_title()
        points = next(line for line in left.lines if line.get_marker() == "o")
        np.testing.assert_allclose(np.sort(points.get_xdata().astype(float)), np.sort(targets["effect"]))


def test_names_are_texts(adata):
    other = adata.copy()
    table = other.uns["argen_guides"]["tables"]["guides"]
    name = "$\\alpha_{$ <g>"
    for frame in (table, other.uns["argen_guides"]["tables"]["histogram"]):
        frame["guide"] = frame["guide"].cat.rename_categories({"G1_g1": name})
    ax = ag.pl.argen_guides(other, kind="counts", guide=name, show=False)
    ax.figure.canvas.draw()
    assert ax.get_title().split("\n")[0] == name


def test_labels_have_no_counts():
    adata = ag.datasets.simulate("paper_fig2")
    ag.pp.argen_guides(adata, labels="perturbation")
    axes = ag.pl.argen_guides(adata, depth="depth", show=False)
    assert len(axes) == 3
    with pytest.raises(InputError, match="kind='counts' needs guides called from UMI counts"):
        ag.pl.argen_guides(adata, kind="counts")


def test_own_axes_and_show(adata, monkeypatch):
    _, ax = plt.subplots()
    assert ag.pl.argen_guides(adata, kind="cells", ax=ax, show=False) is ax
    shown = []
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    assert ag.pl.argen_guides(adata, kind="cells", show=True) is None
    assert shown == [True]


def test_bad_input(adata):
    with pytest.raises(InputError, match="kind='pie' is not one of None, 'counts'"):
        ag.pl.argen_guides(adata, kind="pie")
    with pytest.raises(InputError, match="guide='x' is not among the 19 guides, such as G1_g1"):
        ag.pl.argen_guides(adata, guide="x", show=False)
    with pytest.raises(InputError, match="guide='G1_g1' is for kind='counts', not for 'cells'"):
        ag.pl.argen_guides(adata, kind="cells", guide="G1_g1")
    with pytest.raises(InputError, match="ax holds one picture"):
        ag.pl.argen_guides(adata, ax=plt.gca())
    with pytest.raises(MissingResultError, match=r"Run ag.pp.argen_guides first"):
        ag.pl.argen_guides(adata, key="other")
    unmeasured = adata[:, :0].copy()
    with pytest.raises(InputError, match="needs a target that is measured"):
        ag.pl.argen_guides(unmeasured, kind="knockdown", depth="depth")


def test_default_guide_is_the_worst_fit_and_the_title_says_so(adata):
    table = get.guides(adata, knockdown=False)
    large = table[table["n_cells"] >= 50]
    worst = large.loc[large["misfit"].idxmax()]
    title = ag.pl.argen_guides(adata, kind="counts", show=False).get_title()
    name, note = title.split("\n")
    assert name == worst["guide"]
    assert note.startswith(f"worst fit of {len(large)} with 50 cells or more, ")
    own = ag.pl.argen_guides(adata, kind="counts", guide=worst["guide"], show=False).get_title()
    assert own == f"{name}\n{note.split(', ', 1)[1]}"


def test_default_guide_without_fits():
    with columns_stay():
        mdata = ag.datasets.simulate(genes=4, guides_per_target=2, guide_counts=True)
        ag.pp.argen_guides(mdata, method="threshold")
    ax = ag.pl.argen_guides(mdata["rna"], kind="counts", show=False)
    table = get.guides(mdata["rna"], knockdown=False)
    name, note = ax.get_title().split("\n")
    below = (table["n_cells"] < table.set_index("guide")["n_cells"][name]).sum()
    above = (table["n_cells"] > table.set_index("guide")["n_cells"][name]).sum()
    assert max(below, above) <= len(table) // 2
    assert note == f"median number of cells of {len(table)} guides"


def test_cells_beyond_the_fit_are_hatched():
    """A fifth of the cells with one guide has few UMIs of it: the hatches are where they are, from the fit up."""
    rng = np.random.default_rng(0)
    counts, own = rng.poisson(0.05, (4000, 4)), rng.integers(0, 4, 4000)
    counts[np.arange(4000), own] += rng.poisson(100, 4000)
    umis = pd.DataFrame(counts, columns=["A1", "A2", "NT1", "NT2"])
    odd = np.flatnonzero(own == 0)[:200]
    umis.loc[odd, "A1"] = rng.integers(20, 40, 200)
    adata = anndata.AnnData(np.ones((4000, 1), dtype=np.float32), obs=pd.DataFrame(index=umis.index.astype(str)))
    adata.obs["depth"] = 100.0
    adata.obsm["umi"] = umis.set_index(adata.obs_names)
    targets = {name: name[:-1] for name in umis}
    ag.pp.argen_guides(adata, guides="umi", guide_target=targets, guide_depth="depth")
    table = get.guides(adata, knockdown=False).set_index("guide")
    assert table["misfit_flag"].tolist() == [True, False, False, False]
    assert table["misfit"]["A1"] > 0.2  # and more, since the odd cells pull the fit from the others
    ax = ag.pl.argen_guides(adata, kind="counts", show=False)
    assert ax.get_title().startswith("A1\nworst fit of 4 with 50 cells or more, ")
    assert "of its cells where the fit does not expect them" in ax.get_title()
    hatched = [bar for bar in ax.patches if bar.get_hatch()]
    histogram = adata.uns["argen_guides"]["tables"]["histogram"].query("guide == 'A1'")
    expected = histogram["expected_background"] + histogram["expected_signal"]
    beyond = histogram[histogram["n_not_called"] + histogram["n_called"] > expected + 2 * np.sqrt(expected)]
    beyond = beyond[beyond["umi_from"] > 0]
    assert {18, 22, 27} & set(beyond["umi_from"])
    np.testing.assert_allclose([bar.get_x() for bar in hatched], np.log10(beyond["umi_from"] + 0.5))
    tops = [bar.get_y() + bar.get_height() for bar in hatched]
    np.testing.assert_allclose(tops, beyond["n_not_called"] + beyond["n_called"])
    assert_readable(ax)
    fine = ag.pl.argen_guides(adata, kind="counts", guide="A2", show=False)
    row = table.loc["A2"]
    assert fine.get_title() == f"A2\nmisfit {row['misfit']:.0%}, p = {row['misfit_p']:.2g}"
