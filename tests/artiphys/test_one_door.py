"""An array is validated once in each public call, at its door."""

import pytest

import artiphys
from artiphys.responses import schema

RECORDING = artiphys.simulate_responses(n_units=30, n_images=20, n_positions=2, rng=0)
TRIALS, AVERAGES = RECORDING.responses, RECORDING.truth["rate"]


@pytest.mark.filterwarnings("ignore:.*units left out")
@pytest.mark.parametrize(
    ("call", "n_arrays"),
    [
        (lambda: artiphys.dynamic_range(TRIALS), 1),
        (lambda: artiphys.invariance(TRIALS), 1),
        (lambda: artiphys.translation_invariance(TRIALS), 1),
        (lambda: artiphys.signal_to_noise(TRIALS), 1),
        (lambda: artiphys.unit_table(TRIALS), 1),
        (lambda: artiphys.signature(TRIALS), 1),
        (lambda: artiphys.signature(TRIALS, covariates=["signal_to_noise", "n_repeats"]), 1),
        (lambda: artiphys.signature(TRIALS, noise="corrected", n_resamples=9), 1),
        (lambda: artiphys.signature(AVERAGES, n_resamples=9), 1),
        (lambda: artiphys.compare(AVERAGES, TRIALS, n_passes=1), 2),
        (lambda: artiphys.compare(AVERAGES, TRIALS, matched=False), 2),
        (lambda: artiphys.matched_responses(AVERAGES, TRIALS), 2),
    ],
)
def test_an_array_is_validated_once(monkeypatch, call, n_arrays):
    validated = []
    original = schema._require_numbers
    monkeypatch.setattr(
        schema, "_require_numbers", lambda r, name: validated.append(name) or original(r, name)
    )
    call()
    assert len(validated) == n_arrays
