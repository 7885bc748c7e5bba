"""One session by whatever way it comes: HDF5, Zarr, pynwb's objects; the very same array."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pynwb
import pytest
import xarray as xr
from hdmf.data_utils import DataChunkIterator

from artiphys_nwb import Layout, describe_nwb, errors, read_nwb, write_nwb
from artiphys_nwb.files import zarr_stores
from environment import missing
from nwb_files import LAYOUT as BY_HAND
from nwb_files import recording
from nwb_files import write_nwb as write_by_hand

try:
    import numcodecs

    from zarr_files import write_zarr, write_zarr_3
except ImportError:
    missing("the extra 'zarr'", module=True)

LAYOUT = Layout(image="image", position="position", onset="start_time")


def session():
    trials, spikes = recording(n_units=5)
    return {
        "spike_times": spikes,
        "image": [f"image {n:g}" for n in trials["stim"]],
        "position": trials["position"],
        "start": trials["start_time"],
        "stop": trials["stop_time"],
        "area": ["V4", "IT", "V4", "IT", "V4"],
        "electrode": [4, 8, 4, 9, 2],
        "unit_columns": {"quality": ["good"] * 4 + ["mua"], "is_sua": [True] * 3 + [False] * 2},
        "subject": "m",
        "session_id": "s1",
    }


@pytest.fixture
def path(tmp_path):
    write_nwb(tmp_path / "session.nwb", **session())
    return tmp_path / "session.nwb"


def plain(responses):
    """All but the provenance, which names the file."""
    return responses.assign_attrs(provenance="")


def assert_same(responses, path):
    xr.testing.assert_identical(plain(responses), plain(read_nwb(path, LAYOUT)))


def made(path):
    """Return an ``NWBFile`` that was never in a file."""
    with pynwb.NWBHDF5IO(path, "r") as io:
        old = io.read()
        shown, units = old.trials.to_dataframe(), old.units.to_dataframe(index=True)
        electrodes = old.electrodes.to_dataframe()
        electrodes["at"] = [group.location for group in electrodes["group"]]
    new = pynwb.NWBFile(
        session_description="made",
        identifier="made",
        session_start_time=old.session_start_time,
        session_id="s1",
        subject=pynwb.file.Subject(subject_id="m"),
    )
    device = new.create_device(name="probe")
    groups = {
        place: new.create_electrode_group(place, description=place, location=place, device=device)
        for place in sorted(set(electrodes["at"]))
    }
    for number, row in electrodes.iterrows():
        new.add_electrode(id=number, location=row["at"], group=groups[row["at"]])
    new.add_trial_column(name="image", description="shown")
    new.add_trial_column(name="position", description="where")
    for _, row in shown.iterrows():
        new.add_trial(**row.to_dict())
    for name in ("quality", "is_sua"):
        new.add_unit_column(name=name, description=name)
    for number, row in units.iterrows():
        new.add_unit(
            id=number,
            spike_times=row["spike_times"],
            electrodes=list(row["electrodes"]),
            quality=row["quality"],
            is_sua=row["is_sua"],
        )
    return new


# ---- pynwb's objects


def test_a_file_in_memory_reads_like_one_on_disk(path):
    new = made(path)
    assert_same(read_nwb(new, LAYOUT), path)
    assert describe_nwb(new).n_units == 5


def test_a_file_in_memory_can_be_written_afterwards(path, tmp_path):
    new = made(path)
    read_nwb(new, LAYOUT)
    assert new.container_source is None
    with pynwb.NWBHDF5IO(tmp_path / "new.nwb", "w") as io:
        io.write(new)
    assert_same(read_nwb(tmp_path / "new.nwb", LAYOUT), path)


def test_what_is_open_reads_like_the_path(path):
    with pynwb.NWBHDF5IO(path, "r") as io:
        assert_same(read_nwb(io, LAYOUT), path)
        assert_same(read_nwb(io.read(), LAYOUT), path)
        assert io._file  # left open
    with h5py.File(path) as file:
        assert_same(read_nwb(file, LAYOUT), path)


def test_what_was_changed_since_it_was_read_counts(path):
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        file.units.add_column(name="mine", description="looked at", data=[1, 0, 1, 0, 0])
        responses = read_nwb(file, LAYOUT, units_where="mine == 1")
    np.testing.assert_array_equal(responses, read_nwb(path, LAYOUT)[[0, 2]])


def test_long_recordings_of_other_things_stay_where_they_are(path):
    new = made(path)

    def asked_for():
        yield np.int16(0)  # what the iterator takes when it is made
        raise AssertionError

    voltage = pynwb.ecephys.ElectricalSeries(
        name="voltage",
        data=DataChunkIterator(data=asked_for(), dtype=np.dtype("int16"), maxshape=(None,)),
        electrodes=new.create_electrode_table_region(region=[0], description="one"),
        rate=30000.0,
    )
    new.add_acquisition(voltage)
    assert_same(read_nwb(new, LAYOUT), path)


def test_what_pynwb_cannot_write_is_told(path):
    new = made(path)
    del new.fields["session_description"]
    new.fields["subject"] = None
    new.fields["identifier"] = None
    with pytest.raises(errors.FileError, match=r"pynwb cannot write it|cannot be read"):
        read_nwb(new, LAYOUT)


def test_many_at_once(path, tmp_path):
    """HDF5 tells files in memory apart by their names."""
    store = write_zarr(path, tmp_path / "session.nwb.zarr")
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda source: read_nwb(source, LAYOUT), [store] * 6))
    for one in read:
        assert_same(one, path)


# ---- Zarr


@pytest.mark.parametrize("text", ["vlen-utf8", "json2", "pickle"])
def test_a_store_reads_like_the_file(path, tmp_path, text):
    store = write_zarr(path, tmp_path / "session.nwb.zarr", text=text)
    assert_same(read_nwb(store, LAYOUT), path)
    assert_same(read_nwb(str(store), LAYOUT), path)
    assert describe_nwb(store).layout == describe_nwb(path).layout


def test_pynwb_builds_the_tables_of_a_store(path, tmp_path):
    """So that they are read as those of HDF5, not by what is left where pynwb gives up."""
    store = write_zarr(path, tmp_path / "session.nwb.zarr")
    with zarr_stores.as_hdf5(str(store)) as file, pynwb.NWBHDF5IO(file=file, mode="r") as io:
        read = io.read()
        assert read.units["electrodes"].target.table is read.electrodes
        assert read.electrodes["group"].data[0].location == "V4"
        assert read.subject.subject_id == "m"
        assert read.session_start_time.tzinfo is not None


def test_the_store_of_the_field(shared_data):
    """Written by hdmf-zarr itself."""
    folder = shared_data / "nwb_field"
    layout = Layout(image="cat", position=("x", "y"), onset="start_time")
    by_zarr = read_nwb(folder / "store.nwb.zarr", layout)
    xr.testing.assert_identical(plain(by_zarr), plain(read_nwb(folder / "py_base.nwb", layout)))


def test_a_folder_of_files_and_stores(path, tmp_path):
    other = write_by_hand(
        tmp_path / "other.nwb", *recording(seed=3), identifier="2", session_id="s2"
    )
    (tmp_path / "lab" / "deep").mkdir(parents=True)
    write_zarr(other, tmp_path / "lab" / "deep" / "other.nwb")  # a store may be named so
    trials, spikes = recording()
    write_by_hand(tmp_path / "lab" / "here.nwb", trials, spikes)
    assert read_nwb(tmp_path / "lab", BY_HAND).sizes["unit"] == 6


def broken(store, edit):
    edit(store)
    return store


def cut(name):
    def edit(store):
        data = (store / name).read_bytes()
        (store / name).write_bytes(data[: len(data) // 2])

    return edit


def gone(name):
    return lambda store: (store / name).unlink()


@pytest.mark.parametrize(
    ("edit", "fault"),
    [
        (gone("units/spike_times/0"), "/units/spike_times .*lost .its chunk units/spike_times/0"),
        (cut("units/spike_times/0"), "/units/spike_times is a link to what .* lost .*; copy it"),
        (cut("units/spike_times/.zattrs"), "/units/spike_times .*of what kind it is; copy it"),
        (gone("units/spike_times/.zattrs"), "/units/spike_times .*of what kind it is; copy it"),
        (gone("units/spike_times/.zarray"), "/units has no spike_times; its columns"),
        (gone("intervals/trials/start_time/.zarray"), "no column 'start_time'"),
        (cut("units/.zattrs"), "/units/.zattrs is damaged; copy the store again"),
    ],
)
def test_a_damaged_store_is_one_line(path, tmp_path, edit, fault):
    store = broken(write_zarr(path, tmp_path / "session.nwb.zarr"), edit)
    with pytest.raises(errors.RecordingError, match=f"session.nwb.zarr: .*{fault}"):
        read_nwb(store, LAYOUT)


@pytest.mark.parametrize("name", ["file_create_date/0", "intervals/trials/timeseries/.zarray"])
def test_what_is_damaged_and_not_needed_is_no_matter(path, tmp_path, name):
    store = write_zarr(path, tmp_path / "session.nwb.zarr")
    (store / name).parent.mkdir(exist_ok=True)
    (store / name).write_bytes(b"damaged")
    assert_same(read_nwb(store, LAYOUT), path)


def test_a_store_of_format_3_reads_like_the_file(path, tmp_path):
    store = write_zarr_3(path, tmp_path / "session.nwb.zarr")
    assert_same(read_nwb(store, LAYOUT), path)
    assert describe_nwb(store).layout == describe_nwb(path).layout
    with zarr_stores.as_hdf5(str(store)) as file, pynwb.NWBHDF5IO(file=file, mode="r") as io:
        read = io.read()
        assert read.units["electrodes"].target.table is read.electrodes
        assert read.electrodes["group"].data[0].location == "V4"


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("units/zarr.json", "a damaged Zarr store; copy it again"),
        ("units/spike_times/zarr.json", "/units/spike_times .*of what kind it is; copy it"),
        ("units/spike_times/c/0", "/units/spike_times is a link to what .* lost .*; copy it"),
    ],
)
def test_a_damaged_store_of_format_3_is_one_line(path, tmp_path, name, fault):
    store = broken(write_zarr_3(path, tmp_path / "session.nwb.zarr"), cut(name))
    with pytest.raises(errors.RecordingError, match=f"session.nwb.zarr: .*{fault}") as told:
        read_nwb(store, LAYOUT)
    assert "\n" not in str(told.value)


class Harmful:
    def __reduce__(self):
        return os.mkdir, ("harmed",)


def test_nothing_in_a_store_is_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = write_zarr(path, tmp_path / "session.nwb.zarr", text="pickle")
    codec = numcodecs.get_codec(dict(zarr_stores_compressor(store)))
    (store / "identifier" / "0").write_bytes(codec.encode(pickle.dumps(Harmful())))
    with pytest.raises(errors.FileError, match=r"pickled posix.mkdir, which could run anything"):
        read_nwb(store, LAYOUT)
    assert not (tmp_path / "harmed").exists()


def zarr_stores_compressor(store):
    return json.loads((store / "identifier" / ".zarray").read_text())["compressor"]


def test_a_long_recording_in_a_store_is_not_touched(path, tmp_path):
    store = write_zarr(path, tmp_path / "session.nwb.zarr")
    voltage = store / "acquisition" / "voltage"
    (voltage / "data").mkdir(parents=True)
    (voltage / ".zgroup").write_text('{"zarr_format": 2}')
    (voltage / ".zattrs").write_text('{"neurodata_type": "ElectricalSeries"}')
    array = {"shape": [10**9, 96], "chunks": [10**6, 96], "dtype": "<i2", "compressor": None}
    array |= {"filters": None, "fill_value": 0, "order": "C", "zarr_format": 2}
    (voltage / "data" / ".zarray").write_text(json.dumps(array))
    assert_same(read_nwb(store, LAYOUT), path)


def test_without_the_extra(path, tmp_path, monkeypatch):
    store = write_zarr(path, tmp_path / "session.nwb.zarr")
    monkeypatch.setitem(sys.modules, "numcodecs", None)
    with pytest.raises(ImportError, match=r"session.nwb.zarr: .*pip install 'artiphys\[zarr\]'"):
        read_nwb(store, LAYOUT)


# ---- filters


def compressed_by_blosc(path, copy):
    """Copy a file, its spikes compressed by a filter that HDF5 has not."""
    try:
        import hdf5plugin
    except ImportError:
        missing("the extra 'filters'")
    copy.parent.mkdir()
    shutil.copy(path, copy)
    with h5py.File(copy, "a") as file:
        times, said = file["units/spike_times"][:], dict(file["units/spike_times"].attrs)
        del file["units/spike_times"]
        file.create_dataset("units/spike_times", data=times, **hdf5plugin.Blosc2())
        file["units/spike_times"].attrs.update(said)
    return copy


READ = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[2:]))
from artiphys_nwb import read_nwb
layout = {"image": "image", "position": "position", "onset": "start_time"}
print(float(read_nwb(sys.argv[1], layout).sum()))
"""


def read_elsewhere(path, *without):
    """Read in a new process, where nothing has loaded a filter yet."""
    argv = [sys.executable, "-c", READ, str(path), *without]
    return subprocess.run(argv, capture_output=True, text=True)


def test_filters_of_hdf5plugin_are_used(path, tmp_path):
    copy = compressed_by_blosc(path, tmp_path / "copy" / "session.nwb")
    done = read_elsewhere(copy)
    assert float(done.stdout) == float(read_nwb(path, LAYOUT).sum()), done.stderr


def test_without_hdf5plugin_the_error_names_it(path, tmp_path):
    copy = compressed_by_blosc(path, tmp_path / "copy" / "session.nwb")
    done = read_elsewhere(copy, "hdf5plugin")
    assert "compressed by a filter that is not installed; pip install" in done.stderr
    assert "hdf5plugin" in done.stderr.splitlines()[-1]
