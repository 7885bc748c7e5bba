"""Tables of a recording, read a whole column at a time.

A column is read once and in bulk, because a request a row or a unit is what makes recordings slow,
over HTTP above all. Whatever stands behind a column (text, enumerations, references, ragged rows)
comes out as plain numbers or text.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from artiphys_nwb.errors import FileError, TableError

__all__ = [
    "Column",
    "Table",
    "attribute_text",
    "column_names",
    "find",
    "n_rows",
    "open_table",
    "read_bounds",
    "read_column",
    "read_dataset",
    "read_plain",
    "tables_in",
]

# Where tables are by the NWB schema; looked at only to tell a user what there is.
HOMES = ("intervals", "events", "processing", "stimulus/presentation", "analysis", "scratch")


@dataclasses.dataclass(frozen=True)
class Table:
    """A group of columns: a ``DynamicTable``, or a time series whose samples are its rows."""

    file: str
    path: str
    group: h5py.Group

    @property
    def place(self) -> str:
        """The file and the path, as messages begin."""
        return f"{self.file}: {self.path}"


@dataclasses.dataclass(frozen=True)
class Column:
    """Values of a column; with `bounds`, row i holds ``values[bounds[i]:bounds[i + 1]]``."""

    values: np.ndarray
    bounds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values) if self.bounds is None else len(self.bounds) - 1


def open_table(file: h5py.File, name: str, path: str, *, what: str) -> Table:
    """Return the table at `path` of a file that messages call `name`.

    Raises
    ------
    TableError
        If nothing is there; the tables that are there are listed.
    FileError
        If a link on the way leads nowhere.
    """
    group = find(file, name, path)
    if isinstance(group, h5py.Group):
        return Table(name, "/" + path.strip("/"), group)
    if group is not None:
        msg = f"{name}: {path} is a single dataset; a table of {what} is a group of columns"
        raise TableError(msg)
    there = [found for found, _ in tables_in(file)]
    listed = f"the tables there are: {', '.join(there)}" if there else "the file has no table"
    msg = f"{name}: no {what} at {path}; {listed}; name one in the layout"
    raise TableError(msg)


def find(parent: h5py.Group, name: str, path: str) -> h5py.Group | h5py.Dataset | None:
    """Return what is at `path`, or None if there is nothing.

    Raises
    ------
    FileError
        If a link on the way leads nowhere, which h5py itself takes for an absence.
    """
    node: Any = parent
    for part in path.strip("/").split("/"):
        if not isinstance(node, h5py.Group):
            return None
        try:
            link = node.get(part, getlink=True)
        except (OSError, RuntimeError, KeyError) as error:
            raise FileError(_unreadable(f"{name}: {node.name}", error)) from error
        if link is None:
            return None
        try:
            node = node[part]
        except (KeyError, OSError, RuntimeError) as error:
            raise FileError(_dangling(name, f"{node.name.rstrip('/')}/{part}", link)) from error
    return node


def column_names(table: Table) -> list[str]:
    """Return the columns of a table, without the indices of ragged ones."""
    keys = list(table.group)
    names = [
        key for key in keys if not (key.endswith("_index") and key.removesuffix("_index") in keys)
    ]
    if "starting_time" in names and "timestamps" not in names:
        names[names.index("starting_time")] = "timestamps"
    return names


def n_rows(table: Table) -> int:
    """Return the number of rows, from the ids or else from the first column."""
    for name in ("id", "timestamps", *column_names(table)):
        for key in (f"{name}_index", name):
            dataset = find(table.group, table.file, key)
            if isinstance(dataset, h5py.Dataset) and dataset.shape:
                return int(dataset.shape[0])
    return 0


def read_column(table: Table, name: str) -> Column:
    """Return a column as plain numbers, booleans or text.

    Raises
    ------
    TableError
        If there is no such column (those there are are listed), or it holds what has no plain form.
    FileError
        If its bytes cannot be read, or it is a link or holds references that lead nowhere.
    """
    if name == "indexed_images":
        return Column(_names_of_indexed_images(table))
    dataset = find(table.group, table.file, name)
    if dataset is None and name == "timestamps":
        dataset = find(table.group, table.file, "starting_time")
        if dataset is not None:
            return Column(_regular_timestamps(table, dataset))
    place = f"{table.place}/{name}"
    if dataset is None:
        msg = (
            f"{table.place} has no column {name!r}; the columns are "
            f"{', '.join(column_names(table)) or 'none'}; name one in the layout"
        )
        raise TableError(msg)
    if not isinstance(dataset, h5py.Dataset) or not dataset.shape:
        kind = "a scalar" if isinstance(dataset, h5py.Dataset) else "a group"
        msg = f"{place} is {kind}, not a column; name another in the layout"
        raise TableError(msg)
    values = read_dataset(dataset, place)
    if isinstance(values, Column):
        return values
    if find(table.group, table.file, f"{name}_index") is None:
        return Column(values)
    return Column(values, read_bounds(table, name, len(values)))


def read_plain(table: Table, name: str, rows: int) -> np.ndarray:
    """Return a column that must hold one value a row.

    Raises
    ------
    TableError
        If it holds several values a row, or not as many rows as the table.
    """
    column = read_column(table, name)
    if column.bounds is not None and (np.diff(column.bounds) == 1).all():
        column = Column(column.values)
    if column.bounds is not None or column.values.ndim != 1:
        msg = f"{table.place}/{name} holds several values a row; one is needed here"
        raise TableError(msg)
    if len(column) != rows:
        msg = (
            f"{table.place}/{name} has {len(column)} rows where the table has {rows}; "
            "the table is damaged; write it again"
        )
        raise TableError(msg)
    return column.values


def read_bounds(table: Table, name: str, n_values: int) -> np.ndarray:
    """Return the bounds of the rows of a ragged column, from its index: rows + 1 numbers from 0.

    The index may have any integer type; it is never subtracted before it is signed.

    Raises
    ------
    TableError
        If the index goes down, beyond the values, or has been cut by too small a type.
    """
    place = f"{table.place}/{name}_index"
    remedy = (
        "the index is damaged (its integer type too small when it was written?); write it again"
    )
    dataset = find(table.group, table.file, f"{name}_index")
    if find(table.group, table.file, f"{name}_index_index") is not None:
        msg = f"{table.place}/{name} is ragged twice over; one level of rows can be read"
        raise TableError(msg)
    raw = read_dataset(dataset, place)
    if isinstance(raw, Column) or raw.ndim != 1 or raw.dtype.kind not in "iuf":
        msg = f"{place} must be a row of integers; {remedy}"
        raise TableError(msg)
    if raw.dtype.kind == "f" and not (np.isfinite(raw).all() and (raw == np.floor(raw)).all()):
        msg = f"{place} must hold whole numbers; {remedy}"
        raise TableError(msg)
    if len(raw) and (raw.min() < 0 or raw.max() > n_values):
        worst = raw.min() if raw.min() < 0 else raw.max()
        msg = f"{place} points to value {int(worst)} of {n_values}; {remedy}"
        raise TableError(msg)
    bounds = np.concatenate(([0], raw.astype(np.int64)))
    down = np.flatnonzero(np.diff(bounds) < 0)
    if len(down):
        row = int(down[0])
        msg = f"{place} goes down at row {row} ({bounds[row]} to {bounds[row + 1]}); {remedy}"
        raise TableError(msg)
    left_over = n_values - int(bounds[-1])
    wraps_at = 2 ** (8 * raw.dtype.itemsize) if raw.dtype.kind == "u" else 0
    if left_over and wraps_at and left_over % wraps_at == 0:
        msg = (
            f"{place} ends at {bounds[-1]} of {n_values} values, as {raw.dtype} overflows; {remedy}"
        )
        raise TableError(msg)
    return bounds


def read_dataset(dataset: h5py.Dataset, place: str) -> Any:
    """Return a dataset's values as numbers, booleans or text; a `Column` if its rows are ragged."""
    dtype = dataset.dtype
    try:
        if h5py.check_string_dtype(dtype) is not None:
            return _texts(dataset[()])
        if h5py.check_ref_dtype(dtype) is not None:
            return _names_of_referred(dataset, place)
        names = h5py.check_enum_dtype(dtype)
        if names is not None:
            by_number = {number: text for text, number in names.items()}
            raw = dataset[()]
            flat = [by_number.get(number, str(number)) for number in raw.ravel().tolist()]
            return np.array(flat, dtype=object).reshape(raw.shape)
        if h5py.check_vlen_dtype(dtype) is not None:
            rows = list(dataset[()])
            bounds = np.concatenate(([0], np.cumsum([len(row) for row in rows]))).astype(np.int64)
            return Column(np.concatenate(rows) if rows else np.empty(0), bounds)
        values = dataset[()]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError) as error:
        if isinstance(error, FileError | TableError):
            raise
        raise FileError(_unreadable(place, error)) from error
    if dtype.kind not in "biuf":
        fields = f" with the fields {', '.join(dtype.names)}" if dtype.names else ""
        kind = "compound" if dtype.names else str(dtype)
        msg = f"{place} is {kind}{fields}; a column of numbers or text is needed; name another"
        raise TableError(msg)
    return values


