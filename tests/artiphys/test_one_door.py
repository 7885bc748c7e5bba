"""An array is validated once in each public call, at its door."""

import pytest

import artiphys
from artiphys.responses import schema
from environment import missing

RECORDING = artiphys.simulate_responses(n_units=30, n_images=20, n_positions=2, rng=0)
TRIALS, AVERAGES = RECORDING.responses, RECORDING.truth["rate"]


def calls(model, brain):
    """Public calls on a model's averages and a recording, with the arrays that each is given."""
    return [
        (lambda: artiphys.dynamic_range(brain), 1),
        (lambda: artiphys.invariance(brain), 1),
        (lambda: artiphys.translation_invariance(brain), 1),
        (lambda: artiphys.signal_to_noise(brain), 1),
        (lambda: artiphys.unit_table(brain), 1),
        (lambda: artiphys.signature(brain), 1),
        (lambda: artiphys.signature(brain, covariates=["signal_to_noise", "n_repeats"]), 1),
        (lambda: artiphys.signature(brain, noise="corrected", n_resamples=9), 1),
        (lambda: artiphys.signature(model, n_resamples=9), 1),
        (lambda: artiphys.compare(model, brain, n_passes=1), 2),
        (lambda: artiphys.compare(model, brain, matched=False), 2),
        (lambda: artiphys.matched_responses(model, brain), 2),
    ]


NUMBERS = range(len(calls(AVERAGES, TRIALS)))


@pytest.mark.filterwarnings("ignore:.*units left out")
@pytest.mark.parametrize("number", NUMBERS)
def test_an_array_is_validated_once(monkeypatch, number):
    call, n_arrays = calls(AVERAGES, TRIALS)[number]
    validated = []
    original = schema._require_numbers
    monkeypatch.setattr(
        schema, "_require_numbers", lambda r, name: validated.append(name) or original(r, name)
    )
    call()
    assert len(validated) == n_arrays


@pytest.mark.filterwarnings("ignore:.*units left out")
@pytest.mark.parametrize("number", NUMBERS)
def test_a_lazy_array_is_computed_once(number):
    try:
        import dask
    except ImportError:
        missing("the extra 'dask'")
    computed = []

    def counting(graph, keys, **_):
        computed.append(keys)
        return dask.get(graph, keys)

    call, n_arrays = calls(AVERAGES.chunk({"unit": 7}), TRIALS.chunk({"unit": 7}))[number]
    with dask.config.set(scheduler=counting):
        call()
    assert len(computed) == n_arrays
