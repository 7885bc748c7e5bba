"""Tables of a recording, read a whole column at a time.

A column is read once and in bulk, because a request a row or a unit is what makes recordings slow,
over HTTP above all. pynwb builds the table, and its objects say which index, which elements and
which table belong to a column. Where pynwb refuses a table (an id short of the rows, types that are
not named), its datasets are taken as they are. Whatever stands behind a column (text, enumerations,
references, ragged rows) comes out as plain numbers or text.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import h5py
import numpy as np

from artiphys.errors import to_install
from artiphys_nwb.errors import FileError, RecordingError, TableError
from artiphys_nwb.files.opening import Recording, attribute_text
from artiphys_nwb.labels import decoded, labelled

__all__ = ["Column", "Table", "find", "open_table", "read_dataset", "tables_in"]

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
# Series whose samples are events, so that they can be read as tables.
EVENT_SERIES = {
    "IndexSeries",
    "BinnedAlignedSpikes",
    "AnnotationSeries",
    "IntervalSeries",
    "LabeledEvents",
}
# Columns that hold one value a row by the schema: MatNWB writes them as (1, N).
ONE_A_ROW = {"id", "timestamps", "timestamp", "start_time", "stop_time"}
REWRITE_INDEX = (
    "the index is damaged (its integer type too small when it was written?); write it again"
)
# h5py's ways to say so; sizes that no memory holds are damage too
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, MemoryError)


@dataclasses.dataclass(frozen=True)
class Column:
    """Values of a column; with `bounds`, row i holds ``values[bounds[i]:bounds[i + 1]]``."""

    values: np.ndarray
    bounds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values) if self.bounds is None else len(self.bounds) - 1


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
        keys = [key for name in self.group for key in _keys_of(self.group, name)]
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
        if name == "indexed_images":
            return Column(_names_of_indexed_images(self))
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
            values = _elements(values, read_dataset(elements, f"{place} (elements)"), place)
        if not indices:
            return Column(_squeezed(values, self.n_rows))
        if len(indices) > 1:
            msg = f"{place} is ragged twice over; one level of rows can be read"
            raise TableError(msg)
        index = _flat_index(indices[0], f"{place}_index")
        values = _squeezed(values, int(index.max(initial=0)))
        return Column(values, _bounds(index, f"{place}_index", len(values)))

    def read_names(self, name: str) -> Column:
        """Return a column as what its numbers stand for, where the file says it.

        The row that a ``DynamicTableRegion`` points to, the label of a ``LabeledEvents``, the
        meaning in a ``MeaningsTable``: the numbers differ from one session to the next.

        Raises
        ------
        TableError, FileError
            As :meth:`read`; or if a number goes beyond what it points to.
        """
        column = self.read(name)
        names = _names_of_rows(self, name)
        if names is None:
            names = _event_labels(self, name)
        if names is not None:
            values = _elements_or_none(column.values, names, f"{self.path}/{name}")
            return Column(values, column.bounds)
        meanings = _meanings(self, name)
        if meanings is None:
            return column
        labels = labelled(column.values)
        values = np.array([meanings.get(label, label) for label in labels.ravel()], dtype=object)
        return Column(values.reshape(labels.shape), column.bounds)

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


def tables_in(recording: Recording) -> Iterator[Table]:
    """Yield each table and series of events where the NWB schema has them, to be looked at."""
    if isinstance(_quietly(recording.file, "units"), h5py.Group):
        yield Table(recording, "/units", recording.file["units"], by_pynwb=False)
    for home in HOMES:
        group = _quietly(recording.file, home)
        if isinstance(group, h5py.Group):
            yield from _tables_below(recording, group, depth=3)


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
    return values


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


def _elements(numbers: np.ndarray, elements: np.ndarray, place: str) -> np.ndarray:
    """Return what an enumeration stands for: the element of each number."""
    if numbers.dtype.kind not in "iu" or (numbers.size and numbers.max() >= len(elements)):
        msg = f"{place} must number its {len(elements)} elements; it goes beyond; write it again"
        raise TableError(msg)
    return np.asarray(elements[numbers])


def _elements_or_none(numbers: np.ndarray, names: list[str], place: str) -> np.ndarray:
    """Return the name that each number points to; none where it is -1."""
    whole = numbers.dtype.kind in "iu" or (
        numbers.dtype.kind == "f" and bool((numbers == np.floor(numbers)).all())
    )
    if not whole or (numbers.size and (numbers.min() < -1 or numbers.max() >= len(names))):
        msg = f"{place} must point to one of {len(names)} rows; it goes beyond; write it again"
        raise TableError(msg)
    return np.array([*names, ""], dtype=object)[numbers.astype(np.int64)]


def _names_of_rows(table: Table, name: str) -> list[str] | None:
    """Return what the rows are called that a ``DynamicTableRegion`` points to; None for others."""
    dataset = table.dataset(name)
    if not isinstance(dataset, h5py.Dataset) or not isinstance(
        dataset.attrs.get("table"), h5py.Reference
    ):
        return None
    try:
        group = dataset.file[dataset.attrs["table"]]
    except DAMAGE as error:
        msg = f"{table.path}/{name} points to rows of a table that is not there; write it again"
        raise TableError(msg) from error
    return _row_names(Table(table.recording, str(group.name), group, table.by_pynwb))


def _row_names(table: Table) -> list[str]:
    """Return a name for each row: a text that tells them apart, else all they hold, else ids.

    An id is what a session happened to give a row, so it comes last.
    """
    plain: dict[str, np.ndarray] = {}
    for name in table.columns:
        if name != "id":
            with contextlib.suppress(RecordingError):
                plain[name] = table.read_plain(name)
    texts = [labelled(values) for values in plain.values() if values.dtype.kind in "OSU"]
    every = [labelled(values) for values in plain.values()]
    joined = [np.array(["|".join(row) for row in zip(*every, strict=True)], dtype=object)]
    for labels in (*texts, *every, *joined):
        if len(labels) == table.n_rows and len(set(labels.tolist())) == table.n_rows:
            return [str(label) for label in labels.tolist()]
    ids = table.read_plain("id") if "id" in table.group else np.arange(table.n_rows)
    return [str(label) for label in labelled(ids).tolist()]


def _event_labels(table: Table, name: str) -> list[str] | None:
    """Return the labels that the numbers of a ``LabeledEvents`` stand for; None for others."""
    dataset = table.dataset(name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "iu":
        return None
    for of_labels in (dataset.attrs.get("labels"), table.group.attrs.get(f"{name}__labels")):
        if isinstance(of_labels, np.ndarray) and of_labels.dtype.kind in "OSU":
            return [decoded(label) for label in of_labels.ravel().tolist()]
    return None


def _meanings(table: Table, name: str) -> dict[str, str] | None:
    """Return what the values of a column mean by its ``MeaningsTable``, if it tells them apart."""
    dataset = table.dataset(name)
    group: Any = None
    if isinstance(dataset, h5py.Dataset) and isinstance(
        dataset.attrs.get("meanings"), h5py.Reference
    ):
        group = dataset.file[dataset.attrs["meanings"]]
    for place in (f"meanings_tables/{name}_meanings", f"{name}_meanings"):
        group = group or table.dataset(place)
    if not isinstance(group, h5py.Group) or not {"value", "meaning"} <= set(group):
        return None
    of_values = Table(table.recording, str(group.name), group, table.by_pynwb)
    values, meanings = (labelled(of_values.read_plain(key)) for key in ("value", "meaning"))
    told = dict(zip(values.tolist(), meanings.tolist(), strict=True))
    return told if len(set(told.values())) == len(told) else None


def _squeezed(values: np.ndarray, n: int) -> np.ndarray:
    """Return a row or a column of n values, as MatNWB writes them, as one dimension."""
    row = values.ndim == 2 and values.shape[0] == 1 and values.shape[1] == n
    column = values.ndim == 2 and values.shape[1] == 1
    return values.ravel() if row or column else values


def _flat_index(index: Any, place: str) -> np.ndarray:
    raw = read_dataset(index, place)
    if isinstance(raw, np.ndarray) and raw.ndim == 2 and 1 in raw.shape:
        raw = raw.ravel()
    if isinstance(raw, Column) or raw.ndim != 1 or raw.dtype.kind not in "iuf":
        msg = f"{place} must be a row of integers; {REWRITE_INDEX}"
        raise TableError(msg)
    return np.asarray(raw)


def _bounds(raw: np.ndarray, place: str, n_values: int) -> np.ndarray:
    """Return the bounds of the rows of a ragged column, from its index: rows + 1 numbers from 0.

    The index may have any integer type; it is never subtracted before it is signed.
    """
    remedy = REWRITE_INDEX
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
    _require_ends(bounds, place, n_values)
    left_over = n_values - int(bounds[-1])
    wraps_at = 2 ** (8 * raw.dtype.itemsize) if raw.dtype.kind == "u" else 0
    if left_over and wraps_at and left_over % wraps_at == 0:
        msg = (
            f"{place} ends at {bounds[-1]} of {n_values} values, as {raw.dtype} overflows; {remedy}"
        )
        raise TableError(msg)
    return bounds


def _require_ends(bounds: np.ndarray, place: str, n_values: int) -> None:
    """Raise a TableError if an index says where rows start: each would get the values of another.

    From 0, or from 1 as MATLAB counts, where rows have more than a few values; the last row's
    values are then left over.
    """
    left_over = n_values - int(bounds[-1])
    from_1 = len(bounds) > 2 and bounds[1] == 1 and n_values > 5 * len(bounds)
    if left_over and len(bounds) > 2 and (bounds[1] == 0 or from_1):
        msg = (
            f"{place} begins with {bounds[1]} and leaves {left_over} of {n_values} values over: it "
            "says where rows start, and must say where they end; write it again"
        )
        raise TableError(msg)


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


def _names_of_indexed_images(table: Table) -> np.ndarray:
    """Return the name of the image that each sample of an ``IndexSeries`` numbers."""
    numbers = table.read_plain("data")
    images = getattr(table.container, "indexed_images", None)
    ordered = getattr(images, "order_of_images", None)
    if ordered is None:
        msg = (
            f"{table.path} has no indexed_images with an order_of_images, so that its numbers have "
            "no names; set image to 'data' in the layout"
        )
        raise TableError(msg)
    names = np.array([*(image.name for image in ordered.data[:]), ""], dtype=object)
    if numbers.dtype.kind not in "iu" or (len(numbers) and int(numbers.max()) >= len(names) - 1):
        msg = (
            f"{table.path}/data must number the {len(names) - 1} images of "
            f"{table.path}/indexed_images/order_of_images; it goes beyond"
        )
        raise TableError(msg)
    return names[np.maximum(numbers.astype(np.int64), -1)]


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
    for key in group:
        child = _quietly(group, key)
        if not isinstance(child, h5py.Group):
            continue
        kind = attribute_text(child, "neurodata_type")
        if kind == "MeaningsTable":
            continue
        if "colnames" in child.attrs or kind in EVENT_SERIES:
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
    return [f"{name}/{key}" for key in child if key != "id"]


def _quietly(group: h5py.Group, key: str) -> Any:
    try:
        return group.get(key)
    except DAMAGE:
        return None


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
