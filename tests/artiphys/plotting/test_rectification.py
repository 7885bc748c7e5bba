"""Figure 2 draws what it is given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.text import Annotation, Text

from artiphys.plotting.rectification import (
    DEVIATIONS,
    RIDGE,
    plot_quadrants,
    plot_rectification,
    plot_relation,
)
from artiphys.rectification.curve import rectified_quadrants, single_input_relation


def test_figure_2_has_both_panels(assert_legible):
    relation = single_input_relation([0.3, 0.9])
    figure = plot_rectification(rectified_quadrants(0.5, 0.6), relation)
    assert_legible(figure)
    left, right = figure.axes
    texts = " ".join(text.get_text() for text in left.texts)
    for share in rectified_quadrants(0.5, 0.6)["probability"].values:
        assert f"{100 * share:.0f} %" in texts
    curve, law = right.lines[:2]
    np.testing.assert_array_equal(curve.get_xdata(), relation["variance"].sel(rho=0.3))
    np.testing.assert_array_equal(law.get_ydata(), relation["power_law"].sel(rho=0.3))
    assert "σ²" in right.get_xlabel()
    assert "σ" in left.get_xlabel()


def test_figure_2_draws_what_rectification_makes_of_the_inputs():
    quadrants = rectified_quadrants(0.0, 0.6)
    ax = plot_quadrants(quadrants)
    (dot,) = [c for c in ax.collections if isinstance(c, PathCollection)]
    np.testing.assert_array_equal(dot.get_offsets(), [[0, 0]])
    assert ax.lines[-1].get_zorder() > dot.get_zorder()  # the mean, at 0 too
    ridges = [c for c in ax.collections if isinstance(c, PolyCollection)]
    assert len(ridges) == 2
    depth = -ridges[0].get_paths()[0].vertices[:, 1].min()
    assert depth == pytest.approx(RIDGE * quadrants["axis_density"].values.max())
    assert ridges[1].get_paths()[0].vertices[:, 0].min() == pytest.approx(-depth)


@pytest.mark.parametrize(("mu", "rho"), [(0.0, 0.6), (-1.0, 0.2), (1.0, -0.7), (-3.9, 0.5)])
def test_arrows_start_within_the_contours(mu, rho):
    ax = plot_quadrants(rectified_quadrants(mu, rho))
    arrows = [text for text in ax.texts if isinstance(text, Annotation)]
    assert arrows
    for arrow in arrows:
        x, y = np.array(arrow.xyann) - mu
        assert (x * x - 2 * rho * x * y + y * y) / (1 - rho**2) < DEVIATIONS[0] ** 2
        for limits in (ax.get_xlim(), ax.get_ylim()):
            assert limits[0] <= min(*arrow.xy, *arrow.xyann)
            assert limits[1] >= max(*arrow.xy, *arrow.xyann)


def test_a_long_title_is_clear_of_the_letter():
    figure = plot_rectification(
        rectified_quadrants(-1.23456, -0.123456), single_input_relation([0.3])
    )
    figure.canvas.draw()
    ax = figure.axes[0]
    (letter,) = [text for text in ax.findobj(Text) if text.get_text() == "A"]
    assert letter.get_window_extent().x1 < ax.title.get_window_extent().x0


def test_the_range_of_the_relation_is_stated():
    ax = plot_relation(single_input_relation([0.3], mu_over_sigma=np.linspace(-1.5, 3, 20)))
    assert "μ/σ from −1.5 to 3" in ax.get_legend().get_texts()[0].get_text()


def test_the_relation_is_drawn_in_units_of_sigma():
    ax = plot_relation(single_input_relation(0.5, sigma=7.0))
    assert ax.lines[0].get_xdata().max() < 1


def test_quadrants_are_drawn_into_the_axes_given():
    _, (left, _) = plt.subplots(1, 2)
    assert plot_quadrants(rectified_quadrants(0.0, 0.5), left) is left
