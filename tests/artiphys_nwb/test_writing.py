"""Writing: what is written is read back, and pynwb and nwbinspector find nothing wrong with it."""

import datetime
import os
import resource
import signal

import numpy as np
import pynwb
import pytest

from artiphys.errors import InputError
from artiphys_nwb import describe_nwb, read_nwb, write_nwb
from nwb_checks import assert_clean
from nwb_files import assert_holds, expected, recording


def session(**changes):
    """What a laboratory has of a session of three units."""
    trials, spikes = recording()
    given = {
        "spike_times": spikes,
        "image": trials["stim"],
        "position": trials["position"],
        "start": trials["start_time"],
        "stop": trials["stop_time"],
    }
    return given | changes


def written(folder, **changes):
    path = folder / "session.nwb"
    return path, write_nwb(path, **session(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"subject": "m"},
        {"subject": {"subject_id": "m", "species": "Macaca mulatta", "sex": "F", "age": "P9Y"}},
        {"subject": pynwb.file.Subject(subject_id="m", sex="M", age="P5Y")},
        {"area": ["V4", "IT/anterior", "V4"], "electrode": [7, 3, 7], "unit": [12, 5, 9]},
        {"position": None, "session_id": "s1", "identifier": "of the laboratory"},
        {"unit_columns": {"quality": ["good", None, "mua"], "is_sua": [True, False, True]}},
        {"session_start_time": datetime.datetime(2021, 4, 12, 9, 30)},
    ],
    ids=lambda changes: " ".join(changes) or "as it comes",
)
def test_pynwb_and_nwbinspector_find_nothing_wrong(tmp_path, changes):
    path, _ = written(tmp_path, **changes)
    assert_clean(path)


def test_what_is_said_of_a_subject_is_enough_for_the_archive(tmp_path):
    subject = {"subject_id": "m", "species": "Macaca mulatta"}
    path, _ = written(tmp_path, subject=subject, session_id="s1")
    assert_clean(path, config="dandi")


def test_the_layout_that_is_returned_reads_the_counts(tmp_path):
    path, layout = written(tmp_path)
    assert_holds(read_nwb(path, layout, rate=False), expected(*recording()))
    assert describe_nwb(path).layout == layout


def test_units_are_named_and_placed(tmp_path):
    path, layout = written(
        tmp_path,
        unit=[12, 5, 9],
        area=["V4", "IT/anterior", "V4"],
        electrode=[7, 3, 7],
        subject="SP",
        session_id="20210412SP",
        unit_columns={"quality": ["good", None, "mua"], "depth": [1.5, 2.0, 3.0]},
    )
    responses = read_nwb(path, layout)
    assert responses["unit"].values.tolist() == [f"SP_20210412/{n}" for n in (12, 5, 9)]
    assert responses["area"].values.tolist() == ["V4", "IT/anterior", "V4"]
    assert responses["electrode"].values.tolist() == [7, 3, 7]
    assert responses["quality"].values.tolist() == ["good", "unknown", "mua"]
    assert responses["depth"].values.tolist() == [1.5, 2.0, 3.0]


def test_positions_in_degrees_or_pixels(tmp_path):
    where = np.array([[0.0, 0.0], [2.0, -1.5], [0.0, 3.0]])
    at = recording()[0]["position"].astype(int)
    for units in ("deg", "px"):
        path, layout = written(tmp_path, position=where[at], displacement_units=units)
        responses = read_nwb(path, layout)
        assert responses["position"].values.tolist() == ["0,0", "0,3", "2,-1.5"]
        assert responses["x"].values.tolist() == [0, 0, 2]
        assert responses["y"].values.tolist() == [0, 3, -1.5]
        assert responses["x"].attrs.get("units", responses.attrs.get("units")) is not None


def test_rows_are_in_the_order_of_their_onsets(tmp_path):
    trials, _ = recording()
    backwards = np.argsort(-trials["start_time"])
    given = {"start": trials["start_time"], "stop": trials["stop_time"], "image": trials["stim"]}
    given |= {"position": trials["position"]}
    given = {name: values[backwards] for name, values in given.items()}
    path, layout = written(
        tmp_path, **given, presentation_columns={"saccade": np.arange(48)[backwards]}
    )
    with pynwb.NWBHDF5IO(path, "r") as io:
        shown = io.read().trials.to_dataframe()
    assert shown["start_time"].is_monotonic_increasing
    assert shown["saccade"].tolist() == list(range(48))
    assert_holds(read_nwb(path, layout, rate=False), expected(*recording()))


