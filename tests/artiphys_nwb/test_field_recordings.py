"""Faults that people report of their files: those beside the checkout, and more of their kinds."""

import dataclasses
import json
import warnings

import h5py
import numpy as np
import pytest
import xarray as xr

from artiphys_nwb import Layout, RecordingError, describe_nwb, errors, load_layout, read_nwb
from nwb_files import (
    LAYOUT,
    TEXT,
    add_electrodes,
    add_table,
    assert_holds,
    edited,
    expected,
    recording,
    replaced,
    texts,
    write_nwb,
)

XY = Layout(image="stim", position=("x", "y"), onset="start_time")


def reaction(files, layout, **how):
    """What reading does: error, warn or read; its words, and what was read."""
    with warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        try:
            responses = read_nwb(files, layout, rate=False, **how)
        except RecordingError as error:
            return "error", str(error), None
    words = "; ".join(str(warning.message) for warning in raised)
    return ("warn" if words else "read"), words, responses


def told(files, layout=LAYOUT, **how):
    return reaction(files, layout, **how)[:2]


# ---- the files beside the checkout, as their manifest says


OWED = {
    "error": {"error"},
    "warn": {"warn"},
    "read-or-error": {"read", "warn", "error"},
    "read-labels": {"read", "warn"},
    "read-xy": {"read", "warn"},
}


def test_each_recording_gets_what_its_manifest_owes(shared_data):
    folder = shared_data / "nwb_field"
    cases = json.loads((folder / "manifest.json").read_text())
    assert len(cases) >= 12
    for case in cases:
        files = [folder / name for name in case["files"]]
        got, words, responses = reaction(files, Layout(**case["layout"]))
        assert got in OWED[case["owed"]], (case["name"], words)
        if "counts_equal" in case:
            good = read_nwb(folder / case["counts_equal"], XY, rate=False)
            np.testing.assert_array_equal(responses, good)


def test_presentations_that_were_there_twice_count_once(shared_data):
    folder = shared_data / "nwb_field"
    _, words, responses = reaction(folder / "sig_duplicated.nwb", XY)
    assert "360 of 720 presentations are there twice" in words
    np.testing.assert_array_equal(responses, read_nwb(folder / "sig_clean.nwb", XY, rate=False))
    (item,) = json.loads(responses.attrs["provenance"])["dropped"]
    assert (item["reason"], item["count"]) == ("the same presentation again", 360)


def test_two_probes_are_one_session(shared_data):
    files = [shared_data / "nwb_field" / f"probe{probe}.nwb" for probe in "AB"]
    _, words, responses = reaction(files, XY)
    assert "taken for two probes of the one session" in words
    assert set(responses["source"].values.tolist()) == {"S1_001"}
    assert len(set(responses["unit"].values.tolist())) == 12
    for i, file in enumerate(files):
        np.testing.assert_array_equal(responses[6 * i : 6 * i + 6], read_nwb(file, XY, rate=False))


def test_text_pairs_are_x_and_y(shared_data):
    layout = dataclasses.replace(XY, position="pos")
    pairs = read_nwb(shared_data / "nwb_field" / "position_text_pair.nwb", layout, rate=False)
    xr.testing.assert_equal(pairs, read_nwb(shared_data / "nwb_field" / "base.nwb", XY, rate=False))


def test_text_with_underscores_is_no_number(shared_data):
    layout = dataclasses.replace(XY, position="pos")
    responses = read_nwb(shared_data / "nwb_field" / "position_underscore.nwb", layout)
    assert responses["position"].values.tolist() == ["0_0", "0_1", "1_0"]


@pytest.mark.parametrize("name", ["onset_relative_to_trial", "both_in_ms"])
def test_the_layout_proposed_for_other_clocks_reads(shared_data, name):
    file = shared_data / "nwb_field" / f"{name}.nwb"
    with h5py.File(file) as recorded:
        starts = recorded["intervals/trials/start_time"][()]
    proposed = describe_nwb(file).layout
    responses = read_nwb(file, proposed, rate=False)
    good = read_nwb(shared_data / "nwb_field" / "base.nwb", XY, rate=False)
    if name == "both_in_ms":
        assert (proposed.scale, proposed.spike_scale) == (0.001, 0.001)
        np.testing.assert_array_equal(responses, good)
    else:
        assert proposed.offset == "start_time"
        assert int(responses[0].notnull().sum()) == len(starts)


