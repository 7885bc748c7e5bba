"""What a signature says in words."""

import pytest
import xarray as xr

from artiphys.comparison import compare
from artiphys.errors import ArtiphysWarning, InputError
from artiphys.signatures import signature
from artiphys.simulation import simulate_responses
from artiphys.verdicts import verdict


def test_a_relation_is_said_to_be_found():
    responses = simulate_responses(n_units=200, n_images=100, rate=60, rng=0).responses
    text = verdict(signature(responses))
    assert "units of wider dynamic range are more invariant" in text
    assert "95 % interval" in text


def test_without_a_relation_the_naive_test_is_shown_to_say_yes():
    responses = simulate_responses(relation="none", rate=6.0, rng=1).responses
    text = verdict(signature(responses))
    assert "no relation was found" in text
    assert "The responses as measured would have said 0." in text
    assert "Left out:" in text


def test_too_little_is_said_to_be_too_little():
    responses = simulate_responses(n_units=12, n_images=10, repeats=2, rate=0.3, rng=0).responses
    with pytest.warns(ArtiphysWarning):
        text = verdict(signature(responses))
    assert "nothing can be said" in text


def test_data_on_which_calibration_found_something_amiss_are_told():
    few_images = simulate_responses(n_units=150, n_images=30, rate=60.0, rng=0).responses
    assert "on few images (30)" in verdict(signature(few_images))
    images_at_large = signature(few_images, resample=("image", "unit"))
    assert images_at_large["caution"].item() == ""
    noisy = simulate_responses(rate=8.0, rng=0).responses
    assert "Caution: noisy (the reliability of invariance is 0.37)" in verdict(signature(noisy))
    clean = simulate_responses(rate=40.0, rng=0).responses
    assert signature(clean)["caution"].item() == ""
    assert "Caution" not in verdict(signature(clean))


def test_a_comparison_in_words():
    both, truth = simulate_responses(n_units=120, rate=40.0, rng=0)
    rates = both.isel(trial=0, drop=True).copy(data=truth["rate"].values)
    text = verdict(compare(rates[:60], both[60:], n_passes=2, rng=0))
    assert "simulated and simulated, position 1: they do not measurably differ" in text
    assert "As measured the difference would have been" in text
    with pytest.warns(ArtiphysWarning, match="no difference can be given"):
        assert "nothing can be said" in verdict(compare(rates[:5], both[60:], matched=False))


def test_averages_have_a_verdict_too():
    responses = simulate_responses(n_units=20, n_positions=3, rng=0).responses
    averages = responses.mean("trial", keep_attrs=True)
    text = verdict(signature(averages, n_resamples=99, rng=0))
    assert text.count("simulated, position") == 2
    assert "as measured" not in text


def test_bad_input():
    with pytest.raises(
        InputError, match="must come from artiphys.signature or artiphys.compare; it lacks"
    ):
        verdict(xr.Dataset({"spearman": 0.3}))