def test_spikes_in_any_order_and_silent_units(tmp_path):
    trials, spikes = recording()
    spikes[1] = np.empty(0)
    path, layout = written(tmp_path, spike_times=[spikes[0][::-1], [], spikes[2].tolist()])
    responses = read_nwb(path, layout, rate=False)
    assert_holds(responses, expected(trials, spikes))


def test_a_header_with_all_that_is_known(tmp_path):
    header = {"experimenter": ["A. B."], "lab": "vision", "keywords": ["V4"]}
    path, _ = written(tmp_path, header=header, resolution=1 / 30000)
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        assert (file.experimenter, file.lab, list(file.keywords)) == (("A. B.",), "vision", ["V4"])
        assert file.units.resolution == 1 / 30000


def test_local_time_gets_its_zone(tmp_path):
    moment = datetime.datetime(2021, 4, 12, 9, 30)
    path, _ = written(tmp_path, session_start_time=moment, identifier="id-7")
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        assert file.session_start_time == moment.astimezone()
        assert file.identifier == "id-7"


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"spike_times": []}, "at least one unit; got none"),
        ({"spike_times": [[1.0, np.nan]] * 3}, "spike_times of unit 0 must be finite numbers"),
        ({"spike_times": [["a"]] * 3}, "spike_times of unit 0 must be real numbers"),
        ({"spike_times": [[[1.0]]] * 3}, "spike_times of unit 0 must be one row"),
        ({"start": []}, "at least one presentation; got none"),
        ({"stop": [1.0]}, "stop must have 48 values, one for each presentation; got 1"),
        ({"stop": np.zeros(48)}, "stop must not come before start; it does in presentation 0"),
        ({"image": ["a"]}, "image must have 48 values"),
        ({"position": np.zeros((48, 3))}, r"pairs of numbers; got an array \(48, 3\)"),
        ({"position": [(0, 0)] * 47 + [(0,)]}, "position must have two numbers .* got uneven rows"),
        ({"displacement": [(0, 0)] * 47 + [(0,)]}, "displacement must have two numbers"),
        ({"displacement": np.zeros((48, 3))}, r"displacement must be .* an array \(48, 3\)"),
        ({"position": None, "displacement": np.zeros((48, 2))}, "displacement is that of labels"),
        (
            {"displacement": np.column_stack([np.arange(48.0) % 5, np.zeros(48)])},
            "has 5 displacements; expected one of each",
        ),
        ({"displacement_units": "mm"}, "must be 'deg' or 'px'; got 'mm'"),
        ({"unit": [1, 1, 2]}, "a different id for each unit; some repeat"),
        ({"unit": ["a", "b", "c"]}, "unit must have 3 whole numbers"),
        ({"area": ["V4"]}, "area must have 3 values, one for each unit; got 1"),
        (
            {"area": ["V4", "IT", "V4"], "electrode": [1, 1, 2]},
            "must be of one area; electrode 1 in V4 and IT",
        ),
        ({"unit_columns": {"electrodes": [1, 2, 3]}}, "cannot be named 'electrodes'"),
        ({"unit_columns": {"a/b": [1, 2, 3]}}, "cannot be named 'a/b'"),
        ({"presentation_columns": {"image": [1] * 48}}, "cannot be named 'image'"),
        ({"presentation_columns": {"wide": np.zeros((48, 2))}}, "one value for each presentation"),
        ({"subject": {"name": "m"}}, "what pynwb.file.Subject takes"),
        ({"header": {"experimentor": "m"}}, "header must be what pynwb.NWBFile takes"),
        ({"resolution": 0.0}, "resolution must be a number above 0"),
    ],
)
def test_what_does_not_go_together_is_told_and_nothing_written(tmp_path, changes, fault):
    with pytest.raises(InputError, match=fault):
        written(tmp_path, **changes)
    assert os.listdir(tmp_path) == []


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(InputError, match=r"stop must have 48 .*; image must have 48"):
        written(tmp_path, stop=[1.0], image=["a"])


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"must end in \.nwb; got '\.h5'"):
        write_nwb(tmp_path / "a.h5", **session())


def test_a_file_is_there_whole_or_as_it_was(tmp_path, monkeypatch):
    path, _ = written(tmp_path)
    before = path.read_bytes()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(pynwb.NWBHDF5IO, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        written(tmp_path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["session.nwb"]


def test_no_room_is_one_line(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(InputError, match="session.nwb: cannot be written"):
            written(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.listdir(tmp_path) == []
