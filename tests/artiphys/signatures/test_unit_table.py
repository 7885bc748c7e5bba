"""The table of units: the public estimates, row by row, and the units that a signature uses."""

import numpy as np
import pandas as pd
import pytest

from artiphys.correlations.spearman import fisher_z
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.estimators.reliability import signal_to_noise
from artiphys.estimators.signal_moments import MAX_NOISE_ERROR
from artiphys.signatures.signature import signature
from artiphys.signatures.unit_table import unit_table
from artiphys.simulation import simulate_responses

COLUMNS = [
    *("unit", "area", "session", "position", "dynamic_range", "invariance", "fisher_z"),
    *("noise_error", "signal_to_noise", "mean_response", "n_images", "n_repeats", "used"),
    "why_not",
]


def recording(**changes):
    given = {"n_units": 50, "n_positions": 3, "repeats": (3, 6), "n_sessions": 2, "rng": 4}
    return simulate_responses(**given | changes).responses


@pytest.mark.parametrize("noise", ["auto", None, "corrected", "split"])
def test_each_row_is_the_public_estimate(noise):
    responses = recording()
    table = unit_table(responses, noise=noise)
    assert table.columns.tolist() == COLUMNS
    assert len(table) == 50 * 2
    x, y = dynamic_range(responses, noise=noise), invariance(responses, noise=noise)
    ratio = signal_to_noise(responses)
    n_trials = responses.notnull().sum("trial")
    for row in table.iloc[[0, 1, 57, 99]].itertuples():
        at = {"unit": row.unit, "position": row.position}
        assert row.dynamic_range == x.sel(unit=row.unit)
        np.testing.assert_equal(row.invariance, y.sel(at).item())
        np.testing.assert_equal(row.fisher_z, fisher_z(y.sel(at).item()))
        np.testing.assert_allclose(row.signal_to_noise, ratio.sel(at), rtol=1e-12)
        np.testing.assert_allclose(row.mean_response, responses.sel(unit=row.unit).mean())
        np.testing.assert_allclose(row.n_repeats, n_trials.sel(unit=row.unit).mean())
        assert row.n_images == 60
        assert row.session == responses.source.sel(unit=row.unit)


@pytest.mark.parametrize("reference", [None, 1, "best"])
@pytest.mark.parametrize("noise", ["auto", "corrected"])
@pytest.mark.filterwarnings("ignore:.*units left out")
def test_the_units_used_are_those_of_the_signature(noise, reference):
    responses = recording(rate=12.0, repeats=(1, 8))
    responses[3] = np.nan
    responses[4, :, 2] = np.nan
    responses[5] = responses[5].where(responses["trial"] < 1)
    table = unit_table(responses, noise=noise, reference=reference)
    result = signature(responses, noise=noise, reference=reference, n_resamples=9, rng=0)
    used = table.groupby("position")["used"].sum()
    assert used.to_list() == result["n_units"].sel(position=used.index)[0].values.tolist()
    assert (table["used"] == (table["why_not"] == "")).all()
    if noise == "auto" and reference is None:
        left_out = table.loc[table["position"] == 2, "why_not"].value_counts()
        cell = result.sel(position=2)
        assert left_out["not measured"] == cell["n_not_measured"] == 2
        assert left_out["one repeat, which does not say how noisy it is"] == 1


def test_the_noise_error_is_the_one_that_units_are_left_out_by_on_these_images():
    responses = recording(rate=12.0)
    responses[0] = responses[0].mean("image")  # no signal at all, and noise
    table = unit_table(responses)
    error = table["noise_error"]
    result = signature(responses, resample="unit")
    at = table["position"] == 1
    too_noisy = np.isfinite(error[at]) & (error[at] > MAX_NOISE_ERROR)
    assert too_noisy.sum() == result["n_too_noisy"][0, 0]
    assert np.isinf(error[at]).sum() == result["n_without_signal"][0, 0]
    assert table.loc[table["unit"] == "simulated_0/0", "why_not"].tolist() == ["without signal"] * 2
    assert error.equals(unit_table(responses, noise=None)["noise_error"])


def test_images_count_where_they_were_measured_at_the_reference_too():
    responses = recording()
    responses[0, :5, 0] = np.nan  # at the reference
    responses[0, 4:7, 1] = np.nan
    assert unit_table(responses)["n_images"].tolist()[:3] == [53, 55, 60]


def test_averages_leave_what_takes_trials_empty():
    responses = recording().mean("trial", keep_attrs=True)
    table = unit_table(responses)
    assert table.columns.tolist() == COLUMNS
    assert table[["noise_error", "signal_to_noise", "n_repeats"]].isna().all().all()
    assert table["used"].all()


def test_coordinates_along_the_unit_are_columns_and_a_unit_of_no_group_is_not_used():
    depth = np.arange(50.0)
    depth[7] = np.nan
    responses = recording().assign_coords(depth=("unit", depth))
    with pytest.warns(ArtiphysWarning, match="'depth' is missing .* for 1 of 50 units"):
        table = unit_table(responses, by="depth")
    assert table["depth"].tolist()[:4] == [0, 0, 1, 1]
    without = table["unit"] == responses["unit"].values[7]
    assert table.loc[without, "why_not"].tolist() == ["no depth"] * 2
    assert isinstance(table, pd.DataFrame)


def test_a_coordinate_named_as_a_measured_column_is_not_lost_in_silence():
    responses = recording().assign_coords(n_repeats=("unit", np.full(50, 99.0)))
    told = "left out of the table, which measures what it calls so itself: 'n_repeats'; rename"
    with pytest.warns(ArtiphysWarning, match=told):
        table = unit_table(responses)
    assert table.columns.tolist() == COLUMNS
    pd.testing.assert_frame_equal(table, unit_table(recording()))


def test_units_without_names_are_numbered():
    table = unit_table(recording().drop_vars("unit"))
    assert table.columns.tolist() == COLUMNS
    assert table["unit"].tolist() == np.repeat(np.arange(50), 2).tolist()


@pytest.mark.parametrize("noise", ["auto", None, "corrected"])
def test_each_units_own_reference_is_told_from_what_is_undefined(noise):
    table = unit_table(recording(), noise=noise, reference="best")
    own = table["reference"] == table["position"].astype(str)
    assert own.sum() == 50
    assert (own == (table["why_not"] == "the unit's reference")).all()


def test_bad_arguments_are_refused_as_by_the_signature():
    responses = recording()
    with pytest.raises(InputError, match="by must be a coordinate along 'unit'"):
        unit_table(responses, by="depth")
    with pytest.raises(InputError, match="reference 9 is not among the positions"):
        unit_table(responses, reference=9)
    with pytest.raises(InputError, match="at least 2 values to measure invariance"):
        unit_table(responses.isel(position=[0]))