def tables_in(file: h5py.File) -> Iterator[tuple[str, h5py.Group]]:
    """Yield the path and group of each table and index series where the NWB schema has them."""
    if isinstance(_quietly(file, "units"), h5py.Group):
        yield "/units", file["units"]
    for home in HOMES:
        group = _quietly(file, home)
        if isinstance(group, h5py.Group):
            yield from _tables_below(group, depth=3)


def attribute_text(node: h5py.HLObject, name: str) -> str:
    """Return an attribute as text, empty if it is not there; arrays of one count as one."""
    value = node.attrs.get(name, "")
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return _text(value)


def _tables_below(group: h5py.Group, *, depth: int) -> Iterator[tuple[str, h5py.Group]]:
    for key in group:
        child = _quietly(group, key)
        if not isinstance(child, h5py.Group):
            continue
        if _is_table(child):
            yield child.name, child
        elif depth > 1:
            yield from _tables_below(child, depth=depth - 1)


def _is_table(group: h5py.Group) -> bool:
    kind = attribute_text(group, "neurodata_type")
    return "colnames" in group.attrs or kind in {"IndexSeries", "BinnedAlignedSpikes"}


def _quietly(group: h5py.Group, key: str) -> Any:
    try:
        return group.get(key)
    except (OSError, RuntimeError, KeyError):
        return None


