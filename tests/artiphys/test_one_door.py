"""An array is validated once in each public call, at its door, and a lazy one is read once."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import xarray as xr

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
        (lambda: artiphys.split_half_reliability(brain), 1),
        (lambda: artiphys.unit_table(brain), 1),
        (lambda: artiphys.unit_table(brain, noise=None), 1),
        (lambda: artiphys.unit_table(model), 1),
        (lambda: artiphys.signature(brain, noise="split", n_resamples=9, rng=0), 1),
        (lambda: artiphys.signature(brain), 1),
        (lambda: artiphys.signature(brain, covariates=["signal_to_noise", "n_repeats"]), 1),
        (lambda: artiphys.signature(brain, noise="corrected", n_resamples=9, rng=0), 1),
        (lambda: artiphys.signature(model, n_resamples=9, rng=0), 1),
        (lambda: artiphys.compare(model, brain, matched=False), 2),
        (lambda: artiphys.matched_responses(model, brain, rng=0), 2),
        (lambda: artiphys.compare(model, brain, n_passes=1, rng=0), 2),
    ]


NUMBERS = range(len(calls(AVERAGES, TRIALS)))
READ_ONCE = NUMBERS[:-1]  # all but what passes a network through a recording


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


def in_counted_chunks(responses, n_reads):
    """The array in chunks along unit and image, each of which counts how often it is read."""
    chunked = responses.chunk({"unit": 7, "image": 9})

    def counting(block, block_info=None):
        if block_info:  # else dask asks what comes of an empty block
            n_reads[responses.ndim, *block_info[0]["chunk-location"]] += 1
        return block

    return chunked.copy(data=chunked.data.map_blocks(counting, dtype=float, meta=np.empty(0)))


LEAN = {  # and how many dims sums have: averages leave no images, and trials no trials
    "dynamic range": (3, lambda model, brain: artiphys.dynamic_range(brain)),
    "invariance": (3, lambda model, brain: artiphys.invariance(brain)),
    "signal to noise": (3, lambda model, brain: artiphys.signal_to_noise(brain)),
    "best": (3, lambda model, brain: artiphys.invariance(brain, reference="best")),
    "best as measured": (3, lambda model, brain: artiphys.invariance(
        brain, reference="best", noise=None
    )),
    "table of averages": (2, lambda model, brain: artiphys.unit_table(model)),
    "table of trials": (3, lambda model, brain: artiphys.unit_table(brain)),
    "averages": (2, lambda model, brain: artiphys.signature(
        model, covariates="mean_response", n_resamples=9, rng=0
    )),
    "trials": (3, lambda model, brain: artiphys.signature(brain, covariates="signal_to_noise")),
    "split": (3, lambda model, brain: artiphys.signature(
        brain, noise="split", n_resamples=9, rng=0
    )),
    "as they are": (2, lambda model, brain: artiphys.compare(model, brain, matched=False)),
    "matched": (3, lambda model, brain: artiphys.compare(model, brain, n_passes=1, rng=0)),
    "a pass": (3, lambda model, brain: artiphys.matched_responses(model, brain, rng=0)),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*units left out")
@pytest.mark.parametrize(("n_dim", "call"), LEAN.values(), ids=LEAN)
def test_nothing_but_sums_leaves_the_chunks(n_dim, call):
    try:
        import dask
    except ImportError:
        missing("the extra 'dask'")
    computes, left = [], []

    def noting(graph, keys, **how):
        found = dask.get(graph, keys, **how)
        computes.append(len(keys))
        left.extend(np.ndim(sums) for result in found for sums in result)
        return found

    sizes = {"unit": 7, "image": 9}
    lazy = [array.copy(data=array.chunk(sizes).data) for array in (AVERAGES, TRIALS)]
    with dask.config.set(scheduler=noting):
        call(*lazy)
    assert 0 < len(computes) <= sum(computes) <= 2 * 15 + 5  # a task a chunk, or chunks of images
    assert max(left) <= n_dim


@pytest.mark.filterwarnings("ignore:.*units left out")
@pytest.mark.parametrize("number", READ_ONCE)
def test_each_chunk_of_a_lazy_array_is_read_once(number):
    try:
        import dask
    except ImportError:
        missing("the extra 'dask'")
    n_reads = Counter()
    lazy = [in_counted_chunks(each, n_reads) for each in (AVERAGES, TRIALS)]
    call, n_arrays = calls(*lazy)[number]
    eager, _ = calls(AVERAGES, TRIALS)[number]
    with dask.config.set(scheduler="synchronous"):
        found = call()
    assert len(n_reads) == n_arrays * 5 * 3
    assert set(n_reads.values()) == {1}
    if isinstance(found, pd.DataFrame):
        pd.testing.assert_frame_equal(found, eager(), rtol=1e-10)
    else:
        xr.testing.assert_allclose(found, eager(), rtol=1e-10)


OTHERS = AVERAGES.assign_coords(image=[f"other {i}" for i in range(AVERAGES.sizes["image"])])


@pytest.mark.parametrize(("model", "n_model"), [(AVERAGES, 1 + 1), (OTHERS, 1 + 3)])
def test_a_network_is_read_again_for_the_recorded_images_or_in_each_pass(model, n_model):
    try:
        import dask
    except ImportError:
        missing("the extra 'dask'")
    n_reads = Counter()
    with dask.config.set(scheduler="synchronous"):
        found = artiphys.compare(
            *(in_counted_chunks(each, n_reads) for each in (model, TRIALS)), n_passes=3, rng=0
        )
    assert {n for (n_dim, *_), n in n_reads.items() if n_dim == 3} == {n_model}
    assert {n for (n_dim, *_), n in n_reads.items() if n_dim == 4} == {1}
    xr.testing.assert_allclose(found, artiphys.compare(model, TRIALS, n_passes=3, rng=0), rtol=1e-9)


TWICE = {
    "halved": lambda model, brain: artiphys.signature(brain, resample="unit"),
    "best": lambda model, brain: artiphys.dynamic_range(brain, reference="best"),
    "signature at the best": lambda model, brain: artiphys.signature(brain, reference="best"),
    "images drawn": lambda model, brain: artiphys.signature(
        model, resample=("image", "unit"), n_resamples=9, rng=0
    ),
}


@pytest.mark.filterwarnings("ignore:.*units left out")
@pytest.mark.filterwarnings("ignore:.*too little signal")
@pytest.mark.filterwarnings("ignore:.*leaves r_s open")
@pytest.mark.parametrize("call", TWICE.values(), ids=TWICE)
def test_chunks_are_read_twice_to_be_halved_or_drawn_or_to_choose_a_position(call):
    try:
        import dask
    except ImportError:
        missing("the extra 'dask'")
    n_reads = Counter()
    with dask.config.set(scheduler="synchronous"):
        found = call(*(in_counted_chunks(each, n_reads) for each in (AVERAGES, TRIALS)))
    assert list(n_reads.values()) == [2] * 15
    xr.testing.assert_allclose(found, call(AVERAGES, TRIALS), rtol=1e-10)
