"""Layouts of real files: what labs and NWB itself have made of presentations and units."""

import datetime
import json

import h5py
import numpy as np
import pynwb
import pytest
from hdmf.common import DynamicTable, VectorData
from pynwb.base import Images
from pynwb.image import GrayscaleImage, IndexSeries

from artiphys_nwb import LAYOUTS, Layout, describe_nwb, errors, load_layout, read_nwb
from nwb_files import (
    LAYOUT,
    add_electrodes,
    add_table,
    assert_holds,
    expected,
    recording,
    write_nwb,
)


def by_pynwb(path, fill):
    """A file as pynwb writes it; `fill` adds to it."""
    file = pynwb.NWBFile(
        session_description="made for a test",
        identifier="by pynwb",
        session_start_time=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        session_id="s1",
    )
    fill(file)
    with pynwb.NWBHDF5IO(path, "w") as io:
        io.write(file)
    return path


def add_trains(file, spikes, **columns):
    for name in columns:
        file.add_unit_column(name, name)
    for i, train in enumerate(spikes):
        file.add_unit(spike_times=train, **{name: values[i] for name, values in columns.items()})


def test_trials_by_pynwb(tmp_path):
    trials, spikes = recording()

    def fill(file):
        for name in ("stim", "position"):
            file.add_trial_column(name, name)
        for row in range(len(trials["stim"])):
            file.add_trial(**{name: values[row] for name, values in trials.items()})
        add_trains(file, spikes)

    path = by_pynwb(tmp_path / "a.nwb", fill)
    responses = read_nwb(path, LAYOUT, rate=False)
    assert_holds(responses, expected(trials, spikes))
    with pynwb.NWBHDF5IO(path, "r") as io:  # what pynwb has open can be read as it is
        for opened in (io.read(), io):
            np.testing.assert_array_equal(read_nwb(opened, LAYOUT, rate=False), responses)


def test_presentation_tables_side_by_side(tmp_path):
    """Allen and OpenScope: several tables, blanks are -1, areas by the id of the peak channel."""
    trials, spikes = recording()
    other, _ = recording(seed=5)
    shown = {
        "start_time": trials["start_time"],
        "stop_time": trials["stop_time"],
        "frame": np.where(trials["stim"] == 4, -1.0, trials["stim"]),
        "x_position": trials["position"] * 10 - 10,
        "y_position": np.full(48, 20.0),
    }
    path = write_nwb(
        tmp_path / "a.nwb",
        shown,
        spikes,
        table="intervals/natural_scenes_presentations",
        units={
            "peak_channel_id": np.array([850261194, 850261210, 850261202]),
            "probe_vertical_position": np.array([20.0, 40, 60]),
            "quality": np.array(["good", "noise", "good"], dtype=object),
        },
    )
    with h5py.File(path, "a") as file:
        add_electrodes(file, ["VISp", "VISl", "VISrl"], ids=[850261202, 850261194, 850261210])
        add_table(file, "intervals/gabors_presentations", other)
    responses = read_nwb(path, "allen_natural_scenes", rate=False)
    assert responses["image"].values.tolist() == ["1", "2", "3"]
    assert responses["area"].values.tolist() == ["VISl", "VISrl", "VISp"]
    assert responses["electrode"].values.tolist() == [850261194, 850261210, 850261202]
    assert responses["quality"].values.tolist() == ["good", "noise", "good"]
    assert responses["depth"].values.tolist() == [20, 40, 60]
    (dropped,) = json.loads(responses.attrs["provenance"])["dropped"]
    assert dropped["reason"] == "image is -1, a blank"
    layout = Layout(
        table="/intervals/natural_scenes_presentations",
        image="frame",
        position=("x_position", "y_position"),
        onset="start_time",
        blank=[-1],
        reference=(0, 20),
    )
    at_places = read_nwb(path, layout, rate=False)
    assert at_places["position"].values.tolist() == ["-10,20", "0,20", "10,20"]
    assert at_places["x"].values.tolist() == [-10, 0, 10]
    assert at_places["y"].values.tolist() == [0, 0, 0]
    assert at_places.attrs["reference"] == "0,20"
    in_v1 = read_nwb(path, "allen_natural_scenes", units_where={"area": "VISp"})
    assert in_v1["unit"].values.tolist() == ["m_s1/2"]


