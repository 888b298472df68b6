"""`pl.argen_predict`: what is drawn is what the tables say."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from argen.errors import InputError
from argen.pl._predict import draw_prediction

ASKED = pd.DataFrame({"gene": ["A", "B"], "given": ["fold", "observed"], "fold": [0.2, 0.31]})


def table(n: int = 6) -> pd.DataFrame:
    """A perturbed gene, nodes and responders, the last one without a path, one without an interval."""
    effect = np.array([-1.6, *np.linspace(1.0, -0.4, n)])
    se = np.full(n + 1, 0.1)
    se[2] = np.nan
    return pd.DataFrame(
        {
            "gene": ["A", *(f"g{i}" for i in range(n))],
            "kind": ["perturbed", *(["node", "responder"] * n)[:n]],
            "effect": effect,
            "ci_low": effect - 1.96 * se,
            "ci_high": effect + 1.96 * se,
            "observed": [np.nan, *effect[1:] + 0.05],
            "observed_se": 0.2,
            "flags": [*[""] * (n - 1), "weak edge", "no path"],
        }
    )


def drawn_points(ax) -> dict[str, float]:
    """Effect by the name of its row, of the filled marks."""
    names = {round(y): text.get_text() for y, text in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}
    marks = [line for line in ax.lines if line.get_marker() in "so^" and line.get_linestyle() in ("-", "None")]
    return {names[round(line.get_ydata()[0])]: line.get_xdata()[0] for line in marks if len(line.get_xdata()) == 1}


@pytest.mark.parametrize("width", [None, 3.4])
def test_genes_stand_by_size_below_the_perturbed_ones(width):
    rows = table()
    ax = None if width is None else plt.subplots(figsize=(width, 3.0))[1]
    ax = draw_prediction(rows, ASKED, ax)
    ax.figure.canvas.draw()
    names = [text.get_text() for text in ax.get_yticklabels()][::-1]
    assert names[0] == "A"
    assert "g5" not in names  # no path
    sizes = rows.set_index("gene")["effect"].abs()[names[1:]]
    assert sizes.is_monotonic_decreasing
    found = drawn_points(ax)
    pd.testing.assert_series_equal(
        pd.Series(found).sort_index(), rows.set_index("gene")["effect"][names].sort_index(), check_names=False
    )
    assert ax.get_title(loc="left") == "Predicted for A × 0.2, B\n5 genes reached"
    assert "■ perturbed  ● gene of the network  ▲ responder\n◇ seen" in ax.get_xlabel()
    plt.close("all")


def test_intervals_headings_and_the_legend_are_whole():
    rows = table().assign(observed_se=1.5)
    asked = pd.DataFrame(
        {"gene": ["JAK2", "STAT1", "IFNGR2", "IRF1"], "given": "fold", "fold": [0.2, 0.25, 0.31, 0.123]}
    )
    ax = draw_prediction(rows, asked)
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    kept = rows[rows["flags"] != "no path"]
    assert low < (kept["observed"] - 1.96 * kept["observed_se"]).min()
    assert high > (kept["observed"] + 1.96 * kept["observed_se"]).max()
    figure = ax.figure.bbox
    texts = [ax._left_title, ax.get_legend(), ax.xaxis.label]
    for box in (text.get_window_extent() for text in texts):
        assert figure.x0 <= box.x0
        assert box.x1 <= figure.x1
        assert figure.y0 <= box.y0
        assert box.y1 <= figure.y1
    assert ax.get_legend().get_window_extent().y1 <= ax.xaxis.label.get_window_extent().y0 + 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["rises", "falls", "needs a look (flags)"]
    plt.close("all")


def test_the_largest_are_drawn():
    ax = draw_prediction(table(), ASKED, n_genes=2)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["g1", "g0", "A"]
    assert ax.get_title(loc="left").endswith("5 genes reached, the 2 largest drawn")
    with pytest.raises(InputError, match="no gene that the object still holds"):
        draw_prediction(table().iloc[:0], ASKED)
    plt.close("all")
