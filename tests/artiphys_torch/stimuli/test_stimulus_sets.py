"""Sets of images with labels: HDF5 files, xarray, pandas; their labels name the images."""

import sys

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

from artiphys.errors import InputError
from artiphys_torch import as_photographs
from environment import missing

LABELS = ["face", "hand", "house", "tool"]


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)


def assert_read(found, pixels, names=LABELS):
    assert found.names == list(names)
    for item, expected in zip(found, pixels, strict=True):
        assert np.array_equal(np.asarray(item.read()), expected)


@pytest.fixture
def stored(tmp_path):
    """Write an HDF5 file of arrays by their paths in it."""
    try:
        import h5py
    except ImportError:
        missing("h5py")

    def store(**arrays):
        path = tmp_path / "set.h5"
        with h5py.File(path, "w") as file:
            for name, values in arrays.items():
                file[name.replace("__", "/")] = values
        return path

    return store


def test_hdf5_with_labels_beside(stored, pixels):
    path = stored(stimuli__images=pixels, stimuli__labels=LABELS, responses=np.zeros((4, 5, 6)))
    found = as_photographs(path)
    assert_read(found, pixels)
    assert found.origin == "stimulus set set.h5"
    assert_read(as_photographs(str(path), n_images=2), pixels[::2], LABELS[::2])


def test_hdf5_with_channels_first_and_floating(stored, pixels):
    found = as_photographs(stored(data=pixels.transpose(0, 3, 1, 2) / 255, image_id=[3, 5, 7, 9]))
    assert_read(found, pixels, "3579")


def test_hdf5_with_a_dataset_a_picture(stored, pixels):
    path = stored(stimuli__face=pixels[0], stimuli__hand=pixels[1])
    assert_read(as_photographs(path), pixels[:2], LABELS[:2])


def test_labels_that_repeat_name_no_image(stored, pixels):
    names = [f"image-00{number}" for number in range(4)]
    assert_read(as_photographs(stored(images=pixels, labels=[0, 0, 1, 1])), pixels, names)


def test_hdf5_is_read_when_asked_for_and_digested_by_pixels(stored, pixels):
    digest = as_photographs(stored(images=pixels, names=LABELS)).digest()
    assert digest == as_photographs(dict(zip(LABELS, pixels, strict=True))).digest()
    found = as_photographs(stored(images=pixels, names=LABELS))
    stored(images=255 - pixels, names=LABELS)
    assert_read(found, 255 - pixels)


def test_hdf5_that_is_none_or_has_no_images(stored, pixels, tmp_path):
    with pytest.raises(InputError, match=r"set\.h5 must hold one array .*; got several in x, y"):
        as_photographs(stored(x=pixels, y=pixels))
    with pytest.raises(InputError, match=r"set\.h5 must hold one array .*; got none in x"):
        as_photographs(stored(x=np.zeros(4)))
    with pytest.raises(InputError, match=r"x, image 0: floating pixels must lie from 0 to 1"):
        as_photographs(stored(x=pixels.astype(float)))
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(InputError, match=r"text\.h5: cannot be read as a stimulus set: no HDF5"):
        as_photographs(tmp_path / "text.h5")
    with pytest.raises(InputError, match=r"gone\.h5: cannot be read as a stimulus set: no such"):
        as_photographs(tmp_path / "gone.h5")
    with pytest.raises(InputError, match="a stimulus set is no photograph; pass it by itself"):
        as_photographs([tmp_path / "text.h5"])


def test_without_h5py_the_error_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match="to read HDF5 needs h5py: pip install h5py"):
        as_photographs(tmp_path / "set.h5")


@pytest.mark.parametrize("order", ["iyxc", "ciyx", "xyic"])
def test_xarray_in_any_order_of_known_dims(pixels, order):
    known = {"i": "image", "y": "y", "x": "x", "c": "channel"}
    images = xr.DataArray(pixels, dims=list(known.values()), coords={"image": LABELS})
    assert_read(as_photographs(images.transpose(*(known[letter] for letter in order))), pixels)


def test_xarray_with_labels_beside_its_dim(pixels):
    dims = ("presentation", "row", "column", "channel")
    coords = {
        "object": ("presentation", list("aabb")),
        "image_id": ("presentation", LABELS),
    }
    images = xr.DataArray(pixels, dims=dims, coords=coords)
    assert_read(as_photographs(images), pixels)
    assert_read(as_photographs(images.set_index(presentation=["object", "image_id"])), pixels)
    dataset = images.drop_vars("image_id").to_dataset(name="images")
    assert_read(as_photographs(dataset.assign(image_id=("presentation", LABELS))), pixels)


def test_one_picture_of_xarray_is_one(pixels):
    one = xr.DataArray(pixels[0], dims=("y", "x", "channel"))
    assert_read(as_photographs(one.transpose("channel", "y", "x")), pixels[:1], ["image-000"])
    assert_read(as_photographs({"a": one}), pixels[:1], ["a"])


def test_tables_of_arrays(pixels):
    table = pd.DataFrame({"pixels": list(pixels), "kind": list("aabb")}, index=LABELS)
    assert_read(as_photographs(table), pixels)
    assert_read(as_photographs(table["pixels"]), pixels)
    beside = table.reset_index(names="image_id")
    assert_read(as_photographs(beside), pixels)
    assert_read(as_photographs(beside[beside["kind"] == "b"]), pixels[2:], LABELS[2:])


def test_tables_of_files(pixels, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, each in zip(paths, pixels, strict=True):
        Image.fromarray(each).save(path)
    table = pd.DataFrame({"path": [str(path) for path in paths], "kind": list("aabb")})
    assert_read(as_photographs(table), pixels, [path.name for path in paths])
    assert_read(as_photographs(table.assign(stimulus_id=LABELS)), pixels)
    with pytest.raises(InputError, match="the table must hold one .* got several in path, copy"):
        as_photographs(table.assign(copy=table["path"]))
    with pytest.raises(InputError, match="the table must hold one .* got none in kind"):
        as_photographs(table[["kind"]])


def test_a_table_of_numbers_stays_one_picture(pixels):
    grey = pixels[0, :, :, 0]
    (found,) = as_photographs(pd.DataFrame(grey))
    assert np.array_equal(np.asarray(found.read())[..., 0], grey)