def _texts(raw: Any) -> np.ndarray:
    values = np.asarray(raw)
    flat = [_text(value) for value in values.ravel().tolist()]
    return np.array(flat, dtype=object).reshape(values.shape)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8").rstrip("\0")
        except UnicodeDecodeError:
            return value.decode("latin-1").rstrip("\0")
    return str(value)


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
        if not reference:
            names.append("")
            continue
        try:
            referred = dataset.file[reference].name
        except (ValueError, KeyError, OSError, RuntimeError) as error:
            msg = f"{place}: the reference in row {row} leads nowhere; write the file again"
            raise FileError(msg) from error
        names.append((referred or "").rsplit("/", 1)[-1])
    return np.array(names, dtype=object).reshape(raw.shape)


def _names_of_indexed_images(table: Table) -> np.ndarray:
    data = read_plain(table, "data", n_rows(table))
    ordered = find(table.group, table.file, "indexed_images/order_of_images")
    if not isinstance(ordered, h5py.Dataset):
        msg = (
            f"{table.place} has no indexed_images with an order_of_images, so that its numbers "
            "have no names; set image to 'data' in the layout"
        )
        raise TableError(msg)
    place = f"{table.place}/indexed_images/order_of_images"
    names = np.append(read_dataset(ordered, place).astype(object), "")
    if data.dtype.kind not in "iu" or (len(data) and int(data.max()) >= len(names) - 1):
        msg = (
            f"{table.place}/data must number the {len(names) - 1} images of {place}; it goes beyond"
        )
        raise TableError(msg)
    return names[np.maximum(data.astype(np.int64), -1)]


def _regular_timestamps(table: Table, start: h5py.Dataset) -> np.ndarray:
    rate = float(start.attrs.get("rate", np.nan))
    data = find(table.group, table.file, "data")
    if not rate > 0 or not isinstance(data, h5py.Dataset):
        msg = f"{table.place}/starting_time has no rate; the times of its samples are not known"
        raise TableError(msg)
    return float(start[()]) + np.arange(len(data)) / rate


def _dangling(name: str, path: str, link: Any) -> str:
    if isinstance(link, h5py.ExternalLink):
        target = f"an external link to {link.path} in {link.filename}"
        remedy = "put that file beside this one, whole and readable"
    elif isinstance(link, h5py.SoftLink):
        target, remedy = f"a link to {link.path}", "write the file again with its target"
    else:
        target, remedy = "damaged", "fetch or write the file again"
    nowhere = " which leads nowhere" if target != "damaged" else ""
    return f"{name}: {path} is {target}{nowhere}; {remedy}"


def _unreadable(place: str, error: Exception) -> str:
    why = " ".join(str(error).split())
    needs_filter = "filter" in why.lower() or "plugin" in why.lower()
    remedy = (
        "it is compressed by a filter that is not installed; pip install hdf5plugin and import it"
        if needs_filter
        else "the file is damaged; fetch it again"
    )
    return f"{place} cannot be read: {remedy} ({why})"
