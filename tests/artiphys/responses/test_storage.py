"""Files of responses: what goes in comes out, and a reader sees the whole or nothing."""

import json
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from artiphys.atomic_files import LOCK, OLD, writable_folder, written_whole
from artiphys.errors import InputError, SchemaError
from artiphys.responses import storage
from artiphys.responses.storage import open_responses, save_responses

SUFFIXES = (".nc", ".zarr")


@pytest.fixture
def responses(make_responses):
    values = np.random.default_rng(0).normal(size=(3, 4, 2, 2))
    values[0, 1, 1, 1] = np.nan
    coords = {
        "is_sua": np.array([True, False, True]),
        "depth": np.arange(3.0),
        "channel": [1, 2, 3],
    }
    return make_responses(
        values, position=["middle", "left"], reference="middle", unit_coords=coords
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_goes_in_comes_out(responses, tmp_path, suffix, dtype):
    path = tmp_path / f"r{suffix}"
    save_responses(responses.astype(dtype, keep_attrs=True), path)
    read = open_responses(path)
    xr.testing.assert_identical(read, responses.astype(dtype, keep_attrs=True))
    assert read.dtype == dtype
    assert isinstance(read.attrs["schema_version"], int)
    assert json.loads(read.attrs["provenance"])["maker"] == "tests"


NASTY = {
    "one of each": {"values": np.ones((1, 1, 1))},
    "nothing measured": {"values": np.full((2, 3, 2, 4), np.nan)},
    "unicode": {"unit": ["Ünit/β😀", "u é"], "image": ["画", " a ", "a"]},
    "empty strings": {"unit": ["", "b"], "area": ["", ""]},
    "numbers with gaps": {
        "unit_coords": {"depth": [np.nan, np.inf], "gain": np.float32([1, -0.0])}
    },
    "whole numbers": {
        "unit_coords": {
            f"n_{kind}": np.array([0, np.iinfo(kind).max], dtype=kind)
            for kind in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
        }
    },
    "booleans": {"unit_coords": {"ok": [True, False]}},
    "dates": {"unit_coords": {"at": np.array(["2020-01-01T00:00:00.123456789", "NaT"], "M8[ns]")}},
    "objects": {"unit_coords": {"note": np.array(["", "long text"], dtype=object)}},
    "one value": {"unit_coords": {"n": 3}},
    "numbers as positions": {"position": [0.0, 0.1]},
    "unknown displacements": {"x": [np.nan, np.nan], "y": [np.nan, np.nan]},
}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("case", NASTY)
def test_whatever_is_valid_comes_back_identical(make_responses, tmp_path, suffix, case):
    changes = {"values": np.arange(12.0).reshape(2, 3, 2)} | NASTY[case]
    responses = make_responses(**changes)
    sizes = responses.sizes["unit"], responses.sizes["position"]
    responses = responses.assign_coords(session="s1", rf=(("unit", "position"), np.ones(sizes)))
    responses["source"].attrs = {"units": "seconds", "long_name": "", "n": 2**62, "share": -0.5}
    responses["x"].attrs["note"] = "days"
    responses.attrs |= {"empty": "", "long": "ü" * 70_000, "undefined": np.nan}
    save_responses(responses, tmp_path / f"r{suffix}")
    for chunks in (None, {}):
        read = open_responses(tmp_path / f"r{suffix}", chunks=chunks)
        xr.testing.assert_identical(read.compute(), responses)
        assert all(
            read[name].dtype.kind == responses[name].dtype.kind.replace("O", "U")
            for name in responses.coords
        )
        assert all(type(v) in (str, int, float) for v in read["source"].attrs.values())


@pytest.mark.parametrize("unit", ["days", "seconds", "ms"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_durations_stay_numbers(make_responses, tmp_path, suffix, unit):
    responses = make_responses(np.ones((2, 3, 2)), unit_coords={"latency": [1.0, 2.0], "n": [1, 2]})
    responses["latency"].attrs["units"] = responses["n"].attrs["units"] = unit
    save_responses(responses, tmp_path / f"r{suffix}")
    xr.testing.assert_identical(open_responses(tmp_path / f"r{suffix}"), responses)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_chunks_of_any_size_are_written(make_responses, tmp_path, suffix):
    responses = make_responses(np.arange(60.0).reshape(5, 6, 2))
    lazy = responses.chunk({"unit": (1, 3, 1), "image": (1, 5)})
    save_responses(lazy, tmp_path / f"r{suffix}")
    xr.testing.assert_identical(open_responses(tmp_path / f"r{suffix}"), responses)


def test_a_lost_chunk_is_not_taken_for_not_measured(make_responses, tmp_path):
    values = np.arange(60.0).reshape(5, 6, 2)
    values[4] = np.nan  # a chunk of nothing measured is no lost chunk
    responses = make_responses(values)
    path = tmp_path / "r.zarr"
    save_responses(responses.chunk({"unit": 1}), path)
    xr.testing.assert_identical(open_responses(path), responses)
    (path / "response" / "2.0.0").unlink()
    with pytest.raises(InputError, match="1 of its chunks are missing; copy or make it anew"):
        open_responses(path)


@pytest.mark.parametrize("suffix", [".NC", ".Zarr"])
def test_a_suffix_may_be_in_capitals(responses, tmp_path, suffix):
    save_responses(responses, tmp_path / f"r{suffix}")
    xr.testing.assert_identical(open_responses(tmp_path / f"r{suffix}"), responses)


@pytest.mark.parametrize(
    "chunks", ["banana", 0, -2, True, 1.5, {"time": 3}, {"unit": "all"}, {"unit": False}, [3]]
)
def test_chunks_that_are_none_are_refused(responses, tmp_path, chunks):
    save_responses(responses, tmp_path / "r.nc")
    with pytest.raises(InputError, match="^chunks must be None, {}, 'auto', a whole number"):
        open_responses(tmp_path / "r.nc", chunks=chunks)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_opening_is_lazy_when_asked_and_saving_a_lazy_array_works(responses, tmp_path, suffix):
    save_responses(responses, tmp_path / f"a{suffix}")
    lazy = open_responses(tmp_path / f"a{suffix}", chunks={})
    assert lazy.chunks is not None
    save_responses(lazy, tmp_path / f"b{suffix}")
    xr.testing.assert_identical(open_responses(tmp_path / f"b{suffix}"), responses)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    responses, tmp_path, suffix, monkeypatch
):
    path = tmp_path / f"r{suffix}"
    save_responses(responses, path)

    def interrupted(self, target, *_, **__):
        Path(target).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(xr.Dataset, "to_netcdf", interrupted)
    monkeypatch.setattr(xr.Dataset, "to_zarr", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_responses(responses.copy(data=2 * responses.values), path)
    assert os.listdir(tmp_path) == [path.name]
    xr.testing.assert_identical(open_responses(path), responses)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_existing_file_is_replaced(responses, tmp_path, suffix):
    path = tmp_path / f"r{suffix}"
    save_responses(responses, path)
    twice = responses.copy(data=2 * responses.values)
    save_responses(twice, path)
    xr.testing.assert_identical(open_responses(path), twice)
    assert os.listdir(tmp_path) == [path.name]


def test_an_invalid_array_is_not_written(responses, tmp_path):
    with pytest.raises(SchemaError, match="name must be"):
        save_responses(responses.rename("rate"), tmp_path / "r.nc")
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_one_line(responses, tmp_path):
    def write():
        with written_whole(tmp_path / "table.csv") as partial:
            partial.write_text("half")
            with Path("/dev/full").open("w") as full:
                full.write("x")

    with pytest.raises(InputError, match="the disk is full; free some space"):
        write()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("error", [RuntimeError("NetCDF: HDF error"), PermissionError(13, "no")])
def test_a_full_disk_behind_the_netcdf_library_is_named(responses, tmp_path, monkeypatch, error):
    def hidden(*_, **__):
        raise error

    class Full:
        free = 4096

    monkeypatch.setattr(xr.Dataset, "to_netcdf", hidden)
    monkeypatch.setattr(storage.shutil, "disk_usage", lambda _: Full)
    with pytest.raises(InputError, match="the disk is full"):
        save_responses(responses, tmp_path / "r.nc")


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("r.h5", "must end in .nc"),
        ("no/such/folder/r.nc", "does not exist; make it first"),
        (f"{'n' * 252}.nc", "the name is too long"),
        ("a\0b.nc", "must be text or a Path, without NUL"),
        ("a\udc80b.nc", "must be text or a Path, .* in UTF-8"),
    ],
)
def test_a_bad_target_is_refused(responses, tmp_path, path, fault):
    with pytest.raises(InputError, match=fault):
        save_responses(responses, tmp_path / path)


def test_a_bad_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        open_responses(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("unit,image,position\n")
    with pytest.raises(InputError, match="text.nc: cannot be read as netcdf4"):
        open_responses(tmp_path / "text.nc")
    xr.Dataset({"other": ("a", [1.0])}).to_netcdf(tmp_path / "other.nc")
    with pytest.raises(InputError, match="it holds other"):
        open_responses(tmp_path / "other.nc")
    xr.Dataset({"response": ("a", [1.0])}).to_netcdf(tmp_path / "bare.nc")
    with pytest.raises(SchemaError, match="bare.nc: not a valid response array"):
        open_responses(tmp_path / "bare.nc")


def test_a_truncated_file_is_refused(responses, tmp_path):
    path = tmp_path / "r.nc"
    save_responses(responses, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="cannot be read as netcdf4; it is damaged"):
        open_responses(path)


def test_a_folder_is_made_or_its_absence_explained(tmp_path):
    assert writable_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="a file of that name is in the way"):
        writable_folder(tmp_path / "file")
    with pytest.raises(InputError, match="a part of the path is a file"):
        writable_folder(tmp_path / "file" / "folder")
    if os.geteuid() != 0:  # nothing is closed to root
        (tmp_path / "closed").mkdir(mode=0o500)
        with pytest.raises(InputError, match="no permission to write there"):
            writable_folder(tmp_path / "closed" / "a")


KILLED = """
import os, sys, time
from artiphys.atomic_files import written_whole
with written_whole(sys.argv[1]) as partial:
    if sys.argv[2] == "folder":
        partial.mkdir()
        (partial / "chunk").write_text("half")
    else:
        partial.write_text("half")
    print(partial.parent.name, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_process_left_goes_at_the_next_save(tmp_path, kind):
    path = tmp_path / "r[1].nc"
    argv = [sys.executable, "-c", KILLED, str(path), kind]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    left = process.stdout.readline().strip()
    with written_whole(path) as partial:  # while the other lives, its own is left alone
        partial.write_text("whole")
    assert sorted(os.listdir(tmp_path)) == sorted([left, path.name])
    process.kill()
    process.communicate()
    elsewhere = tmp_path / f".{path.name}.another-machine.0123abcd.partial"
    elsewhere.mkdir()  # whether its process lives nobody can say from here
    (elsewhere / LOCK).touch()
    with written_whole(path) as partial:
        partial.write_text("whole")
    assert sorted(os.listdir(tmp_path)) == sorted([elsewhere.name, path.name])


def test_what_a_killed_process_moved_away_comes_back(responses, tmp_path):
    """Killed between moving the old folder away and the new one in."""
    path = tmp_path / "r.zarr"
    save_responses(responses, path)
    left = tmp_path / f".r.zarr.{socket.gethostname()}.0123abcd.partial"
    left.mkdir()
    (left / LOCK).touch()  # which nobody holds
    path.rename(left / OLD)
    with pytest.raises(KeyboardInterrupt), written_whole(path):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["r.zarr"]
    xr.testing.assert_identical(open_responses(path), responses)


def test_an_interrupt_while_folders_change_places_leaves_the_old(responses, tmp_path, monkeypatch):
    path = tmp_path / "r.zarr"
    save_responses(responses, path)
    rename = Path.rename

    def interrupted(self, target):
        if target == path and self.name != OLD:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_responses(responses.copy(data=2 * responses.values), path)
    assert os.listdir(tmp_path) == ["r.zarr"]
    xr.testing.assert_identical(open_responses(path), responses)


def test_what_is_no_path_is_refused(responses):
    for call in (lambda: save_responses(responses, 5), lambda: open_responses(None)):
        with pytest.raises(InputError, match="a path must be text or a Path"):
            call()


def test_a_limit_on_the_size_of_files_is_told(responses, tmp_path):
    values = np.random.default_rng(0).normal(size=(60_000, 4, 2, 2))
    many = responses.isel(unit=np.zeros(60_000, int)).copy(data=values)
    many = many.assign_coords(unit=[f"u{i}" for i in range(60_000)])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(InputError, match="no limit on the size of files"):
            save_responses(many, tmp_path / "r.nc")
        with pytest.raises(InputError, match="larger than files may be here"):
            save_responses(many, tmp_path / "r.zarr")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.listdir(tmp_path) == []


def test_values_carry_a_checksum(responses, tmp_path):
    path = tmp_path / "r.nc"
    save_responses(responses, path)
    with netCDF4.Dataset(path) as file:
        assert file["response"].filters()["fletcher32"]


def test_a_loop_of_links_is_no_file(tmp_path):
    (tmp_path / "r.nc").symlink_to(tmp_path / "r.nc")
    with pytest.raises(InputError, match="no such file"):
        open_responses(tmp_path / "r.nc")


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("folder.nc", "it is a folder; expected a netCDF4 file"),
        ("file.zarr", "it is a file; expected a folder of Zarr"),
        ("empty.nc", "it is empty"),
        ("empty.zarr", "cannot be read as zarr; it is damaged or another"),
    ],
)
def test_what_is_another_thing_is_refused(tmp_path, name, fault):
    for folder in ("folder.nc", "empty.zarr"):
        (tmp_path / folder).mkdir()
    for file in ("empty.nc", "file.zarr"):
        (tmp_path / file).touch()
    with pytest.raises(InputError, match=fault) as caught:
        open_responses(tmp_path / name)
    assert "\n" not in str(caught.value)


WITHOUT = """
import sys
sys.modules |= dict.fromkeys({missing})  # as if they were not installed
import artiphys
import xarray as xr
responses = artiphys.simulate_responses(n_units=3, n_images=4, rng=0).responses
artiphys.save_responses(responses, "r{suffix}")
xr.testing.assert_identical(artiphys.open_responses("r{suffix}", chunks={chunks}), responses)
"""


@pytest.mark.parametrize(
    ("suffix", "without", "chunks", "said"),
    [
        (".zarr", ["dask", "distributed"], None, ""),  # Zarr asks for zarr alone
        (
            ".zarr",
            ["zarr"],
            None,
            "zarr is needed for a .zarr response array: pip install 'artiphys[zarr]'",
        ),
        (".nc", ["zarr", "dask", "distributed"], None, ""),
        (
            ".nc",
            ["dask"],
            {},
            "dask is needed to open a response array lazily: pip install 'artiphys[dask]'",
        ),
    ],
)
def test_what_is_missing_is_needed_and_named(tmp_path, suffix, without, chunks, said):
    code = WITHOUT.format(missing=without, suffix=suffix, chunks=chunks)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (not said), done.stderr
    assert said in done.stderr


OPENED_AGAIN = """
import artiphys
responses = artiphys.simulate_responses(n_units=200, rng=0).responses
artiphys.save_responses(responses, "r{suffix}")
kept = []
for _ in range(4):
    kept.append(artiphys.open_responses("r{suffix}", chunks={{}}))
    kept[-1].sum().compute()
    assert artiphys.open_responses("r{suffix}").identical(kept[0].compute())
"""


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_file_that_is_open_lazily_may_be_opened_again(tmp_path, suffix):
    script = OPENED_AGAIN.format(suffix=suffix)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
