"""Areas and layers side by side, with the differences that were found."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from artiphys.comparison.units import UnitQuantities
from artiphys.errors import InputError
from artiphys.plotting.comparison import comparison_figure, plot_comparison


def scatter(n, units):
    rng = np.random.default_rng(n)
    dynamic_range = xr.DataArray(rng.gamma(2, size=n), dims="unit", attrs={"units": units})
    z = rng.normal(size=(n, 1))
    return UnitQuantities(
        dynamic_range, xr.DataArray(z, dims=("unit", "position"), coords={"position": ["far"]})
    )


@pytest.mark.parametrize("units", ["(spikes/s)²", "(a.u.)²"])
def test_a_row_an_area_and_a_panel_a_layer(units, assert_legible):
    dims = ("area", "layer", "position")
    result = xr.Dataset(
        {
            "spearman_brain": (dims, np.full((2, 1, 1), 0.5)),
            "spearman_model": (dims, [[[0.7]], [[np.nan]]]),
            "difference": (dims, [[[0.2]], [[np.nan]]]),
            "interval": ((*dims, "ci_bound"), np.tile([-0.1, 0.4], (2, 1, 1, 1))),
        },
        coords={"area": ["V4", "IT"], "layer": ["conv3"], "position": ["far"]},
    )
    areas = {area: scatter(9, "(spikes/s)²") for area in ("V4", "IT")}
    layers = {("conv3", area): scatter(7, units) for area in ("V4", "IT")}
    figure = comparison_figure(areas, layers, result)
    assert_legible(figure)
    titles = ["V4, recorded", "conv3, as V4", "IT, recorded", "conv3, as IT"]
    assert [ax.get_title() for ax in figure.axes] == titles
    texts = [ax.get_legend().get_texts()[0].get_text() for ax in figure.axes]
    assert texts[:2] == [
        "far: $r_s$ = 0.50",
        "far: $r_s$ = 0.70, Δ = 0.20 [−0.10, 0.40]",
    ]
    assert texts[3] == "far: no estimate"
    assert ("of layers, (a.u.)²" in figure.get_supxlabel()) == (units == "(a.u.)²")
    points = figure.axes[1].collections[0].get_offsets()
    np.testing.assert_array_equal(points[:, 0], layers["conv3", "V4"].dynamic_range)


@pytest.fixture
def result():
    dims = ("layer", "area", "position")
    rng = np.random.default_rng(0)
    difference = rng.normal(size=(3, 2, 2)) / 2
    difference[1, 0, 1] = np.nan
    return xr.Dataset(
        {
            "spearman_brain": (dims, np.broadcast_to([[0.5, 1.2], [0.3, np.nan]], (3, 2, 2))),
            "difference": (dims, difference),
            "interval": (
                (*dims, "ci_bound"),
                np.stack([difference - 0.3, difference + 0.4], axis=-1),
            ),
        },
        coords={"layer": ["conv3", "conv4", "conv5"], "area": ["V4", "IT"], "position": [1, 2]},
    )


@pytest.mark.parametrize("height", [1.6, 6.0])
def test_the_legend_is_below_the_label_whatever_the_height(result, assert_legible, height):
    figure, ax = plt.subplots(figsize=(4, height), layout="constrained")
    plot_comparison(result, ax)
    assert_legible(figure)


def test_a_row_a_layer_with_the_interval_of_the_difference(result, assert_legible):
    _, (_, right) = plt.subplots(1, 2)
    ax = plot_comparison(result, right)
    assert ax is right
    assert [t.get_text() for t in ax.get_yticklabels()] == ["conv3", "conv4", "conv5"]
    first, second = ax.containers
    at = result.sel(area="V4", position=1)
    np.testing.assert_array_equal(first.lines[0].get_xdata(), at["difference"])
    ends = np.array([segment[:, 0] for segment in first.lines[2][0].get_segments()])
    np.testing.assert_allclose(ends, at["interval"])
    assert len(second.lines[0].get_xdata()) == 2  # conv4 has no difference there
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert texts == ["position 1: $r_s$ = 0.50 recorded", "position 2: $r_s$ > 1 recorded"]
    plt.close("all")
    assert_legible(plot_comparison(result).figure)


def test_one_area_and_position_may_be_chosen(result):
    ax = plot_comparison(result, area="IT", position=2)
    assert len(ax.containers) == 1
    assert ax.get_xlabel().endswith("layer minus IT, with its interval")
    assert ax.get_legend().get_texts()[0].get_text() == "position 2: no estimate recorded"
    with pytest.raises(InputError, match="area 'V1' is not in the result; there are V4, IT"):
        plot_comparison(result, area="V1")