def test_real_neurons_from_the_layout_that_is_proposed(shared_data, tmp_path):
    """Macaque IT, Zhang et al. 2011, doi:10.1073/pnas.1100999108."""
    folder = shared_data / "recordings" / "zhang_desimone_nwb"
    description = describe_nwb(sorted(folder.glob("*.nwb"))[0])
    (tmp_path / "lab.toml").write_text(description.toml)
    layout = load_layout(tmp_path / "lab.toml")
    assert layout == description.layout
    assert (layout.image, layout.position, layout.onset) == ("object", "where", "stim_on")
    got, words, responses = reaction(folder, layout, window=(0.1, 0.5))
    assert got == "read", words
    truth = xr.load_dataset(folder.with_name("zhang_desimone_7objects.nc"))["response"]
    assert responses.attrs["reference"] == truth.attrs["reference"] == "middle"
    names = [f"ZD/{name}" for name in responses["unit_name"].values]
    responses = responses.assign_coords(unit=names)
    responses = responses.sel(unit=truth["unit"], image=truth["image"], position=truth["position"])
    assert responses.sizes["trial"] == truth.sizes["trial"]
    np.testing.assert_array_equal(responses, truth.transpose(*responses.dims))


# ---- clocks


@pytest.fixture
def path(tmp_path):
    return write_nwb(tmp_path / "session.nwb", *recording())


def scaled(by, *, spikes=None):
    def edit(file):
        for name in ("start_time", "stop_time"):
            replaced(f"intervals/trials/{name}", lambda t: t * by)(file)
        replaced("units/spike_times", lambda t: t * (by if spikes is None else spikes))(file)

    return edit


@pytest.mark.parametrize("by", [1e3, 1e6, 3e4, 25e3])
@pytest.mark.parametrize("rate", [1, 20, 300])
@pytest.mark.parametrize("gap", [0.1, 0.5, 4])
def test_both_in_another_unit(tmp_path, by, rate, gap):
    trials, _ = recording()
    times = 1 + gap * np.arange(48)
    trials |= {"start_time": times * by, "stop_time": (times + gap / 2) * by}
    end = times[-1] + 1
    spikes = [np.sort(np.random.default_rng(i).uniform(0, end, int(rate * end))) for i in range(3)]
    path = write_nwb(tmp_path / "s.nwb", trials, [by * train for train in spikes])
    assert told(path)[0] == "error"
    good = LAYOUT
    fixed = dataclasses.replace(LAYOUT, scale=1 / by, spike_scale=1 / by)
    again = write_nwb(
        tmp_path / "seconds.nwb",
        trials | {"start_time": times, "stop_time": times + gap / 2},
        spikes,
    )
    assert told(again)[0] == "read"
    np.testing.assert_array_equal(
        read_nwb(path, fixed, rate=False), read_nwb(again, good, rate=False)
    )


def test_fast_pictures_in_milliseconds(tmp_path):
    trials, _ = recording(n_repeats=20)
    times = 1000 + 33.3 * np.arange(240)
    trials |= {"start_time": times, "stop_time": times + 20}
    spikes = [np.sort(np.random.default_rng(i).uniform(0, times[-1], 400)) for i in range(3)]
    got, words = told(write_nwb(tmp_path / "s.nwb", trials, spikes))
    assert got == "error"
    assert "are both in milliseconds" in words
    said = dataclasses.replace(LAYOUT, scale=1, spike_scale=1)
    assert told(tmp_path / "s.nwb", said)[0] == "read"  # the user knows better


@pytest.mark.parametrize(("rate", "gap"), [(0.3, 0.1), (0.3, 20), (5, 0.03), (200, 20), (0.1, 3)])
def test_slow_units_and_fast_pictures_are_no_fault(tmp_path, rate, gap):
    trials, _ = recording()
    times = 1 + gap * np.arange(48)
    trials |= {"start_time": times, "stop_time": times + gap / 2}
    end = max(times[-1] + 1, 100)
    spikes = [np.sort(np.random.default_rng(i).uniform(0, end, int(rate * end))) for i in range(3)]
    assert told(write_nwb(tmp_path / "s.nwb", trials, spikes)) == ("read", "")


