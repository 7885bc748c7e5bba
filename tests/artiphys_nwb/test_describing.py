"""What a file holds, in a record and in words; and the two commands."""

import h5py
import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys_nwb import describe_nwb, errors, read_nwb
from nwb_files import LAYOUT, recording, write_nwb


@pytest.fixture
def path(tmp_path):
    trials, spikes = recording()
    trials["name"] = np.array([f"picture number {i}, a long name indeed" for i in range(48)], "O")
    trials["wave"] = np.zeros((48, 4))
    path = write_nwb(tmp_path / "session.nwb", trials, spikes)
    with h5py.File(path, "a") as file:
        file["intervals/trials/lost"] = h5py.SoftLink("/nowhere")
        file["intervals/trials/pair"] = np.zeros(48, dtype=[("a", "i4"), ("b", "f8")])
    return path


def test_the_record(path):
    about = describe_nwb(path)
    assert (about.nwb_version, about.session, about.n_units) == ("2.11.0", "m_s1", 3)
    assert about.n_spikes == sum(len(train) for train in recording()[1])
    units, trials = about.tables
    assert (units.path, units.kind, units.n_rows) == ("/units", "Units", 3)
    assert (trials.path, trials.kind, trials.n_rows) == ("/intervals/trials", "TimeIntervals", 48)
    columns = {column.name: column for column in trials.columns}
    assert columns["stim"].dtype == "float64"
    assert len(columns["stim"].sample) == 3
    assert columns["name"].dtype == "text"
    assert columns["wave"].dtype == "float64 × (4,)"
    assert columns["lost"].dtype == "a link that leads nowhere"
    assert columns["pair"].dtype == "compound"
    assert {column.name: column.dtype for column in units.columns} == {
        "id": "int64",
        "spike_times": "float64, ragged",
    }


def test_in_words(path):
    words = str(describe_nwb(path))
    assert "/intervals/trials (TimeIntervals, 48 rows)" in words
    assert "picture number 0, a long name..." in words
    assert 'Proposed layout, as TOML:\ntable = "/intervals/trials"' in words
    assert max(len(line) for line in words.splitlines()[1:]) < 160


def test_the_proposal_reads(path):
    proposed = describe_nwb(path).layout
    assert proposed == LAYOUT
    assert read_nwb(path, proposed).sizes["unit"] == 3


@pytest.mark.parametrize(
    ("columns", "proposed"),
    [
        ({"start_time": "t", "pd_onset": "t", "image_id": "i"}, ("image_id", None, "pd_onset")),
        (
            {"start_time": "t", "frame": "i", "Pos_x": "p", "Pos_y": "p"},
            ("frame", ("Pos_x", "Pos_y"), "start_time"),
        ),
        (
            {"stim_on_time": "t", "picture": "i", "position": "p"},
            ("picture", "position", "stim_on_time"),
        ),
        ({"start_time": "t", "choice": "i"}, None),
    ],
)
def test_proposals(tmp_path, columns, proposed):
    trials, spikes = recording()
    values = {"t": trials["start_time"], "i": trials["stim"], "p": trials["position"]}
    shown = {name: values[kind] for name, kind in columns.items()}
    layout = describe_nwb(write_nwb(tmp_path / "a.nwb", shown, spikes)).layout
    got = None if layout is None else (layout.image, layout.position, layout.onset)
    assert got == proposed


def test_without_units_nothing_is_proposed(tmp_path):
    about = describe_nwb(write_nwb(tmp_path / "a.nwb", recording()[0], None))
    assert (about.n_units, about.n_spikes, about.layout) == (0, 0, None)
    assert "No layout proposed" in str(about)


def test_one_file_at_a_time(path):
    with pytest.raises(InputError, match="describe_nwb takes one recording; got 2"):
        describe_nwb([path, path])
    with pytest.raises(errors.FileError, match="no such file"):
        describe_nwb(path.with_name("gone.nwb"))


def test_bad_recordings_are_described_or_refused(shared_data):
    for file in sorted((shared_data / "nwb_bad").glob("*.nwb")):
        try:
            words = str(describe_nwb(file))
        except errors.RecordingError as error:
            words = str(error)
        assert str(file) in words
