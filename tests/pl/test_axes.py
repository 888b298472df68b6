"""Axes that a user gives: strips and colour bars stay within their place, so that neighbours are not covered."""

import anndata
import matplotlib.pyplot as plt
import pytest
from toy import KWARGS, toy

import argen as ag


@pytest.fixture(scope="module")
def done() -> anndata.AnnData:
    adata = toy()
    ag.tl.argen_dag(adata, **KWARGS)
    return adata


@pytest.mark.parametrize(
    ("plot", "arguments"),
    [("argen_effects", {"gene": "C"}), ("argen_targets", {}), ("argen_heatmap", {}), ("argen_descendants", {})],
)
def test_nothing_is_drawn_over_the_neighbour(done, plot, arguments):
    figure, axes = plt.subplots(1, 2, figsize=(13, 4), layout="none")
    edge, before = axes[1].get_window_extent().x0, axes[0].get_position(original=True).bounds
    assert getattr(ag.pl, plot)(done, ax=axes[0], show=False, **arguments) is axes[0]
    figure.canvas.draw()
    assert axes[0].get_tightbbox().x1 <= edge
    assert axes[0].get_position(original=True).bounds[:2] == before[:2]
    assert not axes[1].has_data()
