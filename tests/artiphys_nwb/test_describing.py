"""What a file holds, in a record and in words; and the two commands."""

import re

import h5py
import numpy as np
import pytest

from artiphys.errors import InputError
from artiphys_nwb import Layout, describe_nwb, errors, load_layout, read_nwb
from nwb_files import LAYOUT, add_table, recording, write_nwb


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


# ---- proposals for a stranger's file


def stranger(tmp_path, columns, n_units=3, **how):
    """A session whose columns have other names; each says which of ours it holds, or its values."""
    trials, spikes = recording(n_units=n_units, **how)
    rng = np.random.default_rng(0)
    known = {
        "onset": trials["start_time"] + rng.uniform(0.02, 0.06, len(trials["stim"])),
        "image": np.array([f"pic{i:g}" for i in trials["stim"]], dtype=object),
        "number": trials["stim"],
        "place": np.array(["left", "centre", "right"], dtype=object)[
            trials["position"].astype(int)
        ],
        "x": trials["position"] * 2.0,
        "y": trials["position"] * 0.0,
        "correct": rng.random(len(trials["stim"])) > 0.3,
        "gaze": rng.normal(size=len(trials["stim"])),
        "rt": rng.uniform(0.2, 0.5, len(trials["stim"])),
        "block": np.arange(len(trials["stim"])) // 12,
    }
    shown = {name: trials[name] for name in ("start_time", "stop_time")}
    shown |= {
        name: known[what] if isinstance(what, str) else what for name, what in columns.items()
    }
    return write_nwb(tmp_path / "s.nwb", shown, spikes)


STRANGERS = {
    "camel case": (
        {"stimulusOnsetTime": "onset", "imageName": "image", "stimulusLocation": "place"},
        ("imageName", "stimulusLocation", "stimulusOnsetTime"),
    ),
    "snake case": (
        {"pd_on": "onset", "img_id": "number", "pos_x": "x", "pos_y": "y", "rt": "rt"},
        ("img_id", ("pos_x", "pos_y"), "pd_on"),
    ),
    "words": (
        {"object": "image", "where": "place", "stim_on": "onset", "correct": "correct"},
        ("object", "where", "stim_on"),
    ),
    "by what they hold": (
        {"what": "image", "azimuth": "x", "elevation": "y", "block": "block"},
        ("what", ("azimuth", "elevation"), "start_time"),
    ),
    "eyes are no positions": (
        {"eye_x": "gaze", "eye_y": "gaze", "picture": "image", "site": "place"},
        ("picture", "site", "start_time"),
    ),
    "one place": ({"photo": "image", "outcome": "correct"}, ("photo", None, "start_time")),
}


@pytest.mark.parametrize(("columns", "proposed"), STRANGERS.values(), ids=STRANGERS)
def test_proposals_for_strangers(tmp_path, columns, proposed):
    path = stranger(tmp_path, columns)
    layout = describe_nwb(path).layout
    assert (layout.image, layout.position, layout.onset) == proposed
    assert layout.valid is None
    assert read_nwb(path, layout).sizes["unit"] == 3


def test_ragged_onsets_have_ragged_images(tmp_path):
    trials, spikes = recording()
    rows = [list(trials[name].reshape(-1, 4)) for name in ("start_time", "stim", "position")]
    shown = {
        "start_time": trials["start_time"][::4],
        "stop_time": trials["stop_time"][3::4],
        "stimulus_id": np.arange(12) % 3,
        **dict(zip(("onsets", "images", "places"), rows, strict=True)),
    }
    path = write_nwb(tmp_path / "s.nwb", shown, spikes)
    layout = describe_nwb(path).layout
    assert (layout.onset, layout.image, layout.position) == ("onsets", "images", "places")
    good = read_nwb(write_nwb(tmp_path / "good.nwb", trials, spikes), LAYOUT, rate=False)
    np.testing.assert_array_equal(read_nwb(path, layout, rate=False), good)


def test_the_toml_has_the_rivals_and_reads_as_the_layout(tmp_path):
    columns = {
        "object": "image",
        "picture_id": "number",
        "where": "place",
        "pos": "x",
        "on": "onset",
    }
    about = describe_nwb(stranger(tmp_path, columns))
    (tmp_path / "lab.toml").write_text(about.toml)
    assert load_layout(tmp_path / "lab.toml") == about.layout
    assert '\n# or image = "object"' in about.toml
    assert '# 4 different: 1, 2, 3, 4, 12 times each\nimage = "picture_id"' in about.toml
    assert '\n# or onset = "start_time"' in about.toml
    assert about.layout.position == "pos"
    assert '\n# or position = "where"' in about.toml
    assert max(map(len, about.toml.splitlines())) <= 80


def test_positions_0_and_1_are_no_truth_values(tmp_path):
    trials, spikes = recording(n_positions=2)
    trials["correct"] = np.arange(len(trials["stim"])) % 3 > 0
    about = describe_nwb(write_nwb(tmp_path / "a.nwb", trials, spikes))
    assert about.layout.position == "position"
    assert [line for line in about.toml.splitlines() if line.startswith("# valid")] == [
        '# valid = "correct"'
    ]


def test_a_centre_is_the_reference(tmp_path):
    about = describe_nwb(stranger(tmp_path, {"image": "image", "where": "place"}))
    assert about.layout.reference == "centre"


