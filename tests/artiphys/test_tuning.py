"""A unit's tuning and its errors: against NumPy, and against many simulated experiments."""

import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.tuning import aligned_spikes, dynamic_range_error, peristimulus, tuning


def test_means_and_errors_are_those_of_the_trials(make_responses):
    rng = np.random.default_rng(0)
    values = rng.poisson(5, size=(3, 4, 2, 6)).astype(float)
    values[0, 1, 1, 4:] = np.nan  # unequal repeats
    values[1, 2, 0] = np.nan  # not measured
    tuned = tuning(make_responses(values))
    assert tuned["mean"].dims == ("unit", "image", "position")
    n = np.isfinite(values).sum(-1)
    np.testing.assert_array_equal(tuned["n_trials"], n)
    np.testing.assert_allclose(tuned["mean"][2], values[2].mean(-1))
    expected = np.std(values[0, 1, 1, :4], ddof=1) / 2
    assert tuned["standard_error"][0, 1, 1].item() == pytest.approx(expected)
    assert np.isnan(tuned["mean"][1, 2, 0])
    assert tuned.attrs == {"units": "a.u.", "reference": 0}
    assert tuned["area"].dims == ("unit",)


def test_averages_have_no_error(make_responses):
    values = np.arange(12.0).reshape(1, 4, 3)
    tuned = tuning(make_responses(values))
    np.testing.assert_array_equal(tuned["mean"], values)
    assert tuned["standard_error"].isnull().all()
    assert (tuned["n_trials"] == 1).all()


@pytest.mark.parametrize("n_trials", [2, 6])
@pytest.mark.parametrize("gain", [0.0, 1.0, 4.0])
def test_the_error_of_dynamic_range_is_that_of_many_experiments(make_responses, gain, n_trials):
    """The same signals measured 3000 times: the scatter of what is found is the error told."""
    rng = np.random.default_rng(1)
    signal = gain * rng.normal(size=(1, 40, 1, 1))
    noise = rng.uniform(0.5, 1.5, size=(1, 40, 1, 1))  # not the same for all images
    values = signal + noise * rng.normal(size=(3000, 40, 1, n_trials))
    responses = make_responses(values)
    scatter = float(dynamic_range(responses, noise="corrected").std(ddof=1))
    told = float(np.sqrt((dynamic_range_error(responses) ** 2).mean()))
    assert told == pytest.approx(scatter, rel=0.08)


def test_the_error_is_at_the_reference_that_is_asked_for(make_responses):
    rng = np.random.default_rng(2)
    values = rng.normal(size=(4, 20, 2, 5)) * np.array([1.0, 3.0])[:, None]
    responses = make_responses(values)
    there = dynamic_range_error(responses, reference=1)
    alone = (
        responses.isel(position=[1]).assign_attrs(reference=1).assign_coords(x=("position", [0.0]))
    )
    np.testing.assert_allclose(there, dynamic_range_error(alone))
    assert (there > 3 * dynamic_range_error(responses)).all()
    assert there.attrs["units"] == "(a.u.)²"


def test_without_trials_there_is_no_error_of_dynamic_range(make_responses):
    with pytest.raises(InputError, match="trial"):
        dynamic_range_error(make_responses(np.zeros((1, 3, 2))))


def test_spikes_are_timed_from_each_onset_and_the_window_is_half_open():
    found = aligned_spikes([2.1, 1.0, 0.9, 1.5], [1.0, 2.0], window=(0.0, 0.5))
    assert [each.round(9).tolist() for each in found] == [[0.0], [0.1]]


def test_a_psth_counts_every_spike():
    rng = np.random.default_rng(0)
    spikes = {"far": [rng.uniform(0, 0.5, size=k) for k in (3, 0, 5)], "near": [[0.1], [0.2]]}
    rates = peristimulus(spikes, window=(0.0, 0.5), bin_width=0.05)
    assert rates["rate"].shape == (2, 10)
    counted = rates["rate"].sum("time") * 0.05 * rates["n_presentations"]
    np.testing.assert_allclose(counted, [8, 2])
    counts = np.array([np.histogram(s, np.linspace(0, 0.5, 11))[0] for s in spikes["far"]])
    error = counts.std(0, ddof=1) / np.sqrt(3) / 0.05
    np.testing.assert_allclose(rates["standard_error"].sel(position="far"), error)


def test_one_presentation_has_no_error():
    assert peristimulus({0: [[0.1]]})["standard_error"].isnull().all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: aligned_spikes([0.1], [0.0], window=(0.2, 0.1)), r"window must be \(from, to\)"),
        (lambda: peristimulus({0: [[0.1]]}, window=(0.0,)), r"window must be \(from, to\)"),
        (lambda: peristimulus({0: [[0.1]]}, bin_width=0.0), "bin_width"),
        (lambda: peristimulus({0: [[0.1]]}, bin_width=9.0), "bin_width must fit into the window"),
        (lambda: peristimulus({0: []}), "none at 0"),
        (lambda: peristimulus({}), "none at any"),
    ],
)
def test_what_is_no_window_or_holds_nothing_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()
