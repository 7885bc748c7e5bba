"""Reading: windows, silence against absence, selection, sources, and what is told of it all."""

import dataclasses
import gc
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.responses.schema import validate
from artiphys.responses.storage import open_responses, save_responses
from artiphys_nwb import Layout, errors, read_nwb
from nwb_files import (
    LAYOUT,
    add_table,
    assert_holds,
    expected,
    recording,
    write_nwb,
)


@pytest.fixture
def path(tmp_path):
    return write_nwb(tmp_path / "session.nwb", *recording())


@pytest.mark.parametrize("window", [(0.0, 0.1), (-0.2, 0.0), (0.05, 0.25), (-0.5, 1.5)])
def test_counts_equal_a_loop_in_any_window(path, window):
    """The last one is so long that the windows of neighbours overlap."""
    responses = read_nwb(path, LAYOUT, window=window, rate=False)
    assert_holds(responses, expected(*recording(), window=window))
    validate(responses)


def test_windows_that_meet_share_no_spike_and_lose_none(path):
    parts = [read_nwb(path, LAYOUT, window=w, rate=False) for w in ((0, 0.1), (0.1, 0.3), (0, 0.3))]
    np.testing.assert_array_equal(parts[0] + parts[1], parts[2])


def test_a_spike_at_the_start_counts_and_one_at_the_stop_does_not(tmp_path):
    trials = {
        "start_time": np.array([1.0, 2.0]),
        "stim": np.array([1.0, 1.0]),
        "position": np.zeros(2),
    }
    spikes = [np.array([1.0, 1.5]), np.array([1.25, 2.0, 2.5, 3.0])]
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    responses = read_nwb(path, LAYOUT, window=(0, 0.5), rate=False)
    np.testing.assert_array_equal(responses[:, 0, 0], [[1, 0], [1, 1]])
    rates = read_nwb(path, LAYOUT, window=(0, 0.5))
    np.testing.assert_array_equal(rates, responses / 0.5)
    assert rates.attrs["units"] == "spikes/s"


def test_silent_units_are_zero_and_stay(tmp_path):
    trials, spikes = recording()
    spikes[1] = np.empty(0)
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    responses = read_nwb(path, LAYOUT)
    assert responses.sizes["unit"] == 3
    assert (responses[1] == 0).all()


def test_unequal_repeats_are_padded_with_nan(tmp_path):
    trials, spikes = recording()
    some = np.random.default_rng(3).random(48) < 0.6
    trials = {name: values[some] for name, values in trials.items()}
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    responses = read_nwb(path, LAYOUT, rate=False)
    assert_holds(responses, expected(trials, spikes))
    assert responses.isnull().any()


def test_where_a_unit_was_not_observed_is_nan(path):
    trials, spikes = recording()
    onset = trials["start_time"]
    starts, stops = onset + 0.05, onset + 0.25
    intervals = [
        [[0.0, 10.0]],
        [[0.0, 5.0], [5.0, 99.0]],  # which meet, so that a window across is within
        [[stops[20], starts[30]]],  # beginning and ending on the edges of windows
    ]
    with h5py.File(path, "a") as file:
        file["units/obs_intervals"] = np.concatenate([np.array(rows) for rows in intervals])
        file["units/obs_intervals_index"] = np.array([1, 3, 4], dtype="uint8")
    responses = read_nwb(path, LAYOUT, rate=False)
    observed = np.array(
        [stops <= 10, np.ones(48, bool), (starts >= stops[20]) & (stops <= starts[30])]
    )
    truth = expected(trials, spikes)
    masks = {}
    for row in np.argsort(onset):
        cell = (f"{trials['stim'][row]:g}", f"{trials['position'][row]:g}")
        masks.setdefault(cell, []).append(observed[:, row])
    masked = {
        cell: np.where(np.array(masks[cell]).T, counts, np.nan) for cell, counts in truth.items()
    }
    assert_holds(responses, masked)
    dropped = json.loads(responses.attrs["provenance"])["dropped"]
    (record,) = dropped
    assert record["reason"] == "unit not observed: NaN"
    assert record["count"] == (~observed).sum()


def test_invalid_times_are_nan_for_every_unit(path):
    onset = recording()[0]["start_time"]
    with h5py.File(path, "a") as file:
        add_table(
            file,
            "intervals/invalid_times",
            {
                "start_time": np.array([onset[10] + 0.25, onset[5]]),
                "stop_time": np.array([onset[12] + 0.06, onset[5] + 0.01]),
            },
        )
    responses = read_nwb(path, LAYOUT, rate=False)
    # Row 10 ends where the bad stretch begins, 5 begins after the other; 11 and 12 are in it.
    assert int(responses.isnull().sum()) == 2 * 3
    (record,) = json.loads(responses.attrs["provenance"])["dropped"]
    assert (record["what"], record["count"]) == ("trial", 2)