def test_unsigned_minus_one_is_the_blank_that_a_layout_names(tmp_path):
    trials, spikes = recording()
    trials["stim"] = np.where(trials["stim"] == 4, -1, trials["stim"]).astype(int).astype("uint32")
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    layout = Layout(image="stim", position="position", onset="start_time", blank=-1)
    assert read_nwb(path, layout).sizes["image"] == 3


def test_minus_one_is_an_image_where_the_layout_has_no_blanks(tmp_path):
    trials, spikes = recording()
    trials["stim"] = trials["stim"] - 2
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    layout = Layout(image="stim", position="position", onset="start_time", blank=())
    responses = read_nwb(path, layout, rate=False)
    assert_holds(responses, expected(trials, spikes))
    with pytest.warns(errors.HeldOutImages, match=r"set blank in the layout to \[-1\]"):
        assert read_nwb(path, LAYOUT).sizes["image"] == 3


def test_orientations_are_not_held_out_images(tmp_path):
    trials, spikes = recording()
    trials["stim"] = (trials["stim"] - 3).astype(int)  # -2 to 1
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    assert_holds(read_nwb(path, LAYOUT, rate=False), expected(trials, spikes))


def test_events_table(tmp_path):
    from pynwb.event import EventsTable

    trials, spikes = recording()

    def fill(file):
        table = EventsTable(name="stimulus", description="pictures")
        table.add_column("image", "picture")
        table.add_column("position", "place")
        for row in range(len(trials["stim"])):
            table.add_row(
                timestamp=trials["start_time"][row],
                image=f"{trials['stim'][row]:g}",
                position=trials["position"][row],
            )
        file.add_events_table(table)
        add_trains(file, spikes)

    path = by_pynwb(tmp_path / "a.nwb", fill)
    layout = Layout(table="/events/stimulus", image="image", position="position", onset="timestamp")
    assert_holds(read_nwb(path, layout, rate=False), expected(trials, spikes))
    proposed = describe_nwb(path).layout
    assert proposed.table == "/events/stimulus"
    assert proposed.onset == "timestamp"


def test_tables_and_units_in_processing_modules(tmp_path):
    trials, spikes = recording()

    def fill(file):
        module = file.create_processing_module("behavior", "shown")
        module.add(
            DynamicTable(
                name="stimuli",
                description="shown",
                columns=[VectorData(name=k, description=k, data=v) for k, v in trials.items()],
            )
        )
        units = pynwb.misc.Units(name="sorted", description="sorted")
        for train in spikes:
            units.add_unit(spike_times=train)
        file.create_processing_module("ecephys", "sorted").add(units)

    path = by_pynwb(tmp_path / "a.nwb", fill)
    layout = Layout(
        table="/processing/behavior/stimuli",
        units="/processing/ecephys/sorted",
        image="stim",
        position="position",
        onset="start_time",
    )
    responses = read_nwb(path, layout, rate=False)
    assert_holds(responses, expected(trials, spikes))
    assert responses["unit"].values[0] == "s1/ecephys/sorted/0"
    proposed = describe_nwb(path).layout
    assert (proposed.table, proposed.units) == (layout.table, layout.units)


def test_several_sessions_in_one_file(tmp_path):
    first, second = recording(seed=1), recording(seed=2, n_units=2)
    path = tmp_path / "a.nwb"
    for name, (trials, spikes) in {"day1": first, "day2": second}.items():
        write_nwb(
            path,
            trials,
            spikes,
            table=f"processing/{name}/trials",
            units_path=f"processing/{name}/units",
            mode="a" if path.exists() else "w",
        )
    layout = Layout(
        table="/processing/*/trials",
        units="/processing/*/units",
        image="stim",
        position="position",
        onset="start_time",
    )
    responses = read_nwb(path, layout, rate=False)
    assert responses["unit"].values.tolist() == [
        *(f"m_s1/day1/{i}" for i in range(3)),
        *(f"m_s1/day2/{i}" for i in range(2)),
    ]
    assert_holds(responses[:3], expected(*first))
    assert_holds(responses[3:], expected(*second))
    alone = Layout(
        table="/processing/day2/trials",
        units="/processing/day2/units",
        image="stim",
        position="position",
        onset="start_time",
    )
    np.testing.assert_array_equal(read_nwb(path, alone, rate=False), responses[3:])
    nothing = Layout(
        table="/processing/*/shown",
        units="/processing/*/units",
        image="stim",
        onset="start_time",
    )
    with pytest.raises(errors.TableError, match="nothing is at both"):
        read_nwb(path, nothing)