def test_onsets_in_milliseconds_from_the_start_of_the_trial(tmp_path):
    trials, spikes = recording()
    late = np.random.default_rng(0).integers(0, 200, 48)
    path = write_nwb(tmp_path / "s.nwb", {**trials, "on": late}, spikes)
    layout = dataclasses.replace(LAYOUT, onset="on")
    got, words = told(path, layout)
    assert got == "error"
    assert 'set offset = "start_time" and scale = 0.001 in the layout' in words
    fixed = dataclasses.replace(layout, scale=0.001, offset="start_time")
    shown = {**trials, "start_time": trials["start_time"] + late / 1000}
    assert_holds(read_nwb(path, fixed, rate=False), expected(shown, spikes))


@pytest.mark.parametrize("columns", [("on",), ("on", "start_time")])
def test_onsets_that_are_all_zero(tmp_path, columns):
    trials, spikes = recording()
    shown = {"stim": trials["stim"], "position": trials["position"], "on": np.zeros(48)}
    if "start_time" in columns:
        shown |= {name: trials[name] for name in ("start_time", "stop_time")}
    path = write_nwb(tmp_path / "s.nwb", shown, spikes)
    got, words = told(path, dataclasses.replace(LAYOUT, onset="on"))
    assert got == "error"
    assert 'set offset = "start_time"' in words


@pytest.mark.parametrize("kind", ["f4", "f2"])
def test_onsets_in_few_bits_late_in_a_session(tmp_path, kind):
    trials, spikes = recording()
    late = 15_000 if kind == "f4" else 0
    trials = {
        **trials,
        "start_time": (trials["start_time"] + late).astype(kind),
        "stop_time": trials["stop_time"] + late + 1,
    }
    path = write_nwb(tmp_path / "s.nwb", trials, [train + late for train in spikes])
    got, words = told(path)
    assert got == "warn"
    assert "-bit floats up to" in words


# ---- images and positions


@pytest.mark.parametrize("jitter", [1e-7, 1e-9])
def test_jitter_makes_no_positions(tmp_path, jitter):
    trials, spikes = recording()
    rng = np.random.default_rng(0)
    x = trials["position"] * 2 + jitter * rng.normal(size=48)
    path = write_nwb(tmp_path / "s.nwb", {**trials, "x": x, "y": np.zeros(48)}, spikes)
    responses = reaction(path, XY)[2]
    assert responses["position"].values.tolist() == ["0,0", "2,0", "4,0"]
    np.testing.assert_array_equal(responses, read_nwb(path, LAYOUT, rate=False))


def test_positions_that_were_measured_are_not_made_one(tmp_path):
    trials, spikes = recording(n_repeats=20)
    x = trials["position"] * 2 + np.random.default_rng(0).normal(0, 0.01, 240)
    path = write_nwb(tmp_path / "s.nwb", {**trials, "x": x, "y": np.zeros(240)}, spikes)
    got, words, responses = reaction(path, XY)
    assert (got, responses.sizes["position"]) == ("warn", 240)
    assert "rounding" not in words


def test_jitter_between_sessions_makes_no_positions(tmp_path):
    files = []
    for i, off in enumerate((0, 1e-5)):
        trials, spikes = recording(seed=i)
        x = trials["position"] * 2 + off
        files.append(
            write_nwb(
                tmp_path / f"{i}.nwb",
                {**trials, "x": x, "y": np.zeros(48)},
                spikes,
                identifier=str(i),
                session_id=str(i),
            )
        )
    got, words, responses = reaction(files, XY)
    assert (got, responses.sizes["position"]) == ("warn", 3)
    assert "differ between sessions by rounding only" in words
    assert responses.notnull().all()


