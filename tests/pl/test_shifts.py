"""The picture of the shifts: what is drawn is the table, what was taken out is marked and named."""

import artefacts
import numpy as np
import pytest
from matplotlib.colors import to_hex

import argen as ag
from argen.pl import _style as style


@pytest.fixture(scope="module")
def adata():
    case = "every targeting guide raises the same genes"
    adata = artefacts.CASES[case](0)
    ag.tl.argen_descendants(adata, **artefacts.settings(case))
    return adata


def test_every_shift_is_a_point(adata):
    table = ag.get.shifts(adata, taken_out=False)
    ax = ag.pl.argen_shifts(adata, show=False)
    lines = [line for line in ax.lines if line.get_marker() in ("D", "o")]
    drawn = np.concatenate([np.column_stack(line.get_data()) for line in lines])
    expected = np.column_stack([table["shift"], table["z"].abs()])
    np.testing.assert_allclose(drawn[np.lexsort(drawn.T)], expected[np.lexsort(expected.T)])
    out = sum(len(line.get_xdata()) for line in lines if to_hex(line.get_color()).upper() == style.ALERT_COLOR)
    assert out == table["taken_out"].sum() > 0
    counts = table.groupby("of")["taken_out"].agg(["sum", "size"])
    for of, row in counts.iterrows():
        assert f"{row['sum']} of {row['size']} {of}s taken out" in ax.get_title(loc="left")
    names = {text.get_text() for text in ax.texts}
    assert names <= set(table.loc[table["taken_out"], "name"])
    assert set(table.loc[table["taken_out"] & table["of"].eq("perturbation"), "name"]) <= names


def test_into_given_axes_and_without_shifts(adata):
    from matplotlib import pyplot as plt

    plain = adata.copy()
    ag.tl.argen_descendants(plain, **artefacts.settings("clean"), adjust=None)
    figure, ax = plt.subplots()
    assert ag.pl.argen_shifts(plain, ax=ax, show=False) is ax
    assert not ax.texts
    assert "0 of 15 perturbations taken out" in ax.get_title(loc="left")
    plt.close(figure)
