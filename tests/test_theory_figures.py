"""Figures 2 and 3 draw what they are given, and compute nothing."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from artiphys.integration import integration_geometry, simulate_integration
from artiphys.plotting.figure2 import plot_figure2, plot_quadrants, plot_relation
from artiphys.plotting.figure3 import plot_figure3, plot_integration
from artiphys.plotting.figure4 import plot_figure4
from artiphys.single_input import rectified_quadrants, single_input_relation


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


def test_the_relation_is_drawn_in_units_of_sigma():
    ax = plot_relation(single_input_relation(0.5, sigma=7.0))
    assert ax.lines[0].get_xdata().max() < 1


def test_figure_3_has_a_panel_a_mean():
    simulation = simulate_integration([0.2, 0.8], mean=[-1.0, 0.0], n_outputs=5, rng=0)
    figure = plot_figure3(integration_geometry(), simulation)
    assert len(figure.axes) == 4
    assert [ax.get_title() for ax in figure.axes[2:]] == ["mean μ/σ = -1", "mean μ/σ = 0"]


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


def test_panels_draw_into_the_axes_they_are_given():
    _, (left, right) = plt.subplots(1, 2)
    assert plot_quadrants(rectified_quadrants(0.0, 0.5), left) is left
    simulation = simulate_integration([0.2, 0.8], mean=[0.0], n_outputs=5, rng=0)
    assert plot_integration(simulation.isel(mean=0), right) is right
    lines = right.lines[1].get_ydata()
    np.testing.assert_array_equal(lines, simulation["output_invariance"].isel(mean=0, spread=0))
