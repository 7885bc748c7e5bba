"""The theory's fit in a report: the model's own, or why there is none."""

import numpy as np
import pytest
import xarray as xr

from artiphys.plotting.measured import units_shown
from artiphys.rectification.model import RectificationModel
from artiphys.signatures.signature import signature
from artiphys.simulation import simulate_responses
from artiphys_report import theory
from artiphys_report.theory import fit_of, rectified_table

HOW = {"as_measured": True, "seed": 0, "level": 0.95}


@pytest.fixture(scope="module")
def rectified():
    """Units of one curve, rho 0.8 and sigma 1, as a network's rectified responses."""
    rng = np.random.default_rng(0)
    pair = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], (60, 500)).T
    values = np.maximum(pair + np.linspace(-1, 2, 60), 0)
    return xr.DataArray(
        values,
        dims=("position", "image", "unit"),
        coords={
            "position": [0.0, 0.25],
            "area": ("unit", ["conv2"] * 60),
            "unit": [f"u{n}" for n in range(60)],
            "image": [f"i{n}" for n in range(500)],
        },
        attrs={"reference": 0.0, "units": "a.u."},
    ).transpose("unit", "image", "position")


def table_of(responses):
    return units_shown(responses, signature(responses, n_resamples=100, rng=0))


def test_the_parameters_are_the_models_own(rectified):
    table = table_of(rectified)
    fit = fit_of(table, n_images=500, trials=False, **HOW)
    model = RectificationModel(n_images=500, rng=0).fit(table["dynamic_range"], table["invariance"])
    assert fit.why_not == ""
    assert fit.numbers[0][1] == f"{model.rho_:.2f}" == "0.80"
    lower, upper = model.interval_["sigma"].values
    assert fit.numbers[1][2] == f"{lower:.3g} to {upper:.3g}"
    assert lower < 1 < upper
    np.testing.assert_allclose(np.tanh(fit.fisher_z), model.predict(fit.dynamic_range))
    assert len(fit.units) == 60


def test_responses_below_zero_are_rectified_first_without_trials(rectified):
    shifted = rectified.where(rectified > 0, -1.0)
    shown = table_of(shifted)
    table = rectified_table(shifted, by="area", reference=0.0, shown=shown)
    expected = table_of(rectified)
    np.testing.assert_allclose(table["dynamic_range"], expected["dynamic_range"])
    fit = fit_of(table, **HOW | {"as_measured": False}, n_images=500, trials=False)
    assert "set to 0 first" in fit.words[0]


def test_a_recording_below_zero_is_not_fitted(recording):
    table = rectified_table(recording - 5.0, by="area", reference=0, shown=None)
    assert table is None
    fit = fit_of(table, n_images=24, trials=True, **HOW)
    assert "below zero" in fit.why_not
    assert fit.units is None


def test_few_images_are_not_fitted(rectified):
    fit = fit_of(table_of(rectified), n_images=19, trials=False, **HOW)
    assert fit.why_not.startswith("19 images were shown, and the fit takes 20")


def test_what_the_model_refuses_is_said(rectified):
    table = table_of(rectified)
    table["invariance"] = 0.5
    fit = fit_of(table, n_images=500, trials=False, **HOW)
    assert "cannot be identified by a constant invariance" in fit.why_not


def test_a_position_without_units_is_not_fitted(recording):
    shown = table_of(recording)
    fit = fit_of(shown[shown["position"] == 9], n_images=24, trials=True, **HOW)
    assert "the model cannot be identified by 0 units" in fit.why_not


def test_with_trials_the_fit_is_not_tested():
    many = simulate_responses(n_units=60, n_images=60, rate=60.0, repeats=10, rng=0).responses
    shown = table_of(many)
    units = shown[shown["position"] == 1]
    fit = fit_of(units, n_images=60, trials=True, **HOW)
    assert fit.why_not == ""
    assert "the fit is not tested" in " ".join(fit.words)
    fit = fit_of(units, n_images=60, trials=False, **HOW)
    assert "the fit is not tested" not in " ".join(fit.words)


def test_of_many_units_some_are_drawn(monkeypatch):
    responses, truth = simulate_responses(relation="rectification", n_units=60, repeats=1, rng=0)
    rates = responses.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    units = table_of(rates)
    units = units[units["position"] == units["position"].iloc[0]]
    monkeypatch.setattr(theory, "MOST_UNITS", 40)
    fit = fit_of(units, n_images=60, trials=False, **HOW)
    assert len(fit.units) == 40
    assert "40 of 60 units, drawn at random from those of positive dynamic range" in fit.words[0]
