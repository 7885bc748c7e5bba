"""The moments of all halves at once, against one half after another."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artiphys import cores
from artiphys.estimators import halves_moments
from artiphys.estimators.halves import first_half, halves_of
from artiphys.estimators.halves_moments import moments_of_halves
from artiphys.estimators.signal_moments import signal_moments
from made_up_trials import trials

MOMENTS = ("variance", "variance_reference", "covariance", "n_image")


def at_once(values, n_splits, at):
    """The moments of all units and splits, put together from what comes at a time."""
    n_unit, _, n_position, _ = values.shape
    whole = {name: np.full((2, n_splits, n_unit, n_position), np.nan) for name in MOMENTS}
    for some in moments_of_halves(values, range(n_splits), at):
        for name in MOMENTS:
            whole[name][:, some.splits, some.units] = getattr(some, name)
    return whole


def one_by_one(values, n_splits, at):
    halves = [[signal_moments(half, at) for half in halves_of(values, s)] for s in range(n_splits)]
    return {
        name: np.array([[getattr(halves[s][h], name) for s in range(n_splits)] for h in (0, 1)])
        for name in MOMENTS
    }


def assert_equal(values, n_splits=3, at=0):
    found, expected = at_once(values, n_splits, at), one_by_one(values, n_splits, at)
    scale = np.nanvar(values)
    for name in MOMENTS:
        np.testing.assert_allclose(
            found[name], expected[name], rtol=1e-10, atol=1e-10 * scale, err_msg=name
        )


@given(
    seed=st.integers(0, 10**6),
    gaps=st.sampled_from([0.0, 0.3, 0.7]),
    at=st.integers(0, 1),
    shift=st.sampled_from([0.0, -3.0, 1000.0]),
)
@settings(max_examples=40, deadline=None)
def test_all_halves_at_once_are_each_by_itself(seed, gaps, at, shift):
    assert_equal(trials(seed, gaps=gaps) + shift, at=at)


@pytest.mark.parametrize("rate", [0.1, 1.0, 30.0])
def test_counts_of_few_repeats_have_their_noise_pooled_alike(rate):
    counts = np.random.default_rng(0).poisson(rate, size=(12, 20, 3, 3)).astype(float)
    assert_equal(counts, at=1)


def test_a_unit_that_is_constant_in_a_half_has_no_variance_there():
    values = np.random.default_rng(0).poisson(5.0, size=(3, 12, 2, 4)) / 0.3
    first = first_half(~np.isnan(values), 1)
    values[1] = np.where(first[1], 7.3, values[1])
    found = at_once(values, 2, 0)
    assert (found["variance"][0, 1, 1] == 0).all()
    assert (found["variance"][1, 1, 1] > 0).all()
    assert_equal(values)


def test_chunks_change_no_number(monkeypatch):
    values = trials(7, gaps=0.3)
    whole = at_once(values, 5, 0)
    monkeypatch.setattr(halves_moments, "BLOCK", 2 * values[0].size)
    chunks = list(moments_of_halves(values, range(5), 0))
    assert len(chunks) > len(values)
    for name, expected in at_once(values, 5, 0).items():
        np.testing.assert_allclose(whole[name], expected, rtol=1e-10, atol=1e-10, err_msg=name)


def test_memory_is_bounded_by_the_chunk(monkeypatch):
    monkeypatch.setattr(cores, "n_cores", lambda: 1)  # each has a chunk
    values = np.random.default_rng(0).poisson(5.0, size=(600, 200, 4, 10)).astype(float)
    tracemalloc.start()
    for _ in moments_of_halves(values, range(32), 0):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    cells_of_all_halves = 64 * values[..., 0].nbytes
    assert peak < cells_of_all_halves / 4
