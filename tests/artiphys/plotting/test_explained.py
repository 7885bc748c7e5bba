"""Figure 4 draws what it is given."""

import numpy as np
import pytest
import xarray as xr

from artiphys.plotting.explained import SHOWN, plot_explained, plot_predictions


def _agreement(areas, names):
    dims = ("area", "prediction")
    values = np.zeros((len(areas), len(names)))
    return xr.DataArray(values, dims=dims, coords={"area": areas, "prediction": names})


@pytest.mark.parametrize("power", [0, -2, -4, -6, 3])
def test_figure_4_is_legible_whatever_the_variances(power, assert_legible):
    """Small variances, of conv5 say, had labels too long for their places."""
    rng = np.random.default_rng(1)
    names = ["exact", "gaussian", "diagonal", "linear"]
    areas = [f"conv{i}" for i in (2, 3, 4, 5)]
    coords = {
        "prediction": names,
        "distance": ["close", "far"],
        "area": ("unit", np.repeat(areas, 30)),
    }
    wide = 0.4 * (1 + np.repeat(np.arange(4), 30))  # decades, from few to many
    predictions = xr.Dataset(
        {
            "variance": (("prediction", "unit"), 10.0 ** (power + wide * rng.random((4, 120)))),
            "invariance": (("prediction", "unit", "distance"), rng.random((4, 120, 2)) - 0.2),
        },
        coords=coords,
    )
    dims = ("area", "prediction", "distance")
    agreement = xr.Dataset(
        {f"spearman_{name}": (dims, -rng.random((4, 4, 2))) for name in ("variance", "invariance")},
        coords={"area": areas, "prediction": names, "distance": ["close", "far"]},
    )
    figure = plot_explained(predictions, predictions.isel(prediction=0, drop=True), agreement)
    assert_legible(figure)
    label = figure.axes[-1].get_xlabel()
    assert ("× $10^{" in label) == (power not in (0, -2)) or power == -2


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
    figure = plot_explained(predictions, measured, agreement)
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