@pytest.mark.parametrize(
    ("columns", "doubt"),
    [
        ({"image": "image", "photodiode_on": "onset"}, "of a photodiode, is 4[0-9] ms after start"),
        ({"image": "image", "correct": "correct"}, "correct is what the animal did"),
        ({"image": "image", "gaze_x": "gaze", "gaze_y": "gaze"}, "where the animal looked"),
    ],
)
def test_what_is_doubtful(tmp_path, columns, doubt):
    about = describe_nwb(stranger(tmp_path, columns))
    (told,) = about.doubts
    assert re.search(doubt, told)
    assert "# Doubtful:" in str(about)


@pytest.mark.parametrize(
    ("onset", "spikes", "scales"),
    [
        (1e3, 1, (1e-3, None)),
        (1, 1e3, (None, 1e-3)),
        (1e3, 1e3, (1e-3, 1e-3)),
        (1, 1, (None, None)),
    ],
)
def test_milliseconds_are_seen(tmp_path, onset, spikes, scales):
    trials, trains = recording()
    trials |= {name: trials[name] * onset for name in ("start_time", "stop_time")}
    path = write_nwb(tmp_path / "s.nwb", trials, [train * spikes for train in trains])
    about = describe_nwb(path)
    assert (about.layout.scale, about.layout.spike_scale) == scales
    assert ("milliseconds?" in "; ".join(about.doubts)) == (scales != (None, None))
    good = read_nwb(write_nwb(tmp_path / "good.nwb", *recording()), LAYOUT, rate=False)
    np.testing.assert_array_equal(read_nwb(path, about.layout, rate=False), good)


def test_every_table_that_can_be_read_is_listed(path):
    with h5py.File(path, "a") as file:
        for name, kind in (("notes", "AnnotationSeries"), ("on", "IntervalSeries")):
            group = file.create_group(f"acquisition/{name}")
            group.attrs["neurodata_type"] = kind
            group["timestamps"], group["data"] = np.arange(4.0), np.array([1, -1, 1, -1])
        add_table(file, "intervals/trials/pictures", {"size": np.ones(48)})
    tables = {table.path: table for table in describe_nwb(path).tables}
    assert {"/acquisition/notes", "/acquisition/on"} <= set(tables)
    names = {column.name for column in tables["/intervals/trials"].columns}
    assert "pictures/size" in names


@pytest.mark.parametrize(
    ("columns", "missing"),
    [
        ({"choice": "number"}, "no column of images"),
        ({}, "no column of images"),
    ],
)
def test_what_is_missing_is_said(tmp_path, columns, missing):
    about = describe_nwb(stranger(tmp_path, columns))
    assert about.layout is None
    assert missing in "; ".join(about.missing)
    assert f"- {about.missing[0]}" in str(about)


def test_an_interval_series_counts_beginnings(tmp_path):
    """Its numbers from 0 down are ends."""
    trials, spikes = recording(n_positions=1)
    path = write_nwb(tmp_path / "s.nwb", trials, spikes)
    with h5py.File(path, "a") as file:
        group = file.create_group("acquisition/shown")
        group.attrs["neurodata_type"] = "IntervalSeries"
        both = np.stack([trials["start_time"], trials["stop_time"]], axis=1)
        group["timestamps"] = both.ravel()
        group["data"] = np.stack([trials["stim"], -trials["stim"]], axis=1).ravel().astype("i1")
    layout = Layout(table="/acquisition/shown", image="data", onset="timestamps")
    plain = read_nwb(path, Layout(image="stim", onset="start_time"), rate=False)
    np.testing.assert_array_equal(read_nwb(path, layout, rate=False), plain)


def odd(folder, **columns):
    """A recording whose columns have names of no convention; functions of start, image, place."""
    trials, spikes = recording(n_images=8)
    start = trials["start_time"]
    shown = {"start_time": start - 0.1, "stop_time": trials["stop_time"]}
    shown |= {n: f(start, trials["stim"], trials["position"]) for n, f in columns.items()}
    return describe_nwb(write_nwb(folder / "odd.nwb", shown, spikes))


def test_an_image_without_a_name_is_known_by_its_values(tmp_path):
    about = odd(
        tmp_path, face_id=lambda t, s, p: s, stim_x=lambda t, s, p: p, stim_y=lambda t, s, p: p
    )
    assert (about.layout.image, about.layout.position) == ("face_id", ("stim_x", "stim_y"))
    assert any("face_id is taken for the image by its values alone" in one for one in about.doubts)


def test_what_may_be_onset_or_position_is_asked(tmp_path):
    about = odd(tmp_path, bild=lambda t, s, p: s, b=lambda t, s, p: p, Reizbeginn=lambda t, s, p: t)
    told = "; ".join(about.doubts)
    assert "Reizbeginn rises from row to row as well: is it the onset of images?" in told
    assert "images come again at each b: is it the position?" in told
    assert '# or onset = "Reizbeginn"' in about.toml
    assert '# position = "b"' in about.toml


def test_an_onset_that_does_not_rise_is_asked_about(tmp_path):
    about = odd(tmp_path, cnd=lambda t, s, p: s, stimOnMs=lambda t, s, p: 100 + 0 * t)
    assert about.layout.onset == "start_time"
    assert any("stimOnMs is named like an onset and does not rise" in one for one in about.doubts)


def test_labels_with_x_and_y_are_proposed_together(tmp_path):
    about = odd(
        tmp_path,
        image=lambda t, s, p: s,
        position=lambda t, s, p: np.array(["left", "middle", "right"], dtype=object)[p.astype(int)],
        x_deg=lambda t, s, p: 2.0 * (p - 1),
        y_deg=lambda t, s, p: 0 * p,
    )
    assert about.layout.position == ("position", "x_deg", "y_deg")
    assert about.layout.reference == "middle"
    assert read_nwb(about.file, about.layout)["x"].values.tolist() == [-2.0, 0.0, 2.0]
