"""What is wrong with a recording, and what the user is told: an error, a warning, or nothing.

Every case starts from one good session and breaks one thing in it.
"""

import json
import os
import shutil
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys_nwb import Layout, RecordingError, RecordingWarning, errors, read_nwb
from nwb_files import (
    LAYOUT,
    TEXT,
    add_electrodes,
    add_table,
    assert_holds,
    chain,
    deleted,
    edited,
    expected,
    linked,
    recording,
    replaced,
    texts,
    write_nwb,
)


@pytest.fixture
def path(tmp_path):
    return write_nwb(tmp_path / "session.nwb", *recording())


def with_dangling_reference(name, row):
    """Object references to things that once were there."""

    def edit(file):
        n = len(file["intervals/trials/stim"])
        target = file.create_group("stimulus/templates/gone")
        other = file.create_group("stimulus/templates/kept")
        references = np.array([other.ref] * n, dtype=h5py.ref_dtype)
        references[row] = target.ref
        del file[name]
        file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
        del file["stimulus/templates/gone"]

    return edit


def compound(file):
    del file["intervals/trials/stim"]
    file["intervals/trials/stim"] = np.zeros(48, dtype=[("id", "i4"), ("name", "S4")])


def doubly_ragged(file):
    file["units/spike_times_index_index"] = np.array([1, 2, 3], dtype="uint8")


def empty_trials(file):
    for name in list(file["intervals/trials"]):
        del file[f"intervals/trials/{name}"]
        file[f"intervals/trials/{name}"] = np.empty(0)


SPIKES, INDEX = "units/spike_times", "units/spike_times_index"
STIM, PLACE, ONSET = (f"intervals/trials/{name}" for name in ("stim", "position", "start_time"))

