"""Figure 3 draws what it is given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Ellipse

from artiphys.integration.geometry import integration_geometry, simulate_integration
from artiphys.integration.relation import integrated_relation, simulate_integrated_relation
from artiphys.plotting.integration import (
    plot_change,
    plot_geometry,
    plot_integrated_relation,
    plot_integration,
    plot_transfer,
)


@pytest.fixture(scope="module")
def simulation():
    return simulate_integration([0.2, 0.8], mean=[-1.0, 0.0], n_outputs=5, rng=0)


@pytest.fixture(scope="module")
def relation():
    return integrated_relation([-1.0, 0.0, 1.0], n_inputs=5)


@pytest.fixture(scope="module")
def simulated():
    return simulate_integrated_relation([0.0], n_inputs=5, n_images=400, rng=0)


def test_figure_3_is_two_ellipses_and_the_relation(relation, simulated, assert_legible):
    figure = plot_integration(integration_geometry(), relation, simulated)
    assert_legible(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["A", "B"]
    assert figure.axes[1].get_xscale() == "log"
    assert figure.axes[1].get_yscale() == "linear"


@pytest.mark.parametrize("ratios", [(1.0, -1.0), (-1.0, 1.0)])
def test_the_axis_of_larger_variance_is_vertical(ratios):
    geometry = integration_geometry(ratios)
    ax = plot_geometry(geometry)
    whole, shared = (patch for patch in ax.patches if isinstance(patch, Ellipse))
    deviation = np.sqrt(geometry["variance"].values)
    assert (whole.width, whole.height) == pytest.approx((2 * deviation.min(), 2 * deviation.max()))
    invariance = geometry["invariance"].values.max()
    assert shared.height == pytest.approx(2 * deviation.max() * np.sqrt(invariance))
    assert ax.get_ylabel().startswith("input of larger variance")
    assert "μ/σ = −1" in ax.get_xlabel()


def test_marks_on_w_are_the_standard_deviations_along_it():
    geometry = integration_geometry()
    ax = plot_geometry(geometry)
    marks = [line.get_xydata()[0] for line in ax.lines if len(line.get_xydata()) == 1]
    along = np.linalg.norm(marks, axis=1)
    at = geometry.sel(angle=45.0)
    total = np.sqrt(at["output_variance"].item())
    assert along[0] == pytest.approx(total)
    assert along[1] == pytest.approx(total * np.sqrt(at["output_invariance"].item()))
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "weights w: invariance 0.57" in texts


def test_a_trace_a_correlation_and_width_and_one_input_in_black(relation, simulated):
    ax = plot_integrated_relation(relation, simulated)
    black, *others = ax.lines
    assert black.get_color() == "black"
    np.testing.assert_array_equal(black.get_ydata(), relation["input_fisher_z"])
    traces = [line for line in others if len(line.get_xdata()) == 3]
    assert len(traces) == 9
    last = relation.isel(input_correlation=-1, width=-1)
    np.testing.assert_array_equal(traces[-1].get_xdata(), last["variance"])
    np.testing.assert_array_equal(traces[-1].get_ydata(), last["fisher_z"])
    assert len({line.get_color() for line in traces}) == 3
    assert len({str(line._dash_pattern) for line in traces}) == 3
    assert len(ax.containers) == 9  # points with their error bars
    bar = ax.containers[0].lines[2][1].get_segments()[0][:, 1]
    point = simulated.isel(input_correlation=0, width=0, mean=0)
    assert np.ptp(bar) == pytest.approx(4 * point["fisher_z_error"].item())


def test_without_a_simulation_there_are_traces_alone(relation):
    _, (_, right) = plt.subplots(1, 2)
    assert plot_integrated_relation(relation, ax=right) is right
    assert not right.containers
    assert "simulated" not in str([t.get_text() for t in right.get_legend().get_texts()])


def test_the_further_figure_has_a_panel_a_mean(simulation, assert_legible):
    figure = plot_transfer(integration_geometry(), simulation)
    assert_legible(figure)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["", "mean μ/σ = −1", "mean μ/σ = 0"]
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[-2:] == ["rectified inputs, mean", "outputs, ± 1 s.d. over units"]


def test_change_is_output_less_input_correlation(simulation):
    at_0 = simulation.sel(mean=0)
    ax = plot_change(at_0)
    expected = at_0["output_invariance"].sel(spread=1.0) - at_0["rho"]
    outputs, inputs = ax.lines[5:7]
    np.testing.assert_allclose(outputs.get_ydata(), expected)
    assert inputs.get_zorder() > outputs.get_zorder()
