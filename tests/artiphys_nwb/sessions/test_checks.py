"""Each check of a recording, by one that just fails it and one that just passes."""

import dataclasses
import importlib
import pkgutil
import warnings

import h5py
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
STIM, PLACE, STOP = (f"intervals/trials/{name}" for name in ("stim", "position", "stop_time"))


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
        replaced(STOP, lambda t: t + seconds),
    )


def sampled(rate, *, but=None):
    """Spikes at the samples of a clock that started a third of a sample late, all but one."""

    def at(times):
        times = (np.floor(times * rate) + 1 / 3) / rate
        if but is not None:
            bits = times.view(np.int64)
            bits[but] ^= 1 << 36  # 2e-3 of a second or so, between the neighbours
        return times

    return replaced(SPIKES, at)


def trains(edit, of=range(3)):
    """The trains of some units, each edited, in the place of those there are."""

    def at(file):
        old = np.split(file[SPIKES][:], file[INDEX][:-1])
        new = [edit(old[unit]) for unit in of]
        replaced(SPIKES, np.concatenate(new))(file)
        replaced(INDEX, np.cumsum([len(train) for train in new]))(file)

    return at


def spelt(names):
    return replaced(STIM, lambda s: texts([names.get(one, one) for one in s]), dtype=TEXT)