ERRORS = {
    "spikes in milliseconds": (replaced(SPIKES, lambda t: t * 1e3), "ClockError", "milliseconds"),
    "spikes in samples": (replaced(SPIKES, lambda t: t * 3e4), "ClockError", "samples"),
    "spikes in microseconds": (replaced(SPIKES, lambda t: t * 1e6), "ClockError", "one clock"),
    "integer samples": (
        replaced(SPIKES, lambda t: (t * 3e4).astype("int64")),
        "ClockError",
        "samples",
    ),
    "onsets in milliseconds": (
        replaced(ONSET, lambda t: t * 1e3),
        "ClockError",
        "no unit has a spike",
    ),
    "onsets since 1970": (replaced(ONSET, lambda t: t + 1.6e9), "ClockError", "one clock"),
    "spikes of an earlier block": (replaced(SPIKES, lambda t: t - 100), "ClockError", "one clock"),
    "index too long by a unit": (
        replaced(INDEX, lambda i: np.append(i, i[-1])),
        "TableError",
        "4 rows .* 3 units",
    ),
    "index too short by a unit": (replaced(INDEX, lambda i: i[:-1]), "TableError", "2 rows"),
    "index overruns": (replaced(INDEX, lambda i: i + 9), "TableError", "points to value"),
    "index negative": (
        replaced(INDEX, lambda i: np.array([-1, 5, len(i)])),
        "TableError",
        "value -1",
    ),
    "index goes down": (
        replaced(INDEX, lambda i: np.array([i[1], i[0], i[2]])),
        "TableError",
        "goes down at row 1",
    ),
    "index of fractions": (replaced(INDEX, lambda i: i / 7), "TableError", "whole numbers"),
    "index wrapped without going down": (
        chain(
            replaced(SPIKES, np.linspace(0, 30, 266)),
            replaced(INDEX, np.array([4, 8, 10], dtype="uint8")),
        ),
        "TableError",
        "uint8 overflows",
    ),
    "index of text": (
        replaced(INDEX, texts(["a", "b", "c"]), dtype=TEXT),
        "TableError",
        "integers",
    ),
    "no index for three units": (deleted(INDEX), "TableError", "no spike_times_index"),
    "ragged twice over": (doubly_ragged, "TableError", "ragged twice"),
    "no spike times": (deleted(SPIKES, INDEX), "TableError", "no spike_times; its columns are id"),
    "spike times of text": (
        replaced(SPIKES, lambda t: texts(t), dtype=TEXT),
        "TableError",
        "must hold numbers",
    ),
    "spike times in two columns": (
        replaced(SPIKES, lambda t: np.stack([t, t], 1)),
        "TableError",
        "one row of numbers",
    ),
    "no units": (
        deleted("units"),
        "TableError",
        "no units at /units; the tables there are: /inter",
    ),
    "units without rows": (
        chain(
            replaced(SPIKES, np.empty(0)),
            replaced(INDEX, np.empty(0, int)),
            replaced("units/id", np.empty(0, int)),
        ),
        "TableError",
        "has no units",
    ),
    "no trials": (deleted("intervals"), "TableError", "no presentations at /intervals/trials"),
    "trials without rows": (empty_trials, "TableError", "has no rows"),
    "a dataset in the place of trials": (
        chain(deleted("intervals/trials"), lambda f: f.create_dataset("intervals/trials", data=1)),
        "TableError",
        "single dataset",
    ),
    "onset missing": (deleted(ONSET), "TableError", "no column 'start_time'; the columns are id"),
    "image missing": (deleted(STIM), "TableError", "no column 'stim'"),
    "position missing": (deleted(PLACE), "TableError", "no column 'position'"),
    "all onsets NaN": (
        replaced(ONSET, np.full(48, np.nan)),
        "TableError",
        "48 rows .start_time is",
    ),
    "all onsets infinite": (replaced(ONSET, np.full(48, np.inf)), "TableError", "no presentation"),
    "all images NaN": (replaced(STIM, np.full(48, np.nan)), "TableError", "48 rows .image is miss"),
    "all positions NaN": (
        replaced(PLACE, np.full(48, np.nan)),
        "TableError",
        "position is missing",
    ),
    "columns of different lengths": (
        replaced(STIM, lambda s: s[:-1]),
        "TableError",
        "47 rows where the table has 48",
    ),
    "onsets of text": (
        replaced(ONSET, texts(["soon"] * 48), dtype=TEXT),
        "TableError",
        "must hold numbers",
    ),
    "image a scalar": (replaced(STIM, 3.0), "TableError", "a scalar, not a column"),
    "image a group": (
        chain(deleted(STIM), lambda f: f.create_group(STIM)),
        "TableError",
        "a group, not a column",
    ),
    "image compound": (compound, "TableError", "compound with the fields id, name"),
    "image a dangling reference": (
        with_dangling_reference(STIM, 7),
        "FileError",
        "reference in row 7 leads nowhere",
    ),
    "units a dangling soft link": (
        linked("units", h5py.SoftLink("/processing/units")),
        "FileError",
        "/units is a link to /proc",
    ),
    "spike times a dangling external link": (
        linked(SPIKES, h5py.ExternalLink("raw.h5", "/t")),
        "FileError",
        "raw.h5 which leads nowhere",
    ),
    "spike times an external link to a broken file": (
        linked(SPIKES, h5py.ExternalLink("session.nwb", "/t")),
        "FileError",
        "leads nowhere",
    ),
    "trials a link to itself": (
        linked("intervals/trials", h5py.SoftLink("/intervals/trials")),
        "FileError",
        "leads nowhere",
    ),
    "onset a dangling soft link": (
        linked(ONSET, h5py.SoftLink("/nowhere")),
        "FileError",
        "start_time is a link to /nowhere",
    ),
    "NWB of version 1": (
        lambda f: f.attrs.__setitem__("nwb_version", "1.0.6"),
        "FileError",
        "version 1.0.6",
    ),
    "NWB 1 as it says it": (
        chain(
            lambda f: f.attrs.__delitem__("nwb_version"),
            lambda f: f.create_dataset("nwb_version", data="NWB-1.0.5"),
        ),
        "FileError",
        "version 1; convert it",
    ),
    "no version": (lambda f: f.attrs.__delitem__("nwb_version"), "FileError", "so not NWB"),
    "observed intervals upside down": (
        lambda f: f["units"].update(
            obs_intervals=np.array([[9.0, 1.0]] * 3), obs_intervals_index=np.arange(1, 4)
        ),
        "TableError",
        "must stop after it starts",
    ),
    "observed intervals of fewer units": (
        lambda f: f["units"].update(
            obs_intervals=np.array([[0.0, 1.0]]), obs_intervals_index=np.array([1])
        ),
        "TableError",
        "1 rows for 3 units",
    ),
    "never observed": (
        lambda f: f["units"].update(
            obs_intervals=np.array([[900.0, 999.0]] * 3), obs_intervals_index=np.arange(1, 4)
        ),
        "ClockError",
        "no unit was observed in any presentation",
    ),
    "ids of fewer units": (
        # The ids count the rows; an index of more is not theirs.
        replaced("units/id", np.arange(2)),
        "TableError",
        "3 rows where the table has 2 units",
    ),
}


