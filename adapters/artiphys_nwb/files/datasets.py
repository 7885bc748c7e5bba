"""Datasets of a recording as plain numbers, booleans or text, whatever the file keeps them as."""

import dataclasses
from typing import Any

import h5py
import numpy as np

from artiphys.errors import to_install
from artiphys_nwb.errors import FileError, TableError
from artiphys_nwb.labels import decoded

__all__ = ["DAMAGE", "Column", "find", "read_dataset"]

# h5py's ways to say that bytes are damaged; sizes that no memory holds are damage too
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, MemoryError)


@dataclasses.dataclass(frozen=True)
class Column:
    """Values of a column; with `bounds`, row i holds ``values[bounds[i]:bounds[i + 1]]``."""

    values: np.ndarray
    bounds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values) if self.bounds is None else len(self.bounds) - 1


def find(parent: h5py.Group, path: str) -> h5py.Group | h5py.Dataset | None:
    """Return what is at `path`, or None if there is nothing.

    Raises
    ------
    FileError
        If a link on the way leads nowhere, which pynwb and h5py take for an absence.
    """
    node: Any = parent
    for part in path.strip("/").split("/"):
        if not isinstance(node, h5py.Group):
            return None
        try:
            link = node.get(part, getlink=True)
        except DAMAGE as error:
            raise FileError(_unreadable(node.name, error)) from error
        if link is None:
            return None
        try:
            node = node[part]
        except DAMAGE as error:
            raise FileError(_dangling(f"{node.name.rstrip('/')}/{part}", link)) from error
    return node


def read_dataset(dataset: h5py.Dataset, place: str) -> Any:
    """Return a dataset's values as numbers, booleans or text; a `Column` if its rows are ragged."""
    try:
        dtype = dataset.dtype
        if h5py.check_string_dtype(dtype) is not None:
            return _each(decoded, dataset[()])
        if h5py.check_ref_dtype(dtype) is not None:
            return _names_of_referred(dataset, place)
        names = h5py.check_enum_dtype(dtype)
        if names is not None:
            by_number = {number: text for text, number in names.items()}
            return _each(lambda number: by_number.get(number, str(number)), dataset[()])
        if h5py.check_vlen_dtype(dtype) is not None:
            rows = list(dataset[()])
            bounds = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
            return Column(np.concatenate(rows) if rows else np.empty(0), bounds)
        values = dataset[()]
    except (FileError, TableError):
        raise
    except DAMAGE as error:
        raise FileError(_unreadable(place, error)) from error
    if dtype.kind not in "biuf":
        fields = f" with the fields {', '.join(dtype.names)}" if dtype.names else ""
        kind = "compound" if dtype.names else str(dtype)
        msg = f"{place} is {kind}{fields}; a column of numbers or text is needed; name another"
        raise TableError(msg)
    return values.astype(
        dtype.newbyteorder("="), copy=False
    )  # pandas takes no other order of bytes


def _each(function: Any, raw: Any) -> np.ndarray:
    values = np.asarray(raw)
    flat = [function(value) for value in values.ravel().tolist()]
    return np.array(flat, dtype=object).reshape(values.shape)


def _names_of_referred(dataset: h5py.Dataset, place: str) -> np.ndarray:
    """Return the names of objects that references stand for; a null one is empty text."""
    if h5py.check_ref_dtype(dataset.dtype) is not h5py.Reference:
        msg = (
            f"{place} holds region references; a column of numbers or text is needed; name another"
        )
        raise TableError(msg)
    raw = np.asarray(dataset[()], dtype=object)
    names: list[str] = []
    for row, reference in enumerate(raw.ravel()):
        try:
            referred = dataset.file[reference].name if reference else ""
        except DAMAGE as error:
            msg = f"{place}: the reference in row {row} leads nowhere; write the file again"
            raise FileError(msg) from error
        names.append((referred or "").rsplit("/", 1)[-1])
    return np.array(names, dtype=object).reshape(raw.shape)


def _dangling(path: str, link: Any) -> str:
    if isinstance(link, h5py.ExternalLink):
        target = f"an external link to {link.path} in {link.filename} which leads nowhere"
        remedy = "put that file beside this one, whole and readable"
    elif isinstance(link, h5py.SoftLink):
        target = f"a link to {link.path} which leads nowhere"
        remedy = "write the file again with its target"
    else:
        target, remedy = "damaged", "fetch or write the file again"
    return f"{path} is {target}; {remedy}"


def _unreadable(place: str, error: Exception) -> str:
    why = " ".join(str(error).split())
    needs_filter = "filter" in why.lower() or "plugin" in why.lower()
    remedy = (
        f"it is compressed by a filter that is not installed; {to_install('filters')} (hdf5plugin)"
        if needs_filter
        else "the file is damaged; fetch it again"
    )
    return f"{place} cannot be read: {remedy} ({why})"
