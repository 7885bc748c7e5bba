"""The units of a recording: their names, areas, quality, depth and electrodes.

Which electrode a unit was recorded from is said in three ways: ``electrodes``, rows of the
electrodes table; ``peak_channel_id``, an *id* in that table, not a row; ``electrode_group``.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import TypeVar

import h5py
import numpy as np

from artiphys_nwb.errors import FileError, LayoutError, RecordingError, TableError, UnitsDoubtful
from artiphys_nwb.files.datasets import DAMAGE, Column, read_dataset
from artiphys_nwb.files.opening import attribute_text
from artiphys_nwb.files.tables import Table
from artiphys_nwb.labels import labelled
from artiphys_nwb.sessions.checks.units import (
    check_different_ids,
    check_electrodes_exist,
    check_optional_column,
)
from artiphys_nwb.sessions.conditions import rows_where, truth_values
from artiphys_nwb.sessions.session import Session

__all__ = ["UNKNOWN", "Units", "read_units"]

ELECTRODES = "/general/extracellular_ephys/electrodes"
UNKNOWN = "unknown"
Read = TypeVar("Read")
QUALITY = ("quality", "is_sua")
DEPTH = ("depth", "probe_vertical_position")
MEANING = {"is_sua": ("mua", "sua")}


@dataclasses.dataclass(frozen=True)
class Units:
    """Names and coordinates of the units kept; `row` is the row of each in the table."""

    name: np.ndarray
    coords: dict[str, np.ndarray]
    row: np.ndarray

    def __getitem__(self, some: np.ndarray) -> "Units":
        coords = {key: values[some] for key, values in self.coords.items()}
        return Units(self.name[some], coords, self.row[some])


def read_units(session: Session, table: Table) -> Units:
    """Return the units of a table that meet the condition asked for, silent ones as well.

    Raises
    ------
    TableError
        If the table has no rows, or none is left.
    LayoutError
        If the layout's `area` is no column of the units or the electrodes.
    """
    rows, where = table.n_rows, session.request.units_where
    if rows == 0:
        msg = f"{table.path} has no units; read another file, or sort its spikes first"
        raise TableError(msg)
    coords = _coordinates(session, table)
    met = np.ones(rows, dtype=bool)
    if where is not None:
        met = rows_where(table, where, argument="units_where", known=coords)
        session.drop("unit", "units_where not met", int((~met).sum()))
        if not met.any():
            msg = f"{table.path}: none of {rows} units meets units_where; loosen it"
            raise TableError(msg)
    return Units(_names(session, table), coords, np.arange(rows))[np.flatnonzero(met)]


def _names(session: Session, table: Table) -> np.ndarray:
    """Return the ids of the units, or their rows where ids repeat: units must be told apart."""
    if "id" in table.group:
        ids = _unless_unusable(session, table, "id", lambda: table.read_plain("id"))
        if ids is not None and check_different_ids(session, table.path, labelled(ids)):
            return labelled(ids)
    return labelled(np.arange(table.n_rows))


def _unless_unusable(
    session: Session, table: Table, name: str, read: Callable[[], Read]
) -> Read | None:
    """Return what is read of a column that the array can do without; None with a doubt if not."""
    try:
        return read()
    except RecordingError as error:
        check_optional_column(session, f"{table.path}/{name}", error)
        return None


def _coordinates(session: Session, table: Table) -> dict[str, np.ndarray]:
    there = table.columns
    electrodes = _electrodes(session)
    of_units = _electrodes_of_units(session, table, electrodes)
    coords = {"area": _areas(session, table, electrodes, of_units)}
    quality = next((name for name in QUALITY if name in there), None)
    optional: dict[str, tuple[str, Callable[[], np.ndarray]]] = {
        "quality": (quality or "quality", lambda: _qualities(table, str(quality))),
        "unit_name": ("unit_name", lambda: labelled(table.read_plain("unit_name")).astype(str)),
    }
    for name in reversed(DEPTH):
        if name in there:
            optional["depth"] = (name, functools.partial(_numbers, table, name))
    for key, (name, read) in optional.items():
        if name in there:
            values = _unless_unusable(session, table, name, read)
            if values is not None:
                coords[key] = values
    if electrodes is not None and of_units is not None:
        ids = _ids(electrodes)
        if ids.dtype.kind in "iuf":
            ids = ids.astype(np.float64)
            first = [ids[part[0]] if len(part) else np.nan for part in of_units]
            coords["electrode"] = np.array(first)
        else:
            names = [str(ids[part[0]]) if len(part) else UNKNOWN for part in of_units]
            coords["electrode"] = np.array(names)
    return coords


def _numbers(table: Table, name: str) -> np.ndarray:
    values = table.read_plain(name)
    if values.dtype.kind not in "iufb":
        msg = f"{table.path}/{name} must hold numbers; got text"
        raise TableError(msg)
    return values.astype(np.float64)


def _electrodes(session: Session) -> Table | None:
    try:
        return session.table_at(ELECTRODES)
    except FileError:  # a link that leads nowhere
        return None


def _electrodes_of_units(
    session: Session, table: Table, electrodes: Table | None
) -> list[np.ndarray] | None:
    """Return the rows of the electrodes table for each unit; None if units do not say."""
    both = ("peak_channel_id", "electrodes")
    column = next((name for name in both if name in table.columns), None)
    if column is None:
        return None
    place, rows = f"{table.path}/{column}", table.n_rows
    if electrodes is None:
        session.doubt(
            UnitsDoubtful,
            f"{place} refers to electrodes, and the file has none at {ELECTRODES}; areas are "
            "unknown; set area in the layout",
        )
        return None
    read = _unless_unusable(session, table, column, lambda: _electrode_column(table, column))
    if read is None:
        return None
    if column == "peak_channel_id":
        row_of = {label: row for row, label in enumerate(labelled(_ids(electrodes)).tolist())}
        labels = labelled(read.values)
        numbers = np.array([row_of.get(label, -1) for label in labels.tolist()], dtype=float)
    else:
        numbers = np.asarray(read.values, dtype=np.float64)
    if column == "electrodes" and not _refers_to(table, electrodes):
        session.doubt(
            UnitsDoubtful,
            f"{place} refers to a table that is not there; its rows are taken to be those of "
            f"{ELECTRODES}",
        )
    wrong = ~((numbers >= 0) & (numbers < electrodes.n_rows))
    check_electrodes_exist(session, place, wrong, electrodes.n_rows)
    numbers = np.where(wrong, -1, numbers).astype(np.int64)
    bounds = np.arange(rows + 1) if read.bounds is None else read.bounds
    parts = [numbers[bounds[unit] : bounds[unit + 1]].ravel() for unit in range(rows)]
    return [part[part >= 0] for part in parts]


def _electrode_column(table: Table, name: str) -> Column:
    """Return the electrodes of units: rows as numbers, or ids that may be text."""
    read, place = table.read(name), f"{table.path}/{name}"
    if len(read) != table.n_rows or (name == "electrodes" and read.values.dtype.kind not in "iuf"):
        msg = f"{place} must hold electrodes for each of {table.n_rows} units"
        raise TableError(msg)
    return read


def _refers_to(table: Table, electrodes: Table) -> bool:
    reference = table.group["electrodes"].attrs.get("table")
    if reference is None:  # written by hand; the schema allows one table only
        return True
    try:
        return bool(reference) and table.group.file[reference] == electrodes.group
    except DAMAGE:
        return False


def _areas(
    session: Session, table: Table, electrodes: Table | None, of_units: list[np.ndarray] | None
) -> np.ndarray:
    area, there, rows = session.layout.area, table.columns, table.n_rows
    if area is not None and area.startswith("="):
        return np.full(rows, area[1:])
    if area is not None and area in there:
        return _or_unknown(labelled(table.read_plain(area)))
    on_electrodes = electrodes.columns if electrodes is not None else []
    if area is not None and area not in on_electrodes:
        msg = (
            f"{table.path}: no column {area!r} for the area; the units have {', '.join(there)}, "
            f"the electrodes {', '.join(on_electrodes) or 'nothing'}; '=V4' gives all one area"
        )
        raise LayoutError(msg)
    if area is not None and of_units is None:
        msg = (
            f"{table.path}: the units do not say their electrodes, which have the area {area!r}; "
            "name a column of the units, or give all one area with '=V4'"
        )
        raise LayoutError(msg)
    locations = _locations(session, electrodes, area) if electrodes is not None else None
    if locations is not None:
        if of_units is not None:
            several = ["/".join(dict.fromkeys(locations[part].tolist())) for part in of_units]
            return _or_unknown(np.array(several))
    if "electrode_group" in there:
        groups = _unless_unusable(session, table, "electrode_group", lambda: _groups(table))
        if groups is not None:
            return _areas_of_groups(table, groups)
    if locations is not None and len(set(locations.tolist())) == 1:
        return _or_unknown(np.full(rows, locations[0]))  # the one area, whichever electrode
    return np.full(rows, UNKNOWN)


def _locations(session: Session, electrodes: Table, area: str | None) -> np.ndarray | None:
    if area is not None:
        return labelled(electrodes.read_plain(area))
    if "location" not in electrodes.columns:
        return None
    read = _unless_unusable(
        session, electrodes, "location", lambda: electrodes.read_plain("location")
    )
    return None if read is None else labelled(read)


def _or_unknown(labels: np.ndarray) -> np.ndarray:
    return np.array([label or UNKNOWN for label in labels.tolist()], dtype=str)


def _groups(table: Table) -> np.ndarray:
    dataset = table.dataset("electrode_group")
    if not isinstance(dataset, h5py.Dataset) or dataset.size != table.n_rows:
        msg = f"{table.path}/electrode_group must hold a group for each of {table.n_rows} units"
        raise TableError(msg)
    return np.asarray(dataset[()]).ravel()


def _areas_of_groups(table: Table, groups: np.ndarray) -> np.ndarray:
    """By the electrode group that each unit refers to, which has a location of its own."""
    areas = []
    for reference in groups:
        try:
            group = table.group.file[reference]
            areas.append(attribute_text(group, "location") or _text_in(group, "location"))
        except DAMAGE:
            areas.append(UNKNOWN)
    return _or_unknown(np.array(areas, dtype=object))


def _text_in(group: h5py.Group, name: str) -> str:
    found = group.get(name)
    return str(labelled(np.atleast_1d(read_dataset(found, name)))[0]) if found is not None else ""


def _qualities(table: Table, name: str) -> np.ndarray:
    values = table.read_plain(name)
    if name in MEANING and values.dtype.kind in "biuf":
        true, unknown = truth_values(table, name, values)
        no, yes = MEANING[name]
        return np.where(unknown, UNKNOWN, np.where(true, yes, no))
    return _or_unknown(labelled(values))


def _ids(table: Table) -> np.ndarray:
    """Return the ids of electrodes, or their rows where there are none."""
    dataset = table.dataset("id")
    said = isinstance(dataset, h5py.Dataset) and dataset.size == table.n_rows
    return table.read_plain("id") if said else np.arange(table.n_rows)