@pytest.mark.parametrize(("edit", "kind", "match"), ERRORS.values(), ids=ERRORS)
def test_error(path, edit, kind, match):
    edited(path, edit)
    with pytest.raises(RecordingError, match=match) as raised:
        read_nwb(path, LAYOUT)
    words = str(raised.value)
    assert type(raised.value) is getattr(errors, kind)
    assert words.startswith(str(path)), words
    assert ";" in words, f"no remedy: {words}"
    assert "\n" not in words


def some_nan(column, share):
    def edit(values):
        values = values.copy()
        values[: int(share * len(values))] = np.nan
        return values

    return replaced(column, edit)


def reversed_spikes(file):
    times = file[SPIKES]
    first = int(file[INDEX][0])
    times[:first] = times[:first][::-1]


def silent(file):
    replaced(SPIKES, np.empty(0))(file)
    replaced(INDEX, np.zeros(3, dtype="uint8"))(file)


def bad_region(file):
    add_electrodes(file, ["V4", "IT"])
    file["units/electrodes"] = np.array([0, 1, 7])
    file["units/electrodes_index"] = np.array([1, 2, 3])


def null_region(file):
    add_electrodes(file, ["V4", "IT"])
    file["units/electrodes"] = np.array([0, 1, 1])
    file["units/electrodes"].attrs.create("table", h5py.Reference(), dtype=h5py.ref_dtype)


WARNINGS = {
    "spikes out of order": (reversed_spikes, "DoubtfulSpikes", "1 of 3 units were out of order"),
    "spikes NaN": (
        replaced(SPIKES, lambda t: np.where(np.arange(len(t)) == 5, np.nan, t)),
        "DoubtfulSpikes",
        "1 spike times are NaN",
    ),
    "spikes of no unit": (
        replaced(SPIKES, lambda t: np.append(t, 30.0)),
        "DoubtfulSpikes",
        "1 of .* belong to no unit",
    ),
    "no unit has a spike": (silent, "DoubtfulSpikes", "no unit has a spike"),
    "recording ends early": (
        replaced(SPIKES, lambda t: t * 0.8),
        "DoubtfulSpikes",
        "after the last spike",
    ),
    "32-bit times late in the day": (
        chain(
            replaced(SPIKES, lambda t: (t + 9000).astype("f4")), replaced(ONSET, lambda t: t + 9000)
        ),
        "DoubtfulSpikes",
        "32-bit floats",
    ),
    "unit ids repeat": (replaced("units/id", np.zeros(3, int)), "UnitsDoubtful", "1 different ids"),
    "a fifth of the onsets NaN": (some_nan(ONSET, 0.2), "OnsetsMissing", "9 of 48 presentations"),
    "images held out": (
        replaced(STIM, lambda s: np.where(s == 1, -1, s).astype(int)),
        "HeldOutImages",
        "12 rows",
    ),
    "images held out, unsigned": (
        replaced(STIM, lambda s: np.where(s == 1, -1, s).astype(int).astype("uint32")),
        "HeldOutImages",
        "12 rows",
    ),
    "images held out, as text": (
        replaced(STIM, lambda s: texts(np.where(s == 1, -1, s)), dtype=TEXT),
        "HeldOutImages",
        "12 rows",
    ),
    "electrodes beyond their table": (bad_region, "UnitsDoubtful", "1 of 3 do not point to one of"),
    "electrodes of a table that is gone": (null_region, "UnitsDoubtful", "table that is not there"),
    "electrodes without a table": (
        lambda f: f["units"].update(peak_channel_id=np.arange(3)),
        "UnitsDoubtful",
        "has none at",
    ),
    "a unit never observed": (
        lambda f: f["units"].update(
            obs_intervals=np.array([[0.0, 99.0], [0.0, 99.0]]),
            obs_intervals_index=np.array([1, 1, 2]),
        ),
        "NotObserved",
        "1 of 3 units were observed in no presentation",
    ),
    "two sessions in both tables": (
        chain(
            lambda f: f["units"].create_dataset("ses_ID", data=texts("aab"), dtype=TEXT),
            lambda f: f["intervals/trials"].create_dataset(
                "ses_ID", data=texts("ab" * 24), dtype=TEXT
            ),
        ),
        "SessionsDiffer",
        "names 2 sessions",
    ),
}


