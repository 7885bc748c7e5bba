"""What a signature says in words."""

import pytest
import xarray as xr

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


def test_averages_have_a_verdict_too():
    responses = simulate_responses(n_units=20, n_positions=3, rng=0).responses
    averages = responses.mean("trial", keep_attrs=True)
    text = verdict(signature(averages, n_resamples=99, rng=0))
    assert text.count("simulated, position") == 2
    assert "as measured" not in text


def test_bad_input():
    with pytest.raises(InputError, match="must come from artiphys.signature or artiphys.compare; it lacks"):
        verdict(xr.Dataset({"spearman": 0.3}))
