"""Tables of a recording, read a whole column at a time.

A column is read once and in bulk, because a request a row or a unit is what makes recordings slow,
over HTTP above all. pynwb builds the table, and its objects say which index, which elements and
which table belong to a column. Where pynwb refuses a table (an id short of the rows, types that are
not named), its datasets are taken as they are. Whatever stands behind a column (text, enumerations,
references, ragged rows) comes out as plain numbers or text.
"""

import dataclasses
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import h5py
import numpy as np

from artiphys_nwb.errors import TableError
from artiphys_nwb.files.datasets import DAMAGE, Column, find, read_dataset
from artiphys_nwb.files.memory import EVENTS
from artiphys_nwb.files.opening import Recording, attribute_text
from artiphys_nwb.files.ragged import row_bounds, row_ends

__all__ = ["Table", "open_table", "tables_in"]

# Where tables are by the NWB schema; looked at only to tell a user what there is.
HOMES = (
    "intervals",
    "events",
    "processing",
    "stimulus/presentation",
    "acquisition",
    "analysis",
    "scratch",
)
# Columns that hold one value a row by the schema: MatNWB writes them as (1, N).
ONE_A_ROW = {"id", "timestamps", "timestamp", "start_time", "stop_time"}


@dataclasses.dataclass(frozen=True)
class Table:
    """A group of columns: a ``DynamicTable``, or a time series whose samples are its rows.

    With `by_pynwb` False it is read as the file has it, without the time it takes to load pynwb.
    """

    recording: Recording
    path: str
    group: h5py.Group
    by_pynwb: bool = True

    @property
    def place(self) -> str:
        """The file and the path, as errors begin that are not of the recording."""
        return f"{self.recording.name}: {self.path}"

    @property
    def kind(self) -> str:
        """The NWB type, empty where the file does not say it."""
        return attribute_text(self.group, "neurodata_type")

    @cached_property
    def container(self) -> Any:
        """What pynwb makes of the group; None if it refuses it."""
        return self.recording.objects.container(self.group) if self.by_pynwb else None

    @cached_property
    def columns(self) -> list[str]:
        """Names of the columns, without the indices of ragged ones; ``a/b`` in a category table."""
        keys = [key for name in _names(self.group) for key in _keys_of(self.group, name)]
        names = [k for k in keys if not (k.endswith("_index") and k.removesuffix("_index") in keys)]
        if "starting_time" in names and "timestamps" not in names:
            names[names.index("starting_time")] = "timestamps"
        return names

    @cached_property
    def n_rows(self) -> int:
        """The number of rows, from the ids or else from the first column that is not empty."""
        for name in ("id", "timestamps", *self.columns):
            for key in (f"{name}_index", name):
                dataset = self.dataset(key)
                if isinstance(dataset, h5py.Dataset) and dataset.shape:
                    lies = key in ONE_A_ROW or key.endswith("_index")
                    n_rows = dataset.size if lies and 1 in dataset.shape else dataset.shape[0]
                    if n_rows:
                        return int(n_rows)
        return 0

    def dataset(self, name: str) -> h5py.Group | h5py.Dataset | None:
        """Return what the file holds under a name, as :func:`find` does."""
        return find(self.group, name)

    def read(self, name: str) -> Column:
        """Return a column as plain numbers, booleans or text.

        Raises
        ------
        TableError
            If there is no such column (those there are are listed), or it holds what has no plain
            form.
        FileError
            If its bytes cannot be read, or it is a link or holds references that lead nowhere.
        """
        (data, indices, elements), place = _parts(self, name), f"{self.path}/{name}"
        if data is None and name == "timestamps" and "starting_time" in self.group:
            return Column(_regular_timestamps(self))
        if data is None:
            msg = (
                f"{self.path} has no column {name!r}; the columns are "
                f"{', '.join(self.columns) or 'none'}; name one in the layout"
            )
            raise TableError(msg)
        if not isinstance(data, h5py.Dataset) or not data.shape:
            kind = "a scalar" if isinstance(data, h5py.Dataset) else "a group"
            msg = f"{place} is {kind}, not a column; name another in the layout"
            raise TableError(msg)
        values = read_dataset(data, place)
        if isinstance(values, Column):
            return values
        if elements is not None:
            values = _elements_at(values, read_dataset(elements, f"{place} (elements)"), place)
        if not indices:
            return Column(_squeezed(values, self.n_rows))
        if len(indices) > 1:
            msg = f"{place} is ragged twice over; one level of rows can be read"
            raise TableError(msg)
        index = row_ends(indices[0], f"{place}_index")
        values = _squeezed(values, int(index.max(initial=0)))
        return Column(values, row_bounds(index, f"{place}_index", len(values)))

    def read_plain(self, name: str) -> np.ndarray:
        """Return a column that must hold one value a row.

        Raises
        ------
        TableError
            If it holds several values a row, or not as many rows as the table.
        """
        column = self.read(name)
        if column.bounds is not None and (np.diff(column.bounds) == 1).all():
            column = Column(column.values)
        if column.bounds is not None or column.values.ndim != 1:
            msg = f"{self.path}/{name} holds several values a row; one is needed here"
            raise TableError(msg)
        self.require_rows(name, column)
        return column.values

    def require_rows(self, name: str, column: Column) -> None:
        """Raise a TableError if a column has not as many rows as the table."""
        if len(column) != self.n_rows:
            msg = (
                f"{self.path}/{name} has {len(column)} rows where the table has {self.n_rows}; the "
                "table is damaged; write it again"
            )
            raise TableError(msg)