@pytest.mark.parametrize(("edit", "kind", "match"), WARNINGS.values(), ids=WARNINGS)
def test_warning(path, edit, kind, match):
    edited(path, edit)
    with pytest.warns(getattr(errors, kind), match=match) as raised:
        responses = read_nwb(path, LAYOUT)
    words = [str(warning.message) for warning in raised]
    assert len(words) == 1
    assert words[0].startswith(str(path))
    assert "\n" not in words[0]
    assert json.loads(responses.attrs["provenance"])["warnings"] == words


def enumerated(file):
    values = file[STIM][()].astype("i1")
    kind = h5py.enum_dtype({"1": 1, "2": 2, "3": 3, "4": 4}, basetype="i1")
    del file[STIM]
    file.create_dataset(STIM, data=values, dtype=kind)


def referring(file):
    groups = {n: file.create_group(f"stimulus/templates/{n}") for n in range(1, 5)}
    values = [groups[int(n)].ref for n in file[STIM][()]]
    del file[STIM]
    file.create_dataset(STIM, data=np.array(values, dtype=h5py.ref_dtype), dtype=h5py.ref_dtype)


def shuffled(file):
    order = np.random.default_rng(1).permutation(48)
    for name in file["intervals/trials"]:
        column = file[f"intervals/trials/{name}"]
        column[...] = column[()][order]


def moved(file):
    file.move("units", "processing/ecephys/sorted")
    file["units"] = h5py.SoftLink("/processing/ecephys/sorted")


