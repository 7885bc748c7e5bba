"""Each check of a recording, by one that just fails it and one that just passes."""

import warnings

import numpy as np
import pytest

from artiphys_nwb import RecordingError, errors, read_nwb
from artiphys_nwb.sessions import checks
from nwb_files import (
    LAYOUT,
    TEXT,
    add_electrodes,
    chain,
    edited,
    recording,
    replaced,
    texts,
    write_nwb,
)

SPIKES, INDEX, ONSET = "units/spike_times", "units/spike_times_index", "intervals/trials/start_time"
STIM = "intervals/trials/stim"


def nothing(_):
    """Leave the recording as it is."""


def without_onset(n):
    return replaced(ONSET, lambda t: np.where(np.arange(len(t)) < n, np.nan, t))


def named_sessions(of_trials):
    def edit(file):
        for table, names in (("units", "aab"), ("intervals/trials", of_trials)):
            file[table].create_dataset("ses_ID", data=texts(names), dtype=TEXT)

    return edit


def on_electrodes(rows):
    def edit(file):
        add_electrodes(file, ["V4", "IT"])
        file["units"].update(electrodes=np.array(rows), electrodes_index=np.array([1, 2, 3]))

    return edit


def shifted(seconds):
    return chain(
        replaced(SPIKES, lambda t: (t + seconds).astype("f4")),
        replaced(ONSET, lambda t: t + seconds),
    )


def observed_until(ends):
    def edit(file):
        file["units"].update(
            obs_intervals=np.array([[0.0, end] for end in ends]),
            obs_intervals_index=np.arange(1, 4),
        )

    return edit


def silent(file):
    replaced(SPIKES, np.empty(0))(file)
    replaced(INDEX, np.zeros(3, dtype="uint32"))(file)


def two_spikes(file):
    replaced(SPIKES, np.array([0.5, 27.0]))(file)
    replaced(INDEX, np.array([0, 2, 2], dtype="uint32"))(file)


def each_once(file):
    """Every row another image."""
    replaced(STIM, lambda s: np.arange(float(len(s))))(file)


def each_once_but_one(file):
    replaced(STIM, lambda s: np.r_[s[0] + 100, np.arange(1.0, len(s))])(file)
    file[STIM][7] = file[STIM][0]
    file["intervals/trials/position"][7] = file["intervals/trials/position"][0]


def ragged_onsets(file):
    file["intervals/trials/start_time_index"] = np.arange(1, 49)


def swapped(at):
    def edit(times):
        times = times.copy()
        times[[at - 1, at]] = times[[at, at - 1]]
        return times

    return replaced(SPIKES, edit)


LAST = len(recording()[1][0])  # where the second unit's spikes begin

# Name of the check: the recording that fails it, the one that passes, the kind and the words.
CHECKS = {
    "check_every_value_has_a_row": (
        chain(ragged_onsets, replaced(ONSET, lambda t: np.append(t, 30.0))),
        ragged_onsets,
        "TableError",
        "1 of 49 values lie beyond the index and belong to no row",
    ),
    "check_onsets": (without_onset(3), without_onset(2), "OnsetsMissing", "3 of 48"),
    "check_images_held_out": (
        replaced(STIM, lambda s: np.where(s == 1, -1, s)),
        replaced(STIM, lambda s: np.where(s == 1, -2, s)),
        "HeldOutImages",
        "12 rows left out",
    ),
    "check_one_session": (
        named_sessions("ab" * 24),
        named_sessions("a" * 48),
        "SessionsDiffer",
        "names 2 sessions",
    ),
    "check_repeats": (each_once, each_once_but_one, "FewRepeats", "shown once at a position"),
    "check_different_ids": (
        replaced("units/id", np.array([4, 7, 4])),
        replaced("units/id", np.array([4, 7, 5])),
        "UnitsDoubtful",
        "2 different ids",
    ),
    "check_electrodes_exist": (
        on_electrodes([0, 1, 2]),
        on_electrodes([0, 1, 1]),
        "UnitsDoubtful",
        "1 of 3 do not point to one of the 2 electrodes",
    ),
    "check_precision": (shifted(8180), shifted(8150), "DoubtfulSpikes", "32-bit floats"),
    "check_spikes_of_units": (
        replaced(SPIKES, lambda t: np.append(t, t[-1])),
        nothing,
        "DoubtfulSpikes",
        "1 of .* belong to no unit",
    ),
    "check_spikes_in_order": (
        swapped(LAST - 1),
        nothing,  # where times go down from one unit to the next
        "DoubtfulSpikes",
        "1 of 3 units were out of order",
    ),
    "check_spikes_finite": (
        replaced(SPIKES, lambda t: np.r_[np.inf, t[1:]]),
        replaced(SPIKES, lambda t: np.r_[0.0, t[1:]]),
        "DoubtfulSpikes",
        "1 spike times are NaN or infinite",
    ),
    "check_some_spikes": (silent, two_spikes, "DoubtfulSpikes", "no unit has a spike; all counts"),
    "check_within_spikes": (
        replaced(SPIKES, lambda t: t * 0.4),
        replaced(SPIKES, lambda t: t),
        "ClockError",
        "presentations lie where no unit has a spike",
    ),
    "check_seconds": (
        replaced(SPIKES, lambda t: t * 1e3),
        nothing,
        "ClockError",
        "in milliseconds or samples",
    ),
    "check_recorded_throughout": (
        replaced(SPIKES, lambda t: t * 0.8),
        replaced(SPIKES, lambda t: t * 0.999),
        "DoubtfulSpikes",
        "after the last spike",
    ),
    "check_observed": (
        observed_until([99, 0.1, 99]),
        observed_until([99, 2.0, 99]),
        "NotObserved",
        "1 of 3 units were observed in no presentation",
    ),
    "check_observed (any)": (
        observed_until([0.1, 0.1, 0.1]),
        observed_until([99, 99, 99]),
        "ClockError",
        "no unit was observed in any presentation",
    ),
}


def reaction(path, edit):
    """The kinds and words of all that is raised or warned of."""
    edited(path, edit)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            read_nwb(path, LAYOUT)
        except RecordingError as error:
            return [error]
    return [one.message for one in told]


@pytest.mark.parametrize(("fails", "_", "kind", "match"), CHECKS.values(), ids=CHECKS)
def test_fails(tmp_path, fails, _, kind, match):
    (told,) = reaction(write_nwb(tmp_path / "s.nwb", *recording()), fails)
    assert type(told) is getattr(errors, kind)
    with pytest.raises(type(told), match=match):
        raise told


@pytest.mark.parametrize(("_", "passes", "kind", "match"), CHECKS.values(), ids=CHECKS)
def test_passes(tmp_path, _, passes, kind, match):
    assert reaction(write_nwb(tmp_path / "s.nwb", *recording()), passes) == []


def test_every_check_has_its_pair():
    assert {name.split()[0] for name in CHECKS} == set(checks.__all__) - {"Spans"}