def open_table(recording: Recording, path: str, *, what: str) -> Table:
    """Return the table at `path` of a recording.

    Raises
    ------
    TableError
        If nothing is there; the tables that are there are listed.
    FileError
        If a link on the way leads nowhere.
    """
    group = find(recording.file, path)
    if isinstance(group, h5py.Group):
        return Table(recording, "/" + path.strip("/"), group)
    if group is not None:
        msg = f"{path} is a single dataset; a table of {what} is a group of columns"
        raise TableError(msg)
    there = [table.path for table in tables_in(recording)]
    listed = f"the tables there are: {', '.join(there)}" if there else "the file has no table"
    msg = f"no {what} at {path}; {listed}; name one in the layout"
    raise TableError(msg)


def tables_in(recording: Recording) -> Iterator[Table]:
    """Yield each table and series of events where the NWB schema has them, to be looked at."""
    if isinstance(_quietly(recording.file, "units"), h5py.Group):
        yield Table(recording, "/units", recording.file["units"], by_pynwb=False)
    for home in HOMES:
        group = _quietly(recording.file, home)
        if isinstance(group, h5py.Group):
            yield from _tables_below(recording, group, depth=3)


def _parts(table: Table, name: str) -> tuple[Any, list[Any], Any]:
    """Return the values, indices and elements of a column: pynwb's, or else those so named."""
    built = table.recording.objects.parts(table.container, name) if table.by_pynwb else None
    # pynwb passes over an index that has no type.
    if built is not None and name + "_index" * (len(built.indices) + 1) not in table.group:
        return built
    data = table.dataset(name)
    indices: list[Any] = []
    while (index := table.dataset(name + "_index" * (len(indices) + 1))) is not None:
        indices.insert(0, index)
    elements = data.attrs.get("elements") if isinstance(data, h5py.Dataset) else None
    return data, indices, table.group.file[elements] if elements else None


def _elements_at(numbers: np.ndarray, elements: np.ndarray, place: str) -> np.ndarray:
    """Return what an enumeration stands for: the element of each number."""
    beyond = numbers.size and (numbers.min() < 0 or numbers.max() >= len(elements))
    if numbers.dtype.kind not in "iu" or beyond:
        msg = f"{place} must number its {len(elements)} elements; it goes beyond; write it again"
        raise TableError(msg)
    return np.asarray(elements[numbers])


def _squeezed(values: np.ndarray, n: int) -> np.ndarray:
    """Return a row or a column of n values, as MatNWB writes them, as one dimension."""
    row = values.ndim == 2 and values.shape[0] == 1 and values.shape[1] == n
    column = values.ndim == 2 and values.shape[1] == 1
    return values.ravel() if row or column else values


def _regular_timestamps(table: Table) -> np.ndarray:
    start: Any = table.dataset("starting_time")
    data = table.dataset("data")
    is_one = isinstance(start, h5py.Dataset) and start.size == 1
    rate = float(np.ravel(start.attrs.get("rate", np.nan))[0]) if is_one else np.nan
    if not rate > 0 or not isinstance(data, h5py.Dataset) or not data.shape:
        msg = f"{table.path}/starting_time has no rate; the times of its samples are not known"
        raise TableError(msg)
    return float(np.ravel(start[()])[0]) + np.arange(len(data)) / rate


def _tables_below(recording: Recording, group: h5py.Group, *, depth: int) -> Iterator[Table]:
    for key in _names(group):
        child = _quietly(group, key)
        if not isinstance(child, h5py.Group):
            continue
        kind = attribute_text(child, "neurodata_type")
        if kind == "MeaningsTable":
            continue
        if "colnames" in child.attrs or kind in EVENTS:
            yield Table(recording, child.name, child, by_pynwb=False)
        elif depth > 1:
            yield from _tables_below(recording, child, depth=depth - 1)


def _keys_of(group: h5py.Group, name: str) -> list[str]:
    """Return the columns under a name: itself, or those of a table inside the table."""
    child = _quietly(group, name)
    if not isinstance(child, h5py.Group):
        return [name]
    if name == "meanings_tables" or attribute_text(child, "neurodata_type") == "MeaningsTable":
        return []
    if "colnames" not in child.attrs:
        return [name]
    return [f"{name}/{key}" for key in _names(child) if key != "id"]


def _names(group: h5py.Group) -> list[str]:
    """Return the names in a group; of one that is damaged, what can be read of it."""
    return [
        name if isinstance(name, str) else name.decode(errors="backslashreplace") for name in group
    ]


def _quietly(group: h5py.Group, key: str) -> Any:
    try:
        return group.get(key)
    except DAMAGE:
        return None
