"""Figures in a page: colours that follow it, ids of their own, labels as they are."""

import re
import warnings

import numpy as np
import pytest

from artiphys.plotting.style import COLOURS, luminance
from artiphys_report.colours import DARK_PAPER, dark_counterpart, variable, variables
from artiphys_report.figures import MAX_POINTS, as_label, picture


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colour", [*COLOURS, "#4d4d4d", "#737373"])
def test_a_colour_is_no_nearer_to_the_dark_page_than_to_the_white_one(colour):
    counterpart = dark_counterpart(colour)
    on_white, on_dark = contrast(colour, "#ffffff"), contrast(counterpart, DARK_PAPER)
    has_hue = len({colour[1:3], colour[3:5], colour[5:7]}) > 1
    assert on_dark == pytest.approx(min(on_white * (1.6 if has_hue else 1), 14.9), rel=0.05)


def test_white_becomes_the_page_and_hues_stay():
    assert dark_counterpart("#ffffff") == DARK_PAPER
    red, green, blue = (int(dark_counterpart("#0072b2")[at : at + 2], 16) for at in (1, 3, 5))
    assert blue > green > red


def test_every_colour_of_a_figure_is_a_variable_of_the_page():
    drawn = picture(lambda ax: ax.plot([0, 1], color="#0072B2"), "a line", name="a")
    assert variable("#0072b2") in drawn.svg
    used = set(re.findall(r"--figure-[0-9a-f]{6}", drawn.svg))
    assert used == {variable(colour) for colour in drawn.colours}
    assert not re.search(r"#[0-9a-f]{6}", drawn.svg)
    for dark in (False, True):
        assert used <= set(re.findall(r"--figure-[0-9a-f]{6}", variables(drawn.colours, dark=dark)))


def test_two_figures_share_no_id():
    draw = {"draw": lambda ax: ax.scatter([0, 1], [0, 1]), "words": "points"}
    ids = [set(re.findall(r'\bid="([^"]+)"', picture(**draw, name=name).svg)) for name in "ab"]
    assert ids[0]
    assert not ids[0] & ids[1]


def test_a_figure_is_drawn_alike_each_time():
    one, other = (picture(lambda ax: ax.plot([0, 1]), "a line", name="a") for _ in "ab")
    assert one.svg == other.svg


def test_words_and_labels_cannot_leave_their_place():
    hostile = '"><script>--></svg>'
    drawn = picture(lambda ax: ax.set_title(as_label(hostile)), hostile, name="a")
    assert "<script" not in drawn.svg
    assert drawn.svg.count("</svg>") == 1


@pytest.mark.parametrize("label", ["$", "a$b$c", r"$\frac{", r"\alpha", "視覚", "a_b^c"])
def test_any_label_can_be_drawn(label):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = picture(lambda ax: ax.set_title(as_label(label)), label, name="a")
    assert "<svg" in drawn.svg


def test_very_many_points_are_an_image():
    def draw(ax):
        ax.scatter(np.arange(MAX_POINTS + 1), np.zeros(MAX_POINTS + 1))

    assert "data:image/png" in picture(draw, "points", name="a").svg
