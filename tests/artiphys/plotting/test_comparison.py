"""Areas and layers side by side, with the differences that were found."""

import numpy as np
import pytest
import xarray as xr

from artiphys.comparison.units import UnitQuantities
from artiphys.plotting.comparison import plot_comparison


def scatter(n, units):
    rng = np.random.default_rng(n)
    dynamic_range = xr.DataArray(rng.gamma(2, size=n), dims="unit", attrs={"units": units})
    z = rng.normal(size=(n, 1))
    return UnitQuantities(
        dynamic_range, xr.DataArray(z, dims=("unit", "position"), coords={"position": ["far"]})
    )


@pytest.mark.parametrize("units", ["(spikes/s)²", "(a.u.)²"])
def test_a_row_an_area_and_a_panel_a_layer(units):
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
    figure = plot_comparison(areas, layers, result)
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
