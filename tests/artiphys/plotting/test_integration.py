"""Figure 3 draws what it is given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from artiphys.integration.geometry import integration_geometry, simulate_integration
from artiphys.plotting.integration import (
    plot_change,
    plot_geometry,
    plot_integration,
    plot_output_invariance,
)


@pytest.fixture(scope="module")
def simulation():
    return simulate_integration([0.2, 0.8], mean=[-1.0, 0.0], n_outputs=5, rng=0)


def test_figure_3_has_two_panels_a_mean(simulation):
    figure = plot_integration(integration_geometry(), simulation)
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
    ax = plot_output_invariance(simulation.isel(mean=0))
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


def test_outputs_are_drawn_into_the_axes_given(simulation):
    _, (_, right) = plt.subplots(1, 2)
    assert plot_output_invariance(simulation.isel(mean=0), right) is right
    lines = right.lines[1].get_ydata()
    np.testing.assert_array_equal(lines, simulation["output_invariance"].isel(mean=0, spread=0))