def test_sessions_told_apart_by_a_column(tmp_path):
    """Two days in one table: selected by their name, units and rows alike."""
    (trials, spikes), (later, others) = recording(seed=1), recording(seed=2)
    later = {
        **later,
        "start_time": later["start_time"] + 100,
        "stop_time": later["stop_time"] + 100,
    }
    both = {name: np.concatenate([trials[name], later[name]]) for name in trials}
    both["ses_ID"] = np.repeat(np.array(["a", "b"], dtype=object), 48)
    path = write_nwb(
        tmp_path / "a.nwb",
        both,
        [*spikes, *(train + 100 for train in others)],
        units={"ses_ID": np.repeat(np.array(["a", "b"], dtype=object), 3)},
    )
    responses = read_nwb(
        path, LAYOUT, rate=False, trials_where={"ses_ID": "a"}, units_where={"ses_ID": "a"}
    )
    assert_holds(responses, expected(trials, spikes))


def test_index_series_over_images(tmp_path):
    trials, spikes = recording(n_positions=1)

    def fill(file):
        pictures = [GrayscaleImage(name=f"face{i}", data=np.zeros((2, 2))) for i in range(4)]
        images = Images(
            name="images",
            images=pictures,
            order_of_images=pynwb.base.ImageReferences(name="order_of_images", data=pictures),
        )
        file.add_stimulus_template(images)
        file.add_stimulus(
            IndexSeries(
                name="StimulusPresentation",
                data=(trials["stim"] - 1).astype("uint32"),
                indexed_images=images,
                unit="N/A",
                timestamps=trials["start_time"],
            )
        )
        add_trains(file, spikes)

    path = by_pynwb(tmp_path / "a.nwb", fill)
    named = read_nwb(path, "human_index_series", rate=False)
    assert named["image"].values.tolist() == [f"face{i}" for i in range(4)]
    numbered = read_nwb(
        path,
        Layout(
            table="/stimulus/presentation/StimulusPresentation", image="data", onset="timestamps"
        ),
        rate=False,
    )
    np.testing.assert_array_equal(named, numbered)
    truth = expected(trials, spikes)
    for i in range(4):
        np.testing.assert_array_equal(
            numbered.sel(image=f"{i}", position=0), truth[f"{i + 1}", "0"]
        )
    assert describe_nwb(path).layout_name == "human_index_series"


def test_index_series_at_a_regular_rate(tmp_path):
    trials, spikes = recording(n_positions=1)
    onset = 1 + np.arange(16) / 2.0
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    with h5py.File(path, "a") as file:
        series = file.create_group("stimulus/presentation/series")
        series.attrs["neurodata_type"] = "IndexSeries"
        series["data"] = trials["stim"].astype("i4")
        series["starting_time"] = 1.0
        series["starting_time"].attrs["rate"] = 2.0
    layout = Layout(table="/stimulus/presentation/series", image="data", onset="timestamps")
    truth = expected({**trials, "start_time": onset}, spikes)
    assert_holds(read_nwb(path, layout, rate=False), truth)
    named = Layout(
        table="/stimulus/presentation/series", image="indexed_images", onset="timestamps"
    )
    with pytest.raises(errors.TableError, match="set image to 'data' in the layout"):
        read_nwb(path, named)


def test_wide_trials(tmp_path):
    """Three pictures a row, each with its onset, as in human single-unit tasks."""
    trials, spikes = recording(n_positions=1, n_repeats=6)
    wide = {"start_time": trials["start_time"][::3], "response": np.arange(8)}
    for i in range(3):
        wide[f"loadsEnc{i + 1}_PicIDs"] = trials["stim"][i::3]
        wide[f"timestamps_Encoding{i + 1}"] = trials["start_time"][i::3]
    path = write_nwb(tmp_path / "a.nwb", wide, spikes)
    responses = read_nwb(path, "human_wide_trials", rate=False)
    assert_holds(responses, expected(trials, spikes))
    one = Layout(image="loadsEnc2_PicIDs", onset="timestamps_Encoding2")
    second = {name: values[1::3] for name, values in trials.items()}
    assert_holds(read_nwb(path, one, rate=False), expected(second, spikes))
    assert describe_nwb(path).layout_name == "human_wide_trials"
    picked = read_nwb(path, "human_wide_trials", rate=False, trials_where="response < 4")
    first = {name: values[:12] for name, values in trials.items()}
    assert_holds(picked, expected(first, spikes))


