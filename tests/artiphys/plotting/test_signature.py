"""The scatter of units draws what it is given, and counts what it cannot draw."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from artiphys.plotting.signature import plot_signature, position_name, scatter_units

GROUPS = ["IT", "V4"]


@pytest.fixture
def measured():
    rng = np.random.default_rng(0)
    coords = {"unit": np.arange(12), "area": ("unit", np.repeat(GROUPS, 6))}
    dynamic_range = xr.DataArray(
        rng.gamma(2, size=12), dims="unit", coords=coords, attrs={"units": "(spikes/s)²"}
    )
    z = xr.DataArray(
        rng.normal(size=(12, 2)),
        dims=("unit", "position"),
        coords=coords | {"position": [0.125, 0.25]},
    )
    return dynamic_range, z


@pytest.fixture
def result():
    dims = ("area", "position")
    return xr.Dataset(
        {
            "spearman": (dims, [[0.5, 0.4], [0.3, np.nan]]),
            "interval": ((*dims, "ci_bound"), np.tile([0.1, 0.8], (2, 2, 1))),
        },
        coords={"area": GROUPS, "position": [0.125, 0.25]},
    )


def test_a_panel_a_group_and_points_a_position(measured, result):
    dynamic_range, z = measured
    figure = plot_signature(dynamic_range, z, result)
    assert [ax.get_title() for ax in figure.axes] == GROUPS
    points = figure.axes[1].collections[1].get_offsets()
    np.testing.assert_array_equal(points, np.column_stack([dynamic_range[6:], z[6:, 1]]))
    labels = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert labels == ["0.125: $r_s$ = 0.30 [0.10, 0.80]", "0.25: $r_s$ undefined"]
    assert figure.axes[0].get_xscale() == "log"
    assert "(spikes/s)²" in figure.get_supxlabel()


def test_units_without_a_place_on_the_scales_are_left_out_and_counted(measured, result):
    dynamic_range, z = measured
    dynamic_range[0], z[1, 0], z[2, 0] = 0.0, np.inf, np.nan
    ax = scatter_units(
        dynamic_range, z.isel(position=0, drop=True), result.isel(position=0, drop=True)
    )
    assert len(ax.collections[0].get_offsets()) == 3
    assert "1 at ±∞" in ax.get_legend().get_texts()[0].get_text()
    assert "±∞" not in ax.get_legend().get_texts()[1].get_text()


def test_units_are_drawn_into_the_axes_given(measured, result):
    _, (left, _) = plt.subplots(1, 2)
    dynamic_range, z = measured
    at = {"position": 0.25}
    assert scatter_units(dynamic_range, z.sel(at), result.sel(at, drop=True), left) is left


@pytest.mark.parametrize(("position", "name"), [(0.125, "0.125"), (2.0, "2"), ("far", "far")])
def test_positions_are_named_by_their_labels(position, name):
    assert position_name(position) == name
