"""The units of a recording: their names, areas, electrodes and spikes.

Which electrode a unit was recorded from is said in three ways: ``electrodes``, rows of the
electrodes table; ``peak_channel_id``, an *id* in that table, not a row; ``electrode_group``.
"""

import dataclasses
import re
from typing import Any

import h5py
import numpy as np

from artiphys_nwb.errors import DoubtfulSpikes, FileError, LayoutError, TableError, UnitsDoubtful
from artiphys_nwb.files.tables import (
    Column,
    Table,
    attribute_text,
    column_names,
    find,
    n_rows,
    read_bounds,
    read_column,
    read_dataset,
    read_plain,
)
from artiphys_nwb.labels import MISSING, labelled
from artiphys_nwb.sessions.account import Account
from artiphys_nwb.sessions.conditions import Condition, rows_where, truth_values
from artiphys_nwb.sessions.spikes import mended

__all__ = ["Spikes", "Units", "read_spikes", "read_units"]

ELECTRODES = "/general/extracellular_ephys/electrodes"
UNKNOWN = "unknown"
QUALITY = ("quality", "is_sua")
DEPTH = ("depth", "probe_vertical_position")
MEANING = {"is_sua": ("mua", "sua")}
# Beyond this, neighbouring 32-bit floats are more than a millisecond apart.
FLOAT32_LIMIT = 8192.0


@dataclasses.dataclass(frozen=True)
class Units:
    """Names and coordinates of the units kept; `row` is the row of each in the table."""

    name: np.ndarray
    coords: dict[str, np.ndarray]
    row: np.ndarray


@dataclasses.dataclass(frozen=True)
class Spikes:
    """Spike times of all units, one after the other: unit i has times[bounds[i]:bounds[i+1]]."""

    times: np.ndarray
    bounds: np.ndarray


def read_units(
    table: Table,
    file: h5py.File,
    account: Account,
    *,
    area: str | None = None,
    units_where: Condition | None = None,
) -> Units:
    """Return the units of a table that meet a condition, silent ones as well.

    Raises
    ------
    TableError
        If the table has no rows, or none is left.
    LayoutError
        If `area` is no column of the units or the electrodes.
    """
    rows = n_rows(table)
    if rows == 0:
        msg = f"{table.place} has no units; read another file, or sort its spikes first"
        raise TableError(msg)
    coords = _coordinates(table, file, rows, area, account)
    met = np.ones(rows, dtype=bool)
    if units_where is not None:
        met = rows_where(table, units_where, rows=rows, argument="units_where", known=coords)
        account.drop("unit", "units_where not met", int((~met).sum()))
        if not met.any():
            msg = f"{table.place}: none of {rows} units meets units_where; loosen it"
            raise TableError(msg)
    kept = np.flatnonzero(met)
    names = _names(table, rows, account)
    return Units(names[kept], {key: values[kept] for key, values in coords.items()}, kept)


def read_spikes(table: Table, units: Units, account: Account) -> Spikes:
    """Return the spikes of the units kept, in order within each, read in one piece.

    Raises
    ------
    TableError
        If there are no spike times, or their index does not fit them or the units.
    """
    rows = n_rows(table)
    times, bounds = _flat_spike_times(table, rows)
    if times.dtype == np.float32 and times.size and np.nanmax(np.abs(times)) > FLOAT32_LIMIT:
        account.doubt(
            DoubtfulSpikes,
            f"{table.place}/spike_times are 32-bit floats beyond {FLOAT32_LIMIT:g} s, where they "
            "are more than a millisecond apart; counts may be off at the edges of windows",
        )
    times = times.astype(np.float64, copy=False)
    if len(times) > bounds[-1]:
        account.drop("spike", "belongs to no unit", len(times) - int(bounds[-1]))
        account.doubt(
            DoubtfulSpikes,
            f"{table.place}: {len(times) - int(bounds[-1])} of {len(times)} spike times lie beyond "
            "the index and belong to no unit; they are left out",
        )
        times = times[: bounds[-1]]
    times, bounds, unordered, n_missing = mended(times, bounds)
    if len(unordered):
        account.doubt(
            DoubtfulSpikes,
            f"{table.place}: the spike times of {len(unordered)} of {rows} units were out of "
            "order; they were sorted before counting",
        )
    if n_missing:
        account.drop("spike", "time is NaN or infinite", n_missing)
        account.doubt(
            DoubtfulSpikes,
            f"{table.place}: {n_missing} spike times are NaN or infinite; they are not counted",
        )
    return _of_units_kept(times, bounds, units, rows)


def _of_units_kept(times: np.ndarray, bounds: np.ndarray, units: Units, rows: int) -> Spikes:
    if len(units.row) == rows:
        return Spikes(times, bounds)
    starts, stops = bounds[units.row], bounds[units.row + 1]
    parts = [times[start:stop] for start, stop in zip(starts, stops, strict=True)]
    return Spikes(np.concatenate(parts), np.concatenate(([0], np.cumsum(stops - starts))))


