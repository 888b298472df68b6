"""Widths of texts, and headings on several lines."""

import warnings

import matplotlib.pyplot as plt
import pytest

from argen.pl import _style as style
from argen.pl._wording import left_out_words, no_edge_words, no_network_words, on_lines


def drawn_width(text, size):
    """As the renderer of a figure of one point per pixel has it."""
    figure = plt.figure(dpi=72)
    drawn = figure.text(0.1, 0.5, text, fontsize=size, parse_math=False)
    return drawn.get_window_extent(figure.canvas.get_renderer()).width


@pytest.mark.parametrize("text", ["STAT1", "HLA-DQB1-AS1", "$x_{$"])
def test_widths_are_those_of_a_drawing(text):
    assert style.text_width(text, 20.0) == pytest.approx(drawn_width(text, 20.0), rel=0.05)


def test_glyphs_that_the_font_lacks_are_no_error():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert style.text_width("遺伝子", 8.0) > 0


def test_headings_break_where_they_are_too_wide():
    text = "12 genes, 14 edges selected; none here, of any"
    assert on_lines(text, 1e4) == text
    width = style.text_width("12 genes, 14 edges selected;", style.FONT_SIZE)
    assert on_lines(text, width) == "12 genes, 14 edges selected;\nnone here, of any"
    assert on_lines(text, 1.0).split("\n") == ["12 genes,", "14 edges selected;", "none here,", "of any"]


def test_words():
    assert no_edge_words(0) == "no edge was selected"
    assert no_edge_words(1) == "1 edge selected, none with both genes still in the object"
    assert left_out_words(0) == ""
    assert left_out_words(2, "pair") == "2 pairs of genes that left the object not drawn"
    assert no_network_words("x", []) == "no network: x"
    assert no_network_words("x", ["a", "b"]) == "no network: x (there is network='a', 'b')"
