"""Sets of images that bring their own labels: HDF5 files, xarray's arrays, pandas' tables.

Their labels become the names of the images. What is in an HDF5 file stays there until it is asked
for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from PIL import Image

from artiphys.errors import InputError, listed
from artiphys.responses.provenance import digest_array
from artiphys_torch.stimuli.picture_arrays import as_uint8, is_array
from artiphys_torch.stimuli.picture_files import SUFFIXES

__all__ = ["HDF5_SUFFIXES", "StoredPicture", "is_stimulus_set", "labelled_pictures"]

HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")
# What labels and images are called, the likeliest first.
LABELS = (
    *("image_id", "stimulus_id", "image_name", "stimulus_name", "image", "stimulus", "name"),
    *("names", "image_names", "image_ids", "stimulus_ids", "stimulus_names", "filename"),
    *("filenames", "file_name", "image_file_name", "id", "ids", "label", "labels"),
)
IMAGES = ("images", "image", "stimuli", "stimulus", "pictures", "photographs", "pixels")
DIMS = (
    ("image", "images", "stimulus", "stimuli", "presentation", "sample", "n", *LABELS),
    ("row", "rows", "y", "height", "h"),
    ("column", "columns", "col", "x", "width", "w"),
    ("channel", "channels", "c", "rgb", "colour", "color", "band"),
)
NOT_KNOWN = len(DIMS)


@dataclass(frozen=True)
class StoredPicture:
    """A picture in an HDF5 file."""

    path: Path
    dataset: str
    index: int | None
    """Along the first dim; None where the dataset is one picture."""
    channels_first: bool = False

    @property
    def place(self) -> str:
        """Where it is, in words."""
        where = f"{self.path}: {self.dataset}"
        return where if self.index is None else f"{where}, image {self.index}"

    def pixels(self) -> np.ndarray:
        """Return it as 8 bits, (row, column[, channel])."""
        with _hdf5(self.path) as file:
            found = file[self.dataset]
            values = found[()] if self.index is None else found[self.index]
        return as_uint8(np.moveaxis(values, 0, -1) if self.channels_first else values, self.place)

    def digest(self) -> str:
        """Return the SHA-256 of its pixels."""
        return digest_array(self.pixels())


def is_stimulus_set(images: Any) -> bool:
    """Return whether images may bring labels of their own."""
    if isinstance(images, str | Path):
        return Path(images).suffix.lower() in HDF5_SUFFIXES
    return isinstance(images, xr.DataArray | xr.Dataset | pd.DataFrame | pd.Series)


def labelled_pictures(images: Any) -> tuple[list[str] | None, Any]:
    """Return the labels of a set's pictures, None where it has none, and the pictures.

    Parameters
    ----------
    images
        For which :func:`is_stimulus_set` holds.

    Returns
    -------
    labels : list of str or None
    pictures : sequence or array
        Arrays, files or :class:`StoredPicture`; `images` itself where it is one array of numbers.

    Raises
    ------
    InputError
        If none, or several, of its parts could be the images, or it cannot be read.
    """
    if isinstance(images, xr.Dataset):
        images = _variable(images)
    if isinstance(images, xr.DataArray):
        return _of_xarray(images)
    if isinstance(images, pd.DataFrame):
        return _of_table(images)
    if isinstance(images, pd.Series):
        return _of_column(images)
    return _of_hdf5(Path(images))


def _variable(images: xr.Dataset) -> xr.DataArray:
    found = [name for name, values in images.data_vars.items() if values.ndim >= 3]
    name = _the_one(found, "the Dataset", list(images.data_vars))
    labels = {
        str(other): values
        for other, values in images.data_vars.items()
        if values.ndim == 1 and values.dims[0] in images[name].dims and str(other) in LABELS
    }
    return images[name].assign_coords(labels)


def _of_xarray(images: xr.DataArray) -> tuple[list[str] | None, Any]:
    order = {dim: _kind_of_dim(dim) for dim in images.dims}
    if NOT_KNOWN not in order.values() and len(set(order.values())) == images.ndim:
        images = images.transpose(*sorted(order, key=lambda dim: order[dim]))
        many = 0 in order.values()
    else:
        many = _is_stack(images.shape) and (images.ndim == 4 or len(images) != 3)
    if not many:
        return None, images.values
    dim = images.dims[0]
    along = {
        str(name): values.to_index()
        for name, values in images.coords.items()
        if values.dims == (dim,)
    }
    index = along.get(str(dim))
    if index is not None and not isinstance(index, pd.MultiIndex):
        return [str(label) for label in index], list(images.values)
    return _first_unique(along), list(images.values)


def _kind_of_dim(dim: Any) -> int:
    """Return which of image, row, column and channel a dim is by its name."""
    kinds = (place for place, names in enumerate(DIMS) if str(dim).lower() in names)
    return next(kinds, NOT_KNOWN)


def _of_table(table: pd.DataFrame) -> tuple[list[str] | None, Any]:
    if all(pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes):
        return None, table.to_numpy()  # one picture in grey, a row of the table a row of it
    found = [name for name in table.columns if all(_is_picture(value) for value in table[name])]
    name = _the_one(found, "the table", list(table.columns))
    labels, pictures = _of_column(table[name])
    others = {str(other): table[other] for other in table.columns if other != name}
    return labels or _first_unique(others), pictures


def _of_column(column: pd.Series) -> tuple[list[str] | None, Any]:
    index = column.index
    if isinstance(index, pd.MultiIndex):
        return ["/".join(map(str, labels)) for labels in index], list(column)
    if index.name is None and index.dtype.kind in "iu":  # the numbers of the rows
        return None, list(column)
    return [str(label) for label in index], list(column)


def _is_picture(value: Any) -> bool:
    if isinstance(value, str | Path):
        return Path(value).suffix.lower() in SUFFIXES
    return isinstance(value, Image.Image) or (is_array(value) and np.ndim(value) in (2, 3))


def _the_one(found: Sequence[Any], where: str, there: Sequence[Any]) -> Any:
    """Return the one part that holds images: the only one, or the one that is called so."""
    called = [name for name in found if _base(name) in IMAGES]
    for some in (found, called):
        if len(some) == 1:
            return some[0]
    what = "several" if found else "none"
    msg = (
        f"{where} must hold one array or column of images, or call one of several 'images'; got"
        f" {what} in {listed(found or there) or 'nothing'}"
    )
    raise InputError(msg)


def _base(name: Any) -> str:
    return str(name).lower().rpartition("/")[2]


def _first_unique(columns: dict[str, Iterable[Any]]) -> list[str] | None:
    """Return the first of the columns called as labels are in which none repeats."""
    for name in LABELS:
        for column, values in columns.items():
            if column.lower() == name:
                labels = [v.decode() if isinstance(v, bytes) else str(v) for v in values]
                if len(set(labels)) == len(labels):
                    return labels
    return None


def _of_hdf5(path: Path) -> tuple[list[str] | None, Any]:
    with _hdf5(path) as file:
        datasets = _datasets(file)
        stacks = [name for name, values in datasets.items() if _is_stack(values.shape)]
        single = [
            name
            for name, values in datasets.items()
            if values.dtype == np.uint8 and (values.ndim == 2 or values.shape[2:] in ((3,), (4,)))
        ]
        if not stacks and single:
            names = [name.removeprefix(_common(single)) for name in single]
            return names, [StoredPicture(path, name, None) for name in single]
        name = _the_one(_likeliest(stacks, datasets), str(path), list(datasets))
        shape, first = datasets[name].shape, datasets[name].name
        beside = {
            _base(other): values[()]
            for other, values in datasets.items()
            if values.shape == shape[:1] and (_is_text(values.dtype) or values.dtype.kind in "iu")
        }
        labels = _first_unique(beside)
    turned = len(shape) == 4 and shape[-1] not in (1, 3, 4)
    pictures = [StoredPicture(path, first, index, turned) for index in range(shape[0])]
    pictures[0].pixels()  # found to be images before any work
    return labels, pictures


def _hdf5(path: Path) -> Any:
    try:
        import h5py
    except ImportError as error:
        msg = f"{path}: to read HDF5 needs h5py: pip install h5py"
        raise InputError(msg) from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        told = "no such file" if not path.exists() else f"no HDF5 file, or damaged ({error})"
        msg = f"{path}: cannot be read as a stimulus set: {' '.join(told.split())}"
        raise InputError(msg) from error


def _datasets(file: Any) -> dict[str, Any]:
    """Return the arrays of a file by their paths in it."""
    found = {}

    def note(name: str, item: Any) -> None:
        if getattr(item, "shape", None) and item.size:
            found[name] = item

    file.visititems(note)
    return found


def _is_text(dtype: Any) -> bool:
    import h5py

    return h5py.check_string_dtype(dtype) is not None


def _is_stack(shape: tuple[int, ...]) -> bool:
    if len(shape) == 3:
        return shape[-1] not in (3, 4)
    return len(shape) == 4 and (shape[-1] in (1, 3, 4) or shape[1] in (1, 3, 4))


def _likeliest(names: list[str], datasets: dict[str, Any]) -> list[str]:
    """Return those of 8 bits where some are, else all that hold numbers."""
    bytes_ = [name for name in names if datasets[name].dtype == np.uint8]
    return bytes_ or [name for name in names if datasets[name].dtype.kind in "uif"]


def _common(names: Sequence[str]) -> str:
    """Return the folder that all of some paths begin with."""
    folders = {name.rpartition("/")[0] for name in names}
    return f"{folders.pop()}/" if len(folders) == 1 and "" not in folders else ""
