"""What a file holds, in a record and in words; and the two commands."""

import os

import h5py
import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys.responses.storage import open_responses
from artiphys_cli.parser import parsed
from artiphys_nwb import describe_nwb, errors, load_layout, read_nwb
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


# ---- commands; that bad input ends in one line and exit 2 is tested with the command's frame


def run(*words):
    parsed([str(word) for word in words])()


def test_describe_prints_what_there_is(path, capsys):
    run("describe", path)
    assert capsys.readouterr().out == str(describe_nwb(path)) + "\n"


def test_the_layout_described_can_be_ingested(path, tmp_path, capsys):
    run("describe", path, "--layout-only")
    (tmp_path / "lab.toml").write_text(capsys.readouterr().out)
    assert load_layout(tmp_path / "lab.toml") == LAYOUT
    out = tmp_path / "x.nc"
    run("ingest", path, "--layout", tmp_path / "lab.toml", "--window", "0", "0.1", "--out", out)
    got = capsys.readouterr()
    assert got.out == ""
    assert got.err.splitlines() == [
        "m_s1: 48 of 48 rows, 3 units; nothing left out",
        f"{out}: 3 units, 4 images, 3 positions, 4 trials",
    ]
    np.testing.assert_array_equal(open_responses(out), read_nwb(path, LAYOUT, window=(0, 0.1)))


def test_ingest_takes_what_read_nwb_takes(path, tmp_path):
    other = write_nwb(tmp_path / "two.nwb", *recording(seed=1), identifier="2", session_id="s2")
    (tmp_path / "lab.toml").write_text(LAYOUT.to_toml())
    out = tmp_path / "x.nc"
    argv = (path, other, "--layout", tmp_path / "lab.toml", "--out", out)
    more = ("--counts", "--join", "outer", "--units-where", "id > 0", "--trials-where", "stim < 4")
    run("ingest", *argv, *more, "--window", "-0.1", "0.25")
    truth = read_nwb(
        [path, other],
        LAYOUT,
        window=(-0.1, 0.25),
        rate=False,
        join="outer",
        units_where="id > 0",
        trials_where="stim < 4",
    )
    np.testing.assert_array_equal(open_responses(out), truth)


@pytest.mark.parametrize(
    ("argv", "match"),
    [
        (("--out", "x.txt"), "x.txt: the name must end in .nc"),
        (("--out", "no/folder/x.nc"), "the folder no/folder does not exist; make it first"),
        (("--out", "x.nc", "--window", "soon"), "--window takes a start and a stop in seconds"),
        (("--out", "x.nc", "--window", "1"), "--window takes a start and a stop in seconds"),
        (("--out", "x.nc", "--layout", "lab"), "lab: neither a layout's name"),
    ],
)
def test_ingest_refuses_before_it_reads(path, tmp_path, monkeypatch, argv, match):
    monkeypatch.chdir(tmp_path)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(InputError, match=match):
        run("ingest", path, "--layout", "v4_position", *argv)
    assert sorted(os.listdir(tmp_path)) == before


def test_describe_has_no_layout_to_give(tmp_path):
    path = write_nwb(tmp_path / "a.nwb", recording()[0], None)
    with pytest.raises(errors.LayoutError, match="no layout to propose"):
        run("describe", path, "--layout-only")