def test_jitter_makes_no_images(tmp_path):
    trials, spikes = recording()
    jitter = 1e-7 * np.random.default_rng(0).normal(size=48)
    path = write_nwb(tmp_path / "s.nwb", {**trials, "stim": trials["stim"] + jitter}, spikes)
    assert_holds(read_nwb(path, LAYOUT, rate=False), expected(trials, spikes))


@pytest.mark.parametrize(
    "names", [("x_pix", "y_pix"), ("xPix", "yPix"), ("x_pixels", "y_pixels"), ("xpx", "ypx")]
)
def test_pixels_however_they_are_spelt(tmp_path, names):
    trials, spikes = recording()
    shown = {**trials, names[0]: trials["position"] * 30, names[1]: np.zeros(48)}
    path = write_nwb(tmp_path / "s.nwb", shown, spikes)
    responses = read_nwb(path, dataclasses.replace(XY, position=names))
    assert responses["x"].attrs["units"] == "px"


def test_pixels_by_what_is_said_of_the_column(tmp_path):
    trials, spikes = recording()
    path = write_nwb(
        tmp_path / "s.nwb", {**trials, "x": trials["position"], "y": np.zeros(48)}, spikes
    )
    assert read_nwb(path, XY)["x"].attrs["units"] == "deg"
    edited(path, lambda f: f["intervals/trials/x"].attrs.update(description="x, in pixels"))
    assert read_nwb(path, XY)["x"].attrs["units"] == "px"


def test_pixels_and_degrees_are_not_pooled(tmp_path):
    files = []
    for i in range(2):
        trials, spikes = recording(seed=i)
        shown = {**trials, "x": trials["position"], "y": np.zeros(48)}
        name = {"identifier": str(i), "session_id": str(i)}
        files.append(write_nwb(tmp_path / f"{i}.nwb", shown, spikes, **name))
    assert told(files, XY)[0] == "read"
    edited(files[1], lambda f: f["intervals/trials/x"].attrs.update(description="pixels"))
    got, words = told(files, XY)
    assert got == "error"
    assert "its positions are in px, those of" in words


def test_a_reference_that_is_nobodys_origin(tmp_path):
    trials, spikes = recording()
    shown = {**trials, "x": trials["position"] + 1, "y": np.zeros(48)}
    path = write_nwb(tmp_path / "s.nwb", shown, spikes)
    got, words = told(path, XY)
    assert got == "warn"
    assert "no position is at 0,0; the reference is '1,0', the first of 3; set reference" in words
    assert told(path, dataclasses.replace(XY, reference=(2, 0))) == ("read", "")


@pytest.mark.parametrize("spelt", ["[{}, 0.0]", "({};0)", "{} 0", "x={}, y=0", "{},0"])
def test_pairs_however_they_are_spelt(tmp_path, spelt):
    trials, spikes = recording()
    pairs = np.array([spelt.format(place) for place in trials["position"]], dtype=object)
    path = write_nwb(tmp_path / "s.nwb", {**trials, "pos": pairs}, spikes)
    responses = read_nwb(path, dataclasses.replace(LAYOUT, position="pos"))
    assert responses["position"].values.tolist() == ["0,0", "1,0", "2,0"]
    assert responses["x"].values.tolist() == [0, 1, 2]


@pytest.mark.parametrize("labels", [("0_0", "0_1", "1_0"), ("00", "01", "10"), ("1e1", "10", "2")])
def test_names_that_look_like_numbers_stay_names(tmp_path, labels):
    trials, spikes = recording()
    names = np.array(labels, dtype=object)[trials["position"].astype(int)]
    path = write_nwb(tmp_path / "s.nwb", {**trials, "pos": names}, spikes)
    responses = read_nwb(path, dataclasses.replace(LAYOUT, position="pos"))
    assert set(responses["position"].values.tolist()) == set(labels)


# ---- what numbers stand for


def named_by_region(file, order):
    """Images as rows of a table of pictures, which each session has in another order."""
    stim = file["intervals/trials/stim"][()].astype(int)
    names = [f"im{i}" for i in order]
    table = add_table(file, "processing/stimuli/pictures", {"name": np.array(names, dtype=object)})
    row_of = {image: row for row, image in enumerate(order)}
    column = file["intervals/trials"].create_dataset("shown", data=[row_of[i] for i in stim])
    column.attrs.update(
        neurodata_type="DynamicTableRegion",
        namespace="hdmf-common",
        description="rows of pictures",
        table=table.ref,
    )
    file["intervals/trials"].attrs["colnames"] = np.array(
        ["start_time", "stop_time", "stim", "position", "shown"], dtype=TEXT
    )