@pytest.mark.parametrize(
    "condition",
    [
        {"is_sua": 1},
        {"is_sua": True},
        {"is_sua": [1, 7]},
        {"is_sua": "1"},
        {"is_sua": lambda values: values > 0},
        "is_sua == 1",
        lambda units: units["is_sua"] == 1,
        lambda units: [True, False, True],
    ],
)
@pytest.mark.parametrize("stored", ["i8", "bool", "f4"])
def test_units_where(tmp_path, condition, stored):
    trials, spikes = recording()
    columns = {"is_sua": np.array([1, 0, 1]).astype(stored)}
    path = write_nwb(tmp_path / "a.nwb", trials, spikes, units=columns)
    responses = read_nwb(path, LAYOUT, rate=False, units_where=condition)
    assert responses["unit"].values.tolist() == ["m_s1/0", "m_s1/2"]
    assert responses["quality"].values.tolist() == ["sua", "sua"]
    assert_holds(responses, expected(trials, spikes[::2]))
    record = json.loads(responses.attrs["provenance"])
    assert record["dropped"][0] == {
        "what": "unit",
        "reason": "units_where not met",
        "count": 1,
        "session": "m_s1",
    }
    assert record["arguments"]["units_where"]


@pytest.mark.parametrize(
    "condition",
    [
        {"block": ["a", "c"], "rewarded": True},
        "block != 'b' and rewarded",
        lambda trials: (trials["block"] != "b") & trials["rewarded"],
    ],
)
def test_trials_where(tmp_path, condition):
    trials, spikes = recording()
    more = {
        "block": np.array(list("abc") * 16, dtype=object),
        "rewarded": np.arange(48) % 5 > 0,
    }
    path = write_nwb(tmp_path / "a.nwb", {**trials, **more}, spikes)
    keep = (more["block"] != "b") & more["rewarded"]
    responses = read_nwb(path, LAYOUT, rate=False, trials_where=condition)
    assert_holds(responses, expected({k: v[keep] for k, v in trials.items()}, spikes))


@pytest.mark.parametrize(
    ("condition", "error", "match"),
    [
        (
            {"sua": 1},
            errors.LayoutError,
            "no column 'sua' for units_where; the columns are id",
        ),
        ({"spike_times": 1}, errors.TableError, "holds several values a row"),
        ("sua == 1", InputError, "units_where fails on this table .* its columns are"),
        ("is_sua + 1", InputError, "must give one boolean for each of the 3 rows"),
        (lambda units: units["no"], InputError, "units_where fails on this table with KeyError"),
        (lambda units: [True], InputError, "one boolean for each of the 3 rows; got bool of shape"),
        (3, InputError, "units_where must be a mapping"),
        ({"is_sua": 9}, errors.TableError, "none of 3 units meets units_where; loosen it"),
    ],
)
def test_not_a_condition(tmp_path, condition, error, match):
    trials, spikes = recording()
    path = write_nwb(tmp_path / "a.nwb", trials, spikes, units={"is_sua": np.array([1, 0, 1])})
    with pytest.raises(error, match=match):
        read_nwb(path, LAYOUT, units_where=condition)


def test_trials_where_that_leaves_nothing(path):
    with pytest.raises(errors.TableError, match="no presentation is left of 48 rows; left out"):
        read_nwb(path, LAYOUT, trials_where={"stim": 77})


SOURCES = {
    "str": str,
    "Path": Path,
    "bytes": os.fsencode,
    "list": lambda path: [path],
    "tuple": lambda path: (str(path),),
    "generator": lambda path: (one for one in [path]),
    "pattern": lambda path: str(path.parent / "sess*.nwb"),
    "folder": lambda path: path.parent,
    "list of a folder": lambda path: [path.parent],
    "open HDF5": lambda path: h5py.File(path),
    "a group of it": lambda path: h5py.File(path)["units"],
    "open file": lambda path: path.open("rb"),
    "in memory": lambda path: io.BytesIO(path.read_bytes()),
    "file URL": lambda path: path.as_uri(),
}


@pytest.mark.parametrize("made", SOURCES.values(), ids=SOURCES)
def test_sources(path, made):
    source = made(path)
    np.testing.assert_array_equal(read_nwb(source, LAYOUT), read_nwb(path, LAYOUT))
    if isinstance(source, h5py.HLObject | io.IOBase):
        gc.collect()
        again = read_nwb(source, LAYOUT)  # what was open stays open
        np.testing.assert_array_equal(again, read_nwb(path, LAYOUT))
        (source.file if isinstance(source, h5py.HLObject) else source).close()


def test_names_with_brackets_are_not_patterns(path):
    other = path.rename(path.with_name("sub-[1].nwb"))
    assert read_nwb(other, LAYOUT).sizes["unit"] == 3


def test_folders_are_read_to_their_depth(tmp_path):
    for name, seed in (("sub-a", 1), ("sub-b", 2)):
        (tmp_path / name).mkdir()
        write_nwb(
            tmp_path / name / "x.nwb", *recording(seed=seed), identifier=name, session_id=name
        )
    assert read_nwb(tmp_path, LAYOUT).sizes["unit"] == 6


