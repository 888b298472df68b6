"""Names beside points: none covers another, a point or the border; the important ones come first."""

from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from argen.errors import InputError
from argen.pl._labels import label_points

pytestmark = pytest.mark.slow


def boxes_of(texts, ax):
    return [text.get_window_extent(ax.figure.canvas.get_renderer()) for text in texts]


def cloud(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2))


@pytest.fixture
def ax():
    ax = plt.figure(figsize=(5, 4)).add_subplot()
    ax.set(xlim=(-4, 4), ylim=(-4, 4))
    return ax


@pytest.mark.parametrize("n", [1, 8, 45, 400])
def test_names_overlap_nothing(ax, n):
    points = cloud(n)
    ax.scatter(*points.T, s=12)
    texts = label_points(ax, points, [f"GENE{i}" for i in range(n)], sizes=np.full(n, 12.0))
    boxes = boxes_of(texts, ax)
    assert min(n, 20) <= len(texts) <= n
    assert not [1 for a, b in combinations(boxes, 2) if a.overlaps(b)]
    frame = ax.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
    pixels = ax.transData.transform(points)
    assert not [1 for box in boxes for point in pixels if box.contains(*point)]


def test_first_names_have_the_first_choice(ax):
    points = np.tile([[0.0, 0.0]], (400, 1)) + cloud(400, 1) * 0.02
    texts = label_points(ax, points, [f"GENE{i}" for i in range(400)])
    written = [int(text.get_text()[4:]) for text in texts]
    assert written[:5] == list(range(5))
    assert len(written) < 400


def test_other_points_stay_free(ax):
    others = cloud(100, 2)
    boxes = boxes_of(label_points(ax, np.zeros((1, 2)), ["STAT1"], others=others), ax)
    assert not [1 for point in ax.transData.transform(others) if boxes[0].contains(*point)]


def test_limits_stay_and_nothing_is_printed(ax, capsys):
    ax.set(xlim=(-0.001, 0.001), ylim=(-1e-4, 1e-4))
    label_points(ax, np.zeros((1, 2)), ["A" * 500])
    assert (*ax.get_xlim(), *ax.get_ylim()) == (-0.001, 0.001, -1e-4, 1e-4)
    assert label_points(ax, np.empty((0, 2)), []) == []
    assert capsys.readouterr().out == ""


def test_names_are_written_as_they_are(ax):
    names = ["$a_1$", r"\frac", "<b>"]
    texts = label_points(ax, np.array([[0, 0], [1, 1], [-1, -1]]), names)
    assert [text.get_text() for text in texts] == names
    ax.figure.canvas.draw()


def test_places_are_the_same_every_time(ax):
    points = cloud(50)
    places = [[text.get_position() for text in label_points(ax, points, list(map(str, range(50))))] for _ in range(2)]
    assert places[0] == places[1]


@pytest.mark.parametrize("n", [45, 400])
def test_leaders_pass_no_other_point(ax, n):
    points, sizes = cloud(n, 3), np.full(n, 30.0)
    ax.scatter(*points.T, s=sizes)
    texts = label_points(ax, points, [f"GENE{i}" for i in range(n)], sizes=sizes, clear_leaders=True)
    assert len(texts) >= 10
    pixels, radius = ax.transData.transform(points), np.sqrt(30.0) / 2 * ax.figure.dpi / 72
    assert ax.lines
    for line in ax.lines:
        steps = ax.transData.transform(
            line.get_xydata()[0] + np.linspace(0, 1, 200)[:, None] * np.diff(line.get_xydata(), axis=0)
        )
        near = np.linalg.norm(steps[:, None] - pixels, axis=2).min(axis=0) < 0.98 * radius
        touched = pixels[near]
        assert (np.linalg.norm(touched - touched[0], axis=1) <= radius).all() if len(touched) else True


def test_subfigures_are_named():
    sub = plt.figure().subfigures(1, 2)[0]
    with pytest.raises(InputError, match="ax stands in a subfigure"):
        label_points(sub.subplots(), np.zeros((1, 2)), ["A"])
