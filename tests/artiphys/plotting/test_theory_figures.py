"""Figures 2 and 3 draw what they are given, and compute nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.text import Annotation, Text

from artiphys.integration.weights import integration_geometry, simulate_integration
from artiphys.plotting.explained import SHOWN, plot_figure4, plot_predictions
from artiphys.plotting.integration import plot_change, plot_figure3, plot_geometry, plot_integration
from artiphys.plotting.rectification import (
    DEVIATIONS,
    RIDGE,
    plot_figure2,
    plot_quadrants,
    plot_relation,
)
from artiphys.rectification.curve import rectified_quadrants, single_input_relation


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_figure_2_has_both_panels():
    relation = single_input_relation([0.3, 0.9])
    figure = plot_figure2(rectified_quadrants(0.5, 0.6), relation)
    left, right = figure.axes
    texts = " ".join(text.get_text() for text in left.texts)
    for share in rectified_quadrants(0.5, 0.6)["probability"].values:
        assert f"{share:.0%}" in texts
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
    figure = plot_figure2(rectified_quadrants(-1.23456, -0.123456), single_input_relation([0.3]))
    figure.canvas.draw()
    ax = figure.axes[0]
    (letter,) = [text for text in ax.findobj(Text) if text.get_text() == "A"]
    assert letter.get_window_extent().x1 < ax.title.get_window_extent().x0


def test_the_range_of_the_relation_is_stated():
    ax = plot_relation(single_input_relation([0.3], mu_over_sigma=np.linspace(-1.5, 3, 20)))
    assert "μ/σ from -1.5 to 3" in ax.get_legend().get_texts()[0].get_text()


def test_the_relation_is_drawn_in_units_of_sigma():
    ax = plot_relation(single_input_relation(0.5, sigma=7.0))
    assert ax.lines[0].get_xdata().max() < 1


@pytest.fixture(scope="module")
def simulation():
    return simulate_integration([0.2, 0.8], mean=[-1.0, 0.0], n_outputs=5, rng=0)


def test_figure_3_has_two_panels_a_mean(simulation):
    figure = plot_figure3(integration_geometry(), simulation)
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in figure.axes[2:4]] == ["mean μ/σ = -1", "mean μ/σ = 0"]
    assert [ax.get_title(loc="left") for ax in figure.axes[:3]] == ["A1", "A2", "B"]
    (legend,) = figure.subfigs[1].legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[-2:] == ["rectified inputs, mean", "outputs, ± 1 s.d. over units"]


def test_text_in_the_geometry_stands_on_white():
    legend = plot_geometry(integration_geometry()).get_legend()
    assert legend.get_frame_on()
    assert legend.get_frame().get_alpha() == 1
    assert "responses, 1 s.d." in [text.get_text() for text in legend.get_texts()]


def test_inputs_are_drawn_over_outputs_where_both_are_one(simulation):
    ax = plot_integration(simulation.isel(mean=0))
    outputs, inputs = ax.lines[1:3]
    np.testing.assert_allclose(outputs.get_ydata(), inputs.get_ydata())  # at a spread of 0
    assert inputs.get_zorder() > outputs.get_zorder()
    assert inputs.get_color() != outputs.get_color()


def test_change_is_output_less_input_correlation(simulation):
    at_0 = simulation.sel(mean=0)
    ax = plot_change(at_0)
    expected = at_0["output_invariance"].sel(spread=1.0) - at_0["rho"]
    np.testing.assert_allclose(ax.lines[5].get_ydata(), expected)
    # As far apart as the panel is high, where the panel above has them within a hair.
    assert np.ptp(ax.get_ylim()) < 0.2


def _agreement(areas, names):
    dims = ("area", "prediction")
    values = np.zeros((len(areas), len(names)))
    return xr.DataArray(values, dims=dims, coords={"area": areas, "prediction": names})


@pytest.mark.parametrize(("low", "high"), [(0.3, 0.99), (-0.2, 1.0), (0.5, 1.4)])
def test_invariance_goes_no_further_than_1_unless_one_does(low, high):
    measured = np.linspace(low, high, 20)
    predicted = xr.DataArray(
        [measured] * 3, dims=("prediction", "unit"), coords={"prediction": list(SHOWN)}
    )
    ax = plot_predictions(predicted, measured, _agreement(["a"], list(SHOWN)).sel(area="a"))
    for limits in (ax.get_xlim(), ax.get_ylim()):
        assert limits[1] >= high
        assert limits[1] <= 1 or high > 1


@pytest.mark.parametrize("decades", [0.3, 0.8, 0.95, 1.2, 1.9, 3.5])
@pytest.mark.parametrize("low", [1e-4, 2.3e-4, 0.011, 0.51, 7.0])
def test_variance_has_two_labels_or_more(low, decades):
    measured = low * np.logspace(0, decades, 20)
    predicted = xr.DataArray(
        [measured] * 3, dims=("prediction", "unit"), coords={"prediction": list(SHOWN)}
    )
    spearman = _agreement(["a"], list(SHOWN)).sel(area="a")
    ax = plot_predictions(predicted, measured, spearman, logarithmic=True)
    for axis in (ax.xaxis, ax.yaxis):
        first, last = axis.get_view_interval()
        labelled = [t for t in axis.get_majorticklocs() if first <= t <= last]
        assert 2 <= len(labelled) <= 8


def test_figure_4_has_a_row_a_distance_and_one_for_variance():
    rng = np.random.default_rng(0)
    names = ["exact", "gaussian", "diagonal", "linear"]
    coords = {
        "prediction": names,
        "distance": ["close", "far"],
        "area": ("unit", ["a"] * 5 + ["b"] * 5),
    }
    predictions = xr.Dataset(
        {
            "variance": (("prediction", "unit"), rng.random((4, 10))),
            "invariance": (("prediction", "unit", "distance"), rng.random((4, 10, 2))),
        },
        coords=coords,
    )
    measured = predictions.isel(prediction=0, drop=True)
    predictions["invariance"][1, 2] = np.nan
    dims = ("area", "prediction", "distance")
    agreement = xr.Dataset(
        {f"spearman_{name}": (dims, rng.random((2, 4, 2))) for name in ("variance", "invariance")},
        coords={"area": ["a", "b"], "prediction": names, "distance": ["close", "far"]},
    )
    figure = plot_figure4(predictions, measured, agreement)
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in figure.axes[:2]] == ["a", "b"]
    r = agreement["spearman_invariance"].sel(area="b", prediction="gaussian", distance="far")
    texts = [text.get_text() for text in figure.axes[3].texts]
    assert f"$r_s$ = {float(r):.2f}" in texts
    best = figure.axes[0].collections[2].get_offsets()
    assert len(best) == 4
    np.testing.assert_array_equal(
        best[0], [measured["invariance"][0, 0], predictions["invariance"][1, 0, 0]]
    )


def test_panels_draw_into_the_axes_they_are_given(simulation):
    _, (left, right) = plt.subplots(1, 2)
    assert plot_quadrants(rectified_quadrants(0.0, 0.5), left) is left
    assert plot_integration(simulation.isel(mean=0), right) is right
    lines = right.lines[1].get_ydata()
    np.testing.assert_array_equal(lines, simulation["output_invariance"].isel(mean=0, spread=0))