SAME = {
    "nothing": lambda file: None,
    "rows shuffled": shuffled,
    "units behind a soft link": moved,
    "images as integers": replaced(STIM, lambda s: s.astype("i2")),
    "images as unsigned bytes": replaced(STIM, lambda s: s.astype("u1")),
    "images with the largest byte first": replaced(STIM, lambda s: s.astype(">i2")),
    "times with the largest byte first": chain(
        replaced(SPIKES, lambda t: t.astype(">f8")), replaced(ONSET, lambda t: t.astype(">f8"))
    ),
    "images as text": replaced(STIM, lambda s: texts(s), dtype=TEXT),
    "images as text with decimals": replaced(
        STIM, lambda s: np.array([f"{v:.1f}" for v in s], dtype=object), dtype=TEXT
    ),
    "images as fixed bytes": replaced(STIM, lambda s: texts(s).astype("S4")),
    "images as an enumeration": enumerated,
    "images as references": referring,
    "images in a column of one": replaced(STIM, lambda s: s[:, None]),
    "positions as 32-bit floats": replaced(PLACE, lambda p: p.astype("f4")),
    "positions as text": replaced(PLACE, lambda p: texts(p), dtype=TEXT),
    "onsets as text": replaced(
        ONSET, lambda t: np.array([repr(float(v)) for v in t], dtype=object), dtype=TEXT
    ),
    "compressed": replaced(SPIKES, lambda t: t, chunks=(50,), compression="gzip", shuffle=True),
    "ids as floats": replaced("units/id", lambda i: i.astype(float)),
    "colnames missing": lambda file: file["units"].attrs.__delitem__("colnames"),
    "an observed interval for all": lambda f: f["units"].update(
        obs_intervals=np.array([[0.0, 99.0]] * 3), obs_intervals_index=np.arange(1, 4)
    ),
    "no invalid times": lambda f: add_table(
        f, "intervals/invalid_times", {"start_time": np.empty(0), "stop_time": np.empty(0)}
    ),
    "a damaged table beside it": lambda f: f["intervals"].__setitem__(
        "other", h5py.SoftLink("/nowhere")
    ),
    "a name beside it that is no text": lambda f: h5py.h5d.create(
        f["intervals/trials"].id, b"not\xe5", h5py.h5t.NATIVE_INT64, h5py.h5s.create_simple((48,))
    ),
    "spikes ragged by HDF5's own means": lambda f: (
        chain(
            deleted(INDEX, SPIKES),
            lambda f: f.create_dataset(SPIKES, (3,), dtype=h5py.vlen_dtype("f8")),
        )(f)
        or [f[SPIKES].__setitem__(i, train) for i, train in enumerate(recording()[1])]
    ),
    **{
        f"index of {kind}": replaced(INDEX, lambda i, kind=kind: i.astype(kind))
        for kind in ("int16", "int32", "int64", "uint16", "uint32", "uint64", ">i4", "float64")
    },
    **{
        f"NWB {version}": lambda f, version=version: f.attrs.__setitem__("nwb_version", version)
        for version in (
            "2.0.0",
            "2.2.0",
            "2.2.5",
            "2.4.0",
            "2.8.0",
            "2.11.0",
            "NWB-2.5.0",
            b"2.6.0",
        )
    },
    "version in an array": lambda f: f.attrs.__setitem__("nwb_version", np.array([b"2.3.0"])),
}


@pytest.mark.parametrize("edit", SAME.values(), ids=SAME)
def test_read_the_same(path, edit):
    edited(path, edit)
    assert_holds(read_nwb(path, LAYOUT, rate=False), expected(*recording()))


def test_uint8_index(tmp_path):
    trials, spikes = recording()
    few = [train[:40] for train in spikes]
    few[0] = np.append(few[0], 27.0)
    write_nwb(tmp_path / "s.nwb", trials, few, index_dtype="uint8")
    assert_holds(read_nwb(tmp_path / "s.nwb", LAYOUT, rate=False), expected(trials, few))


@pytest.mark.parametrize(
    "valid",
    [
        lambda keep: keep,
        lambda keep: keep.astype("u1"),
        lambda keep: keep.astype(float),
        lambda keep: np.where(keep, "True", "False").astype(object),
        lambda keep: np.where(keep, "yes", "no").astype(object),
        lambda keep: np.where(keep, "TRUE", "").astype(object),
        lambda keep: np.where(keep, 1.0, np.nan),
    ],
    ids=["bool", "u1", "float", "text", "words", "empty", "nan"],
)
def test_truth_values_however_they_are_written(tmp_path, valid):
    trials, spikes = recording()
    keep = np.arange(48) % 5 > 0
    file = write_nwb(tmp_path / "s.nwb", {**trials, "ok": valid(keep)}, spikes)
    layout = Layout(image="stim", position="position", onset="start_time", valid="ok")
    kept = {name: values[keep] for name, values in trials.items()}
    responses = read_nwb(file, layout, rate=False)
    assert_holds(responses, expected(kept, spikes))
    (record,) = json.loads(responses.attrs["provenance"])["dropped"]
    assert record["count"] == 10
    assert record["reason"] in ("ok is false", "ok is missing")