def named_by_meanings(file, order):
    stim = file["intervals/trials/stim"][()].astype(int)
    code_of = {image: code for code, image in enumerate(order)}
    file["intervals/trials/shown"] = np.array([code_of[i] for i in stim])
    columns = {
        "value": np.arange(len(order)),
        "meaning": np.array([f"im{i}" for i in order], dtype=object),
    }
    add_table(file, "intervals/trials/meanings_tables/shown_meanings", columns, "MeaningsTable")


def named_by_category(file, order):
    """A column in a table inside the table."""
    stim = file["intervals/trials/stim"][()].astype(int)
    names = np.array([f"im{i}" for i in stim], dtype=object)
    add_table(file, "intervals/trials/pictures", {"name": names})


NAMED = {
    "region": (named_by_region, "shown"),
    "meanings": (named_by_meanings, "shown"),
    "category": (named_by_category, "pictures/name"),
}


@pytest.mark.parametrize(("name_them", "column"), NAMED.values(), ids=NAMED)
def test_images_pool_by_what_their_numbers_stand_for(tmp_path, name_them, column):
    files, cells = [], []
    for i, order in enumerate(([1, 2, 3, 4], [3, 1, 4, 2])):
        trials, spikes = recording(seed=i)
        path = write_nwb(
            tmp_path / f"{i}.nwb", trials, spikes, identifier=str(i), session_id=str(i)
        )
        files.append(edited(path, lambda file, order=order: name_them(file, order)))
        cells.append(expected(trials, spikes))
    responses = read_nwb(files, dataclasses.replace(LAYOUT, image=column), rate=False)
    assert responses["image"].values.tolist() == ["im1", "im2", "im3", "im4"]
    for i, counts in enumerate(cells):
        part = responses[3 * i : 3 * i + 3].assign_coords(image=["1", "2", "3", "4"])
        assert_holds(part, counts)


def labelled_events(file, labels, *, in_attribute=True):
    group = file["acquisition"].create_group("Pictures")
    trials = file["intervals/trials"]
    group["timestamps"] = trials["start_time"][()]
    code_of = {label: code for code, label in enumerate(labels)}
    group["data"] = np.array([code_of[f"im{int(i)}"] for i in trials["stim"]], dtype="uint8")
    group["data"].attrs["labels"] = np.array(labels, dtype=TEXT)
    group.attrs.update(neurodata_type="LabeledEvents", namespace="ndx-events", description="x")


def test_labelled_events(tmp_path):
    trials, spikes = recording(n_positions=1)
    path = write_nwb(tmp_path / "s.nwb", trials, spikes)
    edited(path, lambda file: file.create_group("acquisition"))
    edited(path, lambda file: labelled_events(file, ["im3", "im1", "im4", "im2"]))
    layout = Layout(table="/acquisition/Pictures", image="data", onset="timestamps")
    responses = read_nwb(path, layout, rate=False)
    plain = read_nwb(path, Layout(image="stim", onset="start_time"), rate=False)
    assert responses["image"].values.tolist() == ["im1", "im2", "im3", "im4"]
    np.testing.assert_array_equal(responses, plain)
    assert "/acquisition/Pictures" in {table.path for table in describe_nwb(path).tables}


def test_a_region_beyond_its_table(path):
    edited(path, lambda file: named_by_region(file, [1, 2, 3, 4]))
    edited(path, lambda file: file["intervals/trials/shown"].__setitem__(0, 4))
    with pytest.raises(errors.TableError, match="must point to one of 4 rows; it goes beyond"):
        read_nwb(path, dataclasses.replace(LAYOUT, image="shown"))


# ---- refusals with no way round