@pytest.mark.parametrize(
    ("subject", "session", "name"),
    [
        ("SP", "20210412SP", "SP_20210412"),
        ("pico", "pico_rsvp", "pico_rsvp"),
        ("J", "s060", "J_s060"),
        (None, "s060", "s060"),
        ("J", None, "J_session"),
        ("J", "J", "J"),
    ],
)
def test_units_are_named_by_their_session(tmp_path, subject, session, name):
    path = tmp_path / "session.nwb"
    write_nwb(path, *recording(), subject_id=subject, session_id=session)
    responses = read_nwb(path, LAYOUT)
    assert responses["unit"].values.tolist() == [f"{name}/{i}" for i in range(3)]
    assert set(responses["source"].values.tolist()) == {name}


def test_what_only_one_session_knows_is_unknown_in_the_other(tmp_path):
    one = write_nwb(
        tmp_path / "one.nwb",
        *recording(),
        units={"depth": np.arange(3.0), "quality": np.array(["good"] * 3, dtype=object)},
    )
    two = write_nwb(tmp_path / "two.nwb", *recording(seed=1), identifier="2", session_id="s2")
    responses = read_nwb([one, two], LAYOUT)
    np.testing.assert_array_equal(responses["depth"], [0, 1, 2, np.nan, np.nan, np.nan])
    assert responses["quality"].values.tolist() == ["good"] * 3 + ["unknown"] * 3


def test_the_reference_is_the_origin_or_what_the_layout_says(tmp_path):
    trials, spikes = recording()
    places = {**trials, "x": trials["position"] - 1, "y": np.zeros(48)}
    path = write_nwb(tmp_path / "a.nwb", places, spikes)

    def layout(**more):
        return Layout(image="stim", position=("x", "y"), onset="start_time", **more)

    assert read_nwb(path, layout()).attrs["reference"] == "0,0"
    for given in ("1,0", (1, 0), [1.0, 0.0]):
        responses = read_nwb(path, layout(reference=given))
        assert responses.attrs["reference"] == "1,0"
        assert responses["x"].values.tolist() == [-2, -1, 0]
    labels = Layout(image="stim", position="position", onset="start_time", reference="2")
    assert read_nwb(path, labels).attrs["reference"] == 2


def test_the_array_is_valid_and_goes_to_disk_and_back(path, tmp_path):
    responses = read_nwb(path, LAYOUT)
    save_responses(responses, tmp_path / "r.nc")
    assert open_responses(tmp_path / "r.nc").identical(responses)


def test_the_provenance_says_what_was_read_and_how(path):
    record = json.loads(read_nwb(path, LAYOUT, trials_where="stim < 9").attrs["provenance"])
    assert record["maker"] == "artiphys_nwb.read_nwb"
    assert record["arguments"]["window"] == [0.05, 0.25]
    assert record["arguments"]["layout"]["onset"] == "start_time"
    assert record["arguments"]["trials_where"] == "stim < 9"
    (read,) = record["inputs"]
    assert read["name"] == str(path)
    assert len(read["sha256"]) == 64
    assert "h5py" in record["versions"]
    assert record["summary"] == ["m_s1: 48 of 48 rows, 3 units; nothing left out"]


def test_the_digest_is_of_what_was_read(path, tmp_path):
    def digest(file):
        return json.loads(read_nwb(file, LAYOUT).attrs["provenance"])["inputs"][0]["sha256"]

    trials, spikes = recording()
    before = digest(path)
    write_nwb(tmp_path / "same.nwb", trials, spikes, identifier="z", index_dtype="int64")
    assert digest(tmp_path / "same.nwb") == before
    spikes[0][0] += 1e-9
    write_nwb(tmp_path / "other.nwb", trials, spikes)
    assert digest(tmp_path / "other.nwb") != before


def test_progress_is_told_line_by_line(path, caplog, capsys):
    told = []
    with caplog.at_level(logging.INFO, logger="artiphys_nwb"):
        read_nwb(path, LAYOUT, progress=told.append)
        read_nwb(path, LAYOUT)
    assert told == ["m_s1: 48 of 48 rows, 3 units; nothing left out"]
    assert [record.message for record in caplog.records] == told * 2
    assert capsys.readouterr() == ("", "")  # not a terminal: nothing is drawn
    read_nwb([path], LAYOUT, progress=True)
    assert told[0] in capsys.readouterr().err


def loaded(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["h5py", "pynwb"])
def test_without_the_extra_the_missing_package_is_named(name):
    code = f"""
import sys
sys.modules[{name!r}] = None
try:
    import artiphys_nwb
except ImportError as error:
    print(error)
"""
    assert loaded(code) == (
        f"{name} is needed to read NWB files: pip install 'artiphys[nwb]', "
        "or from a checkout pip install '.[nwb]'"
    )


def test_looking_at_a_file_loads_no_pynwb(path):
    """Which takes as long to load as all the rest."""
    code = f"""
import sys, artiphys_nwb
artiphys_nwb.describe_nwb({str(path)!r})
print("pynwb" in sys.modules)
artiphys_nwb.read_nwb({str(path)!r}, {dataclasses.asdict(LAYOUT)!r})
print("pynwb" in sys.modules)
"""
    assert loaded(code) == "False\nTrue"