def named(name, other):
    def edit(file):
        observed_until([99, 99, 99])(file)
        file["general/subject/species"] = "Macaca mulatta"
        file.move(name, other)

    return edit


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
    """Every three rows another image, at three positions."""
    replaced(STIM, lambda s: np.arange(float(len(s))) // 3)(file)
    replaced(PLACE, lambda p: np.arange(float(len(p))) % 3)(file)


def each_once_but_one(file):
    each_once(file)
    file[PLACE][1] = 0.0


def ragged_onsets(file):
    file["intervals/trials/start_time_index"] = np.arange(1, 49)


def swapped(at):
    def edit(times):
        times = times.copy()
        times[[at - 1, at]] = times[[at, at - 1]]
        return times

    return replaced(SPIKES, edit)


def in_units(of_spikes, of_onsets):
    """All times in other units than seconds."""
    return chain(
        replaced(SPIKES, lambda t: t * of_spikes),
        replaced(ONSET, lambda t: t * of_onsets),
        replaced(STOP, lambda t: t * of_onsets),
    )


def moved(*rows, by):
    """Some presentations, start and stop, at another time."""

    def later(times):
        times = times.copy()
        times[list(rows)] += by
        return times

    return chain(replaced(ONSET, later), replaced(STOP, later))


def no_stops(edit):
    """A table that does not say when presentations stop, so that nothing can be said by it."""
    return chain(edit, lambda file: file["intervals/trials"].pop("stop_time"))


def fewer_positions(n):
    """Each image at one position, or the first `n` images at two."""

    def edit(file):
        stim = file[STIM][()]
        place = np.where(stim <= n, np.arange(len(stim)) % 2, stim)
        replaced(PLACE, place)(file)

    return edit


def again(row, *, image=None):
    """One presentation a second time, at the end of the table."""

    def edit(file):
        for name in file["intervals/trials"]:
            replaced(f"intervals/trials/{name}", lambda v: np.append(v, v[row]))(file)
        file["intervals/trials/id"][-1] = 48
        if image is not None:
            file[STIM][-1] = image

    return edit


def often(n):
    """One image and position `n` times more, one after another at the end of the recording."""

    def edit(file):
        last = file[ONSET][-1]
        for name in ("stim", "position"):
            replaced(f"intervals/trials/{name}", lambda v: np.append(v, [v[0]] * n))(file)
        later = last + 0.5 + 0.01 * np.arange(n)
        replaced(ONSET, lambda t: np.append(t, later))(file)
        replaced(STOP, lambda t: np.append(t, later + 0.01))(file)
        replaced("intervals/trials/id", np.arange(48 + n))(file)

    return edit


def onsets(of_start):
    """A column of onsets beside the starts of trials."""

    def edit(file):
        file["intervals/trials/on"] = of_start(file[ONSET][()])

    return edit


def often_over(n):
    """Thirty images, each at a place of its own but the first, which comes `n` times at it."""

    def edit(file):
        rows = 60 + n
        image = np.r_[np.arange(30), np.arange(30), np.arange(n) % 8].astype(float)
        place = np.r_[np.arange(30), (np.arange(30) + 1) % 30, np.arange(n) % 8].astype(float)
        onset = np.linspace(1, 25, rows)
        columns = {"stim": image, "position": place, "start_time": onset, "id": np.arange(rows)}
        for name, values in (columns | {"stop_time": onset + 0.1}).items():
            replaced(f"intervals/trials/{name}", values)(file)

    return edit


def as_float32(name):
    return replaced(name, lambda t: t.astype("f4"))


def sparse_spikes(n):
    """So many spikes of each unit in the second before the first presentation, few after it."""

    def edit(file):
        train = np.r_[np.linspace(0, 0.9, n), 25.8]
        replaced(SPIKES, np.concatenate([train + 0.01 * unit for unit in range(3)]))(file)
        replaced(INDEX, len(train) * np.arange(1, 4))(file)

    return edit


def inclusive(file):
    """The index names the last spike of a unit, not the one after it."""
    replaced(INDEX, lambda i: i - 1)(file)


def long_after(n):
    """A recording that goes on for `n` seconds."""
    trains = [np.sort(np.random.default_rng(i).uniform(0, n, 20 * n)) for i in range(3)]
    return chain(
        replaced(SPIKES, np.concatenate(trains)), replaced(INDEX, 20 * n * np.arange(1, 4))
    )


LAST = len(recording()[1][0])  # where the second unit's spikes begin

OTHER_IMAGE = recording()[0]["stim"][7] % 4 + 1

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
    "check_onset_precision": (
        chain(moved(*range(48), by=8170), replaced(SPIKES, lambda t: t + 8170), as_float32(ONSET)),
        as_float32(ONSET),
        "PresentationsDoubtful",
        "start_time holds 32-bit floats up to",
    ),
    "check_images_whole": (
        replaced(STIM, lambda s: s + 0.5),
        replaced(STIM, lambda s: s + 1e-7),
        "PresentationsDoubtful",
        "images that are not whole numbers, e.g. ",
    ),
    "check_images_whole (any)": (
        replaced(STIM, np.random.default_rng(0).uniform(0, 9, 48)),
        replaced(STIM, np.random.default_rng(0).integers(0, 2, 48) * 1.0),
        "TableError",
        "48 different numbers in 48 rows, not whole: measurements, no images",
    ),
    "check_shown_once": (
        again(7),
        nothing,
        "PresentationsDoubtful",
        "1 of 49 presentations are there twice",
    ),
    "check_one_image_at_a_time": (
        again(7, image=OTHER_IMAGE),
        nothing,
        "PresentationsDoubtful",
        "1 pairs of presentations have one onset and position and different images",
    ),
    "check_stops": (
        replaced(STOP, lambda t: np.r_[t[0] - 1, t[1:]]),
        replaced(STOP, lambda t: np.r_[t[0] - 0.3, t[1:]]),
        "PresentationsDoubtful",
        "1 of 48 presentations stop before they start; they are left out",
    ),
    "check_stops (most)": (
        chain(replaced(STOP, lambda t: t - 0.6)),
        replaced(STOP, np.full(48, -1.0)),
        "ClockError",
        "48 of 48 .* are start_time and stop_time exchanged",
    ),
    "check_onsets_in_trials": (
        onsets(lambda start: np.r_[start[:3] + 100, start[3:]] + 0.1),
        onsets(lambda start: start + 0.1),
        "PresentationsDoubtful",
        "3 of 48 onsets in on lie outside their trials, .*; they are left out",
    ),
    "check_onsets_in_trials (most)": (
        onsets(lambda start: 0.1 + np.random.default_rng(0).uniform(0, 0.1, len(start))),
        onsets(lambda start: start - 0.1),
        "ClockError",
        "48 of 48 onsets in on .* count from the start .* set offset = .start_time. in the layout",
    ),
    "check_onsets_in_trials (another clock)": (
        onsets(lambda start: start + 0.7),
        onsets(lambda start: start + 0.4),
        "PresentationsDoubtful",
        "48 of 48 onsets .* by 0.7 s; they are taken as they are",
    ),
    "check_time_to_show": (
        no_stops(replaced(ONSET, np.zeros(48))),
        no_stops(replaced(ONSET, lambda t: t / 2)),
        "ClockError",
        "presentations within 0 s by start_time, more than could be shown",
    ),
    "check_spread": (
        chain(long_after(60), no_stops(replaced(ONSET, lambda t: 1 + t / 40))),
        chain(long_after(60), no_stops(replaced(ONSET, lambda t: 1 + t / 5))),
        "ClockError",
        "all 48 presentations lie within .* s: .* set offset",
    ),
    "check_two_positions": (
        fewer_positions(0),
        fewer_positions(1),
        "PositionsDoubtful",
        "no image was shown at two positions",
    ),
    "check_jitter": (
        replaced(PLACE, lambda p: p + 1e-7 * (np.arange(48) % 2)),
        replaced(PLACE, lambda p: p + 1e-3 * (np.arange(48) < 24)),
        "PositionsDoubtful",
        "6 positions differ by rounding only and are taken for 3",
    ),
    "check_repeats_alike": (
        often(30),
        often(10),
        "PresentationsDoubtful",
        "was shown 3[45] times where 4 are usual .1 of 12 cells.; is it mislabelled",
    ),
    "check_labels_alike": (
        replaced(STIM, lambda s: np.r_[65543.0, s[1:]]),
        nothing,
        "PresentationsDoubtful",
        "image 65543 was shown 1 times where 12 are usual .1 of 5 images.; is it mislabelled",
    ),
    "check_none_exchanged": (
        replaced(STIM, lambda s: np.r_[s[0] % 4 + 1, s[1:]]),
        replaced(STIM, lambda s: np.r_[np.nan, s[1:]]),
        "PresentationsDoubtful",
        "all cells were shown 4 times, but image . at . once more and image . at . once less",
    ),
    "check_durations": (
        replaced(STOP, lambda t: np.r_[t[:1] + 0.1, t[1:]]),
        replaced(STOP, lambda t: np.r_[t[:5] + 0.1, t[5:]]),
        "PresentationsDoubtful",
        "1 of 48 presentations last 0.4 s where all others last 0.3",
    ),
    "check_filled": (
        often_over(200),
        often(20),
        "PresentationsDoubtful",
        "the array will be .* % filled",
    ),
    "check_optional_column": (
        lambda f: f["units"].create_dataset("quality", data=np.zeros((3, 2))),
        lambda f: f["units"].create_dataset("quality", data=np.zeros((3, 1))),
        "UnitsDoubtful",
        "units/quality holds several values a row; .* the column is left out",
    ),
    "check_spikes_not_whole": (
        replaced(SPIKES, np.floor),
        replaced(SPIKES, lambda t: np.floor(t * 100) / 100),
        "ClockError",
        "spike times are whole numbers: samples",
    ),
    "check_index_of_ends": (
        inclusive,
        nothing,
        "TableError",
        "names the last spike of each unit: 2 of 2 units",
    ),
    "check_both_in_seconds": (
        in_units(1e3, 1e3),
        in_units(1.5, 1.5),
        "ClockError",
        "units fire 0.02 .* are both in milliseconds, microseconds or samples",
    ),
    "check_both_in_seconds (samples)": (
        in_units(3e4, 3e4),
        in_units(0.5, 0.5),
        "ClockError",
        "are both in milliseconds, microseconds or samples",
    ),
    "check_not_silent": (
        sparse_spikes(30),
        sparse_spikes(5),
        "DoubtfulSpikes",
        "0 spikes in 144 windows: the array is all but zero",
    ),
    "check_precision": (shifted(4090), shifted(4050), "DoubtfulSpikes", "32-bit floats"),
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
    "check_spikes_not_twice": (
        trains(lambda times: np.sort(np.tile(times, 2))),
        trains(lambda times: np.sort(np.concatenate([times, times[::4]]))),
        "DoubtfulSpikes",
        "1565 of 3130 spikes come at the very moment",
    ),
    "check_units_different": (
        trains(lambda times: times, of=[0, 1, 1]),
        trains(lambda times: times, of=[0, 1, 2]),
        "UnitsDoubtful",
        "1 of 3 units have the very same spikes as another, e.g. rows 1 and 2",
    ),
    "check_labels_spelt_alike": (
        spelt({1.0: "face.png", 2.0: "Face"}),
        spelt({1.0: "face10.day", 2.0: "face10.dusk", 3.0: "face100"}),
        "PresentationsDoubtful",
        "1 images are spelt in two ways, e.g. '[fF]ace.*' and",
    ),
    "check_labels_spelt_alike (by zeros)": (
        spelt({1.0: "im_01", 2.0: "im_1"}),
        spelt({1.0: "0.01", 2.0: "0.1"}),
        "PresentationsDoubtful",
        "1 images are spelt in two ways",
    ),
    "check_spikes_on_clock": (
        sampled(30000.0, but=400),
        sampled(30000.0),
        "DoubtfulSpikes",
        "1 of .* spike times are not on the samples of 30000 Hz",
    ),
    "check_spikes_on_clock (of no clock)": (
        sampled(24414.0625, but=400),
        replaced(SPIKES, lambda t: t),
        "DoubtfulSpikes",
        "of 48828.1 Hz",
    ),
    "check_names_undamaged": (
        named("units/obs_intervals", "units/obs_intervbls"),
        named("general/subject/species", "general/subject/subject_it_is"),
        "UnitsDoubtful",
        "/units has no obs_intervals, but 'obs_intervbls': one letter is wrong",
    ),
    "check_names_undamaged (of the subject)": (
        named("general/subject/subject_id", "general/subject/subjeat_id"),
        named("general/subject/species", "general/subject/subject_at"),
        "UnitsDoubtful",
        "/general/subject has no subject_id, but 'subjeat_id'",
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
    with h5py.File(path) as file:
        onset = "on" if "on" in file["intervals/trials"] else LAYOUT.onset
    layout = dataclasses.replace(LAYOUT, onset=onset)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            read_nwb(path, layout)
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
    modules = [
        importlib.import_module(f"{checks.__name__}.{module.name}")
        for module in pkgutil.iter_modules(checks.__path__)
    ]
    there = {name for module in modules for name in module.__all__ if name.startswith("check_")}
    assert {name.split()[0] for name in CHECKS} == there
