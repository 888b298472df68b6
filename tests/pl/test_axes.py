"""Axes that a user gives: strips and colour bars stay within their place, so that neighbours are not covered."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest

import argen as ag
from argen.errors import InputError


@pytest.mark.parametrize(
    ("plot", "arguments"),
    [("argen_effects", {"gene": "C"}), ("argen_perturbations", {}), ("argen_heatmap", {}), ("argen_descendants", {})],
)
def test_nothing_is_drawn_over_the_neighbour(done, plot, arguments):
    figure, axes = plt.subplots(1, 2, figsize=(13, 4), layout="none")
    edge, before = axes[1].get_window_extent().x0, axes[0].get_position(original=True).bounds
    assert getattr(ag.pl, plot)(done, ax=axes[0], show=False, **arguments) is axes[0]
    figure.canvas.draw()
    assert axes[0].get_tightbbox().x1 <= edge
    left, bottom, *_ = axes[0].get_position(original=True).bounds
    assert left >= before[0] if plot == "argen_effects" else left == before[0]  # names and key are inside
    assert bottom > before[1] if plot == "argen_effects" else bottom == before[1]
    assert not axes[1].has_data()


@pytest.mark.parametrize("plot", ["argen_effects", "argen_volcano", "argen_heatmap", "argen_network", "argen_degree"])
def test_pictures_do_not_depend_on_the_style_in_force(done, plot):
    arguments = {"gene": "C"} if plot == "argen_effects" else {}
    drawn = []
    for theme in ("default", "dark_background", "ggplot"):
        with plt.style.context(theme), plt.rc_context({"axes.grid": True, "font.size": 20.0}):
            ax = getattr(ag.pl, plot)(done, show=False, **arguments)
            figure = (ax[0] if isinstance(ax, list) else ax).get_figure()
            buffer = io.BytesIO()
            figure.savefig(buffer, dpi=60, format="raw")
        drawn.append(buffer.getvalue())
        plt.close(figure)
    assert drawn[0] == drawn[1] == drawn[2]


def test_given_axes_lose_their_grid(done):
    with plt.rc_context({"axes.grid": True}):
        _, ax = plt.subplots()
        ag.pl.argen_heatmap(done, ax=ax, show=False)
    assert not [line for axis in (ax.xaxis, ax.yaxis) for line in axis.get_gridlines() if line.get_visible()]


@pytest.mark.parametrize("ax", [3, np.array([1, 2])])
def test_what_is_no_axes(done, ax):
    with pytest.raises(InputError, match=r"ax is a .*: give one matplotlib Axes"):
        ag.pl.argen_volcano(done, ax=ax, show=False)
    assert not plt.get_fignums()
