"""window="auto": latencies that are found, on trials that are not returned."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artiphys.responses.presentations import repeat_numbers
from artiphys_nwb import errors, read_nwb
from artiphys_nwb.sessions.latency import trials_for_latency
from nwb_files import LAYOUT, recording, write_nwb


def answering(latency, *, n_images=20, n_positions=2, n_repeats=8, seed=0, gain=60.0, length=0.2):
    """Units that answer each image at a rate of its own, from their latency on."""
    trials, _ = recording(0, n_images, n_positions, n_repeats, seed)
    rng = np.random.default_rng(seed)
    end = trials["start_time"][-1] + 1
    spikes = []
    for start in latency:
        rates = gain * rng.exponential(size=n_images)
        train = [rng.uniform(0, end, rng.poisson(5 * end))]
        for onset, image in zip(trials["start_time"], trials["stim"], strict=True):
            n_spikes = rng.poisson(rates[int(image) - 1] * length)
            train.append(onset + start + rng.uniform(0, length, n_spikes))
        spikes.append(np.sort(np.concatenate(train)))
    return trials, spikes


def test_latencies_are_found(tmp_path):
    true = np.array([0.04, 0.06, 0.08, 0.1, 0.15])
    path = write_nwb(tmp_path / "a.nwb", *answering(true))
    responses = read_nwb(path, LAYOUT, window="auto", rate=False)
    np.testing.assert_allclose(responses["latency"], true, atol=0.0051)
    assert (responses["reliability"] > 0.8).all()
    for i, start in enumerate(responses["latency"].values):
        window = (float(start), float(start) + 0.2)
        plain = read_nwb(path, LAYOUT, window=window, rate=False, units_where={"id": i})
        np.testing.assert_array_equal(responses[i], plain[0, ..., ::2])
    rates = read_nwb(path, LAYOUT, window="auto")
    np.testing.assert_allclose(rates, responses / 0.2)


def test_latencies_in_the_shared_recordings(shared_data):
    folder = shared_data / "nwb" / "it_rsvp"
    file = folder / "sub-pico_ses-position-columns_ecephys.nwb"
    truth = np.load(file.with_suffix(".truth.npz"))["latency"]
    with pytest.warns(errors.UnitsDoubtful, match="2 of 96 units do not answer reliably enough"):
        responses = read_nwb(file, "it_rsvp", window="auto")
    off = np.abs(responses["latency"].values - truth)
    assert np.median(off) < 0.004
    assert np.corrcoef(responses["latency"], truth)[0, 1] > 0.7


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.randoms())
def test_the_trials_of_a_cell_are_shared_out(repeats, random):
    cell = np.repeat(np.arange(len(repeats)), repeats)
    order = list(range(len(cell)))
    random.shuffle(order)
    cell = cell[order]
    chosen, half = trials_for_latency(cell, repeat_numbers(cell))
    for i, n in enumerate(repeats):
        n_chosen = chosen[cell == i].sum()
        assert n_chosen == (0 if n < 3 else 2 if n == 3 else n // 2)
        assert n_chosen < n
        halves = half[(cell == i) & chosen]
        assert abs((halves == 0).sum() - (halves == 1).sum()) <= 1


def test_what_is_returned_does_not_touch_what_was_chosen_on(tmp_path):
    """Spikes added to the trials that are returned move no latency; to the others, they do."""
    trials, spikes = answering([0.06, 0.1])
    before = read_nwb(write_nwb(tmp_path / "a.nwb", trials, spikes), LAYOUT, window="auto")
    cell = (trials["stim"] * 10 + trials["position"]).astype(int)
    chosen, _ = trials_for_latency(cell, repeat_numbers(cell))
    assert int(before[0].notnull().sum()) == (~chosen).sum()
    latencies = {}
    for name, rows in {"returned": ~chosen, "set aside": chosen}.items():
        onset, image = trials["start_time"][rows], trials["stim"][rows].astype(int)
        early = [o + 0.03 + np.arange(5 * i) / 1e3 for o, i in zip(onset, image, strict=True)]
        extra = np.concatenate(early)
        more = [np.sort(np.concatenate([train, extra])) for train in spikes]
        after = read_nwb(write_nwb(tmp_path / f"{name}.nwb", trials, more), LAYOUT, window="auto")
        latencies[name] = after["latency"].values
    np.testing.assert_array_equal(latencies["returned"], before["latency"])
    assert (latencies["set aside"] < before["latency"].values).all()


def test_the_trials_set_aside_are_counted(tmp_path):
    path = write_nwb(tmp_path / "a.nwb", *answering([0.06]))
    responses = read_nwb(path, LAYOUT, window="auto")
    record = json.loads(responses.attrs["provenance"])
    (dropped,) = record["dropped"]
    assert (dropped["what"], dropped["reason"]) == ("trial", "used to find latencies")
    assert dropped["count"] == 160 == 320 - int(responses.notnull().sum())
    assert record["arguments"]["window"] == "auto"


def test_units_that_do_not_answer_get_the_latency_of_the_others(tmp_path):
    trials, spikes = answering([0.06, 0.08, 0.1])
    rng = np.random.default_rng(1)
    spikes.append(np.sort(rng.uniform(0, spikes[0][-1], 3000)))
    spikes.append(np.empty(0))
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    with pytest.warns(errors.UnitsDoubtful, match="2 of 5 units .* 80 ms is taken, the median"):
        responses = read_nwb(path, LAYOUT, window="auto")
    np.testing.assert_allclose(responses["latency"], [0.06, 0.08, 0.1, 0.08, 0.08], atol=0.0051)


def test_where_no_unit_answers(tmp_path):
    path = write_nwb(tmp_path / "a.nwb", *recording(n_repeats=6))
    with pytest.warns(errors.UnitsDoubtful, match="3 of 3 units .* 50 ms is taken, since no unit"):
        responses = read_nwb(path, LAYOUT, window="auto")
    assert (responses["latency"] == 0.05).all()


def test_a_session_where_no_unit_answers_gets_the_latency_of_the_other_sessions(tmp_path):
    trials, spikes = answering([0.08, 0.1, 0.12])
    files = [
        write_nwb(tmp_path / "a.nwb", trials, spikes),
        write_nwb(
            tmp_path / "b.nwb",
            *recording(n_images=20, n_positions=2, n_repeats=6, seed=1),
            identifier="id-2",
            session_id="s2",
        ),
    ]
    words = "b.nwb: 3 of 3 units .* 100 ms is taken, the median of the other sessions"
    with pytest.warns(errors.UnitsDoubtful, match=words) as told:
        responses = read_nwb(files, LAYOUT, window="auto")
    assert len(told) == 1
    by_session = responses["latency"].groupby(responses["source"]).median()
    np.testing.assert_allclose(by_session, [0.1, 0.1], atol=0.0051)


@pytest.mark.parametrize("n_repeats", [1, 2])
def test_too_few_repeats(tmp_path, n_repeats):
    path = write_nwb(tmp_path / "a.nwb", *recording(n_repeats=n_repeats))
    with pytest.raises(errors.TableError, match=r"three times or more; 0 are; give a window"):
        read_nwb(path, LAYOUT, window="auto")


def test_unobserved_trials_count_for_nothing(tmp_path):
    """Half of the session unobserved, and silent there: the latency is still found."""
    trials, spikes = answering([0.06, 0.1], n_repeats=16)
    middle = trials["start_time"][len(trials["start_time"]) // 2]
    spikes = [train[train < middle] for train in spikes]
    path = write_nwb(
        tmp_path / "a.nwb",
        trials,
        spikes,
        units={"obs_intervals": [np.array([[0.0, middle]])] * 2},
    )
    responses = read_nwb(path, LAYOUT, window="auto", rate=False)
    np.testing.assert_allclose(responses["latency"], [0.06, 0.1], atol=0.0051)
    assert responses.isnull().any()