UNUSABLE = {
    "ragged quality": {"quality": [np.array([1]), np.array([1, 2]), np.array([1])]},
    "paired depth": {"depth": np.zeros((3, 2))},
    "depth of text": {"depth": np.array(["deep", "deeper", "deepest"], dtype=object)},
    "names in two": {"unit_name": np.array([["a", "b"]] * 3, dtype=object)},
}


@pytest.mark.parametrize("columns", UNUSABLE.values(), ids=UNUSABLE)
def test_columns_that_cannot_be_used_are_left_out(tmp_path, columns):
    trials, spikes = recording()
    path = write_nwb(tmp_path / "s.nwb", trials, spikes, units=columns)
    with pytest.warns(errors.UnitsDoubtful, match="the column is left out, the units are read"):
        responses = read_nwb(path, LAYOUT, rate=False)
    assert_holds(responses, expected(trials, spikes))
    assert not set(columns) & set(responses.coords)


def test_channels_of_text(tmp_path):
    trials, spikes = recording()
    channels = np.array(["AP2", "AP1", "AP9"], dtype=object)
    path = write_nwb(tmp_path / "s.nwb", trials, spikes, units={"peak_channel_id": channels})
    edited(path, lambda file: add_electrodes(file, ["V4", "IT"], ids=texts(["AP1", "AP2"])))
    with pytest.warns(errors.UnitsDoubtful, match="1 of 3 do not point to one of the 2"):
        responses = read_nwb(path, LAYOUT, rate=False)
    assert responses["area"].values.tolist() == ["IT", "V4", "unknown"]


def laid(shape):
    def edit(file):
        for table in ("units", "intervals/trials"):
            for name in list(file[table]):
                replaced(f"{table}/{name}", lambda v: v.reshape(shape(v.size)))(file)

    return edit


@pytest.mark.parametrize("shape", [lambda n: (1, n), lambda n: (n, 1)], ids=["1N", "N1"])
def test_rows_and_columns_of_matlab(path, shape):
    edited(path, laid(shape))
    assert_holds(read_nwb(path, LAYOUT, rate=False), expected(*recording()))
    assert describe_nwb(path).layout == LAYOUT


@pytest.mark.parametrize("table", ["units", "intervals/trials"])
def test_empty_ids(path, table):
    edited(path, replaced(f"{table}/id", np.empty(0, dtype=int)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", errors.UnitsDoubtful)
        assert_holds(read_nwb(path, LAYOUT, rate=False), expected(*recording()))


def test_subjects_never_share_a_name(tmp_path):
    names = []
    for subject, session in (("4", "1_2"), ("4_1", "2"), ("4", "41"), ("4", "1"), ("41", "")):
        path = write_nwb(
            tmp_path / f"{len(names)}.nwb", *recording(), subject_id=subject, session_id=session
        )
        names.append(read_nwb(path, LAYOUT)["source"].values[0])
    assert names[:4] == ["4_1_2", "4-1_2", "4_41", "4_1"]
    assert len(set(names)) == len(names)


def test_a_session_sorted_again_is_not_another_probe(tmp_path):
    trials, spikes = recording()
    rng = np.random.default_rng(0)
    fewer = [train[rng.random(len(train)) > 0.03] + 2e-4 for train in spikes]
    one = write_nwb(tmp_path / "one.nwb", trials, spikes)
    two = write_nwb(tmp_path / "two.nwb", trials, fewer)
    with pytest.raises(errors.PoolingError, match="same session"):
        read_nwb([one, two], LAYOUT)


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_a_starting_time_of_one_element(tmp_path, shape):
    trials, spikes = recording()
    path = write_nwb(tmp_path / "s.nwb", trials, spikes)

    def regular(file):
        group = file.create_group("acquisition/Pictures")
        group["data"] = trials["stim"].astype(int)
        group["starting_time"] = np.full(shape, 1.0)
        group["starting_time"].attrs["rate"] = 2.0
        group.attrs["neurodata_type"] = "IndexSeries"

    edited(path, regular)
    layout = Layout(table="/acquisition/Pictures", image="data", onset="timestamps")
    shown = {**trials, "start_time": 1 + np.arange(48) / 2, "position": np.zeros(48)}
    assert_holds(read_nwb(path, layout, rate=False), expected(shown, spikes))
