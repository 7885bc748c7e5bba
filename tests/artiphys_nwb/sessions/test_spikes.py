"""The counting kernel against a loop, and its half-open windows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from artiphys_nwb.sessions.observation import meets_any, within_any
from artiphys_nwb.sessions.spikes import count_spikes, mended

# A coarse grid makes spikes and edges of windows coincide.
MOMENTS = st.integers(0, 40).map(lambda tick: tick / 8)
TRAINS = st.lists(st.lists(MOMENTS, max_size=12), min_size=1, max_size=4)
WINDOWS = st.lists(st.tuples(MOMENTS, MOMENTS).map(sorted), min_size=1, max_size=8)


def flat(trains):
    times = np.array([t for train in trains for t in train], dtype=float)
    return times, np.concatenate(([0], np.cumsum([len(train) for train in trains])))


@given(TRAINS, WINDOWS, st.sampled_from([0.0, -2.0]))
def test_counts_equal_a_loop(trains, windows, shift):
    """Before the session's zero, too."""
    trains = [sorted(t + shift for t in train) for train in trains]
    windows = [(a + shift, b + shift) for a, b in windows]
    starts, stops = np.array(windows, dtype=float).T
    truth = [[sum(a <= t < b for t in train) for a, b in windows] for train in trains]
    np.testing.assert_array_equal(count_spikes(*flat(trains), starts, stops), truth)
    per_unit = (np.tile(starts, (len(trains), 1)), np.tile(stops, (len(trains), 1)))
    np.testing.assert_array_equal(count_spikes(*flat(trains), *per_unit), truth)


def test_a_spike_on_the_edge_of_two_windows_is_in_the_later_one():
    counts = count_spikes(np.array([1.0]), np.array([0, 1]), np.array([0, 1.0]), np.array([1.0, 2]))
    np.testing.assert_array_equal(counts, [[0, 1]])


def test_windows_closed_at_both_ends_would_count_it_twice():
    """The negative control: what other tools do is not what this one does."""
    times, starts, stops = np.array([1.0]), np.array([0.0, 1.0]), np.array([1.0, 2.0])
    closed = np.searchsorted(times, stops, "right") - np.searchsorted(times, starts, "left")
    assert closed.sum() == 2
    assert count_spikes(times, np.array([0, 1]), starts, stops).sum() == 1


@given(st.lists(st.lists(MOMENTS | st.sampled_from([np.nan, np.inf])), min_size=1, max_size=5))
def test_mended_sorts_within_each_unit_and_names_those_out_of_order(trains):
    times, bounds = flat(trains)
    before = times.copy()
    got, where, unordered, n_missing = mended(times, bounds)
    np.testing.assert_array_equal(times, before)  # what came in is left as it was
    for unit, train in enumerate(trains):
        known = [t for t in train if np.isfinite(t)]
        np.testing.assert_array_equal(got[where[unit] : where[unit + 1]], np.sort(known))
        assert (unit in unordered) == (known != sorted(known))
    assert n_missing == sum(not np.isfinite(t) for train in trains for t in train)


@given(st.integers(0, 6000), st.integers(1, 300))
def test_a_sweep_and_a_search_count_alike(n_spikes, n_windows):
    """Few spikes or many an edge: whichever way is taken."""
    rng = np.random.default_rng(n_spikes + n_windows)
    times = np.sort(rng.integers(0, 2000, n_spikes) / 8)
    starts = rng.integers(-10, 2100, n_windows) / 8
    stops = starts + rng.integers(0, 40, n_windows) / 8
    by_search = np.searchsorted(times, stops) - np.searchsorted(times, starts)
    counts = count_spikes(times, np.array([0, n_spikes]), starts, stops)
    np.testing.assert_array_equal(counts[0], by_search)


@given(st.lists(st.tuples(MOMENTS, MOMENTS).map(sorted), max_size=6), WINDOWS)
def test_intervals_equal_a_loop(intervals, windows):
    merged = []  # in order and apart, as the readers leave them
    for a, b in sorted(intervals):
        if merged and a <= merged[-1][1]:
            merged[-1][1] = max(b, merged[-1][1])
        else:
            merged.append([a, b])
    merged = [pair for pair in merged if pair[0] < pair[1]]
    windows = [(a, b) for a, b in windows if a < b] or [(0.0, 1.0)]
    starts, stops = np.array(windows, dtype=float).T
    held = np.array(merged, dtype=float).reshape(-1, 2)
    within = [any(s <= a and b <= e for s, e in merged) for a, b in windows]
    meets = [any(a < e and b > s for s, e in merged) for a, b in windows]
    np.testing.assert_array_equal(within_any(held, starts, stops), within)
    np.testing.assert_array_equal(meets_any(held, starts, stops), meets)