def _flat_spike_times(table: Table, rows: int) -> tuple[np.ndarray, np.ndarray]:
    dataset = find(table.group, table.file, "spike_times")
    if dataset is None:
        msg = (
            f"{table.place} has no spike_times; its columns are {', '.join(column_names(table))}; "
            "where a file has counts only, name its BinnedAlignedSpikes as units in the layout"
        )
        raise TableError(msg)
    place = f"{table.place}/spike_times"
    if not isinstance(dataset, h5py.Dataset) or len(dataset.shape) != 1:
        msg = f"{place} must be one row of numbers with an index; write the file again"
        raise TableError(msg)
    raw = read_dataset(dataset, place)
    times: np.ndarray = raw.values if isinstance(raw, Column) else raw
    if isinstance(raw, Column) and raw.bounds is not None:  # ragged by HDF5's own means
        bounds = raw.bounds
    elif find(table.group, table.file, "spike_times_index") is not None:
        bounds = read_bounds(table, "spike_times", len(times))
    elif rows == 1:
        bounds = np.array([0, len(times)])
    else:
        msg = (
            f"{table.place} has {rows} units and no spike_times_index that says which spikes are "
            "whose; write the file again"
        )
        raise TableError(msg)
    if times.dtype.kind not in "iuf":
        msg = f"{place} must hold numbers, in seconds; got {times.dtype}; write the file again"
        raise TableError(msg)
    if len(bounds) - 1 != rows:
        msg = (
            f"{place}_index has {len(bounds) - 1} rows where the table has {rows} units; the table "
            "is damaged; write it again"
        )
        raise TableError(msg)
    return times, bounds


def _names(table: Table, rows: int, account: Account) -> np.ndarray:
    """Return the ids of the units, or their rows where ids repeat: units must be told apart."""
    if find(table.group, table.file, "id") is None:
        return labelled(np.arange(rows))
    names = labelled(read_plain(table, "id", rows))
    n_different = len(set(names.tolist()))
    if n_different == rows and MISSING not in names:
        return names
    account.doubt(
        UnitsDoubtful,
        f"{table.place}: {rows} units have {n_different} different ids; they are named by their "
        "rows instead",
    )
    return labelled(np.arange(rows))


def _coordinates(
    table: Table, file: h5py.File, rows: int, area: str | None, account: Account
) -> dict[str, np.ndarray]:
    there = column_names(table)
    electrodes = _electrodes(file, table)
    rows_of_units = _electrode_rows(table, there, rows, electrodes, account)
    coords = {"area": _areas(table, there, rows, area, electrodes, rows_of_units, account)}
    for name in QUALITY:
        if name in there and "quality" not in coords:
            coords["quality"] = _qualities(table, name, rows)
    for name in DEPTH:
        if name in there and "depth" not in coords:
            values = read_plain(table, name, rows)
            if values.dtype.kind in "iufb":
                coords["depth"] = values.astype(np.float64)
    if electrodes is not None and rows_of_units is not None:
        coords["electrode"] = _electrode_ids(electrodes, rows_of_units)
    if "unit_name" in there:
        coords["unit_name"] = labelled(read_plain(table, "unit_name", rows)).astype(str)
    return coords


def _electrodes(file: h5py.File, table: Table) -> Table | None:
    try:
        group = find(file, table.file, ELECTRODES)
    except FileError:
        return None
    return Table(table.file, ELECTRODES, group) if isinstance(group, h5py.Group) else None


def _electrode_rows(
    table: Table, there: list[str], rows: int, electrodes: Table | None, account: Account
) -> list[np.ndarray] | None:
    """Return the rows of the electrodes table for each unit; None if units do not say."""
    column = next((name for name in ("peak_channel_id", "electrodes") if name in there), None)
    if column is None:
        return None
    if electrodes is None:
        account.doubt(
            UnitsDoubtful,
            f"{table.place}/{column} refers to electrodes, and the file has none at {ELECTRODES}; "
            "areas are unknown; set area in the layout",
        )
        return None
    values = read_column(table, column)
    if values.values.dtype.kind not in "iuf" or len(values) != rows:
        msg = f"{table.place}/{column} must hold electrodes for each of {rows} units; it is damaged"
        raise TableError(msg)
    n_electrodes = n_rows(electrodes)
    flat = np.asarray(values.values, dtype=np.float64)
    if column == "peak_channel_id":
        flat = _row_of_id(_ids(electrodes), flat)
    elif not _refers_to_electrodes(table, electrodes):
        account.doubt(
            UnitsDoubtful,
            f"{table.place}/electrodes refers to a table that is not there; its rows are taken to "
            f"be those of {ELECTRODES}",
        )
    wrong = ~((flat >= 0) & (flat < n_electrodes))
    if wrong.any():
        account.doubt(
            UnitsDoubtful,
            f"{table.place}/{column}: {int(wrong.sum())} of {len(flat)} do not point to one of the "
            f"{n_electrodes} electrodes; the areas of those units are unknown",
        )
    numbers = np.where(wrong, -1, flat).astype(np.int64)
    bounds = np.arange(rows + 1) if values.bounds is None else values.bounds
    parts = [numbers[bounds[unit] : bounds[unit + 1]].ravel() for unit in range(rows)]
    return [part[part >= 0] for part in parts]