def in_rows(values, sizes):
    return [values[stop - size : stop] for stop, size in zip(np.cumsum(sizes), sizes, strict=True)]


def test_ragged_trial_columns(tmp_path):
    trials, spikes = recording()
    sizes = np.array([5, 0, 8, 1, 20, 14])
    ragged = {
        "start_time": np.array([trials["start_time"][0]] * 6),
        "block": np.arange(6),
        "onsets": in_rows(trials["start_time"], sizes),
        "pictures": in_rows(trials["stim"], sizes),
        "places": in_rows(trials["position"], sizes),
    }
    path = write_nwb(tmp_path / "a.nwb", ragged, spikes)
    layout = Layout(image="pictures", position="places", onset="onsets")
    assert_holds(read_nwb(path, layout, rate=False), expected(trials, spikes))
    without = read_nwb(path, layout, rate=False, trials_where={"block": [0, 1, 2, 3, 5]})
    some = np.repeat(np.arange(6), sizes) != 4
    assert_holds(without, expected({k: v[some] for k, v in trials.items()}, spikes))
    wrong = Layout(image="pictures", position="places", onset="start_time")
    with pytest.raises(errors.TableError, match="several values a row, and not as many as start_t"):
        read_nwb(path, wrong)


def test_rows_of_several_columns(tmp_path):
    trials, spikes = recording()
    square = {
        "onsets": trials["start_time"].reshape(8, 6),
        "pictures": trials["stim"].reshape(8, 6),
        "place": trials["position"].reshape(8, 6),
    }
    path = write_nwb(tmp_path / "a.nwb", square, spikes)
    layout = Layout(image="pictures", position="place", onset="onsets")
    assert_holds(read_nwb(path, layout, rate=False), expected(trials, spikes))


def test_positions_as_pairs_in_one_column(tmp_path):
    trials, spikes = recording()
    pairs = {**trials, "xy": np.stack([trials["position"] - 1, np.zeros(48)], axis=1)}
    path = write_nwb(tmp_path / "a.nwb", pairs, spikes)
    responses = read_nwb(path, Layout(image="stim", position="xy", onset="start_time"), rate=False)
    assert responses["position"].values.tolist() == ["-1,0", "0,0", "1,0"]
    assert responses["x"].values.tolist() == [-1, 0, 1]
    assert responses.attrs["reference"] == "0,0"
    np.testing.assert_array_equal(responses, read_nwb(path, LAYOUT, rate=False))


def test_positions_in_pixels(tmp_path):
    trials, spikes = recording()
    path = write_nwb(
        tmp_path / "a.nwb",
        {**trials, "x_px": trials["position"] * 50, "y_px": np.zeros(48)},
        spikes,
    )
    responses = read_nwb(path, Layout(image="stim", position=("x_px", "y_px"), onset="start_time"))
    assert responses["x"].attrs["units"] == "px"


def add_bins(file, trials, spikes, *, width=0.01, first=-0.05, n_bins=40, **more):
    edges = first + width * np.arange(n_bins + 1)
    counts = np.array(
        [
            [np.diff(np.searchsorted(train, onset + edges)) for onset in trials["start_time"]]
            for train in spikes
        ]
    )
    group = file.create_group("processing/ecephys/BinnedAlignedSpikes")
    group.attrs["neurodata_type"] = "BinnedAlignedSpikes"
    group.attrs["bin_width_in_milliseconds"] = width * 1000
    group.attrs["milliseconds_from_event_to_first_bin"] = first * 1000
    group["data"] = counts.astype("u8")
    group["event_timestamps"] = trials["start_time"]
    for name, values in more.items():
        group[name] = values


BINNED = Layout(
    units="/processing/ecephys/BinnedAlignedSpikes",
    image="stim",
    position="position",
    onset="start_time",
    area="=V4",
)


