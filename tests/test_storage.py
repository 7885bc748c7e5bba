"""Files of responses: what goes in comes out, and a reader sees the whole or nothing."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from artiphys import storage
from artiphys.errors import InputError, SchemaError
from artiphys.files import writable_folder, written_whole
from artiphys.storage import open_responses, save_responses

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
        save_responses(2 * responses, path)
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


def test_a_full_disk_behind_the_netcdf_library_is_named(responses, tmp_path, monkeypatch):
    def hidden(*_, **__):
        msg = "NetCDF: HDF error"
        raise RuntimeError(msg)

    class Full:
        f_bavail, f_frsize = 0, 4096

    monkeypatch.setattr(xr.Dataset, "to_netcdf", hidden)
    monkeypatch.setattr(storage.os, "statvfs", lambda _: Full)
    with pytest.raises(InputError, match="the disk is full"):
        save_responses(responses, tmp_path / "r.nc")


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("r.h5", "must end in .nc"),
        ("no/such/folder/r.nc", "does not exist; make it first"),
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