def _row_of_id(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    row = {float(number): row for row, number in enumerate(ids.tolist())}
    return np.array([row.get(float(number), -1) for number in wanted.tolist()], dtype=np.float64)


def _refers_to_electrodes(table: Table, electrodes: Table) -> bool:
    reference = table.group["electrodes"].attrs.get("table")
    if reference is None:  # written by hand; the schema allows one table only
        return True
    try:
        return bool(reference) and table.group.file[reference] == electrodes.group
    except (ValueError, KeyError, OSError, RuntimeError, TypeError):
        return False


def _areas(
    table: Table,
    there: list[str],
    rows: int,
    area: str | None,
    electrodes: Table | None,
    rows_of_units: list[np.ndarray] | None,
    account: Account,
) -> np.ndarray:
    if area is not None and area.startswith("="):
        return np.full(rows, area[1:])
    if area is not None and area in there:
        return _or_unknown(labelled(read_plain(table, area, rows)))
    on_electrodes = column_names(electrodes) if electrodes is not None else []
    if area is not None and area not in on_electrodes:
        msg = (
            f"{table.place}: no column {area!r} for the area; the units have {', '.join(there)}, "
            f"the electrodes {', '.join(on_electrodes) or 'nothing'}; '=V4' gives all one area"
        )
        raise LayoutError(msg)
    if area is not None and rows_of_units is None:
        msg = (
            f"{table.place}: the units do not say their electrodes, which have the area {area!r}; "
            "name a column of the units, or give all one area with '=V4'"
        )
        raise LayoutError(msg)
    column = area or "location"
    if electrodes is not None and column in on_electrodes:
        locations = labelled(read_plain(electrodes, column, n_rows(electrodes)))
        if rows_of_units is not None:
            return _or_unknown(np.array([_one_area(locations[part]) for part in rows_of_units]))
        if "electrode_group" in there:
            return _areas_of_groups(table, rows)
        if (
            len(set(locations.tolist())) == 1
        ):  # one area recorded: every unit's, whichever electrode
            return _or_unknown(np.full(rows, locations[0]))
    elif "electrode_group" in there:
        return _areas_of_groups(table, rows)
    return np.full(rows, UNKNOWN)


def _one_area(locations: np.ndarray) -> str:
    return "/".join(dict.fromkeys(locations.tolist()))


def _or_unknown(labels: np.ndarray) -> np.ndarray:
    return np.array([label or UNKNOWN for label in labels.tolist()], dtype=str)


def _areas_of_groups(table: Table, rows: int) -> np.ndarray:
    """By the electrode group that each unit refers to, which has a location of its own."""
    areas = []
    for reference in table.group["electrode_group"][()].ravel()[:rows]:
        try:
            group = table.group.file[reference]
            areas.append(attribute_text(group, "location") or _text_at(group, "location"))
        except (ValueError, KeyError, OSError, RuntimeError, TypeError):
            areas.append(UNKNOWN)
    return _or_unknown(np.array(areas, dtype=object))


def _text_at(group: h5py.Group, name: str) -> str:
    found: Any = find(group, str(group.file.filename), name)
    return str(labelled(np.atleast_1d(read_dataset(found, name)))[0]) if found is not None else ""


def _qualities(table: Table, name: str, rows: int) -> np.ndarray:
    values = read_plain(table, name, rows)
    if name in MEANING and re.fullmatch("[biuf]", values.dtype.kind):
        true, unknown = truth_values(table, name, values)
        no, yes = MEANING[name]
        return np.where(unknown, UNKNOWN, np.where(true, yes, no))
    return _or_unknown(labelled(values))


def _ids(table: Table) -> np.ndarray:
    rows = n_rows(table)
    has_ids = find(table.group, table.file, "id") is not None
    return read_plain(table, "id", rows) if has_ids else np.arange(rows)


def _electrode_ids(electrodes: Table, rows_of_units: list[np.ndarray]) -> np.ndarray:
    """Return the id of each unit's (first) electrode; NaN where it is not known."""
    ids = _ids(electrodes).astype(np.float64)
    return np.array([ids[part[0]] if len(part) else np.nan for part in rows_of_units])