def test_counts_only(tmp_path):
    trials, spikes = recording()
    path = write_nwb(tmp_path / "a.nwb", trials, None)
    with h5py.File(path, "a") as file:
        add_bins(file, trials, spikes)
    responses = read_nwb(path, BINNED, rate=False)
    truth = expected(trials, spikes)
    for (image, position), counts in truth.items():
        got = responses.sel(image=image, position=int(position))
        assert abs(got - counts).max() <= 1  # edges of bins are rounded, those of windows are not
    total = sum(counts.sum() for counts in truth.values())
    assert abs(responses.sum() - total) <= 2
    assert responses["area"].values.tolist() == ["V4"] * 3
    with pytest.raises(errors.TableError, match=r"0.052 to 0.25 s does not lie .* is 0.05 to 0.25"):
        read_nwb(path, BINNED, window=(0.052, 0.25))
    with pytest.raises(errors.TableError, match="does not lie on bins"):
        read_nwb(path, BINNED, window=(0.05, 0.8))
    with pytest.raises(errors.TableError, match="needs spike times, and these are counts"):
        read_nwb(path, BINNED, window="auto")
    assert describe_nwb(path).layout.units == BINNED.units


def test_counts_of_other_events(tmp_path):
    trials, spikes = recording()
    path = write_nwb(tmp_path / "a.nwb", trials, None)
    with h5py.File(path, "a") as file:
        add_bins(file, trials, spikes)
        file["processing/ecephys/BinnedAlignedSpikes/event_timestamps"][...] += 0.02
    with pytest.raises(errors.ClockError, match="48 of 48 presentations are not among the 48"):
        read_nwb(path, BINNED)


def test_counts_of_some_of_the_units(tmp_path):
    trials, spikes = recording()
    path = write_nwb(
        tmp_path / "a.nwb", trials, spikes, units={"area": np.array(["a", "b", "c"], dtype=object)}
    )
    with h5py.File(path, "a") as file:
        add_bins(file, trials, [spikes[2], spikes[0]], units_region=np.array([2, 0]))
    layout = Layout(
        units=BINNED.units, image="stim", position="position", onset="start_time", area="area"
    )
    responses = read_nwb(path, layout, rate=False)
    assert responses["unit"].values.tolist() == [
        "m_s1/ecephys/BinnedAlignedSpikes/2",
        "m_s1/ecephys/BinnedAlignedSpikes/0",
    ]
    assert responses["area"].values.tolist() == ["c", "a"]
    only = read_nwb(path, layout, rate=False, units_where={"area": "a"})
    np.testing.assert_array_equal(only[0], responses[1])


def test_areas_by_the_group_of_electrodes(tmp_path):
    trials, spikes = recording()
    path = write_nwb(tmp_path / "a.nwb", trials, spikes)
    with h5py.File(path, "a") as file:
        groups = [file.create_group(f"general/extracellular_ephys/probe{i}") for i in range(2)]
        for group, area in zip(groups, ("V4", "IT"), strict=True):
            group.attrs["location"] = area
        file["units"].create_dataset(
            "electrode_group",
            data=np.array([groups[i].ref for i in (0, 1, 1)], dtype=h5py.ref_dtype),
            dtype=h5py.ref_dtype,
        )
    assert read_nwb(path, LAYOUT)["area"].values.tolist() == ["V4", "IT", "IT"]


def test_areas_by_pynwb(tmp_path):
    """Electrodes as pynwb refers to them, several a unit."""
    trials, spikes = recording()

    def fill(file):
        device = file.create_device("array")
        group = file.create_electrode_group("g", "g", "cortex", device)
        for area in ("V4", "V4", "IT"):
            file.add_electrode(location=area, group=group)
        for name in ("stim", "position"):
            file.add_trial_column(name, name)
        for row in range(len(trials["stim"])):
            file.add_trial(**{name: values[row] for name, values in trials.items()})
        for train, electrodes in zip(spikes, ([2], [0, 1], [1, 2]), strict=True):
            file.add_unit(spike_times=train, electrodes=electrodes, electrode_group=group)

    path = by_pynwb(tmp_path / "a.nwb", fill)
    responses = read_nwb(path, LAYOUT)
    assert responses["area"].values.tolist() == ["IT", "V4", "V4/IT"]
    assert responses["electrode"].values.tolist() == [2, 0, 1]


def test_an_area_that_the_layout_names(tmp_path):
    trials, spikes = recording()
    path = write_nwb(
        tmp_path / "a.nwb", trials, spikes, units={"roi": np.array(["x", "", "y"], dtype=object)}
    )

    def layout(area):
        return Layout(image="stim", position="position", onset="start_time", area=area)

    assert read_nwb(path, layout("roi"))["area"].values.tolist() == ["x", "unknown", "y"]
    assert read_nwb(path, layout("=IT"))["area"].values.tolist() == ["IT"] * 3
    assert read_nwb(path, LAYOUT)["area"].values.tolist() == ["unknown"] * 3
    with pytest.raises(errors.LayoutError, match="no column 'lobe' for the area; the units have"):
        read_nwb(path, layout("lobe"))


