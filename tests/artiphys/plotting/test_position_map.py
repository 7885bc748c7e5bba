"""The map of invariance: a tile a position, in its place."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from artiphys.errors import InputError
from artiphys.estimators.invariance import invariance
from artiphys.plotting import plot_position_map
from artiphys.plotting.style import luminance

GRID = np.array([(x, y) for y in (-2.0, 0.0, 2.0) for x in (-2.0, 0.0, 2.0)])


@pytest.fixture
def responses(make_responses):
    values = np.random.default_rng(0).normal(size=(2, 15, 9))
    return make_responses(values, x=GRID[:, 0], y=GRID[:, 1], displacement_units="deg", reference=4)


def test_tiles_lie_at_their_positions(responses, assert_legible):
    measured = invariance(responses)
    ax = plot_position_map(measured, unit="u1")
    assert_legible(ax.figure)
    (tiles,) = ax.collections
    np.testing.assert_array_equal(tiles.get_array(), measured.sel(unit="u1"))
    corners = np.array([path.get_extents().bounds for path in tiles.get_paths()])
    np.testing.assert_allclose(corners[:, :2] + 1, np.delete(GRID, 4, axis=0))
    np.testing.assert_allclose(corners[:, 2:], 2)  # they just meet
    assert ax.get_xlabel() == "x, deg from the reference (+)"
    assert ax.get_ylabel() == "y, deg"
    assert ax.lines[0].get_xydata().tolist() == [[0.0, 0.0]]
    written = [text.get_text() for text in ax.texts]
    assert written[0] == f"{measured.sel(unit='u1', position=0).item():.2f}".replace("-", "−")


def test_responses_are_measured_first(responses):
    _, (left, right) = plt.subplots(1, 2)
    plot_position_map(responses, left, unit="u0")
    assert plot_position_map(invariance(responses).sel(unit="u0"), right) is right
    np.testing.assert_array_equal(left.collections[0].get_array(), right.collections[0].get_array())


def test_numbers_stand_out_from_their_tiles(responses):
    values = invariance(responses).isel(unit=0)
    ax = plot_position_map(values.copy(data=np.linspace(-1.2, 1.2, 8)))
    (tiles,) = ax.collections
    ax.figure.canvas.draw()
    for text, colour in zip(ax.texts, tiles.get_facecolor(), strict=True):
        light, dark = sorted((luminance(text.get_color()), luminance(colour)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5
    assert ax.texts[0].get_text() == "< −1"  # no correlation is: a bound
    values.name = "difference"
    ax = plot_position_map(values.copy(data=np.linspace(-1.2, 1.2, 8)), plt.figure().gca())
    assert ax.texts[0].get_text() == "−1.20"  # beyond the colours, with its number


def test_what_was_not_measured_has_no_colour(responses):
    values = invariance(responses).isel(unit=0).copy()
    values[3] = np.nan
    ax = plot_position_map(values)
    assert ax.collections[0].get_array().mask.sum() == 1
    assert ax.texts[3].get_text() == "–"


def test_positions_in_a_row_have_tiles_too(make_responses, assert_legible):
    values = np.random.default_rng(0).normal(size=(1, 9, 3))
    ax = plot_position_map(make_responses(values, x=[0, 4, 8]), unit="u0")
    assert_legible(ax.figure)
    assert len(ax.collections[0].get_paths()) == 2


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda v: v, "unit must be one of the 2 units, u0, u1; got None"),
        (lambda v: v.isel(unit=0).drop_vars("x"), "positions must have the coordinates 'x'"),
        (lambda v: v.isel(unit=0, position=0), r"values must be over \(position\)"),
        (lambda v: xr.DataArray([1.0], dims="place"), r"got \('place',\)"),
    ],
)
def test_what_has_no_place_is_refused(responses, change, match):
    with pytest.raises(InputError, match=match):
        plot_position_map(change(invariance(responses)))