@pytest.mark.parametrize("scale", [1e3, 3e4, 1e6])
@pytest.mark.parametrize("rate", [1.0, 20.0, 300.0])
def test_other_units_of_time_at_any_rate(tmp_path, scale, rate):
    trials, _ = recording()
    spikes = [np.sort(np.random.default_rng(1).uniform(0, 26, int(26 * rate))) * scale]
    path = write_nwb(tmp_path / "s.nwb", trials, spikes)
    with pytest.raises(errors.ClockError, match="seconds on one clock"):
        read_nwb(path, LAYOUT)


def test_a_short_task_in_a_long_recording_is_no_fault(tmp_path):
    """Half a minute of pictures in a day of sleep, from neurons of one spike a second."""
    trials, _ = recording()
    rng = np.random.default_rng(1)
    spikes = [np.sort(rng.uniform(0, 50_000, 60_000)) for _ in range(2)]
    path = write_nwb(tmp_path / "s.nwb", trials, spikes)
    assert_holds(read_nwb(path, LAYOUT, rate=False), expected(trials, spikes))


def test_numbers_that_are_no_truth_values(tmp_path):
    trials, spikes = recording()
    file = write_nwb(tmp_path / "s.nwb", {**trials, "ok": np.arange(48)}, spikes)
    layout = Layout(image="stim", position="position", onset="start_time", valid="ok")
    with pytest.raises(errors.TableError, match="must be true or false; it holds .*trials_where"):
        read_nwb(file, layout)


# ---- the file itself