def test_positions_within_a_text(tmp_path):
    trials, spikes = recording()
    names = [f"im{i:g}@{p:g}" for i, p in zip(trials["stim"], trials["position"], strict=True)]
    names[3] = "fixation point"
    path = write_nwb(tmp_path / "a.nwb", {**trials, "file": np.array(names, dtype=object)}, spikes)
    layout = Layout(
        image="file", onset="start_time", pattern=r"^im(?P<image>\d+)@(?P<position>\d)$"
    )
    responses = read_nwb(path, layout, rate=False)
    rest = {name: np.delete(values, 3) for name, values in trials.items()}
    assert_holds(responses, expected(rest, spikes))
    (dropped,) = json.loads(responses.attrs["provenance"])["dropped"]
    assert (dropped["reason"], dropped["count"]) == ("image does not match the pattern", 1)
    hopeless = Layout(image="file", onset="start_time", pattern=r"^(?P<image>x+)$")
    with pytest.raises(errors.TableError, match="matches none of the images, e.g. 'im"):
        read_nwb(path, hopeless)


# ---- layouts themselves


def test_a_layout_goes_to_toml_and_back(tmp_path):
    for name, layout in LAYOUTS.items():
        file = tmp_path / f"{name}.toml"
        file.write_text(layout.to_toml())
        assert load_layout(file) == layout
        file.write_text("[layout]\n" + layout.to_toml())
        assert load_layout(str(file)) == layout
        assert hash(layout) == hash(load_layout(name))


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"image": 3}, "image must be a column's name or several; got 3"),
        ({"scale": 0}, "scale must be seconds a unit, e.g. 0.001 for ms; got 0"),
        ({"spike_scale": "ms"}, "spike_scale must be seconds a unit, e.g. 0.001 for ms; got 'ms'"),
        ({"offset": ["a"]}, "offset must be a column's name; got"),
        ({"image": ()}, "image must be a column's name or several"),
        ({"onset": ["a", "b"]}, "onset must be a column's name; got"),
        ({"position": tuple("abcd")}, "or two, x and y, or three, labels, x and y; got 4"),
        ({"table": ""}, "table must be a path inside the file"),
        ({"pattern": "(?P<image>"}, "pattern must be a regular expression"),
        ({"pattern": "x"}, "must have a group .*image"),
        ({"pattern": "(?P<image>.)(?P<x>.)"}, "both groups x and y"),
        ({"pattern": "(?P<image>.)(?P<size>.)"}, "may have the groups"),
        ({"pattern": "(?P<image>.)(?P<position>.)", "position": "p"}, "set position to None"),
        ({"table": "/a/*/b"}, "in both table and units, or in neither"),
        ({"image": "pic*"}, "a . in image needs one in onset"),
        ({"onset": "on*"}, "the other way round"),
        ({"onset": 4, "image": 3}, "image must .*; onset must"),
    ],
)
def test_not_a_layout(fields, match):
    with pytest.raises(errors.LayoutError, match=match):
        Layout(**{"image": "stim", "onset": "start_time"} | fields)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("image = ", "not TOML"),
        ("image = 'a'", "onset missing; the fields of a layout are area, blank"),
        ("image = 'a'\nonset = 'b'\nimages = 'c'", "unknown images"),
        ("layout = 3", "must be a table of fields"),
        ("image = 3\nonset = 'b'", r"x\.toml: not a layout: image must be"),
    ],
)
def test_not_a_layout_in_toml(tmp_path, text, match):
    (tmp_path / "x.toml").write_text(text)
    with pytest.raises(errors.LayoutError, match=match):
        load_layout(tmp_path / "x.toml")


def test_no_such_layout():
    with pytest.raises(errors.LayoutError, match="neither a layout's name .v4_position, .* nor"):
        load_layout("v5_position")
    with pytest.raises(errors.LayoutError, match="must be a Layout, a name of LAYOUTS"):
        load_layout(None)


def test_a_mapping_is_a_layout_too(tmp_path):
    path = write_nwb(tmp_path / "a.nwb", *recording())
    mapping = {"image": ["stim"], "position": ["position"], "onset": "start_time", "valid": None}
    np.testing.assert_array_equal(read_nwb(path, mapping), read_nwb(path, LAYOUT))
