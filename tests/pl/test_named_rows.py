"""Names of some rows beside an axis."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from boxes import overlaps

from argen.pl._limits import upper_limit, whisker
from argen.pl._named_rows import all_fit, apart, name_rows, room_for_names, short, short_names


@pytest.fixture
def ax():
    ax = plt.figure(figsize=(6, 6)).add_axes((0.25, 0.1, 0.6, 0.6))
    ax.set(xlim=(-0.5, 399.5), ylim=(-0.5, 399.5), xticks=[], yticks=[])
    return ax


@pytest.mark.parametrize("rows", [[0, 1, 2], [397, 398, 399], [5, 200, 201, 390], list(range(180, 200))])
def test_places_are_apart_and_as_near_as_that_allows(rows):
    places = apart(rows, 10.0, 400)
    assert (np.diff(places) >= 10.0 - 1e-9).all()
    assert places[-1] <= 399.5
    assert list(apart(np.array(rows) * 1.0, 0.5, 400)) == rows  # nothing moves if there is room


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("first", [0, 180, 370])
def test_names_do_not_overlap(ax, axis, first):
    n = min(room_for_names(ax, 400, axis), 400 - first)
    assert n >= 15
    rows = list(range(first, first + n))
    name_rows(ax, rows, [f"$GENE_{{{i}" for i in rows], 400, axis=axis)
    assert [text.get_text().strip() for text in ax.texts] == [f"$GENE_{{{i}" for i in rows]
    assert not overlaps(ax.texts)
    for line, row in zip(ax.lines, rows, strict=True):  # a leader ends at its row
        along = line.get_ydata() if axis == "y" else line.get_xdata()
        assert along[-1] == row


def test_long_names_are_cut(ax):
    name_rows(ax, [7], ["ENSG00000279457.4"], 400)
    assert ax.texts[0].get_text() == "ENSG0000…457.4 "


def test_names_of_a_family_stay_apart():
    family = [f"VERY_LONG_GENE_NAME_{i}" for i in range(120)]
    assert short_names(family) == [short(name) for name in family]
    assert len(set(short_names(family))) == 120
    assert max(map(len, short_names(family))) == 14
    assert short(family[7], 18) == "VERY_LONG_G…NAME_7"
    middle = [f"VERY_LONG_{i}_GENE_NAME" for i in range(100, 140)]
    assert len({short(name) for name in middle}) == 1
    assert len(set(short_names([*middle, *family, "A"]))) == 161
    assert short_names([*middle, "A"])[-1] == "A"


def test_whether_all_fit_depends_on_the_height(ax):
    assert all_fit(ax, 30)
    assert not all_fit(ax, 400)


def test_limits():
    sizes = np.array([0.1, 0.2, 0.3, 0.4, 5.0, np.nan])
    low, high = np.quantile(sizes[:5], [0.25, 0.75])
    assert whisker(sizes) == 0.4
    assert high + 1.5 * (high - low) < 5.0
    assert whisker(np.array([1.0, 2.0])) == 2.0
    many = np.r_[np.linspace(0, 1, 1000), 50.0, np.inf]
    assert upper_limit(many) == 1.0
    assert upper_limit(np.linspace(0, 1, 1000)) == 1.0
    for limit in (whisker, upper_limit):
        assert limit(np.array([])) == limit(np.array([np.nan])) == limit(np.zeros(3)) == 1.0