def test_no_such_file(tmp_path):
    with pytest.raises(errors.FileError, match=r"nothing\.nwb: no such file; check the path"):
        read_nwb(tmp_path / "nothing.nwb", LAYOUT)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "empty; fetch it again"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"/annex/objects/SHA256E-s1--ab.nwb", "git-annex pointer"),
        (b"PK\x03\x04", "zip archive; unpack"),
        (b"\x1f\x8b\x08", "gzip; unpack"),
        (b"MATLAB 5.0 MAT-file", "MATLAB file"),
        (b"no idea", "not an HDF5 file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "a damaged HDF5 file|cut short"),
    ],
)
def test_not_a_recording(tmp_path, content, match):
    (tmp_path / "x.nwb").write_bytes(content)
    with pytest.raises(errors.FileError, match=match) as raised:
        read_nwb(tmp_path / "x.nwb", LAYOUT)
    assert "x.nwb" in str(raised.value)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_short(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(errors.FileError, match="cut short.*; fetch it again"):
        read_nwb(path, LAYOUT)


@pytest.mark.parametrize("seed", range(12))
def test_bytes_overwritten_never_end_in_a_foreign_error(path, seed):
    """Whatever is damaged: an error of our own, or a reading, but no traceback of h5py's."""
    rng = np.random.default_rng(seed)
    content = bytearray(path.read_bytes())
    for _ in range(6):
        at = int(rng.integers(len(content)))
        content[at : at + 64] = rng.bytes(min(64, len(content) - at))
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_nwb(path, LAYOUT)
        except InputError as error:
            assert "\n" not in str(error)  # noqa: PT017


HOLD = "import h5py, sys; f = h5py.File(sys.argv[1], 'a'); print('open', flush=True); input()"


def test_locked_by_a_writer(path):
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(errors.FileError, match="open for writing elsewhere; close it there"):
            read_nwb(path, LAYOUT)
        writer.communicate(b"\n")
    read_nwb(path, LAYOUT)


def test_left_open_by_a_writer_that_was_killed(path):
    """A file written for single-writer reading says so until it is closed."""
    command = [sys.executable, "-c", HOLD.replace("'a'", "'a', libver='latest'"), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n"
        writer.kill()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read_nwb(path, LAYOUT)
        except RecordingError as error:
            words = str(error)
            assert words.startswith(str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_no_permission(path):
    path.chmod(0)
    with pytest.raises(errors.FileError, match="no permission to read it"):
        read_nwb(path, LAYOUT)


def test_no_permission_said_by_the_system(path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("artiphys_nwb.files.opening.open", refuse, raising=False)
    with pytest.raises(errors.FileError, match="no permission to read it; ask its owner"):
        read_nwb(path, LAYOUT)


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "link.nwb").symlink_to(tmp_path / "annex" / "x.nwb")
    with pytest.raises(errors.FileError, match=r"link\.nwb: a link that leads nowhere; fetch"):
        read_nwb(tmp_path / "link.nwb", LAYOUT)


def test_a_folder_without_recordings(tmp_path):
    with pytest.raises(errors.FileError, match="a folder without .nwb files"):
        read_nwb(tmp_path, LAYOUT)


def test_a_store_in_zarr_that_is_no_recording(tmp_path):
    (tmp_path / ".zgroup").write_text("{}")
    with pytest.raises(errors.FileError, match="without nwb_version, so not NWB"):
        read_nwb(tmp_path, LAYOUT)


def test_a_pattern_that_matches_nothing(tmp_path):
    with pytest.raises(errors.FileError, match="no file matches"):
        read_nwb(str(tmp_path / "*.nwb"), LAYOUT)


@pytest.mark.parametrize("source", [None, 3, True, {"a": 1}, 2.5])
def test_not_a_source(source):
    with pytest.raises(InputError, match="source must be a path, a URL, an open file or many"):
        read_nwb(source, LAYOUT)


def test_no_source_at_all():
    with pytest.raises(InputError, match="at least one recording; got none"):
        read_nwb([], LAYOUT)


def test_a_closed_file(path):
    with h5py.File(path) as file:
        pass
    with pytest.raises(errors.FileError, match="the file given is closed; open it"):
        read_nwb(file, LAYOUT)
    with path.open("rb") as stream:
        pass
    with pytest.raises(errors.FileError, match="the file given is closed; open it"):
        read_nwb(stream, LAYOUT)


def test_a_null_byte_in_a_path():
    with pytest.raises(errors.FileError, match="not a path"):
        read_nwb("a\0b.nwb", LAYOUT)


# ---- arguments


@pytest.mark.parametrize(
    ("window", "match"),
    [
        ((0.25, 0.05), "must start before it stops"),
        ((0.1, 0.1), "must start before it stops"),
        ((50, 250), "in seconds from the onset; got 50 to 250; milliseconds"),
        ((0.05,), "a start and a stop"),
        ((0, 1, 2), "a start and a stop"),
        ("automatic", "must be 'auto'"),
        (None, "must be 'auto'"),
        ((np.nan, 1), "must start before"),
    ],
)
def test_not_a_window(path, window, match):
    with pytest.raises(InputError, match=match):
        read_nwb(path, LAYOUT, window=window)


def test_not_a_join(path):
    with pytest.raises(InputError, match="join must be 'exact' or 'outer'; got 'inner'"):
        read_nwb(path, LAYOUT, join="inner")


def test_a_reference_that_is_no_position(path):
    layout = Layout(image="stim", position="position", onset="start_time", reference=9)
    with pytest.raises(errors.LayoutError, match=r"reference 9 is not among .* 0, 1, 2"):
        read_nwb(path, layout)


# ---- many files


def sessions(tmp_path, **second):
    one = write_nwb(tmp_path / "one.nwb", *recording())
    how = {"seed": 1} | {k: v for k, v in second.items() if k in ("seed", "first_image")}
    names = {"identifier": "id-2", "session_id": "s2"} | {
        k: v for k, v in second.items() if k in ("identifier", "session_id")
    }
    return one, write_nwb(tmp_path / "two.nwb", *recording(**how), **names)


def test_the_same_session_under_another_name(path, tmp_path):
    copy = shutil.copy(path, tmp_path / "copy.nwb")
    with pytest.raises(errors.PoolingError, match="same session as .* count twice; give each"):
        read_nwb([path, copy], LAYOUT)
    with pytest.raises(errors.PoolingError, match="same session"):
        read_nwb([path, path], LAYOUT)


@pytest.mark.parametrize("changed", ["identifier", "session_id", "both", "one unit more"])
def test_the_same_session_written_again(path, tmp_path, changed):
    trials, spikes = recording()
    names = {
        "identifier": {"identifier": "other"},
        "session_id": {"session_id": "other"},
        "both": {"identifier": "other", "session_id": "other"},
        "one unit more": {"identifier": "other", "session_id": "other"},
    }[changed]
    if changed == "one unit more":
        spikes = [*spikes, spikes[0] + 0.01]
    again = write_nwb(tmp_path / "again.nwb", trials, spikes, **names)
    with pytest.raises(errors.PoolingError, match="3 units have the very same spikes"):
        read_nwb([path, again], LAYOUT)


def test_the_same_session_sorted_again(tmp_path):
    one, two = sessions(tmp_path, identifier="id-1", session_id="s1")
    with pytest.raises(errors.PoolingError, match="both are 'id-1'"):
        read_nwb([one, two], LAYOUT)


def test_two_sessions_of_one_name(tmp_path):
    one, two = sessions(tmp_path, session_id="s1")
    with pytest.warns(
        errors.SessionsDiffer, match="named 'm_s1' like .*one.nwb, with other spikes"
    ):
        responses = read_nwb([one, two], LAYOUT)
    assert responses["unit"].values.tolist() == [
        *(f"m_s1/{i}" for i in range(3)),
        *(f"m_s1~2/{i}" for i in range(3)),
    ]


def test_no_image_in_common(tmp_path):
    files = sessions(tmp_path, first_image=10)
    with pytest.raises(errors.PoolingError, match=r"share no image: 1, 2, 3 \.\.\. 4 against 10"):
        read_nwb(files, LAYOUT)
    with pytest.warns(errors.SessionsDiffer, match="share no image.*NaN where a session has none"):
        responses = read_nwb(files, LAYOUT, join="outer")
    assert responses.sizes["image"] == 8


def test_no_position_in_common(tmp_path):
    one, two = sessions(tmp_path)
    edited(two, replaced(PLACE, lambda p: p + 10))
    with pytest.raises(errors.PoolingError, match="share no position: 0, 1, 2 against 10, 11, 12"):
        read_nwb([one, two], LAYOUT)


def test_each_pair_shares_images_but_not_all_three(tmp_path):
    files = []
    for i, images in enumerate(([1, 2], [2, 3], [3, 1])):
        trials, spikes = recording(n_images=2, seed=i)
        trials["stim"] = np.array(images)[trials["stim"].astype(int) - 1].astype(float)
        files.append(
            write_nwb(tmp_path / f"{i}.nwb", trials, spikes, identifier=str(i), session_id=str(i))
        )
    with pytest.raises(errors.PoolingError, match="no image was shown in all 3 sessions"):
        read_nwb(files, LAYOUT)


def test_ids_of_different_types_are_the_same_images(tmp_path):
    one, two = sessions(tmp_path)
    edited(one, replaced(STIM, lambda s: s.astype("i8")))
    edited(
        two,
        chain(
            replaced(STIM, lambda s: texts(s), dtype=TEXT),
            replaced(PLACE, lambda p: p.astype("i4")),
        ),
    )
    responses = read_nwb([one, two], LAYOUT)
    assert responses["image"].values.tolist() == ["1", "2", "3", "4"]
    assert responses["position"].values.tolist() == [0, 1, 2]
    assert responses.notnull().all()


def test_none_of_many_can_be_read(tmp_path):
    (tmp_path / "a.nwb").touch()
    (tmp_path / "b.nwb").write_text("<html>")
    with pytest.raises(
        errors.PoolingError, match=r"none of 2 files .*a\.nwb: empty.*b\.nwb: a web"
    ):
        read_nwb(tmp_path, LAYOUT)


def test_hundreds_refused_are_one_line(tmp_path, path):
    for i in range(30):
        (tmp_path / f"x{i:02}.nwb").touch()
    with pytest.warns(errors.FilesLeftOut, match="30 of 31 files left out.*and 20 more, listed"):
        responses = read_nwb(tmp_path, LAYOUT)
    dropped = json.loads(responses.attrs["provenance"])["dropped"]
    assert len([item for item in dropped if item["what"] == "file"]) == 30


def test_every_kind_of_warning_can_be_told_apart():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, RecordingWarning)]
    assert len(ours) >= 8
